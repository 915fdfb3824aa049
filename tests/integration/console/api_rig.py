"""A console that people sign in to, on loopback: real HTTP and the real table; who asks is said by a cookie of the
test, and the ledger is a list.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec
from aiohttp import web

from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_console.access import PEOPLE, People
from cior_console.authorising import Law
from cior_console.city_cameras import CityCameras
from cior_console.city_tiles import TILES
from cior_console.conversions import ConversionLimits, Conversions, Converting, Start
from cior_console.desk import DESK, Desk
from cior_console.edge import EdgeLimits, listen
from cior_console.endpoints import Caller
from cior_console.feed import AlertFeed
from cior_console.footage_pages import FOOTAGE
from cior_console.footage_views import ViewLimits, Views
from cior_console.handling import Handling, Hands, Signer
from cior_console.judicial_desk import PackageRoom
from cior_console.ring_files import Rings
from cior_console.table import people_endpoints
from cior_console.visibility import Competence
from cior_console.web import WallConfig, create_app
from cior_core import bundled, codec, identity, rule_loading
from cior_core.cameras import Camera, Cameras
from cior_core.catalogue import Kind
from cior_core.chain import Head
from cior_core.correlate import gate, initial, step
from cior_core.duty import PublishedDuty
from cior_core.errors import ConfigInvalid, PayloadRejected, SourceUnavailable
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    Alert,
    AppendTransition,
    Command,
    Effect,
    Event,
    EventId,
    EventItem,
    IssueCommand,
    Item,
    Place,
    PlaceMethod,
    Transition,
    TypeCode,
    UpsertAlert,
    UpsertSilence,
)
from cior_core.people import Grant, LedgerEntry, Person, Scope, Session, SessionKind
from cior_core.privacy import Policy, Role
from cior_core.protocols import Agency
from cior_core.rules import RulePack
from cior_core.signatures import OpensActions
from cior_core.taxonomy import Government, Route, Taxonomy
from cior_register import ledger
from cior_register.following import checkpoints
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register
from cior_store.answers import BlindSpot, CameraWord, RawRow, StoryLine, ToldRow
from doubles.signing import on_duty, opens, signed
from integration.console.wall_rig import CITY, NAMES, TOKEN, Clock, questions

T = TypeVar("T")
RULES = Path(__file__).parents[3] / "streams" / "rules"
POLICY = Policy.load(bundled.text("privacy.toml"))
TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))


def _agency(name: str, *answers: Route, districts: tuple[str, ...] = ()) -> Agency:
    return Agency(
        id=name,
        name_es=name,
        name_en=name,
        government=Government.MUNICIPAL,
        lead="team:supervisor",
        accept_s=60,
        answers=answers,
        districts=districts,
    )


AGENCIES = (
    _agency("guard_norte", Route.POLICE, districts=("norte",)),
    _agency("ambulance", Route.HEALTH),
    _agency("police", Route.POLICE),
)
"""A guard that has one district, and two that have the whole city."""


class RegisterOfTest(Register):
    """A register; ``is_cut``: as it is when its database cannot be reached."""

    is_cut = False

    async def act(self, entry: LedgerEntry, work: Callable[[Any], Any], **options: Any) -> Any:
        if self.is_cut:
            raise SourceUnavailable("register.away", "cut")
        return await super().act(entry, work, **options)

    async def read(self, query: Callable[[Any], T]) -> T:
        if self.is_cut:
            raise SourceUnavailable("register.away", "cut")
        return await super().read(query)

    @property
    def rows(self) -> list[LedgerEntry]:
        """The ledger, oldest first."""
        return [
            row.entry for row in reversed(self.read_now(lambda each: ledger.rows(each, LedgerQuestion())))
        ]

    def told(self) -> list[tuple[str, str, str]]:
        """Who, which act, what became of it."""
        return [(row.actor, row.act, row.outcome.value) for row in self.rows]


@cache
def pack() -> RulePack:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.toml"))}
    return rule_loading.load(texts, types=TAXONOMY)


class Behind(Protocol):
    """What the core of these tests stands behind."""

    feed: AlertFeed
    handling: Handling

    def now_ms(self) -> int:
        """The console's clock."""
        ...


