"""From an order in the register to a sealed package: the part that builds in the name of who ordered it.

What was ordered is looked up, never told: a kill at any instant leaves it in the register, and the next look goes on
where the package stands (:mod:`packing`). The acts ``assemble`` and ``seal`` are taken under keys of their package, so
that each stands once; nothing is sealed before the register has taken what is in it and what is missing.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog

from cior_core.errors import AccessDenied, CiorError, PayloadRejected
from cior_core.footage import GapCause
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Span
from cior_core.judicial.explaining import explained
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Request
from cior_core.model import DataClass, Struct
from cior_core.people import LedgerEntry
from cior_core.privacy import Asking, Policy, Purpose, Role, decide
from cior_core.requests import RequestStatus
from cior_core.rfc3339 import from_rfc3339
from cior_evidence.box_desk import GRANTED, warrant_of
from cior_evidence.box_files import ClosedBox
from cior_evidence.box_room import BoxRoom, Handed, rooms_in
from cior_evidence.boxes_of_store import Taken, Warrant, decided_of_sealed
from cior_evidence.custody import Deed
from cior_evidence.errands import FAILURES, PART, Errands, Telling, kept, reason_of, written
from cior_evidence.footage_in import REFUSED, Footage
from cior_evidence.mask_history import MaskHistory
from cior_evidence.order import Order
from cior_evidence.order_of_request import Edges, done, order_of
from cior_evidence.packing import Packing, Place, Sources
from cior_evidence.ring import look_in
from cior_evidence.shelf import Making, Phase, Progress, Shelf, package_id, zips_of
from cior_evidence.veils import PersonFinder
from cior_register import people, requests
from cior_register.register import Register
from cior_register.requests import RequestQuestion
from cior_register.writer import nothing

log = structlog.get_logger("cior.evidence")
_STATES: Final = (
    RequestStatus.APPROVED, RequestStatus.PARTLY_APPROVED, RequestStatus.ASSEMBLED, RequestStatus.NEGATIVE,
)  # fmt: skip
_BEFORE_SEAL: Final = frozenset({*_STATES, RequestStatus.UNDER_REVIEW})


class Content(Protocol):
    """Where records of a package come from: :class:`cior_evidence.records_of_store.StoreContent`."""

    def opened(self, alerts: tuple[str, ...], /) -> Mapping[str, int]:
        """When each of these was opened, UTC ms; one that nobody knows is not among them."""
        ...

    def boxes(self, warrant: Warrant, /) -> tuple[ClosedBox, ...]:
        """The sealed boxes, closed, that what was approved needs."""
        ...

    def taken(self, warrant: Warrant, /) -> tuple[Taken, ...]:
        """The reserved alerts that a judge's order takes; none without one."""
        ...

    def sources(
        self,
        order: Order,
        /,
        *,
        warrant: Warrant,
        taken: tuple[Taken, ...],
        handed: Mapping[str, Handed],
        footage: Footage,
        deeds: tuple[Deed, ...],
    ) -> Sources:
        """Everything that goes in; of records those of the alerts that the warrant names, out of their boxes where
        ``handed`` has the key, and of reserved ones what was ``taken``.
        """
        ...


class Workshop(Struct, frozen=True, kw_only=True):
    """What the part works with. ``place``: made for each try, so that a corrected seal file counts; ``rings``: the
    recorders' folders; ``boxes``: where closed boxes wait; ``retry_s``: how long what waits is left alone,
    ``boxes_again_s``: how long laid out boxes are; ``masks``: which privacy masks cameras had; ``finder``: of persons,
    for redacted copies (None: this centre has no detector).
    """

    register: Register
    rules: Rules
    policy: Policy
    shelf: Shelf
    boxes: Path
    place: Callable[[], Place]
    rings: tuple[Path, ...]
    content: Content
    masks: MaskHistory
    zone: str
    now_ms: Callable[[], int]
    finder: Callable[[], PersonFinder] | None = None
    retry_s: float = 10.0
    boxes_again_s: float = 60.0


