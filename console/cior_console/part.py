"""The part ``console``: the wall over HTTP, fed from the alerts' topic and the store's questions. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from cior_bus.metrics import Metrics
from cior_bus.settings import BusSettings
from cior_console.desk import DESK, Desk
from cior_console.edge import EdgeLimits, listen
from cior_console.feed import AlertFeed
from cior_console.feed_reader import FeedReader
from cior_console.table import people_endpoints
from cior_console.visibility import jurisdictions
from cior_console.wall_questions import wall_questions
from cior_console.web import WallConfig, create_app
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.taxonomy import Taxonomy
from cior_store.engine import Store
from cior_store.migrate import status
from cior_store.questions import ConsoleQuestions


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the wall shows and where. ``city`` is a GeoJSON FeatureCollection; ``port`` 0 takes a free one.

    ``drill``: everything this centre receives is an exercise. ``names``: hosts that pages call this console by.
    """

    host: str
    port: int
    token: str
    name: str
    city: bytes
    taxonomy: Taxonomy
    drill: bool = False
    names: frozenset[str] = frozenset()


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
        feed = AlertFeed(
            settings.taxonomy, now_ms=now_ms, competent=jurisdictions(settings.taxonomy), metrics=metrics
        )
        questions = ConsoleQuestions(store)
        config = WallConfig(
            token=settings.token,
            centre=settings.name,
            city=settings.city,
            questions=wall_questions(questions, now_ms, drills=settings.drill),
            drill=settings.drill,
            now_ms=now_ms,
            names=settings.names,
        )
        self._settings, self._metrics = settings, metrics
        self._reader = FeedReader(bus, feed.apply)
        self._app = create_app(feed, config, metrics, endpoints=people_endpoints())
        self._app[DESK] = Desk(
            names=settings.taxonomy,
            questions=questions,
            now_ms=now_ms,
            lately=lambda _alert_id: (),
            drills=settings.drill,
        )
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen and begin to read; the port."""
        host, port = self._settings.host, self._settings.port
        self._runner = await listen(self._app, host, port, limits=EdgeLimits(), metrics=self._metrics)
        self._reader.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    @property
    def failure(self) -> CiorError | None:
        """Why the feed ended."""
        return self._reader.failure

    async def stop(self) -> None:
        """Stop reading, then close every page."""
        await asyncio.to_thread(self._reader.stop)
        if self._runner is not None:
            await self._runner.cleanup()
