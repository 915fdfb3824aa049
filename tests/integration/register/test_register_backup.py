"""A copy of a register that is written meanwhile comes back whole, and one without its end is found out."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from cior_core.chain import Head
from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import backup, keeping, people
from cior_register.register import Register
from engines.registers import RegisterPlace

T_MS = 1_795_262_400_000


@pytest.fixture
def elsewhere(register_place: RegisterPlace, tmp_path: Path) -> RegisterPlace:
    """Where nothing is yet, of the same kind."""
    if register_place.server is None:
        return RegisterPlace.of_file(tmp_path / "elsewhere" / "register.db")
    made = register_place.server.fresh()
    return RegisterPlace(
        made.service_dsn, made.owner_dsn, made.deleter_dsn, made.evidence_dsn, register_place.server
    )


def entry(n: int) -> LedgerEntry:
    return LedgerEntry(at_ms=T_MS + n, actor="p-ana", act="people.add", subject=f"p-{n}")


def add(register: Register, n: int) -> None:
    person = Person(f"p-{n}", f"ana{n}", f"Ana {n}", grants=(Grant(role=Role.OPERATOR),))

    def work(connection: Connection) -> None:
        people.add(connection, person, now_ms=T_MS)

    register.submit(entry(n), work).result(60)


@pytest.fixture
def busy(register_place: RegisterPlace) -> Iterator[Callable[[], Head]]:
    """A register that is written all the time; call it for its end, after which nothing is written."""
    register = register_place.open()
    for n in range(5):
        add(register, n)
    stop = threading.Event()

    def writes() -> None:
        n = 5
        while not stop.is_set():
            add(register, n)
            n += 1

    thread = threading.Thread(target=writes)
    thread.start()

    def ended() -> Head:
        stop.set()
        thread.join(60)
        assert register.head is not None
        return register.head

    yield ended
    ended()
    register.close()


def test_a_copy_made_while_it_is_written_comes_back_whole(
    register_place: RegisterPlace, elsewhere: RegisterPlace, busy: Callable[[], Head], tmp_path: Path
) -> None:
    facts = backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)
    busy()
    backup.restore(elsewhere.owner_dsn, tmp_path / "copia")
    restored = elsewhere.open()
    try:
        assert restored.head is not None
        assert restored.head.seq >= facts.seq >= 5
        assert {each.login for each in restored.read_now(people.everybody)} >= {"ana0", "ana4"}
        add(restored, 100_000)  # with its rights, its triggers and its place in the chain
        assert not keeping.prove(elsewhere.dsn, pins={facts.seq: facts.hash}).walked.defects
    finally:
        restored.close()


def test_what_came_after_a_copy_is_missed_by_the_pages_outside(
    register_place: RegisterPlace, elsewhere: RegisterPlace, busy: Callable[[], Head], tmp_path: Path
) -> None:
    backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)
    last = busy()
    register = register_place.open()
    add(register, 200_000)
    assert register.head is not None
    pins = {register.head.seq: register.head.hash}
    register.close()
    assert last.seq < next(iter(pins))
    backup.restore(elsewhere.owner_dsn, tmp_path / "copia")
    assert "tail_cut" in {each.code for each in keeping.prove(elsewhere.owner_dsn, pins=pins).walked.defects}


def test_a_changed_copy_is_refused(
    register_place: RegisterPlace, elsewhere: RegisterPlace, tmp_path: Path
) -> None:
    register_place.open().close()
    backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)
    content = bytearray((tmp_path / "copia").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "copia").write_bytes(content)
    with pytest.raises(IntegrityBroken, match=r"register\.backup_changed"):
        backup.restore(elsewhere.owner_dsn, tmp_path / "copia")


def test_nothing_is_restored_over_something(register_place: RegisterPlace, tmp_path: Path) -> None:
    register_place.open().close()
    backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)
    with pytest.raises(ConfigInvalid, match=r"register\.not_empty"):
        backup.restore(register_place.owner_dsn, tmp_path / "copia")
    with pytest.raises(ConfigInvalid, match=r"register\.backup_there"):
        backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)


def test_a_file_that_was_copied_by_hand_without_its_log_is_short(tmp_path: Path) -> None:
    """The trap: it verifies in itself. Only what is kept elsewhere tells."""
    place = RegisterPlace.of_file(tmp_path / "register.db")
    register = place.open()
    for n in range(20):
        add(register, n)
    assert register.head is not None
    pins = {register.head.seq: register.head.hash}
    (tmp_path / "elsewhere").mkdir()
    shutil.copyfile(tmp_path / "register.db", tmp_path / "elsewhere" / "register.db")
    register.close()
    by_hand = f"sqlite:///{tmp_path / 'elsewhere' / 'register.db'}"
    keeping.bring_up_to_date(by_hand)
    assert not keeping.prove(by_hand, pins={}).walked.defects
    assert [each.code for each in keeping.prove(by_hand, pins=pins).walked.defects] == ["tail_cut"]


def test_the_roles_of_a_server_are_not_in_its_copy_and_get_their_rights_again(
    register_place: RegisterPlace, elsewhere: RegisterPlace, tmp_path: Path
) -> None:
    if register_place.server is None:
        pytest.skip("a file has no roles")
    register_place.open().close()
    backup.backup(register_place.owner_dsn, tmp_path / "copia", now_ms=T_MS)
    backup.restore(elsewhere.owner_dsn, tmp_path / "copia")
    with psycopg.connect(elsewhere.dsn) as service:
        rights = [
            service.execute("SELECT has_table_privilege('ledger', %s)", (verb,)).fetchone()
            for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
        ]
    assert [each[0] for each in rights if each is not None] == [True, True, False, False, False]
