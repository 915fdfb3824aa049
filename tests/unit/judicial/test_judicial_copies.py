"""Copies of a sealed package: ordered by who may build it, given under their own digest, and never its answer."""

from __future__ import annotations

from typing import Any

import pytest

from cior_core.errors import AccessDenied, CiorError, IntegrityBroken, PayloadRejected
from cior_core.judicial import acts as a
from cior_core.judicial.copies import CopyKind
from cior_core.judicial.stepping import content, replay
from cior_core.requests import RequestStatus
from unit.judicial.judicial_city import NOW_MS, SANTA_FE, play, sealed_story

SEALED: list[a.Act] = sealed_story()
PACKAGE = play(*SEALED)[0].package
LATER_MS = NOW_MS + 9_000
OWN, OTHER = "c" * 64, "a" * 64


def derive(kind: CopyKind = CopyKind.VIEW, *, by: str = "builder", **more: Any) -> a.Derive:
    return a.Derive(by=by, at_ms=LATER_MS, copy=kind, **more)


def seal(n: int = 1, digest: str = OWN, *, by: str = "builder") -> a.SealCopy:
    return a.SealCopy(by=by, at_ms=LATER_MS + 1, n=n, digest=digest, hand="part")


def deliver(digest: str, recipient: str = "prosecutor") -> a.Deliver:
    return a.Deliver(by="builder", at_ms=LATER_MS + 2, recipient=recipient, party="fiscalía", digest=digest)


def refused(kind: type[CiorError], *acts: a.Act) -> str:
    with pytest.raises(kind) as why:
        play(*SEALED, *acts)
    return why.value.code


def test_a_copy_is_ordered_of_what_is_sealed_by_who_may_build_it() -> None:
    request, _ = play(*SEALED, derive())
    copy = request.copies[0]
    assert (copy.n, copy.kind, copy.of, copy.by, copy.digest) == (1, CopyKind.VIEW, PACKAGE, "builder", "")
    assert request.state is RequestStatus.SEALED
    assert refused(AccessDenied, derive(by="chief")) == "request.two_persons"
    assert refused(AccessDenied, derive(by="prosecutor")) == "request.two_persons"
    with pytest.raises(PayloadRejected):
        play(*SEALED[:-1], derive())  # nothing is sealed yet


def test_ordered_again_what_was_not_sealed_does_not_stand_and_a_sealed_one_stays() -> None:
    request, _ = play(*SEALED, derive(), derive(CopyKind.REDACTED), derive(by="other"))
    assert [(each.n, each.kind, each.by) for each in request.copies] == [
        (2, CopyKind.REDACTED, "builder"), (3, CopyKind.VIEW, "other"),
    ]  # fmt: skip
    assert refused(PayloadRejected, derive(), derive(), seal(1)) == "request.no_copy"
    request, _ = play(*SEALED, derive(), seal(1), derive())
    assert [(each.n, each.digest) for each in request.copies] == [(1, OWN), (2, "")]


def test_its_digest_stands_once() -> None:
    once, _ = play(*SEALED, derive(), seal())
    twice, _ = play(*SEALED, derive(), seal(), seal())
    assert once.copies == twice.copies
    assert refused(IntegrityBroken, derive(), seal(), seal(digest=OTHER)) == "request.other_bytes"


def test_law_8_a_copy_that_is_given_answers_nothing() -> None:
    request, effects = play(*SEALED, derive(), seal(), deliver(OWN))
    assert (request.state, request.answered_ms, request.first_answer) == (RequestStatus.SEALED, None, None)
    assert [each.digest for each in request.deliveries] == [OWN]
    assert effects
    request, _ = play(*SEALED, derive(), seal(), deliver(OWN), deliver(PACKAGE))
    assert (request.state, request.answered_ms) == (RequestStatus.DELIVERED, LATER_MS + 2)
    assert refused(IntegrityBroken, derive(), seal(), deliver(OTHER)) == "request.other_bytes"
    assert refused(IntegrityBroken, derive(), deliver(OWN)) == "request.other_bytes"


def test_a_receipt_is_for_the_bytes_that_it_names() -> None:
    given = (derive(), seal(), deliver(OWN), deliver(PACKAGE))
    receipt = a.Receive(by="prosecutor", at_ms=LATER_MS + 3, recipient="prosecutor", digest=OWN)
    request, _ = play(*SEALED, *given, receipt)
    assert [each.receipt_ms is not None for each in request.deliveries] == [True, False]
    assert request.state is RequestStatus.DELIVERED
    answered = a.Receive(by="prosecutor", at_ms=LATER_MS + 4, recipient="prosecutor", digest=PACKAGE)
    assert play(*SEALED, *given, receipt, answered)[0].state is RequestStatus.RECEIPTED
    wrong = a.Receive(by="prosecutor", at_ms=LATER_MS + 3, recipient="prosecutor", digest=OTHER)
    assert refused(IntegrityBroken, *given, wrong) == "request.other_bytes"


def test_nobody_is_chosen_who_was_not_named_by_a_redacted_copy_of_this_package() -> None:
    mark = "cam-7/0001/p1"
    chosen = derive(CopyKind.REDACTED, keep=(mark,), after=1)
    assert refused(PayloadRejected, chosen) == "request.copy_choice"
    assert refused(PayloadRejected, derive(CopyKind.REDACTED), chosen) == "request.copy_choice"  # not sealed
    assert refused(PayloadRejected, derive(), seal(), chosen) == "request.copy_choice"  # a view names nobody
    assert refused(PayloadRejected, derive(keep=(mark,), after=1)) == "request.copy_choice"
    assert refused(PayloadRejected, derive(is_strict=True)) == "request.copy_choice"
    table = (derive(CopyKind.REDACTED), seal())
    assert refused(PayloadRejected, *table, derive(CopyKind.REDACTED, keep=(mark,))) == "request.copy_choice"
    request, _ = play(*SEALED, *table, chosen)
    assert (request.copies[-1].keep, request.copies[-1].after) == ((mark,), 1)


def test_after_the_package_fell_its_copies_are_neither_sealed_nor_given() -> None:
    reopened = a.Reopen(by="prosecutor", at_ms=LATER_MS + 3, reason="falta una cámara")
    given = (*SEALED, derive(), seal(), deliver(PACKAGE), derive(CopyKind.REDACTED), reopened)
    request, _ = play(*given)
    assert request.standing_copies == ()
    for act in (seal(2), deliver(OWN), derive()):
        with pytest.raises(PayloadRejected):
            play(*given, act)


def test_law_5_the_same_acts_give_the_same_copies() -> None:
    story = (*SEALED, derive(), seal(), derive(CopyKind.REDACTED, is_strict=True), deliver(OWN))
    one, other = (replay(story, SANTA_FE) for _ in range(2))
    assert one is not None
    assert other is not None
    assert content(one) == content(other)
