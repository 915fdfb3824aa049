"""Who deletes asks the register and claims, with no right to anything else; where there is no register, it makes none
(law 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cior_core.errors import AccessDenied, SourceUnavailable
from cior_core.judicial.asking import Span
from cior_core.judicial.state import Hold, HoldReason, PlaceHold
from cior_core.people import LedgerEntry
from cior_register import holds, ledger
from cior_register.deleting import Deleter
from cior_register.holds import Deletion, footage_of
from cior_register.register import Register
from engines.postgresql import PostgreSql
from engines.registers import RegisterPlace

HOUR_MS = 3_600_000


@pytest.fixture
def deleter(register_place: RegisterPlace, register: Register) -> Iterator[Deleter]:
    """As sink and recorders sign in; ``register`` made the schema."""
    made = Deleter(lambda: register_place.deleter_dsn, actor="cior.recorder", now_ms=lambda: 9)
    yield made
    made.close()


def placed(register: Register, name: str, *cameras: str, hour: int = 0, hours: int = 1) -> None:
    span = Span(hour * 3_600, (hour + hours) * 3_600)
    kept = Hold(name, "r", HoldReason.ORDER, cameras, span, 1)
    entry = LedgerEntry(at_ms=1, actor="test", act="request.file")
    register.submit(entry, lambda each: holds.obey(each, [PlaceHold(kept)], at_ms=1)).result(60)


def footage(camera: str, hour: int, *, day: str = "1970-01-01") -> Deletion:
    return Deletion(
        footage_of(camera), f"{day}T{hour:02}:00:00", hour * HOUR_MS, (hour + 1) * HOUR_MS + 60_000, 9
    )


def late(register: Register) -> dict[str, tuple[str, ...]]:
    found = register.read_now(lambda each: holds.of_owner(each, "r"))
    return {each.id: each.came_late for each in found}


def test_law_7_it_claims_what_no_hold_keeps_and_the_ledger_says_who_and_what(
    deleter: Deleter, register: Register
) -> None:
    placed(register, "h", "plaza", hour=5)
    standing = deleter.standing()
    assert [(each.cameras, each.since_ms) for each in standing.holds] == [(("plaza",), 5 * HOUR_MS)]
    deleter.claim([footage("plaza", 0), footage("esquina", 0)], mark=standing.mark, subject="footage centro")
    (row,) = register.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion(limit=1)))
    assert (row.entry.actor, row.entry.act, row.entry.subject) == (
        "cior.recorder",
        "retention.delete",
        "footage centro",
    )
    placed(register, "meanwhile", "plaza", hour=1)
    with pytest.raises(AccessDenied, match=r"hold\.placed_meanwhile"):
        deleter.claim([footage("plaza", 1)], mark=standing.mark, subject="footage centro")
    assert late(register) == {"h": (), "meanwhile": ("footage/plaza 1970-01-01T00:00:00",)}, (
        "within the minute"
    )


def test_law_7_a_hold_is_told_of_its_own_cameras_footage_and_of_no_others(
    deleter: Deleter, register: Register
) -> None:
    mark = deleter.standing().mark
    deleter.claim([footage("plaza", 3), footage("esquina", 3)], mark=mark, subject="footage centro")
    placed(register, "one", "plaza", hour=3)
    placed(register, "other", "puente", hour=3)
    placed(register, "all", hour=3)
    both = tuple(f"footage/{camera} 1970-01-01T03:00:00" for camera in ("esquina", "plaza"))
    assert late(register) == {"one": both[1:], "other": (), "all": both}


def test_claims_of_a_day_that_touch_are_one_row_and_others_are_not(
    deleter: Deleter, register: Register
) -> None:
    mark = deleter.standing().mark
    for hour in (0, 1, 1, 2, 5):
        deleter.claim([footage("plaza", hour)], mark=mark, subject="footage centro")
    found = register.read_now(lambda each: holds.deletions(each, since_ms=0, until_ms=10 * HOUR_MS))
    assert [(each.since_ms, each.until_ms) for each in found] == [
        (0, 3 * HOUR_MS + 60_000),
        (5 * HOUR_MS, 6 * HOUR_MS + 60_000),
    ]


def test_law_7_where_there_is_no_register_nobody_knows_what_is_held_and_none_is_made(tmp_path: Path) -> None:
    nowhere = Deleter(
        lambda: f"sqlite:///{tmp_path / 'register' / 'register.db'}", actor="x", now_ms=lambda: 9
    )
    with pytest.raises(SourceUnavailable, match=r"register\.absent"):
        nowhere.standing()
    assert list(tmp_path.iterdir()) == []


def test_law_7_another_file_in_its_place_is_asked_and_not_the_one_that_was_open(tmp_path: Path) -> None:
    place, spare = RegisterPlace.of_file(tmp_path / "register.db"), RegisterPlace.of_file(tmp_path / "new.db")
    for each in (place, spare):
        made = each.open()
        if each is spare:
            placed(made, "of the new one", "plaza")
        made.close()
    asking = Deleter(lambda: place.deleter_dsn, actor="x", now_ms=lambda: 9)
    assert asking.standing().holds == ()
    for path in tmp_path.glob("register.db*"):
        path.unlink()
    (tmp_path / "new.db").rename(tmp_path / "register.db")
    assert [each.id for each in asking.standing().holds] == ["of the new one"]
    asking.close()


FORBIDDEN = {
    "who people are": "SELECT * FROM people",
    "what is asked": "SELECT * FROM requests",
    "who read what": "SELECT * FROM ledger",
    "a hold ends": "UPDATE holds SET released_ms = 1",
    "a hold is made": "INSERT INTO holds SELECT * FROM holds",
    "a hold is gone": "DELETE FROM holds",
    "a claim is gone": "DELETE FROM deletions",
    "a claim is of another time": "UPDATE deletions SET since_ms = 0",
    "the ledger is another": "UPDATE ledger SET actor = 'x'",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_on_a_server_who_deletes_may_do_nothing_else(postgresql: PostgreSql, statement: str) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    with (
        psycopg.connect(place.deleter_dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_on_a_server_who_deletes_writes_one_kind_of_entry(postgresql: PostgreSql) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    theirs = Register.open(place.deleter_dsn)
    entry = LedgerEntry(at_ms=1, actor="cior.recorder", act="retention.delete", subject="footage centro")
    theirs.submit(entry, lambda _connection: None).result(60)
    with pytest.raises(Exception, match=r"register\."):
        theirs.submit(
            LedgerEntry(at_ms=1, actor="p-ana", act="alert.close"), lambda _connection: None
        ).result(60)
    theirs.close()
    ours = place.open()
    rows = ours.read_now(lambda each: ledger.rows(each, ledger.LedgerQuestion()))
    assert [row.entry.act for row in rows] == ["retention.delete"]
    ours.close()
