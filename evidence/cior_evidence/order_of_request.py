"""The order that a judicial request of the register gives: the same from the same acts, whoever asks for it when. Pure.

What was asked, who asked, approved and ordered, and what was refused are the register's; nobody types them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from cior_core.errors import PayloadRejected
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Asked as AskedItem
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Request
from cior_core.model import Struct
from cior_core.requests import AuthorityKind, RequestStatus
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.order import Asked, Basis, Interval, Item, Negative, Order, SealedOrder, Who, Why, checked
from cior_evidence.shelf import package_id

Names = Callable[[str], str]
"""The name of a person by their id."""
PAPER: Final = "oficio"
"""Who asked, of an order that came on paper."""
_WHY: Final[Mapping[str, Why]] = {
    "no_camera": Why.NO_CAMERA, "camera_down": Why.CAMERA_DOWN, "expired": Why.EXPIRED,
    "outside_scope": Why.OUT_OF_SCOPE, "not_found": Why.NOT_FOUND,
}  # fmt: skip
_DONE: Final[Mapping[type[a.Base], str]] = {
    a.File: "recibida", a.Hold: "resguardada", a.Observe: "observada", a.Reply: "respondida", a.TakeUp: "tomada",
    a.DeclareConflict: "apartamiento", a.Approve: "aprobada", a.FindNothing: "negativa", a.Build: "ordenada",
    a.Confirm: "confirmada", a.Renew: "renovada", a.Reopen: "reabierta",
}  # fmt: skip


class Edges(Struct, frozen=True):
    """What only the edge knows. ``alerts``: when each alert that is asked for was opened, UTC ms."""

    names: Names
    zone: str
    alerts: Mapping[str, int] = {}


def order_of(request: Request, rules: Rules, edges: Edges) -> Order:
    """The order of its newest build. Raises ``PayloadRejected`` (``order.*``) for what no package can be made of."""
    parties, filing = request.parties, request.filing
    is_negative = request.state is RequestStatus.NEGATIVE
    row = rules.jurisdiction.authority.get(filing.authority)
    scope = tuple(_scope(request.granted if not is_negative else request.asked, filing.reason))
    order = Order(
        package=package_id(request),
        case=filing.case,
        asked=Asked(
            id=request.id, received=to_rfc3339(request.received_ms), authority=filing.office,
            kind=AuthorityKind.OTHER if row is None else row.kind, title=filing.document or filing.case,
            reason=filing.reason,
        ),
        basis=Basis(code=rules.jurisdiction.basis.article, text=rules.jurisdiction.basis.es),
        asked_by=Who(
            id=parties.requester or PAPER, name=edges.names(parties.requester) or filing.office,
            office="" if row is None else row.es,
        ),
        approved_by=_approver(request, edges.names),
        sealed=_sealed(request, edges.names),
        built_by=Who(id=parties.exporter, name=edges.names(parties.exporter), office="Custodia de evidencia"),
        scope=(*scope, *(_refused_scope(request, scope))) if not is_negative else scope,
        time_zone=edges.zone,
        events=None if is_negative else _events(scope, edges.alerts),
        negatives=tuple(_nothing(request, scope, rules) if is_negative else _refused(request, scope, rules)),
    )  # fmt: skip
    return checked(order)


def _approver(request: Request, names: Names) -> Who:
    if not request.parties.approvers:
        raise PayloadRejected(
            "order.nobody_approved",
            "nobody approved this",
            cure="have another person approve it, then order again",
        )
    return _approving(request.parties.approvers[-1], names)


def _approving(person: str, names: Names) -> Who:
    return Who(id=person, name=names(person), office="Custodia de evidencia, aprobación")


def _sealed(request: Request, names: Names) -> SealedOrder | None:
    if not request.filing.sealed:
        return None
    approvers = tuple(_approving(each, names) for each in request.parties.approvers)
    return SealedOrder(approvers=approvers, identity=request.filing.identity)


def _scope(asked: Iterable[AskedItem], reason: str) -> Iterator[Item]:
    """Cameras and intervals in order; what overlaps of one camera is asked once."""
    told = sorted((each.camera, span) for each in asked for span in _spans(each))
    for camera, rows in groupby(told, key=lambda each: each[0]):
        for since_s, until_s in _joined(span for _, span in rows):
            yield _item(camera, (since_s, until_s), reason)


def _spans(asked: AskedItem) -> Iterator[tuple[int, int]]:
    return ((each.since_s, each.until_s) for each in asked.spans)


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted spans, those that overlap as one."""
    since_s, until_s = next(ordered := iter(spans))
    for each in ordered:
        if each[0] >= until_s:
            yield since_s, until_s
            since_s, until_s = each
        until_s = max(until_s, each[1])
    yield since_s, until_s


def _item(camera: str, span: tuple[int, int], reason: str) -> Item:
    return Item(
        camera=camera, since=to_rfc3339(span[0] * 1000), until=to_rfc3339(span[1] * 1000), reason=reason
    )


def _refused_scope(request: Request, granted: Sequence[Item]) -> Iterator[Item]:
    """Items that were refused, where nothing that was granted overlaps them."""
    taken = [(each.camera, each.span) for each in granted]
    refused = (each for each in request.asked if each.denied)
    for item in _scope(refused, request.filing.reason):
        first, last = item.span
        if not any(camera == item.camera and first < end and last > begin for camera, (begin, end) in taken):
            yield item


def _refused(request: Request, granted: Sequence[Item], rules: Rules) -> Iterator[Negative]:
    codes = {each.camera: each.denied for each in request.asked if each.denied}
    for item in _refused_scope(request, granted):
        yield _negative(item, Why.OUT_OF_SCOPE, rules.refusal(codes[item.camera]).es)


def _nothing(request: Request, scope: Sequence[Item], rules: Rules) -> Iterator[Negative]:
    said = f"{rules.negative(request.answer_code).es} {request.answer_words}".strip()
    for item in scope:
        yield _negative(item, _WHY.get(request.answer_code, Why.NOT_FOUND), said)


def _negative(item: Item, code: Why, said: str) -> Negative:
    return Negative(camera=item.camera, since=item.since, until=item.until, code=code, explanation=said)


def _events(scope: Sequence[Item], alerts: Mapping[str, int]) -> Interval | None:
    """From the first to the last instant of what is asked, where records of alerts are asked for."""
    if not alerts:
        return None
    instants = [instant for each in scope for instant in each.span]
    instants += [each for opened_ms in alerts.values() for each in (opened_ms, opened_ms + 1)]
    return Interval(since=to_rfc3339(min(instants)), until=to_rfc3339(max(instants)))


class Done(Struct, frozen=True):
    """An act of the request as the custody chain tells it: instant, word, by whom, and a detail."""

    at_ms: int
    act: str
    who: str
    detail: str


def done(request: Request, acts: Iterable[a.Act]) -> tuple[Done, ...]:
    """What happened before the package was made, oldest first, each name once."""
    told = [
        Done(each.at_ms, _DONE[type(each)], each.by, _detail(request, each))
        for each in acts
        if type(each) in _DONE
    ]
    return tuple(sorted(told, key=lambda each: each.at_ms))


def _detail(request: Request, act: a.Act) -> str:
    match act:
        case a.File():
            filing = act.filing
            return f"{filing.document}; {len(filing.items)} renglones, {len(filing.alerts)} alertas".strip(
                "; "
            )
        case a.Approve():
            return f"{len(act.denied)} renglones rechazados"
        case a.Build():
            return f"pedido {request.id}"
        case _:
            return ""
