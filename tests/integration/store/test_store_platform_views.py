"""The views of the machine's own state: accounts, gaps, dead letters, blind share, versions; on every engine."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.model import DataClass
from cior_store.engine import Store
from cior_store.writers import Writers
from integration.store import city

ACCOUNTS = ("minute", "connector", "instance", "accepted", "raw_stored", "outcomes_declared", "events_stored",
            "dead_stored", "verdict", "checked")  # fmt: skip
HEALTH = (
    "subject",
    "source",
    "connector",
    "health",
    "type",
    "occurred",
    "received",
    "district",
    "event_id",
    "drill",
)


def _insert(store: Store, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    store.insert(table, columns, list(zip(*rows, strict=True)), token=f"platform-{table}-{len(rows)}")


@pytest.fixture(scope="module")
def machine(engine: Store) -> Store:
    """A centre whose last hour has one minute that balances, one with a gap and one in flight."""
    for table in ("reconciliation", "accounting", "dead_letters", "raw", "source_health", "device_state",
                  "alert_current"):  # fmt: skip
        engine.command(f"TRUNCATE TABLE ops.{table}")
    now_ms = time.time_ns() // 1_000_000
    minute_s = now_ms // 60_000 * 60
    rows = [
        (minute_s - 300, "dc09", "norte", 10, 10, 10, 9, 1, "balanced", now_ms - 1_000),
        (minute_s - 300, "traccar", "sur", 7, 5, 5, 4, 0, "gap", now_ms - 1_000),
        (minute_s - 60, "dc09", "norte", 4, 3, 3, 3, 0, "in_flight", now_ms - 1_000),
    ]
    _insert(engine, "ops.reconciliation", ACCOUNTS, rows)
    refusals = [(minute_s - 120, "dc09", "norte", 4, 2, 1, True, now_ms, "acc-1")]
    columns = ("minute", "connector", "instance", "accepted", "refused", "dropped", "exact", "at", "event_id")
    _insert(engine, "ops.accounting", columns, refusals)
    writers = Writers(engine)
    letters = [
        city.dead(1, at_ms=now_ms),
        city.dead(2, at_ms=now_ms, life_safety=True),
        city.dead(3, at_ms=now_ms, data_class=DataClass.SEALED),
    ]
    writers.write(Kind.DEAD, city.entries(letters), token="platform-dead")
    writers.write(Kind.RAW, city.entries([city.raw(1, at_ms=now_ms)]), token="platform-raw")
    alerts = [city.alert(1, at_ms=now_ms, rules_version="r7"), city.alert(2, at_ms=now_ms, silent=True)]
    writers.write(Kind.ALERT, city.entries(alerts), token="platform-alert")
    health = [
        ("panel:1", "dc09:panel", "dc09", "silent", "device.silent", now_ms, now_ms, "norte", "e1", False),
        ("panel:2", "dc09:panel", "dc09", "ok", "device.restored", now_ms, now_ms, "norte", "e2", False),
        ("panel:9", "dc09:panel", "dc09", "down", "device.silent", now_ms, now_ms, "norte", "e3", True),
    ]
    _insert(engine, "ops.source_health", HEALTH, health)
    devices = [
        ("panel:1", "dc09:panel", "dc09", now_ms, False),
        ("panel:3", "dc09:panel", "dc09", now_ms, False),
    ]
    _insert(engine, "ops.device_state", ("device", "source", "connector", "received", "drill"), devices)
    return engine


def test_a_minute_is_added_up_over_connectors_with_its_verdicts(machine: Store) -> None:
    (first, second) = machine.rows(
        "SELECT accepted, raw_stored, declared, events_stored, dead_stored, balanced, in_flight, gaps "
        "FROM supervisor.v_accounts_minute ORDER BY minute"
    )
    assert list(first.values()) == [17, 15, 15, 13, 1, 1, 0, 1]
    assert list(second.values()) == [4, 3, 3, 3, 0, 0, 1, 0]


def test_a_gap_says_what_is_missing_and_what_is_in_flight_is_none(machine: Store) -> None:
    (gap,) = machine.rows(
        "SELECT connector, missing_raw, missing_outcomes FROM supervisor.v_reconciliation_gaps"
    )
    assert gap == {"connector": "traccar", "missing_raw": 2, "missing_outcomes": 1}


def test_the_last_check_has_an_age_and_none_has_none(machine: Store) -> None:
    (row,) = machine.rows("SELECT age_s FROM supervisor.v_accounts_checked")
    assert 0 <= row["age_s"] < 300
    (old,) = machine.rows(
        "SELECT if(count() = 0, NULL, 1) AS age_s FROM ops.reconciliation WHERE minute < toDateTime(0)"
    )
    assert old["age_s"] is None


def test_refusals_are_told_by_minute(machine: Store) -> None:
    rows = machine.rows("SELECT connector, refused, dropped FROM supervisor.v_refusals_minute")
    assert rows == [{"connector": "dc09", "refused": 2, "dropped": 1}]


def test_dead_letters_have_reason_and_size_and_a_sealed_one_has_no_name(machine: Store) -> None:
    rows = machine.rows(
        "SELECT code, source, life_safety, letters, size_bytes > 0 AS sized FROM supervisor.v_dead_letters_hour "
        "ORDER BY source, life_safety"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("reservada", "", True, 1, 1),
        ("dc09.crc", "dc09:panel", False, 1, 1),
        ("dc09.crc", "dc09:panel", True, 1, 1),
    ]
    assert set(machine.rows("SELECT * FROM supervisor.v_dead_letters_hour LIMIT 1")[0]) == {
        "hour", "stage", "code", "source", "life_safety", "letters", "size_bytes",
    }  # fmt: skip


def test_the_blind_share_counts_every_known_device_once_and_no_drill(machine: Store) -> None:
    (row,) = machine.rows("SELECT watched, blind, share FROM supervisor.v_blind_share")
    assert (row["watched"], row["blind"]) == (3, 1)
    assert row["share"] == pytest.approx(1 / 3)


def test_what_runs_is_told_with_its_version(machine: Store) -> None:
    rows = machine.rows("SELECT part, name, version FROM supervisor.v_versions ORDER BY part")
    assert rows == [
        {"part": "connector", "name": "dc09", "version": "1.0"},
        {"part": "rules", "name": "", "version": "r7"},
    ]
