"""Footage over HTTP Live Streaming: a view is opened, with its row in the ledger; then its playlist, headers and pieces
are asked with the session's cookie and the view's name, until it is over. No address opens anything by itself.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec.structs import replace

from cior_console.authorising import DEED, Deed, nothing_more
from cior_console.desk import DESK, ROOM, SHARED_FOOTAGE, sees
from cior_console.endpoints import CALLER, Caller, Endpoint, Ledgered, body_of
from cior_console.footage_views import CONVERTED, SHOWN, View, Views
from cior_console.problems import Refused
from cior_console.ring_files import Clip, clip_of, read_head, read_native, read_whole
from cior_console.ring_live import LiveState
from cior_console.said import shown_text
from cior_console.under_agreement import AGREEMENTS
from cior_console.wall_view import is_sealed
from cior_console.web import FEED
from cior_core import hls
from cior_core.agreements import Agreement
from cior_core.cameras import CameraId
from cior_core.errors import PayloadRejected
from cior_core.footage import Gap
from cior_core.model import Alert, DataClass
from cior_core.privacy import Purpose, Role, Share

FOOTAGE = web.AppKey("footage", Views)
LONGEST_MS: Final = 900_000
"""Of one clip: who needs more asks for the next, or for a package."""
ABOUT_MS: Final = 900_000
"""So far around an alert's opening it explains a clip by itself."""
_ATTACH_S, _LOOK_S = 2.0, 0.05
_PIECE: Final = re.compile(r"(?P<number>\d{1,12})\.mp4")
_CONVERTED: Final = re.compile(r"(?P<init>init-)?(?P<number>\d{1,12})\.mp4")
_SENT: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_000)]


class ViewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Look at ``camera``: live, or from ``from_ms`` to ``to_ms`` (UTC). ``alert_id``: what it is about; what is not
    about an alert near the camera needs a ``reason``. ``converted``: as H.264, for a browser that cannot show what the
    camera sends.
    """

    camera: CameraId
    from_ms: Instant | None = None
    to_ms: Instant | None = None
    alert_id: Annotated[str, msgspec.Meta(max_length=200)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""
    converted: bool = False


class ViewGap(msgspec.Struct, frozen=True, kw_only=True):
    """No pictures in ``[from_ms, to_ms)``, and why (``cior_core.footage.GapCause``)."""

    from_ms: int
    to_ms: int
    cause: str


class Blank(msgspec.Struct, frozen=True, kw_only=True):
    """Black in a conversion: no picture of ``[from_ms, to_ms)`` could be decoded."""

    from_ms: int
    to_ms: int


class ViewState(msgspec.Struct, frozen=True, kw_only=True):
    """How a view stands. ``state``: ``clip``, or of a live one ``waiting``, ``live``, ``silent``: what is on the screen
    is not of now. ``last_ms``: instant of the newest picture; ``cause``: why there is none after it, if known.
    ``codec``: RFC 6381, empty while nothing is known. ``from_ms`` to ``to_ms``: what a clip opens, in whole segments.
    ``masks``: what a page covers for privacy, polygons of ``x / width`` and ``y / height``; the pieces themselves are
    as they were recorded. Null: this machine does not have the file that says so. ``converted``: what is shown is a
    conversion, and ``blank`` what of it is black; ``convertible``: this centre makes conversions.
    """

    view_id: str
    state: str
    now_ms: int
    playlist: str
    codec: str = ""
    last_ms: int | None = None
    cause: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    gaps: tuple[ViewGap, ...] = ()
    masks: tuple[tuple[tuple[float, float], ...], ...] | None = None
    converted: bool = False
    convertible: bool = False
    blank: tuple[Blank, ...] = ()


async def _open(request: web.Request) -> ViewState:
    body, views, caller, deed = body_of(request, ViewBody), _views(request), request[CALLER], request[DEED]
    if not request.app[DESK].cameras.has(body.camera, caller.scope):
        raise _elsewhere(deed, body.camera, caller)
    span = _span(body, views.now_ms())
    if caller.agreement is not None and span is not None and not _is_agreed(request, caller.agreement, span):
        raise _elsewhere(deed, body.camera, caller)
    alert = _alert(request, body)
    # Not before: what is refused of a reserved alert names no camera (law 17).
    deed.subject = body.camera
    is_about = alert is not None and _explains(request, alert, body.camera, span)
    deed.reason = shown_text(body.reason)
    if not is_about and not deed.reason.strip():
        raise Refused("access.reason_missing")
    age_s = 0.0 if span is None else (views.now_ms() - span[0]) / 1000
    share = Share.LIVE if span is None else Share.CLIPS
    decision = deed.judge(DataClass.RESTRICTED, age_s=age_s, shares=frozenset({share}))
    if decision.outcome != "allow":  # pictures have no fields to leave out
        raise Refused("access.denied", rule=decision.code)
    views.admit(caller.session.id, None if span is not None else body.camera)
    ring = await asyncio.to_thread(views.rings.of, body.camera)
    masks = await asyncio.to_thread(views.rings.masks, body.camera)
    clip = None if span is None else await asyncio.to_thread(clip_of, ring, body.camera, span)
    if body.converted:
        await views.can_convert()
        clip = clip.for_conversion() if clip is not None else None
    said = deed.entry(detail=_detail(body, clip))
    await deed.write(nothing_more, entry=said)
    view = views.begin(said, ring, clip)
    view.masks = masks
    if clip is None:
        await _attached(views, view)
    return _state(request, view)


def _elsewhere(deed: Deed, camera: str, caller: Caller) -> Refused:
    """No camera of who asks; what an agreement does not share is said to be that, to its partner and in the ledger."""
    if caller.agreement is None:
        return Refused("footage.no_camera")
    deed.subject = camera
    return Refused("access.out_of_agreement")


def _is_agreed(request: web.Request, agreement: Agreement, span: tuple[int, int]) -> bool:
    return agreement.terms.covers(span, request.app[AGREEMENTS].zone)


def _span(body: ViewBody, now_ms: int) -> tuple[int, int] | None:
    """The interval, as far as it is over; None: live."""
    if body.from_ms is None and body.to_ms is None:
        return None
    if body.from_ms is None or body.to_ms is None or not body.from_ms < body.to_ms:
        raise Refused("footage.interval")
    if body.to_ms - body.from_ms > LONGEST_MS:
        raise Refused("footage.too_long", minutes=LONGEST_MS // 60_000)
    if body.from_ms >= now_ms:
        raise Refused("footage.future")
    return body.from_ms, min(body.to_ms, now_ms)


def _alert(request: web.Request, body: ViewBody) -> Alert | None:
    """The alert that it is about. Of a sealed one nothing is opened: a camera would tell its place (law 17)."""
    if not body.alert_id:
        return None
    agreement = request[CALLER].agreement
    if agreement is not None and Share.ALERTS not in agreement.terms.kinds:
        raise Refused("alert.unknown")
    found = request.app[FEED].find(body.alert_id, sees(request))
    if found is None:
        raise Refused("alert.unknown")
    if is_sealed(found):
        raise Refused("footage.reserved")
    return found


def _explains(request: web.Request, alert: Alert, camera: str, span: tuple[int, int] | None) -> bool:
    """Whether the camera is one that is offered for the alert, and the interval lies about its opening."""
    if span is not None and not (
        alert.opened_ms - ABOUT_MS <= span[0] and span[1] <= alert.updated_ms + ABOUT_MS
    ):
        return False
    return request.app[DESK].cameras.is_near(camera, alert.place, request[CALLER].scope)


def _detail(body: ViewBody, clip: Clip | None) -> dict[str, str | int]:
    facts: dict[str, str | int] = {"kind": "live" if clip is None else "clip"}
    if clip is not None:
        pieces = clip.pieces
        facts |= {"asked_from_ms": clip.span[0], "asked_to_ms": clip.span[1]}
        if pieces:
            facts |= {"from_ms": pieces[0].start_ms, "to_ms": pieces[-1].end_ms}
    shown = {SHOWN: CONVERTED} if body.converted else {}
    return facts | shown | ({"alert": body.alert_id} if body.alert_id else {})


async def _attached(views: Views, view: View) -> None:
    """The first pictures, if they come soon: then the page knows at once whether it can play them."""
    live = views.live(view)
    for _ in range(round(_ATTACH_S / _LOOK_S)):
        if live.state is not LiveState.WAITING and (live.whole.pieces or not view.is_converted):
            return
        await asyncio.sleep(_LOOK_S)


def _views(request: web.Request) -> Views:
    views = request.app.get(FOOTAGE)
    if views is None:
        raise Refused("footage.not_recorded")
    return views


def _view(request: web.Request) -> View:
    caller = request[CALLER]
    view = _views(request).find(request.match_info["view_id"], caller.session.id, caller.role)
    if caller.agreement is not None and view.said.detail.get("agreement") != caller.agreement.id:
        raise Refused("footage.no_view")
    return view


async def _read(request: web.Request) -> ViewState:
    return _state(request, _view(request))


async def _close(request: web.Request) -> None:
    deed = request[DEED]
    await _views(request).end(_view(request), write=lambda said: deed.write(nothing_more, entry=said))


def _state(request: web.Request, view: View) -> ViewState:
    views, clip = _views(request), view.clip
    known = ViewState(
        view_id=view.id,
        state="clip",
        now_ms=views.now_ms(),
        playlist=f"/api/v1/footage/views/{view.id}/index.m3u8",
        masks=view.masks,
        converted=view.is_converted,
        convertible=views.conversions.is_offered,
        blank=tuple(Blank(from_ms=since, to_ms=until) for since, until in view.blank.items()),
    )
    if clip is None:
        live = views.live(view)
        cause = live.cause.value if live.cause is not None else None
        codec = live.codec
        if view.is_converted:
            codec = views.conversions.codec if live.whole.pieces else ""
        return replace(known, state=live.state.value, codec=codec, last_ms=live.last_ms, cause=cause)
    pieces = clip.pieces
    return replace(
        known,
        codec=views.conversions.codec if view.is_converted else clip.codec,
        from_ms=pieces[0].start_ms if pieces else clip.span[0],
        to_ms=pieces[-1].end_ms if pieces else clip.span[1],
        gaps=tuple(_gap(each) for each in clip.gaps),
    )


def _gap(gap: Gap) -> ViewGap:
    return ViewGap(from_ms=gap.from_ms, to_ms=gap.to_ms, cause=gap.cause.value)


async def _playlist(request: web.Request) -> web.Response:
    view = _view(request)
    if view.clip is not None:
        text = hls.whole(view.clip.pieces)
    else:
        live = _views(request).live(view)
        shown = live.whole if view.is_converted else live.shown
        if not shown.pieces:
            raise Refused("footage.nothing_yet", retry_after_s=1)
        text = hls.live(shown.pieces, first=shown.first, breaks=shown.breaks)
    return web.Response(text=text, content_type=hls.MEDIA_TYPE, headers=_SENT)


async def _piece(request: web.Request) -> web.Response:
    view, name = _view(request), request.match_info["name"]
    if view.is_converted:
        body = await _of_conversion(request, view, name)
    elif view.clip is not None:
        body = await _of_clip(view, view.clip, name)
    else:
        body = _of_live(request, view, name)
    if body is None:
        raise Refused("footage.gone")
    return web.Response(body=body, content_type="video/mp4", headers=_SENT)


def _of_live(request: web.Request, view: View, name: str) -> bytes | None:
    live = _views(request).live(view)
    piece = next((each for each in live.shown.pieces if each.name == name), None)
    if piece is not None:
        view.sent(piece)
    return live.piece(name)


async def _of_clip(view: View, clip: Clip, name: str) -> bytes | None:
    """From the file each time: the system keeps what many ask for in memory."""
    try:
        for piece in clip.pieces:
            path = view.ring / clip.paths[piece.number]
            if name == f"init-{piece.init}.mp4":
                return (await asyncio.to_thread(read_head, path)).init
            if name == piece.name and _PIECE.fullmatch(name):
                body = await asyncio.to_thread(read_whole, path)
                view.sent(piece)
                return body
    except PayloadRejected:
        raise Refused("footage.gone") from None
    return None


async def _of_conversion(request: web.Request, view: View, name: str) -> bytes | None:
    """Made now, unless somebody asked for it just before: of a clip or live, whole segments that are over."""
    asked, views = _CONVERTED.fullmatch(name), _views(request)
    found = _recorded(views, view, int(asked["number"])) if asked is not None else None
    if asked is None or found is None:
        return None
    piece, path = found
    try:
        made = await views.conversions.of(await asyncio.to_thread(read_native, path))
    except PayloadRejected:
        raise Refused("footage.gone") from None
    if asked["init"]:
        return made.init
    view.sent(piece)
    if made.is_blank:
        view.blank[piece.start_ms] = piece.end_ms
    return made.body


def _recorded(views: Views, view: View, number: int) -> tuple[hls.Piece, Path] | None:
    """A segment of the view's playlist, and its file."""
    pieces = view.clip.pieces if view.clip is not None else views.live(view).whole.pieces
    piece = next((each for each in pieces if each.number == number), None)
    if piece is None:
        return None
    if view.clip is not None:
        return piece, view.ring / view.clip.paths[number]
    path = views.live(view).path(number)
    return (piece, path) if path is not None else None


