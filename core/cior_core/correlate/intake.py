"""An event arrives: recognise it, and let it open, join, wait or end. Life-safety is decided first and never waits (law 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cior_core.attributes import MERGED_INTO
from cior_core.correlate import cases, floods, matching, patterns, response
from cior_core.correlate.draft import UNDECODED
from cior_core.correlate.state import Case, Part, Pending, Seen
from cior_core.identity import digest
from cior_core.model import AlertId, AlertStatus, ClockQuality, DataClass, Event, EventId, Phase, Reason
from cior_core.taxonomy import EventType

if TYPE_CHECKING:
    from cior_core.correlate.draft import Draft
    from cior_core.correlate.matching import Match

replace = msgspec.structs.replace

_ENDINGS = {Phase.RESTORE, Phase.CANCEL, Phase.END}
_ORPHAN_MS = 3_600_000
_ENDING_WORDS = {
    Phase.RESTORE: (
        "restored",
        "La fuente informa que volvió a la normalidad.",
        "The source says that it is back to normal.",
    ),
    Phase.CANCEL: (
        "cancel_received",
        "La fuente avisa que cancela: a confirmar por una persona.",
        "The source cancels: a person must confirm.",
    ),
    Phase.END: ("source_ended", "La fuente cerró su registro.", "The source closed its record."),
}


def take_event(draft: Draft, event: Event) -> None:
    """Process one event. The same event again changes nothing; the same id with other facts is told and processed as a fact of its own."""
    facts = fact_digest(event)
    seen = draft.seen.get(f"e:{event.id}")
    if seen is not None:
        if seen.digest == facts:
            return
        event = replace(event, id=EventId(f"{event.id}~{facts[:12]}"))
        if f"e:{event.id}" in draft.seen:
            return
        _tell_conflict(draft, seen)
    alert_id = _place(draft, event)
    draft.seen = draft.seen.put(f"e:{event.id}", Seen(digest=facts, at_ms=draft.now_ms, alert_id=alert_id))


def fact_digest(event: Event) -> str:
    """Digest of what an event says, without how it travelled (receipt, raw pointer, producer, trace): copies agree, forgeries do not."""
    place = event.place
    occurred = event.occurred_ms if event.clock is ClockQuality.SYNCED else None
    return digest(
        "cior.facts",
        event.source,
        event.type,
        event.subject,
        event.phase.value,
        occurred,
        place.method.value,
        repr(place.lat),
        repr(place.lon),
        event.native_key,
        event.summary,
        event.data_class.value,
        int(event.drill),
        int(event.life_safety),
    ).hex()[:32]


def _tell_conflict(draft: Draft, seen: Seen) -> None:
    es, en = (
        "Llegó el mismo identificador con otros datos: posible falsificación.",
        "The same id came with other facts: possible forgery.",
    )
    if seen.alert_id is not None and draft.case(seen.alert_id) is not None:
        draft.say(seen.alert_id, "conflicting_copy", es, en)
    else:
        draft.say_area("conflicting_copy", es, en)


def _place(draft: Draft, event: Event) -> AlertId | None:
    """Decide what becomes of the event; the alert it went to."""
    if event.phase is Phase.TEST:
        draft.say_area(
            "test_received",
            "Prueba recibida: no es un incidente.",
            "Test received: not an incident.",
            drill=event.drill,
        )
        return None
    kind = draft.kind(event.type)
    degraded = event.type == UNDECODED or draft.rules.kind(event.type) is None
    part = matching.make_part(event, kind, draft.rules, draft.now_ms, degraded=degraded)
    silent = kind.silent or event.data_class is DataClass.SEALED
    live, closed = matching.find(part, draft, silent=silent, drill=event.drill)
    if event.phase in _ENDINGS:
        return _end(draft, event, part, live or closed)
    if part.member.life_safety or silent:
        return _join(draft, event, part, live) or _open(draft, event, part, live or closed, silent=silent)
    return _ordinary(draft, event, part, kind=kind, live=live, closed=closed)


def _ordinary(
    draft: Draft, event: Event, part: Part, *, kind: EventType, live: Match | None, closed: Match | None
) -> AlertId | None:
    """An event that is not life-safety: it may join, be gathered, be counted, or only be kept in the store."""
    unreported = draft.rules.unreported.get(event.type)
    if unreported is not None and (live is None or live.rank > 1):
        return patterns.open_unreported(draft, event, part, unreported)
    if joined := _join(draft, event, part, live):
        return joined
    if gathered := _gathered(draft, event, part):
        return gathered
    threshold = draft.rules.thresholds.get(event.type)
    if kind.alerting == "threshold" and threshold is not None:
        return patterns.count_threshold(draft, event, part, threshold)
    if kind.alerting == "never":
        return None
    return _open(draft, event, part, live or closed, silent=False)


def _join(draft: Draft, event: Event, part: Part, match: Match | None) -> AlertId | None:
    """Add ``part`` to the case it matches; None when there is none or it is full."""
    case = None if match is None else draft.case(match.alert_id)
    if match is None or case is None or len(draft.parts(case)) >= floods.room(draft, case):
        return None
    reason = matching.explain(match, part, draft)
    level_before = case.alert.level
    case = cases.add(draft, case, replace(part, join=reason))
    draft.say(case.id, "joined", reason.text_es, reason.text_en, reasons=(reason,))
    if case.alert.status is not AlertStatus.CLOSED:
        case = response.respond(draft, _unmuted(draft, case, part), part)
    if case.alert.level is not level_before:
        draft.say(
            case.id,
            "level_changed",
            f"Nivel {level_before.value} → {case.alert.level.value}.",
            f"Level {level_before.value} → {case.alert.level.value}.",
            reasons=case.terms,
        )
    patterns.check_coordinated(draft, case)
    patterns.link_silent(draft, draft.case(case.id) or case)
    return _merged_by_source(draft, event, part, case)


def _unmuted(draft: Draft, case: Case, part: Part) -> Case:
    """A life-safety event lifts a suppression: nobody can mute what is to come."""
    if case.alert.suppression is None or not part.member.life_safety:
        return case
    case = replace(case, alert=replace(case.alert, suppression=None))
    draft.put(case)
    draft.say(
        case.id,
        "suppression_lifted",
        "Un aviso de vida en riesgo levanta el silencio.",
        "A life-safety event lifts the suppression.",
    )
    return case


def _merged_by_source(draft: Draft, event: Event, part: Part, case: Case) -> AlertId:
    """A CAD that merged two of its records merges their alerts too, reversibly."""
    other = event.attributes.get(MERGED_INTO)
    if not isinstance(other, str) or part.record is None:
        return case.id
    for alert_id in draft.candidates([f"n:{event.source}|{other}"]):
        target = draft.root(alert_id)
        mine = draft.root(case.id)
        if (
            target is not None
            and mine is not None
            and target.id != mine.id
            and target.realm == mine.realm
            and target.live
            and mine.live
        ):
            cases.absorb(draft, target, mine, actor=f"source:{event.source}")
            return target.id
    return case.id


def _gathered(draft: Draft, event: Event, part: Part) -> AlertId | None:
    """The alert of many that takes the event: a storm's or a flood's."""
    if (storm := patterns.storm_for(draft, part)) is not None:
        return _gather(draft, part, *storm)
    return floods.take(draft, event, part)


def _gather(draft: Draft, part: Part, storm: Case, reason: Reason) -> AlertId:
    case = cases.add(draft, storm, replace(part, join=reason))
    draft.say(case.id, "gathered", reason.text_es, reason.text_en, reasons=(reason,))
    return case.id


def _open(draft: Draft, event: Event, part: Part, earlier: Match | None, *, silent: bool) -> AlertId:
    """Open an alert at once, run its protocol, then gather what was waiting for it. ``earlier``: the closed or full alert it is linked to."""
    links = () if earlier is None else (AlertId(earlier.alert_id),)
    pinned = (_late(draft, part),) if part.late else ()
    case = cases.open_case(
        draft,
        (part,),
        opened_by=event.id,
        own_type=event.type,
        realm=(event.drill, silent),
        pinned=pinned,
        links=links,
    )
    kind = draft.kind(event.type)
    draft.say(
        case.id,
        "opened",
        f"Alerta: {kind.name_es}.",
        f"Alert: {kind.name_en}.",
        reasons=(*case.terms, *pinned),
    )
    case = response.respond(draft, case, part)
    if not silent:
        case = patterns.adopt_pending(draft, case)
    patterns.begin_storm(draft, event, case)
    patterns.check_coordinated(draft, case)
    patterns.link_silent(draft, draft.case(case.id) or case)
    return case.id


def _late(draft: Draft, part: Part) -> Reason:
    rule = draft.rules.late
    age_s = round((draft.now_ms - part.instant_ms) / 1000, 3)
    return Reason(
        code="late",
        points=0,
        rule=rule.id,
        rule_version=rule.version,
        events=(part.member.event_id,),
        delta_s=age_s,
        text_es=f"{rule.reason_es} ({age_s:.0f} s)",
        text_en=f"{rule.reason_en} ({age_s:.0f} s)",
    )


def _end(draft: Draft, event: Event, part: Part, match: Match | None) -> AlertId | None:
    """A restore, cancel or end: it is added and told. It deletes nothing and never lowers a life-safety level (law 10)."""
    kind, es, en = _ENDING_WORDS[event.phase]
    case = None if match is None else draft.case(match.alert_id)
    if match is None or case is None or len(draft.parts(case)) >= floods.room(draft, case) + len(_ENDINGS):
        draft.pending = draft.pending.put(
            event.id, Pending(part=part, until_ms=draft.now_ms + _ORPHAN_MS, drill=event.drill, orphan=True)
        )
        draft.say_area(
            "ending_without_beginning",
            "Llegó un cierre o cancelación sin aviso previo.",
            "An ending came without its beginning.",
            drill=event.drill,
        )
        return None
    reason = matching.explain(match, part, draft)
    case = cases.add(
        draft,
        replace(case, withdrawn=case.withdrawn or event.phase is Phase.CANCEL),
        replace(part, join=reason),
    )
    draft.say(case.id, kind, es, en, reasons=(reason,))
    return case.id
