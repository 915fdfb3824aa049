"""Drills: a supervisor opens incidents that nobody suffered, sees how long the room took, and ends them.

They travel like the real thing, marked as drills everywhere; no real phone and no siren is used unless the drill says
so (``Command.is_kept_quiet``). What they took is kept with the drill and counts in no figure of real alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Annotated

import msgspec
from aiohttp import web

from cior_console.acting import BOOK, KEY, PREFER, ActPart, key_of, part_key
from cior_console.acts import Name, PlaceBody, Words, act_id
from cior_console.authorising import DEED
from cior_console.desk import DESK
from cior_console.discretion import Silent
from cior_console.endpoints import CALLER, Endpoint, Ledgered, body_of
from cior_console.problems import Refused
from cior_console.register_pages import ARCHIVE
from cior_console.said import shown_text
from cior_core.correlate.by_hand import incident_of
from cior_core.model import DEFAULT_AREA, ActionKind, Alert, AlertStatus, Disposition
from cior_core.privacy import Purpose, Role
from cior_register import drills
from cior_register.drills import Drill, DrillAlert

MOST = 20
"""The most incidents of one drill."""
_OVER = frozenset({AlertStatus.CLOSED, AlertStatus.MERGED})


class DrillIncident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One incident that the room is to handle."""

    type: Name
    place: PlaceBody
    text: Words = ""


class DrillBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A drill to begin. ``rings``: real phones and sirens take part."""

    title: Name
    reason: Words
    incidents: Annotated[tuple[DrillIncident, ...], msgspec.Meta(min_length=1, max_length=MOST)]
    rings: bool = False


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """What each of its incidents asks of the centre."""

    type: str
    place: PlaceBody
    text: str
    reason: str
    rings: bool
    drill: bool = True


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How its alerts are closed."""

    reason: str
    disposition: Disposition = Disposition.TEST


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a drill's alerts got so far, and how long they took from their opening, in ms."""

    reached: int
    median_ms: int | None = None
    longest_ms: int | None = None


class DrillPage(msgspec.Struct, frozen=True, kw_only=True):
    """A drill and its results; ``ended_ms`` None: it runs, and they are those of this moment."""

    id: str
    title: str
    started_by: str
    started_ms: int
    rings: bool
    alerts: tuple[DrillAlert, ...]
    to_acknowledge: Took
    to_dispatch: Took
    to_scene: Took
    ended_by: str | None = None
    ended_ms: int | None = None


class DrillRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What drills need of the centre: its types, and each alert as it stands."""

    types: Mapping[str, Silent]
    current: Callable[[str], Alert | None]


DRILLS = web.AppKey("drills", DrillRoom)


async def _start(request: web.Request) -> DrillPage:
    body, caller, deed = body_of(request, DrillBody), request[CALLER], request[DEED]
    _refuse_unfit(body, request.app[DRILLS])
    key, person = key_of(request), caller.person.id
    acts = [act_id(person, part_key(key, str(n))) for n in range(len(body.incidents))]
    drill = Drill(
        id=act_id(person, part_key(key, "drill")),
        title=shown_text(body.title),
        started_by=person,
        started_ms=request.app[DESK].now_ms(),
        rings=body.rings,
        alerts=tuple(
            DrillAlert(act, incident_of(act, DEFAULT_AREA), incident.type, incident.place.district)
            for act, incident in zip(acts, body.incidents, strict=True)
        ),
    )
    entry = deed.entry(
        subject=drill.id, detail={"title": drill.title, "rings": int(drill.rings), "incidents": len(acts)}
    )
    begun = await deed.write(lambda connection: drills.start(connection, drill), entry=entry)
    parts = [
        ActPart(name=str(n), given=_exercise(incident, body)) for n, incident in enumerate(body.incidents)
    ]
    for told in await request.app[BOOK].take_each(request, ActionKind.OPEN, parts):
        if isinstance(told, Refused):
            raise told
    return page_of(begun, request.app[DRILLS].current)


def _refuse_unfit(body: DrillBody, room: DrillRoom) -> None:
    """Raises ``Refused`` for what no drill may be: without a reason, of a type that there is not, or of a silent one
    (its team practises with its own devices: what is silent stays out of this room).
    """
    if not body.reason.strip():
        raise Refused("act.incomplete", where="reason")
    for each in body.incidents:
        kind = room.types.get(each.type)
        if kind is None:
            raise Refused("request.malformed", where=f"type: {each.type}")
        if kind.silent:
            raise Refused("drill.silent")


def _exercise(incident: DrillIncident, body: DrillBody) -> Exercise:
    return Exercise(
        type=incident.type, place=incident.place, text=incident.text, reason=body.reason, rings=body.rings
    )


async def _end(request: web.Request) -> DrillPage:
    """The results are written down first: closing its alerts is none of them."""
    drill_id, room, deed = request.match_info["drill_id"], request.app[DRILLS], request[DEED]
    key_of(request)
    known = await request.app[ARCHIVE].register.read(lambda connection: drills.find(connection, drill_id))
    if known is None:
        raise Refused("drill.unknown")
    ended = known
    if known.ended_ms is None:
        ended = msgspec.structs.replace(
            with_results(known, room.current),
            ended_by=request[CALLER].person.id,
            ended_ms=request.app[DESK].now_ms(),
        )
    await deed.write(lambda connection: drills.end(connection, ended), entry=deed.entry(subject=known.id))
    live = [alert for each in known.alerts if (alert := room.current(each.alert_id)) is not None]
    given = Ending(reason=known.title)
    parts = [ActPart(name=alert.id, given=given, alert=alert) for alert in live if alert.status not in _OVER]
    await request.app[BOOK].take_each(request, ActionKind.CLOSE, parts)
    return page_of(ended, room.current)


async def _read(request: web.Request) -> list[DrillPage]:
    found = await request.app[ARCHIVE].register.read(drills.newest)
    return [page_of(each, request.app[DRILLS].current) for each in found]


def with_results(drill: Drill, current: Callable[[str], Alert | None]) -> Drill:
    """A running drill with what its alerts reached by now; one that ended keeps what was written down."""
    if drill.ended_ms is not None:
        return drill
    return msgspec.structs.replace(drill, alerts=tuple(_reached(each, current) for each in drill.alerts))


def _reached(known: DrillAlert, current: Callable[[str], Alert | None]) -> DrillAlert:
    alert = current(known.alert_id)
    if alert is None:
        return known
    return msgspec.structs.replace(
        known,
        district=alert.place.district,
        level=alert.level.value,
        assignee=alert.assignee,
        opened_ms=alert.opened_ms,
        acknowledged_ms=alert.acknowledged_ms,
        dispatched_ms=alert.dispatched_ms,
        on_scene_ms=alert.on_scene_ms,
    )


def page_of(drill: Drill, current: Callable[[str], Alert | None]) -> DrillPage:
    """A drill as its page shows it."""
    told = with_results(drill, current)
    return DrillPage(
        **msgspec.structs.asdict(told),
        to_acknowledge=_took((each.opened_ms, each.acknowledged_ms) for each in told.alerts),
        to_dispatch=_took((each.opened_ms, each.dispatched_ms) for each in told.alerts),
        to_scene=_took((each.opened_ms, each.on_scene_ms) for each in told.alerts),
    )


def _took(stamps: Iterable[tuple[int | None, int | None]]) -> Took:
    took = [to_ms - from_ms for from_ms, to_ms in stamps if from_ms is not None and to_ms is not None]
    if not took:
        return Took(reached=0)
    return Took(reached=len(took), median_ms=round(median(took)), longest_ms=max(took))


_ACT_HEADERS = {
    KEY: "8 to 80 letters, digits, - or _; the same again is the same drill",
    PREFER: "wait=n: for the outcomes, n seconds at most (RFC 7240)",
}


def drill_endpoints() -> tuple[Endpoint, ...]:
    """Drills: begun and ended by a supervisor, read by who audits too."""
    supervisor = frozenset({Role.SUPERVISOR})
    return (
        Endpoint(
            name="drill.read",
            method="GET",
            path="/api/v1/drills",
            says="The last drills with their results, newest first; in no figure of real alerts",
            handler=_read,
            roles=supervisor | {Role.AUDITOR},
            purpose_of={Role.AUDITOR: Purpose.AUDIT},
            ledgered=Ledgered.READ,
            answer=list[DrillPage],
        ),
        Endpoint(
            name="drill.start",
            method="POST",
            path="/api/v1/drills",
            says="Begin a drill: open its incidents, marked as such; nobody outside is told unless it rings",
            handler=_start,
            roles=supervisor,
            purpose=Purpose.DISPATCH,
            ledgered=Ledgered.ACT,
            body=DrillBody,
            answer=DrillPage,
            headers=_ACT_HEADERS,
            problems=(
                "request.key_missing",
                "act.incomplete",
                "act.jurisdiction",
                "act.refused",
                "drill.silent",
            ),
        ),
        Endpoint(
            name="drill.end",
            method="POST",
            path="/api/v1/drills/{drill_id}/end",
            says="End a drill: write down its results and close what is open of it",
            handler=_end,
            roles=supervisor,
            purpose=Purpose.DISPATCH,
            ledgered=Ledgered.ACT,
            answer=DrillPage,
            headers=_ACT_HEADERS,
            problems=("request.key_missing", "drill.unknown"),
        ),
    )
