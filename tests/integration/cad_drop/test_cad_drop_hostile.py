"""A drop folder in which somebody else may write, and calls that nobody else may read."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cior_bus.sealed_content import opened
from cior_connectors.builtin.cad_drop.config import TypeRule
from cior_connectors.builtin.cad_drop.state import DropState
from cior_connectors.drop_folder import Folder
from cior_core import codec

Until = Callable[[Callable[[], bool]], Awaitable[None]]
GBV = (TypeRule(code="silent.gbv", pattern="violencia"),)
CANARY = "CANARIO-4711"


async def test_a_name_that_is_no_text_is_a_name_like_another(desk: Any, until: Until) -> None:
    """It put the connector into a circle of restarts: the name cannot be encoded as JSON."""
    odd, wrong = os.fsdecode(b"\xff\xfe llamadas.csv"), os.fsdecode(b"\xe9.csv")
    desk.put("a.csv", desk.calls(1)).rename(desk.inbox / odd)
    desk.put("b.csv", b"not;a;header\n").rename(desk.inbox / wrong)
    desk.put("c.csv", desk.calls(2))
    async with desk.running() as instance:
        await until(lambda: not list(desk.inbox.glob("*.csv")) and desk.accounted()[1] == 2)
        assert instance.book.health.state.value in ("up", "degraded")
    assert (desk.inbox / "done" / odd).exists()
    assert (desk.inbox / "quarantine" / f"{wrong}.ack").exists()


async def test_a_name_as_long_as_names_can_be_is_acknowledged(desk: Any, until: Until) -> None:
    desk.put("a.csv", desk.calls(1)).rename(desk.inbox / ("n" * 250 + ".csv"))
    async with desk.running():
        await until(lambda: not list(desk.inbox.glob("*.csv")))
    assert any(each.name.startswith("long-") for each in (desk.inbox / "done").iterdir())


async def test_a_file_that_becomes_a_link_while_it_is_read_stays_the_file_that_was_opened(
    desk: Any, until: Until, tmp_path: Path
) -> None:
    secret = tmp_path / "keys.json"
    secret.write_bytes(b'{"team_private_key": "' + CANARY.encode() + b'"}\n' * 200)
    desk.put("a.csv", desk.calls(*range(3_000)))
    desk.sink.hold()
    async with desk.running():
        await until(lambda: desk.sink.waiting > 0)
        (desk.inbox / "a.csv").unlink()
        (desk.inbox / "a.csv").symlink_to(secret)
        desk.sink.release()
        await until(lambda: desk.accounted()[1] == 3_000)
        await asyncio.sleep(0.2)
        assert desk.accounted() == (3_000, 3_000, 0)
    assert not any(CANARY.encode() in record.payload for record in desk.sink.raws())
    assert (desk.inbox / "a.csv").is_symlink(), "what is not the file is not moved"
    assert secret.exists()


async def test_links_queues_and_folders_are_left_where_they_are(
    desk: Any, until: Until, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_text(CANARY)
    (desk.inbox / "link.csv").symlink_to(tmp_path / "keys.json")
    (desk.inbox / "zero.csv").symlink_to("/dev/zero")
    os.mkfifo(desk.inbox / "queue.csv")
    (desk.inbox / "folder.csv").mkdir()
    desk.put("a.csv", desk.calls(1))
    async with desk.running():
        await until((desk.inbox / "done" / "a.csv").exists)
    assert desk.accounted() == (1, 1, 0)


@pytest.mark.parametrize("kind", ["link", "queue", "folder"])
def test_what_became_no_file_between_the_look_and_the_opening_is_refused(
    desk: Any, tmp_path: Path, kind: str
) -> None:
    folder = Folder(desk.config, now_ms=lambda: 0)
    folder.open()
    path = desk.put("a.csv", desk.calls(1))
    assert folder.ready(set()) == ["a.csv"]
    path.unlink()
    {
        "link": lambda: path.symlink_to(tmp_path),
        "queue": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(OSError, match=r"not a regular file|symbolic"):
        folder.take("a.csv")
    folder.close()


def test_a_link_laid_in_the_very_moment_of_opening_is_not_followed(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question what it is and the opening: the narrowest place to change a file."""
    secret = tmp_path / "keys.json"
    secret.write_text(CANARY)
    folder = Folder(desk.config, now_ms=lambda: 0)
    folder.open()
    path, ask = desk.put("a.csv", desk.calls(1)), os.stat

    def asked_then_changed(name: Any, **given: Any) -> os.stat_result:
        answer = ask(name, **given)
        if name == "a.csv":
            path.unlink()
            path.symlink_to(secret)
        return answer

    monkeypatch.setattr("cior_connectors.drop_folder.os.stat", asked_then_changed)
    with pytest.raises(OSError, match="symbolic"):
        folder.take("a.csv")
    folder.close()


