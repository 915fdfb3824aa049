"""The recorder: a thread for each camera, one that removes, and the loop that keeps watch and says how the disk is.

A group of cameras is one process; a centre has as many as it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from cior_bus.message import DurableSink, MessageOut
from cior_bus.metrics import Metrics
from cior_core.errors import CiorError
from cior_core.footage import Segment
from cior_core.model import ClockQuality, Event, Phase, Producer
from cior_core.system_events import system_event
from cior_recorder import metrics as m
from cior_recorder.camera import CameraRecorder
from cior_recorder.court import CourtPort
from cior_recorder.disk import DiskState, Limits, Room, judged, room_of
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from cior_recorder.obeying import HoldKeeper
from cior_recorder.pruning import Pruner
from cior_recorder.recovery import entered_late, resumed
from cior_recorder.settings import MIB, RecorderSettings
from cior_recorder.sweeping import Sweeper, Swept
from cior_recorder.track import Cutting, Shelf, Track
from cior_video.clock import SystemClock

LOG = structlog.get_logger("cior.recorder")
WATCH_EVERY_S = 1.0
STOP_WITHIN_S = 2.0
DAY_MS = 86_400_000
UNANSWERED = 2
"""So many sweeps in a row that could not ask what is held are told: a register that starts again is nobody's alarm."""


