"""What is inside a sealed box of a connector: MessagePack, written where it is sealed and read where it is opened."""

from __future__ import annotations

import msgspec

from cior_bus import sealed_box
from cior_core.errors import PayloadRejected
from cior_core.identity import payload_sha256


class SealedContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What only a recipient reads: the bytes as received (or their head), who and where, all that a replay needs, and
    the events as decoded (CloudEvents JSON).
    """

    version: int = 1
    payload: bytes
    sha256: str
    source: str
    subject: str = ""
    peer: str = ""
    instance: str = ""
    content_type: str = ""
    details: dict[str, str] = {}
    events: tuple[bytes, ...] = ()
    code: str = ""
    reason: str = ""
    truncated_from_bytes: int | None = None
    first_received_ms: int = 0
    drill: bool = False


def opened(box: bytes, private_key: bytes) -> SealedContent:
    """What is in a box, with the private key of one of its recipients (32 bytes).

    Raises ``AccessDenied`` and ``PayloadRejected`` as :func:`cior_bus.sealed_box.unseal`.
    """
    return _read(sealed_box.unseal(box, private_key))


def unlocked(box: bytes, content_key: bytes) -> SealedContent:
    """The same with the box's own key (:func:`cior_bus.sealed_box.content_key`); its payload has the digest that was
    computed at receipt, or ``PayloadRejected`` (``box.unreadable``).
    """
    content = _read(sealed_box.unlock(box, content_key))
    if payload_sha256(content.payload) != content.sha256:
        raise PayloadRejected("box.unreadable", "what is in this box is not what its digest says")
    return content


def _read(content: bytes) -> SealedContent:
    try:
        return msgspec.msgpack.decode(content, type=SealedContent)
    except msgspec.MsgspecError as error:
        raise PayloadRejected("box.unreadable", "what is in this box is no sealed payload") from error
