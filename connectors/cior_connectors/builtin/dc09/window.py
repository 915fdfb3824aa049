"""What a receiver must remember to tell a resend from a second press, and a cloned account from a panel that moved.

Labels only: nothing is ever filtered by it.

DC-09 has no key of its own: the sequence pairs replies and restarts. The rule here (protocols research §3): same
account, sequence and content within the window are one press. The window starts at the first receipt and does not
slide, so a panel stuck on one sequence still makes a new press every ten minutes. The first receipt's instant goes into
the facts of every resend, so ``decode`` stays pure and replay gives the ids of the live run.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

import msgspec

from cior_bus import durable_file
from cior_core.identity import is_pseudonym

MAX_PRESSES = 100_000
MAX_ACCOUNTS = 100_000
COMPACT_BYTES = 1_048_576


class Sighting(msgspec.Struct, frozen=True):
    """The press a frame belongs to: instant of its first receipt (UTC ms) and how often it was repeated since (0: this
    is the first).
    """

    first_ms: int
    repeat: int


class ResendWindow:
    """Presses of the last ``window_s`` seconds. Bounded: the oldest leave first.

    Their keys are digests with the centre's key (:func:`cior_core.identity.pseudonym`): a thousand accounts times a
    few codes are tried in a second, so a plain digest in the journal would name who pressed in silence (law 17).
    """

    def __init__(
        self, *, window_s: float, journal: Path | None = None, max_presses: int = MAX_PRESSES
    ) -> None:
        self._max_presses = max_presses
        self._window_ms = int(window_s * 1000)
        self._presses: OrderedDict[str, Sighting] = OrderedDict()
        self._path = journal
        self._descriptor: int | None = None
        self._written = 0
        self._compacted = 0

    def open(self, *, now_ms: int) -> None:
        """Read the journal of the process before and start a compact one.

        Lines that make no sense are skipped, and so are those of an older version, whose digests anybody could try:
        they are gone from the disk on return.
        """
        if self._path is None:
            return
        with contextlib.suppress(FileNotFoundError):
            for line in self._path.read_text(encoding="ascii", errors="replace").splitlines():
                self._remember(line)
        self._expire(now_ms)
        self._compact()

    def close(self) -> None:
        """Release the journal; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def sight(self, key: str, *, now_ms: int, before: tuple[str, ...] = ()) -> Sighting:
        """Which press ``key`` is at ``now_ms``; ``before``: its digests by keys that were replaced since.

        A clock that stepped back counts as the same window.
        """
        self._expire(now_ms)
        key = next((each for each in before if each in self._presses), key)
        known = self._presses.get(key)
        if known is not None and now_ms - known.first_ms < self._window_ms:
            seen = Sighting(known.first_ms, known.repeat + 1)
        else:
            self._presses.pop(key, None)
            seen = Sighting(now_ms, 0)
        self._presses[key] = seen
        # Before the press is handed over: a crash between publish and acknowledgement makes the panel send again to the
        # next process. Not fsynced: after a power cut a resend may become a second event, which beats a miss.
        self._append(key, seen)
        return seen

    def _expire(self, now_ms: int) -> None:
        while self._presses:
            key, oldest = next(iter(self._presses.items()))
            if now_ms - oldest.first_ms < self._window_ms and len(self._presses) < self._max_presses:
                return
            del self._presses[key]

    def _remember(self, line: str) -> None:
        key, _, numbers = line.partition(" ")
        first, _, repeat = numbers.partition(" ")
        if is_pseudonym(key) and first.isdigit() and repeat.isdigit():
            self._presses[key] = Sighting(int(first), int(repeat))

    def _append(self, key: str, seen: Sighting) -> None:
        if self._descriptor is None:
            return
        self._written += os.write(self._descriptor, f"{key} {seen.first_ms} {seen.repeat}\n".encode("ascii"))
        if self._written > max(COMPACT_BYTES, 2 * self._compacted):
            self._compact()

    def _compact(self) -> None:
        if self._path is None:
            return
        self.close()
        text = "".join(f"{key} {seen.first_ms} {seen.repeat}\n" for key, seen in self._presses.items())
        durable_file.replace(self._path, text.encode("ascii"), is_synced=False)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._written = self._compacted = len(text)


class PeerWatch:
    """Tells a cloned account (address A, then B, then A again) from a panel whose address changed once (mobile network,
    new line).
    """

    def __init__(self, *, window_s: float) -> None:
        self._window_ms = int(window_s * 1000)
        self._seen: OrderedDict[str, tuple[tuple[str, int], ...]] = OrderedDict()

    def sight(self, account: str, peer: str, *, now_ms: int) -> tuple[str, int] | None:
        """``(the other address, instant at which it was last seen)`` when ``peer`` comes back after another one within
        the window, else None.
        """
        recent = tuple(
            entry for entry in self._seen.get(account, ()) if abs(now_ms - entry[1]) < self._window_ms
        )
        others = tuple(entry for entry in recent if entry[0] != peer)
        own = next((entry for entry in recent if entry[0] == peer), None)
        self._seen[account] = (*others[-3:], (peer, now_ms))
        self._seen.move_to_end(account)
        if len(self._seen) > MAX_ACCOUNTS:
            self._seen.popitem(last=False)
        between = [entry for entry in others if own is not None and entry[1] >= own[1]]
        return between[-1] if between else None
