"""One request as its acts have made it, and what a step wants done. Instants are UTC ms."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from cior_core.judicial.asking import Asked, Filing, Span
from cior_core.judicial.copies import CopyOrder
from cior_core.judicial.jurisdiction import Rules
from cior_core.model import Struct
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus


class HoldReason(StrEnum):
    """Why something is kept."""

    ORDER = "order"
    PROVISIONAL = "provisional"
    LIFE_SAFETY = "life_safety"
    INTERNAL = "internal"


class Hold(Struct, frozen=True):
    """What is kept, to the second, whatever retention says (law 7): cameras, and every record of that time.

    ``expires_ms`` None: until it is released. ``owner``: the request, alert or act that it stands for.
    """

    id: str
    owner: str
    reason: HoldReason
    cameras: tuple[str, ...]
    span: Span
    placed_ms: int
    expires_ms: int | None = None
    alerts: tuple[str, ...] = ()

    def stands(self, now_ms: int) -> bool:
        """Whether it keeps anything at ``now_ms``; at its last instant it still does."""
        return self.expires_ms is None or now_ms <= self.expires_ms


class Delivery(Struct, frozen=True):
    """A copy that left: of the sealed bytes or of what was derived from them. ``party``: for whom; ``receipt_ms``: when
    they signed for it.
    """

    recipient: str
    party: str
    digest: str
    at_ms: int
    receipt_ms: int | None = None
    receipt_by: str = ""


class Parties(Struct, frozen=True):
    """Who did what of it, by their id. Two persons, and three for what is sealed, must be different ones.

    ``clerk``: who wrote the order in, or took it up; ``conflicted``: who may do nothing of it.
    """

    requester: str = ""
    clerk: str = ""
    approvers: tuple[str, ...] = ()
    exporter: str = ""
    conflicted: tuple[str, ...] = ()


class Request(Struct, frozen=True):
    """``version`` grows with each act. ``answer_code``: the code of the refusal or of the negative answer.

    ``observed``: what is asked back of the whole request (codes), besides its items. ``package``: the digest of the
    sealed tag manifest. ``lapses_ms``: when a preservation without an order ends. ``noticed``: ids of holds whose end
    was announced. ``answered_ms``, ``first_answer``: the first one, which nothing later changes: what was once counted
    in public stays. ``wanted``: who asked for a copy and has none of it yet. ``ordered_ms``: when its package was
    ordered (None: nobody did); ``builds``: how often that was, which numbers its packages. ``copies``: what was ordered
    to be made out of a sealed package, and ``copies_ordered`` how often.
    """

    id: str
    filing: Filing
    state: RequestStatus
    version: int
    received_ms: int
    asked: tuple[Asked, ...]
    parties: Parties = Parties()
    observed: tuple[str, ...] = ()
    question: str = ""
    holds: tuple[Hold, ...] = ()
    answer: Answer | None = None
    answer_code: str = ""
    answer_words: str = ""
    answered_ms: int | None = None
    first_answer: Answer | None = None
    package: str = ""
    ordered_ms: int | None = None
    builds: int = 0
    wanted: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    copies: tuple[CopyOrder, ...] = ()
    copies_ordered: int = 0
    held_ms: int | None = None
    exported_ms: int | None = None
    closed_ms: int | None = None
    deadline_ms: int | None = None
    expiry_ms: int | None = None
    lapses_ms: int | None = None
    noticed: tuple[str, ...] = ()
    replaced_by: str = ""

    @property
    def granted(self) -> tuple[Asked, ...]:
        """The items that were not refused."""
        return tuple(each for each in self.asked if not each.denied and not each.code)

    @property
    def standing_copies(self) -> tuple[CopyOrder, ...]:
        """Those of the package that is delivered: of one that does not stand any more nothing is derived or given."""
        return tuple(each for each in self.copies if self.package and each.of == self.package)

    def spans(self) -> Iterator[Span]:
        """All intervals of all its items."""
        return (span for each in self.asked for span in each.spans)


class PlaceHold(Struct, frozen=True, tag="place_hold"):
    """Keep this from now on."""

    hold: Hold


class LimitHold(Struct, frozen=True, tag="limit_hold"):
    """A hold that stands gets another end (None: none)."""

    hold_id: str
    expires_ms: int | None


class ReleaseHold(Struct, frozen=True, tag="release_hold"):
    """A hold is over. ``code``: ``lapsed``, ``ended``, ``answered``."""

    hold_id: str
    code: str


class Notice(Struct, frozen=True, tag="notice"):
    """Somebody is to be told: ``hold_ends`` (at ``at_ms``), ``lapsed``, ``observed``, ``answered``, ``delivered``."""

    request: str
    code: str
    at_ms: int


Effect = PlaceHold | LimitHold | ReleaseHold | Notice


def public_state(request: Request, rules: Rules) -> RequestState:
    """What may travel of it: states, clocks and counts, no person, no case, no place. An office is named when it is in
    the jurisdiction's own list: what somebody typed may be a person's name.
    """
    filing = request.filing
    row = rules.jurisdiction.authority.get(filing.authority)
    kind = AuthorityKind.OTHER if row is None else row.kind
    authority = "" if row is None else filing.office if filing.office in row.offices else row.es
    delivered = min((each.at_ms for each in request.deliveries), default=None)
    return RequestState(
        id=request.id, authority_kind=kind, authority=authority, state=request.state,
        version=request.version, received_ms=request.received_ms, held_ms=request.held_ms,
        exported_ms=request.exported_ms, delivered_ms=delivered, closed_ms=request.closed_ms,
        deadline_ms=request.deadline_ms, earliest_expiry_ms=request.expiry_ms, items_asked=len(request.asked),
        items_held=sum(bool(each.spans) for each in request.asked) if request.holds else 0,
        items_delivered=len(request.granted) if delivered is not None and request.package else 0,
        answer=request.answer, drill=filing.drill,
    )  # fmt: skip
