"""The part ``console``: the wall, and what people see and do, over HTTP; fed from the alerts' topic, the store's
questions and the register. What it writes are ledger rows and signed acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_bus.settings import BusSettings
from cior_console.access import PEOPLE, People
from cior_console.authorising import Law
from cior_console.city_cameras import CityCameras
from cior_console.city_tiles import TILES
from cior_console.conversions import ConversionLimits, Conversions, Start
from cior_console.desk import DESK, Desk
from cior_console.edge import EdgeLimits, listen
from cior_console.feed import AlertFeed
from cior_console.feed_reader import FeedReader
from cior_console.footage_pages import FOOTAGE
from cior_console.footage_views import Views
from cior_console.handling import Handling, Hands
from cior_console.ring_files import Rings
from cior_console.sign_in.cross_site import Origin
from cior_console.sign_in.endpoints import SIGN_IN
from cior_console.sign_in.opening import SignInSettings, opened
from cior_console.sign_in.tls import Door, renewed, server_context
from cior_console.table import people_endpoints
from cior_console.units import Units
from cior_console.visibility import Competence
from cior_console.wall_questions import wall_questions
from cior_console.web import WallConfig, create_app
from cior_core.cameras import NO_CAMERAS, Cameras
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import Transition
from cior_core.taxonomy import Taxonomy
from cior_register.register import Register
from cior_store.engine import Store
from cior_store.migrate import status
from cior_store.questions import ConsoleQuestions


class Peopled(msgspec.Struct, frozen=True, kw_only=True):
    """The open register, how people sign in to it, and with what they act."""

    register: Register
    sign_in: SignInSettings
    hands: Hands


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the wall shows and where. ``city`` is a GeoJSON FeatureCollection; ``port`` 0 takes a free one.
    ``tiles``: a PMTiles file. ``rings``: where cameras are recorded on this machine. ``converter``: how a process that
    converts segments is started, and ``conversions``: at most so many; None or 0: none is.

    ``drill``: everything this centre receives is an exercise. ``names``: hosts that pages call this console by.
    ``origin`` and ``certificate``: its door (``sign_in.tls.Door``). ``people``: who signs in; None: nobody does.
    """

    host: str
    port: int
    token: str
    name: str
    city: bytes
    taxonomy: Taxonomy
    drill: bool = False
    names: frozenset[str] = frozenset()
    cameras: Cameras = NO_CAMERAS
    tiles: Path | None = None
    rings: Rings = msgspec.field(default_factory=Rings)
    converter: Start | None = None
    conversions: int = 1
    origin: str = ""
    certificate: Path | None = None
    people: Peopled | None = None


def refuse_pending_schema(store: Store) -> None:
    """Raises ``SourceUnavailable`` while migrations are missing: the console only reads, others migrate."""
    missing = [one for one in status(store) if one.state != "applied"]
    if missing:
        raise SourceUnavailable(
            "store.schema_pending",
            f"{len(missing)} migrations of this store are not applied as this program knows them",
            cure="cior store status, then cior store migrate",
        )


