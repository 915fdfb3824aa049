"""A city with one board, to tell stories of Grafana with."""

from __future__ import annotations

from typing import Any

from cior_grafana.access import Access, Account, Round, Shelf, Team
from cior_grafana.applying import OurBoard
from cior_grafana.drift import Wanted
from cior_grafana.port import Rule
from doubles.mock_grafana import MockGrafana, frames

CLICKHOUSE = "grafana-clickhouse-datasource"
ACCESS = Access(
    teams=(Team(name="Muro", sees=("cior-wall",)), Team(name="Mando", sees=("cior-wall", "cior-supervisor"))),
    folders=(Shelf(uid="cior-wall", title="Muro"), Shelf(uid="cior-supervisor", title="Mando")),
    accounts=(Account(name="cior-check", role="Admin", token_days=30),),
    playlists=(Round(name="Ronda", interval="1m", boards=("cior-muro",)),),
    sources={"cior-wall": CLICKHOUSE},
)
NO_ACCOUNTS = Access(teams=ACCESS.teams, folders=ACCESS.folders, sources=ACCESS.sources)
RULE = Rule(uid="cior-old-data", title="Datos viejos")


def panel(number: int, title: str, sql: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": title,
        "type": "table",
        "gridPos": {"x": 0, "y": number * 4, "w": 12, "h": 4},
        "datasource": {"type": CLICKHOUSE, "uid": "cior-wall"},
        "targets": [{"refId": "A", "rawSql": sql, "format": 1, "editorType": "sql"}],
        **more,
    }


BOARD: dict[str, Any] = {
    "uid": "cior-muro",
    "title": "Muro",
    "tags": ["cior", "wall"],
    "schemaVersion": 42,
    "timezone": "America/Argentina/Mendoza",
    "time": {"from": "now-24h", "to": "now"},
    "templating": {
        "list": [
            {
                "name": "district",
                "type": "query",
                "query": "SELECT name FROM wall.v_districts",
                "datasource": {"type": CLICKHOUSE, "uid": "cior-wall"},
            }
        ]
    },
    "panels": [
        panel(1, "Abiertas", "SELECT count() FROM wall.v_open_alerts"),
        panel(2, "Distrito", "SELECT 1 FROM wall.v_open_alerts WHERE district = ${district:singlequote}"),
    ],
}
OURS = OurBoard(folder_uid="cior-wall", board=BOARD)
WANTED = Wanted(access=NO_ACCOUNTS, boards=(OURS,), rules=(RULE,))


def provisioned(server: MockGrafana) -> None:
    """What files give a Grafana: the data source, the folder, the board and the rule."""
    server.sources["cior-wall"] = {"id": 1, "uid": "cior-wall", "name": "CIOR Muro", "type": CLICKHOUSE}
    for folder in ACCESS.folders:
        server.folders[folder.uid] = {"uid": folder.uid, "title": folder.title}
        server.permissions[folder.uid] = []
    meta = {"provisioned": True, "folderUid": "cior-wall"}
    server.boards["cior-muro"] = {"meta": meta, "dashboard": {**BOARD, "id": 3, "version": 1}}
    server.rules = [{"uid": RULE.uid, "title": RULE.title, "folderUID": "cior-platform"}]
    server.answer = answered


def answered(query: dict[str, Any]) -> dict[str, Any]:
    """Districts for the variable, a number for panels."""
    return frames(["Centro", "Las Tortugas"]) if "v_districts" in query["rawSql"] else frames([3])
