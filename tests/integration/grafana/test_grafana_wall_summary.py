"""The demo's last block: the wall's own queries over an embedded store that its owner has left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cior_demo.wall_summary import wall_summary
from cior_store.engine import Store
from cior_store.migrate import migrate
from integration.grafana import walls_story
from integration.store import canaries

ZONE = "America/Argentina/Cordoba"


@pytest.fixture
def left(tmp_path: Path) -> str:
    """A store with a city's day in it, closed."""
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    dsn = f"chdb://{tmp_path / 'store'}"
    with Store.open(dsn) as store:
        migrate(store)
        walls_story.tell(store, time.time_ns() // 1_000_000)
    return dsn


def test_the_block_says_what_the_wall_says_and_nothing_sealed(left: str) -> None:
    found = wall_summary(left, ZONE)
    told = "\n".join(found.lines)
    assert found.faults == ()
    for start in (
        "P1 sin tomar: Sin tomar ",
        "La que más espera: ",
        "Puntos ciegos: ",
        "Edad de los datos: ",
    ):
        assert any(line.startswith(start) for line in found.lines), (start, told)
    assert "P1, Abiertas " in told
    assert canaries.WORD not in told


def test_a_view_that_is_missing_is_named_as_a_fault(left: str) -> None:
    with Store.open(left) as store:
        store.command("DROP VIEW wall.v_false_alarms_day")
    found = wall_summary(left, ZONE)
    assert len(found.faults) == 1
    assert "'Falsas alarmas de hoy' fails: false_share: store.schema" in found.faults[0]