class ConsolePart:
    """Page, feed and questions. ``start`` and ``stop`` once; ``failure`` tells why the feed ended (None: it runs)."""

    def __init__(
        self,
        settings: ConsoleSettings,
        bus: BusSettings,
        store: Store,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        protocols = settings.people.hands.protocols if settings.people is not None else None
        agencies = protocols.agencies.values() if protocols is not None else ()
        competence = Competence(settings.taxonomy, agencies)
        feed = AlertFeed(settings.taxonomy, now_ms=now_ms, competent=competence, metrics=metrics)
        questions = ConsoleQuestions(store)
        self._door = Door(
            host=settings.host, port=settings.port, origin=settings.origin, certificate=settings.certificate
        )
        config = WallConfig(
            token=settings.token,
            centre=settings.name,
            city=settings.city,
            questions=wall_questions(questions, now_ms, drills=settings.drill),
            drill=settings.drill,
            now_ms=now_ms,
            names=settings.names | {each.host for each in self._door.origins()},
        )
        self._settings, self._metrics, self._now_ms = settings, metrics, now_ms
        self._reader = FeedReader(bus, feed.apply)
        self._app = create_app(
            feed,
            config,
            metrics,
            law=_law(settings.people, now_ms, metrics),
            endpoints=people_endpoints(),
            origins=self._origins if self._door.refusal() is None else None,
        )
        self._bus, self._handling = bus, self._handled(settings.people, feed)
        self._app[DESK] = Desk(
            names=settings.taxonomy,
            questions=questions,
            now_ms=now_ms,
            lately=self._handling.outcomes.lately if self._handling is not None else _nothing_lately,
            drills=settings.drill,
            protocols=protocols,
            competence=competence,
            postures=settings.people.hands.postures if settings.people is not None else (),
            cameras=CityCameras(settings.cameras, words=questions.camera_words, now_ms=now_ms),
        )
        self._units = Units(
            feed,
            lambda: questions.units(drills=settings.drill),
            protocols.agencies if protocols is not None else {},
        )
        if settings.tiles is not None:
            self._app[TILES] = settings.tiles
        self._app[FOOTAGE] = Views(
            settings.rings,
            ledger=settings.people.register if settings.people is not None else None,
            now_ms=now_ms,
            metrics=metrics,
            conversions=Conversions(
                settings.converter, metrics=metrics, limits=ConversionLimits(at_once=settings.conversions)
            ),
        )
        self._running = AsyncExitStack()

    def _handled(self, people: Peopled | None, feed: AlertFeed) -> Handling | None:
        if people is None:
            return None
        return Handling(
            self._app, feed, people.register, people.hands, now_ms=self._now_ms, metrics=self._metrics
        )

    def _origins(self) -> frozenset[Origin]:
        return self._door.origins()

    async def start(self) -> int:
        """Listen and begin to read; the port. Raises ``ConfigInvalid`` (``tls.unreadable``, ``console.origin``)."""
        async with AsyncExitStack() as starting:
            if self._settings.people is not None:
                await starting.enter_async_context(self._signing_in(self._settings.people))
            if self._handling is not None:
                await starting.enter_async_context(self._handling.running(self._bus))
                await starting.enter_async_context(self._units_told())
            starting.push_async_callback(self._app[FOOTAGE].close)
            tls = self._settings.certificate
            context = server_context(tls) if tls is not None else None
            if context is not None and tls is not None:
                self._app.on_response_prepare.append(_strictly)
                await starting.enter_async_context(renewed(context, tls))
            host, port = self._settings.host, self._settings.port
            runner = await listen(
                self._app, host, port, limits=EdgeLimits(), metrics=self._metrics, tls=context
            )
            starting.push_async_callback(runner.cleanup)
            bound: int = runner.addresses[0][1]
            self._door = self._door.listening(bound)
            self._door.origins()
            self._reader.start()
            self._running = starting.pop_all()
        return bound

    @asynccontextmanager
    async def _signing_in(self, people: Peopled) -> AsyncIterator[None]:
        async with opened(people.sign_in, people.register, lambda: self._door, now_ms=self._now_ms) as desk:
            self._app[SIGN_IN], self._app[PEOPLE] = desk, People(desk.identify)
            yield

    @asynccontextmanager
    async def _units_told(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        telling = asyncio.create_task(self._units.run(stop))
        try:
            yield
        finally:
            stop.set()
            await telling

    @property
    def failure(self) -> CiorError | None:
        """Why the feed ended."""
        return self._reader.failure or (self._handling.failure if self._handling is not None else None)

    async def stop(self) -> None:
        """Stop reading, then close every page."""
        await asyncio.to_thread(self._reader.stop)
        await self._running.aclose()


def _nothing_lately(_alert_id: str) -> tuple[Transition, ...]:
    return ()


def _law(people: Peopled | None, now_ms: Callable[[], int], metrics: Metrics) -> Law | None:
    if people is None:
        return None
    return Law(policy=people.sign_in.policy, now_ms=now_ms, metrics=metrics, ledger=people.register)


async def _strictly(_request: web.Request, response: web.StreamResponse) -> None:
    """Once seen with TLS, never without again (RFC 6797)."""
    response.headers["Strict-Transport-Security"] = "max-age=31536000"
