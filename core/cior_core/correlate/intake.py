"""An event arrives: recognise it, and let it open, join, wait or end. Life-safety is decided first and never waits (law
2)."""

from __future__ import annotations

import msgspec

from cior_core.attributes import MERGED_INTO
from cior_core.correlate import (
    cases,
    coordinated,
    copies,
    eyes,
    floods,
    lines,
    matching,
    patterns,
    response,
    seeing,
    silences,
)
from cior_core.correlate.index import Lookup, shelf
from cior_core.correlate.matching import Match
from cior_core.correlate.state import UNDECODED, MergeClass, Part, Pending, Seen
from cior_core.correlate.step_context import StepContext
from cior_core.identity import digest
from cior_core.model import (
    AlertId,
    AlertStatus,
    ClockQuality,
    DataClass,
    Event,
    EventId,
    Level,
    Phase,
    Reason,
)
from cior_core.sentences import Text
from cior_core.taxonomy import EventType
from cior_core.watching import BURST_TYPE

replace = msgspec.structs.replace

_ENDINGS = {Phase.RESTORE, Phase.CANCEL, Phase.END}
_ORPHAN_MS = 3_600_000


def ingest_event(context: StepContext, event: Event) -> None:
    """Process one event.

    The same id with other facts is noted, then a fact of its own; what the same again is, :mod:`copies` says.
    """
    facts = _fact_digest(event)
    seen = context.seen.get(copies.key_of(event))
    if seen is not None and seen.digest not in (_fact_digests(event) if event.recovered else {facts}):
        forged, event = seen, replace(event, id=EventId(f"{event.id}~{facts[:12]}"))
        seen = context.seen.get(copies.key_of(event))
        if seen is None:
            _note_conflict(context, forged)
    if seen is None:
        copies.remember(context, event, facts, _place(context, event))
    elif (repeated := copies.heard(context, event, seen)) is not None:
        copies.rang(context, event, repeated, _place(context, repeated))


def _fact_digest(event: Event) -> str:
    """Digest of what an event says, not of how it travelled: copies agree, forgeries do not."""
    return _digest_of(event, event.occurred_ms if event.clock is ClockQuality.SYNCED else None)


def _fact_digests(event: Event) -> set[str]:
    """What a copy out of a history agrees with: hours later its clock may be judged otherwise than at once."""
    return {_digest_of(event, event.occurred_ms), _digest_of(event, None)}


def _digest_of(event: Event, occurred: int | None) -> str:
    place = event.place
    return digest(
        "cior.facts",
        event.source,
        event.type,
        event.subject,
        event.phase,
        occurred,
        place.method,
        repr(place.lat),
        repr(place.lon),
        event.native_key,
        event.summary,
        event.data_class,
        int(event.drill),
        int(event.life_safety),
    ).hex()[:32]


def _note_conflict(context: StepContext, seen: Seen) -> None:
    text = context.text("conflicting_copy")
    if seen.alert_id is not None and context.case(seen.alert_id) is not None:
        context.add_transition(seen.alert_id, "conflicting_copy", text)
    else:
        context.add_area_transition("conflicting_copy", text)


def _place(context: StepContext, event: Event) -> AlertId | None:
    """Decide what becomes of the event; the alert it went to."""
    if event.type == BURST_TYPE:
        return seeing.saw(context, event)
    eyes.note(context, event)
    if event.phase is Phase.TEST:
        context.add_area_transition(
            "test_received",
            context.text("test_received"),
            drill=event.drill,
        )
        return None
    kind = context.kind(event.type)
    degraded = event.type == UNDECODED or context.rules.kind(event.type) is None
    part = matching.make_part(event, kind, context.rules, context.now_ms, degraded=degraded)
    silent = kind.silent or event.data_class is DataClass.SEALED
    merge_class = MergeClass(event.drill, silent)
    live, closed = matching.find(part, context, merge_class)
    if event.phase in _ENDINGS:
        return _end(context, event, part, live or closed)
    if part.member.life_safety or silent:
        return _join(context, event, part, live) or open_alert(
            context, event, part, live or closed, merge_class=merge_class
        )
    return _ordinary(context, event, part, kind=kind, live=live, closed=closed)


def _ordinary(
    context: StepContext,
    event: Event,
    part: Part,
    *,
    kind: EventType,
    live: Match | None,
    closed: Match | None,
) -> AlertId | None:
    """An event that is not life-safety: it may join, be gathered, be counted, or only be kept in the store."""
    unreported = context.rules.unreported.get(event.type)
    if unreported is not None and (live is None or live.rank > 1):
        return patterns.open_unreported(context, event, part, unreported)
    if joined := _join(context, event, part, live):
        return joined
    if gathered := _gathered(context, event, part):
        return gathered
    threshold = context.rules.thresholds.get(event.type)
    if kind.alerting == "threshold" and threshold is not None:
        return patterns.count_threshold(context, event, part, threshold)
    if kind.alerting == "never":
        return None
    return open_alert(context, event, part, live or closed, merge_class=MergeClass(event.drill))


