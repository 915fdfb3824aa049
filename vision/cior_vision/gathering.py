"""Many at once in a zone: a crowd, a queue that waits. Pure; see :mod:`cior_vision.observing`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from cior_vision.geometry import area
from cior_vision.incidents import Incident
from cior_vision.latch import Hysteresis
from cior_vision.observing import Followed, Observed, Stay, Subject, Teller, Verdict, qualifies
from cior_vision.rule_settings import CrowdRule, Polygon, QueueRule

THINNER = 0.8
"""A crowd is over below this share of the density that began it."""


class GatheringEvaluator:
    """One incident a zone: it begins when enough have been there long enough, and is of nobody in particular.

    One who is hidden for a moment, whose track changes its id or whom a sparse detector skips still counts for
    ``gap_s``.
    """

    def __init__(self, rule: CrowdRule | QueueRule, polygon: Polygon) -> None:
        self._rule = rule
        self._polygon = polygon
        self._density = rule.density if isinstance(rule, CrowdRule) else 0.0
        self._people = Followed(Stay, gap_s=rule.gap_s)
        self._held = self._fresh()
        self._teller = Teller(rule, rule.zone)

    def step(self, seen: Observed) -> list[Incident]:
        """Count who is there and has been for long enough."""
        self._people.gone(seen.at_s)
        for sighting in seen.sightings:
            if qualifies(self._rule, sighting):
                one = self._people.observe(sighting, seen)
                one.state.observe(sighting, self._polygon, seen.at_s, leave_s=self._rule.leave_s)
        there = [
            one
            for one in self._people
            if one.state.since_s is not None
            and one.moved >= self._rule.min_moved
            and seen.at_s - one.state.since_s >= self._rule.stay_s - 1e-6
        ]
        return self._judge(there, seen)

    def finish(self) -> list[Incident]:
        """End it: nobody watches any more."""
        self._people.clear()
        self._held = self._fresh()
        return self._teller.end("stream_ended")

    def _fresh(self) -> Hysteresis:
        return Hysteresis(after_s=self._rule.after_s, clear_s=self._rule.clear_s)

    def _judge(self, there: Sequence[Subject[Stay]], seen: Observed) -> list[Incident]:
        enough, density = self._rule.people, self._per_square(there, seen.aspect)
        least = max(enough - self._rule.slack, 1) if self._held.active else enough
        thinnest = self._density * THINNER if self._held.active else self._density
        hit = len(there) >= least and density >= thinnest
        was = self._held.active
        self._held.observe(seen.at_s, hit=hit)
        if not hit and was == self._held.active:
            return []
        verdict = Verdict(
            holds=self._held.active,
            since_s=seen.at_s if self._held.began_s is None else self._held.began_s,
            tracks=tuple(sorted(track for one in there for track in one.tracks[-1:])),
            facts=self._facts(there, density, seen.at_s),
        )
        return self._teller.say(verdict, seen, reason="fewer_people")

    def _per_square(self, there: Sequence[Subject[Stay]], aspect: float) -> float:
        """People on a square whose side is a person's height in the picture."""
        heights = [one.last.box.height for one in there]
        if not heights:
            return 0.0
        return len(heights) * median(heights) ** 2 / max(area(self._polygon, aspect=aspect), 1e-9)

    def _facts(self, there: Sequence[Subject[Stay]], density: float, at_s: float) -> dict[str, Any]:
        stays = [at_s - (one.state.since_s or 0.0) for one in there]
        facts: dict[str, Any] = {"people": len(there), "people_wanted": self._rule.people}
        if isinstance(self._rule, CrowdRule):
            return facts | {"density_per_height2": round(density, 2)}
        return facts | {
            "longest_wait_s": round(max(stays, default=0.0), 1),
            "median_wait_s": round(median(stays), 1) if stays else 0.0,
        }
