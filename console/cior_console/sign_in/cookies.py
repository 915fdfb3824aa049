"""The cookies of sign-in (RFC 6265bis): whole-host, for TLS or loopback only, and what one of them proves.

``__Host-``: set by this host, for all of its paths, never by a neighbour's page of a sister domain. Cookies know no
ports: another program on the same host name receives and can overwrite ours, so Grafana has a host name of its own, and
a session is never believed without the rule of ``cross_site``.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from aiohttp import web

SESSION: Final = "__Host-cior_session"
BROWSER: Final = "__Host-cior_browser"
JOURNEY: Final = "__Host-cior_journey"
_BROWSER_LIFE_S: Final = 180 * 86_400
_JOURNEY_LIFE_S: Final = 600
_LONGEST: Final = 256
_SEAL: Final = 40
_ACCOUNTS: Final = 4
"""Of one browser that are remembered: a desk has a few people a day."""


def give_session(response: web.StreamResponse, token: str) -> None:
    """The session's token, until the browser closes; a display's stays (``keep_session``)."""
    response.set_cookie(SESSION, token, path="/", secure=True, httponly=True, samesite="Strict")


def keep_session(response: web.StreamResponse, token: str, *, life_s: int) -> None:
    """The same for a wall that must come back by itself after a power cut."""
    response.set_cookie(
        SESSION, token, path="/", secure=True, httponly=True, samesite="Strict", max_age=life_s
    )


def take_session(response: web.StreamResponse) -> None:
    """The browser forgets it."""
    response.del_cookie(SESSION, path="/", secure=True, httponly=True, samesite="Strict")


def give_journey(response: web.StreamResponse, token: str) -> None:
    """Binds a sign-in at the city's provider to this browser. Lax: the provider's page leads back here (a
    cross-site navigation, on which a browser sends no Strict cookie).
    """
    response.set_cookie(
        JOURNEY, token, path="/", secure=True, httponly=True, samesite="Lax", max_age=_JOURNEY_LIFE_S
    )


def take_journey(response: web.StreamResponse) -> None:
    """It is over."""
    response.del_cookie(JOURNEY, path="/", secure=True, httponly=True, samesite="Lax")


def shown(request: web.Request, name: str) -> str:
    """What the browser sends under this name; empty for none, two, or what none of ours is. Total for any bytes."""
    given = [value for each in request.headers.getall("Cookie", []) for value in _values(each, name)]
    if len(given) != 1 or len(given[0]) > _LONGEST or not given[0].isascii():
        return ""  # two of one name: somebody else on this host name set one
    return given[0]


def _values(header: str, name: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value.strip('"') for key, _, value in pairs if key == name]


def new_token() -> str:
    """256 bits that nobody guesses, as text of a cookie."""
    return secrets.token_urlsafe(32)


def give_browser(response: web.StreamResponse, value: str) -> None:
    """What :meth:`KnownBrowsers.remembering` made."""
    response.set_cookie(
        BROWSER, value, path="/", secure=True, httponly=True, samesite="Strict", max_age=_BROWSER_LIFE_S
    )


class KnownBrowsers:
    """A cookie that says which accounts signed in from here: a random name, and a seal for each account (RFC 2104).

    It opens nothing. It only lets ``lockout`` ask this browser for its own failures instead of everybody's.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"cior known browser 1", "sha256")

    def name(self, cookie: str, account: str) -> str:
        """The browser's name if ``account`` signed in here before, else empty. Total for any text."""
        name, _, seals = cookie.partition(".")
        known = any(hmac.compare_digest(self._seal(name, account), each) for each in seals.split("."))
        return name if name and known else ""

    def remembering(self, cookie: str, account: str) -> str:
        """The cookie by which this browser is known to ``account`` from now on, and to the last few before it."""
        name, _, seals = cookie.partition(".")
        seal = self._seal(name := name or secrets.token_urlsafe(12), account)
        kept = [each for each in seals.split(".") if len(each) == _SEAL and each != seal]
        return ".".join((name, *kept[-(_ACCOUNTS - 1) :], seal))

    def _seal(self, name: str, account: str) -> str:
        return hmac.digest(self._key, f"{name}\0{account}".encode(), "sha256").hex()[:_SEAL]
