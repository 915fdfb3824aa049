"""Law 16 on the boards: however many wait, the list and the map have every one of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cior_core.model import AlertStatus, Level
from cior_grafana.boards.distrito import BOARD as DISTRICT
from cior_grafana.boards.muro import BOARD as WALL
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.sink import Sink
from cior_store.writers import Writers
from integration.store import city

FLOOD = 2_600
"""More than any cap that a board ever had."""
TAKEN = 300


@pytest.fixture
def flooded(tmp_path: Path) -> Store:
    """Presses that nobody took, and hundreds that somebody did, all of one level and one evening."""
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    now_ms = time.time_ns() // 1_000_000
    alerts = [
        city.alert(
            n,
            at_ms=now_ms - 60_000 + n,
            level=Level.P1,
            status=AlertStatus.ACKNOWLEDGED if n >= FLOOD else AlertStatus.OPEN,
        )
        for n in range(FLOOD + TAKEN)
    ]
    store = Store.open(f"chdb://{tmp_path / 'store'}")
    migrate(store)
    Sink(Writers(store), on_dead=lambda _: None).write_batch(
        "cior.alerts.v1", 0, city.messages("cior.alerts.v1", alerts)
    )
    return store


def test_no_board_leaves_out_a_press_that_nobody_took(flooded: Store) -> None:
    district = str(flooded.value("SELECT any(district) FROM wall.v_open_alerts"))
    with flooded:
        for board, name in (
            (WALL, "open_list"),
            (WALL, "open_points"),
            (DISTRICT, "district_list"),
            (DISTRICT, "district_points"),
        ):
            question = next(each for each in board.questions() if each.name == name)
            rows = flooded.rows(question.sql.replace("${district:singlequote}", f"'{district}'"))
            waiting = [row for row in rows if row["status"] == "open"]
            assert len(waiting) == FLOOD, name
            assert len(rows) <= FLOOD + TAKEN
        wall = next(each for each in WALL.questions() if each.name == "open_list")
        assert len(flooded.rows(wall.sql)) == FLOOD, "what somebody took does not fill the wall"
