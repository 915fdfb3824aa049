"""Under which agreement a partner sees something, looked up for each of their requests: the register is asked once a
second at most, and at once after one of them changed here. While it is away nobody sees anything under an agreement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from aiohttp import web

from cior_core.agreements import Agreement, open_for, scope_of
from cior_core.cameras import Cameras
from cior_core.errors import SourceUnavailable
from cior_core.model import Struct
from cior_core.people import Scope
from cior_register import agreements

_FRESH_S: Final = 1.0


class Reads(Protocol):
    """The register, as far as it is read here."""

    async def read(self, query: Callable[[Any], Any], /) -> Any:
        """A question. Raises ``SourceUnavailable``."""
        ...


class Under(Struct, frozen=True):
    """What a partner may see now: under which agreement, where, and until when (UTC ms)."""

    agreement: Agreement
    scope: Scope
    closes_ms: int


class AgreementBook:
    """All agreements, as fresh as a second. ``cameras``: the catalogue; ``zone``: the city's, of the hours of a day."""

    def __init__(
        self,
        register: Reads,
        *,
        cameras: Callable[[], Cameras],
        zone: ZoneInfo,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.zone = zone
        self._register, self._cameras = register, cameras
        self._now_ms, self._monotonic_s = now_ms, monotonic_s
        self._known: Sequence[Agreement] = ()
        self._asked_s: float | None = None
        self._asking = asyncio.Lock()

    async def open_for(self, granted: Scope) -> Under | None:
        """What whoever has this grant may see now; None: nothing."""
        try:
            known = await self._all()
        except SourceUnavailable:
            return None
        now_ms = self._now_ms()
        found = open_for(known, granted.agencies, now_ms=now_ms, zone=self.zone)
        scope = scope_of(found.terms, self._cameras()) if found is not None else None
        if found is None or scope is None:
            return None
        return Under(found, scope, found.closes_ms(now_ms, self.zone))

    async def _all(self) -> Sequence[Agreement]:
        async with self._asking:
            if self._asked_s is None or not 0 <= self._monotonic_s() - self._asked_s < _FRESH_S:
                self._known = await self._register.read(agreements.every)
                self._asked_s = self._monotonic_s()
        return self._known

    def forget(self) -> None:
        """One of them changed: ask again."""
        self._asked_s = None


AGREEMENTS = web.AppKey("agreements", AgreementBook)
