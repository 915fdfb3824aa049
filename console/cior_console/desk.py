"""What people of the room read: the live feed, one alert's page, the city, what cannot be relied on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from cior_console import openapi
from cior_console.alert_page import AlertPage, PageTold, Told, alert_page, checklist, story_of
from cior_console.authorising import DEED, nothing_more
from cior_console.city_cameras import CityCameras
from cior_console.endpoints import CALLER, TABLE, Endpoint, Ledgered
from cior_console.problems import Refused
from cior_console.stream import stream
from cior_console.tagged import tagged
from cior_console.visibility import NOBODY_COMPETENT, Competence, View, Visibility, visibility_of
from cior_console.wall_view import TypeNames, is_sealed
from cior_console.web import CONFIG, FEED, channel
from cior_core.cameras import CameraState, ShownCamera
from cior_core.errors import SourceUnavailable
from cior_core.model import Alert, DataClass, Transition
from cior_core.people import LedgerOutcome
from cior_core.privacy import Purpose, Role, Share
from cior_core.protocols import ProtocolBook
from cior_core.rules import PostureRule
from cior_store.answers import BlindSpot, StoryLine, ToldRow

ROOM = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.SUPERVISOR, Role.RESPONSE_TEAM})
"""Who handles alerts."""
WATCHING = ROOM | {Role.WALL, Role.AGENCY, Role.PARTNER}
PURPOSES = {Role.AGENCY: Purpose.DISPATCH, Role.PARTNER: Purpose.SHARED_ALERTS}
SHARED_ALERTS = frozenset({Share.ALERTS})
SHARED_FOOTAGE = frozenset({Share.LIVE, Share.CLIPS})
_ASK_S = 2.0
_CAMERAS_S = 0.8
"""An opened alert has its cameras within a second, with their state or without."""
T = TypeVar("T")


class DeskQuestions(Protocol):
    """The store, as far as these pages ask it; blocking."""

    def story(self, alert_id: str, *, districts: tuple[str, ...]) -> tuple[StoryLine, ...]:
        """One alert's transitions."""
        ...

    def told(self, alert_id: str, *, districts: tuple[str, ...]) -> tuple[ToldRow, ...]:
        """One alert's commands with their receipts."""
        ...

    def blind_spots(self, *, drills: bool, districts: tuple[str, ...]) -> tuple[BlindSpot, ...]:
        """What cannot be relied on now."""
        ...


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """``lately``: an alert's transitions that may not stand in the store yet."""

    names: Mapping[str, TypeNames]
    questions: DeskQuestions
    now_ms: Callable[[], int]
    lately: Callable[[str], Iterable[Transition]]
    drills: bool = False
    protocols: ProtocolBook | None = None
    competence: Competence = NOBODY_COMPETENT
    postures: tuple[PostureRule, ...] = ()
    cameras: CityCameras = msgspec.field(default_factory=CityCameras)


DESK = web.AppKey("desk", Desk)


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One that cannot be relied on. Reserved devices are a number and a district: not who, how, since when."""

    reserved: bool
    district: str
    devices: int
    subject: str = ""
    source: str = ""
    health: str = ""
    detail: str = ""
    since_ms: int | None = None
    lat: float | None = None
    lon: float | None = None
    drill: bool = False


def sees(request: web.Request) -> Visibility:
    """The visibility class of who asks."""
    caller = request[CALLER]
    return visibility_of(request[DEED].judge(DataClass.RESTRICTED), caller.scope, caller.agreement)


def alert_of(request: web.Request) -> Alert:
    """The alert in the path, if who asks may see it. Raises ``Refused``: nobody learns whether it exists elsewhere."""
    found = request.app[FEED].find(request.match_info["alert_id"], sees(request))
    if found is None:
        raise Refused("alert.unknown")
    return found


async def asked(question: Callable[[], T]) -> T:
    """The answer of a blocking question, within two seconds. Raises ``SourceUnavailable``."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(question), _ASK_S)
    except TimeoutError:
        raise SourceUnavailable("store.slow", "the store did not answer in time") from None


async def _feed(request: web.Request) -> web.StreamResponse:
    return await stream(request, channel(request, sees(request)))


async def _alert(request: web.Request) -> AlertPage:
    desk, alert, visibility = request.app[DESK], await _shown(request), sees(request)
    told = Told() if is_sealed(alert) else await _told(desk, alert, visibility)
    page = alert_page(alert, view=visibility.view, names=desk.names, told=told, now_ms=desk.now_ms())
    may_look = not SHARED_FOOTAGE.isdisjoint(_agreed(request)) or visibility.view is View.FULL
    if is_sealed(alert) or not may_look:
        return page
    near = desk.cameras.nearest(alert.place, visibility.scope, await _states(desk))
    # A partner's agreement shares footage, not what our programs made of it (law 9).
    seen = alert.watchings if visibility.view is View.FULL else ()
    scope = visibility.scope
    looks = tuple(each for each in seen if not each.camera or desk.cameras.may_name(each.camera, scope))
    return msgspec.structs.replace(page, cameras=near, watchings=looks)


def _agreed(request: web.Request) -> frozenset[Share]:
    agreement = request[CALLER].agreement
    return agreement.terms.kinds if agreement is not None else frozenset()


async def _shown(request: web.Request) -> Alert:
    """The alert of the path. What an agreement does not share is refused to its partner, and that is in the ledger."""
    try:
        return alert_of(request)
    except Refused:
        if request[CALLER].agreement is not None:
            deed = request[DEED]
            said = deed.entry(outcome=LedgerOutcome.REFUSED, rule="access.out_of_agreement")
            await deed.write(nothing_more, entry=said)
        raise


