"""From the package to the receipt: every second that is missing has its cause, every copy is the same bytes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cior_core.errors import IntegrityBroken, PayloadRejected
from cior_core.judicial.acts import Assemble, Build, Deliver, Gap, Receive, Seal
from cior_core.judicial.asking import Asked, Missing, Span
from cior_core.judicial.holding import Held
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.persons import check_exporter
from cior_core.judicial.state import Delivery, Notice, Request
from cior_core.requests import Answer, RequestStatus

replace = msgspec.structs.replace


def uncovered(wanted: Span, covered: Iterable[Span]) -> tuple[Span, ...]:
    """What of ``wanted`` lies in none of ``covered``, in order."""
    missing, at_s = [], wanted.since_s
    full = (each for each in covered if each.since_s < each.until_s)
    for span in sorted(full, key=lambda each: (each.since_s, each.until_s)):
        if span.since_s > at_s:
            missing.append(Span(since_s=at_s, until_s=min(span.since_s, wanted.until_s)))
        at_s = max(at_s, span.until_s)
        if at_s >= wanted.until_s:
            break
    if at_s < wanted.until_s:
        missing.append(Span(since_s=at_s, until_s=wanted.until_s))
    return tuple(each for each in missing if each.since_s < each.until_s)


def ordered(request: Request, act: Build) -> Held:
    """The package is to be made, by a person who may; what was assembled and not sealed does not stand any more."""
    check_exporter(request, act.by)
    if request.package:
        raise PayloadRejected(
            "request.is_sealed",
            "this was sealed already, and what was sealed stays",
            cure="deliver it, or reopen the request",
        )
    is_back = request.state is RequestStatus.ASSEMBLED
    denied = any(each.denied for each in request.asked)
    granted = RequestStatus.PARTLY_APPROVED if denied else RequestStatus.APPROVED
    changed = replace(
        request,
        state=granted if is_back else request.state,
        asked=tuple(replace(each, missing=()) for each in request.asked),
        answer=None if is_back else request.answer,
        exported_ms=None if is_back else request.exported_ms,
        ordered_ms=act.at_ms,
        builds=request.builds + 1,
        parties=replace(request.parties, exporter=act.by),
    )
    return changed, ()


def assembled(request: Request, act: Assemble, rules: Rules) -> Held:
    """The package is there; the answer is partial when anything that was asked is not in it."""
    check_exporter(request, act.by)
    asked = tuple(_with_missing(n, each, act, rules) for n, each in enumerate(request.asked))
    is_partial = any(each.missing or each.denied for each in asked)
    changed = replace(
        request,
        state=RequestStatus.ASSEMBLED,
        asked=asked,
        answer=Answer.PARTIAL if is_partial else Answer.COMPLETE,
        exported_ms=act.at_ms,
        parties=replace(request.parties, exporter=act.by),
    )
    return changed, ()


def _with_missing(item: int, asked: Asked, act: Assemble, rules: Rules) -> Asked:
    if asked.denied:
        return asked
    gaps = [each for each in act.gaps if each.item == item]
    missing = [
        found
        for span in asked.spans
        for hole in uncovered(span, act.covered.get(item, ()))
        for found in _explained(hole, gaps, rules)
    ]
    return replace(asked, missing=tuple(missing))


def _explained(hole: Span, gaps: Iterable[Gap], rules: Rules) -> list[Missing]:
    """The hole, cut where its causes change. Raises ``PayloadRejected`` when a second of it has none."""
    found, at_s = [], hole.since_s
    for gap in sorted(gaps, key=lambda each: each.span.since_s):
        end_s = min(gap.span.until_s, hole.until_s)
        if gap.span.since_s <= at_s < end_s:
            rules.gap(gap.cause)
            found.append(Missing(span=Span(since_s=at_s, until_s=end_s), cause=gap.cause))
            at_s = end_s
    if at_s < hole.until_s:
        raise PayloadRejected(
            "request.gap_without_cause",
            "something is missing from the package, and nobody says why",
            cure="give the cause of each second that is missing, from the recorder's ledger of gaps",
        )
    return found


def sealed(request: Request, act: Seal) -> Held:
    """The digest that every copy must have from now on."""
    check_exporter(request, act.by)
    is_negative = request.state is RequestStatus.NEGATIVE
    state = request.state if is_negative else RequestStatus.SEALED
    if request.package and request.package != act.digest:
        raise other_bytes()
    parties = replace(request.parties, exporter=act.by)
    return replace(request, state=state, package=act.digest, parties=parties), ()


def delivered(request: Request, act: Deliver) -> Held:
    """A copy leaves: the prosecution's and the defence's are the same bytes, whenever they are asked for."""
    if not request.package:
        raise PayloadRejected(
            "request.not_sealed", "there is no sealed package yet", cure="seal it before it is delivered"
        )
    is_derived = any(act.digest == each.digest for each in request.standing_copies)
    if act.digest != request.package and not is_derived:
        raise other_bytes()
    copy = Delivery(recipient=act.recipient, party=act.party, digest=act.digest, at_ms=act.at_ms)
    told = (Notice(request=request.id, code="delivered", at_ms=act.at_ms),)
    if is_derived:  # It answers nothing: what was asked for is the package itself.
        return replace(request, deliveries=(*request.deliveries, copy)), told
    is_first = request.state in {RequestStatus.SEALED, RequestStatus.NEGATIVE}
    state = RequestStatus.DELIVERED if is_first else request.state
    changed = replace(
        request,
        deliveries=(*request.deliveries, copy),
        state=state,
        wanted=tuple(each for each in request.wanted if each != act.recipient),
        answered_ms=request.answered_ms if request.answered_ms is not None else act.at_ms,
        first_answer=request.first_answer or request.answer,
    )
    return changed, told


def received(request: Request, act: Receive) -> Held:
    """They signed for what they got: their first copy of these bytes without a receipt."""
    theirs = [
        n
        for n, copy in enumerate(request.deliveries)
        if copy.recipient == act.recipient and copy.receipt_ms is None
    ]
    if not theirs:
        raise PayloadRejected(
            "request.no_delivery",
            "no copy without a receipt was given to them",
            cure="see the list of deliveries",
        )
    signed = next((n for n in theirs if request.deliveries[n].digest == act.digest), None)
    if signed is None:
        raise other_bytes()
    copies = list(request.deliveries)
    copies[signed] = replace(copies[signed], receipt_ms=act.at_ms, receipt_by=act.by)
    is_answer = request.state is RequestStatus.DELIVERED and act.digest == request.package
    state = RequestStatus.RECEIPTED if is_answer else request.state
    return replace(request, deliveries=tuple(copies), state=state), ()


def other_bytes() -> IntegrityBroken:
    """Somebody has, or gives, something else than what was sealed."""
    return IntegrityBroken(
        "request.other_bytes",
        "this is not the digest of the package that was sealed",
        cure="give the sealed package itself; a corrected one is another request's",
    )
