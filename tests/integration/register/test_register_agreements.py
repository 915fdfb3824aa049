"""Agreements in the register, on a file and on a server: two persons, one that stands, and an end for everybody who had
it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from cior_core.agreements import Agreement, AgreementState, Hours, Terms
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.people import Grant, LedgerEntry, LedgerOutcome, Person, Scope, Session, SessionKind
from cior_core.privacy import Role, Share
from cior_register import agreements, ledger, people, sessions
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register

T_MS = 1_795_262_400_000
DAY_MS = 86_400_000
TERMS = Terms(
    document="Convenio 12/2026",
    agency="ministerio",
    purpose="Delitos complejos",
    kinds=frozenset({Share.ALERTS, Share.LIVE}),
    starts_ms=T_MS,
    ends_ms=T_MS + 30 * DAY_MS,
    districts=("sur",),
    cameras=("plaza",),
    types=("robbery",),
    hours=Hours(1_320, 360),
)


async def do(register: Register, act: str, work: Any) -> Any:
    return await register.act(LedgerEntry(at_ms=T_MS, actor="p-ana", act=act, subject="a"), work)


async def settled(register: Register) -> Agreement:
    """Two of the desk, two of the ministry with sessions, an operator of ours with one; a proposal."""

    def work(connection: Any) -> None:
        for login, role, agency in (
            ("ana", Role.SUPERVISOR, ""), ("eva", Role.CUSTODIAN, ""), ("min", Role.PARTNER, "ministerio"),
            ("gen", Role.PARTNER, "gendarmeria"),
        ):  # fmt: skip
            scope = Scope(agencies=(agency,)) if agency else Scope()
            grants = (Grant(role, scope), Grant(Role.OPERATOR))
            people.add(connection, Person(f"p-{login}", login, login.title(), grants=grants), now_ms=T_MS)
            for each in (role, Role.OPERATOR):
                begun = Session(
                    id=f"s-{login}-{each.value}", person_id=f"p-{login}", role=each, kind=SessionKind.BROWSER,
                    created_ms=T_MS, expires_ms=T_MS + DAY_MS,
                )  # fmt: skip
                sessions.begin(connection, begun, token=begun.id)

    await do(register, "people.add", work)
    made = Agreement(id="a", terms=TERMS, proposed_by="p-ana", proposed_ms=T_MS)
    proposed: Agreement = await do(register, "agreement.propose", partial(agreements.propose, agreement=made))
    return proposed


async def test_what_was_agreed_is_read_as_it_was_written_and_proposed_twice_it_is_one(
    register: Register,
) -> None:
    made = await settled(register)
    again = Agreement(id="a", terms=TERMS, proposed_by="p-eva", proposed_ms=T_MS + 1)
    assert await do(register, "agreement.propose", partial(agreements.propose, agreement=again)) == made
    assert await register.read(agreements.every) == [made]


async def test_law_9_the_same_person_twice_is_undone_and_in_the_ledger(register: Register) -> None:
    await settled(register)
    with pytest.raises(AccessDenied):
        await do(
            register,
            "agreement.approve",
            partial(agreements.approve, agreement_id="a", by="p-ana", now_ms=T_MS),
        )
    [kept] = await register.read(agreements.every)
    assert kept.state(T_MS) is AgreementState.PROPOSED
    [row] = await register.read(lambda each: ledger.rows(each, LedgerQuestion(act="agreement.approve")))
    assert row.entry.outcome is LedgerOutcome.REFUSED
    with pytest.raises(PayloadRejected, match="no such agreement"):
        await do(
            register,
            "agreement.approve",
            partial(agreements.approve, agreement_id="b", by="p-eva", now_ms=T_MS),
        )


async def test_withdrawn_its_partners_are_out_and_nobody_else_is(register: Register) -> None:
    await settled(register)
    await do(
        register, "agreement.approve", partial(agreements.approve, agreement_id="a", by="p-eva", now_ms=T_MS)
    )
    gone = partial(agreements.withdraw, agreement_id="a", by="p-ana", why="Terminó la causa", now_ms=T_MS + 5)
    ended: Agreement = await do(register, "agreement.withdraw", gone)
    assert (ended.state(T_MS + 5), ended.withdrawn_why) == (AgreementState.WITHDRAWN, "Terminó la causa")
    assert await register.read(agreements.every) == [ended]

    def lasting(connection: Any) -> set[str]:
        return {
            each.id
            for login in ("ana", "eva", "min", "gen")
            for each in sessions.of_person(connection, f"p-{login}", now_ms=T_MS + 6)
        }

    assert await register.read(lasting) == {
        "s-ana-supervisor", "s-ana-operator", "s-eva-custodian", "s-eva-operator", "s-min-operator",
        "s-gen-partner", "s-gen-operator",
    }  # fmt: skip
    with pytest.raises(PayloadRejected, match="over already"):
        await do(register, "agreement.withdraw", gone)
