"""The vision worker: one process for a group of cameras.

A reading thread per camera, one pipeline thread that owns every camera's state, the engine's thread
(``cior_vision.engine_queue``), and the event loop that publishes and keeps watch. Pictures are dropped rather than
queued, and counted; nothing here waits for the broker. Ends within ``worker.stop_within_s`` of ``stop`` being set, or
by itself when every source was a file and has ended.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from cior_bus.message import DurableSink
from cior_bus.metrics import Metrics
from cior_core import bundled
from cior_core.camera_stretch import raw_record
from cior_core.model import Event, RawRecord
from cior_core.taxonomy import Taxonomy
from cior_core.vicinity import Vicinity
from cior_core.watching import BURST_TYPE
from cior_video.clock import EdgeClock, SystemClock
from cior_video.drops import DropCounter, DropReason
from cior_video.program import program_version
from cior_video.timing import FrameTime
from cior_vision import metrics as m
from cior_vision.burst_watch import BurstWatch
from cior_vision.bursts import RUNNING, Lens
from cior_vision.detectors.contract import Detector
from cior_vision.detectors.registry import plugin
from cior_vision.engine_queue import Answer, EngineQueue, Run
from cior_vision.events import Author, EventMaker, producer_of, source_of
from cior_vision.frames import Damaged, Frame
from cior_vision.health import HealthMeter
from cior_vision.incidents import Condition, Sighting
from cior_vision.look_journal import LookJournal
from cior_vision.pipeline import CameraPipeline, Outcome
from cior_vision.publishing import Outbox
from cior_vision.reader import CameraReader, Link
from cior_vision.settings import AnyVisionSettings, CameraSettings
from cior_vision.stretches import CameraOf, StretchBook, StretchJournal, claim

LOG = structlog.get_logger("cior.vision.worker")
WATCH_EVERY_S = 0.2
IDLE_S = 0.01


def _load_detector(settings: AnyVisionSettings) -> Detector:
    """The engine the settings name, ready. Raises ``ConfigInvalid`` or ``IntegrityBroken``."""
    return plugin(settings.detector.engine).load(settings.detector)


@dataclass
class _Watched:
    """One camera with everything that belongs to it. ``finish`` asks the pipeline thread to end what is open.

    ``asked``: the picture that the engine has; until its answer the camera's next ones wait in its reader.
    """

    camera: CameraSettings
    reader: CameraReader
    pipeline: CameraPipeline
    maker: EventMaker
    stretches: StretchBook
    meter: HealthMeter
    drops: DropCounter
    asked: Frame | None = None
    seen: list[tuple[FrameTime, tuple[Sighting, ...]]] = field(default_factory=list)
    finish: threading.Event = field(default_factory=threading.Event)
    lost_ms: int | None = None


class VisionWorker:
    """Runs once.

    Make it, then await :meth:`run`. ``state_dir``: its durable folder; without one a kill costs the open stretches.
    """

    def __init__(
        self,
        settings: AnyVisionSettings,
        sink: DurableSink,
        *,
        clock: EdgeClock | None = None,
        detector: Detector | None = None,
        state_dir: Path | None = None,
        vicinity: Vicinity | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._settings = settings
        self._vicinity = vicinity
        self._clock = clock or SystemClock()
        self._detector = detector or _load_detector(settings)
        self._journal = StretchJournal(state_dir / "stretches" if state_dir is not None else None)
        self._look_journal = LookJournal(state_dir / "looks" if state_dir is not None else None)
        self._outbox = Outbox(
            sink,
            limit=settings.worker.event_backlog,
            now_ms=self._clock.now_ms,
            metrics=self._metrics,
            on_durable=self._is_durable,
        )
        self._stopping, self._wake = threading.Event(), threading.Event()
        author = Author(version=program_version(), instance=settings.worker.name)
        kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
        self._boot = uuid4().hex[:12]
        self._watched = [self._watch_one(camera, kinds, author) for camera in settings.camera]
        self._by_id = {one.camera.id: one for one in self._watched}
        self.looks = BurstWatch(
            {each.id: Lens(each.azimuth_deg, each.opening_deg) for each in settings.camera},
            limit=settings.worker.bursts,
            by_motion=not self._detector.facts.sees_classes,
            now_ms=self._clock.now_ms,
            monotonic_s=self._clock.monotonic_s,
            journal=self._look_journal,
        )
        """Obeys ``burst``, by way of :class:`cior_bus.obeying.Obeyer`."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Work until ``stop`` is set or every file has ended. Raises what the pipeline thread raised, if it did."""
        self._loop = asyncio.get_running_loop()
        self._announce()
        self._tell_left_over()
        for one in self._watched:
            one.reader.start()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="vision-pipeline") as pool:
            pipeline = self._loop.run_in_executor(pool, self._pipeline_loop)
            tasks = [
                asyncio.ensure_future(pipeline),
                asyncio.create_task(self._outbox.run()),
                asyncio.create_task(self._keep_watch()),
            ]
            if stop is not None:
                tasks.append(asyncio.create_task(_until(stop)))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._shut_down(tasks)
            for task in done:
                task.result()
        LOG.info("worker_stopped", published=self._outbox.published, waiting=self._outbox.waiting)

    async def _shut_down(self, tasks: Sequence[asyncio.Future[Any]]) -> None:
        """Readers first, then the pipeline (its last incidents end), then what is left to publish."""
        deadline_s = self._clock.monotonic_s() + self._settings.worker.stop_within_s
        self._stopping.set()
        for one in self._watched:
            one.reader.stop()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks, timeout=max(0.1, deadline_s - self._clock.monotonic_s()))
        for one in self._watched:
            if one.reader.facts().link is Link.ENDED:
                # Files may all have ended before anybody looked.
                self._watch_signal(one)
            one.stretches.stop()
        await asyncio.sleep(0)
        self._publish_health()
        await self._outbox.flush(within_s=max(0.1, deadline_s - self._clock.monotonic_s()))
        for one in self._watched:
            if not one.reader.join(max(0.0, deadline_s - self._clock.monotonic_s())):
                LOG.warning("reader_abandoned", camera=one.camera.id)
        self._detector.close()

    # --- the event loop's part
    # ------------------------------------------------------------------------------------------------------

    async def _keep_watch(self) -> None:
        due_s = self._clock.monotonic_s() + self._settings.worker.health_every_s
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            for one in self._watched:
                self._watch_signal(one)
                one.stretches.close_older_than(self._settings.worker.stretch_s)
            if self._clock.monotonic_s() >= due_s:
                due_s += self._settings.worker.health_every_s
                self._publish_health()

    def _watch_signal(self, one: _Watched) -> None:
        flowing = one.reader.watch()
        if flowing == (one.lost_ms is None):
            return
        facts = one.reader.facts()
        now_ms = self._clock.now_ms()
        row = {
            "silent_s": round(facts.silent_s, 2),
            "blind_s": round(facts.blind_s, 2),
            "link": str(facts.link),
            "last_error": facts.last_error,
            "cure": facts.cure,
        }
        if one.lost_ms is None:
            one.lost_ms = now_ms - round(min(facts.silent_s, facts.blind_s) * 1000)
            one.finish.set()
            self._outbox.add(one.maker.signal(lost=True, since_ms=one.lost_ms, received_ms=now_ms, facts=row))
            LOG.warning("signal_lost", camera=one.camera.id, **row)
        else:
            row["outage_s"] = round((now_ms - one.lost_ms) / 1000, 2)
            one.lost_ms = None
            self._outbox.add(one.maker.signal(lost=False, since_ms=now_ms, received_ms=now_ms, facts=row))
            LOG.info("signal_restored", camera=one.camera.id, **row)

    def _publish_health(self) -> None:
        for one in self._watched:
            health = one.meter.measure(
                one.reader.facts(),
                one.pipeline.facts,
                now_s=self._clock.monotonic_s(),
                conditions=self._conditions(one.camera.id),
            )
            health = msgspec.structs.replace(health, events_dropped=self._outbox.dropped_rows())
            self._outbox.add(one.maker.health(health, received_ms=self._clock.now_ms()))

    # --- the pipeline thread's part
    # -------------------------------------------------------------------------------------------------

    def _pipeline_loop(self) -> None:
        queue = EngineQueue(
            self._detector,
            monotonic_s=self._clock.monotonic_s,
            on_run=self._count_run,
            on_answer=self._wake.set,
        )
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                if not (self._step(queue) or self._has_more()):
                    break
        finally:
            answers = queue.close(within_s=self._settings.worker.stop_within_s / 2)
        self._take(answers)
        self._look(why="stopped")
        for one in self._watched:
            if one.asked is not None:
                one.drops.add(DropReason.STOPPING)
            self._finish(one)

    def _step(self, queue: EngineQueue) -> bool:
        """Take what the engine answered and what the cameras show; whether there was anything."""
        answers = queue.answers()
        self._take(answers)
        pictures = [
            (one, picture)
            for one in self._watched
            if one.asked is None and (picture := one.reader.frames.get()) is not None
        ]
        for one, picture in pictures:
            self._show(one, picture, queue)
        self._look()
        self._finish_requested()
        if queue.is_gathering and self._nobody_else_comes():
            queue.hurry()
        return bool(answers or pictures)

    def _has_more(self) -> bool:
        """Whether anything can still come; waits a little for it."""
        if all(
            one.reader.link is Link.ENDED and not len(one.reader.frames) and one.asked is None
            for one in self._watched
        ):
            return False
        self._wake.wait(IDLE_S)
        return True

    def _nobody_else_comes(self) -> bool:
        """Every camera that delivers has its picture in the queue, or one of those in it has its next one already:
        whoever waits on would wait for nobody, or lose pictures.
        """
        return all(one.asked is not None or one.reader.link is not Link.LIVE for one in self._watched) or any(
            one.asked is not None and len(one.reader.frames) for one in self._watched
        )

    def _show(self, one: _Watched, picture: Frame | Damaged, queue: EngineQueue) -> None:
        if isinstance(picture, Damaged):
            self._report(one, one.pipeline.damaged(picture))
        elif (look := one.pipeline.check(picture)) is not None:
            one.asked = picture
            queue.ask(one.camera.id, look.image)
        else:
            self._report(one, one.pipeline.follow(picture, None))

    def _take(self, answers: Sequence[Answer]) -> None:
        by_camera = {answer.camera: answer for answer in answers}
        for one in self._watched:
            if (answer := by_camera.get(one.camera.id)) is not None and one.asked is not None:
                frame, one.asked = one.asked, None
                one.meter.inference(answer.spent_s * 1000)
                self._report(one, one.pipeline.follow(frame, answer.found))

    def _count_run(self, run: Run) -> None:
        self._metrics.observe(m.INFERENCE_LATENCY, value_s=run.spent_s)
        self._metrics.add(m.LOOKED_AT, amount=run.pictures)
        for waited_s in run.waited_s:
            self._metrics.observe(m.QUEUE_LATENCY, value_s=waited_s)

    def _look(self, *, why: str = "") -> None:
        """Begin the looks that alerts ask for, tell what they saw, and watch their cameras as closely as they want.
        ``why``: all of them end.
        """
        self.looks.begin(self._conditions)
        for told in self.looks.answers(self._conditions, why=why):
            one = self._by_id[told.camera]
            self._hand_over(one, [one.maker.burst(told, received_ms=self._clock.now_ms())])
        for one in self._watched:
            fps = self.looks.fps(one.camera.id, lost=one.reader.lost)
            one.reader.fps, one.pipeline.is_looking = fps, fps is not None

    def _conditions(self, camera: str) -> frozenset[Condition]:
        one = self._by_id[camera]
        return one.pipeline.conditions | ({Condition.SIGNAL_LOST} if one.lost_ms is not None else frozenset())

    def _report(self, one: _Watched, outcome: Outcome) -> None:
        at, events = outcome.time, list[Event]()
        seen = self.looks.see(one.camera.id, outcome)
        events += [one.maker.incident(incident, at, received_ms=at.arrival_ms) for incident in seen]
        if outcome.closing_time is not None:
            events += [
                one.maker.incident(incident, outcome.closing_time, received_ms=at.arrival_ms)
                for incident in outcome.closing
            ]
            events += self._aggregate(one, at.arrival_ms)
        events += [
            one.maker.incident(incident, at, received_ms=at.arrival_ms) for incident in outcome.incidents
        ]
        events += [
            one.maker.picture_condition(change, at, received_ms=at.arrival_ms) for change in outcome.changes
        ]
        if outcome.sightings is not None:
            one.seen.append((at, outcome.sightings))
        if one.seen and at.stream_s - one.seen[0][0].stream_s >= self._settings.worker.detections_every_s:
            events += self._aggregate(one, at.arrival_ms)
        self._hand_over(one, events)

    def _aggregate(self, one: _Watched, received_ms: int) -> list[Event]:
        event = one.maker.detections(one.seen, received_ms=received_ms) if one.seen else None
        one.seen.clear()
        return [] if event is None else [event]

    def _finish_requested(self) -> None:
        for one in self._watched:
            if one.finish.is_set() and one.asked is None:
                one.finish.clear()
                self._finish(one)

    def _finish(self, one: _Watched) -> None:
        incidents, at = one.pipeline.finish()
        if at is not None:
            received_ms = self._clock.now_ms()
            events = self._aggregate(one, received_ms)
            self._hand_over(
                one,
                events
                + [one.maker.incident(incident, at, received_ms=received_ms) for incident in incidents],
            )

    def _hand_over(self, one: _Watched, events: Sequence[Event]) -> None:
        for event in events:
            self._put(one.stretches.pointed(event))

    def _put(self, record: Event | RawRecord) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._outbox.add, record)

    # --- making -------------------------------------------------------------------------------------------------------
    # ------------------

    def _watch_one(self, camera: CameraSettings, kinds: Taxonomy, author: Author) -> _Watched:
        engine = self._detector.facts
        drops = DropCounter()
        stretches = StretchBook(
            CameraOf(
                camera=camera.id,
                source=source_of(camera.id),
                producer=producer_of(author),
                boot=self._boot,
                drill=camera.drill,
            ),
            clock=self._clock,
            drops=drops,
            journal=self._journal,
            hand_over=self._put,
        )
        reader = CameraReader(camera.id, camera.source, self._clock, drops=drops, also=stretches)
        pipeline = CameraPipeline(self._settings, camera, engine, drops)
        maker = EventMaker(
            camera,
            rules=[*self._settings.rules_of(camera.id), RUNNING],
            engine=engine,
            taxonomy=kinds,
            author=author,
            placed=None if self._vicinity is None else self._vicinity.placed,
            vicinity=self._vicinity,
        )
        meter = HealthMeter(engine, disabled_rules=pipeline.disabled_rules, now_s=self._clock.monotonic_s())
        return _Watched(
            camera=camera,
            reader=reader,
            pipeline=pipeline,
            maker=maker,
            stretches=stretches,
            meter=meter,
            drops=drops,
        )

    def _tell_left_over(self) -> None:
        """What a killed predecessor left: stretches, stated again under the same ids, and their records at last; looks,
        which end here.
        """
        producer = producer_of(Author(version=program_version(), instance=self._settings.worker.name))
        for raw, stretch in self._journal.left_over():
            LOG.warning(
                "stretch_recovered", camera=stretch.camera, number=stretch.number, events=len(stretch.events)
            )
            self._outbox.add(claim(raw, producer, opened_ms=stretch.opened_ms, drill=stretch.drill))
            self._outbox.add(
                raw_record(stretch, id_=raw, source=source_of(stretch.camera), producer=producer)
            )

        for told in self._look_journal.left_over():
            LOG.warning("look_interrupted", camera=told.camera, command=told.answer.command)
            one = self._by_id.get(told.camera)
            if one is None:
                self._look_journal.forget(told.answer.command)
            else:
                self._hand_over(one, [one.maker.burst(told, received_ms=self._clock.now_ms())])

    def _is_durable(self, record: Event | RawRecord) -> None:
        if isinstance(record, RawRecord):
            self._journal.forget(record.id)
        elif record.type == BURST_TYPE and record.attributes.get("is_last"):
            self._look_journal.forget(record.attributes["command"])

    def _announce(self) -> None:
        engine = self._detector.facts
        LOG.info(
            "worker_started",
            cameras=len(self._watched),
            detector=engine.engine,
            model=engine.model,
            model_sha256=engine.model_sha256,
        )
        for one in self._watched:
            if one.pipeline.disabled_rules:
                LOG.warning(
                    "rules_disabled",
                    camera=one.camera.id,
                    rules=one.pipeline.disabled_rules,
                    detector=engine.engine,
                )


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
