"""The endpoints of judicial requests. Askers see and touch their own; what footage shows is never here."""

from __future__ import annotations

from typing import Any

from cior_console import audit_trails as trails
from cior_console import judicial_boxes
from cior_console import judicial_packages as packages
from cior_console import judicial_pages as pages
from cior_console import judicial_sums as sums
from cior_console.authorising import REASON
from cior_console.endpoints import Endpoint, Handler, Ledgered
from cior_console.judicial_boxes import BoxesPage, HandedPage, OpeningsBody
from cior_console.judicial_packages import AvailabilityPage
from cior_console.judicial_pages import ASKERS, FilingBody, RequestActBody, RequestQuery
from cior_console.judicial_sums import YearQuery
from cior_console.judicial_view import RequestLine, RequestPage
from cior_console.register_pages import PersonRow
from cior_core.cameras import ShownCamera
from cior_core.judicial.jurisdiction import Jurisdiction
from cior_core.judicial.reports import PublicCount, YearReport
from cior_core.privacy import Purpose, Role

_DESK = frozenset({Role.CUSTODIAN})
_LOOKERS = {Role.AUDITOR: Purpose.AUDIT, Role.SUPERVISOR: Purpose.AUDIT}
_WHY = {REASON: "why, percent-encoded UTF-8, of an auditor or supervisor"}
_PROBLEMS = (
    "request.key_missing", "request.key_reused", "request.nothing_asked",
    "request.other_authority", "request.unknown", "request.not_yours",
    "request.moved_on", "request.not_now", "request.two_persons", "request.conflict", "request.widens",
    "request.no_code", "request.no_item", "request.all_denied", "request.other_decision", "request.gap_without_cause",
    "request.not_sealed", "request.is_sealed", "request.other_bytes", "request.no_delivery", "request.not_renewable",
    "request.no_footage", "request.copy_choice", "request.no_copy", "request.asked_back", "request.identity_not_sealed",
)  # fmt: skip


def judicial_endpoints() -> tuple[Endpoint, ...]:
    """What is asked, how it stands, what is done with it, and what it adds up to."""
    return (*_acts(), *_reads(), *_trails(), *_packages(), *_boxes(), *_sums())


def _row(**facts: Any) -> Endpoint:
    return Endpoint(**{"purpose": Purpose.REQUEST_HANDLING} | facts)


def _acts() -> tuple[Endpoint, ...]:
    return (
        _row(
            name="request.file",
            method="POST",
            path="/api/v1/requests",
            says="Ask for footage and records, or that they be preserved; they are on hold when this answers",
            handler=pages.file,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.ACT,
            body=FilingBody,
            answer=RequestPage,
            headers=pages.KEYED,
            problems=_PROBLEMS,
        ),
        _row(
            name="request.act",
            method="POST",
            path="/api/v1/requests/{request_id}/acts",
            says="An act on a request: what the reader may do now is `may` of its page",
            handler=pages.act,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.ACT,
            body=RequestActBody,
            answer=RequestPage,
            headers=pages.KEYED,
            problems=_PROBLEMS,
        ),
    )


def _reads() -> tuple[Endpoint, ...]:
    return (
        _row(
            name="requests.rules",
            method="GET",
            path="/api/v1/requests/rules",
            says="The jurisdiction: authorities, legal basis, deadlines, refusals with article and cure",
            handler=sums.rules_of,
            roles=ASKERS | _DESK,
            answer=Jurisdiction,
        ),
        _row(
            name="requests.cameras",
            method="GET",
            path="/api/v1/requests/cameras",
            says="The cameras that can be asked for, with their places and view cones; no stream, and no word on today",
            handler=pages.cameras,
            roles=ASKERS | _DESK,
            answer=list[ShownCamera],
        ),
        _row(
            name="requests.people",
            method="GET",
            path="/api/v1/requests/people",
            says="Who asks and who keeps, by name: whom a custodian gives a copy to, and who did what of a request",
            handler=pages.known_people,
            roles=_DESK,
            ledgered=Ledgered.READ,
            answer=list[PersonRow],
        ),
        _row(
            name="requests.queue",
            method="GET",
            path="/api/v1/requests/queue",
            says="What waits for the centre, the nearest deadline first",
            handler=pages.queue,
            roles=_DESK,
            ledgered=Ledgered.READ,
            answer=list[RequestLine],
        ),
        _row(
            name="requests.list",
            method="GET",
            path="/api/v1/requests",
            says="One's own requests and those one was given a copy of, newest first; a custodian's list has all",
            handler=pages.every,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.READ,
            query=RequestQuery,
            answer=list[RequestLine],
        ),
        _row(
            name="requests.read",
            method="GET",
            path="/api/v1/requests/{request_id}",
            says="One request: items with their readings, both clocks, reasons with cures, holds, copies, story",
            handler=pages.one,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.READ,
            answer=RequestPage,
            problems=("request.unknown",),
        ),
    )


def _trail(name: str, path: str, says: str, handler: Handler, **more: Any) -> Endpoint:
    values: dict[str, Any] = {
        "method": "GET",
        "roles": _DESK | {Role.AUDITOR},
        "purpose_of": {Role.AUDITOR: Purpose.AUDIT},
        "ledgered": Ledgered.READ,
        "media_type": "application/pdf" if path.endswith(".pdf") else "text/csv",
        "headers": _WHY,
    }
    return _row(name=name, path=path, says=says, handler=handler, **(values | more))


