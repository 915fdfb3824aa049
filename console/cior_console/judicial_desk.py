"""Judicial requests, wired: their rules, and the thread that does what time asks for and tells the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import msgspec

from cior_bus.message import DurableSink, MessageOut
from cior_console.judicial_pages import JudicialRoom
from cior_core.errors import SourceUnavailable
from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.requests import RequestState
from cior_evidence.shelf import Shelf
from cior_register.following import Follower
from cior_register.register import Register
from cior_register.request_clock import RequestClock

_CONFIRM_S = 30.0
_EVERY_S = 5.0


JURISDICTION = "santa_fe"
"""Whose rules requests follow."""


def rules_of(jurisdiction: str = JURISDICTION) -> Rules:
    """The rules of a jurisdiction that comes with the program."""
    found = bundled_jurisdiction(jurisdiction)
    return Rules(jurisdiction=found, zone=ZoneInfo(found.zone))


class PackageRoom(msgspec.Struct, frozen=True, kw_only=True):
    """``shelf``: where packages stand (None: this centre builds none); ``rings``: the recorders' folders."""

    shelf: Shelf | None = None
    rings: tuple[Path, ...] = ()


class JudicialDesk:
    """``room``: what the pages need. ``following``: the thread, made for one loop."""

    def __init__(
        self,
        register: Register,
        jurisdiction: str,
        bus: DurableSink,
        *,
        now_ms: Callable[[], int],
        packages: PackageRoom | None = None,
    ) -> None:
        self._register, self._bus, self._now_ms = register, bus, now_ms
        self._changed = Event()
        rules = rules_of(jurisdiction)
        kept = packages or PackageRoom()
        self.room = JudicialRoom(rules=rules, changed=self._changed.set, shelf=kept.shelf, rings=kept.rings)

    def following(self, loop: asyncio.AbstractEventLoop) -> Follower:
        """Looks at each change, and every few seconds anyway."""

        def publish(states: Sequence[RequestState]) -> None:
            messages = [MessageOut.of(each) for each in states]
            sent = asyncio.run_coroutine_threadsafe(self._published(messages), loop)
            try:
                sent.result(_CONFIRM_S)
            except TimeoutError:
                raise SourceUnavailable("bus.unconfirmed", "the bus did not confirm in time") from None

        clock = RequestClock(self._register, self.room.rules, publish, now_ms=self._now_ms)
        return Follower("judicial-requests", clock.look, self._changed, every_s=_EVERY_S)

    async def _published(self, messages: Sequence[MessageOut]) -> None:
        await self._bus.publish(messages)
