"""Sessions as requests show them: asked of the register once a second at most, and over at once when they are over.

The register knows when a session began, when it ends at the latest, and whether somebody ended it. When it was last
used is known here alone: that is written down only when it was too long ago. After a restart of the console a session
counts as used when it is first shown again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from cior_core.errors import SourceUnavailable
from cior_core.model import Struct
from cior_core.people import Person, Session, SessionKind
from cior_register.sessions import digest as digest_of

log = structlog.get_logger("cior.console")

_ASK_AGAIN_MS: Final = 1000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


class SessionLimits(Struct, frozen=True, kw_only=True):
    """How long a session lasts: without a request or an open page, and in all. A shift has twelve hours and its
    hand-over; a wall comes back by itself after a power cut.
    """

    idle_ms: int = _HOUR_MS
    life_ms: int = 13 * _HOUR_MS
    display_idle_ms: int = 30 * _DAY_MS
    display_life_ms: int = 365 * _DAY_MS

    def idle(self, kind: SessionKind) -> int:
        """Without use, in ms."""
        return self.display_idle_ms if kind is SessionKind.DISPLAY else self.idle_ms

    def life(self, kind: SessionKind) -> int:
        """In all, in ms."""
        return self.display_life_ms if kind is SessionKind.DISPLAY else self.life_ms


class Found(Struct, frozen=True):
    """A session that is good now, and whose it is."""

    session: Session
    person: Person


class _Live(msgspec.Struct):
    token: str
    found: Found
    asked_ms: int
    used_ms: int


Read = Callable[[str], Awaitable[Found | None]]
"""The session of this token while it lasts, of somebody who is not disabled. Raises ``SourceUnavailable``."""
End = Callable[[Found, str], Awaitable[None]]
"""Write down that it is over, and why. Raises ``SourceUnavailable``."""


def _is_strange(found: Found, label: str) -> bool:
    """Whether a wall's session is shown by another kind of browser: it is refused and goes on, or whoever copied its
    token could put the wall out. One of an earlier release carries the wall's name, and may be shown by any.
    """
    session = found.session
    return session.kind is SessionKind.DISPLAY and session.label not in {label, found.person.name}


class LiveSessions:
    """The sessions of this process. What ``end`` writes down is dropped here."""

    def __init__(self, read: Read, end: End, *, now_ms: Callable[[], int], limits: SessionLimits) -> None:
        self._read, self._end = read, end
        self._now_ms, self.limits = now_ms, limits
        self._live: dict[bytes, _Live] = {}

    async def find(self, token: str, label: str) -> Found | None:
        """Whose session this token is, if it is good now and shown by the kind of browser that began it.

        While the register is away those who were signed in stay so. Raises ``SourceUnavailable`` for anybody else.
        """
        if not token:
            return None
        live = await self._asked(token)
        return None if live is None else await self._used(live, label)

    def began(self, token: str, found: Found) -> None:
        """A session that was begun here just now: used from this moment on."""
        self._live[digest_of(token)] = _Live(token, found, 0, self._now_ms())

    async def _used(self, live: _Live, label: str) -> Found | None:
        if _is_strange(live.found, label):
            log.warning("display_shown_elsewhere", session=live.found.session.id)
            return None
        why = self._why_over(live, label)
        if why is not None:
            await self._over(live, why)
            return None
        live.used_ms = self._now_ms()
        return live.found

    def forget(self, session_id: str) -> None:
        """It was ended, or it changed: ask again."""
        gone = [key for key, live in self._live.items() if live.found.session.id == session_id]
        for digest in gone:
            del self._live[digest]

    async def sweep(self) -> None:
        """End what nobody used for too long; called once a minute."""
        for live in list(self._live.values()):
            why = self._why_over(live, live.found.session.label)
            if why is not None:
                await self._over(live, why)

    async def _asked(self, token: str) -> _Live | None:
        digest, now_ms = digest_of(token), self._now_ms()
        live = self._live.get(digest)
        if live is not None and 0 <= now_ms - live.asked_ms < _ASK_AGAIN_MS:
            return live
        try:
            found = await self._read(token)
        except SourceUnavailable:
            if live is None:
                raise
            return live
        if found is None:
            self._live.pop(digest, None)
            return None
        if live is None:
            live = self._live.setdefault(digest, _Live(token, found, now_ms, now_ms))
        live.found, live.asked_ms = found, now_ms
        return live

    def _why_over(self, live: _Live, label: str) -> str | None:
        session, person, now_ms = live.found.session, live.found.person, self._now_ms()
        if now_ms >= session.expires_ms:
            return "expired"
        if all(grant.role is not session.role for grant in person.grants):
            return "role_taken"
        if label != session.label and session.kind is SessionKind.BROWSER:
            return "other_browser"
        return "idle" if now_ms - live.used_ms >= self.limits.idle(session.kind) else None

    async def _over(self, live: _Live, why: str) -> None:
        digest = digest_of(live.token)
        self._live.pop(digest, None)
        if why == "expired":
            return
        try:
            await self._end(live.found, why)
        except SourceUnavailable:
            self._live[digest] = live  # it stays known as over, and is written down later
