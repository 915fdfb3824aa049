"""The register is away: acknowledging life-safety goes on, on the disk and chained; everything else says why not (law
13); and what was noted comes first when it is back.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cior_core.chain import verify
from cior_core.errors import AccessDenied, SourceUnavailable
from cior_core.people import REGISTER_CHAIN, LedgerEntry, LedgerRow
from cior_register import journal, ledger
from cior_register.journal import Journal
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register, RegisterLimits
from engines.postgresql import PostgreSql
from engines.registers import RegisterPlace

T_MS = 1_795_262_400_000


def ack(n: int) -> LedgerEntry:
    return LedgerEntry(at_ms=T_MS + n, actor="p-ana", act="alert.acknowledge", subject=f"a-{n}")


def told(register: Register) -> list[LedgerRow]:
    return register.read_now(lambda connection: ledger.rows(connection, LedgerQuestion()))


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it never became so")


@pytest.fixture
async def console(postgresql: PostgreSql, tmp_path: Path) -> AsyncIterator[tuple[Register, PostgreSql]]:
    server = postgresql.start()
    place = RegisterPlace.of_server(server)
    register = place.open(journal=tmp_path / "journal", limits=RegisterLimits(patience_s=3))
    yield register, server
    server.start()
    register.close()


async def test_law_13_while_the_register_is_away_only_an_acknowledgement_goes_on(
    console: tuple[Register, PostgreSql], tmp_path: Path
) -> None:
    register, server = console
    assert await register.note_even_away(ack(1))
    server.kill()
    assert not await register.note_even_away(ack(2), patience_s=3)
    assert not await register.note_even_away(ack(3), patience_s=3)
    with pytest.raises(SourceUnavailable, match=r"register\.(away|slow)"):
        await register.note(LedgerEntry(at_ms=T_MS, actor="p-ana", act="alert.read"))
    with pytest.raises(AccessDenied, match=r"journal\.act"):
        await register.note_even_away(LedgerEntry(at_ms=T_MS, actor="p-ana", act="alert.close"))
    assert register.is_away
    server.start()
    await until(lambda: not register.is_away and not list((tmp_path / "journal").iterdir()))
    await register.note_even_away(ack(4), patience_s=30)
    assert [row.entry.subject for row in told(register)] == ["a-4", "a-3", "a-2", "a-1"]
    second = told(register)[2].entry
    assert second.at_ms == T_MS + 2
    assert second.detail["journal_seq"] == 1
    assert not register.read_now(
        lambda connection: verify(REGISTER_CHAIN, ledger.falling(connection))
    ).defects


async def test_a_server_that_hangs_is_away_too_and_nothing_is_told_twice(
    console: tuple[Register, PostgreSql],
) -> None:
    """Frozen in the middle: what was handed over may be committed later, and is in the journal too: one entry."""
    register, server = console
    processes = server.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert not await register.note_even_away(ack(1), patience_s=0.5)
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    await register.note_even_away(ack(2), patience_s=60)
    await until(lambda: len(told(register)) == 2)
    assert {row.entry.subject for row in told(register)} == {"a-1", "a-2"}


async def test_a_console_starts_without_its_register_and_finds_it_later(
    postgresql: PostgreSql, tmp_path: Path
) -> None:
    place = RegisterPlace.of_server(postgresql.start())
    postgresql.stop()
    register = place.open(
        journal=tmp_path / "journal", must_answer=False, limits=RegisterLimits(patience_s=3)
    )
    try:
        assert register.is_away
        assert not await register.note_even_away(ack(1), patience_s=3)
        postgresql.start()
        await until(lambda: not register.is_away)
        assert [row.entry.subject for row in told(register)] == ["a-1"]
    finally:
        postgresql.start()
        register.close()


async def test_law_13_while_the_register_is_away_nothing_else_is_noted(tmp_path: Path) -> None:
    register = RegisterPlace.of_file(tmp_path / "register.db").open(journal=tmp_path / "journal")
    register.close()
    with pytest.raises(AccessDenied, match=r"journal\.act"):
        await register.note_even_away(LedgerEntry(at_ms=T_MS, actor="p-ana", act="alert.close"))
    assert not await register.note_even_away(ack(1))
    notes = Journal(tmp_path / "journal")
    with pytest.raises(AccessDenied, match=r"journal\.act"):
        notes.append(LedgerEntry(at_ms=T_MS, actor="p-ana", act="sealed.open"))


async def test_what_was_noted_before_a_crash_is_taken_in_by_the_next_start(
    register_place: RegisterPlace, tmp_path: Path
) -> None:
    notes = Journal(tmp_path / "journal")
    for n in range(3):
        notes.append(ack(n))
    (file,) = (tmp_path / "journal").iterdir()
    with file.open("ab") as torn:  # killed while it wrote: never acknowledged
        torn.write(b'{"place":{"chain":"register.jou')
    for _ in range(2):  # once, however often it starts
        register = register_place.open(journal=tmp_path / "journal")
        assert [row.entry.subject for row in told(register)] == ["a-2", "a-1", "a-0"]
        register.close()
    assert not list((tmp_path / "journal").iterdir())


async def test_a_kill_between_commit_and_forgetting_takes_nothing_in_twice(
    register_place: RegisterPlace, tmp_path: Path
) -> None:
    Journal(tmp_path / "journal").append(ack(1))
    (file,) = (tmp_path / "journal").iterdir()
    content = file.read_bytes()
    register_place.open(journal=tmp_path / "journal").close()
    file.write_bytes(content)
    register = register_place.open(journal=tmp_path / "journal")
    assert len(told(register)) == 1
    register.close()


@pytest.mark.parametrize("harm", ["changed", "left out", "exchanged"])
async def test_a_journal_that_was_tampered_with_is_told_and_kept(
    harm: str, register_place: RegisterPlace, tmp_path: Path
) -> None:
    notes = Journal(tmp_path / "journal")
    for n in range(4):
        notes.append(ack(n))
    (file,) = (tmp_path / "journal").iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    match harm:
        case "changed":
            lines[1] = lines[1].replace(b"p-ana", b"p-eva")
        case "left out":
            del lines[1]
        case _:
            lines[1], lines[2] = lines[2], lines[1]
    file.write_bytes(b"".join(lines))
    register = register_place.open(journal=tmp_path / "journal")
    acts = [(row.entry.act, row.entry.subject) for row in told(register)]
    register.close()
    assert acts[0][0] == journal.BROKEN
    assert acts[1:] == [("alert.acknowledge", "a-0")]
    assert [path.suffix for path in (tmp_path / "journal").iterdir()] == [".broken"]


def test_law_13_the_journal_is_on_the_disk_before_the_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def counted(handle: int) -> None:
        synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", counted)
    notes = Journal(tmp_path)
    before = len(synced)
    notes.append(ack(1))
    assert len(synced) > before + 1  # the folder with the new file's name, and the line
    before = len(synced)
    notes.append(ack(2))
    assert len(synced) == before + 1
