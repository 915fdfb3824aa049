"""What arrives: an order, a preservation without one, and the answers to what was asked back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.judicial import holding
from cior_core.judicial.acts import Change, Confirm, File, Renew, Reply
from cior_core.judicial.asking import Asked, Filing
from cior_core.judicial.calendars import deadline_ms, earliest_expiry_ms
from cior_core.judicial.holding import DAY_MS, Held
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.reading import chosen, read_item
from cior_core.judicial.state import Effect, Notice, Parties, Request
from cior_core.requests import Answer, RequestStatus

replace = msgspec.structs.replace


def filed(act: File, rules: Rules) -> Held:
    """A new request. What can be understood of it is held at once, whatever is asked back."""
    filing = act.filing
    if not filing.items:
        raise PayloadRejected(
            "request.nothing_asked", "no camera and no interval is named", cure="name at least one of each"
        )
    _check_identity(filing)
    request = Request(
        id=act.request,
        filing=filing,
        state=RequestStatus.RECEIVED,
        version=0,
        received_ms=act.at_ms,
        asked=_read_all(filing, act.known, act.at_ms, rules),
        parties=Parties(clerk=act.by) if act.is_clerk else Parties(requester=act.by),
    )
    return _judged(request, act.at_ms, rules)


def _check_identity(filing: Filing) -> None:
    """Who is protected is named by an order for what is sealed, or by none."""
    if filing.identity and not filing.sealed:
        raise PayloadRejected(
            "request.identity_not_sealed",
            "an identity is asked for, and nothing that is sealed",
            cure="ask for what is sealed too, or not for the identity",
        )


def _read_all(filing: Filing, known: Iterable[str], received_ms: int, rules: Rules) -> tuple[Asked, ...]:
    cameras = frozenset(known)
    once = dict.fromkeys(filing.items)
    return tuple(
        read_item(each, received_ms=received_ms, known=each.camera in cameras, rules=rules) for each in once
    )


def _judged(request: Request, at_ms: int, rules: Rules) -> Held:
    """Refused for want of standing, preserved, asked back about, or received; with its clocks."""
    filing = request.filing
    if code := _refusal(filing, rules):
        changed = replace(
            request,
            state=RequestStatus.REJECTED,
            answer=Answer.REFUSED,
            answer_code=code,
            answered_ms=request.answered_ms if request.answered_ms is not None else at_ms,
            first_answer=request.first_answer or Answer.REFUSED,
            asked=_unheld(request),
        )
        return changed, (Notice(request=request.id, code="answered", at_ms=at_ms),)
    observed = _observed(request, rules)
    term_ms = rules.jurisdiction.preservation.days * DAY_MS
    lapses_ms = (request.lapses_ms or at_ms + term_ms) if filing.provisional else None
    state = RequestStatus.PROVISIONAL if filing.provisional else RequestStatus.RECEIVED
    is_queried = bool(observed) or any(each.code for each in request.asked)
    changed = replace(
        request,
        state=RequestStatus.QUERIED if is_queried else state,
        observed=observed,
        deadline_ms=None if filing.provisional else deadline_ms(filing, at_ms, rules),
        lapses_ms=lapses_ms,
        expiry_ms=earliest_expiry_ms(request.spans(), rules),
    )
    held, effects = holding.place(changed, at_ms=at_ms, expires_ms=lapses_ms)
    told = (Notice(request=request.id, code="observed", at_ms=at_ms),) if is_queried else ()
    return replace(held, held_ms=at_ms if held.holds else request.held_ms), (*effects, *told)


def _unheld(request: Request) -> tuple[Asked, ...]:
    return tuple(replace(each, spans=()) for each in request.asked)


def _refusal(filing: Filing, rules: Rules) -> str:
    """The code of the refusal that needs no judgement; empty: a person decides. To preserve nobody needs standing."""
    authority = rules.jurisdiction.authority.get(filing.authority)
    basis = rules.jurisdiction.basis
    if filing.provisional or authority is None:
        return ""
    if authority.refusal is not None:
        return authority.refusal
    if filing.proceeding not in basis.proceedings:
        return "proceeding"
    orders = basis.sealed_orders if filing.sealed else basis.orders
    return "" if filing.order in orders else "order"


def _observed(request: Request, rules: Rules) -> tuple[str, ...]:
    is_known = request.filing.authority in rules.jurisdiction.authority
    return () if is_known else ("authority_unknown",)


def replied(request: Request, act: Reply, rules: Rules) -> Held:
    """The answer to what was asked back: a reading, or another wording that asks for no more than the readings did."""
    asked = list(request.asked)
    for change in act.changes:
        place = _place(change, asked)
        asked[place] = _changed(change, asked[place], act, rules)
    filing = replace(request.filing, authority=act.authority or request.filing.authority)
    changed = replace(request, asked=tuple(asked), filing=filing, question="", observed=())
    judged, effects = _judged(changed, act.at_ms, rules)
    if judged.state is RequestStatus.RECEIVED:
        judged = replace(judged, state=RequestStatus.CLARIFIED)
    return replace(judged, held_ms=request.held_ms or judged.held_ms), effects


def _place(change: Change, asked: list[Asked]) -> int:
    if not 0 <= change.item < len(asked):
        raise PayloadRejected(
            "request.no_item", "there is no such item", cure="count the items of this request from 0"
        )
    return change.item


def _changed(change: Change, before: Asked, act: Reply, rules: Rules) -> Asked:
    if not before.code:
        raise _widens()
    if change.reading is not None:
        if not 0 <= change.reading < len(before.spans):
            raise PayloadRejected(
                "request.no_item", "there is no such reading", cure="name one that was shown"
            )
        return chosen(before, change.reading, at_ms=act.at_ms, rules=rules)
    written = change.written or before.written
    read = read_item(written, received_ms=act.at_ms, known=written.camera in act.known, rules=rules)
    if before.spans and not all(any(span.within(other) for other in before.spans) for span in read.spans):
        raise _widens()
    if before.spans and written.camera != before.camera:
        raise _widens()
    return read


def _widens() -> PayloadRejected:
    return PayloadRejected(
        "request.widens",
        "this asks for more than the request did",
        cure="file a new request for the rest; it is on hold as soon as it arrives",
    )


def confirmed(request: Request, act: Confirm, rules: Rules) -> Held:
    """The order has come for what was preserved: within it, or it is a request of its own."""
    _check_identity(act.filing)
    asked = _read_all(act.filing, act.known, act.at_ms, rules)
    kept = {(each.camera, span) for each in request.asked for span in each.spans}
    for each in asked:
        if not all(
            any(camera == each.camera and span.within(other) for camera, other in kept) for span in each.spans
        ):
            raise _widens()
    filing = replace(act.filing, provisional=False)
    changed = replace(request, filing=filing, asked=asked, lapses_ms=None, received_ms=act.at_ms)
    judged, effects = _judged(changed, act.at_ms, rules)
    return replace(judged, held_ms=request.held_ms), effects


def renewed(request: Request, act: Renew, rules: Rules) -> Held:
    """A preservation goes on for another term."""
    preservation = rules.jurisdiction.preservation
    if not preservation.renewable:
        raise PayloadRejected(
            "request.not_renewable", "a preservation is not renewed here", cure="send the order"
        )
    lapses_ms = act.at_ms + preservation.days * DAY_MS
    held, effects = holding.place(request, at_ms=act.at_ms, expires_ms=lapses_ms)
    return replace(held, lapses_ms=lapses_ms), effects


def asked_back(request: Request, question: str, at_ms: int) -> tuple[Request, tuple[Effect, ...]]:
    """The custodian's own question; the holds stand."""
    changed = replace(request, state=RequestStatus.QUERIED, question=question, observed=("question",))
    return changed, (Notice(request=request.id, code="observed", at_ms=at_ms),)
