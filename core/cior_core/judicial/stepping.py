"""``step``: what an act makes of a request, and what is to be done for it. Pure: the same acts and rules give the same
bytes (law 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from cior_core.canonical import canonical
from cior_core.errors import PayloadRejected
from cior_core.judicial import acts as a
from cior_core.judicial import deciding, deriving, giving, holding, receiving
from cior_core.judicial.holding import Held
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.persons import check_clerk
from cior_core.judicial.state import Notice, ReleaseHold, Request
from cior_core.requests import RequestStatus as S

replace = msgspec.structs.replace

_OPEN: Final = frozenset({S.RECEIVED, S.QUERIED, S.CLARIFIED, S.HELD, S.UNDER_REVIEW, S.REOPENED})
_GRANTED: Final = frozenset({S.APPROVED, S.PARTLY_APPROVED})
_DECIDING: Final = _GRANTED | {S.UNDER_REVIEW, S.ASSEMBLED, S.SEALED}
_GIVEN: Final = frozenset({S.DELIVERED, S.RECEIPTED, S.CLOSED})
ENDED: Final = frozenset({S.CLOSED, S.LAPSED, S.REPLACED})
"""Nothing is left to do here, unless it is opened again."""

ALLOWED: Final[Mapping[type[a.Base], frozenset[S]]] = {
    a.Hold: frozenset({S.RECEIVED, S.CLARIFIED}),
    a.Observe: frozenset({S.RECEIVED, S.HELD, S.UNDER_REVIEW}),
    a.Reply: frozenset({S.QUERIED}),
    a.TakeUp: frozenset({S.HELD, S.REOPENED}),
    a.DeclareConflict: frozenset(S) - ENDED,
    a.Approve: frozenset({S.UNDER_REVIEW}),
    a.Reject: frozenset({S.UNDER_REVIEW}),
    a.FindNothing: _GRANTED | {S.UNDER_REVIEW, S.QUERIED},
    a.Build: _GRANTED | {S.ASSEMBLED, S.NEGATIVE},
    a.Assemble: _GRANTED,
    a.Seal: frozenset({S.ASSEMBLED, S.NEGATIVE}),
    a.Deliver: _GIVEN | {S.SEALED, S.NEGATIVE},
    a.AskCopy: _GIVEN,
    a.Receive: _GIVEN,
    a.Derive: _GIVEN | {S.SEALED},
    a.SealCopy: _GIVEN | {S.SEALED},
    a.Close: frozenset({S.RECEIPTED, S.DELIVERED, S.REJECTED, S.NEGATIVE}),
    a.Reopen: frozenset({S.REJECTED, S.NEGATIVE, S.DELIVERED, S.RECEIPTED, S.CLOSED, S.LAPSED}),
    a.Replace: _OPEN | _GRANTED | {S.PROVISIONAL, S.ASSEMBLED, S.SEALED},
    a.Confirm: frozenset({S.PROVISIONAL}),
    a.Renew: frozenset({S.PROVISIONAL}),
    a.Pass: frozenset(S),
}
"""From which states an act is possible; ``File`` alone begins."""


def step(request: Request | None, act: a.Act, rules: Rules) -> Held:
    """The request after ``act``, and the effects. What changes nothing returns the request itself.

    Raises ``PayloadRejected`` (``request.unknown``, ``request.not_now``, ``request.widens``, ``request.no_code``,
    ``request.gap_without_cause``, …), ``AccessDenied`` (``request.two_persons``, ``request.conflict``) and
    ``IntegrityBroken`` (``request.other_bytes``); then nothing has changed.
    """
    if isinstance(act, a.File):
        # The same order sent twice is the same request.
        return (request, ()) if request is not None else _counted(receiving.filed(act, rules))
    if request is None:
        raise PayloadRejected("request.unknown", "there is no such request", cure="see the list of requests")
    if request.state not in ALLOWED[type(act)]:
        raise PayloadRejected(
            "request.not_now",
            f"a request that is {request.state.value} does not take this act",
            cure="read the request again: somebody may have gone on",
        )
    changed, effects = _taken(request, act, rules)
    return (request, ()) if changed == request and not effects else _counted((changed, effects))


def _counted(held: Held) -> Held:
    request, effects = held
    return replace(request, version=request.version + 1), effects


def _taken(request: Request, act: a.Act, rules: Rules) -> Held:  # noqa: PLR0911  one line an act
    match act:
        case a.Reply():
            return receiving.replied(request, act, rules)
        case a.Confirm():
            return receiving.confirmed(request, act, rules)
        case a.Renew():
            return receiving.renewed(request, act, rules)
        case a.Approve():
            return deciding.approved(request, act, rules)
        case a.Reject():
            return deciding.rejected(request, act, rules)
        case a.FindNothing():
            return deciding.found_nothing(request, act, rules)
        case a.Assemble():
            return giving.assembled(request, act, rules)
        case a.Pass():
            return _passed(request, act, rules)
        case a.Close() | a.Reopen() | a.Replace():
            return _turned(request, act, rules)
        case _:
            return _simple(request, act)


def _simple(request: Request, act: a.Act) -> Held:  # noqa: PLR0911  one line an act
    """Acts that need no rules."""
    match act:
        case a.Hold():
            return replace(request, state=S.HELD), ()
        case a.Observe():
            check_clerk(request, act.by)
            return receiving.asked_back(request, act.question, act.at_ms)
        case a.TakeUp():
            return _taken_up(request, act)
        case a.DeclareConflict():
            return _declared(request, act), ()
        case a.Build():
            return giving.ordered(request, act)
        case a.Seal():
            return giving.sealed(request, act)
        case a.Deliver():
            return giving.delivered(request, act)
        case a.AskCopy():
            return replace(request, wanted=tuple(sorted({*request.wanted, act.recipient}))), ()
        case a.Receive():
            return giving.received(request, act)
        case a.Derive():
            return deriving.copy_ordered(request, act)
        case a.SealCopy():
            return deriving.copy_sealed(request, act)
        case _:
            raise TypeError(f"{type(act).__name__} is no act of a request that is there")


def _taken_up(request: Request, act: a.TakeUp) -> Held:
    """Whoever wrote a paper order in stays its clerk; a review begins without approvals."""
    check_clerk(request, act.by)
    asked = tuple(replace(each, denied="", missing=()) for each in request.asked)
    parties = replace(request.parties, clerk=request.parties.clerk or act.by, approvers=(), exporter="")
    return replace(request, state=S.UNDER_REVIEW, parties=parties, asked=asked, ordered_ms=None), ()


def _declared(request: Request, act: a.DeclareConflict) -> Request:
    """What they did of it before it was delivered does not stand: another clerk or approver does it again."""
    parties, state = request.parties, request.state
    if state in _DECIDING and act.person in (parties.clerk, *parties.approvers, parties.exporter):
        state = S.UNDER_REVIEW if act.person != parties.clerk else S.HELD
        parties = replace(parties, approvers=(), exporter="", clerk=parties.clerk if state != S.HELD else "")
    people = tuple(sorted({*parties.conflicted, act.person}))
    is_back = state != request.state
    package, ordered_ms = ("", None) if is_back else (request.package, request.ordered_ms)
    return replace(
        request,
        state=state,
        package=package,
        ordered_ms=ordered_ms,
        parties=replace(parties, conflicted=people),
    )


def _turned(request: Request, act: a.Close | a.Reopen | a.Replace, rules: Rules) -> Held:
    match act:
        case a.Close():
            closed = replace(request, state=S.CLOSED, closed_ms=act.at_ms)
            return holding.limit(closed, at_ms=act.at_ms, rules=rules)
        case a.Replace():
            replaced = replace(request, state=S.REPLACED, replaced_by=act.by_request, closed_ms=act.at_ms)
            return holding.limit(replaced, at_ms=act.at_ms, rules=rules)
        case a.Reopen():
            reopened = replace(
                request,
                state=S.REOPENED,
                closed_ms=None,
                answer=None,
                answer_code="",
                answer_words="",
                package="",
                ordered_ms=None,
            )
            return holding.place(reopened, at_ms=act.at_ms, expires_ms=None)


def _passed(request: Request, act: a.Pass, rules: Rules) -> Held:
    """Holds that end; a preservation whose time is over has lapsed, and that is said."""
    changed, effects = holding.passed(request, at_ms=act.at_ms, rules=rules)
    is_over = changed.lapses_ms is not None and act.at_ms > changed.lapses_ms
    if not is_over or changed.state not in {S.PROVISIONAL, S.QUERIED}:
        return changed, effects
    rest = tuple(ReleaseHold(hold_id=each.id, code="lapsed") for each in changed.holds)
    lapsed = replace(changed, state=S.LAPSED, holds=(), closed_ms=act.at_ms)
    return lapsed, (*effects, *rest, Notice(request=request.id, code="lapsed", at_ms=act.at_ms))


def replay(acts: Iterable[a.Act], rules: Rules) -> Request | None:
    """The request that a log makes. Raises as :func:`step` does."""
    request: Request | None = None
    for act in acts:
        request, _ = step(request, act, rules)
    return request


def content(request: Request) -> bytes:
    """Its one form: two who replay the same log compare these bytes."""
    return canonical(msgspec.to_builtins(request))
