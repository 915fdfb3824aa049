"""Maintenance silences, as people make, see and end them. The core decides what one may cover and counts what it hid;
who acted is in the ledger like every act.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from cior_console.acting import BOOK, KEY, PREFER, ActAnswer
from cior_console.acts import Name, Words
from cior_console.authorising import DEED, REASON
from cior_console.desk import DESK, ROOM, sees
from cior_console.endpoints import CALLER, Endpoint, Ledgered, body_of
from cior_console.feed import AlertFeed
from cior_console.problems import Refused
from cior_console.visibility import Visibility
from cior_console.wall_view import is_sealed
from cior_console.web import FEED
from cior_core.model import ActionKind, Silence, SilenceScope
from cior_core.people import Scope
from cior_core.privacy import Role

_ENDED_SHOWN_MS = 86_400_000
_ENDED_KEPT = 500
_MAKERS = frozenset({Role.OPERATOR, Role.SUPERVISOR})
_Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)]


class SilenceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be silent, why, and until when. Of each list that is not empty, one must fit."""

    reason: Words
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    devices: _Names = ()
    blocks: _Names = ()
    districts: _Names = ()
    types: _Names = ()


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What of it the centre is told."""

    reason: str
    until_ms: int
    scope: SilenceScope


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Which one ends, and why."""

    silence: str
    reason: str = ""


class HiddenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that began under a silence. ``status`` None: it is no longer at hand here, the store has it."""

    id: str
    status: str | None = None
    level: str | None = None
    type: str | None = None
    name_es: str = ""
    name_en: str = ""
    district: str | None = None
    opened_ms: int | None = None


class SilenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A silence with what it hid. ``elsewhere``: alerts of it in districts that who asks does not see."""

    id: str
    scope: SilenceScope
    by: str
    reason: str
    since_ms: int
    until_ms: int
    held_back: int
    hidden: tuple[HiddenAlert, ...] = ()
    elsewhere: int = 0
    ended_ms: int | None = None
    ended_by: str = ""
    ending: Literal["", "expired", "early", "full"] = ""


class SilencePage(msgspec.Struct, frozen=True, kw_only=True):
    """Those in force, the first to end first; then those of the last day, newest first."""

    now_ms: int
    lasting: tuple[SilenceRow, ...]
    ended: tuple[SilenceRow, ...]


class SilenceBoard:
    """Every silence as the core tells it; ``apply`` is called from the reader's thread."""

    def __init__(self) -> None:
        self._known: dict[str, Silence] = {}

    def apply(self, silence: Silence, _body: bytes = b"") -> None:
        """The newest version wins; of those that are over, the last few hundred stay."""
        known = self._known.get(silence.id)
        if known is not None and known.version >= silence.version:
            return
        every = {**self._known, silence.id: silence}
        over = [each for each in every.values() if each.ended_ms is not None]
        over.sort(key=lambda each: each.ended_ms or 0)
        for each in over[:-_ENDED_KEPT]:
            every.pop(each.id)
        self._known = every

    def find(self, silence_id: str) -> Silence | None:
        """One of them."""
        return self._known.get(silence_id)

    def all(self) -> list[Silence]:
        """All of them."""
        return list(self._known.values())


SILENCES = web.AppKey("silences", SilenceBoard)


def _concerns(scope: Scope, silence: Silence) -> bool:
    """Whether who has these districts is shown it: it is about one of theirs, or about none by name."""
    named = silence.scope.districts
    return not (scope.districts and named) or not set(named).isdisjoint(scope.districts)


async def _read(request: web.Request) -> SilencePage:
    now_ms, scope = request.app[DESK].now_ms(), request[CALLER].scope
    feed, visibility = request.app[FEED], sees(request)
    known = [each for each in request.app[SILENCES].all() if _concerns(scope, each)]
    lasting = [each for each in known if each.ended_ms is None]
    ended = [
        each for each in known if each.ended_ms is not None and now_ms - each.ended_ms <= _ENDED_SHOWN_MS
    ]
    lasting.sort(key=lambda each: each.until_ms)
    ended.sort(key=lambda each: -(each.ended_ms or 0))
    return SilencePage(
        now_ms=now_ms,
        lasting=tuple(_row(each, feed, visibility, request) for each in lasting),
        ended=tuple(_row(each, feed, visibility, request) for each in ended),
    )


