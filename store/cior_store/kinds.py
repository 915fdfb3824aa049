"""What the writers accept: one message of a topic, the kinds of records, and the codec that the composition root lends us.

The store does not import the bus (siblings meet on topics and tables), so a message is a protocol that ``cior_bus.consumer`` records satisfy, and the
codec is another that the root adapts from ``cior_bus.codec``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from cior_core.model import DeadLetter, Struct


class Kind(StrEnum):
    """What a topic carries. ``SEALED`` is raw records of the sealed topic: they go to the sealed database only."""

    RAW = "raw"
    SEALED = "sealed"
    EVENT = "event"
    ALERT = "alert"
    TRANSITION = "transition"
    ACTION = "action"
    COMMAND = "command"
    RECEIPT = "receipt"
    DEAD = "dead"


ADDITIVE = frozenset({Kind.EVENT})
"""Kinds whose tables feed views that *add* (rollups): a batch of them must never go in twice, so its cut is planned before it is written. All other
tables and views keep one row a key, whatever comes twice."""


class Message(Protocol):
    """One message as the bus consumer gives it."""

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


class Codec(Protocol):
    """The wire form, lent by the composition root. Both raise ``PayloadRejected`` and nothing else."""

    def split(self, kind: str, value: bytes) -> Sequence[bytes]:
        """The undecoded records of a message, single or envelope."""
        ...

    def decode(self, kind: str, value: bytes) -> Any:
        """One record (``Kind.SEALED`` is decoded as ``raw``)."""
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

Routes = Mapping[str, Kind]
"""Topic name to what it carries."""