_LOOKING: Final = ROOM | {Role.PARTNER}
_PURPOSES: Final = {Role.PARTNER: Purpose.SHARED_FOOTAGE}
_PROBLEMS: Final = ("footage.no_view",)


def footage_endpoints() -> tuple[Endpoint, ...]:
    """What the room sees of cameras. The rows of the ledger are the view's: opened, watched, ended."""
    view = "/api/v1/footage/views/{view_id}"
    return (
        Endpoint(
            name="footage.open",
            method="POST",
            path="/api/v1/footage/views",
            says="Look at a camera, live or an interval; who, why and what is in the ledger before the first byte",
            handler=_open,
            roles=_LOOKING,
            shares=SHARED_FOOTAGE,
            purpose_of=_PURPOSES,
            ledgered=Ledgered.ACT,
            body=ViewBody,
            answer=ViewState,
            status=201,
            problems=(
                "footage.no_camera", "footage.not_recorded", "footage.elsewhere", "footage.interval",
                "access.out_of_agreement", "footage.too_long", "footage.future", "footage.reserved", "footage.too_many",
                "access.reason_missing", "alert.unknown", "footage.not_converted", "footage.no_converter",
                "footage.converting",
            ),
        ),
        Endpoint(
            name="footage.state",
            method="GET",
            path=view,
            says="How one's view stands: whether its pictures are of now, since when not, and why",
            handler=_read,
            roles=_LOOKING,
            shares=SHARED_FOOTAGE,
            purpose_of=_PURPOSES,
            answer=ViewState,
            problems=_PROBLEMS,
        ),
        Endpoint(
            name="footage.close",
            method="DELETE",
            path=view,
            says="End one's view; the ledger has what was sent of it",
            handler=_close,
            roles=_LOOKING,
            shares=SHARED_FOOTAGE,
            purpose_of=_PURPOSES,
            ledgered=Ledgered.ACT,
            status=204,
            problems=_PROBLEMS,
        ),
        Endpoint(
            name="footage.playlist",
            method="GET",
            path=f"{view}/index.m3u8",
            says="The playlist of one's view (RFC 8216)",
            handler=_playlist,
            roles=_LOOKING,
            shares=SHARED_FOOTAGE,
            purpose_of=_PURPOSES,
            media_type=hls.MEDIA_TYPE,
            problems=(*_PROBLEMS, "footage.nothing_yet"),
        ),
        Endpoint(
            name="footage.piece",
            method="GET",
            path=f"{view}/{{name}}",
            says="A header or a piece that the playlist names: fragmented MP4, as the camera coded it or converted",
            handler=_piece,
            roles=_LOOKING,
            shares=SHARED_FOOTAGE,
            purpose_of=_PURPOSES,
            media_type="video/mp4",
            problems=(*_PROBLEMS, "footage.gone", "footage.no_converter", "footage.converting", "footage.unreadable"),
        ),
    )  # fmt: skip
