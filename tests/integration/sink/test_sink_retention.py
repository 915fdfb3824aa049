"""Law 7 where it acts: the sink's own round of retention, with a port that answers and with one that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cior_bus.metrics import Metrics
from cior_core import bundled
from cior_core.catalogue import Kind
from cior_core.privacy import Policy
from cior_sink.metrics import OVERDUE
from cior_sink.retention import Retention
from cior_store.engine import Store
from cior_store.expire import Hold, Outcome
from cior_store.migrate import migrate
from cior_store.writers import Writers
from integration.store import city

DAY_MS = 86_400_000
POLICY = Policy.load(bundled.text("privacy.toml"))
OLD_MS = city.NOON_MS - 100 * DAY_MS
"""Past the sixty days of raw bytes, not past the year of events."""


class Register:
    """A register that answers."""

    def __init__(self, *holds: Hold) -> None:
        self._holds = holds
        self.claimed: list[str] = []

    def holds(self) -> Sequence[Hold]:
        return self._holds

    def claim(self, outcome: Outcome) -> None:
        self.claimed.append(outcome.target)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path / 'store'}") as opened:
        migrate(opened)
        writers = Writers(opened)
        for n, at_ms in enumerate((OLD_MS, OLD_MS + DAY_MS, city.NOON_MS)):
            raw, event = city.raw(n, at_ms=at_ms), city.event(n, at_ms=at_ms, raw_number=n)
            assert writers.write(Kind.RAW, city.entries([raw]), token=f"r{n}") == ()
            assert writers.write(Kind.EVENT, city.entries([event]), token=f"e{n}") == ()
        yield opened


def raws(store: Store) -> int:
    return int(store.value("SELECT count() FROM ops.raw"))


def test_law_7_without_a_register_nothing_is_deleted_and_what_would_go_is_counted(store: Store) -> None:
    metrics = Metrics()
    outcomes = Retention(store, policy=POLICY, now_ms=lambda: city.NOON_MS, metrics=metrics).check()
    assert {(each.target, each.done, each.reason) for each in outcomes} == {
        (table, "refused", "expire.holds_unknown") for table in ("ops.raw", "ops.raw_outcomes")
    }
    assert raws(store) == 3
    assert metrics.value(OVERDUE, "expire.holds_unknown") == len(outcomes) == 4


def test_with_a_register_what_is_past_its_time_goes_and_the_rest_stays(store: Store) -> None:
    retention = Retention(store, policy=POLICY, now_ms=lambda: city.NOON_MS, holds=Register())
    assert {each.done for each in retention.check()} == {"deleted"}
    assert raws(store) == 1
    assert store.value("SELECT count() FROM ops.events") == 3
    assert retention.check() == ()


def test_law_7_a_held_day_stays(store: Store) -> None:
    hold = Hold(id="oficio-7", since_ms=OLD_MS, until_ms=OLD_MS + 1)
    Retention(store, policy=POLICY, now_ms=lambda: city.NOON_MS, holds=Register(hold)).check()
    assert store.value("SELECT count() FROM ops.raw WHERE raw_id = 'raw-0'") == 1
    assert raws(store) == 2
