"""What explains a rule's silence on a clip: what was seen where it looks, and what could not be. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cior_core.model import Struct
from cior_vision.clips import Clip
from cior_vision.detectors.contract import EngineFacts
from cior_vision.geometry import distance, zone_hit
from cior_vision.incidents import Sighting
from cior_vision.masks import hidden_of_line, hidden_share
from cior_vision.observing import scheduled
from cior_vision.pipeline import Outcome
from cior_vision.rule_settings import AnyTrackRule, LineRule
from cior_vision.settings import AnyVisionSettings, CameraSettings
from cior_vision.trial_words import Why, why
from cior_vision.wording import said_labels

NEEDED_HEIGHT: Final = 0.06
"""Of an object, as a share of the picture's height: below it a detector finds few."""
LEAST_FPS: Final = 2.0
TOLD_HIDDEN: Final = 0.05
"""So much of a place that is masked is told."""
_CUT_S: Final = 1.0


class Note(Struct, frozen=True, kw_only=True):
    """What could not be seen and why. ``rule`` is empty where the clip as a whole is meant."""

    rule: str
    code: str
    es: str
    en: str


class _Best:
    """The best that one followed object showed where a rule looks."""

    def __init__(self) -> None:
        self.inside = False
        self.score = self.height = self.moved = 0.0

    def see(self, sighting: Sighting, *, inside: bool) -> None:
        if inside:
            self.inside = True
            self.score = max(self.score, sighting.score)
            self.height = max(self.height, sighting.box.height)
            self.moved = max(self.moved, sighting.moved)


class Watch:
    """Hears each picture's outcome and keeps what explains a rule's silence."""

    def __init__(self, settings: AnyVisionSettings, camera: CameraSettings) -> None:
        self.camera = camera
        self.rules = settings.rules_of(camera.id)
        self._zones = {zone.id: zone.polygon for zone in settings.zone}
        self._lines = {line.id: line.points for line in settings.line}
        self.seen: dict[str, dict[tuple[int, int], _Best]] = {rule.id: {} for rule in self.rules}
        self._epochs: dict[int, tuple[float, float]] = {}

    @property
    def length_s(self) -> float:
        """Of what was watched, a picture's own time included."""
        return sum(last + step for last, step in self._epochs.values())

    def see(self, outcome: Outcome) -> None:
        """One picture."""
        at, before = outcome.time, self._epochs.get(outcome.time.epoch)
        step = (at.stream_s - before[0] if before else 0.0) or (before[1] if before else 0.0)
        self._epochs[at.epoch] = at.stream_s, step
        for sighting in outcome.sightings or ():
            for rule in self.rules:
                if not rule.classes or sighting.label in rule.classes:
                    best = self.seen[rule.id].setdefault((at.epoch, sighting.track_id), _Best())
                    best.see(sighting, inside=self._inside(rule, sighting, outcome.aspect))

    def _inside(self, rule: AnyTrackRule, sighting: Sighting, aspect: float) -> bool:
        if not isinstance(rule, LineRule):
            return zone_hit(sighting.box, self._zones[rule.zone]) is True
        first, last = self._lines[rule.line]
        ground = sighting.box.ground
        points = (
            (first[0] + (last[0] - first[0]) * n / 10, first[1] + (last[1] - first[1]) * n / 10)
            for n in range(11)
        )
        return any(distance(ground, point, aspect=aspect) <= sighting.box.height for point in points)

    def hidden(self, rule: AnyTrackRule) -> float:
        """How much of the rule's place is masked."""
        masks = self.camera.source.masks
        if isinstance(rule, LineRule):
            return hidden_of_line(self._lines[rule.line], masks)
        return hidden_share(self._zones[rule.zone], masks)


class Context(Struct, frozen=True, kw_only=True):
    """What was tried: the settings as they are written, on which clip, with which engine; how many pictures it had."""

    settings: AnyVisionSettings
    clip: Clip
    engine: EngineFacts
    pictures: int


def notes_of(tried: Context, watch: Watch, *, told: set[str]) -> tuple[Note, ...]:
    """What could not be seen and why. ``told``: the rules that told something."""
    return (
        *_of_clip(tried, watch),
        *(note for rule in watch.rules for note in _of_rule(tried, watch, rule, told=told)),
    )


