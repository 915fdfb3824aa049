"""What both adapters do alike: retries of what only reads, errors by what to do next, replies read strictly.

An adapter hands each call over as a function; what its library raises comes here as a :class:`Failure`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import structlog

from cior_core.errors import AccessDenied, CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import Struct
from cior_grafana.port import Conflict

log = structlog.get_logger(__name__)
R = TypeVar("R")
DOWN, SLOW, NO_JSON, REDIRECT, TLS = 0, -1, -2, -3, -4
"""Statuses of a :class:`Failure` that no server sent."""
_AGAIN = frozenset({DOWN, 502, 503, 504})
PAUSES_S = (0.2, 0.6)
"""Waits before a second and a third try."""


class Failure(Exception):
    """A call that gave no reply to read: the server's status, or one of the constants above, and what it sent."""

    def __init__(self, status: int, response: Any = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.response = response


class Caller(Struct, frozen=True, kw_only=True):
    """Runs calls against one server. ``shown`` is its address without secrets."""

    shown: str

    def read(self, doing: str, kind: type[R], call: Callable[[], Any]) -> R:
        """A call that changes nothing: tried again when the server, or what stands before it, is away."""
        return self._decoded(doing, kind, self._patiently(doing, call))

    def find(self, doing: str, kind: type[R], call: Callable[[], Any]) -> R | None:
        """As :meth:`read`; None when the server does not know the thing."""
        try:
            return self._decoded(doing, kind, self._patiently(doing, call, allowed=frozenset({404})))
        except Failure:
            return None

    def ask(self, doing: str, kind: type[R], call: Callable[[], Any], *, key: str) -> R:
        """As :meth:`read`, for what answers 400 with a proper reply: a data source that says no. The reply has ``key``.

        See ``toJsonStreamingResponse`` in Grafana's ``pkg/api/metrics.go``.
        """
        try:
            reply = self._patiently(doing, call, allowed=frozenset({400, 500}))
        except Failure as failed:
            if not isinstance(failed.response, dict) or key not in failed.response:
                raise self._told(doing, failed) from failed
            reply = failed.response
        return self._decoded(doing, kind, reply)

    def write(self, doing: str, kind: type[R], call: Callable[[], Any]) -> R:
        """A call that changes something: tried once, since nobody knows what a lost reply had done."""
        try:
            return self._decoded(doing, kind, call())
        except Failure as failed:
            raise self._told(doing, failed) from failed

    def do(self, doing: str, call: Callable[[], Any]) -> None:
        """As :meth:`write`, when nothing in the reply is needed: any object will do, and so will none (204)."""
        try:
            reply = call()
        except Failure as failed:
            raise self._told(doing, failed) from failed
        if isinstance(reply, str):
            raise self._told(doing, Failure(NO_JSON))

    def _patiently(
        self, doing: str, call: Callable[[], Any], *, allowed: frozenset[int] = frozenset()
    ) -> Any:
        for pause_s in (*PAUSES_S, None):
            try:
                return call()
            except Failure as failed:
                if failed.status in allowed:
                    raise
                if pause_s is None or failed.status not in _AGAIN:
                    raise self._told(doing, failed) from failed
                log.info("grafana_away", doing=doing, status=failed.status, again_in_s=pause_s)
                time.sleep(pause_s)
        raise AssertionError("the last pause is None")

    def _decoded(self, doing: str, kind: type[R], reply: Any) -> R:
        """A reply in its documented shape. A library hands on a page of HTML as text, and that is no success."""
        if isinstance(reply, str):
            raise self._told(doing, Failure(NO_JSON))
        try:
            return msgspec.convert(reply, kind, strict=True)
        except msgspec.ValidationError as error:
            raise ConfigInvalid(
                "grafana.reply",
                f"{doing}: {self.shown} answered in another shape than documented ({error})",
                cure="this Grafana's API differs from the tested ones: deploy/grafana/README.md names them",
            ) from error

    def _told(self, doing: str, failed: Failure) -> CiorError:
        return told(f"{doing} at {self.shown}", failed)


def told(doing: str, failed: Failure) -> CiorError:
    """The error for a failure, by what to do next."""
    status, words = failed.status, _words(failed.response)
    if status == 401:
        return CredentialsRefused(
            "grafana.credentials", f"{doing}: the token or password was refused (401)", cure=_OTHERS
        )
    if status == 403:
        return AccessDenied("grafana.denied", f"{doing}: refused (403){words}", cure=_MORE_RIGHTS)
    if status in {409, 412}:
        return Conflict(
            "grafana.conflict",
            f"{doing}: changed meanwhile, or there already ({status}){words}",
            cure=_LOOK_AGAIN,
        )
    if status in _UNSENT:
        code, sentence, cure = _UNSENT[status]
        kind = SourceUnavailable if status in {DOWN, SLOW} else ConfigInvalid
        return kind(code, f"{doing}: {sentence}", cure=cure)
    if status == 429 or status >= 500:
        return SourceUnavailable(
            "grafana.away", f"{doing}: Grafana or its proxy answered {status}{words}", cure=_WAIT
        )
    return ConfigInvalid("grafana.refused", f"{doing}: refused ({status}){words}", cure=_WRONG_PLACE)


_OTHERS = "make a new token (Administration > Service accounts) and put it into CIOR_GRAFANA_TOKEN_FILE"
_MORE_RIGHTS = "use an account with the basic role Admin of this organisation"
_LOOK_AGAIN = "look at it in Grafana, then run the command again"
_WAIT = "look at the server's log, then run the command again"
_WRONG_PLACE = "check address, path prefix and organisation: `cior grafana check URL` tells more"
_UNSENT = {
    DOWN: ("grafana.down", "no connection", "start Grafana, or correct host and port, then run it again"),
    SLOW: ("grafana.slow", "no answer in time", "look at the server's load, or give a longer --timeout"),
    NO_JSON: (
        "grafana.not_api",
        "the answer is a web page, not the API",
        "something before Grafana asks people to sign in, or the path prefix is wrong: give the API's own address",
    ),
    REDIRECT: (
        "grafana.moved",
        "the answer leads to another address",
        "give the final address; credentials are not sent after a redirect",
    ),
    TLS: (
        "grafana.tls",
        "its certificate was not accepted",
        "REQUESTS_CA_BUNDLE names the city's own authority",
    ),
}


def _words(response: Any) -> str:
    """What the server said, short: its messages name objects, not people."""
    message = response.get("message") if isinstance(response, dict) else None
    return f": {message[:200]}" if isinstance(message, str) and message else ""
