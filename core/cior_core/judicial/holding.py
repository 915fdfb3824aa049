"""Holds of a request: placed before anybody looks, the longest wins, ends are announced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cior_core.canonical import canonical
from cior_core.integrity import digest
from cior_core.judicial.asking import Asked, Span
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import (
    Effect,
    Hold,
    HoldReason,
    LimitHold,
    Notice,
    PlaceHold,
    ReleaseHold,
    Request,
)

DAY_MS = 86_400_000
Held = tuple[Request, tuple[Effect, ...]]


def hold_id(owner: str, span: Span, cameras: Iterable[str]) -> str:
    """The same for the same cameras, interval and owner: placed twice it is one hold."""
    told = ("cior.hold.v1", owner, span.since_s, span.until_s, sorted(cameras))
    return digest(canonical(told))[:32]


def place(request: Request, *, at_ms: int, expires_ms: int | None) -> Held:
    """Hold all that its items mean or may mean; what stood and is not asked any more is let go."""
    wanted = tuple(_wanted(request, at_ms, expires_ms))
    standing = {each.id: each for each in request.holds}
    effects: list[Effect] = []
    kept: list[Hold] = []
    for hold in wanted:
        known = standing.pop(hold.id, None)
        if known is None:
            effects.append(PlaceHold(hold=hold))
        elif known.expires_ms != expires_ms:
            effects.append(LimitHold(hold_id=hold.id, expires_ms=expires_ms))
        kept.append(hold if known is None else msgspec.structs.replace(known, expires_ms=expires_ms))
    effects += [ReleaseHold(hold_id=each, code="answered") for each in standing]
    changed = msgspec.structs.replace(request, holds=tuple(kept), noticed=())
    return changed, tuple(effects)


def _wanted(request: Request, at_ms: int, expires_ms: int | None) -> Iterator[Hold]:
    """One hold an interval, of all cameras that are asked for it."""
    reason = HoldReason.PROVISIONAL if request.filing.provisional else HoldReason.ORDER
    for span, cameras in sorted(_by_span(request.asked).items()):
        yield Hold(
            id=hold_id(request.id, Span(since_s=span[0], until_s=span[1]), cameras),
            owner=request.id,
            reason=reason,
            cameras=tuple(sorted(cameras)),
            span=Span(since_s=span[0], until_s=span[1]),
            placed_ms=at_ms,
            expires_ms=expires_ms,
            alerts=request.filing.alerts,
        )


def _by_span(asked: Iterable[Asked]) -> dict[tuple[int, int], set[str]]:
    found: dict[tuple[int, int], set[str]] = {}
    for each in asked:
        for span in each.spans:
            found.setdefault((span.since_s, span.until_s), set()).add(each.camera)
    return found


def limit(request: Request, *, at_ms: int, rules: Rules) -> Held:
    """It is answered or over: its holds stand for as long as somebody may still object."""
    expires_ms = at_ms + rules.jurisdiction.limits.after_end_days * DAY_MS
    holds = tuple(msgspec.structs.replace(each, expires_ms=expires_ms) for each in request.holds)
    effects = tuple(LimitHold(hold_id=each.id, expires_ms=expires_ms) for each in holds)
    return msgspec.structs.replace(request, holds=holds, noticed=()), effects


def due_ms(request: Request, rules: Rules) -> int | None:
    """When the next notice is to be given or the next hold ends; None: never. A ``Pass`` belongs there."""
    notice_ms = rules.jurisdiction.limits.notice_days * DAY_MS
    instants = [
        each.expires_ms + 1 if each.id in request.noticed else each.expires_ms - notice_ms
        for each in request.holds
        if each.expires_ms is not None
    ]
    return min(instants, default=None)


def passed(request: Request, *, at_ms: int, rules: Rules) -> Held:
    """What is due at ``at_ms``: ends announced once, holds that are over let go, each of it said."""
    notice_ms = rules.jurisdiction.limits.notice_days * DAY_MS
    over = [each for each in request.holds if not each.stands(at_ms)]
    left = [each for each in request.holds if each.stands(at_ms)]
    soon = [
        each
        for each in left
        if each.expires_ms is not None
        and each.expires_ms - notice_ms <= at_ms
        and each.id not in request.noticed
    ]
    effects: list[Effect] = [ReleaseHold(hold_id=each.id, code="lapsed") for each in over]
    ends = {each.expires_ms for each in soon if each.expires_ms is not None}
    effects += [Notice(request=request.id, code="hold_ends", at_ms=end) for end in sorted(ends)]
    noticed = tuple(sorted({*request.noticed, *(each.id for each in soon)} - {each.id for each in over}))
    return msgspec.structs.replace(request, holds=tuple(left), noticed=noticed), tuple(effects)
