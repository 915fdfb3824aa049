"""Copies of a sealed package: ordered by who may build it, sealed under a digest of their own, and never its answer."""

from __future__ import annotations

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.judicial.acts import Derive, SealCopy
from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_core.judicial.giving import other_bytes
from cior_core.judicial.holding import Held
from cior_core.judicial.persons import check_exporter
from cior_core.judicial.state import Request
from cior_core.requests import Answer

replace = msgspec.structs.replace


def copy_ordered(request: Request, act: Derive) -> Held:
    """A copy is to be made. Raises ``PayloadRejected`` (``request.not_sealed``, ``request.no_footage``,
    ``request.copy_choice``) and ``AccessDenied``.
    """
    check_exporter(request, act.by)
    if not request.package:
        raise PayloadRejected(
            "request.not_sealed", "there is no sealed package yet", cure="a copy is made out of a sealed one"
        )
    if request.answer is Answer.NEGATIVE:
        raise PayloadRejected(
            "request.no_footage", "a negative answer has no footage to copy", cure="give the certificate"
        )
    _check_choice(request, act)
    kept = tuple(each for each in request.copies if each.digest or each.kind is not act.copy)
    ordered = CopyOrder(
        n=request.copies_ordered + 1, kind=act.copy, of=request.package, build=request.builds, by=act.by,
        ordered_ms=act.at_ms, is_strict=act.is_strict, keep=tuple(sorted(set(act.keep))), after=act.after,
    )  # fmt: skip
    return replace(request, copies=(*kept, ordered), copies_ordered=ordered.n), ()


def _check_choice(request: Request, act: Derive) -> None:
    """Who stays unveiled is named by a sealed redacted copy of the same package: nobody is chosen unseen."""
    if not (act.keep or act.is_strict or act.after):
        return
    tables = {each.n for each in request.standing_copies if each.kind is CopyKind.REDACTED and each.digest}
    is_named = bool(act.keep) == bool(act.after) and (not act.after or act.after in tables)
    if act.copy is not CopyKind.REDACTED or not is_named:
        raise PayloadRejected(
            "request.copy_choice",
            "persons are chosen by their marks in a sealed redacted copy of this package",
            cure="order one without a choice, look at it, then name its number and the marks",
        )


def copy_sealed(request: Request, act: SealCopy) -> Held:
    """It has its digest from now on. Raises ``PayloadRejected`` (``request.no_copy``) and ``IntegrityBroken``."""
    check_exporter(request, act.by)
    found = next((each for each in request.standing_copies if each.n == act.n), None)
    if found is None:
        raise PayloadRejected(
            "request.no_copy",
            "this order of a copy does not stand any more",
            cure="see the request: somebody may have ordered again, or opened it again",
        )
    if found.digest and found.digest != act.digest:
        raise other_bytes()
    sealed = tuple(replace(each, digest=act.digest) if each is found else each for each in request.copies)
    return replace(request, copies=sealed), ()
