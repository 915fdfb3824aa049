"""Signs of life and condition of devices that must not be told from one another by when they spoke (law 17).

One frame, one word outside would show a press: by an instant that is the alert's too, or by a gap where a panel that
pressed was not heard. So these are told together, once a period of the device and as of its end, whatever was heard
within it: a press that travels sealed keeps its panel alive as any other frame does, and adds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from cior_bus.message import DurableSink, MessageOut
from cior_core.errors import SourceUnavailable
from cior_core.model import DataClass, Event, EventId

MAX_DEVICES = 50_000
"""Of those that nobody registered."""
AT_ONCE = 500
USUAL_S, SHORTEST_S, LONGEST_S, OPEN_S = 60.0, 10.0, 3_600.0, 300.0


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told at ``due_ms``: what the device says when it is well, and what it said besides, by its type."""

    due_ms: int
    alive: Event
    said: dict[str, Event]


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A device that spoke. ``alive`` None: what it usually says of itself, if it ever did. ``said``: of its condition.
    ``every_s``: how often it ought to speak.
    """

    subject: str
    alive: Event | None = None
    every_s: float | None = None
    said: Event | None = None


class Signs:
    """Of one line. ``key`` names an event by who says it, what and when, so that nobody can try it out."""

    def __init__(self, *, key: Callable[..., str]) -> None:
        self._key = key
        self._heard: dict[str, _Heard] = {}
        self._usual: dict[str, tuple[Event, float | None]] = {}

    def heard(self, sign: Sign, *, now_ms: int) -> None:
        """A device spoke, and its bytes are durable. The newest word of each type and phase is kept for its period's
        end.
        """
        alive, every_s = sign.alive, sign.every_s
        if alive is None:
            if sign.subject not in self._usual:
                return
            alive, every_s = self._usual[sign.subject]
        if not self._has_room(sign.subject, alive):
            return
        self._usual[sign.subject] = alive, every_s
        known = self._heard.get(sign.subject)
        said = known.said if known is not None else {}
        if sign.said is not None:
            said = said | {f"{sign.said.type}/{sign.said.phase.value}": sign.said}
        # Who speaks in the open is told soon; who only pressed, when he is due: his press adds no sign of life.
        is_open = sign.alive is not None and sign.alive.data_class is not DataClass.SEALED
        due_ms = _end_ms(min(OPEN_S, every_s or USUAL_S) if is_open else every_s, now_ms)
        due_ms = due_ms if known is None else min(due_ms, known.due_ms)
        self._heard[sign.subject] = _Heard(due_ms=due_ms, alive=alive, said=said)

    def _has_room(self, subject: str, alive: Event) -> bool:
        """Whoever invents devices takes no room from those that are registered, and no memory without end."""
        return subject in self._usual or alive.registered is True or len(self._usual) < MAX_DEVICES

    def due(self, *, now_ms: int) -> list[Event]:
        """What is to be told now, by device and not by who spoke first."""
        ended = sorted(subject for subject, each in self._heard.items() if each.due_ms <= now_ms)
        found: list[Event] = []
        for subject in ended:
            each = self._heard.pop(subject)
            found += [self._dated(event, each.due_ms) for event in (each.alive, *each.said.values())]
        return found

    def _dated(self, event: Event, at_ms: int) -> Event:
        name = self._key("sign", event.subject, event.type, event.phase.value, str(at_ms))
        return msgspec.structs.replace(
            event,
            id=EventId(name),
            occurred_ms=at_ms,
            received_ms=at_ms,
            clock_error_s=None,
            native_key=None,
            raw=None,
        )


def _end_ms(every_s: float | None, now_ms: int) -> int:
    """The end of the device's period in which ``now_ms`` lies: periods are everybody's, they begin at the epoch."""
    period_ms = round(min(LONGEST_S, max(SHORTEST_S, every_s or USUAL_S)) * 1000)
    return (now_ms // period_ms + 1) * period_ms


async def tell(signs: Signs, sink: DurableSink, now_ms: Callable[[], int]) -> None:
    """Tell each when its period ends; never ends by itself. What neither broker nor spool takes waits."""
    while True:
        await asyncio.sleep(1.0)
        due = [MessageOut.of(event) for event in signs.due(now_ms=now_ms())]
        while due:
            try:
                await sink.publish(due[:AT_ONCE])
                due = due[AT_ONCE:]
            except SourceUnavailable:
                await asyncio.sleep(0.5)