async def test_acknowledgements_follow_no_link_that_was_laid_for_them(
    desk: Any, until: Until, tmp_path: Path
) -> None:
    """``done/`` or the working name of an ``.ack`` as a link would write where we may and the CAD may not."""
    victim = tmp_path / "victim"
    victim.write_text("whole")
    desk.configure(finish="ack_file")
    (desk.inbox / "a.csv.ack.tmp").symlink_to(victim)
    desk.put("a.csv", desk.calls(1))
    async with desk.running():
        await until((desk.inbox / "a.csv.ack").exists)
    assert victim.read_text() == "whole"
    outside = tmp_path / "outside"
    outside.mkdir()
    desk.configure(finish="move")
    (desk.inbox / "done").symlink_to(outside)
    desk.put("b.csv", desk.calls(2))
    async with desk.running() as instance:
        await until(lambda: instance.book.health.state.value == "degraded")
    assert list(outside.iterdir()) == []


async def test_a_folder_that_was_removed_is_found_again(desk: Any, until: Until) -> None:
    async with desk.running():
        desk.put("a.csv", desk.calls(1))
        await until((desk.inbox / "done" / "a.csv").exists)
        for each in sorted(desk.inbox.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        desk.inbox.rmdir()
        desk.inbox.mkdir()
        desk.put("b.csv", desk.calls(2))
        await until((desk.inbox / "done" / "b.csv").exists)


def files(root: Path) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of every file below ``root``."""
    for each in root.rglob("*"):
        if each.is_file():
            yield os.fsencode(each), each.read_bytes()


@pytest.mark.parametrize("finish", ["move", "ack_file"])
async def test_of_a_sealed_call_nothing_stays_in_clear(desk: Any, until: Until, finish: str) -> None:
    """Neither in done/ nor in the marks nor in the facts of any record, and no file can be read by others."""
    desk.configure(finish=finish, types=GBV, keep=("story",), remember_days=400)
    head = b"number,created,nature,lat,lon,story\r\n"
    sealed = f"{CANARY},2026-09-21 10:00,violencia familiar,-32.9,-60.6,{CANARY} vive alla\r\n".encode()
    desk.put(f"{CANARY}.csv", head + sealed + b"2,2026-09-21 10:01,choque,-32.9,-60.6,x\r\n")
    desk.put("b.csv", head + b"3,2026-09-21 10:02,choque,-32.9,-60.6,x\r\n")
    async with desk.running():
        await until(lambda: desk.accounted()[1] == 3 and not (desk.inbox / f"{CANARY}.csv").exists())
        await until(lambda: bool(list(desk.inbox.rglob("b.csv.ack"))))
    for name, content in (*files(desk.inbox), *files(desk.state)):
        assert CANARY.encode() not in content, name
        if finish == "move":  # an .ack beside the CAD's own file has its name
            assert CANARY.encode() not in name
    for message in (*desk.sink.raws(), *desk.sink.decoded(), *desk.sink.dead()):
        assert CANARY.encode() not in codec.encode(message)
    assert b"b.csv" not in b"".join(codec.encode(each) for each in desk.sink.raws())
    modes = {stat.S_IMODE(each.stat().st_mode) for each in desk.state.rglob("*.sqlite*")}
    assert modes == {0o600}
    if finish == "move":
        done = desk.inbox / "done"
        assert stat.S_IMODE(done.stat().st_mode) == 0o700
        assert {stat.S_IMODE(each.stat().st_mode) for each in done.iterdir()} == {0o600}
        reports = [json.loads(each.read_text()) for each in done.glob("sealed-*.ack")]
        assert [(each["records"], each["events"]) for each in reports] == [(2, 2)]


async def test_rows_that_cannot_be_held_against_a_sealed_type_are_sealed_with_their_bytes(
    desk: Any, until: Until
) -> None:
    """An unquoted separator, a missing nature: neither is known to be harmless."""
    desk.configure(types=GBV)
    rows = f"1,2026-09-21 10:00,violencia, {CANARY},-32.9,-60.6\r\n2,2026-09-21 10:01,,{CANARY},\r\n"
    path = desk.put("a.csv", f"number,created,nature,lat,lon\r\n{rows}".encode())
    async with desk.running():
        await until(lambda: not path.exists())
    for message in (*desk.sink.raws(), *desk.sink.decoded(), *desk.sink.dead()):
        assert CANARY.encode() not in codec.encode(message)
    assert all(CANARY.encode() not in content for _, content in files(desk.inbox))
    assert len(desk.sink.dead()) == 1


async def test_a_sealed_file_is_deleted_only_when_its_bytes_are_durable(desk: Any, until: Until) -> None:
    desk.configure(types=GBV)
    desk.sink.hold()
    path = desk.put("a.csv", desk.calls(1, nature="violencia"))
    async with desk.running():
        await until(lambda: desk.sink.waiting > 0)
        await asyncio.sleep(0.2)
        assert path.exists()
        desk.sink.release()
        await until(lambda: not path.exists())
    assert desk.accounted()[0] == 1


async def test_numbers_that_a_spreadsheet_destroyed_are_said(desk: Any, until: Until) -> None:
    rows = b"".join(b'"2,02612E+11",2026-09-21 10:0%d,choque,-32.9,-60.6\r\n' % n for n in (1, 2))
    desk.put("a.csv", b"number,created,nature,lat,lon\r\n" + rows)
    async with desk.running() as instance:
        await until(lambda: instance.book.health.state.value == "degraded")
        assert "spreadsheet destroyed 2" in instance.book.health.reason
    assert len({event.attributes["incident"] for event in desk.sink.decoded()}) == 2


async def test_an_update_without_a_time_finds_its_incident_in_an_earlier_file_and_process(
    desk: Any, until: Until
) -> None:
    desk.put("a.csv", desk.calls(77))
    async with desk.running():
        await until((desk.inbox / "done" / "a.csv").exists)
    desk.put("b.csv", b"number,created,nature,lat,lon\r\n77,,choque cerrado,-32.97,-60.6\r\n")
    async with desk.running():
        await until((desk.inbox / "done" / "b.csv").exists)
    call, update = desk.sink.decoded()
    assert call.attributes["incident"] == update.attributes["incident"] == "2026/77"
    assert update.phase.value == "update"


def test_marks_in_clear_of_an_older_release_are_keyed_and_gone(tmp_path: Path) -> None:
    path = tmp_path / "cad_drop.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(
            "create table files (fingerprint text primary key, durable integer, seen_ms integer) without rowid;"
            "create table versions (incident text, version text, ordinal integer, seen_ms integer,"
            " primary key (incident, version)) without rowid;"
        )
        old.execute("insert into versions values (?, 'v1', 0, 5)", (f"2026/{CANARY}",))
    old.close()
    state = DropState(path, now_ms=5, remember_days=10, keyed=lambda word: f"k{hash(word)}")
    assert not state.known(f"2026/{CANARY}", "v1", now_ms=6), "the first version stays the first"
    assert state.known(f"2026/{CANARY}", "v2", now_ms=6)
    state.close()
    assert all(CANARY.encode() not in content for _, content in files(tmp_path))


@pytest.mark.parametrize(
    "raw", [b"\xff\xfen\x00u\x00m\x00", b"nummer;datum\n1;Maria Canary\n", b"PK\x03\x04" + b"\0" * 40]
)
async def test_law_17_a_file_that_cannot_be_read_is_in_its_box_alone(
    desk: Any, until: Any, raw: bytes
) -> None:
    """By default, on a desk that seals nothing: it may be the call of somebody who must not be named."""
    desk.carries_sealed = None
    desk.put("a.csv", raw)
    async with desk.running():
        await until(lambda: any((desk.inbox / "quarantine").glob("sealed-*.ack")))
    assert not (desk.inbox / "a.csv").exists()
    kept = [path for path in desk.inbox.rglob("*") if path.is_file() and raw[:12] in path.read_bytes()]
    assert kept == []
    shown = b"".join(each.key + each.value for each in desk.sink.messages)
    assert b"Canary" not in shown
    assert raw[:12] not in shown
    boxes = [opened(letter.payload, bytes(desk.team)).payload for letter in desk.sink.dead()]
    assert b"".join(boxes) == raw, "the team has every byte"