def _row(silence: Silence, feed: AlertFeed, visibility: Visibility, request: web.Request) -> SilenceRow:
    shown = tuple(_hidden(silence.hidden, feed, visibility, request))
    return SilenceRow(
        id=silence.id,
        scope=silence.scope,
        by=silence.by,
        reason=silence.reason,
        since_ms=silence.since_ms,
        until_ms=silence.until_ms,
        held_back=silence.held_back,
        hidden=shown,
        elsewhere=len(silence.hidden) - len(shown),
        ended_ms=silence.ended_ms,
        ended_by=silence.ended_by,
        ending=silence.ending,
    )


def _hidden(
    ids: Iterable[str], feed: AlertFeed, visibility: Visibility, request: web.Request
) -> Iterable[HiddenAlert]:
    """Those that who asks may see; of one that nobody here remembers, the id alone."""
    names = request.app[DESK].names
    for alert_id in ids:
        alert = feed.current(alert_id)
        if alert is None:
            yield HiddenAlert(id=alert_id)
        elif not is_sealed(alert) and feed.find(alert_id, visibility) is not None:
            kind = names.get(alert.type)
            yield HiddenAlert(
                id=alert_id,
                status=alert.status.value,
                level=alert.level.value,
                type=alert.type,
                name_es=kind.name_es if kind is not None else alert.type,
                name_en=kind.name_en if kind is not None else alert.type,
                district=alert.place.district,
                opened_ms=alert.opened_ms,
            )


async def _begin(request: web.Request) -> web.Response:
    body = body_of(request, SilenceBody)
    scope = SilenceScope(devices=body.devices, blocks=body.blocks, districts=body.districts, types=body.types)
    begun = Begun(reason=body.reason, until_ms=body.until_ms, scope=scope)
    return await request.app[BOOK].take(request, begun, ActionKind.SILENCE)


async def _end(request: web.Request) -> web.Response:
    """Whoever sees it may end it: that only makes things louder."""
    found = request.app[SILENCES].find(request.match_info["silence_id"])
    if found is None or not _concerns(request[CALLER].scope, found):
        raise Refused("silence.unknown")
    ended = Ended(silence=found.id, reason=request[DEED].reason)
    return await request.app[BOOK].take(request, ended, ActionKind.UNSILENCE)


def silence_endpoints() -> tuple[Endpoint, ...]:
    """Who is not rung about what, why, until when, and what that hid."""
    headers = {KEY: "8 to 80 letters, digits, - or _", PREFER: "wait=n (RFC 7240)"}
    problems = ("request.key_missing", "request.key_reused", "act.not_yours", "act.incomplete", "act.refused")
    return (
        Endpoint(
            name="silence.read",
            method="GET",
            path="/api/v1/silences",
            says="Maintenance silences in force and of the last day, each with the alerts that it hid",
            handler=_read,
            roles=ROOM,
            ledgered=Ledgered.READ,
            answer=SilencePage,
        ),
        Endpoint(
            name="silence.begin",
            method="POST",
            path="/api/v1/silences",
            says="Silence devices, blocks, districts or types for maintenance, 8 h at most; never what may cost a life",
            handler=_begin,
            roles=_MAKERS,
            ledgered=Ledgered.ACT,
            body=SilenceBody,
            answer=ActAnswer,
            status=202,
            headers=headers,
            problems=(*problems, "act.jurisdiction"),
        ),
        Endpoint(
            name="silence.end",
            method="DELETE",
            path="/api/v1/silences/{silence_id}",
            says="End a silence before its time; what still waits under it rings",
            handler=_end,
            roles=_MAKERS,
            ledgered=Ledgered.ACT,
            answer=ActAnswer,
            status=202,
            headers={**headers, REASON: "why, percent-encoded UTF-8"},
            problems=(*problems, "silence.unknown"),
        ),
    )
