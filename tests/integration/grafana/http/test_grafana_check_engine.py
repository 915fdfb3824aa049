"""``cior grafana check`` over the real engine: the stand-in puts each panel's query to ClickHouse as its data source's
user, with the plugin's macros expanded, and gives the engine's own words back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cior_grafana.access import read_access
from cior_grafana.alert_rules import titles
from cior_grafana.command import grafana
from cior_grafana.macros import Window, ready
from cior_store.engine import Store
from doubles.mock_grafana import TOKEN, MockGrafana, frames
from engines.clickhouse_lite import ClickHouseLite
from integration.grafana.asking import USERS, Refused, ask

DAY_MS = 86_400_000


@pytest.fixture
def city(server: MockGrafana, lite: ClickHouseLite, admin: Store, tmp_path: Path) -> MockGrafana:
    """A Grafana with everything that files and ``apply`` bring, before a migrated and empty store."""
    now_ms = time.time_ns() // 1_000_000
    window = Window.of(now_ms - DAY_MS, now_ms)

    def answer(query: dict[str, Any]) -> dict[str, Any]:
        audience = query["datasource"]["uid"].removeprefix("cior-")
        if audience not in USERS:
            return frames([1])
        try:
            found = ask(lite, USERS[audience], ready(query["rawSql"], window))
        except Refused as refused:
            return {"error": str(refused), "status": 400}
        return frames(*(list(column) for column in zip(*found.rows, strict=True)))

    server.answer = answer
    server.rules = [{"uid": uid, "title": title} for uid, title in titles().items()]
    for uid, kind in read_access().sources.items():
        server.sources[uid] = {"id": 1, "uid": uid, "name": uid, "type": kind}
    made = run(
        "apply", server.url, "--boards", "--save", str(tmp_path / "a"), "--tokens", str(tmp_path / "b")
    )
    assert made[0] == 0, made[1]
    return server


def run(*arguments: str) -> tuple[int, str]:
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN, "CIOR_GRAFANA_TOKEN_FILE": "", "CIOR_STORE": ""}
    result = CliRunner().invoke(grafana, arguments, env=environment)
    return result.exit_code, result.output


def looked_at(server: MockGrafana, *more: str) -> tuple[int, dict[str, list[str]]]:
    """The exit code, and the names of what was found by state."""
    code, printed = run("check", server.url, "--json", "--slow-ms", "60000", *more)
    found: dict[str, list[str]] = {}
    document = printed[
        printed.index("{") :
    ]  # what the store logs goes before it here, and elsewhere in a terminal
    for one in json.loads(document)["findings"]:
        found.setdefault(one["state"], []).append(f"{one['name']}: {one.get('what', '')}")
    return code, found


@contextmanager
def without(admin: Store, view: str) -> Iterator[None]:
    """The store lacks a view for a while."""
    admin.command(f"DETACH TABLE {view} SYNC")
    try:
        yield
    finally:
        admin.command(f"ATTACH TABLE {view}")


def test_every_panel_of_every_board_gets_an_answer_as_its_own_user(city: MockGrafana) -> None:
    code, found = looked_at(city)
    assert code == 0, {state: names for state, names in found.items() if state not in {"ok", "empty"}}
    assert set(found) <= {"ok", "empty"}
    assert len(found["ok"]) > 30


def test_a_view_that_the_database_lacks_is_named_by_the_panels_and_by_the_store(
    city: MockGrafana, lite: ClickHouseLite, admin: Store
) -> None:
    with without(admin, "wall.v_open_alerts"):
        code, found = looked_at(city)
        assert code == 1
        assert set(found) == {"ok", "empty", "missing"}
        assert all(
            one.endswith("the database lacks wall.v_open_alerts: run `cior store migrate`")
            for one in found["missing"]
        )
        assert any(one.startswith("cior-muro / ") for one in found["missing"])

        _, found = looked_at(city, "--store", lite.dsn())
        assert any(one.startswith("wall.v_open_alerts: ") and "muro" in one for one in found["missing"])
