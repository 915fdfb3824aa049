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
from cior_vision.geometry import zone_hit
from cior_vision.incidents import Incident
from cior_vision.observing import EachObject, Evaluator, Observed, Subject, Teller, Verdict
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
class _Presence:
    """One object's stay in a zone: it enters after some looks in a row, and has left after a while outside."""

    teller: Teller
    run: int = 0
    run_since_s: float = 0.0
    inside: bool = False
    since_s: float = 0.0
    last_inside_s: float = 0.0


class ZoneEvaluator(EachObject[_Presence]):
    """Intrusion and loitering: the same presence clock, fired after 0 s or after ``after_s``."""

    def __init__(self, rule: IntrusionRule | LoiteringRule, polygon: Polygon) -> None:
        super().__init__(
            rule, lambda: _Presence(Teller(rule, rule.zone)), gap_s=rule.gap_s, reads=lambda _: True
        )
        self._rule = rule
        self._polygon = polygon
        self._after_s = rule.after_s if isinstance(rule, LoiteringRule) else 0.0
        self._leave_s = rule.leave_s if isinstance(rule, IntrusionRule) else rule.gap_s

    def judge(self, one: Subject[_Presence], seen: Observed) -> list[Incident]:
        """Advance this stay. A box that shows no feet changes nothing, unless the zone reaches below the picture."""
        it, hit = one.state, zone_hit(one.last.box, self._polygon)
        self._be(it, hit=hit, at_s=seen.at_s)
        if not it.inside:
            return it.teller.end("left_zone")
        stayed = it.last_inside_s - it.since_s >= self._after_s
        is_due = it.teller.is_open or (stayed and one.moved >= self._rule.min_moved)
        if hit is False or not is_due:
            return []
        verdict = Verdict(holds=True, since_s=it.since_s, tracks=one.tracks, of=one.last)
        return it.teller.say(verdict, seen)

    def _be(self, it: _Presence, *, hit: bool | None, at_s: float) -> None:
        if hit is None:
            it.last_inside_s = at_s if it.inside else it.last_inside_s
        elif hit:
            it.run_since_s = at_s if it.run == 0 else it.run_since_s
            it.run += 1
            it.last_inside_s = at_s
            if not it.inside and it.run >= self._rule.entries:
                it.inside, it.since_s = True, it.run_since_s
        else:
            it.run = 0
            if it.inside and at_s - it.last_inside_s > self._leave_s:
                it.inside = False


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
