"""Cameras look at the place of an alert: who is asked, and who begins (mission.md, features 8 and 17).

A press asks the cameras that work and have its place in view for a *burst*; how long and how many is data of the book
of protocols (:class:`~cior_core.protocols.Burst`). What they saw is :mod:`~cior_core.correlate.seeing`. A reserved
alert asks nobody: a command at the instant of the press would tell a camera, hence a street, to every reader of the
topic (law 17).
"""

from __future__ import annotations

from typing import Final

import msgspec

from cior_core.attributes import CAMERAS, IN_VIEW
from cior_core.correlate import eyes, seen_words
from cior_core.correlate.sending import send
from cior_core.correlate.state import CORROBORATING, Case, Part, Sent
from cior_core.correlate.step_context import StepContext
from cior_core.identity import command_id
from cior_core.model import (
    AlertId,
    Command,
    CommandKind,
    DataClass,
    Receipt,
    Target,
    TargetKind,
)
from cior_core.protocols import Burst
from cior_core.watching import BurstOrder, Watching

replace = msgspec.structs.replace

MOST: Final = 16
"""Looks that one alert keeps and asks for, however long it lasts."""
_TRIES: Final = 2
"""So many times the wanted cameras are asked for one press, where some refuse or do not answer."""
_UNANSWERED: Final = "unanswered"


def ask(context: StepContext) -> None:
    """For every alert that this step changed and whose place should be looked at."""
    for case_id in context.touched:
        case = context.case(case_id)
        if case is not None and case.live and not case.alert.silent:
            _look(context, case)


def _look(context: StepContext, case: Case) -> None:
    fresh = [part for part in _own(context, case) if _is_fresh(context, part)]
    types = [part.member.type for part in fresh]
    row = context.rules.protocols.burst(case.alert.level, types) if fresh else None
    if row is None:
        return
    pressed_ms = max(part.instant_ms for part in fresh)
    now = [each for each in case.watchings if each.camera and each.until_ms >= pressed_ms]
    looking = {each.camera for each in now if each.state != "not_watched"}
    asked = {each.camera for each in now}
    candidates = _candidates(fresh, row)
    works = [
        each
        for each in candidates
        if each not in asked and not eyes.blind(context, each, drill=case.alert.drill)
    ]
    room = min(
        row.cameras - len(looking),
        _TRIES * row.cameras - len(asked),
        MOST - sum(bool(each.camera) for each in case.watchings),
    )
    chosen = works[: max(0, room)]
    for camera in chosen:
        _order(context, case.id, camera, row=row)
    _tell_nobody(context, case.id, nobody=not chosen and not looking)


def _own(context: StepContext, case: Case) -> tuple[Part, ...]:
    """What it asks for. What was merged into it has asked for itself, and its level is not the case's own: then what is
    new in this step, so that a merge that is undone leaves nothing.
    """
    before = context.before.cases.get(case.id) if case.absorbed else None
    if before is None:
        return case.parts
    known = {part.member.event_id for part in before.parts}
    return tuple(part for part in case.parts if part.member.event_id not in known)


def _is_fresh(context: StepContext, part: Part) -> bool:
    """Whether it tells of what goes on there now, at a place that is known."""
    age_ms = context.now_ms - part.instant_ms
    return (
        age_ms <= context.rules.late.after_s * 1000
        and not part.late
        and part.data_class is not DataClass.SEALED
        and part.member.phase in CORROBORATING
        and part.member.place.located
    )


