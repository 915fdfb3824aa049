"""Somebody who lies, a bag that stands alone: experimental, a person confirms. Pure; see
:mod:`cior_vision.observing`.

Both guess at a meaning from boxes alone. Their types start and stay at P4 until a person confirms (the taxonomy's
``unconfirmed_ceiling``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cior_vision.geometry import distance, inside
from cior_vision.incidents import Incident, Sighting
from cior_vision.observing import EachObject, Followed, Observed, Subject, Teller, Verdict, qualifies
from cior_vision.rule_settings import PERSON, AbandonedRule, PersonDownRule, Point, Polygon

UP_AGAIN = 0.9
"""Width over height of a box below which somebody lies no more: bending and sitting are narrower."""


@dataclass(slots=True)
class _Posture:
    """When somebody was last upright, since when they lie, and since when they no longer do."""

    teller: Teller
    upright_s: float | None = None
    lies_s: float | None = None
    fell_in_s: float = 0.0
    up_s: float | None = None


class PersonDownEvaluator(EachObject[_Posture]):
    """One incident a person who fell, or lay down quickly, and stays down."""

    def __init__(self, rule: PersonDownRule, polygon: Polygon) -> None:
        super().__init__(
            rule,
            lambda: _Posture(Teller(rule, rule.zone)),
            gap_s=rule.gap_s,
            reads=lambda box: not box.cut,
        )
        self._rule = rule
        self._polygon = polygon

    def judge(self, one: Subject[_Posture], seen: Observed) -> list[Incident]:
        """Advance this person."""
        it, box = one.state, one.last.box
        ratio = (box.right - box.left) * seen.aspect / max(box.height, 1e-6)
        if ratio < self._rule.upright:
            it.upright_s = seen.at_s
        self._lie(it, ratio, seen.at_s)
        if it.lies_s is None:
            return it.teller.end("got_up")
        down_s = seen.at_s - it.lies_s
        if it.up_s is not None or down_s < self._rule.after_s - 1e-6 or one.moved < self._rule.min_moved:
            return []
        if not inside(box.ground, self._polygon):
            return it.teller.end("left_zone")
        facts: dict[str, Any] = {
            "down_s": round(down_s, 1),
            "fell_in_s": round(it.fell_in_s, 1),
            "width_over_height": round(ratio, 2),
        }
        verdict = Verdict(holds=True, since_s=it.lies_s, tracks=one.tracks, of=one.last, facts=facts)
        return it.teller.say(verdict, seen)

    def _lie(self, it: _Posture, ratio: float, at_s: float) -> None:
        """They lie from the first wide box soon after an upright one, until ``clear_s`` of narrower ones."""
        if it.lies_s is None:
            fell = it.upright_s is not None and at_s - it.upright_s <= self._rule.fall_s
            if ratio > self._rule.lying and fell and it.upright_s is not None:
                it.lies_s, it.fell_in_s, it.up_s = at_s, at_s - it.upright_s, None
        elif ratio >= UP_AGAIN:
            it.up_s = None
        else:
            it.up_s = at_s if it.up_s is None else it.up_s
            if at_s - it.up_s >= self._rule.clear_s - 1e-6:
                it.lies_s = None


@dataclass(slots=True)
class _Bag:
    """A bag: where it stands and since when, whether somebody brought it, and since when it has been alone."""

    teller: Teller
    anchor: Point | None = None
    is_brought: bool | None = None
    alone_s: float = 0.0


@dataclass(slots=True)
class _Visitor:
    """Since when somebody has been near each bag, by the bag's first track."""

    near_s: dict[int, float] = field(default_factory=dict)


class AbandonedEvaluator:
    """One incident a bag that was brought and stands alone."""

    def __init__(self, rule: AbandonedRule, polygon: Polygon) -> None:
        self._rule = rule
        self._polygon = polygon
        self._bags = Followed(lambda: _Bag(Teller(rule, rule.zone)), gap_s=rule.gap_s)
        self._people = Followed(_Visitor, gap_s=max(rule.brought_s, rule.gap_s))

    def step(self, seen: Observed) -> list[Incident]:
        """Advance every bag by one picture."""
        self._people.gone(seen.at_s)
        out = [
            ended for one in self._bags.gone(seen.at_s) for ended in one.state.teller.end("taken_or_hidden")
        ]
        for sighting in seen.sightings:
            if sighting.label == PERSON and sighting.score >= self._rule.min_score:
                self._people.observe(sighting, seen)
        for sighting in seen.sightings:
            if qualifies(self._rule, sighting) and inside(sighting.box.ground, self._polygon):
                out += self._observe(self._bags.observe(sighting, seen), seen)
        return out

    def finish(self) -> list[Incident]:
        """End every open incident: nobody watches any more."""
        self._people.clear()
        return [ended for one in self._bags.clear() for ended in one.state.teller.end("stream_ended")]

    def _observe(self, bag: Subject[_Bag], seen: Observed) -> list[Incident]:
        it, here = bag.state, bag.last.box.ground
        if it.is_brought is None:
            it.is_brought = any(self._is_near(one.last, bag.last, seen) for one in self._people)
        out: list[Incident] = []
        if it.anchor is None or self._strayed(it.anchor, bag.last, seen):
            out = it.teller.end("moved")
            it.anchor, it.alone_s = here, seen.at_s
        if self._is_visited(bag, seen):
            it.alone_s = seen.at_s
            return out + it.teller.end("somebody_is_with_it")
        if not it.is_brought or seen.at_s - it.alone_s < self._rule.after_s - 1e-6:
            return out
        facts: dict[str, Any] = {"alone_s": round(seen.at_s - it.alone_s, 1)}
        verdict = Verdict(holds=True, since_s=it.alone_s, tracks=bag.tracks, of=bag.last, facts=facts)
        return out + it.teller.say(verdict, seen)

    def _strayed(self, anchor: Point, bag: Sighting, seen: Observed) -> bool:
        away = distance(anchor, bag.box.ground, aspect=seen.aspect)
        return away > self._rule.still * max(bag.box.height, 1e-6)

    def _is_visited(self, bag: Subject[_Bag], seen: Observed) -> bool:
        """Whether somebody has stayed near for ``visit_s``, or has been near since the bag was first seen."""
        visited = False
        for one in self._people:
            near_s = one.state.near_s
            if not self._is_near(one.last, bag.last, seen):
                near_s.pop(bag.tracks[0], None)
                continue
            since_s = near_s.setdefault(bag.tracks[0], one.last_s)
            brought_it = since_s <= bag.first_s + self._rule.visit_s
            visited |= brought_it or seen.at_s - since_s >= self._rule.visit_s - 1e-6
        return visited

    def _is_near(self, person: Sighting, bag: Sighting, seen: Observed) -> bool:
        away = distance(person.box.ground, bag.box.ground, aspect=seen.aspect)
        return away <= self._rule.near * max(person.box.height, 1e-6)
