"""What the cameras saw that were asked to look at the place of an alert, attached as it comes.

It explains, and by a rule of the pack it may raise; it never lowers, closes or joins anything (law 10): "nobody seen"
takes nothing from a press.
"""

from __future__ import annotations

import msgspec

from cior_core.correlate import cases, seen_words, watched
from cior_core.correlate.step_context import StepContext
from cior_core.errors import PayloadRejected
from cior_core.model import AlertId, Event
from cior_core.watching import BurstAnswer, Watching

replace = msgspec.structs.replace


def saw(context: StepContext, event: Event) -> AlertId | None:
    """A camera's answer, attached to the alert that asked; the newest takes the place of the one before."""
    try:
        answer = BurstAnswer.of(event.attributes)
    except PayloadRejected:
        _stray(context, event)
        return None
    sent = context.sent.get(answer.command)
    known = None if sent is None else watched.look_of(context, sent, answer.command)
    if sent is None or known is None or known.camera != event.subject:
        _stray(context, event)
        return None
    if answer.sequence <= known.sequence:
        return sent.alert_id
    case = context.current(sent.alert_id)
    was = case.alert.level
    told = _told(context, known, event, case_id=case.id, answer=answer)
    watched.keep(context, case.id, told)
    cases.rescore(context, case.id)
    if known.sequence < 0 or answer.is_last:
        text = context.text("camera_saw", camera=event.subject, what=seen_words.text_of(told))
        context.add_transition(case.id, "camera_saw", text)
    level = context.current(case.id).alert.level
    if level is not was:
        text = context.text("level_changed", was=was.value, now=level.value)
        context.add_transition(case.id, "level_changed", text, reasons=context.current(case.id).terms)
    return case.id


def _told(
    context: StepContext, known: Watching, event: Event, *, case_id: AlertId, answer: BurstAnswer
) -> Watching:
    """What stands on the alert from now on."""
    words = seen_words.of_answer(context, answer)
    state = "watching" if not answer.is_last else "ended" if answer.pictures else "not_watched"
    return replace(
        known,
        state=state,
        sequence=answer.sequence,
        event_id=event.id,
        text_es=words.es,
        text_en=words.en,
        from_ms=answer.from_ms,
        to_ms=answer.to_ms,
        counts=answer.counts,
        conditions=answer.conditions,
        why=answer.why,
        rule=known.rule or _counting(context, case_id, event, answer=answer),
    )


def _counting(context: StepContext, case_id: AlertId, event: Event, *, answer: BurstAnswer) -> str:
    """The rule by which it counts; none of a camera that told of the alert itself."""
    parts = context.parts(case_id)
    if answer.by != "tracks" or any(
        event.subject in {p.member.independence, p.member.subject} for p in parts
    ):
        return ""
    families = {context.kind(part.member.type).family for part in parts}
    found = (
        rule.id
        for rule in context.rules.seen
        if families & set(rule.families)
        and sum(answer.most.get(label, 0) for label in rule.labels) >= rule.least
    )
    return next(found, "")


def _stray(context: StepContext, event: Event) -> None:
    """An answer to nothing that was asked: noted, and nothing else."""
    context.add_area_transition("camera_saw_unasked", context.text("camera_saw_unasked"), drill=event.drill)
