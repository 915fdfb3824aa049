"""The page over HTTP, on this machine only: loopback, one browser, opened by a token that works once.

The token stands behind ``#`` in the address, which no browser sends; the page hands it over once and gets a cookie.
Every request must name this machine as its host (else a name of somebody's could be turned to it), each that changes or
computes something must come from the page itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog

from cior_core.errors import AccessDenied, CapacityExhausted, CiorError, ConfigInvalid, PayloadRejected
from cior_video.sources import Strict
from cior_vision.calibration.bench import Bench
from cior_vision.calibration.drawing import Drawing

LOG = structlog.get_logger("cior.vision.calibration")
HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 262_144
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PAGE: Final = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
JSON: Final = "application/json"


class SaveBody(Strict, frozen=True, kw_only=True):
    """A drawing and which state of the file it was drawn on."""

    drawing: Drawing
    digest: str


class Calibration:
    """The server. ``address`` is to be opened in a browser of this machine; :meth:`serve` until :meth:`stop`."""

    def __init__(self, bench: Bench, *, port: int = 0) -> None:
        """Raises ``ConfigInvalid`` (``vision.port_taken``)."""
        self.bench = bench
        self._token: str | None = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        except OSError as error:
            raise ConfigInvalid(
                "vision.port_taken", f"port {port} cannot be listened on", cure="give another --port, or none"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.address = f"http://{HOST}:{self.port}/#{self._token}"

    def serve(self) -> None:
        """Answer until :meth:`stop`."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Stop answering; from another thread than :meth:`serve`'s."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser of this machine calls it."""
        return frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})

    @property
    def cookie(self) -> str:
        """Cookies of one host are shared by its ports: the name has this one's."""
        return f"cior-calibration-{self.port}"

    def entered(self, token: str) -> str | None:
        """The cookie's value for the token, once."""
        known, self._token = self._token, None
        if known is not None and hmac.compare_digest(token.encode(), known.encode()):
            return self._cookie
        self._token = known
        return None

    def is_inside(self, cookies: str) -> bool:
        """Whether the browser has the cookie."""
        wanted = f"{self.cookie}={self._cookie}"
        return any(hmac.compare_digest(each.strip().encode(), wanted.encode()) for each in cookies.split(";"))


class _Answer(msgspec.Struct, frozen=True):
    status: HTTPStatus
    body: bytes = b""
    kind: str = JSON
    cookie: str = ""


_STATUS: Final = (
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (PayloadRejected, HTTPStatus.NOT_FOUND),
    (CapacityExhausted, HTTPStatus.SERVICE_UNAVAILABLE),
)


def _told(error: CiorError) -> _Answer:
    status = next(
        (each for kind, each in _STATUS if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY
    )
    if error.code == "vision.file_changed":
        status = HTTPStatus.CONFLICT
    problem = {"code": error.code, "sentence": error.sentence, "cure": error.cure}
    return _Answer(status, msgspec.json.encode(problem))


def _handler(centre: Calibration) -> type[BaseHTTPRequestHandler]:
    """The handler's class, which the library wants to make itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        server_version, sys_version = "cior", ""

        def do_GET(self) -> None:
            self._answer(lambda: _got(centre, self.path, self.headers))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else -1
            if 0 <= size <= MOST_BYTES:
                data = self.rfile.read(size)
                self._answer(lambda: _posted(centre, self.path, self.headers, data))
            else:
                self.close_connection = True
                self._send(_told(ConfigInvalid("page.body", "the drawing is too large", cure="draw less")))

        def _answer(self, work: Callable[[], _Answer]) -> None:
            try:
                answer = work()
            except CiorError as error:
                answer = _told(error)
            self._send(answer)

        def _send(self, answer: _Answer) -> None:
            self.send_response(answer.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            if answer.cookie:
                self.send_header("Set-Cookie", answer.cookie)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002  (the library's)
            LOG.debug("page_asked", path=urlsplit(self.path).path)

    return Handler


def _at_this_machine(centre: Calibration, headers: Any) -> None:
    if headers.get("Host", "") not in centre.hosts:
        raise AccessDenied(
            "page.host",
            "this page is of this machine only",
            cure=f"open {HOST} in a browser of the same machine",
        )


def _inside(centre: Calibration, headers: Any) -> None:
    if not centre.is_inside(headers.get("Cookie", "")):
        raise _outside()


def _outside() -> AccessDenied:
    return AccessDenied(
        "page.outside",
        "this browser did not open the page with its address",
        cure="open the whole address that the command printed; it works once: start the command again for another",
    )


def _unknown() -> PayloadRejected:
    return PayloadRejected("page.unknown", "there is nothing here", cure="open the page itself")


def _got(centre: Calibration, target: str, headers: Any) -> _Answer:
    _at_this_machine(centre, headers)
    asked = urlsplit(target)
    if asked.path in PAGE:
        name, kind = PAGE[asked.path]
        return _Answer(
            HTTPStatus.OK, files("cior_vision.calibration").joinpath("page", name).read_bytes(), kind
        )
    if asked.path == "/favicon.ico":
        return _Answer(HTTPStatus.NO_CONTENT)
    _inside(centre, headers)
    match asked.path:
        case "/state":
            return _Answer(HTTPStatus.OK, msgspec.json.encode(centre.bench.state()))
        case "/still":
            return _Answer(HTTPStatus.OK, centre.bench.still(_second(asked.query)), "image/jpeg")
        case _:
            raise _unknown()


def _posted(centre: Calibration, target: str, headers: Any, data: bytes) -> _Answer:
    _at_this_machine(centre, headers)
    if headers.get("Origin", "") not in {f"http://{host}" for host in centre.hosts}:
        raise AccessDenied("page.origin", "this does not come from the page", cure="open the page itself")
    if target == "/enter":
        return _entered(centre, data)
    _inside(centre, headers)
    match target:
        case "/try":
            found: Any = centre.bench.tried(_body(data, Drawing))
        case "/save":
            body = _body(data, SaveBody)
            found = centre.bench.saved(body.drawing, before=body.digest)
        case _:
            raise _unknown()
    return _Answer(HTTPStatus.OK, msgspec.json.encode(found))


def _entered(centre: Calibration, data: bytes) -> _Answer:
    value = centre.entered(data.decode("latin-1"))
    if value is None:
        raise _outside()
    return _Answer(
        HTTPStatus.NO_CONTENT, cookie=f"{centre.cookie}={value}; Path=/; HttpOnly; SameSite=Strict"
    )


def _second(query: str) -> float:
    text = parse_qs(query).get("at", ["0"])[0]
    try:
        return max(0.0, min(float(text), 86_400.0))
    except ValueError:
        return 0.0


def _body(data: bytes, form: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.MsgspecError as error:
        raise ConfigInvalid(
            "page.body", f"the drawing cannot be read: {error}", cure="correct what it names"
        ) from error
