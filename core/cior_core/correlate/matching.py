"""Whether two events are one incident: event time widened by both clocks, distance widened by both places (N18).

Three ways to belong together, the surest first: the same *record* (a CAD number), the same *key* (device, or the
independence key that two copies of one press share), the same *place*. An event of unknown place belongs by record or
key only. Well-placed events that are too far apart are never in one case, whatever lies between them: the radius of a
pair is the smaller of both types' (distance beats), the window the larger.
"""

from __future__ import annotations

from math import inf, isfinite

from cior_core.attributes import CLOCK_OFFSET, DRILL_RINGS, IN_VIEW, MERGED_INTO
from cior_core.correlate import floods, lines
from cior_core.correlate.index import accuracy_m, apart_m, least_apart_m, lookups, shelf, well_placed
from cior_core.correlate.state import FLOODED, GATHERED, Case, MergeClass, Part, Record
from cior_core.correlate.step_context import StepContext
from cior_core.correlate.view import all_parts
from cior_core.model import (
    AlertId,
    AlertStatus,
    ClockQuality,
    DataClass,
    Event,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Reason,
)
from cior_core.rules import MergeRule, RulePack
from cior_core.sentences import Text
from cior_core.taxonomy import EventType, Route

_FUTURE_LIMIT_MS = 120_000
_TEXT_LIMIT = 200
_FULL_COMPARED_MAX = 4
# A full case takes nothing: the nearest are compared only to be linked. At one corner there may be hundreds of them.

KEPT_ATTRIBUTES = (
    "address",
    "away",
    "block",
    "cameras",
    "clip",
    "confirmation_n",
    "confirmation_rate",
    DRILL_RINGS,
    "facility",
    IN_VIEW,
    MERGED_INTO,
    "near",
    "polygon_name",
    "severity",
    "siren",
    "track_id",
    "verified",
    "zone",
)
"""Attributes that travel into an alert: what explains and displays it. The rest stays with the stored event."""


class Match(Record, frozen=True, kw_only=True):
    """How well an event fits a case. ``rank``: 0 record, 1 key, 2 place."""

    rank: int
    alert_id: AlertId
    nearest: Part
    delta_s: float
    distance_m: float | None = None

    @property
    def order(self) -> tuple[int, float, float, str]:
        """The best first: the surest way, then the nearest place, then the nearest instant."""
        return (
            self.rank,
            self.distance_m if self.distance_m is not None else -1.0,
            self.delta_s,
            self.alert_id,
        )


def make_part(event: Event, kind: EventType, rules: RulePack, now_ms: int, *, degraded: bool) -> Part:
    """The event's part in an alert: no more than its class allows (of a sealed one: pseudonym, type, district)."""
    instant_ms, error_s = _believed(event, rules.merge, now_ms)
    sealed = event.data_class is DataClass.SEALED or kind.silent
    # What supervision says of somebody sealed is a word of the district: its pseudonym is never in an alert (law 17).
    is_blind_spot = sealed and kind.route is Route.TECHNICAL and not event.life_safety
    district = f"sealed:{event.place.district or 'unknown'}"
    member = Member(
        event_id=event.id,
        type=event.type,
        source=event.source,
        subject=district if is_blind_spot else event.subject,
        phase=event.phase,
        occurred_ms=event.occurred_ms,
        received_ms=event.received_ms,
        place=event.place.district_only() if sealed else _sound(event.place),
        life_safety=event.life_safety or kind.life_safety,
        independence=district if is_blind_spot else event.independence or event.subject,
        raw=event.raw,
        registered=event.registered,
        clock_error_s=event.clock_error_s,
        summary=None if sealed or event.summary is None else event.summary[:_TEXT_LIMIT],
        attributes={} if sealed else _kept(event.attributes),
    )
    return Part(
        member=member,
        instant_ms=instant_ms,
        error_s=error_s,
        record=None if event.native_key is None or is_blind_spot else f"{event.source}|{event.native_key}",
        late=now_ms - instant_ms > rules.late.after_s * 1000,
        degraded=degraded,
        proven=lines.is_proven(event),
        recovered=event.recovered,
        data_class=DataClass.SEALED if sealed else event.data_class,
    )


