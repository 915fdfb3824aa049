"""Law 7: a deleter and whoever places holds, in every order of their steps. Nothing goes under a hold, and no hold says
that it keeps what is gone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, delete

from cior_core.chain import Head
from cior_core.errors import AccessDenied
from cior_core.judicial.asking import Span
from cior_core.judicial.state import Hold, HoldReason, LimitHold, PlaceHold, ReleaseHold
from cior_core.people import LedgerEntry
from cior_register import holds, ledger
from cior_register.holds import Deletion
from cior_register.register import Register
from cior_register.tables import DELETIONS, HOLDS, METADATA
from engines.long_runs import often

DAY_MS = 86_400_000
SEED = 45
INTERLEAVINGS = often(1_000, long=10_000)


class Act:
    """Acts in their order: each has the next number of the ledger, as the writer gives it."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.seq = connection, 0

    def __call__(self) -> Connection:
        self.seq += 1
        ledger.expect(self.connection, Head("register", self.seq - 1, ""))
        return self.connection


@pytest.fixture
def act() -> Iterator[Act]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        yield Act(connection)
    engine.dispose()


def hold(name: str, day: int, *, expires_ms: int | None = None, long_days: float = 0.1) -> Hold:
    since_s = day * 86_400 + 3_600
    span = Span(since_s, since_s + round(long_days * 86_400))
    return Hold(name, "r", HoldReason.ORDER, ("camera:1",), span, 0, expires_ms)


def touches(kept: holds.KeptHold, day: int) -> bool:
    return kept.since_ms < (day + 1) * DAY_MS and kept.until_ms > day * DAY_MS


def deleter(act: Act, day: int, gone: set[int], told: Counter[str]) -> Iterator[None]:
    """Asks, decides, claims, deletes: another may act between each two of them."""
    standing = holds.standing(act.connection, now_ms=0)
    yield
    if any(touches(each, day) for each in standing.holds):
        told["held"] += 1
        return
    yield
    try:
        holds.claim(
            act(), Deletion("ops.raw", str(day), day * DAY_MS, (day + 1) * DAY_MS, 1), mark=standing.mark
        )
    except AccessDenied:
        told["refused"] += 1
        return
    yield
    gone.add(day)
    told["deleted"] += 1


def holder(act: Act, name: str, day: int, *, goes_again: bool) -> Iterator[None]:
    """Places a hold, changes its end, perhaps lets it go."""
    holds.obey(act(), [PlaceHold(hold(name, day, long_days=1.2))], at_ms=0)
    yield
    holds.obey(act(), [LimitHold(name, 50)], at_ms=0)
    yield
    if goes_again:
        holds.obey(act(), [ReleaseHold(name, "ended")], at_ms=0)


@pytest.mark.long
def test_law_7_in_ten_thousand_interleavings_nothing_goes_under_a_hold_that_says_it_keeps_it(
    act: Act,
) -> None:
    chance, told = random.Random(SEED), Counter[str]()
    for _ in range(INTERLEAVINGS):
        act.connection.execute(delete(HOLDS))
        act.connection.execute(delete(DELETIONS))
        gone: set[int] = set()
        days = chance.sample(range(4), 2)
        running = [deleter(act, day, gone, told) for day in days]
        running += [
            holder(act, f"h{n}", chance.choice(days), goes_again=False) for n in range(chance.randint(0, 2))
        ]
        running += [holder(act, "passing", 2, goes_again=True)] if chance.random() < 0.3 else []
        while running:
            each = chance.choice(running)
            if next(each, running) is running:
                running.remove(each)
        for kept in holds.standing(act.connection, now_ms=0).holds:
            late = {int(day.split()[1]) for day in kept.came_late}
            lost = {day for day in gone if touches(kept, day)}
            assert lost <= late, "a hold stands over a day that went, and does not know it"
            told["kept"] += not lost
            told["late"] += bool(late)
        act.connection.commit()
    assert min(told[each] for each in ("held", "refused", "deleted", "kept", "late")) > INTERLEAVINGS // 20, (
        told
    )


def test_law_7_a_hold_that_only_expires_is_asked_at_its_last_instant(act: Act) -> None:
    holds.obey(act(), [PlaceHold(hold("h", 1, expires_ms=100))], at_ms=0)
    assert [each.id for each in holds.standing(act.connection, now_ms=100).holds] == ["h"]
    assert holds.standing(act.connection, now_ms=101).holds == ()


def test_law_7_claims_and_holds_of_a_real_register_are_in_its_ledger(register: Register) -> None:
    mark = register.read_now(lambda each: holds.standing(each, now_ms=0)).mark
    placed = LedgerEntry(at_ms=1, actor="test", act="request.file")
    register.submit(placed, lambda each: holds.obey(each, [PlaceHold(hold("h", 1))], at_ms=1)).result(60)
    gone = Deletion("ops.raw", "1970-01-03", 2 * DAY_MS, 3 * DAY_MS, 1)
    entry = LedgerEntry(at_ms=2, actor="cior.sink", act="retention.delete", subject="ops.raw 1970-01-03")
    with pytest.raises(AccessDenied):
        register.submit(entry, lambda each: holds.claim(each, gone, mark=mark)).result(60)
    again = register.read_now(lambda each: holds.standing(each, now_ms=0)).mark
    register.submit(entry, lambda each: holds.claim(each, gone, mark=again)).result(60)
    late = LedgerEntry(at_ms=3, actor="test", act="request.file")
    register.submit(late, lambda each: holds.obey(each, [PlaceHold(hold("late", 2))], at_ms=3)).result(60)
    found = {each.id: each.came_late for each in register.read_now(lambda each: holds.of_owner(each, "r"))}
    assert found == {"h": (), "late": ("ops.raw 1970-01-03",)}
    rows = register.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion(act="retention.delete")))
    assert [row.entry.outcome.value for row in rows] == ["allowed", "refused"]
