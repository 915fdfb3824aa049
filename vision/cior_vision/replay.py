"""The true pipeline on a file, as fast as it goes: the golden test of a camera's rules, and how an engineer tries a
zone on yesterday's clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.model import Event, Struct
from cior_core.taxonomy import Taxonomy
from cior_video.clock import StandingClock
from cior_video.drops import DropCounter, DropReason
from cior_video.program import program_version
from cior_video.sources import SourceSettings, open_source
from cior_video.timing import EpochTimes
from cior_vision.clips import Clip, Run
from cior_vision.detectors.contract import Detector
from cior_vision.events import Author, EventMaker
from cior_vision.frames import Damaged, Frame
from cior_vision.incidents import ConditionChange, Incident
from cior_vision.pipeline import CameraPipeline, Outcome
from cior_vision.settings import AnyVisionSettings, CameraSettings
from cior_vision.sources import Probe, read_frames


class TrackSummary(Struct, frozen=True, kw_only=True):
    """One confirmed track: stream seconds of its first and last observation, how often it was observed, its last label
    and median score.
    """

    track_id: int
    label: str
    first_s: float
    last_s: float
    observations: int
    score: float


class Replay(Struct, frozen=True, kw_only=True):
    """Everything a clip led to.

    ``events`` are exactly what the worker would have published for the incidents and picture conditions.
    """

    incidents: tuple[Incident, ...]
    changes: tuple[ConditionChange, ...]
    tracks: tuple[TrackSummary, ...]
    events: tuple[Event, ...]
    pictures: int
    detected: int
    parts: int = 0
    gate_open: int
    drops: dict[DropReason, int]


def clip_replay(
    settings: AnyVisionSettings, clip: Path, *, detector: Detector, start_ms: int, camera: str | None = None
) -> Replay:
    """Run ``clip`` as if ``camera`` (default: the first) had filmed it from ``start_ms`` on. The same input gives the
    same result, ids included.

    Raises ``ConfigInvalid`` for an unknown camera or a missing file, ``SourceUnavailable`` for a file without video.
    """
    chosen = chosen_camera(settings, camera)
    source = msgspec.structs.replace(chosen.source, url=str(clip), pace="fast")
    filmed = msgspec.structs.replace(chosen, source=source)
    return replay(settings, filmed, (Run(start_ms, open_source),), detector=detector)


def replay(
    settings: AnyVisionSettings,
    chosen: CameraSettings,
    runs: Sequence[Run],
    *,
    detector: Detector,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> Replay:
    """Run ``runs`` of ``chosen`` one after the other; ``on_outcome`` hears what each picture led to.

    Raises what opening and reading raise.
    """
    drops = DropCounter()
    pipeline = CameraPipeline(settings, chosen, detector.facts, drops)
    maker = EventMaker(
        chosen,
        rules=settings.rules_of(chosen.id),
        engine=detector.facts,
        taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
        author=Author(version=program_version(), instance="replay"),
    )
    outcomes: list[Outcome] = []
    for frame in pictures_of(runs, chosen.source, drops):
        if isinstance(frame, Damaged):
            outcomes.append(pipeline.damaged(frame))
        else:
            look = pipeline.check(frame)
            found = None if look is None else detector.detect([look.image])[0]
            outcomes.append(pipeline.follow(frame, found))
        on_outcome(outcomes[-1])
    last, at = pipeline.finish()
    if at is not None:
        outcomes.append(Outcome(time=at, motion=False, incidents=last))
    facts = pipeline.facts
    return Replay(
        incidents=tuple(one for outcome in outcomes for one in (*outcome.closing, *outcome.incidents)),
        changes=tuple(one for outcome in outcomes for one in outcome.changes),
        tracks=_tracks(outcomes),
        events=_events(outcomes, maker),
        pictures=facts.pictures,
        detected=facts.detected,
        parts=facts.parts,
        gate_open=facts.gate_open,
        drops=drops.snapshot(),
    )


def pictures_of(runs: Sequence[Run], source: SourceSettings, drops: DropCounter) -> Iterator[Frame | Damaged]:
    """The pictures that a worker would watch, by the times of the runs."""
    times = EpochTimes(file_start_ms=0)
    for run in runs:
        times.follows(run.start_ms)
        with run.open(source) as container:
            yield from read_frames(
                container,
                times=times,
                source=source,
                clock=StandingClock(run.start_ms),
                drops=drops,
                probe=Probe(),
                stopped=lambda: False,
            )


def still_of(clip: Clip, source: SourceSettings, second: float) -> Frame | None:
    """The clip's picture at ``second``, or its last one before: upright and masked as ``source`` says."""
    run, reached = clip.at(second)
    shown: Frame | None = None
    for frame in pictures_of((run,), msgspec.structs.replace(source, fps=60.0), DropCounter()):
        if isinstance(frame, Frame):
            shown = frame
        if reached(frame.time):
            break
    return shown


def chosen_camera(settings: AnyVisionSettings, camera: str | None) -> CameraSettings:
    """``camera``, or the first when none is named. Raises ``ConfigInvalid`` (``vision.camera_unknown``)."""
    for one in settings.camera:
        if camera in {None, one.id}:
            return one
    raise ConfigInvalid(
        "vision.camera_unknown",
        f"there is no camera '{camera}' in the settings",
        cure=f"name one of its [[camera]] tables: {', '.join(one.id for one in settings.camera)}",
    )


def _events(outcomes: list[Outcome], maker: EventMaker) -> tuple[Event, ...]:
    events: list[Event] = []
    for outcome in outcomes:
        at = outcome.time
        if outcome.closing_time is not None:
            events += [
                maker.incident(one, outcome.closing_time, received_ms=at.arrival_ms)
                for one in outcome.closing
            ]
        events += [maker.incident(one, at, received_ms=at.arrival_ms) for one in outcome.incidents]
        events += [maker.picture_condition(one, at, received_ms=at.arrival_ms) for one in outcome.changes]
    return tuple(events)


def _tracks(outcomes: list[Outcome]) -> tuple[TrackSummary, ...]:
    found: dict[tuple[int, int], TrackSummary] = {}
    for outcome in outcomes:
        at_s = outcome.time.stream_s
        for seen in outcome.sightings or ():
            key = (outcome.time.epoch, seen.track_id)
            before = found.get(key)
            found[key] = TrackSummary(
                track_id=seen.track_id,
                label=seen.label,
                first_s=at_s if before is None else before.first_s,
                last_s=at_s,
                observations=1 if before is None else before.observations + 1,
                score=seen.score,
            )
    return tuple(found.values())