async def _states(desk: Desk) -> Mapping[str, CameraState]:
    """What is known of the cameras' pictures; nothing when the store does not say it in time."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(desk.cameras.states), _CAMERAS_S)
    except (TimeoutError, SourceUnavailable):
        return {}


async def _cameras(request: web.Request) -> list[ShownCamera]:
    desk = request.app[DESK]
    return desk.cameras.shown(request[CALLER].scope, await _states(desk))


async def _told(desk: Desk, alert: Alert, visibility: Visibility) -> Told:
    """What the store says, and what came since; a page without the store says that it is not all."""
    districts, lately = _districts_of(desk, alert, visibility), tuple(desk.lately(alert.id))
    steps = checklist(alert, desk.protocols)

    def ask() -> tuple[tuple[StoryLine, ...], tuple[ToldRow, ...]]:
        questions = desk.questions
        return questions.story(alert.id, districts=districts), questions.told(alert.id, districts=districts)

    try:
        story, told = await asked(ask)
    except SourceUnavailable:
        return Told(story=story_of((), lately), steps=steps, is_whole=False)
    return Told(story=story_of(story, lately), told=tuple(_told_row(row) for row in told), steps=steps)


def _districts_of(desk: Desk, alert: Alert, visibility: Visibility) -> tuple[str, ...]:
    """Where the store may look for who sees this alert; an agency was perhaps asked outside its own."""
    narrowed, here = desk.competence.districts(visibility.scope), alert.place.district
    return (*narrowed, here) if narrowed and here and here not in narrowed else narrowed


def _told_row(row: ToldRow) -> PageTold:
    return PageTold(
        command_id=row.command_id,
        kind=row.kind,
        target=row.target,
        step=row.step,
        issued_ms=row.issued_ms,
        outcome=row.outcome or None,
        answered_ms=row.answered_ms,
        detail=row.detail or None,
    )


async def _city(request: web.Request) -> web.StreamResponse:
    return tagged(request, request.app[CONFIG].city, "application/geo+json")


async def _blind_spots(request: web.Request) -> list[Spot]:
    desk, view = request.app[DESK], sees(request).view
    districts = desk.competence.districts(request[CALLER].scope)
    rows = await asked(lambda: desk.questions.blind_spots(drills=desk.drills, districts=districts))
    return [_spot(row, view) for row in rows]


def _spot(row: BlindSpot, view: View) -> Spot:
    values: dict[str, Any] = {
        name: getattr(row, name) for name in Spot.__struct_fields__ if hasattr(row, name)
    }
    if view is View.PLAIN:
        values |= {"detail": "", "lat": None, "lon": None}
    return Spot(**values)


async def _openapi(request: web.Request) -> web.StreamResponse:
    text = openapi.openapi_text(request.app[TABLE].endpoints)
    return web.Response(text=text, content_type="application/json")


def desk_endpoints() -> tuple[Endpoint, ...]:
    """What the room reads."""
    return (
        Endpoint(
            name="feed.open",
            method="GET",
            path="/api/v1/feed",
            says="The live feed: events snapshot, more, alert, gone, units, alive; opening it is one row of the ledger",
            handler=_feed,
            roles=WATCHING,
            shares=SHARED_ALERTS,
            purpose_of=PURPOSES,
            ledgered=Ledgered.READ,
            goes_on_without_register=True,
            media_type="text/event-stream",
            headers={"Last-Event-ID": "the id of the last event that was read: goes on there"},
        ),
        Endpoint(
            name="alert.read",
            method="GET",
            path="/api/v1/alerts/{alert_id}",
            says="The page of one alert; of a sealed one level and district only",
            handler=_alert,
            roles=ROOM | {Role.AGENCY, Role.PARTNER},
            shares=SHARED_ALERTS,
            purpose_of=PURPOSES,
            ledgered=Ledgered.READ,
            answer=AlertPage,
            problems=("alert.unknown",),
        ),
        Endpoint(
            name="city.read",
            method="GET",
            path="/api/v1/city",
            says="Districts, neighbourhoods, streets and facilities as GeoJSON; with an entity tag",
            handler=_city,
            roles=frozenset(Role),
            data_class=DataClass.PUBLIC,
            media_type="application/geo+json",
        ),
        Endpoint(
            name="cameras.read",
            method="GET",
            path="/api/v1/cameras",
            says="Every camera of the catalogue with its view cone and what is known of its pictures; no stream",
            handler=_cameras,
            roles=ROOM | {Role.ENGINEER, Role.PARTNER},
            shares=SHARED_FOOTAGE,
            purpose_of={Role.ENGINEER: Purpose.MAINTENANCE, Role.PARTNER: Purpose.SHARED_FOOTAGE},
            ledgered=Ledgered.READ,
            answer=list[ShownCamera],
        ),
        Endpoint(
            name="blind_spots.read",
            method="GET",
            path="/api/v1/blind-spots",
            says="Devices and sources that cannot be relied on now",
            handler=_blind_spots,
            roles=ROOM | {Role.WALL, Role.ENGINEER},
            purpose_of={Role.ENGINEER: Purpose.MAINTENANCE},
            ledgered=Ledgered.READ,
            answer=list[Spot],
            problems=("request.unavailable",),
        ),
        Endpoint(
            name="openapi.read",
            method="GET",
            path="/api/openapi.json",
            says="This API as OpenAPI 3.1",
            handler=_openapi,
            roles=frozenset(Role),
            data_class=DataClass.PUBLIC,
        ),
    )