class Maker:
    """:meth:`look` does what was ordered, one package after another."""

    def __init__(self, shop: Workshop, stopping: Callable[[], bool] = lambda: False) -> None:
        self._shop, self._stopping = shop, stopping
        self.errands = Errands(shop.shelf, stopping, retry_s=shop.retry_s)
        self._boxes_again_s: dict[str, float] = {}
        self._gathered: set[str] = set()
        self._let_out: set[tuple[str, str]] = set()
        self._is_tidy = False

    def look(self) -> None:
        """Raises ``SourceUnavailable`` when the register is away."""
        self._tidy()
        for request in self._granted():
            if self._stopping():
                return
            if request.ordered_ms is None:
                self._boxes(request)
            else:
                self._one(request)

    def _granted(self) -> list[Request]:
        def read(connection: Any) -> list[Request]:
            questions = (RequestQuestion(state=each.value, limit=5_000) for each in _STATES)
            return [found for each in questions for found in requests.asked(connection, each)]

        waiting = [each for each in self._shop.register.read_now(read) if not each.package]
        return sorted(waiting, key=lambda each: (each.ordered_ms or 0, each.id))

    def _boxes(self, request: Request) -> None:
        """Lay out the closed boxes that an approved request needs, and again after a while: a signal may be late."""
        if request.state not in GRANTED or not request.filing.alerts:
            return
        if time.monotonic() < self._boxes_again_s.get(request.id, 0.0):
            return
        self._boxes_again_s[request.id] = time.monotonic() + self._shop.boxes_again_s
        room = BoxRoom(self._shop.boxes, request.id)
        try:
            boxes = self._shop.content.boxes(warrant_of(request))
            if room.closed() is None:
                written(self._shop.register, self._boxes_entry(request, len(boxes)), nothing)
            room.lay_out(boxes, sealed=request.filing.identity)
        except (CiorError, OSError) as error:
            log.warning("request_boxes_waiting", request=request.id, code=reason_of(error)[0])

    def _tidy(self) -> None:
        """Once: what a kill left of the boxes of requests that are sealed or over."""
        if self._is_tidy:
            return
        for room in rooms_in(self._shop.boxes):
            found = self._shop.register.read_now(partial(requests.find, request_id=room.request))
            if found is None or found.package or found.state not in _BEFORE_SEAL:
                room.forget()
        self._is_tidy = True

    def _boxes_entry(self, request: Request, count: int) -> LedgerEntry:
        return LedgerEntry(
            at_ms=self._shop.now_ms(), actor=PART, act="request.boxes", subject=request.id,
            purpose=Purpose.JUDICIAL_REQUEST, reason=request.filing.reason, detail={"boxes": count},
        )  # fmt: skip

    def _one(self, request: Request) -> None:
        name = package_id(request)
        if not self.errands.is_due(name):
            return
        watching = _Watching(self, request, name)
        try:
            self._make(request, watching)
        except FAILURES as error:
            self.errands.failed(name, error, watching.size_bytes)
        else:
            self.errands.done(name)
            log.info("request_package_ready", package=name)

    def _make(self, request: Request, watching: _Watching) -> None:
        watching.phase(Phase.NONE)
        self._clear(request)
        self._may_read(request)
        order, sources = self._order(request, self._taken(request))
        package = Packing(self._shop.place(), order, sources, watching).run()
        zips = zips_of(package.archives)
        # Told before the act that makes it deliverable: whoever may have it finds it.
        self._shop.shelf.tell(
            Progress(
                name=order.package, state=Making.READY, digest=package.digest, parts=len(zips), zips=zips,
                size_bytes=sum(each.size_bytes for each in zips),
            )
        )  # fmt: skip
        seal = a.Seal(
            by=request.parties.exporter, at_ms=self._shop.now_ms(), digest=package.digest, hand=PART
        )
        self._take(request, seal)
        BoxRoom(self._shop.boxes, request.id).forget()

    # --- the order --------------------------------------------------------------------------------------------

    def _order(self, request: Request, taken: tuple[Taken, ...]) -> tuple[Order, Sources]:
        shop = self._shop

        def read(connection: Any) -> tuple[dict[str, str], list[a.Act]]:
            return people.names(connection), [each.act for each in requests.acts(connection, request.id)]

        named, acts = shop.register.read_now(read)

        def made() -> Order:
            alerts = shop.content.opened(request.filing.alerts)
            return order_of(
                request, shop.rules, Edges(lambda person: named.get(person, ""), shop.zone, alerts)
            )

        order = kept(shop.shelf.order_file(package_id(request)), made)
        handed = usable(request, BoxRoom(shop.boxes, request.id).handed())
        told = [(each.at_ms, each.act, each.who, each.detail) for each in done(request, acts)]
        told += [
            (each.at_ms, "sobre_abierto", each.opened.who, f"{record}; {each.opened.reason}")
            for record, each in handed.items()
        ]
        told += [
            (shop.now_ms(), "reservado_incluido", request.parties.exporter, _words(each)) for each in taken
        ]
        told.sort(key=lambda each: each[0])
        return order, shop.content.sources(
            order,
            warrant=warrant_of(request),
            taken=taken,
            handed=handed,
            footage=partial(look_in, shop.rings),
            deeds=tuple(Deed(*each, secrets.token_hex(16)) for each in told),
        )

    def _may_read(self, request: Request) -> None:
        """Footage and records are opened for the order: judged, and in the ledger, before they are (law 9)."""
        if package_id(request) in self._gathered:
            return
        asking = Asking(
            role=Role.CUSTODIAN, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass.RESTRICTED,
            legal_basis=request.filing.order, approvers=len(request.parties.approvers), reason=request.filing.reason,
        )  # fmt: skip
        decision = decide(asking, self._shop.policy)
        if decision.outcome != "allow":
            raise AccessDenied(
                decision.code,
                "the privacy table does not open footage for this order",
                cure="see which order the request names, and docs/fiscalia.md",
            )
        entry = self._entry(request, "request.gather", purpose=Purpose.JUDICIAL_REQUEST, rule=decision.rule)
        written(self._shop.register, entry, nothing)
        self._gathered.add(package_id(request))

    def _taken(self, request: Request) -> tuple[Taken, ...]:
        """Reserved alerts that the order takes: each a row of the ledger before it is read out (law 9)."""
        warrant = warrant_of(request)
        taken = self._shop.content.taken(warrant)
        rule = decided_of_sealed(self._shop.policy, warrant).rule
        for each in taken:
            if (package_id(request), each.alert) in self._let_out:
                continue
            detail = {
                "package": package_id(request), "hand": PART, "alert": each.alert, "events": " ".join(each.events),
                "identity": int(warrant.identity),
            }  # fmt: skip
            entry = self._entry(
                request, "request.gather", purpose=Purpose.JUDICIAL_REQUEST, rule=rule, reason=warrant.reason[:500],
                detail=detail,
            )  # fmt: skip
            written(self._shop.register, entry, nothing)
            self._let_out.add((package_id(request), each.alert))
        return taken

    def _clear(self, request: Request) -> None:
        """Unsealed folders of earlier orders of this request."""
        for number in range(1, request.builds):
            earlier = package_id(msgspec.structs.replace(request, builds=number)).lower()
            shutil.rmtree(self._shop.shelf.out / f".{earlier}.armando", ignore_errors=True)

    # --- the register -----------------------------------------------------------------------------------------

    def assembled(self, request: Request, bag: Path) -> None:
        """What is in the bag, in the register."""
        if request.state is RequestStatus.NEGATIVE:
            return
        if is_empty(bag):
            raise PayloadRejected(
                "package.nothing_found",
                "nothing of what was granted is there",
                cure="answer with find_nothing, then order its certificate with build",
            )
        covered, gaps = contents(request, bag)
        made = a.Assemble(
            by=request.parties.exporter, at_ms=self._shop.now_ms(), covered=covered, gaps=gaps, hand=PART
        )
        self._take(request, made)

    def _take(self, request: Request, act: a.Assemble | a.Seal) -> None:
        """Under a key of the package. Raises what the step does, and ``PayloadRejected`` (``package.superseded``)."""
        kind = str(type(act).__struct_config__.tag)
        name, rules = package_id(request), self._shop.rules

        def work(connection: Any) -> None:
            now = requests.the(connection, request.id)
            if now.builds != request.builds or now.ordered_ms is None:
                raise PayloadRejected(
                    "package.superseded",
                    "this order to build does not stand any more",
                    cure="see the request: somebody may have declared a conflict or ordered again",
                )
            requests.take(connection, request.id, act, rules, key=f"{PART}/{name}/{kind}")

        written(self._shop.register, self._entry(request, f"request.{kind}"), work)

    def _entry(self, request: Request, act: str, **more: Any) -> LedgerEntry:
        entry = LedgerEntry(
            at_ms=self._shop.now_ms(), actor=request.parties.exporter, role=Role.CUSTODIAN, act=act, subject=request.id,
            purpose=Purpose.REQUEST_HANDLING, detail={"hand": PART, "package": package_id(request)},
        )  # fmt: skip
        return msgspec.structs.replace(entry, **more)


