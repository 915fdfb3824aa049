"""The parts that hold the store: ``sink`` writes it, ``console`` asks it.

Two processes with a ClickHouse server; one process for both when the store is embedded, because chDB's folder has one
owner.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import structlog

from cior.figures import centre_facts
from cior.parts import PartArguments, drive
from cior.stack import stream_groups
from cior.wall_views import lacking
from cior_bus.checkpoint_key import CHECKPOINTS, open_checkpoint_key, origin_of
from cior_bus.key_shares import centre_hmac, wall_token
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.readiness import announce, port_of_before
from cior_bus.rights import Part, user_of
from cior_bus.settings import BusSettings
from cior_bus.signers import open_signer, opener
from cior_city.city_of_centre import MapTiles, city_map, city_texts, city_tiles, load_cameras, load_city
from cior_city.packs import taxonomy
from cior_console.evidence_place import watched
from cior_console.footage_masks import masked
from cior_console.part import ConsolePart, ConsoleSettings, refuse_pending_schema
from cior_console.people_part import peopled
from cior_console.register_part import opened_register
from cior_console.ring_files import Rings
from cior_core.bundled_policy import privacy_policy
from cior_core.centre_file import Centre
from cior_core.errors import CiorError, ConfigInvalid
from cior_register.place import deleter_of
from cior_sink.checkpoints import CheckpointPlace
from cior_sink.held import PART
from cior_sink.part import SinkCentre, SinkPart
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions
from cior_video.converter import Converter

log = structlog.get_logger(__name__)
# At the default of 5 ms a press would wait that long for the bulk writer, and a live feed for the ledger's, at each of
# a dozen hand-overs of the interpreter.
SWITCH_S = 0.0005


def wall_ms() -> int:
    """The one clock reading of this edge."""
    return time.time_ns() // 1_000_000


def run_sink(arguments: PartArguments, *, with_console: bool) -> int:
    """Topics to tables; with the wall in the same process when the store has only one owner."""

    async def work(stop: asyncio.Event) -> None:
        async with AsyncExitStack() as running:
            metrics = Metrics()
            url = running.enter_context(arguments.serve_metrics(metrics)).url
            store = await running.enter_async_context(_store(arguments))
            await asyncio.to_thread(_brought_up_to_date, store)
            sink = await running.enter_async_context(_sink(arguments, broker, store, metrics))
            if not with_console:
                await _serve(arguments, stop, lambda: sink.failure, metrics=url)
                return
            console, port = await running.enter_async_context(_console(arguments, walls, store, metrics))
            await _serve(arguments, stop, lambda: sink.failure or console.failure, port=port, metrics=url)

    sys.setswitchinterval(SWITCH_S)
    broker, test = arguments.tried_bus("cior-sink", user_of(Part.SINK))
    if not with_console:
        return drive(work, test)
    walls, another = arguments.tried_bus("cior-console", user_of(Part.CONSOLE))
    return drive(work, test, another)


def _brought_up_to_date(store: Store) -> None:
    """Migrate; then say which views of the boards are lacking, where this user knows of all of them."""
    migrate(store)
    for sentence in lacking(store) if store.dsn.embedded else ():
        log.warning("wall_view_lacking", told=sentence)


def run_console(arguments: PartArguments) -> int:
    """The wall alone, with a user of its own that may only read."""

    async def work(stop: asyncio.Event) -> None:
        async with AsyncExitStack() as running:
            metrics = Metrics()
            url = running.enter_context(arguments.serve_metrics(metrics)).url
            store = await running.enter_async_context(_store(arguments))
            await asyncio.to_thread(refuse_pending_schema, store)
            console, port = await running.enter_async_context(_console(arguments, broker, store, metrics))
            await _serve(arguments, stop, lambda: console.failure, port=port, metrics=url)

    sys.setswitchinterval(SWITCH_S)
    broker, test = arguments.tried_bus("cior-console", user_of(Part.CONSOLE))
    return drive(work, test)


@asynccontextmanager
async def _store(arguments: PartArguments) -> AsyncIterator[Store]:
    store = await asyncio.to_thread(Store.open, arguments.store_dsn)
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def _sink(
    arguments: PartArguments, settings: BusSettings, store: Store, metrics: Metrics
) -> AsyncIterator[SinkPart]:
    bus = Bus(settings, metrics=metrics)
    try:
        sink = SinkPart(
            settings,
            store,
            bus,
            centre=SinkCentre(
                policy=privacy_policy(),
                facts=centre_facts(arguments.centre),
                taxonomy=taxonomy(),
                checkpoints=_checkpoints(arguments.centre),
                drill=arguments.centre.file.centre.drill,
                run=arguments.ready.parent,
                streams=stream_groups(arguments.centre, settings),
                signer=partial(open_signer, arguments.centre.data / "keys", Part.SINK.value),
                opens=opener(arguments.centre.data / "keys"),
                register=deleter_of(arguments.centre, actor=PART, now_ms=wall_ms),
            ),
            now_ms=wall_ms,
            metrics=metrics,
        )
        try:
            sink.start()
            yield sink
        finally:
            await asyncio.to_thread(sink.stop)
    finally:
        bus.close()


def _checkpoints(centre: Centre) -> CheckpointPlace:
    origin = origin_of(centre.file.centre.name)
    return CheckpointPlace(
        folder=centre.data / CHECKPOINTS,
        origin=origin,
        key=open_checkpoint_key(centre.data / "keys", origin=origin),
        blinding=centre_hmac(centre.data / "keys"),
    )


def _tiles(centre: Centre) -> tuple[MapTiles | None, bool]:
    """The map tiles, and whether there are some that are damaged: then the city's own streets are the map."""
    try:
        return city_tiles(centre), False
    except ConfigInvalid as error:
        log.warning("city_tiles_refused", code=error.code, told=str(error))
        return None, True


