"""Who opened what, when and why: a chained file that grows by a line an opening, before anything is shown (law 9, 17).

It lies where the private key lies, off the servers. The chain is :mod:`cior_core.chain`'s, each line is on the disk
before :meth:`Openings.note` returns, and a file that was changed is refused. What it ends with (:attr:`Openings.head`)
is to be kept elsewhere: a cut tail shows against that alone. ``OSError`` passes through.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

import msgspec

from cior_bus import durable_file
from cior_core.chain import Head, Seen, entry_hash, fingerprint, genesis, verify
from cior_core.chain_place import ChainPlace
from cior_core.errors import ConfigInvalid, IntegrityBroken

_KEY_BYTES = 32


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act. ``record``: id of the raw record or dead letter; ``box``: hex SHA-256 of what was opened; ``key``: id of
    the public key whose private half did it.
    """

    at_ms: int
    who: str
    reason: str
    record: str
    box: str
    key: str

    @property
    def content(self) -> str:
        """Hex SHA-256 of all it says."""
        fields = (str(self.at_ms), self.who, self.reason, self.record, self.box, self.key)
        return fingerprint("cior.opening.v1", *fields)


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    place: ChainPlace
    opening: Opening


class Openings:
    """The file at a path, for one process at a time."""

    def __init__(self, handle: int, head: Head) -> None:
        self._handle = handle
        self.head = head

    @classmethod
    def open(cls, path: Path) -> Self:
        """Go on where the file ends, or begin one that its owner alone may read.

        Raises ``IntegrityBroken`` (``openings.changed``) and ``ConfigInvalid`` (``openings.busy``).
        """
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if fresh:
                durable_file.sync_folder(path.parent)
            whole = path.read_bytes()
            ended = whole.rfind(b"\n") + 1
            # What a kill cut in the middle was never shown: its opening had not begun.
            os.ftruncate(handle, ended)
            return cls(handle, _head_of(whole[:ended]))
        except BlockingIOError as error:
            os.close(handle)
            raise ConfigInvalid(
                "openings.busy", "another process writes this record of openings", cure="wait for it"
            ) from error
        except IntegrityBroken:
            os.close(handle)
            raise

    def note(self, opening: Opening) -> None:
        """Write one act down; it is on the disk when this returns."""
        place = ChainPlace(chain=self.head.chain, seq=self.head.seq + 1, previous=self.head.hash)
        os.write(self._handle, msgspec.json.encode(_Line(place=place, opening=opening)) + b"\n")
        os.fsync(self._handle)
        self.head = Head(place.chain, place.seq, entry_hash(place, opening.content))

    def close(self) -> None:
        """Let another process write."""
        os.close(self._handle)


def _head_of(whole: bytes) -> Head:
    try:
        lines = [msgspec.json.decode(line, type=_Line) for line in whole.splitlines()]
    except msgspec.MsgspecError as error:
        raise _changed() from error
    if not lines:
        chain = f"openings/{secrets.token_hex(8)}"
        return Head(chain, 0, genesis(chain))
    seen = [Seen.of(line.place, line.opening.content, line.opening.record) for line in lines]
    last = seen[-1]
    numbers = [each.place.seq for each in seen]
    is_whole = numbers == list(range(1, len(seen) + 1)) and len({each.place.chain for each in seen}) == 1
    if not is_whole or verify(last.place.chain, reversed(seen), pins={last.place.seq: last.hash}).defects:
        raise _changed()
    return Head(last.place.chain, last.place.seq, last.hash)


def _changed() -> IntegrityBroken:
    return IntegrityBroken(
        "openings.changed",
        "the record of openings is not what was written",
        cure="keep this file as it is, tell the auditor, and begin another one",
    )


def read_key(path: Path) -> bytes:
    """A private key of 32 bytes as base64. Raises ``ConfigInvalid`` when it is none, or others may read it."""
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "opening.key_readable_by_others",
            f"{path.name} may be read by others",
            cure=f"chmod 600 {path.name}",
        )
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigInvalid(
            "opening.key", f"{path.name} is no private key", cure="32 bytes as base64, made by `cior keys`"
        )
    return key