class CentreOfTest:
    """The real core behind a bus in memory: what is published is admitted, stepped, and comes back.

    ``is_away``: the broker takes nothing; ``is_slow``: it takes, and nothing comes back until :meth:`work`;
    ``takes_s``: how long it needs to take something. ``refused``: the codes of acts that the worker does not count.
    ``effects``: all that the core told.
    """

    def __init__(self, here: Behind) -> None:
        self._here = here
        self.state = initial(DEFAULT_AREA)
        self.sent: list[Action] = []
        self.commands: list[Command] = []
        self.refused: list[str] = []
        self.effects: list[Effect] = []
        self.is_away = self.is_slow = False
        self.takes_s = 0.0
        self.opens: OpensActions = opens
        self.came = asyncio.Event()

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        if self.is_away:
            raise SourceUnavailable("bus.broker_away", "away")
        await asyncio.sleep(self.takes_s)
        actions = [codec.decode(Kind.ACTION, each.value) for each in messages]
        self.sent += actions
        self.came.set()
        if not self.is_slow:
            for message, action in zip(messages, actions, strict=True):
                self.work(action, sent_ms=message.at_ms)

    def work(self, action: Action, *, sent_ms: int | None = None) -> None:
        """The worker's own way: its key is checked, then the act is stepped. ``sent_ms``: its message's own time."""
        item_id = identity.item_id("action", action.area, action.id)
        stood = f"0:{len(self.sent)}:{self._here.now_ms() if sent_ms is None else sent_ms}"
        item = ActionItem(id=item_id, area=action.area, at_ms=self._here.now_ms(), action=action, stood=stood)
        try:
            gate.admit(self.state, item, pack(), opens=self.opens)
        except PayloadRejected as why:
            self.refused.append(why.code)
            raise
        self._step(item)

    def alert(self, alert_id: str) -> Alert:
        """An alert as core has it."""
        found = self.state.cases.get(alert_id)
        assert found is not None
        return found.alert

    def press(self, number: int, **change: Any) -> str:
        """A bus driver presses: the alert's id."""
        now_ms = self._here.now_ms()
        values: dict[str, Any] = {
            "id": EventId(f"press-{number}"),
            "source": "urn:cior:traccar:1",
            "type": TypeCode("panic.bus"),
            "subject": f"bus-{number}",
            "occurred_ms": now_ms,
            "received_ms": now_ms,
            "place": Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.64 + number / 50, district="centro"),
            "life_safety": True,
            "registered": True,
        }
        event = Event(**(values | change))
        effects = self._step(EventItem(id=f"i-{event.id}", area=DEFAULT_AREA, at_ms=now_ms, event=event))
        return next(each.alert.id for each in effects if isinstance(each, UpsertAlert))

    def _step(self, item: Item) -> tuple[Effect, ...]:
        self.state, effects = step(self.state, item, pack())
        self.effects += effects
        for effect in effects:
            match effect:
                case UpsertAlert(alert=alert):
                    self._here.feed.apply(alert)
                case AppendTransition(transition=line):
                    self._here.handling.outcomes.transition_came(line)
                case UpsertSilence(silence=silence):
                    self._here.handling.silences.apply(silence)
                case IssueCommand(command=command):
                    self.commands.append(command)
        return effects


class SignerOfTest:
    """Signs as the console's key does."""

    def sign(self, action: Action, *, at_ms: int) -> Action:
        return signed(action, at_ms=at_ms)

    def sign_duty(self, told: PublishedDuty, *, at_ms: int) -> PublishedDuty:
        assert told.at_ms == at_ms
        return on_duty(told)


class StoreOfTest:
    """Answers of the store; ``is_away`` as it is when it cannot be reached."""

    def __init__(self) -> None:
        self.is_away = False
        self.spots: tuple[BlindSpot, ...] = ()
        self.boxes: dict[str, RawRow] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def story(self, alert_id: str, *, districts: tuple[str, ...]) -> tuple[StoryLine, ...]:
        self._ask("story", districts)
        line = StoryLine(
            transition_id=f"{alert_id}:1:0",
            version=1,
            at_ms=1,
            kind="opened",
            actor="cior",
            level="P1",
            status="open",
        )
        return (line,)

    def told(self, alert_id: str, *, districts: tuple[str, ...]) -> tuple[ToldRow, ...]:
        self._ask("told", districts)
        return (
            ToldRow(
                command_id="c1", kind="notify", target="team:police", step="tell", issued_ms=2, outcome="done"
            ),
        )

    def blind_spots(self, *, drills: bool, districts: tuple[str, ...]) -> tuple[BlindSpot, ...]:
        self._ask("blind_spots", districts)
        return tuple(spot for spot in self.spots if not districts or spot.district in ("", *districts))

    def sealed_raws(self, raw_ids: Sequence[str], /) -> Sequence[RawRow | None]:
        self.asked.append(("sealed_raws", tuple(raw_ids)))
        return [self.boxes.get(raw_id) for raw_id in raw_ids]

    def _ask(self, what: str, districts: tuple[str, ...]) -> None:
        if self.is_away:
            raise SourceUnavailable("store.away", "away")
        self.asked.append((what, districts))


