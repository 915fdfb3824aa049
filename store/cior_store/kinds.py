"""What the writers accept: one message of a topic as a consumer gives it, and a decoded record with where it stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from cior_core.catalogue import KIND_OF_TOPIC, KINDS, Kind
from cior_core.model import DeadLetter, Struct

STORED_TOPICS = tuple(topic for topic, kind in KIND_OF_TOPIC.items() if KINDS[kind].table)
"""The topics whose records have a table."""

ADDITIVE = frozenset({Kind.EVENT})
"""Kinds whose tables feed views that *add* (rollups): a batch of them must never go in twice, so its plan is durable
before it is written. All other tables and views keep one row a key, whatever comes twice.
"""


class Message(Protocol):
    """One message as a consumer gives it (``cior_bus.message.RecordIn``; the store does not import its sibling)."""

    @property
    def topic(self) -> str:
        """Topic name."""
        ...

    @property
    def partition(self) -> int:
        """Partition number."""
        ...

    @property
    def offset(self) -> int:
        """Offset in the partition."""
        ...

    @property
    def timestamp_ms(self) -> int:
        """The broker's or producer's timestamp, UTC milliseconds."""
        ...

    @property
    def value(self) -> bytes | None:
        """The bytes; None is a tombstone."""
        ...


class Origin(Struct, frozen=True):
    """Where a record stood: its topic, partition and offset, and its index in the envelope."""

    topic: str
    partition: int
    offset: int
    index: int = 0
    timestamp_ms: int = 0


class Entry(Struct, frozen=True):
    """One decoded record with its exact bytes and where it stood."""

    record: Any
    body: bytes
    origin: Origin


OnDead = Callable[[DeadLetter], None]
"""Takes a dead letter and returns only when it is durable."""
