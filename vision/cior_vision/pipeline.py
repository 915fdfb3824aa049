"""One camera from picture to incident: gate, then (when asked) tracker and rules, always the tamper watch. No thread,
no clock, no network.

The same object serves the live worker and the clip replay. Call order per picture: :meth:`CameraPipeline.check`; if
it wants a look at the picture or a part of it, the detector; then :meth:`CameraPipeline.follow` with its result or
``None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_video.drops import DropCounter, DropReason
from cior_video.orientation import Turn
from cior_video.timing import FrameTime, PacedBy
from cior_vision.attention import Attention, Look, edges_of
from cior_vision.damage import DamageWatch
from cior_vision.detectors.contract import EngineFacts
from cior_vision.frames import Damaged, Detections, Frame
from cior_vision.gate import GateReading, MotionGate
from cior_vision.health import PipelineFacts
from cior_vision.incidents import Condition, ConditionChange, Incident, Sighting
from cior_vision.observing import Observed
from cior_vision.rule_settings import AnyTrackRule, labels_of
from cior_vision.rules import RuleSet, evaluators
from cior_vision.scene import SceneReader
from cior_vision.settings import AnyVisionSettings, CameraSettings
from cior_vision.tamper import TamperWatch
from cior_vision.tracking import Tracked, Tracker


class Outcome(Struct, frozen=True, kw_only=True):
    """What one picture led to.

    ``closing`` are ends of the *previous* epoch, with that epoch's last time; ``sightings`` is ``None`` when the
    detector did not look at this picture.
    """

    time: FrameTime
    motion: bool
    aspect: float = 16 / 9
    sightings: tuple[Sighting, ...] | None = None
    incidents: tuple[Incident, ...] = ()
    closing: tuple[Incident, ...] = ()
    closing_time: FrameTime | None = None
    changes: tuple[ConditionChange, ...] = ()


class CameraPipeline:
    """The state of one watched camera."""

    def __init__(
        self, settings: AnyVisionSettings, camera: CameraSettings, engine: EngineFacts, drops: DropCounter
    ) -> None:
        self._settings = settings
        self.camera = camera
        self._engine = engine
        self._drops = drops
        self._zone = ZoneInfo(camera.timezone or settings.worker.timezone)
        self._rules = settings.rules_of(camera.id)
        self.disabled_rules = [] if engine.sees_classes else [rule.id for rule in self._rules]
        self._classes = _classes_of_interest(self._rules, engine)
        self._gate = MotionGate(settings.gate)
        self._tamper = TamperWatch(camera.tamper)
        self._damage = DamageWatch(camera.tamper)
        self._scene = SceneReader()
        self._last: FrameTime | None = None
        self._attention = Attention(
            settings.attention,
            edges=edges_of(
                (zone.polygon for zone in settings.zone if zone.camera == camera.id),
                (line.points for line in settings.line if line.camera == camera.id),
            ),
            input_px=engine.input_px,
            sizes_px=engine.sizes_px,
        )
        self._look: Look | None = None
        self._whole_s = 0.0
        self._reading: GateReading | None = None
        self._changes: tuple[ConditionChange, ...] = ()
        self._closing: tuple[tuple[Incident, ...], FrameTime | None] = ((), None)
        self._pictures = self._detected = self._parts = self._open = 0
        self._turn = Turn.NONE
        self.is_looking = False
        """Somebody asked for a look: every picture is detected whole, every class followed."""
        self._restart()

    @property
    def facts(self) -> PipelineFacts:
        """Totals for health."""
        return PipelineFacts(
            pictures=self._pictures,
            detected=self._detected,
            parts=self._parts,
            gate_open=self._open,
            turn=self._turn,
            paced_by=PacedBy.STREAM if self._last is None else self._last.paced_by,
        )

    @property
    def conditions(self) -> frozenset[Condition]:
        """Picture conditions that hold now."""
        return self._tamper.active | self._damage.active

    def check(self, frame: Frame) -> Look | None:
        """Ingest a picture; what the detector should look at of it. None: nothing moves, or nobody needs it yet, and
        every track that lives was checked within ``redetect_s``.
        """
        self._advance(frame.time)
        at_s = frame.time.stream_s
        self._reading = self._gate.step(frame.small, at_s)
        scene = self._scene.read(frame.small, at_s, after_key=frame.after_key)
        self._changes = (
            *self._damage.step(at_s, is_damaged=False),
            *self._tamper.step(scene, hour=self._local(frame.time).hour),
        )
        self._turn = frame.turn
        self._pictures += 1
        self._open += self._reading.open
        if self._reading.switched:
            self._drops.add(DropReason.LIGHT_SWITCH)
        self._look = self._worth(frame, self._reading)
        return self._look

    def _worth(self, frame: Frame, reading: GateReading) -> Look | None:
        at_s = frame.time.stream_s
        if not self._engine.sees_classes or reading.switched or not (self._rules or self.is_looking):
            return None
        if self.is_looking:
            return Look(frame.image)
        if reading.open:
            return self._attention.look(frame.picture, at_s, self._tracker.foreseen(at_s))
        is_due = at_s - self._whole_s >= self._settings.gate.redetect_s - 1e-6
        return Look(frame.image) if self._tracker.alive and is_due else None

    def damaged(self, picture: Damaged) -> Outcome:
        """A picture that was due and is not believed: it moves no track and opens no gate, and is counted."""
        self._advance(picture.time)
        closing, closing_time = self._closing
        return Outcome(
            time=picture.time,
            motion=False,
            closing=closing,
            closing_time=closing_time,
            changes=tuple(self._damage.step(picture.time.stream_s, is_damaged=True)),
        )

    def _advance(self, time: FrameTime) -> None:
        """The next picture's time; a new epoch ends what is open."""
        renewed = self._last is not None and time.epoch != self._last.epoch
        self._closing = self._new_epoch() if renewed else ((), None)
        self._last = time

    def follow(self, frame: Frame, found: Detections | None) -> Outcome:
        """Advance tracks and rules by what was detected, or by nothing when the detector was not asked."""
        assert self._reading is not None
        tracked = None if found is None else self._track(frame, found)
        local = self._local(frame.time)
        seen = Observed(
            at_s=frame.time.stream_s,
            sightings=() if tracked is None else tracked.sightings,
            minute=local.hour * 60 + local.minute,
            aspect=frame.aspect,
            height_px=frame.picture.size_px[0],
        )
        closing, closing_time = self._closing
        return Outcome(
            time=frame.time,
            motion=self._reading.open,
            aspect=frame.aspect,
            sightings=None if tracked is None else tracked.sightings,
            incidents=tuple(self._rule_set.step(seen)),
            closing=closing,
            closing_time=closing_time,
            changes=self._changes,
        )

    def _track(self, frame: Frame, found: Detections) -> Tracked:
        assert self._look is not None
        at_s, part = frame.time.stream_s, self._look.part
        self._detected += 1
        if part is None:
            self._attention.looked(at_s)
            self._whole_s = at_s
        else:
            self._parts += 1
            found = self._look.placed(found)
        wanted = found if self._classes is None or self.is_looking else found.only(self._classes)
        return self._tracker.step(wanted, at_s, aspect=frame.aspect, within=part)

    def finish(self) -> tuple[tuple[Incident, ...], FrameTime | None]:
        """End what is open: the stream is over. Gives the ends and the last picture's time."""
        if self._last is None:
            return (), None
        ended = tuple(self._rule_set.finish())
        self._restart()
        return ended, self._last

    def _new_epoch(self) -> tuple[tuple[Incident, ...], FrameTime | None]:
        closing = self.finish()
        self._gate.reset()
        self._tamper.new_epoch()
        self._damage.new_epoch()
        self._scene.new_epoch()
        return closing

    def _restart(self) -> None:
        zones = {zone.id: zone for zone in self._settings.zone}
        lines = {line.id: line for line in self._settings.line}
        self._tracker = Tracker(self._settings.tracker, self._engine.labels)
        self._rule_set = RuleSet(evaluators(self._rules, zones=zones, lines=lines))
        self._attention.restart()
        self._whole_s = 0.0

    def _local(self, at: FrameTime) -> datetime:
        return datetime.fromtimestamp(at.wall_ms / 1000, tz=UTC).astimezone(self._zone)


def _classes_of_interest(rules: Sequence[AnyTrackRule], engine: EngineFacts) -> frozenset[int] | None:
    """Indexes of the labels that any rule is about; ``None`` for all (some rule names none).

    Raises ``ConfigInvalid`` for a label the model lacks.
    """
    if not engine.sees_classes or any(not rule.classes for rule in rules):
        return None
    wanted = {label for rule in rules for label in labels_of(rule)}
    if missing := wanted - set(engine.labels):
        raise ConfigInvalid(
            "vision.class_unknown",
            f"the model has no class {', '.join(sorted(missing))}",
            cure="use the class names of the model's metadata.yaml",
        )
    return frozenset(index for index, label in enumerate(engine.labels) if label in wanted)
