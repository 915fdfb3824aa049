"""The operator's console as a page (ADR 0031): files that ``console/web`` was built into, and the policy that they run
under.

The files hold nothing of the city, so they are open to all; what the page shows it asks of ``/api/v1``. One answer
serves every address of the page: which of its screens an address means is the page's own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from aiohttp import web

from cior_console.endpoints import Endpoint
from cior_core.model import DataClass

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
)
"""Content Security Policy Level 3 with Trusted Types: nothing from another host, no inline code, no HTML from text."""
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}
_TYPES: Final = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "woff2": "font/woff2"}
_YEAR: Final = "public, max-age=31536000, immutable"
_NOT_BUILT: Final = (
    "La pagina de la consola no esta construida en esta copia: `make web`.\n"
    "The console's page is not built in this checkout: `make web`.\n"
)


@cache
def _files() -> Mapping[str, bytes]:
    """The bundle by path; empty when it was never built. It does not change while the console runs."""
    root = resources.files("cior_console") / "static_app"
    if not root.is_dir():
        return {}
    folders = {"": root, "assets/": root / "assets"}
    return {
        f"{prefix}{file.name}": file.read_bytes()
        for prefix, folder in folders.items()
        for file in folder.iterdir()
        if file.is_file()
    }


def page_endpoints() -> tuple[Endpoint, ...]:
    """The page's rows of the table of endpoints."""
    return (
        _row("console.away", "/console", "to the console's page", _away),
        _row("console.page", "/console/", "the console's page", _page),
        _row("console.screen", "/console/{name}", "the same page: a screen of it, or its icon", _screen),
        _row("console.alert", "/console/alerts/{alert_id}", "the same page: an alert", _page),
        _row("console.portal", "/console/portal/{name}", "the same page: a request, or a new one", _page),
        _row("console.asset", "/console/assets/{name}", "what the page is made of", _asset),
    )


def _row(name: str, path: str, says: str, handler: Any) -> Endpoint:
    values: dict[str, Any] = {"is_open": True, "data_class": DataClass.PUBLIC}
    return Endpoint(name=name, method="GET", path=path, says=says, handler=handler, **values)


async def _away(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPPermanentRedirect("/console/")


async def _page(_request: web.Request) -> web.StreamResponse:
    body = _files().get("index.html")
    if body is None:
        return web.Response(status=503, text=_NOT_BUILT)
    # Asked for each time: a page of yesterday would ask for files of yesterday.
    headers = {**_HEADERS, "Cache-Control": "no-cache"}
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


async def _screen(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    return _file(name, "no-cache") if name.endswith(".svg") else await _page(request)


async def _asset(request: web.Request) -> web.StreamResponse:
    return _file(f"assets/{request.match_info['name']}", _YEAR)


def _file(path: str, cached: str) -> web.Response:
    body, kind = _files().get(path), _TYPES.get(path.rpartition(".")[2])
    if body is None or kind is None:
        return web.Response(status=404, text="no such file\n", headers=dict(_HEADERS))
    return web.Response(body=body, content_type=kind, headers={**_HEADERS, "Cache-Control": cached})