def _candidates(parts: list[Part], row: Burst) -> list[str]:
    """Those that have the place in view, the newest press first; ``nearby``: those that may see who runs past too."""
    names: list[str] = []
    for part in sorted(parts, key=lambda each: (-each.instant_ms, each.member.event_id)):
        for attribute in (IN_VIEW, CAMERAS) if row.nearby else (IN_VIEW,):
            found = part.member.attributes.get(attribute)
            names += [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
    return [each for each in dict.fromkeys(names) if each.strip()]


def _order(context: StepContext, case_id: AlertId, camera: str, *, row: Burst) -> None:
    case = context.current(case_id)
    alert, kind = case.alert, CommandKind.BURST
    step = f"burst:{sum(each.camera == camera for each in case.watchings)}"
    target = str(Target(kind=TargetKind.CAMERA, id=camera))
    command = Command(
        id=command_id(case_id, kind, protocol=alert.protocol, step=step, target=target),
        kind=kind,
        alert_id=case_id,
        area=alert.area,
        target=target,
        issued_ms=context.now_ms,
        expires_ms=context.now_ms + round(row.answer_s * 1000),
        protocol=alert.protocol,
        step=step,
        drill=alert.drill,
        parameters=msgspec.to_builtins(_ordered(row, case)),
    )
    send(context, command)
    text = context.text("camera_asked")
    watching = Watching(
        camera=camera,
        state="asked",
        asked_ms=context.now_ms,
        until_ms=context.now_ms + round(row.for_s * 1000),
        command=command.id,
        text_es=text.es,
        text_en=text.en,
    )
    context.update(case_id, watchings=(*case.watchings, watching))


def _ordered(row: Burst, case: Case) -> BurstOrder:
    return BurstOrder(
        for_s=row.for_s,
        first_s=row.first_s,
        every_s=row.every_s,
        fps=row.fps,
        level=case.alert.level,
        runs=row.runs,
    )


def _tell_nobody(context: StepContext, case_id: AlertId, *, nobody: bool) -> None:
    """That no working camera sees the place, as long as that is so."""
    case = context.current(case_id)
    others = tuple(each for each in case.watchings if each.camera)
    watched = any(each.event_id for each in others)
    if not nobody or watched:
        if len(others) < len(case.watchings):
            context.update(case_id, watchings=others)
    elif len(others) == len(case.watchings):
        text = context.text("no_camera_sees")
        told = Watching(
            camera="",
            state="not_watched",
            asked_ms=context.now_ms,
            until_ms=context.now_ms,
            text_es=text.es,
            text_en=text.en,
        )
        context.update(case_id, watchings=(*others, told))


# --- receipts --------------------------------------------------------------------------------------------------


def answered(context: StepContext, receipt: Receipt, sent: Sent) -> None:
    """The worker begins, or says why it does not; then another camera is asked."""
    known = look_of(context, sent, receipt.command_id)
    if known is None or known.state != "asked":
        return
    if receipt.outcome in {"accepted", "done"}:
        keep(context, sent.alert_id, replace(known, state="watching"))
    else:
        why = receipt.detail.rpartition(".")[2] or receipt.outcome
        keep(context, sent.alert_id, _not_watched(context, known, why))


def unanswered(context: StepContext, command: str, sent: Sent) -> None:
    """Nobody watches that camera, or its worker is away."""
    known = look_of(context, sent, command)
    if known is not None and known.state == "asked":
        keep(context, sent.alert_id, _not_watched(context, known, _UNANSWERED))


def _not_watched(context: StepContext, known: Watching, why: str) -> Watching:
    text = seen_words.why_not(context, why)
    return replace(known, state="not_watched", why=why, text_es=text.es, text_en=text.en)


def look_of(context: StepContext, sent: Sent, command: str) -> Watching | None:
    """The look that ``command`` asked for; None: it is no burst, or its alert is forgotten."""
    case = context.case(sent.alert_id)
    if case is None or sent.kind is not CommandKind.BURST:
        return None
    return next((each for each in case.watchings if each.command == command), None)


def keep(context: StepContext, case_id: AlertId, watching: Watching) -> None:
    """What is known of a look now, in the place of what was."""
    case = context.current(case_id)
    kept = tuple(watching if each.command == watching.command else each for each in case.watchings)
    context.update(case_id, watchings=kept)
