"""What the rooms ask of the outside world, as protocols. Implementations live at the edges; tests have in-memory twins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Clock(Protocol):
    """The one reading of the wall clock (law 6). Edges hold one; the core never does."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        ...


class Publication(Protocol):
    """One message to publish."""

    @property
    def topic(self) -> str:
        """Name of the topic, from ``cior_bus.topics``."""
        ...

    @property
    def key(self) -> bytes:
        """What decides the partition, and so what keeps its order."""
        ...

    @property
    def value(self) -> bytes:
        """The encoded record."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values, in the order in which they travel."""
        ...


class DurableSink(Protocol):
    """Takes messages and returns only when they are durable (broker acks=all, or fsynced spool)."""

    async def publish(self, messages: Sequence[Publication]) -> None:
        """All or nothing durable before return. Raises ``CapacityExhausted`` when neither the broker nor the spool can take them."""
        ...