CAMERAS = Cameras(
    [
        Camera(
            id="plaza",
            lat=-33.0006,
            lon=-60.65,
            azimuth_deg=0.0,
            district="sur",
            stream="rtsp://u:hunter2@h/1",
        ),
        Camera(id="esquina", lat=-33.0001, lon=-60.65, azimuth_deg=180.0, district="sur"),
        Camera(id="puente", lat=-33.0002, lon=-60.65, district="norte"),
    ]
)
"""Around one place in the south: the plaza sees it, the corner looks away, of the bridge nobody knows."""


class Pages:
    """Where the ledger's pages go. ``is_full``: the disk takes none."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.is_full = False

    def keep(self, head: Head) -> None:
        if self.is_full:
            raise SourceUnavailable("checkpoint.unwritten", "no room")
        self.heads.append(head)


class Office:
    """A served console, what it wrote down, and the people of the test: ``who`` by the cookie they come with."""

    handling: Handling
    views: Views

    def __init__(self, folder: Path, *, signer: Signer | None = None, opens: OpensActions = opens) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.register = RegisterOfTest.open(f"sqlite:///{folder}/register.db", journal=folder / "journal")
        self.pages = Pages()
        self.signing = checkpoints(self.register, self.pages.keep)
        self.store = StoreOfTest()
        self.centre = CentreOfTest(self)
        self.centre.opens = opens
        self.signer: Signer = signer or SignerOfTest()
        self.states: dict[str, int] = {}
        self.lately: dict[str, list[Transition]] = {}
        self.who: dict[str, Caller] = {}
        bus = msgspec.structs.replace(TAXONOMY["panic.bus"], lead=Government.PROVINCIAL, supporting=())
        self.competence = Competence(dict(TAXONOMY) | {"transit.panic.bus": bus}, AGENCIES)
        self.feed = AlertFeed(NAMES, now_ms=self.now_ms, metrics=self.metrics, competent=self.competence)
        self.url, self.rings = "", dict[str, Path]()
        self.limits = ViewLimits()
        self.converter: Start | None = None
        self.conversion_limits = ConversionLimits()

    def now_ms(self) -> int:
        return self.clock.now_ms

    def app(
        self, *, tiles: Path | None = None, packages: PackageRoom | None = None, **settings: Any
    ) -> web.Application:
        """The application as ``part`` wires it, with the test's register, store and sign-in."""
        values: dict[str, Any] = {"token": TOKEN, "centre": "Ensayo", "city": CITY, "questions": questions()}
        config = WallConfig(**(values | {"now_ms": self.now_ms, "keepalive_s": 0.2} | settings))
        law = Law(policy=POLICY, now_ms=self.now_ms, metrics=self.metrics, ledger=self.register)
        app = create_app(self.feed, config, self.metrics, law=law, endpoints=people_endpoints())
        app[PEOPLE] = People(self.identify)
        if tiles is not None:
            app[TILES] = tiles
        app[DESK] = Desk(
            names=NAMES,
            questions=self.store,
            now_ms=self.now_ms,
            lately=lambda alert_id: self.lately.get(alert_id, ()),
            protocols=pack().protocols,
            competence=self.competence,
            postures=tuple(pack().postures.values()),
            cameras=CityCameras(CAMERAS, words=self.words, now_ms=self.now_ms),
        )
        app[FOOTAGE] = self.views = Views(
            Rings(lambda: self.rings),
            ledger=self.register,
            now_ms=lambda: time.time_ns() // 1_000_000,
            metrics=self.metrics,
            limits=self.limits,
            conversions=Conversions(self._converter, metrics=self.metrics, limits=self.conversion_limits),
        )
        hands = Hands(
            signer=self.signer,
            types=TAXONOMY,
            district=lambda _lat, _lon: "centro",
            bus=self.centre,
            protocols=pack().protocols,
            boxes=self.store,
            packages=packages,
        )
        self.handling = Handling(
            app, self.feed, self.register, hands, now_ms=self.now_ms, metrics=self.metrics
        )
        return app

    async def _converter(self) -> Converting:
        """One more process that converts, as the test has them started."""
        if self.converter is None:
            raise ConfigInvalid("conversion.no_av", "av is missing", cure="install it")
        return await self.converter()

    def known(self, role: Role, scope: Scope | None = None, *, login: str = "", fresh: bool = True) -> str:
        """Somebody with that role: what their cookie says."""
        name = login or f"{role.value}-{len(self.who)}"
        scope = scope or Scope()
        person = Person(id=f"p-{name}", login=name, name=name, grants=(Grant(role, scope),))
        now_ms = self.clock.now_ms
        session = Session(
            id=f"s-{name}",
            person_id=person.id,
            role=role,
            kind=SessionKind.BROWSER,
            created_ms=now_ms if fresh else now_ms - 3_600_000,
            expires_ms=now_ms + 3_600_000,
        )
        self.who[name] = Caller(person=person, session=session, role=role, scope=scope)
        return name

    def signed_in(
        self, role: Role, scope: Scope | None = None, *, login: str = "", fresh: bool = True
    ) -> aiohttp.ClientSession:
        """A browser of somebody with that role."""
        name = self.known(role, scope, login=login, fresh=fresh)
        return aiohttp.ClientSession(cookies={"who": name}, headers={"Origin": self.url})

    def words(self) -> tuple[CameraWord, ...]:
        """What the store says of the cameras."""
        if self.store.is_away:
            raise SourceUnavailable("store.away", "away")
        return tuple(
            CameraWord(camera=camera, state=state, reason="", since_ms=None, last_word_ms=None, drill=False)
            for camera, state in self.states.items()
        )

    async def identify(self, request: web.Request) -> Caller | None:
        return self.who.get(request.cookies.get("who", ""))


