"""A judicial request as its people see it: in words with articles and cures, with both clocks, and what may be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cior_core.judicial.acts import SYSTEM
from cior_core.judicial.asking import Asked, Missing, Span
from cior_core.judicial.copies import CopyOrder
from cior_core.judicial.deciding import is_of_no_camera
from cior_core.judicial.jurisdiction import Rules, Said
from cior_core.judicial.state import Delivery, Request, public_state
from cior_core.judicial.stepping import ALLOWED
from cior_core.requests import Answer, RequestStatus
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.shelf import Making, Phase, Progress, Shelf, Zip, copy_id, package_id
from cior_register.holds import KeptHold
from cior_register.requests import ActRow


class SaidPage(msgspec.Struct, frozen=True, kw_only=True):
    """A reason by its code: sentence, article and cure, Spanish and English."""

    code: str
    es: str
    en: str
    article: str = ""
    cure_es: str = ""
    cure_en: str = ""


class ReadingPage(msgspec.Struct, frozen=True, kw_only=True):
    """One meaning of what was written, in UTC."""

    since: str
    until: str


class MissingPage(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that is not in the package, the UTC minutes that it touches, and why."""

    since: str
    until: str
    minutes: tuple[str, ...]
    cause: SaidPage


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """One item, as it was written. ``asked_back``: why it was not understood; then ``readings`` may be several, or none
    (nothing of it is on hold).
    """

    n: int
    camera: str
    since: str
    until: str
    readings: tuple[ReadingPage, ...]
    asked_back: SaidPage | None = None
    denied: SaidPage | None = None
    missing: tuple[MissingPage, ...] = ()


class HoldPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept. ``came_late``: what a deleter had taken of that time before (table and day of receipt)."""

    id: str
    cameras: tuple[str, ...]
    since: str
    until: str
    placed_ms: int
    expires_ms: int | None = None
    released_ms: int | None = None
    released_code: str = ""
    came_late: tuple[str, ...] = ()


class RequestStoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One act. ``by``: a person's id for the house; ``asker``, ``centre`` or ``system`` for who asked."""

    n: int
    act: str
    at_ms: int
    by: str
    ledger_seq: int


class PartiesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, for the house alone."""

    requester: str
    clerk: str
    approvers: tuple[str, ...]
    exporter: str
    conflicted: tuple[str, ...]


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a list, with its two clocks: when the answer is due, when retention would take the first of it.
    ``reasons``: why it was refused or has nothing, or what is asked back.
    """

    id: str
    version: int
    state: RequestStatus
    authority: str
    authority_kind: str
    office: str
    case: str
    received_ms: int
    items: int
    sealed: bool
    identity: bool
    provisional: bool
    drill: bool
    answer: Answer | None = None
    held_ms: int | None = None
    deadline_ms: int | None = None
    expiry_ms: int | None = None
    lapses_ms: int | None = None
    wanted: int = 0
    reasons: tuple[SaidPage, ...] = ()


class PackagePage(msgspec.Struct, frozen=True, kw_only=True):
    """The package that was ordered last. ``digest``: of its sealed tag manifest, what a receipt signs; ``size_bytes``:
    what is in it so far, of its ZIPs (``parts`` of them, ``zips``)
    once it is ready; ``progress``: what is being done; ``code``,
    ``cure``: why it waits (and goes on by itself) or stopped. Empty ``name``: it was built by hand.
    """

    name: str
    digest: str
    size_bytes: int
    state: Making
    code: str
    cure: str
    progress: Phase
    parts: int = 1
    zips: tuple[Zip, ...] = ()


