"""What goes onto the bus and what comes off it.

The catalogue says topic, key and bytes of a record; nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol, Self

from cior_bus.lanes import device_bucket
from cior_bus.spool import REFUSING, Entry, SpoolClass
from cior_core.catalogue import KINDS, LANE_TOPIC, Kind, RecordKind, kind_of
from cior_core.model import Lane, Struct

_CLASS: dict[Lane, SpoolClass] = {
    Lane.URGENT: SpoolClass.LIFE_SAFETY,
    Lane.NORMAL: SpoolClass.NORMAL,
    Lane.TELEMETRY: SpoolClass.TELEMETRY,
}
_LANE: dict[SpoolClass, Lane] = {
    **{spool_class: lane for lane, spool_class in _CLASS.items()},
    SpoolClass.UNPROVEN: Lane.URGENT,
    SpoolClass.UNREAD: Lane.URGENT,
}
_CLASS_BY_TOPIC: dict[str, SpoolClass] = {LANE_TOPIC[lane].name: _CLASS[lane] for lane in Lane}


class MessageOut(Struct, frozen=True):
    """One message to publish. ``bulk``: acknowledged in the spool and drained in envelopes. ``joins``: it may share an
    envelope with those of its topic and key that are published together with it.

    ``spool_class`` None: by the lane of its topic, and life-safety where that has none (the safe side: it refuses
    rather than drops). ``at_ms``: the message's own time (UTC), the same each time it is sent; None: when it is sent.
    """

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    spool_class: SpoolClass | None = None
    bulk: bool = False
    joins: bool = False
    at_ms: int | None = None

    @property
    def effective_class(self) -> SpoolClass:
        """The class with the default by topic filled in."""
        return self.spool_class or _CLASS_BY_TOPIC.get(self.topic, SpoolClass.LIFE_SAFETY)

    @classmethod
    def of(cls, record: Any, *, spool_class: SpoolClass | None = None, key: str | None = None) -> Self:
        """``record`` on its topic, under its key, as the catalogue has them.

        ``spool_class``: that of what it travels with; left out, the record's own. ``key`` for a kind whose key its
        sender must say. Raises ``PayloadRejected`` for a record without wire form, ``KeyError`` for one that the
        catalogue does not have.
        """
        kind = kind_of(record)
        way = _way(kind.kind, None if kind.lane is None else kind.lane(record), spool_class)
        return cls(
            topic=way.topic,
            key=device_bucket(way.bucket(record)) if way.bucket is not None else _key(kind, record, key),
            value=kind.codec.encode(record),
            headers=_headers(kind.headers, record) if kind.headers else (),
            spool_class=way.spool_class,
            bulk=way.bulk,
            joins=way.joins,
            at_ms=kind.instant(record) if kind.instant is not None else None,
        )

    @property
    def entry(self) -> Entry:
        """As it lies in the spool."""
        joins = self.bulk or self.joins
        return Entry(
            topic=self.topic,
            key=self.key,
            value=self.value,
            headers=self.headers,
            bulk=joins,
            at_ms=self.at_ms,
        )


class DurableSink(Protocol):
    """Takes messages and returns only when they are durable (broker acks=all, or fsynced spool): the bus, or a test's
    twin.
    """

    async def publish(self, messages: Sequence[MessageOut], /) -> None:
        """All or nothing. Raises ``CapacityExhausted`` or ``SourceUnavailable`` when nobody can take them."""
        ...


class RecordIn(Struct, frozen=True):
    """One message as read. ``timestamp_ms``: the broker's or producer's time of it (UTC), -1 if it has none.

    ``index``: its position, for one record taken out of an envelope.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    index: int | None = None

    @property
    def where(self) -> str:
        """``topic:partition:offset``, and the position in its envelope."""
        place = f"{self.topic}:{self.partition}:{self.offset}"
        return place if self.index is None else f"{place}:{self.index}"


class _Way(NamedTuple):
    """What is the same for every record of a kind, lane and class; ``bucket``: whose device bucket keys it."""

    topic: str
    bucket: Callable[[Any], str] | None
    spool_class: SpoolClass
    bulk: bool
    joins: bool


@cache
def _way(kind: Kind, lane: Lane | None, spool_class: SpoolClass | None) -> _Way:
    entry = KINDS[kind]
    urgency = lane or _LANE[spool_class or SpoolClass.LIFE_SAFETY]
    effective = spool_class or _CLASS[urgency]
    is_shared = entry.bucket is not None and urgency is not Lane.URGENT
    topic = LANE_TOPIC[urgency] if kind is Kind.EVENT else entry.topics[0]
    return _Way(
        topic=topic.name,
        bucket=entry.bucket if is_shared else None,
        spool_class=effective,
        bulk=is_shared and effective not in REFUSING,
        joins=is_shared,
    )


def _key(kind: RecordKind, record: Any, said: str | None) -> bytes:
    if kind.key is not None:
        return kind.key(record).encode()
    if said is None:
        raise ValueError(f"the key of a {kind.kind.value} must be said")
    return said.encode()


def _headers(names: Iterable[str], record: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, str(getattr(record, name)).encode()) for name in names)
