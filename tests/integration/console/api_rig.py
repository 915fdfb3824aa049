"""A console that people sign in to, on loopback: real HTTP and the real table; who asks is said by a cookie of the
test, and the ledger is a list.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_console.access import PEOPLE, People
from cior_console.authorising import Law
from cior_console.city_cameras import CityCameras
from cior_console.desk import DESK, Desk
from cior_console.edge import EdgeLimits, listen
from cior_console.endpoints import Caller
from cior_console.feed import AlertFeed
from cior_console.table import people_endpoints
from cior_console.visibility import jurisdictions
from cior_console.web import WallConfig, create_app
from cior_core import bundled
from cior_core.cameras import Camera, Cameras
from cior_core.errors import SourceUnavailable
from cior_core.model import Transition
from cior_core.people import Grant, LedgerEntry, Person, Scope, Session, SessionKind
from cior_core.privacy import Policy, Role
from cior_core.taxonomy import Taxonomy
from cior_store.answers import BlindSpot, CameraWord, StoryLine, ToldRow
from integration.console.wall_rig import CITY, NAMES, TOKEN, Clock, questions

T = TypeVar("T")
POLICY = Policy.load(bundled.text("privacy.toml"))
TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))


class LedgerOfTest:
    """Rows in a list; ``is_away`` as the register is when its database is."""

    def __init__(self) -> None:
        self.rows: list[LedgerEntry] = []
        self.is_away = False

    async def act(self, entry: LedgerEntry, work: Callable[[Any], T], /) -> T:
        if self.is_away:
            raise SourceUnavailable("register.away", "away")
        done = work(None)
        self.rows.append(entry)
        return done

    def told(self) -> list[tuple[str, str, str]]:
        """Who, which act, what became of it."""
        return [(row.actor, row.act, row.outcome.value) for row in self.rows]


class StoreOfTest:
    """Answers of the store; ``is_away`` as it is when it cannot be reached."""

    def __init__(self) -> None:
        self.is_away = False
        self.spots: tuple[BlindSpot, ...] = ()
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


class Office:
    """A served console, what it wrote down, and the people of the test: ``who`` by the cookie they come with."""

    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.ledger, self.store = LedgerOfTest(), StoreOfTest()
        self.states: dict[str, int] = {}
        self.lately: dict[str, list[Transition]] = {}
        self.who: dict[str, Caller] = {}
        competent = jurisdictions(TAXONOMY) | {"transit.panic.bus": frozenset({"provincial"})}
        self.feed = AlertFeed(NAMES, now_ms=self.now_ms, metrics=self.metrics, competent=competent)
        self.url = ""

    def now_ms(self) -> int:
        return self.clock.now_ms

    def app(self, **settings: Any) -> web.Application:
        """The application as ``part`` wires it, with the test's register, store and sign-in."""
        values: dict[str, Any] = {"token": TOKEN, "centre": "Ensayo", "city": CITY, "questions": questions()}
        config = WallConfig(**(values | {"now_ms": self.now_ms, "keepalive_s": 0.2} | settings))
        law = Law(policy=POLICY, now_ms=self.now_ms, metrics=self.metrics, ledger=self.ledger)
        app = create_app(self.feed, config, self.metrics, law=law, endpoints=people_endpoints())
        app[PEOPLE] = People(self.identify)
        app[DESK] = Desk(
            names=NAMES,
            questions=self.store,
            now_ms=self.now_ms,
            lately=lambda alert_id: self.lately.get(alert_id, ()),
            cameras=CityCameras(CAMERAS, words=self.words, now_ms=self.now_ms),
        )
        return app

    def signed_in(
        self, role: Role, scope: Scope | None = None, *, login: str = "", fresh: bool = True
    ) -> aiohttp.ClientSession:
        """A browser of somebody with that role."""
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
async def office(**settings: Any) -> AsyncIterator[Office]:
    """A console behind the real edge."""
    here = Office()
    runner = await listen(here.app(**settings), "127.0.0.1", 0, limits=EdgeLimits(), metrics=here.metrics)
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield here
    finally:
        await runner.cleanup()


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
