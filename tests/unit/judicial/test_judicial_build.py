"""The order to build: by another person than who approved, once for each package, gone with the reasons that it had."""

from __future__ import annotations

import pytest

from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.footage import GapCause
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Missing, Span
from cior_core.judicial.explaining import explained
from cior_core.judicial.stepping import replay
from cior_core.requests import Answer, RequestStatus
from unit.judicial.judicial_city import HOUR_SPAN, NOW_MS, SANTA_FE, file, order, play, sealed_story

APPROVED: list[a.Act] = sealed_story()[:4]
BUILD = a.Build(by="builder", at_ms=NOW_MS + 2_500)
GAP = a.Gap(item=0, span=Span(since_s=HOUR_SPAN.since_s, until_s=HOUR_SPAN.since_s + 60), cause="reconnect")


def test_a_build_is_ordered_by_who_neither_asked_nor_approved() -> None:
    request, effects = play(*APPROVED, BUILD)
    assert (request.state, request.ordered_ms, request.builds) == (RequestStatus.APPROVED, BUILD.at_ms, 1)
    assert request.parties.exporter == "builder"
    assert len(effects) == 1  # the hold of its receipt
    for other in ("chief", "prosecutor"):
        with pytest.raises(AccessDenied) as refused:
            play(*APPROVED, a.Build(by=other, at_ms=NOW_MS + 2_500))
        assert refused.value.code == "request.two_persons"


def test_what_is_sealed_matter_is_built_by_a_third_person() -> None:
    sealed: list[a.Act] = [
        file(order(sealed=True, order="court_order")),
        a.Hold(by=a.SYSTEM, at_ms=NOW_MS),
        a.TakeUp(by="clerk", at_ms=NOW_MS),
        a.Approve(by="chief", at_ms=NOW_MS),
    ]
    with pytest.raises(PayloadRejected):
        play(*sealed, BUILD)  # one approval is not enough
    sealed.append(a.Approve(by="second", at_ms=NOW_MS))
    with pytest.raises(AccessDenied):
        play(*sealed, a.Build(by="clerk", at_ms=NOW_MS))
    assert play(*sealed, BUILD)[0].builds == 1


def test_ordered_again_what_was_assembled_does_not_stand() -> None:
    covered: dict[int, tuple[Span, ...]] = {
        0: (Span(since_s=HOUR_SPAN.since_s + 60, until_s=HOUR_SPAN.until_s),)
    }
    assembled = a.Assemble(by="builder", at_ms=NOW_MS + 3_000, covered=covered, gaps=(GAP,), hand="part")
    request, _ = play(*APPROVED, BUILD, assembled)
    assert (request.state, request.answer) == (RequestStatus.ASSEMBLED, Answer.PARTIAL)
    again, _ = play(*APPROVED, BUILD, assembled, a.Build(by="other", at_ms=NOW_MS + 4_000))
    assert (again.state, again.answer, again.exported_ms) == (RequestStatus.APPROVED, None, None)
    assert (again.builds, again.parties.exporter, again.asked[0].missing) == (2, "other", ())


def test_what_was_sealed_is_not_built_again() -> None:
    with pytest.raises(PayloadRejected) as refused:
        play(*sealed_story(), BUILD)
    assert refused.value.code == "request.not_now"
    nothing = a.FindNothing(by="builder", at_ms=NOW_MS + 2_600, code="not_found", searched="anillo")
    certificate = [*APPROVED, nothing, BUILD, a.Seal(by="builder", at_ms=NOW_MS + 2_700, digest="c" * 64)]
    with pytest.raises(PayloadRejected) as refused:
        play(*certificate, BUILD)
    assert refused.value.code == "request.is_sealed"


def test_an_order_goes_with_who_gave_it_and_with_what_it_was_for() -> None:
    declared = a.DeclareConflict(by="builder", at_ms=NOW_MS + 2_600, person="builder", reason="vecino")
    assert play(*APPROVED, BUILD, declared)[0].ordered_ms is None
    nothing = a.FindNothing(by="builder", at_ms=NOW_MS + 2_600, code="not_found", searched="anillo")
    assert play(*APPROVED, BUILD, nothing)[0].ordered_ms is None
    ended = [
        *sealed_story(),
        a.Deliver(by="c", at_ms=NOW_MS + 5_000, recipient="p", party="f", digest="d" * 64),
    ]
    ordered = [*APPROVED, BUILD, *ended[4:], a.Reopen(by="prosecutor", at_ms=NOW_MS + 6_000, reason="más")]
    request, _ = play(*ordered)
    assert (request.ordered_ms, request.builds, request.package) == (None, 1, "")
    assert replay(ordered, SANTA_FE) == request


ASKED = Span(since_s=1_000, until_s=1_020)


@pytest.mark.parametrize(
    ("gaps", "covered", "missing"),
    [
        ([], [(1_000, 1_020)], []),
        ([(990_000, 1_000_000, GapCause.RESTART)], [(1_000, 1_020)], []),
        ([(1_003_999, 1_005_001, GapCause.RECONNECT)], [(1_000, 1_003), (1_006, 1_020)], [(1_003, 1_006, "reconnect")]),
        ([(0, 9_999_999, GapCause.CAMERA_AWAY)], [], [(1_000, 1_020, "camera_down")]),
        (
            [(1_010_500, 1_012_000, GapCause.LOST), (1_000_000, 1_010_500, GapCause.EXPIRED)],
            [(1_012, 1_020)],
            [(1_000, 1_011, "expired"), (1_010, 1_012, "lost")],
        ),
    ],
)  # fmt: skip
def test_every_second_that_a_gap_touches_is_missing_with_its_cause(
    gaps: list[tuple[int, int, GapCause]], covered: list[tuple[int, int]], missing: list[tuple[int, int, str]]
) -> None:
    told = explained(ASKED, gaps)
    assert [(each.since_s, each.until_s) for each in told.covered] == covered
    assert list(told.missing) == [
        Missing(span=Span(since_s=since_s, until_s=until_s), cause=cause)
        for since_s, until_s, cause in missing
    ]


def test_each_cause_of_a_recorder_is_a_code_of_the_jurisdiction() -> None:
    for cause in GapCause:
        (missing,) = explained(ASKED, [(1_000_000, 1_001_000, cause)]).missing
        assert SANTA_FE.gap(missing.cause).es
