"""Whose page asks: the rule against requests that another page makes in a signed-in browser's name.

Another port of the same host is the same *site*, so neither ``SameSite`` nor ``__Host-`` keeps its forms out. A request
that may change something needs the ``Origin`` that this console is configured to have, ``Sec-Fetch-Site: same-origin``
where the browser sends it (W3C Fetch Metadata), and no body but JSON, which no form can send.

What only reads is refused to a script, an image or a stream of another page too: its answer would stay closed to it,
but it would be asked, and stand in the ledger, in the name of whoever sits there. To come here from elsewhere, by a
link or back from the city's sign-in, is to navigate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cior_core.model import Struct

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1."""
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OURS: Final = frozenset({"same-origin", "none"})
"""``none``: typed into the bar, a bookmark."""
_PORTS: Final = {"http": 80, "https": 443}


class Origin(Struct, frozen=True):
    """Scheme, host and port of a page (RFC 6454 §4)."""

    scheme: str
    host: str
    port: int

    @staticmethod
    def read(text: str) -> Origin | None:
        """None for what is no origin (``null``, a path, another scheme). Total for any text."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return None
        if not _is_bare(parts):
            return None
        return Origin(parts.scheme, (parts.hostname or "").rstrip("."), port or _PORTS[parts.scheme])

    @property
    def is_loopback(self) -> bool:
        """Whether a browser trusts it without TLS (W3C Secure Contexts §3.1)."""
        return self.host in _LOOPBACK_NAMES

    @property
    def is_secure(self) -> bool:
        """Whether cookies with ``Secure``, passkeys and WebCrypto work on its pages."""
        return self.scheme == "https" or self.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def _is_bare(parts: SplitResult) -> bool:
    is_plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return is_plain and parts.scheme in _PORTS and bool(parts.hostname)


def refusal(method: str, headers: Mapping[str, str], origins: frozenset[Origin]) -> str | None:
    """Why this request is refused: the code of a sentence; None when it may be answered."""
    if method in SAFE:
        return _read_refusal(headers)
    if Origin.read(headers.get("Origin", "")) not in origins:
        return "sign_in.origin"
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "sign_in.fetch_site"
    kind = headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
    return None if kind == "application/json" else "sign_in.content_type"


def _read_refusal(headers: Mapping[str, str]) -> str | None:
    if headers.get("Sec-Fetch-Site", "none") in _OURS or headers.get("Sec-Fetch-Mode") == "navigate":
        return None
    return "sign_in.fetch_site"
