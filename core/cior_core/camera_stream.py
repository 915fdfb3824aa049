"""The address of a camera's stream: what is wrong with it that nobody would ever be told, since it would be tried for
ever. Pure; no sentence repeats the address, which may hold a password.

An address is ``scheme://user:password@host:port/path?query`` (RFC 3986 §3.2); what a user name or a password has of
``/``, ``?``, ``#``, ``@``, ``:`` and ``%`` is written as ``%2F``, ``%3F``, ``%23``, ``%40``, ``%3A`` and ``%25``. A
file is a path, without a scheme.
"""

from __future__ import annotations

import re
from typing import Final

_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")
_PORT: Final = re.compile(r"\d{1,5}")
_ESCAPES: Final = "in user name and password write %2F for /, %3F for ?, %23 for #, %40 for @, %25 for %"


def stream_fault(stream: str) -> tuple[str, str, str] | None:
    """Code, sentence and cure of an address that cannot work; ``None`` for one that may."""
    scheme, is_address, rest = stream.partition("://")
    if not is_address:
        return None
    if scheme.lower() == "file":
        return "cameras.stream_file", "a file is named by its path", "write the path alone, without file://"
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    _, has_user, host = authority.rpartition("@")
    if not has_user and "@" in after and (after[0] in "?#" or not _is_host(host)):
        return "cameras.stream_password", "the user name or the password ends the address early", _ESCAPES
    if not _is_host(host):
        return (
            "cameras.stream_address",
            "the stream's address has no host, or a port that is no number",
            f"write rtsp://user:password@host:554/path; {_ESCAPES}",
        )
    return None


def _is_host(host: str) -> bool:
    """``name``, ``name:554``, ``192.0.2.7:554`` or ``[2001:db8::7]:554``."""
    name, has_port, port = host.rpartition("]")[2].rpartition(":")
    has_name = bool(name or host.startswith("[")) if has_port else bool(host)
    return has_name and (not has_port or _PORT.fullmatch(port) is not None)
