"""Secrets: told once, in no argument, in files of their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import cast

import pytest

from cior.stack import Stack
from cior.up import tell_keys, told_wall
from cior_bus import durable_file
from cior_bus.centre import load
from cior_bus.keys import KeyRing, open_keys
from cior_bus.segments import SegmentLog
from cior_connectors.builtin.dc09.window import ResendWindow

CENTRE = (
    '[centre]\nname = "Ensayo"\n[bus]\ndsn = "kafka://kafka:9092?profile=kafka"\n'
    '[store]\ndsn = "clickhouse://writer:hunter2@clickhouse:8123/ops"\n'
)


class _Wall:
    wall_address = "http://127.0.0.1:8400/"

    def __init__(self, ring: KeyRing) -> None:
        self.wall_url = f"{self.wall_address}?token={ring.keys.wall_token}"


def secrets_of(ring: KeyRing) -> tuple[str, ...]:
    return ring.keys.wall_token, ring.keys.traccar_secret, ring.keys.dc09_key


def test_what_was_made_is_told_at_the_first_start_and_later_only_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = open_keys(tmp_path / "keys", own_team=True)
    tell_keys(first)
    told = capsys.readouterr().out + told_wall(cast("Stack", _Wall(first)), first)
    assert all(secret in told for secret in secrets_of(first))
    second = open_keys(tmp_path / "keys", own_team=True)
    tell_keys(second)
    told = capsys.readouterr().out + told_wall(cast("Stack", _Wall(second)), second)
    assert not any(secret in told for secret in secrets_of(second))
    assert str(tmp_path / "keys" / "keys.json") in told


def test_no_argument_of_a_part_holds_a_password(tmp_path: Path) -> None:
    """Arguments can be read by every user of the machine."""
    path = tmp_path / "centre.toml"
    path.write_text(CENTRE)
    centre = load(path)
    ring = open_keys(centre.data / "keys", own_team=True)
    stack = Stack(centre, ring.keys)
    specs = list(stack.store_parts())
    assert specs
    for spec in specs:
        told = " ".join(spec.argv)
        assert not any(secret in told for secret in ("hunter2", *secrets_of(ring)))
        assert spec.env["CIOR_STORE"] == "clickhouse://writer:hunter2@clickhouse:8123/ops"


def test_state_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        durable_file.replace(tmp_path / "mark", b"1")
        window = ResendWindow(window_s=600.0, journal=tmp_path / "presses.journal")
        window.open(now_ms=1)
        window.sight("0" * 32, now_ms=1)
        window.close()
        log = SegmentLog(tmp_path / "spool", segment_bytes=4_096)
        log.append(b"a press", at_ms=1)
        log.advance(1)
        log.close()
        damaged = next((tmp_path / "spool").glob("*.seg"), None)
        assert damaged is None or damaged.stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