def _believed(event: Event, rule: MergeRule, now_ms: int) -> tuple[int, float]:
    """(instant_ms, ± s): when it happened, as far as the clock is believed; a skewed or future one gives way to
    receipt."""
    is_skewed = event.clock is ClockQuality.SKEWED and not event.recovered
    if is_skewed or event.occurred_ms > max(event.received_ms, now_ms) + _FUTURE_LIMIT_MS:
        return event.received_ms, rule.unknown_error_s
    assumed = rule.synced_error_s if event.clock is ClockQuality.SYNCED else rule.unknown_error_s
    declared = _seconds(event.clock_error_s)
    # What a source declares of its clock does not hide what we measured of it.
    error_s = max(
        assumed if declared is None else declared, _seconds(event.attributes.get(CLOCK_OFFSET)) or 0.0
    )
    return event.occurred_ms, min(error_s, rule.error_limit_s)


def _seconds(value: object) -> float | None:
    """How many seconds ``value`` says, whatever its sign; None when it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return abs(float(value))


def _sound(place: Place) -> Place:
    """The place, or an unknown one when its numbers are no place on Earth: nothing a source sends may stop a step."""
    if place.lat is None or place.lon is None:
        return place
    sound = isfinite(place.lat) and isfinite(place.lon) and abs(place.lat) <= 90 and abs(place.lon) <= 180
    return place if sound else Place(method=PlaceMethod.UNKNOWN, district=place.district, text=place.text)


def _kept(attributes: dict[str, object]) -> dict[str, object]:
    """The bounded attributes: scalars and short lists of scalars."""
    kept: dict[str, object] = {}
    for name in KEPT_ATTRIBUTES:
        if name not in attributes:
            continue
        match attributes[name]:
            case bool() | int() | float() as value:
                kept[name] = value
            case str() as text:
                kept[name] = text[:_TEXT_LIMIT]
            case list() | tuple() as many:
                kept[name] = [str(entry)[:_TEXT_LIMIT] for entry in many[:8]]
            case _:
                pass
    return kept


def same_key(one: Part, other: Part) -> bool:
    """Whether both are of one device or copies of one press."""
    # The subject alone does not say it: all calls of one 911 desk share it.
    return one.member.independence == other.member.independence


class _Probe:
    """A part that is compared with many others: what every comparison asks of it, worked out once."""

    def __init__(self, part: Part, context: StepContext) -> None:
        rule = context.rules.merge
        self.part, self.rule, self.kind = part, rule, context.kind(part.member.type)
        self.is_placed, self.accuracy_m = well_placed(part, rule), accuracy_m(part, rule)
        self._partners, self._kind_of = context.rules.partners(self.kind.family), context.kind

    def pair(self, other: Part, best: tuple[int, float, float]) -> Found | None:
        """How the two parts may be one incident; None when not, or when ``best`` is certainly better."""
        part, shares_key = self.part, same_key(self.part, other)
        # The cheapest first: at a busy corner hundreds are compared, and few are near.
        if not shares_key and (best[0] < 2 or (best[0] == 2 and least_apart_m(part, other) > best[1])):
            return None
        rule, kind = self.rule, self._kind_of(other.member.type)
        delta_s = abs(part.instant_ms - other.instant_ms) / 1000
        error_s = part.error_s + other.error_s
        by_key = shares_key and delta_s <= rule.key_window_s + error_s
        by_place = delta_s <= max(self.kind.window_s, kind.window_s) + error_s
        if not (by_key or by_place) or kind.family not in self._partners:
            return None
        if not by_key and best < (2, 0.0, delta_s):
            return None
        if not (self.is_placed and well_placed(other, rule)):
            return (1, delta_s, None) if by_key else None
        distance = apart_m(part, other)
        widened = self.accuracy_m + accuracy_m(other, rule)
        if by_key and distance <= rule.key_radius_m + widened:
            return 1, delta_s, distance
        is_near = by_place and distance <= self.reach_m(kind) + widened
        return (2, delta_s, distance) if is_near else None

    def reach_m(self, kind: EventType) -> float:
        """How far one of ``kind`` may be, before both places are widened."""
        return min(kind.radius_m, self.kind.radius_m)


Found = tuple[int, float, float | None]
"""rank, delta_s, distance_m."""
_WORST = (9, inf, inf)


def fits(part: Part, case_id: AlertId, context: StepContext) -> Match | None:
    """The best match of ``part`` with the case; None when nothing fits or a well-placed part speaks against it."""
    probe = _Probe(part, context)
    parts = context.parts(case_id)
    best = _best(probe, case_id, parts)
    return None if best is None or _is_refuted(probe, best, parts, context) else best


def _best(
    probe: _Probe, case_id: AlertId, parts: tuple[Part, ...], best: tuple[int, float, float] = _WORST
) -> Match | None:
    """The best match with the case that is no worse than ``best``, whatever else of it speaks against it; of equal
    ones the earliest."""
    part, match = probe.part, None
    # The latest first: most often it is the nearest, and then most of the others need no measuring.
    for other in reversed(parts):
        code = None if other.join is None else other.join.code
        is_same_record = part.record is not None and part.record == other.record
        if code == GATHERED and part.record != other.record:
            continue
        found: Found | None = (0, abs(part.instant_ms - other.instant_ms) / 1000, None)
        if not is_same_record:
            found = probe.pair(other, best)
        if found is None or (found[0] > 1 and code == FLOODED):
            continue
        rank, delta_s, distance = found
        order = (rank, -1.0 if distance is None else distance, delta_s)
        if order <= best:
            best = order
            match = Match(rank=rank, alert_id=case_id, nearest=other, delta_s=delta_s, distance_m=distance)
    return match


def _is_refuted(probe: _Probe, match: Match, parts: tuple[Part, ...], context: StepContext) -> bool:
    """Whether it fits by place only, and some source's nearest-in-time well-placed part is out of reach."""
    if match.rank < 2:
        return False
    # Nearest in time: a moving bus is judged by where it was then.
    rule, at_ms = context.rules.merge, probe.part.instant_ms
    nearest: dict[str, tuple[int, Part]] = {}
    for other in parts:
        if well_placed(other, rule):
            away_ms = abs(other.instant_ms - at_ms)
            known = nearest.get(other.member.independence)
            if known is None or away_ms < known[0]:
                nearest[other.member.independence] = (away_ms, other)
    return any(
        apart_m(probe.part, other)
        > probe.reach_m(context.kind(other.member.type)) + probe.accuracy_m + accuracy_m(other, rule)
        for _, other in nearest.values()
    )


