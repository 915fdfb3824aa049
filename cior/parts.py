"""The processes of a centre: each function is one part, run by ``cior run <part>`` under the supervisor.

A part reads its files, opens its room's public entry, announces that it is ready, works until SIGTERM and ends with
code 0. A :class:`CiorError` ends it with code 1 (2 when a human must change something) and one line that says what to
do; the supervisor decides when to try again.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import structlog

from cior.stack import stream_settings
from cior_bus.access import as_part, as_tried_part
from cior_bus.key_shares import centre_hmac, retired_keys, team_public
from cior_bus.keys import repair_public
from cior_bus.metrics import Metrics
from cior_bus.metrics_endpoint import MetricsEndpoint
from cior_bus.readiness import announce
from cior_bus.recipients import keeper_public
from cior_bus.rights import Part, User, user_of
from cior_bus.self_test import SelfTest
from cior_bus.settings import BusSettings
from cior_bus.signers import opener, signer_of
from cior_bus.spool import Spool, SpoolLimits
from cior_city.city_of_centre import load_cameras, load_city
from cior_city.packs import rule_pack, taxonomy
from cior_core.centre_file import Centre
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, IntegrityBroken
from cior_core.model import AreaId, CommandKind

log = structlog.get_logger("cior.parts")

BULK_NICENESS = 5
"""Where processors are short, telemetry waits for presses and not the other way round."""


LAST_WORDS_S = 2.0
"""How long a part that ends tries to bring to the broker what it published last."""


class PartArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What every part is told."""

    centre: Centre
    bus_dsn: str
    store_dsn: str
    ready: Path

    def bus(self, client_id: str, user: User) -> BusSettings:
        """Bus settings under a client name, with the keys of ``user`` where the broker asks for some."""
        return as_part(self.bus_dsn, user, client_id=client_id)

    def tried_bus(self, client_id: str, user: User) -> tuple[BusSettings, SelfTest]:
        """The same, with the test of its rights, for :func:`drive`."""
        return as_tried_part(self.bus_dsn, user, client_id=client_id)

    def serve_metrics(self, metrics: Metrics) -> MetricsEndpoint:
        """This process's ``/metrics``, where the centre file says; the name of a part is that of its ready file."""
        section = self.centre.file.metrics
        return MetricsEndpoint(metrics, host=section.host, port=section.port_of(self.ready.stem))


def drive(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]], *tests: SelfTest) -> int:
    """Run ``work(stop)`` with SIGTERM and SIGINT setting ``stop``; the exit code says who must act.

    ``tests``: of its rights at the broker, tried before it works; a refusal later stops it too.
    """

    async def inner() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as guarded:
            for test in tests:
                await guarded.enter_async_context(test.guarding(stop))
            await work(stop)

    try:
        asyncio.run(inner())
    except (ConfigInvalid, CredentialsRefused, IntegrityBroken) as error:
        print(str(error), file=sys.stderr, flush=True)
        return 2
    except CiorError as error:
        print(str(error), file=sys.stderr, flush=True)
        return 1
    return 0


def run_vision(arguments: PartArguments, settings_file: Path) -> int:
    """One vision worker with a bus of its own."""
    from cior_bus.obeying import Obeyer
    from cior_bus.producer import Bus
    from cior_connectors._runtime.settings import read_registry
    from cior_core.vicinity import Vicinity
    from cior_video.clock import SystemClock
    from cior_vision.settings import load_settings
    from cior_vision.worker import VisionWorker

    async def work(stop: asyncio.Event) -> None:
        centre = arguments.centre
        city = load_city(centre)
        catalogue = load_cameras(centre, city)
        settings = load_settings(settings_file, catalogue)
        if arguments.centre.file.centre.drill:
            cameras = tuple(msgspec.structs.replace(each, drill=True) for each in settings.camera)
            settings = msgspec.structs.replace(settings, camera=cameras)
        name = settings.worker.name
        state = centre.data / "state" / f"vision-{name}"
        registry = read_registry(centre.beside(centre.file.registry), catalogue)
        spool = Spool.open(
            arguments.centre.data / "spool" / f"vision-{name}",
            limits=spool_limits(arguments.centre),
            metrics=metrics,
        )
        bus = Bus(broker, spool=spool, metrics=metrics)
        try:
            worker = VisionWorker(
                settings,
                bus,
                vicinity=Vicinity(registry, city, catalogue),
                metrics=metrics,
                state_dir=state,
            )
            obeyer = Obeyer(
                worker.looks,
                name=f"vision.{name}",
                broker=broker,
                bus=bus,
                folder=state,
                now_ms=SystemClock().now_ms,
                metrics=metrics,
                kinds=[CommandKind.BURST],
            )
            announce(arguments.ready, metrics=endpoint.url)
            obeying = asyncio.create_task(obeyer.run())
            try:
                await worker.run(stop)
            finally:
                obeying.cancel()
                await asyncio.wait([obeying])
        finally:
            # The last stretches and their events: what stays in the spool comes only with the next start.
            await asyncio.to_thread(bus.flush, timeout_s=LAST_WORDS_S)
            await asyncio.to_thread(bus.close)
            spool.close()

    metrics = Metrics()
    broker, test = arguments.tried_bus("cior-vision", user_of(Part.VISION))
    with arguments.serve_metrics(metrics) as endpoint:
        return drive(work, test)


