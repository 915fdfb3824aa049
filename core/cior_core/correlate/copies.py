"""The same id again (law 14): while its alert is open it is a copy; after the alert was closed it rings.

Whoever sends an id twice may be a panel that heard no answer, our own log told twice, a source that reads out its
history, somebody who plays back what was recorded, or a person whose device has a clock that stands still and who needs
help again. What the receipt tells apart is told apart here:

- *The same receipt* (its raw record): our own repetition. It changes nothing (law 4).
- *Another receipt while the alert is open*: a copy. Of what had been closed once, copies are counted and told.
- *Another receipt after closing*: of life-safety it is a new fact. It rings, linked to the closed alert and marked.
- *Recovered* by its source out of its history, or received before the closing and held up on its way: told once in the
  closed alert. It does not ring again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate import lines, patterns
from cior_core.correlate.state import CORROBORATING, Case, Seen
from cior_core.correlate.step_context import StepContext
from cior_core.model import AlertId, AlertStatus, ClockQuality, DataClass, Event, EventId, Reason

replace = msgspec.structs.replace

REPEATED: Final = "repeat.after_closing"
"""Code of the reason of an alert that an id opened, or joined, after its own alert had been closed."""

_RECEIPTS_MAX = 32
_HELD_UP_MS = 5_000
# Receipt and closing are read by two computers: only what came clearly before the closing is taken for delayed.


def key_of(event: Event) -> str:
    """Under which key an event's id is remembered."""
    return f"e:{event.id}"


def remember(context: StepContext, event: Event, facts: str, alert_id: AlertId | None) -> None:
    """Keep an id that was seen for the first time; what its source recovered is said in its alert."""
    context.seen = context.seen.put(
        key_of(event),
        Seen(digest=facts, at_ms=context.now_ms, alert_id=alert_id, receipts=(_receipt(event),)),
    )
    if event.recovered and alert_id is not None:
        context.add_transition(alert_id, "recovered", context.text("recovered"))


def heard(context: StepContext, event: Event, seen: Seen) -> Event | None:
    """What an id that was seen before is now: a fact to be placed like a new one, or (None) no more than a copy."""
    lines.notice_copy(context, event, seen.alert_id)
    receipt, alert_id = _receipt(event), seen.alert_id
    if receipt in seen.receipts or alert_id is None or not _calls_for_help(context, event):
        return None
    seen = replace(seen, receipts=(*seen.receipts, receipt)[-_RECEIPTS_MAX:])
    case = context.root(alert_id)
    if case is not None and case.alert.status is not AlertStatus.CLOSED:
        _keep(context, event, _counted(context, seen, case.id))
        return None
    if event.recovered or (case is not None and _held_up(event, case)):
        if case is not None and not seen.told:
            context.add_transition(case.id, "recovered_copy", context.text("recovered_copy"))
        _keep(context, event, replace(seen, told=True))
        return None
    _keep(context, event, replace(seen, at_ms=context.now_ms, repeats=1, told=False))
    # Nothing that it says of its own time is believed: it said the same before.
    return replace(
        event,
        id=EventId(f"{event.id}~{receipt}"),
        occurred_ms=event.received_ms,
        clock=ClockQuality.UNKNOWN,
        clock_error_s=None,
    )


def rang(context: StepContext, event: Event, repeated: Event, alert_id: AlertId | None) -> None:
    """Mark what :func:`heard` made of ``event`` and what was placed in ``alert_id``."""
    seen = context.seen.get(key_of(event))
    if seen is None or alert_id is None:
        return
    text = context.text("repeated_after_closing")
    reason = Reason(code=REPEATED, points=0, events=(repeated.id,), text_es=text.es, text_en=text.en)
    case = context.current(alert_id)
    earlier = context.root(seen.alert_id) if seen.alert_id is not None else None
    closed_id = earlier.id if earlier is not None else seen.alert_id
    links = case.alert.links
    if closed_id is not None and closed_id != alert_id:
        links = patterns.linked(links, closed_id)
    is_told = any(known.code == REPEATED for known in case.pinned)
    pinned = case.pinned if is_told else (*case.pinned, reason)
    context.update(alert_id, pinned=pinned, of_alert={"links": links})
    context.add_transition(alert_id, "repeated_after_closing", text, reasons=(reason,))
    _keep(context, event, replace(seen, alert_id=alert_id))


def _receipt(event: Event) -> str:
    """The receipt that told ``event``: of its raw record's id as much as tells two apart."""
    return event.raw.raw_id[:13] if event.raw is not None else str(event.received_ms)


def _calls_for_help(context: StepContext, event: Event) -> bool:
    kind = context.kind(event.type)
    is_grave = event.life_safety or kind.life_safety or kind.silent or event.data_class is DataClass.SEALED
    return is_grave and event.phase in CORROBORATING


def _held_up(event: Event, case: Case) -> bool:
    closed_ms = case.alert.closed_ms
    return closed_ms is not None and event.received_ms <= closed_ms - _HELD_UP_MS


def _counted(context: StepContext, seen: Seen, alert_id: AlertId) -> Seen:
    """Copies of what had been closed once are told at each doubling: a flood of them is one alert that says so."""
    if not seen.repeats:
        return seen
    count = seen.repeats + 1
    if count & (count - 1) == 0:
        context.add_transition(alert_id, "repeated_again", context.text("repeated_again", count=count))
    return replace(seen, repeats=count)


def _keep(context: StepContext, event: Event, seen: Seen) -> None:
    context.seen = context.seen.put(key_of(event), seen)
