"""Whatever people do to a request, in any order: the rules stand, and the same log gives the same bytes."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_core.errors import CiorError
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Span
from cior_core.judicial.copies import CopyKind
from cior_core.judicial.giving import uncovered
from cior_core.judicial.state import (
    LimitHold,
    Notice,
    PlaceHold,
    ReleaseHold,
    Request,
)
from cior_core.judicial.stepping import ALLOWED, content, replay, step
from cior_core.privacy import LegalBasis
from cior_core.requests import Answer, RequestStatus
from engines.long_runs import often
from unit.judicial.judicial_city import (
    CAMERAS,
    DAY_MS,
    HOUR,
    HOUR_SPAN,
    NO_ZONE,
    NOW_MS,
    PRESERVE,
    SANTA_FE,
    file,
    item,
    ms,
    order,
)

replace = msgspec.structs.replace


DIGESTS = st.sampled_from(["d" * 64, "e" * 64])
PEOPLE = st.sampled_from(["prosecutor", "clerk", "chief", "deputy", "builder"])


@st.composite
def any_act(draw: st.DrawFn) -> a.Act:
    """Any act by anybody."""
    by, kind = draw(PEOPLE), draw(st.sampled_from(sorted(ALLOWED, key=lambda each: each.__name__)))
    at_ms = NOW_MS + draw(st.integers(0, 200)) * DAY_MS
    more: dict[type[a.Base], dict[str, object]] = {
        a.Observe: {"question": "?"},
        a.Reply: {
            "changes": draw(st.sampled_from([(), (a.Change(item=0, reading=0),), (a.Change(item=9),)]))
        },
        a.DeclareConflict: {"person": draw(PEOPLE), "reason": "x"},
        a.Approve: {"denied": draw(st.sampled_from([(), (a.Denied(0, "purpose"),)]))},
        a.Reject: {"code": draw(st.sampled_from(["purpose", "none"]))},
        a.FindNothing: {"code": "not_found", "searched": "x"},
        a.Assemble: {"covered": draw(st.sampled_from([{}, {0: (HOUR_SPAN,), 1: (HOUR_SPAN,)}]))},
        a.Seal: {"digest": draw(DIGESTS)},
        a.Deliver: {"recipient": by, "party": "defence", "digest": draw(DIGESTS)},
        a.AskCopy: {"recipient": by},
        a.Receive: {"recipient": by, "digest": draw(DIGESTS)},
        a.Derive: {"copy": draw(st.sampled_from(CopyKind))},
        a.SealCopy: {"n": draw(st.integers(1, 2)), "digest": draw(DIGESTS)},
        a.Reopen: {"reason": "x"},
        a.Replace: {"by_request": "r9"},
        a.Confirm: {"filing": order(), "known": CAMERAS},
        a.Renew: {"reason": "x"},
    }
    made: a.Act = kind(by=by, at_ms=at_ms, **more.get(kind, {}))  # type: ignore[assignment]
    return made


FILINGS = st.sampled_from(
    [
        order(),
        order(HOUR, replace(HOUR, camera="camera:2")),
        order(NO_ZONE),
        PRESERVE,
        order(sealed=True, order=LegalBasis.COURT_ORDER),
        order(authority="prensa"),
        order(item("2026-02-31T10:00Z", "2026-02-31T11:00Z")),
    ]
)


def history(filing: object, acts: list[a.Act]) -> tuple[list[a.Act], list[Request]]:
    """The acts that were taken, and the request after each; what is refused changes nothing."""
    log: list[a.Act] = [file(filing)]  # type: ignore[arg-type]
    states = [step(None, log[0], SANTA_FE)[0]]
    for act in acts:
        before = content(states[-1])
        try:
            after, _ = step(states[-1], act, SANTA_FE)
        except CiorError:
            continue
        finally:
            assert content(states[-1]) == before
        log.append(act)
        states.append(after)
    return log, states


@pytest.mark.long
@settings(max_examples=often(60, long=5_000))
@given(FILINGS, st.lists(any_act(), max_size=25))
def test_whatever_people_do_the_rules_of_two_persons_and_one_package_stand(
    filing: object, acts: list[a.Act]
) -> None:
    _, states = history(filing, acts)
    for request in states:
        parties = request.parties
        if request.package and request.answer in {Answer.COMPLETE, Answer.PARTIAL}:
            assert len(parties.approvers) >= (2 if request.filing.sealed else 1)
            assert parties.exporter not in parties.approvers
            assert not {parties.requester, parties.clerk} & set(parties.approvers)
            assert not request.filing.sealed or parties.exporter != parties.clerk
        for each in request.granted:
            assert not each.missing or request.answer is not Answer.COMPLETE
    assert [each.version for each in states] == sorted(each.version for each in states)


@pytest.mark.long
@settings(max_examples=often(40, long=5_000))
@given(FILINGS, st.lists(any_act(), max_size=25))
def test_the_same_log_gives_the_same_bytes(filing: object, acts: list[a.Act]) -> None:
    log, states = history(filing, acts)
    travelled = [a.decode_act(msgspec.json.encode(act)) for act in log]
    again = replay(travelled, SANTA_FE)
    assert again is not None
    assert content(again) == content(states[-1])


@pytest.mark.long
@settings(max_examples=often(40, long=5_000))
@given(FILINGS, st.lists(any_act(), max_size=25))
def test_holds_are_what_the_effects_say_and_an_open_request_keeps_its_own(
    filing: object, acts: list[a.Act]
) -> None:
    """A second book, kept from the effects alone, is the request's own."""
    book: dict[str, int | None] = {}
    request: Request | None = None
    for act in [file(filing), *acts]:  # type: ignore[arg-type]
        try:
            request, effects = step(request, act, SANTA_FE)
        except CiorError:
            continue
        for effect in effects:
            match effect:
                case PlaceHold(hold=hold):
                    book[hold.id] = hold.expires_ms
                case LimitHold(hold_id=hold_id, expires_ms=expires_ms):
                    assert hold_id in book
                    book[hold_id] = expires_ms
                case ReleaseHold(hold_id=hold_id):
                    del book[hold_id]
                case Notice():
                    pass
        assert book == {each.id: each.expires_ms for each in request.holds}
        if request.state in {RequestStatus.HELD, RequestStatus.UNDER_REVIEW, RequestStatus.APPROVED}:
            assert all(each.expires_ms is None for each in request.holds)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_what_is_uncovered_is_just_what_nothing_covers(pairs: list[tuple[int, int]]) -> None:
    covered = [Span(min(pair), max(pair)) for pair in pairs]
    found = uncovered(Span(10, 50), covered)
    seconds = {second for span in found for second in range(span.since_s, span.until_s)}
    inside = {second for span in covered for second in range(span.since_s, span.until_s)}
    assert seconds == set(range(10, 50)) - inside
    assert all(one.until_s < two.since_s for one, two in pairwise(found))
    assert ms("1970-01-01T00:00") == 0