@asynccontextmanager
async def _console(
    arguments: PartArguments, broker: BusSettings, store: Store, metrics: Metrics
) -> AsyncIterator[tuple[ConsolePart, int]]:
    file = arguments.centre.file
    tiles, is_damaged = _tiles(arguments.centre)
    settings = ConsoleSettings(
        host=file.console.host,
        port=file.console.port or port_of_before(arguments.ready, file.console.host),
        token=wall_token(arguments.centre.data / "keys"),
        name=file.centre.name,
        drill=file.centre.drill,
        city=city_map(city_texts(arguments.centre), tiles, is_damaged=is_damaged),
        tiles=tiles.path if tiles is not None else None,
        cameras=load_cameras(arguments.centre, load_city(arguments.centre)),
        rings=Rings(partial(watched, arguments.centre), partial(masked, arguments.centre)),
        converter=Converter.start,
        conversions=file.console.conversions,
        taxonomy=taxonomy(),
        names=frozenset(file.console.names),
        origin=file.console.origin,
        certificate=arguments.centre.beside(file.console.certificate) if file.console.certificate else None,
    )
    bus = Bus(broker, metrics=metrics)
    try:
        async with opened_register(
            arguments.centre, bus, copy=ConsoleQuestions(store), metrics=metrics, now_ms=wall_ms
        ) as register:
            people = await asyncio.to_thread(peopled, arguments.centre, register, bus, store)
            whole = msgspec.structs.replace(settings, people=people)
            console = ConsolePart(whole, broker, store, now_ms=wall_ms, metrics=metrics)
            try:
                port = await console.start()
                async with AsyncExitStack() as beside:
                    if store.dsn.embedded and file.evidence is not None:
                        # The folder has one owner, so packages are built beside it; nobody else loads what seals.
                        from cior.evidence_part import making

                        await beside.enter_async_context(making(arguments.centre, register, store, metrics))
                    yield console, port
            finally:
                await console.stop()
    finally:
        bus.close()


async def _serve(
    arguments: PartArguments, stop: asyncio.Event, failed: Callable[[], CiorError | None], **facts: Any
) -> None:
    """Say that this process is ready, then wait for ``stop``.

    Raises what made a thread of it end: the supervisor starts it again.
    """
    announce(arguments.ready, **facts)
    try:
        while not stop.is_set():
            error = failed()
            if error is not None:
                raise error
            try:
                await asyncio.wait_for(stop.wait(), 0.5)
            except TimeoutError:
                continue
    finally:
        arguments.ready.unlink(missing_ok=True)
