"""The rules of one camera: intrusion and loitering, and which evaluator is whose. Pure and deterministic: stream time
in, incident steps out; what all rules do alike stands in :mod:`cior_vision.observing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cior_vision.crossing import LineEvaluator
from cior_vision.dispersal import DispersalEvaluator
from cior_vision.experimental import AbandonedEvaluator, PersonDownEvaluator
from cior_vision.gathering import GatheringEvaluator
from cior_vision.geometry import distance, zone_hit
from cior_vision.incidents import Incident, Sighting, Stage
from cior_vision.observing import HEIR_DISTANCE, Evaluator, Observed, kind_of, qualifies, scheduled
from cior_vision.rule_settings import (
    AbandonedRule,
    AnyTrackRule,
    CrowdRule,
    DispersalRule,
    IntrusionRule,
    LineRule,
    LineSettings,
    LoiteringRule,
    PersonDownRule,
    Polygon,
    QueueRule,
    StoppedRule,
    WrongWayRule,
    ZoneSettings,
)
from cior_vision.vehicles import StoppedEvaluator, WrongWayEvaluator


@dataclass(slots=True)
class _Occupant:
    """One object's stay in or near a zone."""

    tracks: tuple[int, ...]
    last: Sighting
    last_s: float
    run: int = 0
    run_since_s: float = 0.0
    inside: bool = False
    since_s: float = 0.0
    last_inside_s: float = 0.0
    moved: float = 0.0
    lost_s: float | None = None
    started: bool = False
    sequence: int = 0
    updated_s: float = 0.0


class ZoneEvaluator:
    """Intrusion and loitering: the same presence clock, fired after 0 s or after ``after_s``."""

    def __init__(self, rule: IntrusionRule | LoiteringRule, polygon: Polygon) -> None:
        self._rule = rule
        self._polygon = polygon
        self._after_s = rule.after_s if isinstance(rule, LoiteringRule) else 0.0
        self._leave_s = rule.leave_s if isinstance(rule, IntrusionRule) else rule.gap_s
        self._occupants: dict[int, _Occupant] = {}

    def step(self, seen: Observed) -> list[Incident]:
        """Advance every stay by one picture."""
        out: list[Incident] = []
        for sighting in seen.sightings:
            if qualifies(self._rule, sighting):
                out += self._observe(self._occupant(sighting, seen), sighting, seen)
        for track_id in seen.ended:
            self._lose(track_id, seen.at_s)
        return out + self._expire(seen.at_s)

    def finish(self) -> list[Incident]:
        """End every open incident: nobody watches any more."""
        out = [
            self._emit(one, Stage.END, one.last_inside_s, reason="stream_ended")
            for one in self._occupants.values()
            if one.started
        ]
        self._occupants.clear()
        return out

    def _occupant(self, sighting: Sighting, seen: Observed) -> _Occupant:
        known = self._occupants.get(sighting.track_id)
        if known is None:
            known = self._inherit(sighting, seen) or _Occupant(
                tracks=(sighting.track_id,), last=sighting, last_s=seen.at_s
            )
            self._occupants[sighting.track_id] = known
        return known

    def _inherit(self, sighting: Sighting, seen: Observed) -> _Occupant | None:
        """An id switch must not reset the clock: take over the nearest lost stay of the same class."""
        reach = HEIR_DISTANCE * max(sighting.box.height, 1e-6)
        candidates = [
            (distance(one.last.box.ground, sighting.box.ground, aspect=seen.aspect), key)
            for key, one in self._occupants.items()
            if one.lost_s is not None and one.last.label == sighting.label
        ]
        if not candidates or min(candidates)[0] > reach:
            return None
        heir = self._occupants.pop(min(candidates)[1])
        heir.tracks = (*heir.tracks, sighting.track_id)
        heir.lost_s = None
        return heir

    def _observe(self, one: _Occupant, sighting: Sighting, seen: Observed) -> list[Incident]:
        one.last, one.last_s = sighting, seen.at_s
        one.moved = max(one.moved, sighting.moved)
        self._presence(one, hit=zone_hit(sighting.box, self._polygon), at_s=seen.at_s)
        if not one.inside:
            return [self._end(one, "left_zone")] if one.started else []
        if not one.started:
            return [self._start(one, seen)] if self._fires(one, seen) else []
        if seen.at_s - one.updated_s >= self._rule.update_every_s:
            return [self._emit(one, Stage.UPDATE, seen.at_s)]
        return []

    def _presence(self, one: _Occupant, *, hit: bool | None, at_s: float) -> None:
        if hit is None:
            one.last_inside_s = at_s if one.inside else one.last_inside_s
        elif hit:
            one.run_since_s = at_s if one.run == 0 else one.run_since_s
            one.run += 1
            one.last_inside_s = at_s
            if not one.inside and one.run >= self._rule.entries:
                one.inside, one.since_s = True, one.run_since_s
        else:
            one.run = 0
            if one.inside and at_s - one.last_inside_s > self._leave_s:
                one.inside = False

    def _fires(self, one: _Occupant, seen: Observed) -> bool:
        return (
            one.last_inside_s - one.since_s >= self._after_s
            and one.moved >= self._rule.min_moved
            and scheduled(self._rule, seen.minute)
        )

    def _start(self, one: _Occupant, seen: Observed) -> Incident:
        one.started = True
        one.sequence = 0
        return self._emit(one, Stage.START, seen.at_s)

    def _end(self, one: _Occupant, reason: str) -> Incident:
        ended = self._emit(one, Stage.END, one.last_inside_s, reason=reason)
        one.started = False
        one.tracks = one.tracks[-1:]
        return ended

    def _lose(self, track_id: int, at_s: float) -> None:
        one = self._occupants.get(track_id)
        if one is None:
            return
        if one.inside:
            one.lost_s = at_s
        else:
            del self._occupants[track_id]

    def _expire(self, at_s: float) -> list[Incident]:
        out: list[Incident] = []
        for key, one in list(self._occupants.items()):
            if one.lost_s is not None and at_s - one.last_s > self._rule.gap_s:
                if one.started:
                    out.append(self._end(one, "track_lost"))
                del self._occupants[key]
        return out

    def _emit(self, one: _Occupant, stage: Stage, at_s: float, *, reason: str = "") -> Incident:
        incident = Incident(
            rule_id=self._rule.id,
            rule_version=self._rule.version,
            kind=kind_of(self._rule),
            stage=stage,
            sequence=one.sequence,
            track_id=one.tracks[0],
            tracks=one.tracks,
            label=one.last.label,
            since_s=one.since_s,
            at_s=at_s,
            place_id=self._rule.zone,
            box=one.last.box,
            score=one.last.score,
            reason=reason,
            facts={"dwell_s": round(at_s - one.since_s, 3)},
        )
        one.sequence += 1
        one.updated_s = at_s
        return incident


