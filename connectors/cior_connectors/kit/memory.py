"""The bus's in-memory twin: keeps messages in order, can be held (durability waits), full (refuses) or dead (fails)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CapacityExhausted
from cior_core.model import DeadLetter, Event, RawRecord

_RAW = (topics.RAW.name, topics.SEALED.name)
_LANES = (topics.URGENT.name, topics.EVENTS.name, topics.TELEMETRY.name)


class MemorySink:
    """``messages`` are durable, in order of publishing; ``waiting`` counts payloads (raw records) that are being
    published and are not yet. Awaiting ``publish`` waits for :meth:`release` while held.
    """

    def __init__(self) -> None:
        self.messages: list[MessageOut] = []
        self.full = False
        self.waiting = 0
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """From now on nothing becomes durable."""
        self._open.clear()

    def release(self) -> None:
        """What waits becomes durable."""
        self._open.set()

    async def publish(self, messages: Sequence[MessageOut], /) -> None:
        """All or nothing. Raises ``CapacityExhausted`` while ``full``."""
        payloads = sum(message.topic in _RAW for message in messages)
        self.waiting += payloads
        try:
            await self._open.wait()
        finally:
            self.waiting -= payloads
        if self.full:
            raise CapacityExhausted("spool.full", "the spool is full")
        self.messages += messages

    def events(self) -> list[Event]:
        """All events on all lanes."""
        return [
            event
            for message in self.messages
            if message.topic in _LANES
            for event in codec.records(Kind.EVENT, message.value)
        ]

    def decoded(self) -> list[Event]:
        """Events that came from bytes (not the runtime's own)."""
        return [event for event in self.events() if event.raw is not None]

    def raws(self) -> list[RawRecord]:
        """All raw records, sealed ones too."""
        return [
            record
            for message in self.messages
            if message.topic in _RAW
            for record in codec.records(Kind.RAW, message.value)
        ]

    def dead(self) -> list[DeadLetter]:
        """All dead letters."""
        return [
            letter
            for message in self.messages
            if message.topic == topics.DEAD.name
            for letter in codec.records(Kind.DEAD, message.value)
        ]
