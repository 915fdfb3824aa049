"""People who run at once: experimental. Pure; see :mod:`cior_vision.observing`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from cior_vision.geometry import Box, distance
from cior_vision.incidents import Incident
from cior_vision.observing import Followed, Observed, Stay, Subject, Teller, Verdict, qualifies
from cior_vision.rule_settings import DispersalRule, Polygon

PACE_S = 1.0
"""Speed is the way of this time: shorter is the detector's jitter, longer is a walk."""


@dataclass(slots=True)
class _Runner:
    """Where somebody was lately, and since when and until when they ran."""

    way: deque[tuple[float, Box]] = field(default_factory=deque)
    fast_since_s: float | None = None
    ran_from_s: float = 0.0
    ran_s: float | None = None
    speed: float = 0.0
    speed_px_s: float = 0.0
    stay: Stay = field(default_factory=Stay)


class DispersalEvaluator:
    """One incident a zone, of nobody in particular."""

    def __init__(self, rule: DispersalRule, polygon: Polygon) -> None:
        self._rule = rule
        self._polygon = polygon
        self._people = Followed(_Runner, gap_s=max(rule.gap_s, rule.within_s))
        self._teller = Teller(rule, rule.zone)
        self._last_s = 0.0

    def step(self, seen: Observed) -> list[Incident]:
        """Advance everybody by one picture."""
        self._people.gone(seen.at_s)
        for sighting in seen.sightings:
            if qualifies(self._rule, sighting):
                self._observe(self._people.observe(sighting, seen), seen)
        there = [one for one in self._people if one.state.stay.since_s is not None]
        ran = [
            one
            for one in there
            if one.state.ran_s is not None and seen.at_s - one.state.ran_s <= self._rule.within_s
        ]
        if len(ran) >= self._rule.people and len(ran) >= self._rule.share * len(there):
            self._last_s = seen.at_s
            return self._teller.say(self._verdict(ran, len(there), seen), seen)
        if seen.at_s - self._last_s >= self._rule.clear_s:
            return self._teller.end("nobody_runs")
        return []

    def finish(self) -> list[Incident]:
        """End it: nobody watches any more."""
        self._people.clear()
        return self._teller.end("stream_ended")

    def _observe(self, one: Subject[_Runner], seen: Observed) -> None:
        it = one.state
        it.stay.observe(one.last, self._polygon, seen.at_s, leave_s=self._rule.within_s)
        self._measure(one, seen)
        if it.speed < self._rule.speed:
            it.fast_since_s = None
            return
        it.fast_since_s = seen.at_s if it.fast_since_s is None else it.fast_since_s
        if seen.at_s - it.fast_since_s >= self._rule.run_s - 1e-6:
            it.ran_from_s, it.ran_s = it.fast_since_s, seen.at_s

    def _measure(self, one: Subject[_Runner], seen: Observed) -> None:
        """The speed over the last second, from the earliest look that is a second ago or less; a box that the picture's
        edge cuts grows as somebody enters, and says nothing.
        """
        it, box = one.state, one.last.box
        if box.cut:
            it.way.clear()
            it.speed = 0.0
            return
        while it.way and seen.at_s - it.way[0][0] > PACE_S + 1e-6:
            it.way.popleft()
        it.way.append((seen.at_s, box))
        since_s, then = it.way[0]
        taken_s = seen.at_s - since_s
        if taken_s < PACE_S / 2 - 1e-6:
            it.speed = 0.0
            return
        away = distance(then.ground, box.ground, aspect=seen.aspect)
        it.speed = away / taken_s / max(then.height, box.height, 1e-6)
        it.speed_px_s = away / taken_s * (seen.height_px or 0)

    def _verdict(self, ran: list[Subject[_Runner]], there: int, seen: Observed) -> Verdict:
        facts: dict[str, Any] = {
            "people": len(ran),
            "people_in_zone": there,
            "speed_heights_s": round(median(one.state.speed for one in ran), 2),
        }
        if seen.height_px is not None:
            facts["speed_px_s"] = round(median(one.state.speed_px_s for one in ran))
        return Verdict(
            holds=True,
            since_s=min(one.state.ran_from_s for one in ran),
            tracks=tuple(sorted(one.tracks[-1] for one in ran)),
            facts=facts,
        )
