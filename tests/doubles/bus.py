"""A bus in memory, and a message that arrived from one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cior_bus import topics
from cior_bus.message import MessageOut, RecordIn
from cior_core.errors import SourceUnavailable
from doubles.clock import T0_MS


class MemoryBus:
    """Keeps what was published, in order.

    Away for the first ``away`` calls; ``around`` is called before each message and once after the last.
    """

    def __init__(self, *, away: int = 0, around: Callable[[], None] = lambda: None) -> None:
        self.away = away
        self.sent: list[MessageOut] = []
        self._around = around

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        if self.away:
            self.away -= 1
            raise SourceUnavailable("bus.broker_away", "away")
        for message in messages:
            self._around()
            self.sent.append(message)
        self._around()

    def on(self, topic: str) -> list[MessageOut]:
        """What was published to one topic."""
        return [message for message in self.sent if message.topic == topic]


def record_in(
    value: bytes | None,
    *,
    topic: str = topics.URGENT.name,
    partition: int = 0,
    offset: int = 0,
    key: bytes | None = b"bus-12",
    timestamp_ms: int = T0_MS,
) -> RecordIn:
    """A message that arrived, as a consumer gives it."""
    return RecordIn(
        topic=topic, partition=partition, offset=offset, key=key, value=value, timestamp_ms=timestamp_ms
    )
