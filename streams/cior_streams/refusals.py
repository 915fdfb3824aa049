"""What became of acts that count for nothing (law 13): a dead letter each, and an event that somebody hears.

Whoever can write to the topic can write a thousand, so a reason is told once a minute, with how many there were.
"""

from __future__ import annotations

from collections.abc import Sequence

from cior_bus.message import MessageOut, RecordIn
from cior_core.errors import CiorError
from cior_core.model import ClockQuality, Producer
from cior_core.ports import Clock
from cior_core.system_events import system_event
from cior_streams.sequencing import Sequencer

TYPE = "integrity.action"
_EVERY_MS = 60_000


class Refusals:
    """One per worker."""

    def __init__(self, sequencer: Sequencer, *, clock: Clock, drill: bool = False) -> None:
        self._sequencer, self._clock, self._drill = sequencer, clock, drill
        self._told_ms: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def told(self, record: RecordIn, error: BaseException) -> Sequence[MessageOut]:
        """The event about a refused act, unless its reason was told in the last minute; nothing for other errors."""
        if not isinstance(error, CiorError) or not error.code.startswith("action."):
            return ()
        code, now_ms = error.code, self._clock.now_ms()
        self._count[code] = self._count.get(code, 0) + 1
        if now_ms - self._told_ms.get(code, -_EVERY_MS) < _EVERY_MS:
            return ()
        self._told_ms[code] = now_ms
        where = record.where
        event = system_event(
            TYPE,
            source="urn:cior:streams",
            subject="bus:actions",
            key=where,
            at_ms=now_ms,
            clock=ClockQuality.SYNCED,
            producer=Producer(connector="cior.streams", version="1"),
            drill=self._drill,
            native_key=where,
            attributes={"reason": code, "actions": self._count.pop(code), "at": where},
        )
        return self._sequencer.items_of([event])
