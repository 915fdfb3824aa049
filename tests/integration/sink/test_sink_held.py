"""Law 7 through a real register: what an order holds stays in the store, whenever the order comes; the deletion is in
the ledger, where a negative answer finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cior_core.judicial.asking import Span
from cior_core.judicial.state import Hold as CoreHold
from cior_core.judicial.state import HoldReason, PlaceHold
from cior_core.people import LedgerEntry
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds, ledger
from cior_register.deleting import Deleter
from cior_register.register import Register
from cior_sink.held import PART, RegisterHolds
from cior_sink.retention import Retention
from cior_store.engine import Store
from cior_store.expire import Hold
from integration.sink.test_sink_retention import OLD_MS, POLICY, raws, store
from integration.store import city

__all__ = ["store"]


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    opened = Register.open(f"sqlite:///{tmp_path / 'register.db'}")
    yield opened
    opened.close()


def hold(register: Register, at_ms: int = OLD_MS) -> None:
    kept = CoreHold("oficio", "r1", HoldReason.ORDER, ("c",), Span(at_ms // 1000, at_ms // 1000 + 60), 1)
    entry = LedgerEntry(at_ms=1, actor="test", act="request.file")
    register.submit(entry, lambda each: holds.obey(each, [PlaceHold(kept)], at_ms=1)).result(60)


def retention(store: Store, source: RegisterHolds) -> Retention:
    return Retention(store, policy=POLICY, now_ms=lambda: city.NOON_MS, holds=source)


def asked(folder: Path) -> RegisterHolds:
    return RegisterHolds(deleter(folder), now_ms=lambda: city.NOON_MS)


def deleter(folder: Path) -> Deleter:
    dsn = f"sqlite:///{folder / 'register.db'}"
    return Deleter(lambda: dsn, actor=PART, now_ms=lambda: city.NOON_MS)


def test_law_7_what_the_register_holds_stays_and_what_goes_is_in_the_ledger(
    store: Store, register: Register, tmp_path: Path
) -> None:
    hold(register)
    outcomes = retention(store, asked(tmp_path)).check()
    assert {(each.day, each.done) for each in outcomes if each.target == "ops.raw"} == {
        (day(OLD_MS), "held"),
        (day(OLD_MS + 86_400_000), "deleted"),
    }
    assert raws(store) == 2
    rows = register.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion(act="retention.delete")))
    assert f"ops.raw {day(OLD_MS + 86_400_000)}" in {row.entry.subject for row in rows}


def day(at_ms: int) -> str:
    return to_rfc3339(at_ms)[:10]


class Meanwhile(RegisterHolds):
    """An order that comes just after the deleter asked for the holds."""

    def __init__(self, register: Register, folder: Path) -> None:
        super().__init__(deleter(folder), now_ms=lambda: city.NOON_MS)
        self._there = register

    def holds(self) -> Sequence[Hold]:
        found = super().holds()
        hold(self._there)
        return found


def test_law_7_an_order_that_comes_while_the_deleter_decides_keeps_its_day(
    store: Store, register: Register, tmp_path: Path
) -> None:
    outcomes = retention(store, Meanwhile(register, tmp_path)).check()
    assert {each.reason for each in outcomes if each.target == "ops.raw" and each.day == day(OLD_MS)} == {
        "hold.placed_meanwhile"
    }
    assert store.value("SELECT count() FROM ops.raw WHERE raw_id = 'raw-0'") == 1


def test_law_7_a_register_that_is_not_there_any_more_keeps_everything_and_none_is_made_in_its_place(
    store: Store, register: Register, tmp_path: Path
) -> None:
    hold(register)
    there = asked(tmp_path)
    assert [each.id for each in there.holds()] == ["oficio"]
    register.close()
    for path in tmp_path.glob("register.db*"):
        path.unlink()
    assert {each.reason for each in retention(store, there).check()} == {"expire.holds_unknown"}
    assert list(tmp_path.glob("register.db*")) == [], "an empty register would hold nothing"
    assert raws(store) == 3
    there.close()