def _join(context: StepContext, event: Event, part: Part, match: Match | None) -> AlertId | None:
    """Add ``part`` to the case it matches; None when there is none or it is full."""
    case = None if match is None else context.case(match.alert_id)
    if match is None or case is None or len(context.parts(case.id)) >= floods.capacity(context, case):
        return None
    reason = matching.explain(match, part, context)
    cases.add(context, case.id, replace(part, join=reason))
    context.add_transition(case.id, "joined", Text(reason.text_es, reason.text_en), reasons=(reason,))
    if case.alert.status is not AlertStatus.CLOSED:
        response.respond(context, case.id, part)
    _note_level(context, case.id, was=case.alert.level)
    coordinated.check(context, case.id)
    patterns.link_silent(context, case.id)
    return _merged_by_source(context, event, part, case.id)


def _note_level(context: StepContext, case_id: AlertId, *, was: Level) -> None:
    case = context.current(case_id)
    if case.alert.level is not was:
        context.add_transition(
            case_id,
            "level_changed",
            context.text("level_changed", was=was.value, now=case.alert.level.value),
            reasons=case.terms,
        )


def _merged_by_source(context: StepContext, event: Event, part: Part, case_id: AlertId) -> AlertId:
    """A CAD that merged two of its records merges their alerts too, reversibly."""
    other = event.attributes.get(MERGED_INTO)
    if not isinstance(other, str) or part.record is None:
        return case_id
    mark = shelf(context.current(case_id).merge_class)
    for found in context.candidates([Lookup((f"{mark}n:{event.source}|{other}",), part.instant_ms)]):
        target = context.root(found.id)
        mine = context.root(case_id)
        if (
            target is not None
            and mine is not None
            and target.id != mine.id
            and target.merge_class == mine.merge_class
            and target.live
            and mine.live
        ):
            cases.absorb(context, target.id, mine.id, actor=f"source:{event.source}")
            return target.id
    return case_id


def _gathered(context: StepContext, event: Event, part: Part) -> AlertId | None:
    """The alert of many that takes the event: a storm's or a flood's."""
    if (storm := patterns.storm_for(context, part)) is None:
        return floods.ingest(context, event, part)
    case_id, reason = storm
    cases.add(context, case_id, replace(part, join=reason))
    context.add_transition(case_id, "gathered", Text(reason.text_es, reason.text_en), reasons=(reason,))
    return case_id


def open_alert(
    context: StepContext, event: Event, part: Part, earlier: Match | None, *, merge_class: MergeClass
) -> AlertId:
    """Open an alert at once, run its protocol, gather what waited for it. ``earlier``: the closed or full one it is
    linked to."""
    links = () if earlier is None else (earlier.alert_id,)
    pinned = (_late(context, part),) if part.late else ()
    case_id = cases.open_case(
        context,
        (part,),
        opened_by=event.id,
        own_type=event.type,
        merge_class=merge_class,
        pinned=pinned,
        links=links,
    )
    kind = context.kind(event.type)
    context.add_transition(
        case_id,
        "opened",
        context.text("alert_opened", kind=Text(kind.name_es, kind.name_en)),
        reasons=(*context.current(case_id).terms, *pinned),
    )
    silences.cover(context, case_id)
    response.respond(context, case_id, part)
    if not merge_class.silent:
        patterns.adopt_pending(context, case_id)
    patterns.begin_storm(context, event, case_id)
    lines.count(context, case_id)
    coordinated.check(context, case_id)
    patterns.link_silent(context, case_id)
    return _merged_by_source(context, event, part, case_id)


def _late(context: StepContext, part: Part) -> Reason:
    rule = context.rules.late
    age_s = round((context.now_ms - part.instant_ms) / 1000, 3)
    text = context.text("came_late", rule=rule.text, age_s=age_s)
    return Reason(
        code="late",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        events=(part.member.event_id,),
        delta_s=age_s,
        text_es=text.es,
        text_en=text.en,
    )


def _end(context: StepContext, event: Event, part: Part, match: Match | None) -> AlertId | None:
    """A restore, cancel or end: it is added and noted. It deletes nothing and never lowers a life-safety level (law
    10)."""
    case = None if match is None else context.case(match.alert_id)
    if (
        match is None
        or case is None
        or len(context.parts(case.id)) >= floods.capacity(context, case) + len(_ENDINGS)
    ):
        context.wait(
            event.id, Pending(part=part, until_ms=context.now_ms + _ORPHAN_MS, drill=event.drill, orphan=True)
        )
        context.add_area_transition(
            "ending_without_beginning",
            context.text("ending_without_beginning"),
            drill=event.drill,
        )
        return None
    reason = matching.explain(match, part, context)
    context.update(case.id, withdrawn=case.withdrawn or event.phase is Phase.CANCEL)
    cases.add(context, case.id, replace(part, join=reason))
    kind, text = _ending(context, event.phase)
    context.add_transition(case.id, kind, text, reasons=(reason,))
    return case.id


def _ending(context: StepContext, phase: Phase) -> tuple[str, Text]:
    match phase:
        case Phase.RESTORE:
            return "restored", context.text("restored")
        case Phase.CANCEL:
            return "cancel_received", context.text("cancel_received")
        case _:
            return "source_ended", context.text("source_ended")
