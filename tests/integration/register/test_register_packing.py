"""Who builds packages adds to a granted request that it is assembled and sealed, with no right to anything else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Span
from cior_core.judicial.copies import CopyKind
from cior_core.people import LedgerEntry
from cior_core.requests import RequestStatus
from cior_register import ledger, people, requests
from cior_register.register import Register
from doubles.authorities import Authorities
from doubles.packages import START_MS
from doubles.requested import PEOPLE, REQUEST, Court
from engines.postgresql import PostgreSql
from engines.registers import RegisterPlace
from unit.judicial.judicial_city import SANTA_FE

DIGEST = "ab" * 32


@pytest.fixture
def place(postgresql: PostgreSql) -> RegisterPlace:
    return RegisterPlace.of_server(postgresql.start())


@pytest.fixture
def court(place: RegisterPlace, tmp_path: Path) -> Iterator[Court]:
    """What the people of a centre did: an approved request whose package is ordered."""
    made = Court(
        tmp_path, tmp_path / "ring", Authorities(tmp_path / "ac", is_elliptic=True), register=place.dsn
    )
    made.begin()
    yield made
    made.closed()


@pytest.fixture
def part(place: RegisterPlace, court: Court) -> Iterator[Register]:
    """As the part signs in."""
    opened = Register.open(place.evidence_dsn)
    yield opened
    opened.close()


def taken(part: Register, act: a.Act, name: str) -> RequestStatus:
    entry = LedgerEntry(at_ms=act.at_ms, actor=act.by, act=name, subject=REQUEST)
    taking = partial(requests.take, request_id=REQUEST, act=act, rules=SANTA_FE)
    return part.submit(entry, taking).result(60).request.state


def assembled() -> a.Assemble:
    second = START_MS // 1000
    return a.Assemble("p-archivo", START_MS, {0: (Span(second + 2, second + 14),)}, (), hand="cior.evidence")


def test_it_reads_what_was_ordered_and_adds_that_it_is_built(court: Court, part: Register) -> None:
    court.approved()
    named = part.read_now(people.names)
    assert named == PEOPLE
    assert [each.act.by for each in part.read_now(lambda c: requests.acts(c, REQUEST))][-1] == "p-archivo"
    note = LedgerEntry(at_ms=1, actor="p-archivo", act="request.gather", subject=REQUEST)
    part.submit(note, lambda _connection: None).result(60)
    assert taken(part, assembled(), "request.assemble") is RequestStatus.ASSEMBLED
    seal = a.Seal("p-archivo", START_MS, digest=DIGEST, hand="cior.evidence")
    assert taken(part, seal, "request.seal") is RequestStatus.SEALED
    assert court.is_replayed
    rows = court.register.read_now(lambda c: ledger.rows(c, ledger.LedgerQuestion(limit=3)))
    assert [row.entry.act for row in rows] == ["request.seal", "request.assemble", "request.gather"]


def test_law_9_it_does_not_assemble_again_what_was_given_and_copies_stay_as_they_are(
    court: Court, part: Register
) -> None:
    """A reopened request has copies from before: they are no business of who builds."""
    court.approved()
    taken(part, assembled(), "request.assemble")
    taken(part, a.Seal("p-archivo", START_MS, digest=DIGEST), "request.seal")
    now_ms = court.shop.now_ms()
    court.take(
        a.Deliver("p-mesa", now_ms, "p-fiscal", "fiscalía", DIGEST), a.Reopen("p-fiscal", now_ms, "falta una cámara"),
        a.TakeUp("p-mesa", now_ms),
    )  # fmt: skip
    court.approved()
    assert taken(part, assembled(), "request.assemble") is RequestStatus.ASSEMBLED
    assert [each.recipient for each in court.request.deliveries] == ["p-fiscal"]
    assert court.is_replayed


def test_law_9_of_a_request_that_was_given_it_adds_that_a_copy_is_sealed_and_touches_nothing_else(
    place: RegisterPlace, court: Court, part: Register
) -> None:
    court.approved()
    taken(part, assembled(), "request.assemble")
    taken(part, a.Seal("p-archivo", START_MS, digest=DIGEST), "request.seal")
    now_ms = court.shop.now_ms()
    court.take(
        a.Deliver("p-mesa", now_ms, "p-fiscal", "fiscalía", DIGEST),
        a.Derive("p-archivo", now_ms, CopyKind.VIEW),
    )
    assert REQUEST in part.read_now(lambda c: requests.touched_since(c, -1))[1]
    note = LedgerEntry(at_ms=1, actor="p-archivo", act="request.copy_gather", subject=REQUEST)
    part.submit(note, lambda _connection: None).result(60)
    seal = a.SealCopy("p-archivo", START_MS, n=1, digest="cd" * 32, hand="cior.evidence")
    assert taken(part, seal, "request.seal_copy") is RequestStatus.DELIVERED
    assert (court.request.copies[0].digest, court.request.package) == ("cd" * 32, DIGEST)
    assert court.is_replayed
    other = "UPDATE requests SET request = replace(convert_from(request, 'UTF8'), %s, %s)::bytea"
    with (
        psycopg.connect(place.evidence_dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(other, (DIGEST, "ef" * 32))


FORBIDDEN = {
    "a password's digest": "SELECT password_hash FROM people",
    "who may do what": "SELECT * FROM grants",
    "who is signed in": "SELECT * FROM sessions",
    "who read what": "SELECT * FROM ledger",
    "what is held": "SELECT * FROM holds",
    "who has a copy": "SELECT * FROM request_copies",
    "a request is gone": "DELETE FROM requests",
    "a request is made": "INSERT INTO requests SELECT * FROM requests",
    "a request is somebody else's": "UPDATE requests SET filer = 'p-mesa'",
    "a request was told": "UPDATE requests SET published = 99",
    "an act is another": "UPDATE request_acts SET at_ms = 1",
    "a hold ends": "UPDATE holds SET released_ms = 1",
    "a person is another": "UPDATE people SET name = 'x'",
    "the ledger is another": "UPDATE ledger SET actor = 'x'",
    # Before anybody granted it, and to where only people bring it.
    "it is approved": "UPDATE requests SET state = 'aprobada'",
    "it is sealed unapproved": "UPDATE requests SET state = 'sellada'",
    "an approval is written": (
        "INSERT INTO request_acts (request_id, n, rules, act, at_ms, ledger_seq) "
        """VALUES ('x', 0, 'r', '{"type":"approve"}', 1, 1)"""
    ),
    "an act without a kind is written": (
        "INSERT INTO request_acts (request_id, n, rules, act, at_ms, ledger_seq) VALUES ('x', 0, 'r', '{}', 1, 1)"
    ),
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_law_9_on_a_server_it_may_do_nothing_else(place: RegisterPlace, court: Court, statement: str) -> None:
    with (
        psycopg.connect(place.evidence_dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("act", ["request.approve", "retention.delete", "people.add"])
def test_law_13_it_writes_into_the_ledger_what_it_does_and_nothing_else(
    place: RegisterPlace, part: Register, act: str
) -> None:
    with pytest.raises(Exception, match=r"register\."):
        part.submit(LedgerEntry(at_ms=1, actor="p-ana", act=act), lambda _connection: None).result(60)