class Recorder:
    """Runs once: make it, then await :meth:`run`. ``court``: where holds stand that are not its own; ``room``: of the
    ring's file system; ``former``: cameras that this ring has footage of and nobody records any more: it goes when it
    is over its time as all does; ``drill``: all that this centre says is an exercise.

    Raises at the making what a ring that cannot be read raises: ``OSError``, ``IntegrityBroken``.
    """

    def __init__(  # noqa: PLR0913  (what it works with, all named)
        self,
        settings: RecorderSettings,
        ring: Path,
        sink: DurableSink,
        *,
        court: CourtPort,
        metrics: Metrics,
        producer: Producer,
        room: Callable[[], Room] | None = None,
        former: Collection[str] = (),
        drill: bool = False,
    ) -> None:
        self._section, self._ring, self._sink, self._metrics = settings.recorder, ring, sink, metrics
        self._producer, self._clock, self._drill = producer, SystemClock(), drill
        ring.mkdir(parents=True, exist_ok=True)
        self._room = room or (lambda: room_of(ring))
        self._holds = Holds(ring)
        self._former = frozenset(former) - settings.cameras.keys()
        self._ledgers = {
            camera: Ledger(ring, camera) for camera in (*settings.cameras, *sorted(self._former))
        }
        self._court, self._unanswered = court, 0
        self._state, self._since_ms, self._held_bytes = DiskState.WIDE, 0, 0
        self._began_s, self._recorded_bytes = self._clock.monotonic_s(), 0.0
        self._cameras = {camera: self._camera(camera, settings) for camera in settings.cameras}
        self._sweeper = Sweeper(
            ring, self._ledgers, holds=self._holds, court=court, room=self._room, now_ms=self._clock.now_ms
        )
        self._pruner = Pruner(ring, self._ledgers, holds=self._holds, court=court, now_ms=self._clock.now_ms)
        self._judge(Swept())
        self._told: dict[str, dict[str, float]] = {camera: {} for camera in settings.cameras}
        metrics.set(m.CAMERAS, value=len(self._cameras))

    @property
    def keeper(self) -> HoldKeeper:
        """Who obeys ``hold_video`` for these cameras."""
        return HoldKeeper(
            self._ring,
            self._ledgers,
            holds=self._holds,
            hold_days=self._section.hold_days,
            now_ms=self._clock.now_ms,
            metrics=self._metrics,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Record until ``stop`` is set."""
        for camera in self._cameras.values():
            camera.start()
        LOG.info("recorder_started", cameras=len(self._cameras))
        sweeping = asyncio.create_task(self._sweep_for_ever())
        try:
            while not stop.is_set():
                await asyncio.to_thread(self._watch)
                if sweeping.done():
                    sweeping.result()
                await _sleep(stop, WATCH_EVERY_S)
        finally:
            sweeping.cancel()
            await asyncio.to_thread(self._stop)
        LOG.info("recorder_stopped")

    def _stop(self) -> None:
        for camera in self._cameras.values():
            camera.stop()
        deadline_s = self._clock.monotonic_s() + STOP_WITHIN_S
        for name, camera in self._cameras.items():
            if not camera.join(max(0.0, deadline_s - self._clock.monotonic_s())):
                LOG.warning("camera_abandoned", camera=name)
        self._measure()
        self._court.close()

    # --- cameras ------------------------------------------------------------------------------------------------

    def _camera(self, camera: str, settings: RecorderSettings) -> CameraRecorder:
        ledger = self._ledgers[camera]
        left = resumed(self._ring, camera, ledger, now_ms=self._clock.now_ms())
        track = Track(
            camera,
            Shelf(
                ring=self._ring,
                ledger=ledger,
                has_room=lambda: self._room().free_bytes >= self._section.stop_mib * MIB,
                closed=self._closed,
            ),
            left=left,
            clock=self._clock,
            cutting=Cutting(segment_s=self._section.segment_s, sync_s=self._section.sync_s),
        )
        return CameraRecorder(camera, settings.cameras[camera], track, clock=self._clock)

    def _closed(self, segment: Segment) -> None:
        """Holds that wait for it get it; the sweep asks the holds themselves, so a failure here loses nothing."""
        try:
            self._holds.keep(segment, self._holds.recent())
        except (OSError, CiorError) as error:
            LOG.warning("hold_not_linked", camera=segment.camera, error=type(error).__name__)

    def _watch(self) -> None:
        for camera in self._cameras.values():
            camera.watch()
        self._measure()

    def _measure(self) -> None:
        for name, camera in self._cameras.items():
            facts, track = camera.facts(), camera.track
            now: dict[str, float] = {
                "segments": track.segments,
                "bytes": track.recorded_bytes,
                "gaps": track.gaps,
                "connections": facts.connections,
            }
            before, self._told[name] = self._told[name], now
            for key, spec in _COUNTED.items():
                self._metrics.add(spec, amount=now[key] - before.get(key, 0))
            self._recorded_bytes += now["bytes"] - before.get("bytes", 0)
        recording = sum(each.track.is_recording for each in self._cameras.values())
        self._metrics.set(m.RECORDING, value=recording)

    # --- the disk -----------------------------------------------------------------------------------------------

    async def _sweep_for_ever(self) -> None:
        await asyncio.to_thread(self._enter_late)
        while True:
            event = await asyncio.to_thread(self._sweep)
            if event is not None:
                await self._tell(event)
            await asyncio.sleep(self._section.sweep_every_s)

    def _enter_late(self) -> None:
        for camera, ledger in self._ledgers.items():
            try:
                entered_late(self._ring, camera, ledger, is_former=camera in self._former)
            except (OSError, CiorError) as error:
                LOG.warning("segment_left", camera=camera, error=type(error).__name__)

    def _sweep(self) -> Event | None:
        """Lapse what is over, remove what is due, and what there is to say about the disk."""
        keep_ms = round(self._section.keep_days * DAY_MS)
        try:
            self._holds.lapse(self._clock.now_ms())
            swept = self._sweeper.sweep(keep_ms=keep_ms, reserve_bytes=self._section.reserve_mib * MIB)
            if not swept.is_blocked:
                past = self._pruner.prune(keep_ms=keep_ms, years=self._section.past_years)
                self._metrics.add(m.PAST_DAYS, amount=past)
        except CiorError as error:
            LOG.error("sweep_blocked", code=error.code)  # noqa: TRY400  (the code says it)
            swept = Swept(is_blocked=True)
        except OSError as error:
            LOG.warning("sweep_failed", errno=error.errno)
            swept = Swept(is_blocked=True)
        self._metrics.add(m.REMOVED, amount=swept.removed)
        return self._judge(swept)

    def _judge(self, swept: Swept) -> Event | None:
        room = self._room()
        self._held_bytes = self._holds.held_bytes() + self._sweeper.court_bytes
        self._unanswered = self._unanswered + 1 if swept.is_blocked else 0
        self._metrics.set(m.FREE_BYTES, value=room.free_bytes)
        self._metrics.set(m.HELD_BYTES, value=self._held_bytes)
        self._metrics.set(m.HOLDS_UNKNOWN, value=int(swept.is_blocked))
        state = judged(
            room,
            Limits(stop_bytes=self._section.stop_mib * MIB, held_share=self._section.held_share),
            held_bytes=self._held_bytes,
            is_short=swept.is_short,
            is_blocked=self._unanswered >= UNANSWERED,
        )
        before, self._state = self._state, state
        if state is before:
            return None
        now_ms = self._clock.now_ms()
        if before is DiskState.WIDE:
            self._since_ms = now_ms
        LOG.warning("disk_turned", state=state.value, free_bytes=room.free_bytes, held_bytes=self._held_bytes)
        return self._disk_event(state, room, now_ms)

    def _disk_event(self, state: DiskState, room: Room, now_ms: int) -> Event:
        name = self._section.name
        is_well = state is DiskState.WIDE
        return system_event(
            "source.restored" if is_well else "source.degraded",
            source=f"urn:cior:recorder:{name}",
            subject=f"recorder:{name}",
            key=f"{name}/disk/{self._since_ms}/{state.value}",
            at_ms=now_ms,
            clock=ClockQuality.SYNCED,
            phase=Phase.RESTORE if is_well else Phase.NEW,
            producer=self._producer,
            drill=self._drill,
            native_key=f"{name}/disk/{self._since_ms}",
            attributes={
                "code": f"recorder.disk_{state.value}",
                "reason": _REASONS[state],
                "free_bytes": room.free_bytes,
                "held_bytes": self._held_bytes,
            }
            | self._lasting(room),
        )

    def _lasting(self, room: Room) -> dict[str, int]:
        """For how long the disk lasts, s, as cameras sent until now; nothing before they sent anything."""
        since_s = self._clock.monotonic_s() - self._began_s
        left_bytes = max(0, room.free_bytes - self._section.stop_mib * MIB)
        if not self._recorded_bytes or since_s <= 0:
            return {}
        return {"lasts_s": round(left_bytes * since_s / self._recorded_bytes)}

    async def _tell(self, event: Event) -> None:
        try:
            await self._sink.publish([MessageOut.of(event)])
        except CiorError as error:
            LOG.warning("disk_event_unsent", code=error.code)


_COUNTED = {
    "segments": m.SEGMENTS,
    "bytes": m.RECORDED_BYTES,
    "gaps": m.GAPS,
    "connections": m.CONNECTIONS,
}
_REASONS = {
    DiskState.WIDE: "there is room again",
    DiskState.NARROW: "holds take so much of the ring's disk that soon nothing may be removed: add disk or lift holds",
    DiskState.BLOCKED: "what is held cannot be asked, so nothing is removed: let the register answer before it fills",
    DiskState.FULL: "no room that a hold leaves: cameras are not recorded",
}


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