class RuleSet:
    """Every rule of one camera."""

    def __init__(self, evaluators: Sequence[Evaluator]) -> None:
        self._evaluators = tuple(evaluators)

    def step(self, seen: Observed) -> list[Incident]:
        """Incident steps of this picture, in the order of the rules."""
        return [incident for evaluator in self._evaluators for incident in evaluator.step(seen)]

    def finish(self) -> list[Incident]:
        """End everything open at the end of an epoch."""
        return [incident for evaluator in self._evaluators for incident in evaluator.finish()]


def evaluators(
    rules: Sequence[AnyTrackRule], *, zones: Mapping[str, ZoneSettings], lines: Mapping[str, LineSettings]
) -> list[Evaluator]:
    """One evaluator a rule; references were checked by the settings."""
    made: list[Evaluator] = []
    for rule in rules:
        match rule:
            case IntrusionRule() | LoiteringRule():
                made.append(ZoneEvaluator(rule, zones[rule.zone].polygon))
            case LineRule():
                made.append(LineEvaluator(rule, lines[rule.line]))
            case CrowdRule() | QueueRule():
                made.append(GatheringEvaluator(rule, zones[rule.zone].polygon))
            case StoppedRule():
                made.append(StoppedEvaluator(rule, zones[rule.zone].polygon))
            case WrongWayRule():
                made.append(WrongWayEvaluator(rule, zones[rule.zone]))
            case PersonDownRule():
                made.append(PersonDownEvaluator(rule, zones[rule.zone].polygon))
            case AbandonedRule():
                made.append(AbandonedEvaluator(rule, zones[rule.zone].polygon))
            case DispersalRule():
                made.append(DispersalEvaluator(rule, zones[rule.zone].polygon))
    return made
