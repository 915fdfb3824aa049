"""Video that is kept: of which cameras, how much, and more of it as soon as an alert is grave (N4).

How much is data of the book of protocols (:class:`~cior_core.protocols.Footage`).
"""

from __future__ import annotations

from typing import Final

from cior_core.correlate.sending import named, send
from cior_core.correlate.state import Case, Part
from cior_core.correlate.step_context import StepContext
from cior_core.identity import command_id
from cior_core.model import AlertId, AlertStatus, Command, CommandKind, DataClass, TargetKind

ARCHIVE: Final = "team:archive"
"""Who is asked where no camera is named."""
_EXPIRES_S: Final = 3_600
"""A hold that comes late is as good: footage stays for weeks."""
_MARK: Final = "footage"


def expires_s(kind: CommandKind, step_s: int) -> int:
    """For how long a command of a step may still be obeyed, s."""
    return max(step_s, _EXPIRES_S) if kind is CommandKind.HOLD_VIDEO else step_s


def cameras_of(part: Part) -> list[str]:
    """The cameras that may have what the part tells of in view, the nearest first."""
    cameras = part.member.attributes.get("cameras")
    return named(TargetKind.CAMERA, *map(str, cameras if isinstance(cameras, list) else []))


def interval(context: StepContext, case: Case) -> dict[str, object]:
    """What is kept of a case as grave as it is now: before its first instant, after its last."""
    length = context.rules.protocols.footage(case.alert.level)
    first_ms, last_ms = _instants(context, case)
    return {"from_ms": first_ms - length.before_s * 1000, "to_ms": last_ms + length.after_s * 1000}


def hold(context: StepContext, case_id: AlertId, *, action_id: str) -> None:
    """A person asks that the video around the alert be kept: by every camera it names, by the archive when it names
    none.
    """
    cameras = {camera for part in context.parts(case_id) for camera in cameras_of(part)}
    for target in sorted(cameras) or [ARCHIVE]:
        _ask(context, case_id, target, step=f"hold:{action_id}")


def note(context: StepContext, case_id: AlertId, target: str) -> None:
    """A step asks the camera for all that the alert's level wants."""
    case = context.current(case_id)
    if (mark := _mark(context, case, target)) is not None and mark not in case.issued:
        context.update(case_id, issued=(*case.issued, mark))


def keep_grave(context: StepContext) -> None:
    """Of every alert that this step changed and that is grave: what was not asked for yet, whatever its protocol says.

    What lasts longer than its video is asked for again. A reserved alert names no camera to anybody.
    """
    for case_id in context.touched:
        case = context.case(case_id)
        if case is None or case.alert.status in _OVER or case.alert.silent:
            continue
        if context.rules.protocols.grave(case.alert.level) is None:
            continue
        for target in _open_cameras(context, case_id):
            mark = _mark(context, context.current(case_id), target)
            if mark is not None and mark not in context.current(case_id).issued:
                note(context, case_id, target)
                _ask(context, case_id, target, step=mark)


_OVER: Final = frozenset({AlertStatus.CLOSED, AlertStatus.MERGED})


def _open_cameras(context: StepContext, case_id: AlertId) -> list[str]:
    parts = (each for each in context.parts(case_id) if each.data_class is not DataClass.SEALED)
    return list(dict.fromkeys(camera for part in parts for camera in cameras_of(part)))


def _mark(context: StepContext, case: Case, target: str) -> str | None:
    """Where it is written down that the camera was asked: anew for a graver level, and for each length that the alert
    lasts.
    """
    length = context.rules.protocols.grave(case.alert.level)
    if length is None:
        return None
    first_ms, last_ms = _instants(context, case)
    return f"{_MARK}/{case.alert.level.value}/{(last_ms - first_ms) // (length.after_s * 1000)}/{target}"


def _instants(context: StepContext, case: Case) -> tuple[int, int]:
    instants = [part.instant_ms for part in context.parts(case.id)] or [case.alert.first_occurred_ms]
    return min(instants), max(instants)


def _ask(context: StepContext, case_id: AlertId, target: str, *, step: str) -> None:
    case = context.current(case_id)
    protocol, kind = case.alert.protocol, CommandKind.HOLD_VIDEO
    send(
        context,
        Command(
            id=command_id(case_id, kind, protocol=protocol, step=step, target=target),
            kind=kind,
            alert_id=case_id,
            area=case.alert.area,
            target=target,
            issued_ms=context.now_ms,
            expires_ms=context.now_ms + _EXPIRES_S * 1000,
            protocol=protocol,
            step=step,
            drill=case.alert.drill,
            parameters=interval(context, case),
        ),
    )
