"""Grafana's rule about old data: it rings for a store that nothing reaches, and not for a quiet night."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cior_core.catalogue import Kind
from cior_grafana.alert_rules import load, questions
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from integration.store import city


def test_a_quiet_night_is_no_outage(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    rings_above_s = load()["data_old"].above
    assert rings_above_s is not None
    now_ms = time.time_ns() // 1_000_000
    with Store.open(f"chdb://{tmp_path / 'store'}") as store:
        migrate(store)
        writers = Writers(store)

        def age_s() -> float:
            return float(store.value(questions()["data_old"].sql))

        assert age_s() > rings_above_s, "an empty store is as old as can be"
        last = city.event(1, at_ms=now_ms - 600_000)
        assert writers.write(Kind.EVENT, city.entries([last]), token="last press") == ()
        assert 599 <= age_s() < 660
        told = city.accounting(now_ms - 80_000, 0)
        assert writers.write(Kind.EVENT, city.entries([told]), token="accounts") == ()
        assert age_s() <= rings_above_s


def test_a_receiver_whose_clock_is_ahead_hides_no_outage(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    rings_above_s = load()["data_old"].above
    assert rings_above_s is not None
    ahead_ms = time.time_ns() // 1_000_000 + 3_600_000
    with Store.open(f"chdb://{tmp_path / 'store'}") as store:
        migrate(store)
        writers = Writers(store)
        assert writers.write(Kind.EVENT, city.entries([city.event(1, at_ms=ahead_ms)]), token="event") == ()
        assert writers.write(Kind.RAW, city.entries([city.raw(1, at_ms=ahead_ms)]), token="raw") == ()
        for table in ("events", "raw"):  # ten minutes go by in which nothing comes
            store.command(
                f"ALTER TABLE ops.{table} UPDATE stored = stored - INTERVAL 10 MINUTE WHERE 1 "
                "SETTINGS mutations_sync = 2"
            )
        assert float(store.value(questions()["data_old"].sql)) > rings_above_s
