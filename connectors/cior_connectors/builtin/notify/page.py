"""The page behind an acknowledgement link, and where watchers report.

Opening a page confirms nothing, for mail servers and messengers open links by themselves: only the button does, which
posts. A page says the level and what a phone was told, in a strict policy, is kept by nobody and sent on to nobody.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from cior_connectors.builtin.notify.decode import CLOCK_WITHIN_MS
from cior_connectors.builtin.notify.links import Links
from cior_connectors.builtin.notify.notice import Notice, sentences, words_of
from cior_connectors.builtin.notify.ringing import Ringer
from cior_connectors.contract import Accepted, Outcome, Refused
from cior_core.duty import DutyPerson
from cior_core.errors import AccessDenied, SourceUnavailable
from cior_core.sentences import Text

BEAT_SIGNATURE = "X-CIOR-Signature"
_BEAT_BYTES = 4_096
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_STYLE = "body{font:20px sans-serif;max-width:30em;margin:2em auto;padding:1em}button{font-size:1.3em;padding:.8em}"
HandBeat = Callable[[str, bytes], Awaitable[Outcome]]


class Pages:
    """Answers requests; ``watchers``: the secret of each by its name; ``hand``: makes a beat durable."""

    def __init__(
        self,
        ringer: Ringer,
        links: Links,
        *,
        watchers: dict[str, str],
        hand: HandBeat,
        now_ms: Callable[[], int],
        zone: ZoneInfo,
    ) -> None:
        self._ringer, self._links, self._watchers, self._hand = ringer, links, watchers, hand
        self._now_ms, self._zone = now_ms, zone

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request to this connector."""
        first, _, rest = request.path.lstrip("/").partition("/")
        if first == "a" and rest and request.method in {"GET", "HEAD", "POST"}:
            return await self._link(rest, is_press=request.method == "POST")
        if first == "beat" and request.method == "POST":
            return await self._beat(rest, request)
        return web.Response(status=405 if first in {"a", "beat"} else 404)

    async def _link(self, token: str, *, is_press: bool) -> web.Response:
        try:
            name = self._links.read(token, now_ms=self._now_ms())
        except AccessDenied as denied:
            code = "page_expired" if denied.code == "link.expired" else "page_unknown"
            return _page(410 if code == "page_expired" else 404, sentences().text(code, {}))
        asked = self._ringer.asked_by(name)
        if asked is None:
            return _page(404, sentences().text("page_unknown", {}))
        if is_press:
            return await self._press(name, asked[1].language)
        if self._ringer.used_ms(name) is not None:
            return _page(410, sentences().text("page_used", {}), language=asked[1].language)
        return _form(*asked)

    async def _press(self, name: str, language: str) -> web.Response:
        try:
            outcome = await self._ringer.press(name)
        except SourceUnavailable:
            return _page(503, sentences().text("page_later", {}), language=language)
        if outcome != "done":
            return _page(410, sentences().text("page_used", {}), language=language)
        at_ms = self._ringer.used_ms(name) or self._now_ms()
        time = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone).strftime("%H:%M:%S")
        return _page(200, sentences().text("page_done", {"time": time}), language=language)

    async def _beat(self, watcher: str, request: web.BaseRequest) -> web.Response:
        secret = self._watchers.get(watcher)
        body = await request.content.read(_BEAT_BYTES + 1)
        given = request.headers.get(BEAT_SIGNATURE, "").encode("utf-8", "replace")
        if secret is None or not hmac.compare_digest(given, beat_signature(secret, body).encode()):
            return web.json_response({"outcome": "unauthorised"}, status=401)
        if len(body) > _BEAT_BYTES:
            return web.json_response({"outcome": "refused"}, status=413, headers={"Connection": "close"})
        if not _is_fresh(body, self._now_ms()):
            return web.json_response({"outcome": "refused", "code": "beat.clock"}, status=409)
        match await self._hand(watcher, body):
            case Accepted():
                return web.json_response({"outcome": "accepted"}, status=202)
            case Refused(code=code):
                return web.json_response(
                    {"outcome": "refused", "code": code}, status=503, headers={"Retry-After": "1"}
                )
            case rejected:
                return web.json_response({"outcome": "rejected", "code": rejected.code}, status=202)


class _Dated(msgspec.Struct):
    at_ms: int


def _is_fresh(body: bytes, now_ms: int) -> bool:
    """A beat that was recorded says nothing of now. What cannot be read is for ``decode`` to reject."""
    try:
        at_ms = msgspec.json.decode(body, type=_Dated).at_ms
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return True
    return abs(now_ms - at_ms) <= CLOCK_WITHIN_MS


def beat_signature(secret: str, body: bytes) -> str:
    """``sha256=<hex>``: HMAC-SHA256 over the body (RFC 2104), which holds its own instant."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def _form(notice: Notice, person: DutyPerson) -> web.Response:
    words = words_of(notice, language=person.language, link="")
    button = _in(sentences().text("page_take" if notice.is_task else "page_acknowledge", {}), person.language)
    hint = _in(sentences().text("page_hint", {}), person.language)
    lines = "".join(f"<p>{escape(line)}</p>" for line in words.body.splitlines())
    body = (
        f"<h1>{escape(words.title)}</h1>{lines}"
        f'<form method="post"><button>{escape(button)}</button></form><p>{escape(hint)}</p>'
    )
    return _html(200, words.title, body, person.language)


def _page(status: int, text: Text, *, language: str = "") -> web.Response:
    """One sentence; in both languages when nobody knows who reads."""
    said = [_in(text, language)] if language else [text.es, text.en]
    return _html(status, "CIOR", "".join(f"<p>{escape(each)}</p>" for each in said), language or "es")


def _in(text: Text, language: str) -> str:
    return text.en if language == "en" else text.es


def _html(status: int, title: str, body: str, language: str) -> web.Response:
    whole = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return web.Response(
        status=status, text=whole, content_type="text/html", charset="utf-8", headers=_policy()
    )


def _policy() -> dict[str, str]:
    digest = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
    return {name: value.replace("{style}", digest) for name, value in _HEADERS.items()}
