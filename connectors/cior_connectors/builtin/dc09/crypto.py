"""DC-09 encryption: AES-CBC with a zero IV over ``padding | content``, written as hex (SIA DC-09 §5.4).

It has no message authentication: run it in a VPN or TLS.

Keys are given as text: 16, 24 or 32 letters (their ASCII bytes are the key) or 32, 48 or 64 hex digits. 32 hex digits
are ambiguous (AES-128 as hex, AES-256 as letters): :func:`keys_of` returns both and :func:`open_text` takes the one
that opens the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cior_core.errors import ConfigInvalid, PayloadRejected

BLOCK_BYTES = 16
_ZERO_IV = bytes(BLOCK_BYTES)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_STAMP = re.compile(rb"\]_\d{2}:\d{2}:\d{2},\d{2}-\d{2}-\d{4}\Z")
_CONTENT = re.compile(rb"\A[^\[\]|]*\|?[^\]]*\]")


def keys_of(text: str) -> tuple[bytes, ...]:
    """The key(s) that ``text`` may mean, likelier first.

    Raises ``ConfigInvalid`` (``dc09.key_length``) for any other length.
    """
    found: list[bytes] = []
    if len(text) in (32, 48, 64) and _HEX.fullmatch(text):
        found.append(bytes.fromhex(text))
    if len(text) in (16, 24, 32) and text.isascii():
        found.append(text.encode("ascii"))
    if not found:
        raise ConfigInvalid(
            "dc09.key_length",
            "a DC-09 key has 16, 24 or 32 letters, or 32, 48 or 64 hex digits",
            cure="correct the account's key",
        )
    return tuple(found)


def encrypt(content: bytes, key: bytes, *, padding: bytes = b"") -> bytes:
    """Upper-case hex of AES-CBC(``padding`` + ``content``). Padded by the caller to 16s (:func:`pad_length`)."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(_ZERO_IV)).encryptor()
    return (encryptor.update(padding + content) + encryptor.finalize()).hex().upper().encode()


def pad_length(content_bytes: int) -> int:
    """How many padding characters bring ``content_bytes`` to whole blocks."""
    return -content_bytes % BLOCK_BYTES


def decrypt(text: bytes, key: bytes) -> bytes:
    """The clear bytes of hex ``text``.

    Raises ``PayloadRejected`` (``dc09.cipher_text``) when it is not whole blocks of hex.
    """
    if not re.fullmatch(rb"(?:[0-9A-Fa-f]{32})+", text):
        raise PayloadRejected("dc09.cipher_text", "the encrypted part is not whole AES blocks in hex")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(_ZERO_IV)).decryptor()
    return decryptor.update(bytes.fromhex(text.decode("ascii"))) + decryptor.finalize()


def open_text(text: bytes, keys: Sequence[bytes]) -> tuple[bytes, bytes]:
    """``(clear content without padding, the key that opened it)``.

    A message opens when it ends in its mandatory timestamp.

    Padding ends at the first bar; a message that has none before its closing bracket (seen in the field) is all padding
    up to the bracket. Raises ``PayloadRejected``: ``dc09.no_key``, ``dc09.wrong_key``, ``dc09.cipher_text``.
    """
    if not keys:
        raise PayloadRejected("dc09.no_key", "encrypted message from an account without a key")
    for key in keys:
        clear = decrypt(text, key)
        if _STAMP.search(clear) and _CONTENT.match(clear):
            return _unpadded(clear), key
    raise PayloadRejected("dc09.wrong_key", "the account's key does not open this message")


def _unpadded(clear: bytes) -> bytes:
    bar, bracket = clear.find(b"|"), clear.find(b"]")
    return clear[bar + 1 :] if 0 <= bar < bracket else clear[bracket:]
