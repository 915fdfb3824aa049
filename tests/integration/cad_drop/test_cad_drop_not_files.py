"""What lies in a drop folder and is no file of calls: it is left where it is, read by nobody, and holds up nobody."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

Until = Callable[[Callable[[], bool]], Awaitable[None]]
CANARY = "CANARIO-4711"
NAME = "llamadas.csv"


def _socket(path: Path, _secret: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's address is shorter than the paths of tests
    try:
        with closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _device(path: Path, kind: int, major: int, minor: int) -> None:
    """A node of a device; who may not make one (no root) gets the link that leads to the same."""
    try:
        os.mknod(path, 0o644 | kind, os.makedev(major, minor))
    except PermissionError:
        path.symlink_to("/dev/zero")


def _full_folder(path: Path, secret: Path) -> None:
    path.mkdir()
    (path / NAME).write_bytes(secret.read_bytes())


MADE: dict[str, Callable[[Path, Path], object]] = {
    "link to a secret": lambda path, secret: path.symlink_to(secret),
    "relative link": lambda path, secret: path.symlink_to(os.path.relpath(secret, path.parent)),
    "link to a folder": lambda path, secret: path.symlink_to(secret.parent),
    "link to nothing": lambda path, secret: path.symlink_to(secret.with_name("nobody")),
    "link to itself": lambda path, _secret: path.symlink_to(path),
    "link to zeros without end": lambda path, _secret: path.symlink_to("/dev/zero"),
    "link to this process": lambda path, _secret: path.symlink_to("/proc/self/environ"),
    "queue": lambda path, _secret: os.mkfifo(path),
    "socket": _socket,
    "zeros without end": lambda path, _secret: _device(path, stat.S_IFCHR, 1, 5),
    "terminal": lambda path, _secret: _device(path, stat.S_IFCHR, 5, 0),
    "disk": lambda path, _secret: _device(path, stat.S_IFBLK, 7, 0),
    "folder": lambda path, _secret: path.mkdir(),
    "folder with calls": _full_folder,
}


@pytest.mark.parametrize("kind", MADE)
async def test_what_is_no_file_is_not_read_and_holds_up_no_call(
    desk: Any, until: Until, tmp_path: Path, kind: str
) -> None:
    secret = tmp_path / "keys.json"
    secret.write_bytes(desk.calls(7, nature=CANARY))
    MADE[kind](desk.inbox / NAME, secret)
    before, secret_mode = os.lstat(desk.inbox / NAME), secret.stat().st_mode
    desk.put("a.csv", desk.calls(1))
    async with desk.running() as instance:
        await until((desk.inbox / "done" / "a.csv").exists)
        desk.put("b.csv", desk.calls(2))
        await until((desk.inbox / "done" / "b.csv").exists)
        assert instance.book.health.state.value == "up"
    assert desk.accounted() == (2, 2, 0)
    assert not any(CANARY.encode() in message.value for message in desk.sink.messages)
    after = os.lstat(desk.inbox / NAME)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode), "it is nobody's to move"
    with suppress(FileNotFoundError):
        assert (secret.read_bytes(), secret.stat().st_mode) == (desk.calls(7, nature=CANARY), secret_mode)


async def test_a_file_with_a_second_name_is_read_and_the_other_name_keeps_its_rights(
    desk: Any, until: Until, tmp_path: Path
) -> None:
    """A desk may keep what it drops under a name of its own: those are the same file, and its rights are the desk's."""
    kept = tmp_path / "archive.csv"
    kept.write_bytes(desk.calls(1))
    kept.chmod(0o644)
    (desk.inbox / NAME).hardlink_to(kept)
    async with desk.running():
        await until((desk.inbox / "done" / NAME).exists)
    assert desk.accounted() == (1, 1, 0)
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (desk.calls(1), 0o644)
    assert (desk.inbox / "done").stat().st_mode & 0o777 == 0o700, "the copy is behind a door all the same"