class _Watching(Telling):
    """Tells the register what is in the bag, too."""

    def __init__(self, maker: Maker, request: Request, name: str) -> None:
        super().__init__(maker.errands, name)
        self._maker, self._request = maker, request

    def assembled(self, bag: Path) -> None:
        self._maker.assembled(self._request, bag)


def _words(taken: Taken) -> str:
    """As the custody chain tells of a reserved alert that goes in."""
    held = f", {taken.withheld} sin entregar" if taken.withheld else ""
    return f"{taken.alert}; {len(taken.events)} eventos{held}"


def usable(request: Request, handed: Mapping[str, Handed]) -> dict[str, Handed]:
    """What was handed back by nobody who has declared an interest in the case since."""
    return {record: each for record, each in handed.items() if each.by not in request.parties.conflicted}


# --- what a bag holds -------------------------------------------------------------------------------------------


def is_empty(bag: Path) -> bool:
    """Whether there is neither a picture nor a record in it."""
    return not any(path.is_file() for path in (bag / "data").rglob("*"))


def contents(request: Request, bag: Path) -> tuple[dict[int, tuple[Span, ...]], tuple[a.Gap, ...]]:
    """Of each item that was granted, what of it is inside, and every gap with its cause, by the bag's own lists."""
    stated = tuple(_gaps(bag))
    covered: dict[int, tuple[Span, ...]] = {}
    gaps: list[a.Gap] = []
    for n, item in enumerate(request.asked):
        if item.denied or item.code:
            continue
        mine = [row for camera, row in stated if camera == item.camera]
        told = [explained(span, mine) for span in item.spans]
        covered[n] = tuple(span for each in told for span in each.covered)
        gaps += [a.Gap(n, gap.span, gap.cause) for each in told for gap in each.missing]
    return covered, tuple(gaps)


def _gaps(bag: Path) -> Iterator[tuple[str, tuple[int, int, GapCause]]]:
    listed = msgspec.json.decode((bag / "meta/huecos.json").read_bytes())
    for row in listed["camaras"]:
        for gap in row["huecos"]:
            if gap["causa"] != REFUSED:
                yield (
                    row["camara_original"],
                    (from_rfc3339(gap["desde"]), from_rfc3339(gap["hasta"]), GapCause(gap["causa"])),
                )
