"""The correlator's state of each area in a table, so that a killed worker, or another one, goes on where it stopped.

The entries of a step are written in the order of ``correlate.persist``, ``head`` last, and ``head`` is wrapped with the
source offset it belongs to, in *one* table value (law 3). The changelog of a partition is ordered, so a recovery finds
either no ``head`` of the step, and ``persist`` takes its other entries back and the item runs again; or its ``head``,
and the offset says that the item was applied.

Keys: ``<area> NUL <entry>``. State is restored lazily, cached, and forgotten on every rebalance.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import msgspec

from cior_core.model import AreaId
from cior_streams.domain import HEAD, Correlator


class Held(msgspec.Struct, frozen=True):
    """An area's state and how far it has read its log.

    The last offset, the newest sequencing instant, and which epoch of the log it is.
    """

    state: Any
    offset: int = -1
    newest_ms: int = 0
    epoch: int = 0

    def has_applied(self, offset: int, at_ms: int) -> bool:
        """Whether this very item was applied.

        After a data loss of the broker offsets start over, but time does not: then the offset is old and the instant is
        new, and the item is taken.
        """
        return offset <= self.offset and at_ms <= self.newest_ms

    def is_reset(self, offset: int, at_ms: int) -> bool:
        """Whether the source log has started over."""
        return offset <= self.offset and at_ms > self.newest_ms


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """How ``head`` lies in the table."""

    offset: int
    newest_ms: int
    epoch: int
    value: bytes


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Head).decode


class AreaMemory:
    """``table`` is a Faust table (a dict in tests) of bytes by bytes; ``correlator`` reads and writes its entries."""

    def __init__(self, table: MutableMapping[bytes, bytes], correlator: Correlator) -> None:
        self._table, self.correlator = table, correlator
        self._held: dict[AreaId, Held] = {}

    def forget(self) -> None:
        """The table may have changed behind the cache (rebalance): read it again before the next step."""
        self._held.clear()

    @property
    def areas(self) -> tuple[AreaId, ...]:
        """The areas in the cache."""
        return tuple(self._held)

    def load(self, area: AreaId) -> Held:
        """An area's state, from the cache or from the table."""
        held = self._held.get(area)
        if held is None:
            held = self._held[area] = self._restore(area)
        return held

    def _restore(self, area: AreaId) -> Held:
        start = _key(area, "")
        entries = {
            key[len(start) :].decode(): value
            for key, value in list(self._table.items())
            if key.startswith(start) and value
        }
        if HEAD not in entries:
            return Held(state=self.correlator.restore(area, entries))
        head = _DECODE(entries[HEAD])
        state = self.correlator.restore(area, entries | {HEAD: head.value})
        return Held(state=state, offset=head.offset, newest_ms=head.newest_ms, epoch=head.epoch)

    def keep(self, area: AreaId, before: Held, state: Any, *, offset: int, at_ms: int) -> None:
        """Write one step. Call inside the iteration of the source message, and only after its effects are confirmed."""
        entries = self.correlator.entries(before.state, state)
        head = entries.pop(HEAD)
        for name, value in entries.items():
            if value is not None:
                self._table[_key(area, name)] = value
            else:
                self._table.pop(_key(area, name), None)
        after = Held(
            state=state,
            offset=offset,
            newest_ms=max(before.newest_ms, at_ms),
            epoch=before.epoch + before.is_reset(offset, at_ms),
        )
        self._table[_key(area, HEAD)] = _ENCODE(
            _Head(after.offset, after.newest_ms, after.epoch, head or b"")
        )
        self._held[area] = after


def _key(area: AreaId, name: str) -> bytes:
    return f"{area}\0{name}".encode()
