"""Acknowledgement links: signed, expiring, one for each person and notice. That they act once is the book's to know.

A token holds 16 bytes that name the link, its end in UTC seconds (5 bytes) and an HMAC-SHA256 cut to 16 bytes (RFC 2104
§5) over both; nothing of the alert or the person can be read from it. The same notice and person give the same link, so
that a repeated message is the same to the byte.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from pathlib import Path

from cior_bus import durable_file
from cior_bus.signing import refuse_if_shared
from cior_core.errors import AccessDenied, ConfigInvalid

_NAME_BYTES, _END_BYTES, _MAC_BYTES, _KEY_BYTES = 16, 5, 16, 32
_TOKEN_BYTES = _NAME_BYTES + _END_BYTES + _MAC_BYTES


class Links:
    """Makes and reads tokens with a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name(self, command_id: str, person: str) -> str:
        """How the book calls this link: hex."""
        return self._mac(b"name", command_id.encode(), b"\0", person.encode())[:_NAME_BYTES].hex()

    def token(self, name: str, *, until_ms: int) -> str:
        """The link's last part, 50 characters that need no quoting in an address."""
        signed = bytes.fromhex(name) + (until_ms // 1000).to_bytes(_END_BYTES, "big")
        return base64.urlsafe_b64encode(signed + self._seal(signed)).decode().rstrip("=")

    def read(self, token: str, *, now_ms: int) -> str:
        """The name in ``token``. Raises ``AccessDenied``: ``link.forged`` or ``link.expired``."""
        try:
            raw = base64.b64decode(
                token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raw = b""
        signed, seal = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(raw) != _TOKEN_BYTES or not hmac.compare_digest(seal, self._seal(signed)):
            raise AccessDenied("link.forged", "this link was not made here")
        if now_ms >= int.from_bytes(signed[_NAME_BYTES:], "big") * 1000:
            raise AccessDenied("link.expired", "this link is over")
        return signed[:_NAME_BYTES].hex()

    def _seal(self, signed: bytes) -> bytes:
        return self._mac(b"seal", signed)[:_MAC_BYTES]

    def _mac(self, *parts: bytes) -> bytes:
        return hmac.new(self._key, b"cior.link.v1\0" + b"".join(parts), sha256).digest()


def open_links(path: Path) -> Links:
    """The links of this installation, their key made on first use. Raises ``ConfigInvalid``.

    Without the file every link that is out is void: that is how they are all taken back.
    """
    try:
        if not path.exists():
            durable_file.create(path, secrets.token_bytes(_KEY_BYTES))
        refuse_if_shared(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(
            "notify.links_key",
            f"{path.name}: {error.strerror}",
            cure="free the disk, or give the folder to cior",
        ) from error
    if len(key) != _KEY_BYTES:
        raise ConfigInvalid(
            "notify.links_key", f"{path.name} is no key", cure="remove it: links that are out end"
        )
    return Links(key)
