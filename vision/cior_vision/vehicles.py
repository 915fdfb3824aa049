"""Vehicles: one that stands where none may, one that goes the wrong way. Pure; see :mod:`cior_vision.observing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import acos, degrees
from typing import Any

from cior_vision.geometry import Box, along, distance
from cior_vision.incidents import Incident
from cior_vision.observing import EachObject, Observed, Stay, Subject, Teller, Verdict, speed_facts
from cior_vision.rule_settings import Point, Polygon, StoppedRule, WrongWayRule, ZoneSettings


def _shows_wheels(box: Box) -> bool:
    return not box.cut_below


@dataclass(slots=True)
class _Standing:
    """Where a vehicle stands and since when; ``away_s``: since when it has been seen elsewhere."""

    teller: Teller
    anchor: Point | None = None
    since_s: float = 0.0
    away_s: float | None = None
    stay: Stay = field(default_factory=Stay)


class StoppedEvaluator(EachObject[_Standing]):
    """One incident a vehicle and stop."""

    def __init__(self, rule: StoppedRule, polygon: Polygon) -> None:
        super().__init__(
            rule, lambda: _Standing(Teller(rule, rule.zone)), gap_s=rule.gap_s, reads=_shows_wheels
        )
        self._rule = rule
        self._polygon = polygon

    def judge(self, one: Subject[_Standing], seen: Observed) -> list[Incident]:
        """Advance this vehicle."""
        it = one.state
        there = it.stay.observe(one.last, self._polygon, seen.at_s, leave_s=self._rule.jolt_s)
        out = self._anchor(one, seen)
        due_s = self._patience(one)
        stood_s = seen.at_s - it.since_s
        if it.away_s is not None or not there:
            return out + ([] if there else it.teller.end("left_zone"))
        if not it.teller.is_open and (stood_s < due_s - 1e-6 or one.moved < self._rule.min_moved):
            return out
        facts: dict[str, Any] = {"stood_s": round(stood_s, 1), "allowed_s": due_s}
        verdict = Verdict(holds=True, since_s=it.since_s, tracks=one.tracks, of=one.last, facts=facts)
        return out + it.teller.say(verdict, seen)

    def _anchor(self, one: Subject[_Standing], seen: Observed) -> list[Incident]:
        """Move the anchor when the vehicle has been elsewhere for ``jolt_s``; what stood there is over then."""
        it, here = one.state, one.last.box.ground
        if it.anchor is not None:
            away = distance(it.anchor, here, aspect=seen.aspect) / max(one.last.box.height, 1e-6)
            if away <= self._rule.still:
                it.away_s = None
                return []
            it.away_s = seen.at_s if it.away_s is None else it.away_s
            if seen.at_s - it.away_s < self._rule.jolt_s:
                return []
        it.anchor, it.since_s, it.away_s = here, seen.at_s, None
        return it.teller.end("moved_on")

    def _patience(self, one: Subject[_Standing]) -> float:
        return self._rule.patience_s.get(one.last.label, self._rule.after_s + self._rule.light_s)


@dataclass(slots=True)
class _Driving:
    """The farthest point along the axis that a vehicle reached, when, and how far back it has been since."""

    teller: Teller
    farthest: Point | None = None
    farthest_s: float = 0.0
    back: Point | None = None
    stay: Stay = field(default_factory=Stay)


class WrongWayEvaluator(EachObject[_Driving]):
    """One incident a vehicle that goes against its zone's axis.

    Distances are from the farthest point reached, so a detector's jitter, a stop or the rate of pictures adds nothing.
    """

    def __init__(self, rule: WrongWayRule, zone: ZoneSettings) -> None:
        assert zone.axis is not None  # the settings saw to it
        super().__init__(
            rule, lambda: _Driving(Teller(rule, rule.zone)), gap_s=rule.gap_s, reads=_shows_wheels
        )
        self._rule = rule
        self._polygon = zone.polygon
        self._axis = zone.axis

    def judge(self, one: Subject[_Driving], seen: Observed) -> list[Incident]:
        """Advance this vehicle."""
        it, here = one.state, one.last.box.ground
        if not it.stay.observe(one.last, self._polygon, seen.at_s, leave_s=self._rule.leave_s):
            it.farthest = it.back = None
            return it.teller.end("left_zone")
        if it.farthest is None or self._along(it.farthest, here, seen) > 0:
            it.farthest, it.farthest_s = here, seen.at_s
        if it.teller.is_open:
            return self._go_on(one, seen)
        return self._begin(one, seen)

    def _begin(self, one: Subject[_Driving], seen: Observed) -> list[Incident]:
        it, here, tall = one.state, one.last.box.ground, max(one.last.box.height, 1e-6)
        assert it.farthest is not None
        part, length = along((it.farthest, here), self._axis, aspect=seen.aspect)
        if -part < self._rule.way * tall or seen.at_s - it.farthest_s < self._rule.after_s - 1e-6:
            return []
        angle_deg = degrees(acos(max(-1.0, min(1.0, part / length))))
        if angle_deg < self._rule.angle_deg or one.moved < self._rule.min_moved:
            return []
        it.back = here
        return self._say(one, seen)

    def _go_on(self, one: Subject[_Driving], seen: Observed) -> list[Incident]:
        it, here = one.state, one.last.box.ground
        assert it.back is not None
        forward = self._along(it.back, here, seen)
        if forward < 0:
            it.back = here
        elif forward > self._rule.way * one.last.box.height / 3:
            it.farthest, it.farthest_s = here, seen.at_s
            return it.teller.end("turned_round")
        return self._say(one, seen)

    def _say(self, one: Subject[_Driving], seen: Observed) -> list[Incident]:
        it, here, tall = one.state, one.last.box.ground, max(one.last.box.height, 1e-6)
        assert it.farthest is not None
        part, length = along((it.farthest, here), self._axis, aspect=seen.aspect)
        angle_deg = degrees(acos(max(-1.0, min(1.0, part / max(length, 1e-9)))))
        facts: dict[str, Any] = {
            "against_heights": round(-part / tall, 2),
            "angle_deg": round(angle_deg),
            **speed_facts(length, seen.at_s - it.farthest_s, tall, seen),
        }
        verdict = Verdict(holds=True, since_s=it.farthest_s, tracks=one.tracks, of=one.last, facts=facts)
        return it.teller.say(verdict, seen)

    def _along(self, start: Point, end: Point, seen: Observed) -> float:
        return along((start, end), self._axis, aspect=seen.aspect)[0]
