"""Question and answer between a backup and the process that owns an embedded store, whoever dies in between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from cior_bus.settings import BusSettings
from cior_core.backup_manifest import Tables
from cior_core.errors import SourceUnavailable
from cior_sink import copy_door
from cior_sink.copy_door import ANSWER, QUESTION, Answer, CopyDoor, Question, ask_owner, is_alive
from cior_store.engine import Store


class Closed:
    """No store: what copies is replaced."""

    def release(self) -> None:
        """Nothing is held."""


def door(run: Path) -> CopyDoor:
    bus = BusSettings.from_dsn("kafka://127.0.0.1:1?profile=tansu", client_id="x")
    return CopyDoor(run, Closed(), bus, streams={})  # type: ignore[arg-type]


@contextmanager
def answering(owner: CopyDoor) -> Iterator[None]:
    done = threading.Event()

    def go() -> None:
        while not done.wait(0.01):
            owner.look()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def gone() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def copier(tables: Tables, seen: list[bool]) -> Callable[..., Tables]:
    def copy(
        _store: Store, _folder: Path, *, settle: Callable[[], bool], go_on: Callable[[], bool]
    ) -> Tables:
        seen.append(go_on())
        return tables

    return copy


def test_the_owner_copies_and_whoever_asked_gets_what_it_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    made = Tables("26.9", (), (), 1, 2, is_whole=False)
    monkeypatch.setattr(copy_door, "copy_tables", copier(made, seen))
    (tmp_path / "tables").mkdir()
    with answering(door(tmp_path)):
        assert ask_owner(tmp_path, to=str(tmp_path / "tables")).tables == made
    assert seen == [True]


def test_the_owner_does_not_go_on_for_a_backup_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(copy_door, "copy_tables", copier(Tables("", (), ()), seen))
    (tmp_path / "tables").mkdir()
    dead = gone()
    assert not is_alive(dead)
    assert is_alive(os.getpid())
    question = Question("1", dead, str(tmp_path / "tables"))
    (tmp_path / QUESTION).write_bytes(msgspec.json.encode(question))
    door(tmp_path).look()
    assert seen == [False]


def test_a_full_disk_is_told_to_whoever_asked_and_the_owner_answers_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Tables:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copy_door, "copy_tables", full)
    (tmp_path / "tables").mkdir()
    owner = door(tmp_path)
    with answering(owner), pytest.raises(SourceUnavailable, match=r"backup\.unwritable"):
        ask_owner(tmp_path, to=str(tmp_path / "tables"))
    with monkeypatch.context() as patched:
        patched.setattr("cior_sink.copy_door.durable_file.replace", full)
        owner._say(Answer("1", 1))
    (tmp_path / "tables" / "there").write_text("")
    with answering(owner), pytest.raises(SourceUnavailable, match=r"backup\.folder"):
        ask_owner(tmp_path, to=str(tmp_path / "tables"))


def test_nobody_there_and_an_owner_that_dies_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"backup\.nobody_answers"):
        ask_owner(tmp_path, taken_within_s=0.0)
    assert not (tmp_path / QUESTION).exists(), "a later owner does not work for nobody"
    dead = gone()

    def take() -> None:
        while not (tmp_path / QUESTION).exists():
            pass
        asked = msgspec.json.decode((tmp_path / QUESTION).read_bytes(), type=Question)
        (tmp_path / ANSWER).write_bytes(msgspec.json.encode(Answer(asked.id, dead)))

    thread = threading.Thread(target=take)
    thread.start()
    with pytest.raises(SourceUnavailable, match=r"backup\.owner_gone"):
        ask_owner(tmp_path)
    thread.join()