def spool_limits(centre: Centre) -> SpoolLimits:
    """The centre file's spool size as limits: a quarter is reserved for life-safety that is proven, an eighth for what
    nobody proved, a thirty-second for what cannot be read, a quarter is telemetry's.
    """
    whole = centre.file.bus.spool_max_mib * 1024 * 1024
    return SpoolLimits(
        life_safety_bytes=whole // 4,
        unproven_bytes=whole // 8,
        unread_bytes=whole // 32,
        normal_bytes=whole * 11 // 32,
        telemetry_bytes=whole // 4,
    )


def run_connectors(arguments: PartArguments, files: Sequence[Path], family: str) -> int:
    """All instances of one connector kind, with a bus and a spool of their own."""
    from cior_connectors._runtime import process
    from cior_connectors._runtime.settings import CentreSettings
    from cior_connectors.contract import Secret
    from cior_core.vicinity import Surveyed

    centre = arguments.centre
    keys = centre.data / "keys"
    settings = CentreSettings(
        team_public_key=base64.b64encode(team_public(keys)).decode(),
        repair_public_key=repair_public(keys),
        keeper_public_key=base64.b64encode(keeper_public(keys) or b"").decode(),
        retired=retired_keys(keys),
        pseudonym_key=Secret(base64.b64encode(centre_hmac(keys)).decode()),
        broker=arguments.bus_dsn,
        spool_dir=str(centre.data / "spool"),
        state_dir=str(centre.data / "state"),
        registry=str(centre.beside(centre.file.registry)),
        zone=centre.file.centre.zone,
        drill=centre.file.centre.drill,
        test_mode=centre.file.centre.test_mode,
        accounting_every_s=centre.file.centre.accounting_every_s,
    )
    city = load_city(centre)
    cameras = load_cameras(centre, city)

    async def work(stop: asyncio.Event) -> None:
        announce(arguments.ready, metrics=endpoint.url)
        await process.run(
            settings,
            files,
            stop=stop,
            family=family,
            surveyed=Surveyed(city, cameras),
            limits=spool_limits(centre),
            metrics=metrics,
            signer=signer_of(keys, family),
            opens=opener(keys),
        )

    metrics = Metrics()
    with arguments.serve_metrics(metrics) as endpoint:
        return drive(work)


def run_streams(arguments: PartArguments, role: str) -> int:
    """One Faust worker; its exit code tells the supervisor why it ended."""
    from cior_connectors._runtime.settings import read_registry
    from cior_core.sealed_devices import enrolled
    from cior_streams.runner import run_worker
    from cior_streams.settings import Role
    from cior_streams.wiring import Domain

    if role == Role.BULK:
        os.nice(BULK_NICENESS)
    centre = arguments.centre
    keys = centre.data / "keys"
    # The one place where the clear names and the key meet outside a connector; the worker gets neither (ADR 17).
    city = load_city(centre)
    known = enrolled(
        read_registry(centre.beside(centre.file.registry), load_cameras(centre, city)).values(),
        key=centre_hmac(keys),
        retired=retired_keys(keys),
        placed=city.placed,
    )
    rules = rule_pack(centre.beside(centre.file.rules) if centre.file.rules else "")
    domain = Domain.of(
        rules,
        taxonomy(),
        known=known,
        area=AreaId(centre.file.centre.area),
        drill=centre.file.centre.drill,
        opens=opener(centre.data / "keys"),
    )
    bus = arguments.bus(f"cior-{role}", user_of(Part(f"streams-{role}")))
    settings, metrics = stream_settings(centre, bus, role), Metrics()
    with arguments.serve_metrics(metrics) as endpoint:
        return run_worker(settings, domain, metrics=metrics, metrics_url=endpoint.url)
