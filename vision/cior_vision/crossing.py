"""Crossing of a line, with its direction. Pure; see :mod:`cior_vision.observing`."""

from __future__ import annotations

from dataclasses import dataclass

from cior_vision.geometry import distance, segments_cross, side
from cior_vision.incidents import Incident, Stage
from cior_vision.observing import (
    Followed,
    Observed,
    Subject,
    Verdict,
    incident,
    qualifies,
    scheduled,
    speed_facts,
)
from cior_vision.rule_settings import LineRule, LineSettings, Point


@dataclass(slots=True)
class _Walker:
    """One object's way relative to a line: the last point that was clearly on one side, and when."""

    point: Point | None = None
    point_s: float = 0.0
    side: float = 0.0
    crossings: int = 0


class LineEvaluator:
    """Each crossing is one incident without duration. An id switch on the line does not hide it."""

    def __init__(self, rule: LineRule, line: LineSettings) -> None:
        self._rule = rule
        self._line = line
        self._walkers = Followed(_Walker, gap_s=rule.gap_s)

    def step(self, seen: Observed) -> list[Incident]:
        """Advance every walker by one picture."""
        self._walkers.gone(seen.at_s)
        out: list[Incident] = []
        for sighting in seen.sightings:
            if qualifies(self._rule, sighting) and not sighting.box.cut_below:
                out += self._observe(self._walkers.observe(sighting, seen), seen)
        return out

    def finish(self) -> list[Incident]:
        """Nothing stays open; walkers are forgotten."""
        self._walkers.clear()
        return []

    def _observe(self, one: Subject[_Walker], seen: Observed) -> list[Incident]:
        walker, point = one.state, one.last.box.ground
        now = side(point, self._line.points, aspect=seen.aspect)
        if abs(now) < self._rule.band:
            return []
        before, before_s = walker.point, walker.point_s
        turned = (now > 0) != (walker.side > 0)
        walker.point, walker.point_s, walker.side = point, seen.at_s, now
        if before is None or not turned or not segments_cross((before, point), self._line.points):
            return []
        direction = "a_to_b" if now > 0 else "b_to_a"
        if self._rule.direction not in {"both", direction} or not self._counts(one, seen):
            return []
        walker.crossings += 1
        away = distance(before, point, aspect=seen.aspect)
        speed = speed_facts(away, seen.at_s - before_s, one.last.box.height, seen)
        return [self._crossing(one, seen.at_s, direction, speed)]

    def _counts(self, one: Subject[_Walker], seen: Observed) -> bool:
        return (
            seen.at_s - one.first_s >= self._rule.min_age_s
            and one.moved >= self._rule.min_moved
            and scheduled(self._rule, seen.minute)
        )

    def _crossing(
        self, one: Subject[_Walker], at_s: float, direction: str, speed: dict[str, float]
    ) -> Incident:
        sides = self._line.sides if direction == "a_to_b" else self._line.sides[::-1]
        facts = {"direction": direction, "from_side": sides[0], "to_side": sides[1], **speed}
        verdict = Verdict(holds=True, since_s=at_s, tracks=one.tracks, of=one.last, facts=facts)
        return incident(
            self._rule, verdict, at_s=at_s, stage=Stage.ONCE, place_id=self._rule.line,
            track_id=one.tracks[0], since_s=at_s, sequence=one.state.crossings - 1,
        )  # fmt: skip