class CopyPage(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that was ordered of the package, and how it stands. ``kind``: ``view`` or ``redacted``; ``strict``,
    ``keep``, ``after``: of a redacted one, what is veiled and who is not; ``pictures``: how many are made of all.
    """

    n: int
    kind: str
    name: str
    state: Making
    progress: Phase
    digest: str
    size_bytes: int
    code: str
    cure: str
    ordered_ms: int
    strict: bool = False
    keep: tuple[str, ...] = ()
    after: int = 0
    pictures: int = 0
    pictures_of: int = 0
    parts: int = 1
    zips: tuple[Zip, ...] = ()


class RequestPage(msgspec.Struct, frozen=True, kw_only=True):
    """A request with everything that who asks may see of it. ``may``: what the reader can do with it now."""

    line: RequestLine
    document: str
    reason: str
    order: str
    proceeding: str
    investigation: bool
    alerts: tuple[str, ...]
    items: tuple[ItemPage, ...]
    asked_back: tuple[SaidPage, ...]
    question: str
    holds: tuple[HoldPage, ...]
    story: tuple[RequestStoryLine, ...]
    may: tuple[str, ...]
    answer_said: SaidPage | None = None
    answer_words: str = ""
    package: PackagePage | None = None
    copies: tuple[CopyPage, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    wanted: tuple[str, ...] = ()
    exported_ms: int | None = None
    closed_ms: int | None = None
    replaced_by: str = ""
    parties: PartiesPage | None = None


def package_of(request: Request, shelf: Shelf | None) -> PackagePage | None:
    """How the package stands; None: nobody ordered or sealed one. Reads one small file."""
    if request.builds == 0 or (request.ordered_ms is None and not request.package):
        return _by_hand(request) if request.package else None
    name = package_id(request)
    told = Progress(name=name, state=Making.STOPPED, code="evidence.none", cure=_NO_PART)
    if shelf is not None:
        told = shelf.progress(name)
    return PackagePage(
        name=told.name, digest=told.digest, size_bytes=told.size_bytes, state=told.state, code=told.code,
        cure=told.cure, progress=told.phase, parts=told.parts, zips=_zips(told, shelf),
    )  # fmt: skip


def copies_of(request: Request, shelf: Shelf | None, *, is_house: bool) -> tuple[CopyPage, ...]:
    """How each copy of the package stands; who asks learns of those that were given. Reads a small file for each."""
    given = {each.digest for each in request.deliveries}
    return tuple(
        _copy(request, each, shelf) for each in request.standing_copies if is_house or each.digest in given
    )


def _copy(request: Request, copy: CopyOrder, shelf: Shelf | None) -> CopyPage:
    name = copy_id(request, copy)
    told = Progress(name=name, state=Making.STOPPED, code="evidence.none", cure=_NO_PART)
    if shelf is not None:
        told = shelf.progress(name)
    return CopyPage(
        n=copy.n, kind=copy.kind.value, name=name, state=told.state, progress=told.phase, digest=copy.digest,
        size_bytes=told.size_bytes, code=told.code, cure=told.cure, ordered_ms=copy.ordered_ms, strict=copy.is_strict,
        keep=copy.keep, after=copy.after, pictures=told.pictures, pictures_of=told.pictures_of,
        parts=told.parts, zips=_zips(told, shelf),
    )  # fmt: skip


def _zips(told: Progress, shelf: Shelf | None) -> tuple[Zip, ...]:
    """What there is to download of what is ready; empty of what was told before there were digests of them."""
    return shelf.zips(told) if shelf is not None and told.state is Making.READY else ()


_NO_PART = "add [evidence] to the centre file, or build it with cior evidence package"


def _by_hand(request: Request) -> PackagePage:
    return PackagePage(
        name="",
        digest=request.package,
        size_bytes=0,
        state=Making.READY,
        code="",
        cure="",
        progress=Phase.NONE,
    )


def line_of(request: Request, rules: Rules) -> RequestLine:
    """A request in a list."""
    filing, told = request.filing, public_state(request, rules)
    row = rules.jurisdiction.authority.get(filing.authority)
    return RequestLine(
        id=request.id, version=request.version, state=request.state, authority=row.es if row is not None else "",
        authority_kind=told.authority_kind.value, office=filing.office, case=filing.case,
        received_ms=request.received_ms, items=len(request.asked), sealed=filing.sealed,
        identity=filing.identity, provisional=filing.provisional, drill=filing.drill, answer=request.answer,
        held_ms=request.held_ms, deadline_ms=request.deadline_ms, expiry_ms=request.expiry_ms,
        lapses_ms=request.lapses_ms, wanted=len(request.wanted), reasons=_reasons(request, rules),
    )  # fmt: skip


def _reasons(request: Request, rules: Rules) -> tuple[SaidPage, ...]:
    """Each once."""
    answer, observation = _answer(request, rules), rules.jurisdiction.observation
    codes = dict.fromkeys((*request.observed, *(each.code for each in request.asked if each.code)))
    asked_back = tuple(_said(code, observation[code]) for code in codes)
    return asked_back if answer is None else (answer, *asked_back)


def page_of(
    request: Request,
    story: Sequence[ActRow],
    kept: Sequence[KeptHold],
    *,
    rules: Rules,
    may: Iterable[str],
    is_house: bool,
    shelf: Shelf | None = None,
) -> RequestPage:
    """The page. Who asked reads no name of the house: it is in the trail, for who may read that. Reads small files of
    the shelf.
    """
    filing = request.filing
    return RequestPage(
        line=line_of(request, rules), document=filing.document, reason=filing.reason, order=filing.order.value,
        proceeding=filing.proceeding.value, investigation=filing.investigation, alerts=filing.alerts,
        items=tuple(_item(n, each, rules) for n, each in enumerate(request.asked)),
        asked_back=tuple(_said(code, rules.jurisdiction.observation[code]) for code in request.observed),
        question=request.question, holds=tuple(map(_hold, kept)),
        story=tuple(_told(each, request, is_house=is_house) for each in story),
        may=tuple(sorted(name for name in may if _takes(request, name))),
        answer_said=_answer(request, rules), answer_words=request.answer_words, package=package_of(request, shelf),
        copies=copies_of(request, shelf, is_house=is_house), deliveries=request.deliveries,
        wanted=request.wanted if is_house else (), exported_ms=request.exported_ms, closed_ms=request.closed_ms,
        replaced_by=request.replaced_by, parties=_parties(request) if is_house else None,
    )  # fmt: skip


def _takes(request: Request, name: str) -> bool:
    """Whether it takes an act of this name now. What is sealed is built no more; a certificate is not copied; what is
    asked back is certified only where nothing but cameras that never were is.
    """
    if name == "build" and request.package:
        return False
    if name == "derive" and (not request.package or request.answer is Answer.NEGATIVE):
        return False
    if name == "find_nothing" and request.state is RequestStatus.QUERIED:
        return is_of_no_camera(request)
    return request.state in _STATES.get(name, frozenset())


_STATES = {str(kind.__struct_config__.tag): states for kind, states in ALLOWED.items()}
"""From which states an act is possible, by its name."""


def _parties(request: Request) -> PartiesPage:
    return PartiesPage(**msgspec.structs.asdict(request.parties))


def _said(code: str, said: Said) -> SaidPage:
    return SaidPage(code=code, **msgspec.structs.asdict(said))


def _answer(request: Request, rules: Rules) -> SaidPage | None:
    match request.answer:
        case Answer.REFUSED:
            return _said(request.answer_code, rules.refusal(request.answer_code))
        case Answer.NEGATIVE:
            return _said(request.answer_code, rules.negative(request.answer_code))
        case _:
            return None


def _item(n: int, asked: Asked, rules: Rules) -> ItemPage:
    observation, written = rules.jurisdiction.observation, asked.written
    return ItemPage(
        n=n,
        camera=asked.camera,
        since=written.since,
        until=written.until,
        readings=tuple(map(reading_of, asked.spans)),
        asked_back=_said(asked.code, observation[asked.code]) if asked.code else None,
        denied=_said(asked.denied, rules.refusal(asked.denied)) if asked.denied else None,
        missing=tuple(missing_of(each, rules) for each in asked.missing),
    )


def reading_of(span: Span) -> ReadingPage:
    """A span in UTC."""
    return ReadingPage(since=_at(span.since_s), until=_at(span.until_s))


def missing_of(missing: Missing, rules: Rules) -> MissingPage:
    """What is missing, with its minutes and its cause in words."""
    span: Span = missing.span
    return MissingPage(
        since=_at(span.since_s),
        until=_at(span.until_s),
        minutes=tuple(_at(minute * 60) for minute in missing.minutes),
        cause=_said(missing.cause, rules.gap(missing.cause)),
    )


def _at(instant_s: int) -> str:
    return to_rfc3339(instant_s * 1000)


def _hold(kept: KeptHold) -> HoldPage:
    return HoldPage(
        id=kept.id, cameras=kept.cameras, since=to_rfc3339(kept.since_ms), until=to_rfc3339(kept.until_ms),
        placed_ms=kept.placed_ms, expires_ms=kept.expires_ms, released_ms=kept.released_ms,
        released_code=kept.released_code, came_late=kept.came_late,
    )  # fmt: skip


def _told(row: ActRow, request: Request, *, is_house: bool) -> RequestStoryLine:
    by = row.act.by
    if not is_house:
        by = "system" if by == SYSTEM else "asker" if by == request.parties.requester else "centre"
    return RequestStoryLine(
        n=row.n,
        act=str(type(row.act).__struct_config__.tag),
        at_ms=row.act.at_ms,
        by=by,
        ledger_seq=row.ledger_seq,
    )
