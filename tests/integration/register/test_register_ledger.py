"""The ledger is written with the act, or neither is (laws 9 and 13): on a file and on a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, text

from cior_core.chain import verify
from cior_core.errors import AccessDenied, CapacityExhausted, PayloadRejected
from cior_core.people import REGISTER_CHAIN, Grant, LedgerEntry, LedgerOutcome, LedgerRow, Person
from cior_core.privacy import Role
from cior_register import ledger, people
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register, RegisterLimits
from cior_register.writer import Amended
from engines.registers import RegisterPlace

T_MS = 1_795_262_400_000
ANA = Person("p-ana", "ana", "Ana Pérez", grants=(Grant(role=Role.OPERATOR),))


def entry(act: str = "people.add", *, subject: str = "p-ana", at_ms: int = T_MS, **more: str) -> LedgerEntry:
    return LedgerEntry(at_ms=at_ms, actor="p-root", act=act, subject=subject, **more)  # type: ignore[arg-type]


async def rows(register: Register, **question: object) -> list[LedgerRow]:
    return await register.read(lambda connection: ledger.rows(connection, LedgerQuestion(**question)))  # type: ignore[arg-type]


def add_ana(connection: Connection) -> str:
    people.add(connection, ANA, now_ms=T_MS)
    return ANA.id


async def test_law_13_an_act_and_its_row_are_one_transaction(register: Register) -> None:
    assert await register.act(entry(), add_ana) == "p-ana"
    assert await register.read(people.everybody) == [ANA]
    (row,) = await rows(register)
    assert (row.place.seq, row.entry.act, row.entry.subject) == (1, "people.add", "p-ana")
    assert len(row.entry.id) == 32
    assert register.head is not None
    assert register.head.hash == row.hash


async def test_an_act_that_fails_leaves_neither_work_nor_row_and_its_neighbours_are_kept(
    register: Register,
) -> None:
    def falls(connection: Connection) -> None:
        add_ana(connection)
        raise PayloadRejected("test.falls", "after its work")

    told = await asyncio.gather(
        *(register.note(entry("alert.read", subject=f"a-{n}")) for n in range(10)),
        register.act(entry(), falls),
        *(register.note(entry("alert.read", subject=f"b-{n}")) for n in range(10)),
        return_exceptions=True,
    )
    assert [str(each) for each in told if each is not None] == ["test.falls: after its work"]
    assert await register.read(people.everybody) == []
    assert [row.entry.act for row in await rows(register)] == ["alert.read"] * 20


async def test_law_9_a_denial_is_undone_and_written_down_as_refused(register: Register) -> None:
    def denied(connection: Connection) -> None:
        add_ana(connection)
        raise AccessDenied("deny.default", "no row allows it")

    with pytest.raises(AccessDenied):
        await register.act(entry(), denied)
    assert await register.read(people.everybody) == []
    (row,) = await rows(register)
    assert (row.entry.outcome, row.entry.rule) == (LedgerOutcome.REFUSED, "deny.default")


async def test_work_may_say_what_only_it_knows(register: Register) -> None:
    def looked(_connection: Connection) -> Amended[int]:
        return Amended(7, entry("sign_in.refused", subject="", reason=""))

    assert await register.act(entry("sign_in"), looked) == 7
    assert [row.entry.act for row in await rows(register)] == ["sign_in.refused"]


async def test_a_contradiction_of_the_database_is_one_acts_fault(register: Register) -> None:
    def twice(connection: Connection) -> None:
        add_ana(connection)
        connection.execute(text("INSERT INTO grants SELECT * FROM grants"))

    told = await asyncio.gather(
        register.note(entry("a")),
        register.act(entry(), twice),
        register.note(entry("b")),
        return_exceptions=True,
    )
    assert isinstance(told[1], PayloadRejected)
    assert [row.entry.act for row in await rows(register)] == ["b", "a"]


async def test_no_row_of_people_without_an_entry_whoever_writes_it(register: Register) -> None:
    """The reference is the database's own and is looked at when it commits: its neighbours are done all the same."""

    def without(connection: Connection) -> None:
        add_ana(connection)
        connection.execute(text("UPDATE people SET ledger_seq = 4711"))

    told = await asyncio.gather(
        register.note(entry("a")),
        register.act(entry(), without),
        register.note(entry("b")),
        return_exceptions=True,
    )
    assert isinstance(told[1], PayloadRejected)
    assert await register.read(people.everybody) == []
    assert [row.entry.act for row in await rows(register)] == ["b", "a"]
    assert not register.is_away


