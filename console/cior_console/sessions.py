"""Who may look at the wall: one token that is presented once, a session in its place, and few tries.

The cookie is not the token: it is a session that begins when the token is shown, sealed with a key made of it
(RFC 2104). The server keeps none of them, so a console that starts again leaves no screen dark, and another token ends
them all.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import secrets
from collections import OrderedDict

from cior_core.model import Struct

_PRESENTED, _SEALED = b"cior wall: token", b"cior wall: session 1"
_LONGEST = 200


class Session(Struct, frozen=True):
    """A session that is good now. ``ends_ms``: presented again or not, it is over then. ``cookie``: its renewal, when
    half of its idle time has gone by.
    """

    ends_ms: int
    cookie: str | None = None


class WallSessions:
    """Sessions of one token. Unused for ``idle_s`` they end, and after ``life_s`` in any case."""

    def __init__(self, token: str, *, idle_s: float = 12 * 3600, life_s: float = 7 * 86_400) -> None:
        self._key = hmac.digest(token.encode(), _SEALED, "sha256")
        self._presented = self._digest(_PRESENTED + token.encode())
        self._idle_ms, self._life_ms = int(idle_s * 1000), int(life_s * 1000)

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")

    def is_token(self, given: str) -> bool:
        """Whether ``given`` is the wall's token; total for any text, bytes that are no UTF-8 included (PEP 383)."""
        shown = self._digest(_PRESENTED + given.encode("utf-8", "surrogateescape"))
        return hmac.compare_digest(shown, self._presented)

    def begin(self, now_ms: int) -> Session:
        """A new session with its cookie."""
        return Session(now_ms + self._life_ms, self._cookie(now_ms, now_ms, secrets.token_hex(16)))

    def _cookie(self, born_ms: int, used_ms: int, name: str) -> str:
        content = f"{born_ms}.{used_ms}.{name}"
        return f"{content}.{self._digest(content.encode()).hex()}"

    def check(self, cookie: str, now_ms: int) -> Session | None:
        """The session of ``cookie``; None when it is none of ours or over. Total for any text."""
        content, _, seal = cookie.rpartition(".")
        if not cookie.isascii() or len(cookie) > _LONGEST:
            return None
        if not hmac.compare_digest(self._digest(content.encode()).hex(), seal):
            return None
        born, used, name = content.split(".")
        born_ms, used_ms = int(born), int(used)
        if now_ms >= min(born_ms + self._life_ms, used_ms + self._idle_ms):
            return None
        is_due = now_ms - used_ms > self._idle_ms // 2
        return Session(born_ms + self._life_ms, self._cookie(born_ms, now_ms, name) if is_due else None)


def peer_of(address: str | None) -> str:
    """What is counted as one peer: an IPv4 address, or an IPv6 network of 64 bits, which one subscriber has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class WrongTokens:
    """How often each peer showed a wrong token: ``allowed`` times in ``window_s``. Remembers ``peers`` of them; the one
    that began first is forgotten for a new one.
    """

    def __init__(self, *, allowed: int = 10, window_s: float = 60.0, peers: int = 2048) -> None:
        self._allowed, self._window_s, self._peers = allowed, window_s, peers
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def wait_s(self, peer: str, now_s: float) -> int:
        """Whole seconds until ``peer`` may show a token again; 0: now."""
        began_s, tries = self._tries.get(peer, (now_s, 0))
        if now_s - began_s >= self._window_s or tries < self._allowed:
            return 0
        return max(1, math.ceil(began_s + self._window_s - now_s))

    def count(self, peer: str, now_s: float) -> None:
        """One more wrong token."""
        began_s, tries = self._tries.get(peer, (now_s, 0))
        if now_s - began_s >= self._window_s:
            self._tries.pop(peer)
            began_s, tries = now_s, 0
        self._tries[peer] = (began_s, tries + 1)
        while len(self._tries) > self._peers:
            self._tries.popitem(last=False)
