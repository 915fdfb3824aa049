"""What anybody may open without signing in: the counts of requests on a page that needs no script and prints, the
verifier's page, and the portal's short address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from cior_console.desk import DESK
from cior_console.endpoints import Endpoint, query_of
from cior_console.judicial_pages import JUDICIAL
from cior_console.judicial_sums import counts_of
from cior_console.problems import Refused
from cior_console.web import CONFIG
from cior_core import strict_toml
from cior_core.judicial.calendars import day_of
from cior_core.judicial.reports import K, PublicCount
from cior_core.model import DataClass
from cior_core.suppression import TOTAL

Language = Literal["es", "en"]
_HIDDEN: Final = "–"
_FIRST_YEAR: Final = 2020
_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_POLICY_OF_PAGE: Final = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"]+)"')


class PublicQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``year``: a civil year of the jurisdiction that is over; 0: the last one."""

    year: Annotated[int, msgspec.Meta(ge=0, le=2_200)] = 0
    lang: Language = "es"


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    es: str
    en: str


def public_endpoints() -> tuple[Endpoint, ...]:
    """Their rows of the table of endpoints."""
    return (
        _row("portal.away", "/portal", "to the portal of prosecutors and defenders", _portal),
        _row(
            "transparency.page",
            "/transparencia",
            "a year's counts of requests as a page for anybody: no script, printable",
            _transparency,
            query=PublicQuery,
            media_type="text/html",
        ),
        _row(
            "verifier.page",
            "/verificar.html",
            "the page that verifies a package in the browser, as it travels in each package",
            _verifier,
            media_type="text/html",
        ),
    )


def _row(name: str, path: str, says: str, handler: Any, **more: Any) -> Endpoint:
    values: dict[str, Any] = {"is_open": True, "data_class": DataClass.PUBLIC} | more
    return Endpoint(name=name, method="GET", path=path, says=says, handler=handler, **values)


async def _portal(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPPermanentRedirect("/console/portal")


@cache
def _verifier_page() -> bytes:
    return resources.files("cior_evidence").joinpath("verificar.html").read_bytes()


async def _verifier(_request: web.Request) -> web.Response:
    """The very bytes that travel in a package, under the policy that they carry themselves: they ask nothing of any
    host, this one included.
    """
    body = _verifier_page()
    found = _POLICY_OF_PAGE.search(body)
    assert found is not None, "the verifier's page has lost its policy"
    policy = f"{found[1].decode()}; frame-ancestors 'none'"
    headers = {**_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


async def _transparency(request: web.Request) -> web.Response:
    """The same figures as ``/api/v1/transparency/requests``."""
    if JUDICIAL not in request.app:
        raise Refused("request.no_such_path")
    query, rules = query_of(request, PublicQuery), request.app[JUDICIAL].rules
    this_year = day_of(request.app[DESK].now_ms(), rules.zone).year
    year = query.year or this_year - 1
    told = _Told(query.lang, year, centre=request.app[CONFIG].centre, place=rules.jurisdiction.name)
    is_over = year < this_year
    counts = await counts_of(request, year) if is_over else []
    body = told.page(counts, is_over=is_over, has_next=year + 1 < this_year)
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return web.Response(
        status=200 if is_over else 409,
        body=body.encode(),
        content_type="text/html",
        charset="utf-8",
        headers=headers,
    )


@cache
def _words() -> Mapping[str, _Words]:
    text = resources.files("cior_console").joinpath("data", "transparency.toml").read_text(encoding="utf-8")
    return strict_toml.parse(text, dict[str, _Words], file="transparency.toml")


class _Told:
    """The page of one year in one language."""

    def __init__(self, language: Language, year: int, *, centre: str, place: str) -> None:
        self._language, self._year, self._centre, self._place = language, year, centre, place

    def page(self, counts: Sequence[PublicCount], *, is_over: bool, has_next: bool) -> str:
        """The whole document."""
        other: Language = "en" if self._language == "es" else "es"
        shown = self._table(counts) if counts else f"<p>{self._say('none' if is_over else 'open')}</p>"
        links = [
            self._link("before", self._year - 1) if self._year > _FIRST_YEAR else "",
            self._link("after", self._year + 1) if has_next else "",
            f'<a href="/api/v1/transparency/requests?year={self._year}">{self._say("data")}</a>'
            if is_over
            else "",
            f'<a href="/transparencia?year={self._year}&amp;lang={other}" lang="{other}">{self._say("language")}</a>',
        ]
        return (
            f'<!doctype html>\n<html lang="{self._language}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{self._say('title')} {self._year}</title>\n"
            '<link rel="icon" href="/console/icon.svg">\n<link rel="stylesheet" href="/static/public.css">\n'
            f"</head>\n<body>\n<header><p>{escape(self._centre)} · {escape(self._place)}</p></header>\n<main>\n"
            f"<h1>{self._say('title')}, {self._year}</h1>\n<p>{self._say('lead')}</p>\n{shown}\n</main>\n"
            f"<nav>{' '.join(filter(None, links))}</nav>\n</body>\n</html>\n"
        )

    def _table(self, counts: Sequence[PublicCount]) -> str:
        of = {(each.kind, each.answer): each.count for each in counts}
        kinds = list(dict.fromkeys(each.kind for each in counts))
        answers = sorted({each.answer for each in counts}, key=lambda name: (name == TOTAL, name))
        head = "".join(f'<th scope="col">{self._named("answer", name)}</th>' for name in answers)
        rows = "\n".join(
            f'<tr><th scope="row">{self._named("kind", kind)}</th>'
            + "".join(f"<td>{_figure(of[kind, answer])}</td>" for answer in answers)
            + "</tr>"
            for kind in kinds
        )
        return (
            f'<div class="wide"><table>\n<thead><tr><th scope="col">{self._say("kind")}</th>{head}</tr></thead>\n'
            f"<tbody>\n{rows}\n</tbody>\n</table></div>\n<p><small>{self._say('hidden')}</small></p>"
        )

    def _named(self, prefix: str, name: str) -> str:
        return self._say("total" if name == TOTAL else f"{prefix}_{name}")

    def _link(self, word: str, year: int) -> str:
        return (
            f'<a href="/transparencia?year={year}&amp;lang={self._language}">{self._say(word)} ({year})</a>'
        )

    def _say(self, word: str) -> str:
        found: str = getattr(_words()[word], self._language)
        return escape(found.format(year=self._year, k=K, hidden=_HIDDEN))


def _figure(count: int | None) -> str:
    return _HIDDEN if count is None else str(count)