@asynccontextmanager
async def office(
    folder: Path | None = None, *, signer: Signer | None = None, opens: OpensActions = opens, **settings: Any
) -> AsyncIterator[Office]:
    """A console behind the real edge, with a real register (in ``folder``, or one that goes with it) and real core.

    ``signer`` and ``opens``: the console's key and the worker's ring, where a test has its own.
    """
    with TemporaryDirectory() as own:
        made = Office(folder or Path(own), signer=signer, opens=opens)
        async with _served(made, **settings) as here:
            yield here


@asynccontextmanager
async def _served(here: Office, **settings: Any) -> AsyncIterator[Office]:
    runner = await listen(here.app(**settings), "127.0.0.1", 0, limits=EdgeLimits(), metrics=here.metrics)
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    here.signing.start()
    try:
        yield here
    finally:
        await runner.cleanup()
        await here.views.close()
        await asyncio.to_thread(here.signing.stop)
        here.register.close()


async def act(
    browser: aiohttp.ClientSession, url: str, body: Any, *, key: str = "", **headers: str
) -> tuple[int, Any]:
    """Status and JSON of an unsafe request with a key of its own."""
    sent = {"Idempotency-Key": key or secrets.token_hex(8), "Prefer": "wait=2"} | headers
    async with browser.post(url, json=body, headers=sent) as answer:
        return answer.status, await answer.json(content_type=None)


async def got(browser: aiohttp.ClientSession, url: str, **asked: Any) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    async with browser.get(url, **asked) as answer:
        return answer.status, await answer.json(content_type=None)


async def stream_of(
    session: aiohttp.ClientSession, url: str, want: int, *, last_id: str = ""
) -> list[tuple[str, str, Any]]:
    """Kind, id and data of the first ``want`` events that are no sign of life."""
    found: list[tuple[str, str, Any]] = []
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with session.get(f"{url}/api/v1/feed", headers=headers) as stream:
        assert stream.status == 200, await stream.text()
        kind = event_id = ""
        async for raw in stream.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("id: "):
                event_id = line[4:]
            elif line.startswith("data: ") and kind != "alive":
                found.append((kind, event_id, json.loads(line[6:])))
                if len(found) == want:
                    return found
            elif not line:
                event_id = ""
    return found
