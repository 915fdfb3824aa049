"""The directory on its way from the register to whoever rings people: published when it changes and when the console
starts, so that the topic says how it stands while the register, or the console, is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import structlog

from cior_bus.message import DurableSink, MessageOut
from cior_console.authorising import Work
from cior_core.duty import DutyBook, PublishedDuty, published
from cior_core.errors import CiorError
from cior_core.model import DEFAULT_AREA
from cior_register import duty_teams

log = structlog.get_logger("cior.console")
T = TypeVar("T")
_RETRY_S = 2.0
_AGAIN_S = 600.0
"""A broker that was made anew has forgotten it."""


class DutyRegister(Protocol):
    """The register, as far as duty needs it."""

    async def read(self, query: Work[T], /) -> T:
        """A question."""
        ...


class SignsDuty(Protocol):
    """Signs in the name of the part that keeps the register."""

    def sign_duty(self, told: PublishedDuty, *, at_ms: int) -> PublishedDuty:
        """With its proof."""
        ...


class DutyKeeping:
    """``zone``: the city's time, in which shifts are written. ``run`` publishes until it is told to stop."""

    def __init__(
        self,
        register: DutyRegister,
        bus: DurableSink,
        *,
        signer: SignsDuty,
        zone: ZoneInfo,
        now_ms: Callable[[], int],
    ) -> None:
        self._register, self._bus, self._signer = register, bus, signer
        self.zone, self._now_ms = zone, now_ms
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Somebody wrote it: publish it soon."""
        self._changed.set()

    async def book(self) -> DutyBook:
        """As it stands. Raises ``SourceUnavailable``."""
        return await self._register.read(duty_teams.book)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish now, at each change, and now and then, until ``stop``."""
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                wait_s = _AGAIN_S if await self._published() else _RETRY_S
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({stopped, changed}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            stopped.cancel()

    async def _published(self) -> bool:
        self._changed.clear()
        try:
            now_ms = self._now_ms()
            told = published(await self.book(), area=DEFAULT_AREA, at_ms=now_ms)
            await self._bus.publish([MessageOut.of(self._signer.sign_duty(told, at_ms=now_ms))])
        except CiorError as error:
            log.warning("duty_not_published", code=error.code)
            return False
        return True
