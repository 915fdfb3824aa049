"""One writer's hash chain over what it takes, durable against the death of its process (law 15).

A number is given once. The state is written before an entry is published and again when its publishing has ended, in
turn to one of two files, each with its own digest, so that a kill in the middle of a write leaves the one before. What
was under way at a kill is declared *void* by the next entry: it may stand in the log or not.

A write is not synced: a killed process loses nothing of it, a power cut may. So the state carries the boot it belongs
to, and after a restart of the machine without an orderly end a new chain begins under a new name. It never forks.
``OSError`` passes through.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from cior_bus import durable_file
from cior_core.chain import Head, Void, entry_hash, genesis, void_text
from cior_core.chain_place import ChainPlace

MAX_DECLARED = 32
"""Void ranges that one entry carries; the rest waits for the next."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_DIGEST_BYTES = 32


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the disk. ``end``: the last number given; ``settled``: the last one known to be durable."""

    writes: int
    boot: str
    is_closed: bool
    end: Head
    settled: Head
    flying: tuple[Void, ...]
    void: tuple[Void, ...]


class ReceiptChain:
    """The chain of one writer; used by one thread (an event loop). ``name`` is followed by a random part, so that a
    state that was lost begins another chain.
    """

    def __init__(self, path: Path, state: _State) -> None:
        self._path, self._writes, self._boot = path, state.writes, state.boot
        self._end, self._settled = state.end, state.settled
        self._flying: dict[int, tuple[str, str]] = {}
        self._void = list(state.void)
        self._carried: dict[int, tuple[Void, ...]] = {}

    @classmethod
    def open(cls, path: Path, *, name: str, boot: str | None = None) -> Self:
        """Go on where the state of ``path`` ends, or begin. ``boot``: of this machine's run (tests)."""
        now = _boot() if boot is None else boot
        path.parent.mkdir(parents=True, exist_ok=True)
        found = max(
            (each for each in map(_read, _files(path)) if each), key=lambda it: it.writes, default=None
        )
        if found is None or not (found.is_closed or found.boot == now != ""):
            start = _start(name)
            writes = 0 if found is None else found.writes
            found = _State(
                writes=writes, boot=now, is_closed=False, end=start, settled=start, flying=(), void=()
            )
        state = msgspec.structs.replace(found, boot=now, void=(*found.void, *found.flying), flying=())
        chain = cls(path, state)
        chain._write(is_synced=True)
        chain._write(is_synced=True)
        return chain

    @property
    def head(self) -> Head:
        """The last entry that is known to be durable."""
        return self._settled

    def append(self, contents: Sequence[str]) -> tuple[ChainPlace, ...]:
        """A place for each of these contents (hex SHA-256), in order; written down when this returns."""
        before = self._end
        given: list[tuple[ChainPlace, tuple[Void, ...]]] = []
        for content in contents:
            declared = () if given else tuple(self._void[:MAX_DECLARED])
            place = ChainPlace(
                chain=before.chain, seq=self._end.seq + 1, previous=self._end.hash, void=void_text(declared)
            )
            given.append((place, declared))
            self._end = Head(place.chain, place.seq, entry_hash(place, content))
            self._flying[place.seq] = place.previous, self._end.hash
        for place, declared in given:
            self._carried |= {place.seq: declared} if declared else {}
        try:
            self._write()
        except OSError:
            self._end = before
            self._forget([place for place, _ in given])
            raise
        return tuple(place for place, _ in given)

    def settled(self, places: Sequence[ChainPlace]) -> None:
        """These entries are durable."""
        for place in places:
            said = self._carried.get(place.seq, ())
            self._void = [each for each in self._void if each not in said]
        newest = max(places, key=lambda place: place.seq)
        if newest.seq > self._settled.seq:
            self._settled = Head(newest.chain, newest.seq, self._flying[newest.seq][1])
        self._forget(places)
        self._write()

    def abandoned(self, places: Sequence[ChainPlace]) -> None:
        """These entries were refused: their numbers are void, and the next entry says so."""
        self._void = _joined([*self._void, *(Void(each.seq, each.seq, each.previous) for each in places)])
        self._forget(places)
        self._write()

    def close(self) -> None:
        """An orderly end: synced, so that the chain goes on after a restart of the machine too."""
        self._write(is_synced=True, is_closed=True)

    def _forget(self, places: Sequence[ChainPlace]) -> None:
        for place in places:
            self._flying.pop(place.seq, None)
            self._carried.pop(place.seq, None)

    def _write(self, *, is_synced: bool = False, is_closed: bool = False) -> None:
        self._writes += 1
        flying = _joined([Void(seq, seq, before) for seq, (before, _) in sorted(self._flying.items())])
        state = _State(
            writes=self._writes,
            boot=self._boot,
            is_closed=is_closed,
            end=self._end,
            settled=self._settled,
            flying=tuple(flying),
            void=tuple(self._void),
        )
        content = msgspec.msgpack.encode(state)
        framed = hashlib.sha256(content).digest() + len(content).to_bytes(4, "big") + content
        _overwrite(_files(self._path)[self._writes % 2], framed, is_synced=is_synced)


def _start(name: str) -> Head:
    chain = f"{name}/{secrets.token_hex(4)}"
    return Head(chain, 0, genesis(chain))


def _joined(voids: Sequence[Void]) -> list[Void]:
    """Neighbouring ranges as one: the hash before the first of them is enough."""
    joined: list[Void] = []
    for each in sorted(voids, key=lambda void: void.first):
        if joined and joined[-1].last + 1 >= each.first:
            last = joined.pop()
            each = Void(last.first, max(last.last, each.last), last.before)  # noqa: PLW2901
        joined.append(each)
    return joined


def _files(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.0"), path.with_name(f"{path.name}.1")


def _read(path: Path) -> _State | None:
    try:
        framed = path.read_bytes()
    except FileNotFoundError:
        return None
    size = int.from_bytes(framed[_DIGEST_BYTES : _DIGEST_BYTES + 4], "big")
    content = framed[_DIGEST_BYTES + 4 :][:size]
    if hashlib.sha256(content).digest() != framed[:_DIGEST_BYTES]:
        return None
    try:
        return msgspec.msgpack.decode(content, type=_State)
    except msgspec.DecodeError:
        return None


def _overwrite(path: Path, framed: bytes, *, is_synced: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(handle, framed, 0)
        if is_synced:
            os.fsync(handle)
    finally:
        os.close(handle)
    if is_synced:
        durable_file.sync_folder(path.parent)


def _boot() -> str:
    """Of this run of the machine; empty where the system does not tell it: then every start begins a new chain."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
