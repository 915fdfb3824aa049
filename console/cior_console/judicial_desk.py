"""Judicial requests, wired: their rules, and the threads that do what time asks for, tell the bus and
remind people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import msgspec

from cior_bus.message import DurableSink, MessageOut
from cior_console.judicial_notices import notice_of
from cior_console.judicial_pages import JudicialRoom
from cior_core.errors import SourceUnavailable
from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.judicial.reminding import Reminder
from cior_core.requests import RequestState
from cior_evidence.shelf import Shelf
from cior_register.following import Follower
from cior_register.register import Register
from cior_register.reminding import Reminding
from cior_register.request_clock import RequestClock

_CONFIRM_S = 30.0
_EVERY_S = 5.0
_REMINDED_EVERY_S = 60.0


JURISDICTION = "santa_fe"
"""Whose rules requests follow."""


def rules_of(jurisdiction: str = JURISDICTION) -> Rules:
    """The rules of a jurisdiction that comes with the program."""
    found = bundled_jurisdiction(jurisdiction)
    return Rules(jurisdiction=found, zone=ZoneInfo(found.zone))


class PackageRoom(msgspec.Struct, frozen=True, kw_only=True):
    """``shelf``: where packages stand (None: this centre builds none); ``rings``: the recorders' folders; ``boxes``:
    where the boxes of requests wait to be opened.
    """

    shelf: Shelf | None = None
    rings: tuple[Path, ...] = ()
    boxes: Path | None = None


class JudicialDesk:
    """``room``: what the pages need. ``following``: the threads, made for one loop. ``origin``: where pages are, for
    who is told of them elsewhere.
    """

    def __init__(
        self,
        register: Register,
        jurisdiction: str,
        bus: DurableSink,
        *,
        now_ms: Callable[[], int],
        packages: PackageRoom | None = None,
        origin: str = "",
    ) -> None:
        self._register, self._bus, self._now_ms, self._origin = register, bus, now_ms, origin
        self._changed = Event()
        rules = rules_of(jurisdiction)
        kept = packages or PackageRoom()
        self.room = JudicialRoom(
            rules=rules, changed=self._changed.set, shelf=kept.shelf, rings=kept.rings, boxes=kept.boxes
        )

    def following(self, loop: asyncio.AbstractEventLoop) -> tuple[Follower, ...]:
        """One looks at each change, and every few seconds anyway; one each minute for what people are to be told."""
        at_once = Event()
        at_once.set()
        return (
            Follower("judicial-requests", self._clock(loop).look, self._changed, every_s=_EVERY_S),
            Follower("judicial-reminders", self._reminding(loop).look, at_once, every_s=_REMINDED_EVERY_S),
        )

    def _clock(self, loop: asyncio.AbstractEventLoop) -> RequestClock:
        def publish(states: Sequence[RequestState]) -> None:
            self._send([MessageOut.of(each) for each in states], loop)

        return RequestClock(self._register, self.room.rules, publish, now_ms=self._now_ms)

    def _reminding(self, loop: asyncio.AbstractEventLoop) -> Reminding:
        rules = self.room.rules

        def tell(found: Sequence[Reminder]) -> None:
            zone, now_ms = ZoneInfo(rules.jurisdiction.zone), self._now_ms()
            self._send(
                [notice_of(each, now_ms=now_ms, zone=zone, origin=self._origin) for each in found], loop
            )

        return Reminding(self._register, rules, tell, now_ms=self._now_ms)

    def _send(self, messages: Sequence[MessageOut], loop: asyncio.AbstractEventLoop) -> None:
        """Returns once they are durable. Raises ``SourceUnavailable`` and ``CapacityExhausted``."""
        sent = asyncio.run_coroutine_threadsafe(self._published(messages), loop)
        try:
            sent.result(_CONFIRM_S)
        except TimeoutError:
            raise SourceUnavailable("bus.unconfirmed", "the bus did not confirm in time") from None

    async def _published(self, messages: Sequence[MessageOut]) -> None:
        await self._bus.publish(messages)
