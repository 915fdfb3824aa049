"""What a silence hid, and its end: a mark with an expiry that keeps account of what came meanwhile (law 16)."""

from __future__ import annotations

import msgspec

from cior_core.correlate.state import Case
from cior_core.correlate.step_context import AUTOMATON, StepContext
from cior_core.model import AlertId, EventId, Level, Reason
from cior_core.sentences import Text

HID = "suppression.hid"
"""Code of the reason that says, after a silence, what came in it."""
TELLING = frozenset({"notify", "task"})
"""Acts of a protocol's step that reach people."""
IDS_MAX = 50
"""The most ids that a silence names; it counts all."""

replace = msgspec.structs.replace


def note_hidden(context: StepContext, case_id: AlertId, *events: EventId) -> None:
    """Count ``events`` that came to the alert while it is muted; nothing when it is not."""
    mark = context.current(case_id).alert.suppression
    if mark is not None and events:
        ids = (*mark.hidden_ids, *events)[-IDS_MAX:]
        context.update_alert(
            case_id, suppression=replace(mark, hidden=mark.hidden + len(events), hidden_ids=ids)
        )


def holds_back(case: Case, act: str) -> bool:
    """Whether a maintenance silence over the alert keeps a step of its protocol from telling anybody."""
    mark = case.alert.suppression
    return mark is not None and mark.silence is not None and act in TELLING


def note_held_back(context: StepContext, case: Case) -> None:
    """Count one notice that did not leave."""
    mark = case.alert.suppression
    silence = None if mark is None or mark.silence is None else context.silences.get(mark.silence)
    if silence is not None:
        context.keep_silence(replace(silence, held_back=silence.held_back + 1))


def end(context: StepContext, case_id: AlertId, kind: str, sentence: Text, *, actor: str = AUTOMATON) -> None:
    """End the alert's silence, if there is one, with a transition of that kind.

    What the silence hid stays written on the alert and in its story.
    """
    case = context.current(case_id)
    mark = case.alert.suppression
    if mark is None:
        return
    context.update_alert(case_id, suppression=None)
    reasons: tuple[Reason, ...] = ()
    if mark.hidden:
        text = context.text("suppression_hid", count=mark.hidden)
        reasons = (
            Reason(
                code=HID,
                points=0,
                events=tuple(map(EventId, mark.hidden_ids)),
                text_es=text.es,
                text_en=text.en,
            ),
        )
        kept = tuple(reason for reason in case.pinned if reason.code != HID)
        context.update(case_id, pinned=(*kept, *reasons))
    context.add_transition(case_id, kind, sentence, actor=actor, reasons=reasons)


def lift_if_grave(context: StepContext, case_id: AlertId) -> None:
    """A P1 cannot be muted, however it became one."""
    if context.current(case_id).alert.level is Level.P1:
        end(context, case_id, "suppression_lifted", context.text("suppression_lifted_p1"))
