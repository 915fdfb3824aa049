"""The part that records cameras and obeys holds: ``cior run recorder``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cior.parts import LAST_WORDS_S, PartArguments, drive, spool_limits
from cior_bus.metrics import Metrics
from cior_bus.readiness import announce
from cior_bus.rights import Part, user_of
from cior_city.city_of_centre import load_cameras, load_city
from cior_core.centre_file import Centre
from cior_recorder.footage_holds import FootageHolds
from cior_register.place import deleter_of

ACTOR = "cior.recorder"
"""Who removes footage, as the ledger names it."""


def former_cameras(centre: Centre, name: str, ring: Path) -> tuple[str, ...]:
    """Cameras that the ring of the recorder ``name`` has footage of and that no recorder of the centre file has any
    more. Of several recorders with one ring, the first of the file answers for them.
    """
    from cior_recorder.settings import load_settings
    from cior_recorder.sweeping import days_of

    cameras = load_cameras(centre, load_city(centre))
    found = [load_settings(centre.beside(each.file), cameras) for each in centre.file.recorder]
    same = [each for each in found if each.ring(centre.data).resolve() == ring.resolve()]
    if not same or same[0].recorder.name != name or not ring.is_dir():
        return ()
    known = {camera for each in same for camera in each.cameras}
    return tuple(
        sorted(each.name for each in ring.iterdir() if each.name not in known and days_of(ring, each.name))
    )


def run_recorder(arguments: PartArguments, settings_file: Path) -> int:
    """One recorder with a bus of its own, and who obeys ``hold_video`` for its cameras."""
    from cior_bus.obeying import Obeyer
    from cior_bus.producer import Bus
    from cior_bus.spool import Spool
    from cior_core.model import CommandKind, Producer
    from cior_recorder.footage_copies import copies_of
    from cior_recorder.recorder import Recorder
    from cior_recorder.settings import load_settings
    from cior_video.clock import SystemClock
    from cior_video.program import program_version

    async def work(stop: asyncio.Event) -> None:
        centre = arguments.centre
        settings = load_settings(settings_file, load_cameras(centre, load_city(centre)))
        name, now_ms = settings.recorder.name, SystemClock().now_ms
        copies = await asyncio.to_thread(copies_of, centre, settings, metrics, now_ms)
        spool = Spool.open(
            centre.data / "spool" / f"recorder-{name}", limits=spool_limits(centre), metrics=metrics
        )
        bus = Bus(broker, spool=spool, metrics=metrics)
        try:
            recorder = Recorder(
                settings,
                settings.ring(centre.data),
                bus,
                court=FootageHolds(deleter_of(centre, actor=ACTOR, now_ms=now_ms), name=name, now_ms=now_ms),
                metrics=metrics,
                producer=Producer(connector="recorder", version=program_version(), instance=name),
                former=await asyncio.to_thread(former_cameras, centre, name, settings.ring(centre.data)),
                drill=centre.file.centre.drill,
            )
            obeyer = Obeyer(
                recorder.keeper,
                name=f"recorder.{name}",
                broker=broker,
                bus=bus,
                folder=centre.data / "state" / f"recorder-{name}",
                now_ms=now_ms,
                metrics=metrics,
                kinds=[CommandKind.HOLD_VIDEO],
                is_repeatable=True,
            )
            announce(arguments.ready, metrics=endpoint.url)
            beside = [asyncio.create_task(obeyer.run())]
            if copies is not None:
                beside.append(asyncio.create_task(copies(bus, stop)))
            try:
                await recorder.run(stop)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside)
        finally:
            await asyncio.to_thread(bus.flush, timeout_s=LAST_WORDS_S)
            await asyncio.to_thread(bus.close)
            spool.close()

    metrics = Metrics()
    broker, test = arguments.tried_bus("cior-recorder", user_of(Part.RECORDER))
    with arguments.serve_metrics(metrics) as endpoint:
        return drive(work, test)
