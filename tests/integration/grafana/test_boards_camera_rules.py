"""The ledger of false alarms by rule of a camera: k of n with its interval, by version and by hour of the day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_core.model import AlertStatus, Disposition
from cior_grafana import macros, queries
from cior_store.engine import Store
from cior_vision.rule_settings import StoppedRule
from integration.store import city
from integration.store.camera_rules import Told, closed, spoken

NOW = city.NOON_MS
DAY_MS = 86_400_000
GOOD = StoppedRule(id="cordon", zone="z")
BAD = StoppedRule(id="ochava", zone="z", version=2)


def ask(store: Store, query: str) -> list[Any]:
    found = queries.load("falsas_alarmas")[query]
    window = macros.Window(from_ms=NOW - DAY_MS, to_ms=NOW, interval_ms=600_000)
    return [
        tuple(row[column.name] for column in found.columns)
        for row in store.rows(macros.ready(found.sql, window))
    ]


@pytest.fixture(scope="module")
def told(admin: Store) -> Store:
    story = Told(admin, now_ms=NOW)
    story.judged("cam-1", GOOD, confirmed=9, false=1)
    story.judged("cam-1", BAD, confirmed=1, false=8)
    press = city.event(77, at_ms=NOW - DAY_MS // 2)
    story.judged("cam-1", BAD, confirmed=3, false=0, beside=press)
    story.judged("cam-2", BAD, confirmed=0, false=4, drill=True)
    for number, as_what in enumerate((Disposition.TEST, Disposition.DUPLICATE)):
        event = spoken("cam-1", GOOD, at_ms=NOW - 5000 - number)
        story.write(Kind.EVENT, event)
        story.write(Kind.ALERT, closed(100 + number, event, as_what=as_what))
    opened = spoken("cam-1", GOOD, at_ms=NOW - 9000)
    story.write(Kind.EVENT, opened)
    judged = closed(110, opened, as_what=Disposition.CONFIRMED)
    story.write(Kind.ALERT, msgspec.structs.replace(judged, status=AlertStatus.OPEN))
    return admin


def test_each_version_of_a_rule_has_its_k_of_n_and_interval(told: Store) -> None:
    """Wilson's interval of 1 of 9 is 1.99 to 43.5 %, of 9 of 10 it is 59.58 to 98.21 %. Drills, tests, duplicates and
    what is open do not count; what was judged with another source stands beside.
    """
    assert ask(told, "by_camera_rule") == [
        ("cam-1", "ochava", 2, 9, 1, 8, 11.11, 1.99, 43.5, 3),
        ("cam-1", "cordon", 1, 10, 9, 1, 90.0, 59.58, 98.21, 0),
    ]


def test_each_hour_of_the_day_has_its_own(told: Store) -> None:
    rows = ask(told, "by_rule_hour")
    assert sum(row[3] for row in rows) == 19
    minutes = [NOW - n * 60_000 for n in range(1, 20)]
    hours = Counter((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).hour for at in minutes)
    found: Counter[int] = Counter()
    for row in rows:
        found[row[2]] += row[3]
    assert found == hours
