"""A file that stands whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cior_bus import durable_file


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mark"
    durable_file.replace(path, b"old")

    def refuse(_fd: int) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="I/O"):
        durable_file.replace(path, b"new, and longer")
    assert path.read_bytes() == b"old"
    monkeypatch.undo()
    durable_file.replace(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"new", [path])


def test_the_bytes_are_synced_before_the_name_points_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen, real = tmp_path / "mark", list[bool](), os.fsync

    def watched(fd: int) -> None:
        seen.append(path.exists())
        real(fd)

    monkeypatch.setattr(os, "fsync", watched)
    durable_file.replace(path, b"new")
    assert seen == [False]
    durable_file.replace(path, b"a ready file", is_synced=False)
    assert seen == [False]
    assert path.read_bytes() == b"a ready file"


def test_what_is_created_once_is_never_overwritten_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    durable_file.create(path, b"first")
    with pytest.raises(FileExistsError):
        durable_file.create(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
