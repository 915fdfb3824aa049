"""The review: approved by a second person, refused with a code and its cure, or found to be nothing."""

from __future__ import annotations

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.judicial import holding
from cior_core.judicial.acts import Approve, FindNothing, Reject
from cior_core.judicial.asking import Asked
from cior_core.judicial.holding import Held
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.persons import check_approver, check_exporter, needs_more_approvers
from cior_core.judicial.reading import CAMERA_UNKNOWN, read_item
from cior_core.judicial.state import Notice, Request
from cior_core.requests import Answer, RequestStatus

replace = msgspec.structs.replace
NO_CAMERA = "no_camera"


def approved(request: Request, act: Approve, rules: Rules) -> Held:
    """All of it, or all but what is refused item by item. What is sealed waits for a second approver, who agrees to the
    same.
    """
    check_approver(request, act.by)
    denied = _denied(request, act, rules)
    before = {n: each.denied for n, each in enumerate(request.asked) if each.denied}
    if request.parties.approvers and denied != before:
        raise PayloadRejected(
            "request.other_decision",
            "the first approver agreed to something else",
            cure="ask back, and begin the review again",
        )
    asked = tuple(replace(each, denied=denied.get(n, "")) for n, each in enumerate(request.asked))
    parties = replace(request.parties, approvers=(*request.parties.approvers, act.by))
    changed = replace(request, asked=asked, parties=parties, answer_words=act.words)
    if needs_more_approvers(changed):
        return changed, ()
    state = RequestStatus.PARTLY_APPROVED if denied else RequestStatus.APPROVED
    return replace(changed, state=state), ()


def _denied(request: Request, act: Approve, rules: Rules) -> dict[int, str]:
    denied = {each.item: each.code for each in act.denied}
    for item, code in denied.items():
        rules.refusal(code)
        if not 0 <= item < len(request.asked):
            raise PayloadRejected("request.no_item", "there is no such item", cure="count the items from 0")
    if request.asked and len(denied) == len(request.asked):
        raise PayloadRejected(
            "request.all_denied",
            "nothing of it is approved",
            cure="refuse the request as a whole, with one code",
        )
    return denied


def rejected(request: Request, act: Reject, rules: Rules) -> Held:
    """Refused; what was held stays for as long as somebody may object."""
    check_approver(request, act.by)
    rules.refusal(act.code)
    changed = replace(
        request,
        state=RequestStatus.REJECTED,
        answer=Answer.REFUSED,
        answer_code=act.code,
        answer_words=act.words,
        parties=replace(request.parties, approvers=(*request.parties.approvers, act.by)),
    )
    return _answered(changed, act.at_ms, rules)


def found_nothing(request: Request, act: FindNothing, rules: Rules) -> Held:
    """A negative answer, certified like any other: of the review, of whoever was to build the package, or of cameras
    that never were, about which nobody needs to be asked back twice.
    """
    rules.negative(act.code)
    if request.state is RequestStatus.QUERIED:
        request = replace(request, asked=_of_no_camera(request, act, rules))
    if request.state in {RequestStatus.UNDER_REVIEW, RequestStatus.QUERIED}:
        check_approver(request, act.by)
        parties = replace(request.parties, approvers=(*request.parties.approvers, act.by))
    else:
        check_exporter(request, act.by)
        parties = replace(request.parties, exporter=act.by)
    changed = replace(
        request,
        state=RequestStatus.NEGATIVE,
        answer=Answer.NEGATIVE,
        answer_code=act.code,
        answer_words=act.searched,
        parties=parties,
        ordered_ms=None,
    )
    return _answered(changed, act.at_ms, rules)


def is_of_no_camera(request: Request) -> bool:
    """Whether all that is asked back are cameras that the centre never had: that can be certified as it stands."""
    is_else = request.filing.provisional or request.observed or request.question
    return not is_else and all(each.code == CAMERA_UNKNOWN for each in request.asked)


def _of_no_camera(request: Request, act: FindNothing, rules: Rules) -> tuple[Asked, ...]:
    """Its items with the intervals that they name: what is certified is of a camera and of a time that is clear."""
    read = [read_item(each.written, received_ms=act.at_ms, known=True, rules=rules) for each in request.asked]
    if act.code != NO_CAMERA or not is_of_no_camera(request) or any(each.code for each in read):
        raise PayloadRejected(
            "request.asked_back",
            "something of this request is asked back and not answered yet",
            cure="wait for the answer; of cameras that never were, and a time that is clear, say no_camera",
        )
    return tuple(replace(each, spans=one.spans) for each, one in zip(request.asked, read, strict=True))


def _answered(request: Request, at_ms: int, rules: Rules) -> Held:
    told = replace(
        request,
        answered_ms=request.answered_ms if request.answered_ms is not None else at_ms,
        first_answer=request.first_answer or request.answer,
    )
    changed, effects = holding.limit(told, at_ms=at_ms, rules=rules)
    return changed, (*effects, Notice(request=request.id, code="answered", at_ms=at_ms))