def find(part: Part, context: StepContext, merge_class: MergeClass) -> tuple[Match | None, Match | None]:
    """(the open case that ``part`` belongs to, the one that it would have belonged to: closed, or in a shared line)."""
    live: Match | None = None
    closed: Match | None = None
    full, probe = 0, _Probe(part, context)
    wanted = lookups(part, context.rules, probe.kind, shelf(merge_class))
    for case in context.candidates(wanted):
        if case.merge_class != merge_class:
            continue
        if len(case.parts) >= floods.capacity(context, case):
            full += 1
            if full > _FULL_COMPARED_MAX:
                continue
        parts, is_closed = all_parts(case, context.cases), case.alert.status is AlertStatus.CLOSED
        keeps_out = lines.keeps_out(part, case, context)
        # A closed case's rival is known with its match; against another one's most parts need no measuring.
        rival = None if is_closed else closed if keeps_out else live
        match = _best(probe, case.id, parts, _WORST if rival is None else rival.order[:3])
        if match is None:
            continue
        keeps_out = keeps_out or (is_closed and not _late_copy(part, case, match, context))
        rival = closed if keeps_out else live
        # What does not win needs no refuting: at one corner that spares most of the work.
        if (rival is not None and match.order >= rival.order) or _is_refuted(probe, match, parts, context):
            continue
        if keeps_out:
            closed = match
        else:
            live = match
    return live, closed


def _late_copy(part: Part, case: Case, match: Match, context: StepContext) -> bool:
    """Whether a closed case still takes it: another copy, within grace, of what happened before it was closed.

    Never a press (law 14), unless its source only recovered its own history: who closed the alert did not know of it.
    """
    closed_ms = case.alert.closed_ms or 0
    is_press = part.member.phase is Phase.NEW and part.member.life_safety and not part.recovered
    return (
        not is_press
        and match.rank <= 1
        and part.instant_ms <= closed_ms
        and context.now_ms <= closed_ms + context.rules.merge.grace_s * 1000
    )


def explain(match: Match, part: Part, context: StepContext) -> Reason:
    """Why ``part`` joined: the rule, both events, metres and seconds, in words (N15)."""
    rule = context.rules.merge
    code = ("merge.same_record", "merge.same_key", "merge.same_place")[match.rank]
    distance = None if match.distance_m is None else round(match.distance_m, 1)
    delta = round(match.delta_s, 3)
    text = _explanation(match, context)
    return Reason(
        code=code,
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        distance_m=distance,
        delta_s=delta,
        events=(match.nearest.member.event_id, part.member.event_id),
        text_es=text.es,
        text_en=text.en,
    )


def _explanation(match: Match, context: StepContext) -> Text:
    match match.rank:
        case 0:
            how = context.text("same_record")
        case 1:
            how = context.text("same_key")
        case _:
            how = context.text("same_place")
    delta_s = round(match.delta_s, 3)
    if match.distance_m is None:
        return context.text("joined", how=how, delta_s=delta_s)
    return context.text("joined_near", how=how, distance_m=round(match.distance_m, 1), delta_s=delta_s)