def _trails() -> tuple[Endpoint, ...]:
    request, camera = "/api/v1/requests/{request_id}/trail", "/api/v1/cameras/{camera}/trail"
    of_request: dict[str, Any] = {"roles": ASKERS | _DESK | {Role.AUDITOR}, "problems": ("request.unknown",)}
    of_camera: dict[str, Any] = {
        "query": trails.FootageQuery,
        "problems": ("footage.no_camera", "footage.interval", "trail.too_wide"),
    }
    printed = ("pdf.no_typesetter", "trail.too_long")
    return (
        _trail(
            "requests.trail",
            request,
            "Who did and read what of one request, as CSV with the ledger's hashes; reading it is in it",
            trails.request_csv,
            **of_request,
        ),
        _trail(
            "requests.trail_pdf",
            f"{request}.pdf",
            "The same as PDF/A-3a with the CSV inside",
            trails.request_pdf,
            **of_request | {"problems": ("request.unknown", *printed)},
        ),
        _trail(
            "footage.trail",
            camera,
            "Who looked at a camera's footage of an interval, who asked for it, what was deleted of it, as CSV",
            trails.footage_csv,
            **of_camera,
        ),
        _trail(
            "footage.trail_pdf",
            f"{camera}.pdf",
            "The same as PDF/A-3a with the CSV inside",
            trails.footage_pdf,
            **of_camera | {"problems": ("footage.no_camera", "footage.interval", "trail.too_wide", *printed)},
        ),
    )


def _packages() -> tuple[Endpoint, ...]:
    return (
        _row(
            name="request.availability",
            method="GET",
            path="/api/v1/requests/{request_id}/availability",
            says="What the recorders have of each item: spans, gaps with causes, holds; no picture is opened",
            handler=packages.availability,
            roles=_DESK,
            ledgered=Ledgered.READ,
            answer=AvailabilityPage,
            problems=("request.unknown", "request.no_shelf"),
        ),
        _row(
            name="request.package",
            method="GET",
            path="/api/v1/requests/{request_id}/package",
            says="The sealed package (ZIP), for who was given a copy and for custodians; each download is in the "
            "ledger first, for the purpose judicial_request; ranges; a large one by parts",
            handler=packages.download,
            query=packages.PartQuery,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.ACT,
            media_type="application/zip",
            problems=(
                "request.unknown", "request.not_delivered", "request.not_sealed", "request.no_shelf",
                "request.package_elsewhere", "request.no_part",
            ),
        ),
        _row(
            name="request.copy",
            method="GET",
            path="/api/v1/requests/{request_id}/copies/{n}",
            says="A copy made out of the package, to look at or with persons veiled (ZIP of its own), for who was "
            "given it and for custodians; each download is in the ledger first, for judicial_request; ranges",
            handler=packages.download_copy,
            query=packages.PartQuery,
            roles=ASKERS | _DESK,
            ledgered=Ledgered.ACT,
            media_type="application/zip",
            problems=(
                "request.unknown", "request.no_copy", "request.not_delivered", "request.not_sealed", "request.no_shelf",
                "request.package_elsewhere", "request.no_part",
            ),
        ),
    )  # fmt: skip


def _boxes() -> tuple[Endpoint, ...]:
    problems = (
        "request.unknown", "request.no_shelf", "boxes.none", "boxes.not_now", "boxes.other_request",
        "request.two_persons", "request.conflict",
    )  # fmt: skip
    return (
        _row(
            name="request.boxes",
            method="GET",
            path="/api/v1/requests/{request_id}/boxes",
            says="How the sealed boxes stand that the alarms of a request need; nothing of what is in them",
            handler=judicial_boxes.boxes,
            roles=_DESK,
            ledgered=Ledgered.READ,
            answer=BoxesPage,
            problems=("request.unknown", "request.no_shelf"),
        ),
        _row(
            name="request.boxes_out",
            method="GET",
            path="/api/v1/requests/{request_id}/boxes/closed",
            says="The closed boxes, for `cior evidence open-boxes` where the private key is",
            handler=judicial_boxes.boxes_out,
            roles=_DESK,
            ledgered=Ledgered.ACT,
            media_type="application/json",
            problems=problems,
        ),
        _row(
            name="request.box_opened",
            method="POST",
            path="/api/v1/requests/{request_id}/boxes/opened",
            says="What was opened where the private key is: each is held against the box that was received",
            handler=judicial_boxes.hand_back,
            roles=_DESK,
            ledgered=Ledgered.ACT,
            body=OpeningsBody,
            answer=HandedPage,
            problems=problems,
        ),
    )


def _sums() -> tuple[Endpoint, ...]:
    return (
        _row(
            name="requests.report",
            method="GET",
            path="/api/v1/requests/report",
            says="A year of requests; every table of it adds up to what was received",
            handler=sums.report,
            roles=_DESK | set(_LOOKERS),
            purpose_of=_LOOKERS,
            ledgered=Ledgered.READ,
            query=YearQuery,
            answer=YearReport,
            headers=_WHY,
        ),
        Endpoint(
            name="transparency.requests",
            method="GET",
            path="/api/v1/transparency/requests",
            says="A year that is over, for anybody: requests by kind of authority and first answer, small ones hidden",
            handler=sums.transparency,
            is_open=True,
            query=YearQuery,
            answer=list[PublicCount],
            problems=("request.year_open",),
        ),
    )