async def test_the_chain_is_whole_and_names_a_row_that_was_changed(register: Register) -> None:
    for n in range(20):
        await register.note(entry("alert.read", subject=f"a-{n}"))
    walked = await register.read(lambda connection: verify(REGISTER_CHAIN, ledger.falling(connection)))
    assert (walked.defects, walked.entries) == ((), 20)
    assert not await register.read(lambda connection: list(ledger.misfiled(connection)))


async def test_questions_narrow_and_page(register: Register) -> None:
    for n in range(6):
        await register.note(entry("alert.read" if n % 2 else "sealed.open", subject=f"a-{n}", at_ms=T_MS + n))
    assert [row.entry.subject for row in await rows(register, act="sealed.")] == ["a-4", "a-2", "a-0"]
    assert [row.place.seq for row in await rows(register, before_seq=3)] == [2, 1]
    assert [row.place.seq for row in await rows(register, limit=2)] == [6, 5]
    narrow = {"since_ms": T_MS + 2, "until_ms": T_MS + 4}
    assert [row.entry.subject for row in await rows(register, **narrow)] == ["a-3", "a-2"]
    assert [row.place.seq for row in await rows(register, subject="a-5", actor="p-root")] == [6]


async def test_an_entry_of_ten_megabytes_is_refused(register: Register) -> None:
    with pytest.raises(PayloadRejected, match=r"ledger\.too_long"):
        await register.note(entry(reason="ñ" * 5_000_000))
    assert await rows(register) == []


async def test_what_is_odd_in_a_text_comes_back_as_it_was(register: Register) -> None:
    odd = "<script>\u202e\u200b\x00 ñandú 🚨"
    await register.note(entry(reason=odd))
    (row,) = await rows(register)
    assert row.entry.reason == odd


async def test_a_full_queue_says_so_and_did_nothing(register_place: RegisterPlace) -> None:
    register = register_place.open(limits=RegisterLimits(most_waiting=3))
    try:
        told = await asyncio.gather(
            *(register.note(entry("alert.read", subject=str(n))) for n in range(200)), return_exceptions=True
        )
        full = [each for each in told if isinstance(each, CapacityExhausted)]
        assert full
        assert len(await rows(register, limit=1_000)) == 200 - len(full)
    finally:
        register.close()


async def test_a_reader_cannot_write(register: Register) -> None:
    with pytest.raises(Exception, match=r"register\."):
        await register.read(lambda connection: connection.execute(text("DELETE FROM people")))


async def test_of_entries_that_are_written_together_the_one_that_cannot_be_fails_alone(
    register: Register,
) -> None:
    """Reads share one insert: a copy of an id, which only the database sees, and one too long spoil no other."""
    change: dict[int, dict[str, Any]] = {
        3: {"id": "a" * 32},
        7: {"id": "a" * 32},
        9: {"reason": "x" * 70_000},
    }
    told = await asyncio.gather(
        *(register.note(entry("alert.read", subject=f"alert-{n}", **change.get(n, {}))) for n in range(20)),
        return_exceptions=True,
    )
    assert [n for n, each in enumerate(told) if each is not None] == [7, 9]
    assert all(isinstance(told[n], PayloadRejected) for n in (7, 9))
    kept = await rows(register, limit=100)
    assert [row.entry.subject for row in reversed(kept)] == [
        f"alert-{n}" for n in range(20) if n not in (7, 9)
    ]
    walked = await register.read(lambda c: verify(REGISTER_CHAIN, ledger.falling(c), pins={}))
    assert walked.defects == ()
