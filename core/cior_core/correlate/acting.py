"""What all acts share: why one is refused, who was first, and what is written of it."""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.correlate.state import Case
from cior_core.correlate.step_context import StepContext
from cior_core.model import Action, ActionKind, AgencyStage, AlertId, AlertStatus, Deed
from cior_core.sentences import Text

replace = msgspec.structs.replace

_TEXT_LIMIT: Final = 500
_DEEDS_KEPT: Final = 40

_CONTRADICTS: Final = {
    ActionKind.ASSIGN: frozenset({ActionKind.ASSIGN, ActionKind.ACKNOWLEDGE, ActionKind.HAND_OVER}),
    ActionKind.CLOSE: frozenset(
        {
            ActionKind.DISPATCH,
            ActionKind.STAMP,
            ActionKind.ON_SCENE,
            ActionKind.REOPEN,
            ActionKind.RECLASSIFY,
            ActionKind.CONFIRM,
            ActionKind.SIREN_CONFIRM,
            ActionKind.MERGE,
        }
    ),
    ActionKind.RECLASSIFY: frozenset({ActionKind.RECLASSIFY, ActionKind.CONFIRM}),
    ActionKind.MOVE: frozenset({ActionKind.MOVE}),
    ActionKind.MERGE: frozenset({ActionKind.UNMERGE}),
    ActionKind.UNMERGE: frozenset({ActionKind.MERGE}),
    ActionKind.SUPPRESS: frozenset({ActionKind.UNSUPPRESS, ActionKind.CONFIRM}),
    ActionKind.SIREN_CONFIRM: frozenset({ActionKind.SIREN_CANCEL}),
}
"""Which acts of others an act contradicts when its actor had not seen them. To call for help, to answer and to stop a
siren contradict nothing: they are never refused for an old page."""

_MAKERS: Final = {
    AlertStatus.ACKNOWLEDGED: frozenset({ActionKind.ACKNOWLEDGE}),
    AlertStatus.DISPATCHED: frozenset({ActionKind.DISPATCH}),
    AlertStatus.ON_SCENE: frozenset({ActionKind.ON_SCENE, ActionKind.STAMP}),
    AlertStatus.CLOSED: frozenset({ActionKind.CLOSE}),
    AlertStatus.MERGED: frozenset({ActionKind.MERGE}),
}
"""Which acts bring an alert into a status."""

_UNWRITTEN: Final = frozenset({ActionKind.NOTE, ActionKind.HOLD})


class Refused(Exception):
    """Why an act cannot be done: a sentence and its arguments. Whoever raises it has changed nothing."""

    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments


def refusal(context: StepContext, action: Action, why: Refused) -> Text:
    """What the history says of an act that was refused."""
    return context.text(
        "refused",
        action=context.word(action.kind),
        why=context.rules.sentences.text(why.code, why.arguments),
    )


def check_seen(context: StepContext, action: Action, case: Case) -> None:
    """Raises ``Refused`` when another person did, since what the actor saw, what this act contradicts."""
    others = _CONTRADICTS.get(action.kind)
    if action.seen_version is None or others is None:
        return
    for deed in case.alert.deeds:
        if deed.kind in others and deed.by != action.actor and deed.version > action.seen_version:
            raise Refused(
                "refused_first", who=deed.by, what=context.word(deed.kind), ago_s=ago_s(context, deed.at_ms)
            )


def status_refusal(context: StepContext, case: Case) -> Refused:
    """Why an act does not fit the status that the alert is in: who brought it there, where that is known."""
    status = case.alert.status
    made = [deed for deed in case.alert.deeds if _made(deed, status)]
    if not made:
        return Refused("refused_status", status=context.word(status))
    first = min(made, key=lambda deed: (deed.version, deed.about))
    return Refused(
        "refused_status_first",
        status=context.word(status),
        who=first.by,
        ago_s=ago_s(context, first.at_ms),
    )


def _made(deed: Deed, status: AlertStatus) -> bool:
    """Whether ``deed`` may have brought its alert into ``status``."""
    if deed.kind is ActionKind.STAMP and not deed.about.endswith(f"/{AgencyStage.ON_SCENE.value}"):
        return False
    return deed.kind in _MAKERS.get(status, frozenset())


def ago_s(context: StepContext, at_ms: int) -> float:
    """How many seconds ago an instant was."""
    return (context.now_ms - at_ms) / 1000


def write_deed(context: StepContext, action: Action, case_id: AlertId) -> None:
    """Remember on the alert that ``action`` was done to it; of each kind (and agency, and step) the last one."""
    if action.kind in _UNWRITTEN or (case := context.case(case_id)) is None:
        return
    named = (action.agency, None if action.stage is None else action.stage.value, action.step)
    about = "/".join(name for name in named if name)
    before = context.before.cases.get(case_id)
    deed = Deed(
        kind=action.kind,
        by=action.actor,
        at_ms=context.now_ms,
        version=1 if before is None else before.alert.version + 1,
        about=about,
    )
    kept = [known for known in case.alert.deeds if (known.kind, known.about) != (action.kind, about)]
    context.update_alert(case_id, deeds=(*kept, deed)[-_DEEDS_KEPT:])


def is_blank(action: Action) -> bool:
    """Whether the act names no reason."""
    return not action.reason.strip()


def short(text: str) -> str:
    """A person's words, as much of them as is kept."""
    return text[:_TEXT_LIMIT]


def with_reason(context: StepContext, action: Action, sentence: Text) -> Text:
    """``sentence`` and the act's reason, where it has one."""
    if action.reason:
        return context.text("because", sentence=sentence, reason=short(action.reason))
    return context.text("without_reason", sentence=sentence)
