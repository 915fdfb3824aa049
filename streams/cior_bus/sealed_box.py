"""What is sealed for somebody, for one or several recipients: each opens it alone, nobody else can (law 17).

The content is encrypted once, with a key of its own (libsodium ``crypto_secretbox``: XSalsa20-Poly1305), and that key
once for each recipient (``crypto_box_seal``: X25519, ephemeral sender key). Wire form: :data:`MAGIC`, then
:class:`_Sealed` as MessagePack. Content is filled up to a multiple of :data:`BLOCK_BYTES`, because a length tells what
was said. Boxes of before this form, a bare ``crypto_box_seal`` for one recipient, are opened too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.utils import random

from cior_core.errors import AccessDenied, PayloadRejected

MAGIC = b"cior.box.2\n"
KEY_BYTES = 32
BLOCK_BYTES = 512
_LENGTH_BYTES = 4


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """``keys``: of each recipient the id of the public key and the content's key, sealed for it."""

    keys: tuple[tuple[bytes, bytes], ...]
    content: bytes


def key_id(public_key: bytes) -> bytes:
    """Eight bytes that name a public key: they tell whose box it is, and nothing about what is inside."""
    return hashlib.sha256(b"cior.box.key\n" + public_key).digest()[:8]


def seal(content: bytes, recipients: Sequence[bytes]) -> bytes:
    """``content`` for the holders of these public keys (X25519, 32 bytes each). Raises ``ValueError`` without one."""
    if not recipients:
        raise ValueError("a box that nobody can open is a loss")
    content_key = random(SecretBox.KEY_SIZE)
    framed = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    filled = framed + bytes(-len(framed) % BLOCK_BYTES)
    sealed = _Sealed(
        keys=tuple(
            (key_id(each), bytes(SealedBox(PublicKey(each)).encrypt(content_key))) for each in recipients
        ),
        content=bytes(SecretBox(content_key).encrypt(filled)),
    )
    return MAGIC + msgspec.msgpack.encode(sealed)


def unseal(box: bytes, private_key: bytes) -> bytes:
    """The content. Raises ``AccessDenied`` (``box.other_key``) when it is not for this key, ``PayloadRejected``
    (``box.unreadable``) when it is no box or was changed."""
    if not box.startswith(MAGIC):
        return _decrypted(SealedBox(PrivateKey(private_key)), box)
    return unlock(box, content_key(box, private_key))


def content_key(box: bytes, private_key: bytes) -> bytes:
    """The key of this one box (32 bytes), with the private key of one of its recipients: who is given it opens this
    box by :func:`unlock`, and no other.

    Raises as :func:`unseal`; ``PayloadRejected`` (``box.old_form``) of a box from before this form, which has none.
    """
    private = PrivateKey(private_key)
    wanted = key_id(bytes(private.public_key))
    wrapped = next((key for name, key in _sealed(box).keys if name == wanted), None)
    if wrapped is None:
        raise AccessDenied(
            "box.other_key", "this box is not for this key", cure="use the key of one of its recipients"
        )
    return _decrypted(SealedBox(private), wrapped)


def unlock(box: bytes, content_key: bytes) -> bytes:
    """The content, with the box's own key: that it opens proves that it is what was sealed (Poly1305).

    Raises ``PayloadRejected`` (``box.unreadable``, ``box.old_form``).
    """
    try:
        filled = SecretBox(content_key).decrypt(_sealed(box).content)
    except (CryptoError, ValueError, TypeError) as error:
        raise PayloadRejected("box.unreadable", "this box was changed since it was sealed") from error
    length = int.from_bytes(filled[:_LENGTH_BYTES], "big")
    return filled[_LENGTH_BYTES:][:length]


def _sealed(box: bytes) -> _Sealed:
    if not box.startswith(MAGIC):
        raise PayloadRejected(
            "box.old_form",
            "this is no sealed box, or one from before boxes had a key of their own",
            cure="open it with cior connector open",
        )
    try:
        return msgspec.msgpack.decode(box[len(MAGIC) :], type=_Sealed)
    except msgspec.MsgspecError as error:
        raise PayloadRejected("box.unreadable", "this is no sealed box") from error


def _decrypted(box: SealedBox[PrivateKey], sealed: bytes) -> bytes:
    try:
        return box.decrypt(sealed)
    except (CryptoError, ValueError, TypeError) as error:
        raise AccessDenied(
            "box.other_key",
            "this is no sealed box, or it is not for this key",
            cure="use the key of one of its recipients",
        ) from error
