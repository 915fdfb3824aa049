"""Judicial requests in the register: one transaction an act, acts that nobody changes, and a state on the bus that no
kill loses.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, Executable, delete, update
from sqlalchemy.exc import DBAPIError

from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing
from cior_core.people import LedgerEntry
from cior_core.requests import RequestState, RequestStatus
from cior_register import holds, ledger, requests
from cior_register.register import Register
from cior_register.request_clock import RequestClock
from cior_register.tables import REQUEST_ACTS
from engines.long_runs import often
from engines.registers import RegisterPlace
from integration.register.request_child import ITEM, NOW_MS, RULES, file

CHILD = Path(__file__).with_name("request_child.py")
DAY_MS = 86_400_000
SEED = 46


def take(register: Register, request_id: str, act: a.Act, *, key: str = "") -> requests.Taken:
    entry = LedgerEntry(at_ms=act.at_ms, actor=act.by, act="request.act", subject=request_id)
    taken: requests.Taken = register.submit(
        entry, lambda each: requests.take(each, request_id, act, RULES, key=key)
    ).result(60)
    return taken


def test_an_act_its_row_its_holds_and_the_request_are_one(register: Register) -> None:
    file(register, "r1")
    found = register.read_now(lambda each: requests.the(each, "r1"))
    rows = register.read_now(lambda each: requests.acts(each, "r1"))
    assert (found.state, [type(row.act) for row in rows]) == (
        RequestStatus.UNDER_REVIEW,
        [a.File, a.Hold, a.TakeUp],
    )
    newest = register.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion(subject="r1")))[0]
    assert rows[-1].ledger_seq == newest.place.seq
    assert len(register.read_now(lambda each: holds.of_owner(each, "r1"))) == 1
    assert register.read_now(lambda each: requests.replayed(each, "r1", RULES))
    before = register.head
    with pytest.raises(PayloadRejected):
        take(register, "r1", a.Close("clerk", NOW_MS + 2))
    assert register.head == before
    assert len(register.read_now(lambda each: requests.acts(each, "r1"))) == 3


def test_a_key_is_one_act_and_another_act_under_it_is_refused(register: Register) -> None:
    file(register, "r1")
    question = a.Observe("clerk", NOW_MS + 3, "¿Qué esquina?")
    first = take(register, "r1", question, key="clerk/k1")
    again = take(register, "r1", msgspec.structs.replace(question, at_ms=NOW_MS + 9), key="clerk/k1")
    assert (first.is_new, again.is_new, again.request) == (True, False, first.request)
    with pytest.raises(PayloadRejected) as refused:
        take(register, "r1", a.Observe("clerk", NOW_MS + 3, "otra"), key="clerk/k1")
    assert refused.value.code == "request.key_reused"


def test_nobody_changes_an_act_that_was_taken(register: Register) -> None:
    file(register, "r1")
    for statement in (update(REQUEST_ACTS).values(at_ms=1), delete(REQUEST_ACTS)):
        entry = LedgerEntry(at_ms=1, actor="test", act="test.forge")
        with pytest.raises((CiorError, DBAPIError)):
            register.submit(entry, partial(_do, statement=statement)).result(60)
    assert len(register.read_now(lambda each: requests.acts(each, "r1"))) == 3


def _do(connection: Connection, statement: Executable) -> None:
    connection.execute(statement)


def test_time_passes_once_and_what_lapses_is_published_and_in_the_ledger(register: Register) -> None:
    filing = Filing("victima", "mesa", "c", "", "motivo", (ITEM,), provisional=True)
    take(register, "r1", a.File("clerk", NOW_MS, "r1", filing, ("c",), True))
    told: list[RequestState] = []
    now_ms = [NOW_MS]
    clock = RequestClock(register, RULES, told.extend, now_ms=lambda: now_ms[0])
    clock.look()
    clock.look()
    assert [(each.state, each.version) for each in told] == [("provisional", 1)]
    now_ms[0] = NOW_MS + 83 * DAY_MS
    clock.look()
    now_ms[0] = NOW_MS + 90 * DAY_MS + 1
    clock.look()
    clock.look()
    assert [(each.state, each.version) for each in told[1:]] == [("provisional", 2), ("caduca", 3)]
    assert register.read_now(lambda each: holds.standing(each, now_ms=0)).holds == ()
    rows = register.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion(act="hold.passed")))
    assert len(rows) == 2


def test_a_bus_that_is_away_loses_nothing(register: Register) -> None:
    file(register, "r1")
    told: list[RequestState] = []

    def away(_states: object) -> None:
        raise SourceUnavailable("bus.broker_away", "away")

    with pytest.raises(SourceUnavailable):
        RequestClock(register, RULES, away, now_ms=lambda: NOW_MS).look()
    RequestClock(register, RULES, told.extend, now_ms=lambda: NOW_MS).look()
    assert [(each.id, each.version, each.authority) for each in told] == [("r1", 3, "Fiscalía")]


@pytest.mark.crash
@pytest.mark.long
@pytest.mark.slow
def test_law_4_killed_at_any_instant_every_state_reaches_the_bus(
    register_place: RegisterPlace, tmp_path: Path
) -> None:
    chance, said, out = random.Random(SEED), set[str](), tmp_path / "published"
    for _ in range(often(3, long=50)):
        with subprocess.Popen(
            [sys.executable, str(CHILD), register_place.dsn, str(out)], stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for _ in range(chance.randint(3, 40)):
                said.add(child.stdout.readline().decode().split()[1])
            child.kill()
            lines = child.stdout.read().decode().splitlines(keepends=True)
            said.update(each.split()[1] for each in lines if each.endswith("\n"))
    register = register_place.open()
    try:
        told = [msgspec.json.decode(line, type=RequestState) for line in whole_lines(out)]
        RequestClock(register, RULES, told.extend, now_ms=lambda: NOW_MS).look()
        newest = {each.id: each.version for each in sorted(told, key=lambda each: each.version)}
        kept = register.read_now(lambda each: {found.id: found.version for found in requests.every(each)})
        assert newest == kept
        assert said <= kept.keys()
        assert len(said) >= 9
    finally:
        register.close()


def whole_lines(path: Path) -> list[bytes]:
    """A line that the kill cut was never confirmed."""
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
