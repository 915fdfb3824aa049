"""The narrow row of an alert: what the sink writes is what the pour of the migration makes of the alert itself."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.handling import AlertStatus, Disposition
from cior_core.model import Alert, DataClass, Level, Reason
from cior_store import migrate
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions
from cior_store.rows import ALERT_CLOCK_COLUMNS, is_reserved
from cior_store.writers import Writers
from integration.store import city

_TYPES = ("panic.button", "silent.duress", "silently.not", "silent")
_ROWS = f"SELECT {', '.join(ALERT_CLOCK_COLUMNS)} FROM ops.alert_clock FINAL ORDER BY alert_id"


def written(store: Store, *alerts: Alert) -> None:
    entries = city.entries(alerts)
    assert Writers(store).write(Kind.ALERT, entries, token=f"clock {alerts[0].id} {len(alerts)}") == ()


def assorted() -> list[Alert]:
    """Every way to be reserved or not, and to be counted or not, with stamps off the minute."""
    ways: list[dict[str, Any]] = [
        {"data_class": data_class, "type": kind, "silent": silent}
        for data_class, kind, silent in itertools.product(DataClass, _TYPES, (False, True))
    ]
    ways += [
        {"status": AlertStatus.CLOSED, "disposition": each, "closed_ms": city.NOON_MS + 61_001}
        for each in Disposition
    ]
    flood = Reason(code="flood.begun", points=0, text_es="avalancha", text_en="flood")
    ways += [{"status": AlertStatus.MERGED}, {"drill": True}, {"reasons": (flood,)}]
    stamps = {
        "acknowledged_ms": city.NOON_MS + 7_001,
        "dispatched_ms": city.NOON_MS + 59_999,
        "on_scene_ms": city.NOON_MS + 60_000,
    }
    return [
        city.alert(number, at_ms=city.NOON_MS + 1_234, **(stamps | way))
        for number, way in enumerate(ways, start=700)
    ]


def test_what_is_written_beside_an_alert_is_what_the_migration_makes_of_it(store: Store) -> None:
    written(store, *assorted())
    rows = store.rows(_ROWS)
    assert len(rows) == len(assorted())
    assert {row["reserved"] for row in rows} == {True, False}
    assert {row["counted"] for row in rows} == {True, False}
    store.command("TRUNCATE TABLE ops.alert_clock SYNC")
    (pour,) = [each for each in migrate.bundled()[25].statements if "INTO ops.alert_clock" in each]
    for _ in range(2):
        store.command(pour)
        assert store.rows(_ROWS) == rows


def test_what_is_reserved_is_one_rule_in_the_store_and_beside_it(store: Store) -> None:
    for it in assorted():
        sql = "SELECT {silent:Bool} OR is_reserved({data_class:String}, {type:String})"
        said = store.value(sql, {"silent": it.silent, "data_class": it.data_class.value, "type": it.type})
        assert bool(said) is is_reserved(it), it


@pytest.mark.parametrize("late", [Level.P1, Level.P3])
def test_who_becomes_reserved_leaves_the_latency_whatever_its_level_is_then(
    store: Store, late: Level
) -> None:
    def asked() -> int:
        window = {"since_ms": city.NOON_MS - 60_000, "until_ms": city.NOON_MS + 600_000}
        return ConsoleQuestions(store).p1_latency(**window).alerts

    before, number = asked(), 900 if late is Level.P1 else 901
    written(store, city.alert(number, level=Level.P1))
    assert asked() == before + 1
    written(
        store,
        city.alert(number, version=2, level=late, data_class=DataClass.SEALED),
        city.alert(990, level=Level.P3),
    )
    assert asked() == before