def _of_clip(tried: Context, watch: Watch) -> Iterator[Note]:
    clip, length_s = tried.clip, watch.length_s
    if not watch.rules:
        yield _note("", Why.NO_RULES)
    fps = tried.pictures / max(length_s, 0.1)
    if length_s >= 2 and fps < LEAST_FPS:
        yield _note("", Why.FEW_PICTURES, fps=round(fps, 1))
    if clip.says_s is not None and length_s < clip.says_s - _CUT_S:
        yield _note("", Why.CUT, says_s=round(clip.says_s, 1), has_s=round(length_s, 1))
    if clip.gaps:
        missing_s = sum(gap.to_ms - gap.from_ms for gap in clip.gaps) / 1000
        causes = ", ".join(sorted({gap.cause.value for gap in clip.gaps}))
        yield _note("", Why.GAPS, gap_s=round(missing_s, 1), causes=causes)


def _of_rule(tried: Context, watch: Watch, rule: AnyTrackRule, *, told: set[str]) -> Iterator[Note]:
    place = _place(rule)
    if not tried.engine.sees_classes:
        yield _note(rule.id, Why.NO_MODEL, engine=tried.engine.engine)
        return
    if (hidden := watch.hidden(rule)) >= TOLD_HIDDEN:
        yield _note(rule.id, Why.HIDDEN, percent=round(hidden * 100), place=place)
    yield from _of_schedule(tried, watch, rule)
    if rule.id not in told:
        yield _silence(rule, watch, place)
    yield from _too_far(rule, watch, place)


def _of_schedule(tried: Context, watch: Watch, rule: AnyTrackRule) -> Iterator[Note]:
    asked = next(each for each in tried.settings.rule if each.id == rule.id)
    if not asked.schedule:
        return
    spans = ", ".join(asked.schedule)
    if tried.clip.start_ms is None:
        yield _note(rule.id, Why.UNSCHEDULED, schedule=spans)
        return
    zone = ZoneInfo(watch.camera.timezone or tried.settings.worker.timezone)
    first = datetime.fromtimestamp(tried.clip.start_ms / 1000, UTC).astimezone(zone)
    last = first + timedelta(seconds=watch.length_s)
    minutes = range(int(watch.length_s // 60) + 1)
    if not any(scheduled(asked, (first.hour * 60 + first.minute + n) % 1440) for n in minutes):
        clock = "%Y-%m-%d %H:%M"
        yield _note(
            rule.id, Why.NOT_ARMED, schedule=spans, first=first.strftime(clock), last=last.strftime(clock)
        )


def _silence(rule: AnyTrackRule, watch: Watch, place: str) -> Note:
    """The first thing that kept ``rule`` from telling."""
    all_seen = list(watch.seen[rule.id].values())
    inside = [one for one in all_seen if one.inside]
    classes, count = said_labels(rule.classes), len(inside)
    if not all_seen:
        return _note(rule.id, Why.NOBODY, classes=classes)
    if not inside:
        return _note(rule.id, Why.ELSEWHERE, count=len(all_seen), classes=classes, place=place)
    for code, wanted, best in (
        (Why.UNSURE, rule.min_score, max(one.score for one in inside)),
        (Why.SMALL, rule.min_height, max(one.height for one in inside)),
        (Why.UNMOVED, rule.min_moved, max(one.moved for one in inside)),
    ):
        if best < wanted:
            return _note(rule.id, code, count=count, place=place, wanted=wanted, best=round(best, 2))
    needs_s = float(getattr(rule, "after_s", 0.0)) + float(getattr(rule, "stay_s", 0.0))
    if needs_s > watch.length_s:
        return _note(rule.id, Why.SHORT, clip_s=round(watch.length_s), needs_s=round(needs_s))
    return _note(rule.id, Why.OTHERWISE, count=count, place=place)


def _too_far(rule: AnyTrackRule, watch: Watch, place: str) -> Iterator[Note]:
    heights = sorted(one.height for one in watch.seen[rule.id].values() if one.inside)
    if heights and (middle := heights[len(heights) // 2]) < NEEDED_HEIGHT:
        yield _note(
            rule.id, Why.TINY, place=place, percent=round(middle * 100, 1), wanted=round(NEEDED_HEIGHT * 100)
        )


def _place(rule: AnyTrackRule) -> str:
    return rule.line if isinstance(rule, LineRule) else rule.zone


def _note(rule: str, code: Why, **facts: Any) -> Note:
    said = why(code, **facts)
    return Note(rule=rule, code=code.value, es=said.es, en=said.en)
