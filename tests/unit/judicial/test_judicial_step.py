"""A request's life: held before anybody looks, two persons, no widening, every missing minute named, the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from cior_core.errors import AccessDenied, IntegrityBroken, PayloadRejected
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Span, fingerprint
from cior_core.judicial.holding import due_ms
from cior_core.judicial.state import (
    HoldReason,
    LimitHold,
    Notice,
    PlaceHold,
    ReleaseHold,
    public_state,
)
from cior_core.judicial.stepping import step
from cior_core.privacy import LegalBasis
from cior_core.requests import Answer, AuthorityKind, RequestStatus
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
    order,
    play,
    sealed_story,
)

replace = msgspec.structs.replace
RECEIPT = a.Receive(by="prosecutor", at_ms=NOW_MS + 6_000, recipient="prosecutor", digest="d" * 64)


def deliver(recipient: str = "prosecutor", party: str = "prosecution", digest: str = "d" * 64) -> a.Deliver:
    return a.Deliver(by="builder", at_ms=NOW_MS + 5_000, recipient=recipient, party=party, digest=digest)


def placed(effects: Sequence[object]) -> list[tuple[tuple[str, ...], Span]]:
    return [(each.hold.cameras, each.hold.span) for each in effects if isinstance(each, PlaceHold)]


def test_what_is_asked_is_on_hold_by_the_act_that_receives_it() -> None:
    request, effects = play(file())
    assert placed(effects) == [(("camera:1",), HOUR_SPAN)]
    assert (request.state, request.held_ms, request.received_ms) == (RequestStatus.RECEIVED, NOW_MS, NOW_MS)
    assert request.holds[0].expires_ms is None


def test_cameras_of_one_interval_are_one_hold() -> None:
    _, effects = play(file(order(HOUR, replace(HOUR, camera="camera:3"))))
    assert placed(effects) == [(("camera:1", "camera:3"), HOUR_SPAN)]


def test_the_plain_life_of_a_request() -> None:
    request, _ = play(*sealed_story(), deliver(), RECEIPT, a.Close(by="clerk", at_ms=NOW_MS + 7_000))
    assert (request.state, request.answer) == (RequestStatus.CLOSED, Answer.COMPLETE)
    told = public_state(request, SANTA_FE)
    assert (told.authority_kind, told.authority, told.items_asked, told.items_delivered) == (
        AuthorityKind.PROSECUTOR,
        "Fiscalía",
        1,
        1,
    )
    assert told.version == 9


def test_what_travels_names_an_office_only_from_the_jurisdictions_own_list() -> None:
    jurisdiction = SANTA_FE.jurisdiction
    row = replace(jurisdiction.authority["fiscalia"], offices=frozenset({"Fiscalía Regional 2"}))
    rules = replace(
        SANTA_FE, jurisdiction=replace(jurisdiction, authority={**jurisdiction.authority, "fiscalia": row})
    )
    request, _ = play(file())
    assert public_state(request, rules).authority == "Fiscalía Regional 2"
    assert public_state(request, SANTA_FE).authority == "Fiscalía"


@pytest.mark.parametrize(
    "acts",
    [
        [a.TakeUp(by="prosecutor", at_ms=2)],
        [a.TakeUp(by="clerk", at_ms=2), a.Approve(by="clerk", at_ms=3)],
        [a.TakeUp(by="clerk", at_ms=2), a.Approve(by="prosecutor", at_ms=3)],
        [a.TakeUp(by="clerk", at_ms=2), a.Reject(by="clerk", at_ms=3, code="purpose")],
        [a.TakeUp(by="clerk", at_ms=2), a.FindNothing(by="clerk", at_ms=3, code="not_found", searched="x")],
        [
            a.TakeUp(by="clerk", at_ms=2),
            a.Approve(by="chief", at_ms=3),
            a.Assemble(by="chief", at_ms=4, covered={0: (HOUR_SPAN,)}),
        ],
    ],
)
def test_one_person_is_never_two(acts: list[a.Act]) -> None:
    with pytest.raises(AccessDenied) as refused:
        play(file(), a.Hold(by=a.SYSTEM, at_ms=1), *acts)
    assert refused.value.code == "request.two_persons"


def test_who_wrote_a_paper_order_in_does_not_approve_it() -> None:
    with pytest.raises(AccessDenied):
        play(
            file(is_clerk=True),
            a.Hold(by=a.SYSTEM, at_ms=1),
            a.TakeUp(by="other", at_ms=2),
            a.Approve(by="clerk", at_ms=3),
        )


def sealed_review() -> list[a.Act]:
    filing = order(order=LegalBasis.COURT_ORDER, sealed=True, authority="juzgado")
    return [
        file(filing),
        a.Hold(by=a.SYSTEM, at_ms=1),
        a.TakeUp(by="clerk", at_ms=2),
        a.Approve(by="chief", at_ms=3),
    ]


def test_what_is_sealed_needs_two_approvers_and_a_third_who_builds() -> None:
    request, _ = play(*sealed_review())
    assert request.state is RequestStatus.UNDER_REVIEW
    with pytest.raises(AccessDenied):
        play(*sealed_review(), a.Approve(by="chief", at_ms=4))
    approved = [*sealed_review(), a.Approve(by="deputy", at_ms=4)]
    assert play(*approved)[0].state is RequestStatus.APPROVED
    for nobody in ("clerk", "chief", "deputy"):
        with pytest.raises(AccessDenied):
            play(*approved, a.Assemble(by=nobody, at_ms=5, covered={0: (HOUR_SPAN,)}))
    play(*approved, a.Assemble(by="builder", at_ms=5, covered={0: (HOUR_SPAN,)}))


NOTHING = a.FindNothing(by="chief", at_ms=NOW_MS + 5_000, code="no_camera", searched="catálogo")


def test_only_a_camera_that_never_was_is_certified_while_something_is_asked_back() -> None:
    nobody = msgspec.structs.replace(HOUR, camera="nadie")
    asked = file(order(nobody))
    request, _ = play(asked, NOTHING)
    assert (request.state, request.answer, request.asked[0].spans) == (
        RequestStatus.NEGATIVE, Answer.NEGATIVE, (HOUR_SPAN,),
    )  # fmt: skip
    with pytest.raises(AccessDenied):
        play(asked, msgspec.structs.replace(NOTHING, by="prosecutor"))
    with pytest.raises(AccessDenied):
        play(asked, NOTHING, a.Build(by="chief", at_ms=NOW_MS + 6_000))
    other = [
        file(order(nobody, HOUR)), file(order(NO_ZONE)), file(order(nobody, authority="ovni")),
        file(order(item("2026-02-31T00:00Z", "2026-02-31T01:00Z", "nadie"))),
        file(order(item("2099-01-01T00:00Z", "2099-01-01T01:00Z", "nadie"))),
        file(order(nobody, provisional=True, order=LegalBasis.NONE)),
    ]  # fmt: skip
    for each in other:
        with pytest.raises(PayloadRejected) as refused:
            play(each, NOTHING)
        assert refused.value.code == "request.asked_back"
    with pytest.raises(PayloadRejected):
        play(asked, msgspec.structs.replace(NOTHING, code="expired"))


def test_who_is_protected_is_named_only_by_an_order_for_what_is_sealed() -> None:
    with pytest.raises(PayloadRejected) as refused:
        play(file(order(order=LegalBasis.COURT_ORDER, authority="juzgado", identity=True)))
    assert refused.value.code == "request.identity_not_sealed"
    with pytest.raises(PayloadRejected):
        play(
            file(PRESERVE),
            a.Confirm(by="fiscal", at_ms=NOW_MS + 5, filing=order(identity=True), known=("cam-7",)),
        )


def test_an_order_that_names_the_identity_is_another_order() -> None:
    plain, sealed = order(), order(sealed=True)
    named = msgspec.structs.replace(sealed, identity=True)
    assert len({fingerprint(each) for each in (plain, sealed, named)}) == 3


def test_what_is_sealed_is_not_given_by_a_prosecutors_word() -> None:
    request, effects = play(file(order(sealed=True)))
    assert (request.state, request.answer_code) == (RequestStatus.REJECTED, "order")
    assert not placed(effects)


def test_whoever_has_an_interest_does_nothing_more_and_what_they_did_does_not_stand() -> None:
    story = [
        *sealed_story()[:4],
        a.DeclareConflict(by="chief", at_ms=NOW_MS + 2_500, person="chief", reason="primo"),
    ]
    request, _ = play(*story)
    assert (request.state, request.parties.approvers) == (RequestStatus.UNDER_REVIEW, ())
    with pytest.raises(AccessDenied) as refused:
        play(*story, a.Approve(by="chief", at_ms=NOW_MS + 2_600))
    assert refused.value.code == "request.conflict"
    assert play(*story, a.Approve(by="deputy", at_ms=NOW_MS + 2_600))[0].state is RequestStatus.APPROVED


@pytest.mark.parametrize("authority", ["juzgado_civil", "policia", "victima", "prensa"])
def test_who_has_no_standing_is_refused_with_article_and_cure_and_may_preserve(authority: str) -> None:
    request, effects = play(file(order(authority=authority)))
    assert (request.state, request.answer, request.answer_code) == (
        RequestStatus.REJECTED,
        Answer.REFUSED,
        "no_standing",
    )
    assert not placed(effects)
    said = SANTA_FE.refusal(request.answer_code)
    assert said.article == "Ley provincial 13.164, art. 9"
    assert said.cure_es
    preserved, effects = play(file(order(authority=authority, provisional=True, order=LegalBasis.NONE)))
    assert preserved.state is RequestStatus.PROVISIONAL
    assert placed(effects) == [(("camera:1",), HOUR_SPAN)]


def test_every_refusal_has_a_cure_in_both_languages() -> None:
    for said in SANTA_FE.jurisdiction.refusal.values():
        assert said.es
        assert said.en
        assert said.cure_es
        assert said.cure_en


def test_a_refusal_without_a_code_of_the_list_is_none() -> None:
    with pytest.raises(PayloadRejected) as refused:
        play(*sealed_story()[:3], a.Reject(by="chief", at_ms=NOW_MS, code="porque_no"))
    assert refused.value.code == "request.no_code"


def test_an_unknown_authority_is_asked_back_while_all_of_it_is_held() -> None:
    request, effects = play(file(order(authority="club")))
    assert (request.state, request.observed) == (RequestStatus.QUERIED, ("authority_unknown",))
    assert placed(effects)
    answered, more = play(
        file(order(authority="club")), a.Reply(by="prosecutor", at_ms=NOW_MS + 5, authority="defensa")
    )
    assert answered.state is RequestStatus.CLARIFIED
    assert len(placed(more)) == 1


def test_both_readings_are_held_until_one_is_chosen() -> None:
    request, effects = play(file(order(NO_ZONE)))
    assert request.state is RequestStatus.QUERIED
    assert len(placed(effects)) == 2
    chosen = a.Reply(by="prosecutor", at_ms=NOW_MS + 5, changes=(a.Change(item=0, reading=1),))
    answered, more = play(file(order(NO_ZONE)), chosen)
    assert (answered.state, [each.span for each in answered.holds]) == (RequestStatus.CLARIFIED, [HOUR_SPAN])
    assert [type(each) for each in more[3:]] == [ReleaseHold]


def test_a_reading_that_was_not_over_is_not_cut_when_it_is_chosen() -> None:
    """Asked at 12:00 UTC: the local reading of 8:30 to 9:30 ends at 12:30."""
    filing = order(item("2026-11-27T08:30", "2026-11-27T09:30"))
    first, _ = play(file(filing))
    assert first.asked[0].spans[1].until_s == NOW_MS // 1000
    answer = a.Reply(by="prosecutor", at_ms=NOW_MS + 60_000, changes=(a.Change(item=0, reading=1),))
    early, _ = play(file(filing), answer)
    assert (early.state, early.asked[0].code) == (RequestStatus.QUERIED, "future")
    late, _ = play(file(filing), replace(answer, at_ms=NOW_MS + 3_600_000))
    assert late.asked[0].spans == (Span(NOW_MS // 1000 - 1_800, NOW_MS // 1000 + 1_800),)


def test_an_answer_does_not_widen_what_was_asked() -> None:
    for written in (
        item("2026-11-26T20:00-03:00", "2026-11-26T22:00-03:00"),
        replace(HOUR, camera="camera:2"),
    ):
        change = a.Change(item=0, written=written)
        with pytest.raises(PayloadRejected) as refused:
            play(
                file(order(NO_ZONE)),
                a.Reply(by="prosecutor", at_ms=NOW_MS + 5, changes=(change,), known=CAMERAS),
            )
        assert refused.value.code == "request.widens"
    understood = a.Change(item=0, written=item("2026-11-26T21:00Z", "2026-11-26T22:00Z"))
    with pytest.raises(PayloadRejected) as refused:
        play(
            file(order(HOUR, NO_ZONE)),
            a.Reply(by="prosecutor", at_ms=NOW_MS + 5, changes=(understood,), known=CAMERAS),
        )
    assert refused.value.code == "request.widens", "an item that was understood is not written anew"


def test_a_day_that_is_none_may_be_written_anew() -> None:
    bad = item("2026-02-31T10:00Z", "2026-02-31T11:00Z")
    change = a.Change(item=0, written=HOUR)
    request, effects = play(
        file(order(bad)), a.Reply(by="p", at_ms=NOW_MS + 9, changes=(change,), known=CAMERAS)
    )
    assert (request.state, request.held_ms) == (RequestStatus.CLARIFIED, NOW_MS + 9)
    assert placed(effects) == [(("camera:1",), HOUR_SPAN)]


def test_the_same_order_twice_is_one_request() -> None:
    request, _ = play(file())
    again, effects = step(request, file(at_ms=NOW_MS + 99), SANTA_FE)
    assert (again, effects) == (request, ())
    assert fingerprint(order()) == fingerprint(order(reason="otra redacción", office=" Fiscalía Regional 2 "))
    assert fingerprint(order()) != fingerprint(order(document="Oficio 2"))


def test_two_orders_that_overlap_have_holds_of_their_own() -> None:
    one, _ = play(file())
    other, _ = step(None, replace(file(), request="r2"), SANTA_FE)
    assert one.holds[0].id != other.holds[0].id


def test_nothing_asked_is_no_request() -> None:
    with pytest.raises(PayloadRejected) as refused:
        play(file(replace(order(), items=())))
    assert refused.value.code == "request.nothing_asked"


def test_a_part_that_is_refused_makes_the_answer_partial() -> None:
    two = order(HOUR, replace(HOUR, camera="camera:2"))
    denied = (a.Denied(item=1, code="outside_scope"),)
    story = [
        file(two),
        a.Hold(by=a.SYSTEM, at_ms=1),
        a.TakeUp(by="clerk", at_ms=2),
        a.Approve(by="chief", at_ms=3, denied=denied),
    ]
    request, _ = play(*story)
    assert request.state is RequestStatus.PARTLY_APPROVED
    built, _ = play(*story, a.Assemble(by="builder", at_ms=4, covered={0: (HOUR_SPAN,)}))
    assert (built.answer, len(built.granted)) == (Answer.PARTIAL, 1)
    with pytest.raises(PayloadRejected):
        play(
            *story[:3],
            a.Approve(by="chief", at_ms=3, denied=(a.Denied(0, "purpose"), a.Denied(1, "purpose"))),
        )


def test_every_second_that_is_missing_has_its_cause() -> None:
    start = HOUR_SPAN.since_s
    first, last = Span(start, start + 600), Span(start + 1_800, HOUR_SPAN.until_s)
    gap = Span(start + 600, start + 1_800)
    with pytest.raises(PayloadRejected) as refused:
        play(*sealed_story(covered=(first, last)))
    assert refused.value.code == "request.gap_without_cause"
    half = a.Gap(item=0, span=Span(start + 600, start + 1_799), cause="camera_down")
    with pytest.raises(PayloadRejected):
        play(*sealed_story(covered=(first, last), gaps=(half,)))
    request, _ = play(*sealed_story(covered=(first, last), gaps=(a.Gap(0, gap, "camera_down"),)))
    assert request.answer is Answer.PARTIAL
    assert [(each.span, each.cause) for each in request.asked[0].missing] == [(gap, "camera_down")]
    assert request.asked[0].missing[0].minutes == tuple(range((start + 600) // 60, (start + 1_800) // 60))


def test_prosecution_and_defence_get_the_same_bytes() -> None:
    request, _ = play(*sealed_story(), deliver(), deliver("defender", "defence"), RECEIPT, deliver())
    assert {each.digest for each in request.deliveries} == {"d" * 64}
    assert [each.receipt_ms is not None for each in request.deliveries] == [True, False, False]
    assert request.state is RequestStatus.RECEIPTED
    with pytest.raises(IntegrityBroken):
        play(*sealed_story(), deliver(), deliver("defender", "defence", digest="e" * 64))
    with pytest.raises(IntegrityBroken):
        play(*sealed_story(), deliver(), replace(RECEIPT, digest="e" * 64))
    with pytest.raises(PayloadRejected):
        play(*sealed_story(), deliver(), replace(RECEIPT, recipient="somebody"))


def test_who_asks_for_a_copy_is_on_the_list_until_it_is_given() -> None:
    story = [*sealed_story(), deliver(), a.AskCopy(by="defender", at_ms=NOW_MS + 5_500, recipient="defender")]
    assert play(*story)[0].wanted == ("defender",)
    request, _ = play(*story, deliver("defender", "defence"))
    assert (request.wanted, len(request.deliveries)) == ((), 2)


def test_a_negative_answer_is_sealed_and_delivered_like_any_other() -> None:
    story = [
        *sealed_story()[:4],
        a.FindNothing(
            by="builder", at_ms=NOW_MS + 3_000, code="expired", searched="camera:1, ring and holds"
        ),
        a.Seal(by="builder", at_ms=NOW_MS + 4_000, digest="d" * 64),
        deliver(),
    ]
    request, _ = play(*story)
    assert (request.state, request.answer) == (RequestStatus.DELIVERED, Answer.NEGATIVE)
    unsealed = [*story[:5], deliver()]
    with pytest.raises(PayloadRejected) as refused:
        play(*unsealed)
    assert refused.value.code == "request.not_sealed"


def test_a_preservation_lapses_by_its_date_after_a_notice_and_says_so() -> None:
    request, effects = play(file(PRESERVE))
    assert [each.hold.reason for each in effects if isinstance(each, PlaceHold)] == [HoldReason.PROVISIONAL]
    assert request.lapses_ms == NOW_MS + 90 * DAY_MS
    assert due_ms(request, SANTA_FE) == NOW_MS + 83 * DAY_MS
    noticed, told = step(request, a.Pass(by=a.SYSTEM, at_ms=NOW_MS + 83 * DAY_MS), SANTA_FE)
    assert [each.code for each in told if isinstance(each, Notice)] == ["hold_ends"]
    assert step(noticed, a.Pass(by=a.SYSTEM, at_ms=NOW_MS + 84 * DAY_MS), SANTA_FE) == (noticed, ())
    still, told = step(noticed, a.Pass(by=a.SYSTEM, at_ms=NOW_MS + 90 * DAY_MS), SANTA_FE)
    assert (still.state, len(still.holds)) == (RequestStatus.PROVISIONAL, 1), (
        "at its last instant it still stands"
    )
    due = due_ms(noticed, SANTA_FE)
    assert due == NOW_MS + 90 * DAY_MS + 1
    lapsed, told = step(noticed, a.Pass(by=a.SYSTEM, at_ms=due), SANTA_FE)
    assert (lapsed.state, lapsed.holds) == (RequestStatus.LAPSED, ())
    assert [type(each) for each in told] == [ReleaseHold, Notice]
    assert due_ms(lapsed, SANTA_FE) is None


def test_a_preservation_is_renewed_or_its_order_comes() -> None:
    renewed, effects = play(file(PRESERVE), a.Renew(by="victim", at_ms=NOW_MS + 10 * DAY_MS, reason="sigue"))
    assert renewed.lapses_ms == NOW_MS + 100 * DAY_MS
    assert [each.expires_ms for each in effects if isinstance(each, LimitHold)] == [renewed.lapses_ms]
    wide = order(item("2026-11-26T21:00-03:00", "2026-11-26T22:01-03:00"))
    with pytest.raises(PayloadRejected) as refused:
        play(file(PRESERVE), a.Confirm(by="prosecutor", at_ms=NOW_MS + DAY_MS, filing=wide, known=CAMERAS))
    assert refused.value.code == "request.widens"
    confirmed, effects = play(
        file(PRESERVE), a.Confirm(by="prosecutor", at_ms=NOW_MS + DAY_MS, filing=order(), known=CAMERAS)
    )
    assert (confirmed.state, confirmed.lapses_ms) == (RequestStatus.RECEIVED, None)
    assert [each.expires_ms for each in confirmed.holds] == [None]


def test_after_the_end_holds_stand_for_as_long_as_somebody_may_object() -> None:
    request, effects = play(*sealed_story(), deliver(), RECEIPT, a.Close(by="clerk", at_ms=NOW_MS + 7_000))
    until = NOW_MS + 7_000 + 60 * DAY_MS
    assert [each.expires_ms for each in effects if isinstance(each, LimitHold)] == [until]
    over, told = step(request, a.Pass(by=a.SYSTEM, at_ms=until + 1), SANTA_FE)
    assert (over.state, over.holds) == (RequestStatus.CLOSED, ())
    assert [each.code for each in told if isinstance(each, ReleaseHold)] == ["lapsed"]


def test_a_request_opened_again_is_held_again_and_reviewed_anew() -> None:
    story = [
        *sealed_story(),
        deliver(),
        RECEIPT,
        a.Reopen(by="prosecutor", at_ms=NOW_MS + 9_000, reason="falta"),
    ]
    request, _ = play(*story)
    assert request.state is RequestStatus.REOPENED
    assert [each.expires_ms for each in request.holds] == [None]
    taken, _ = play(*story, a.TakeUp(by="clerk", at_ms=NOW_MS + 9_500))
    assert (taken.state, taken.parties.approvers, taken.package) == (RequestStatus.UNDER_REVIEW, (), "")
