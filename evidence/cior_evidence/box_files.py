"""Sealed boxes on their way to who keeps the key, and the keys of single boxes on their way back (ADR 54).

Out go the closed boxes of one request, with a public key that was made for it. Back comes, of each box that was opened,
that box's own key with who opened it, when and why, closed for that public key. Who carries the files reads and changes
nothing: to hand back something else one must know the key of a box. The private key that opens any box never moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from cior_bus import sealed_box
from cior_bus.openings import Opening, Openings
from cior_bus.sealed_content import SealedContent, unlocked
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied, IntegrityBroken, PayloadRejected
from cior_core.model import DataClass, Struct

CLOSED: Final = "cior.evidence.boxes.1"
OPENED: Final = "cior.evidence.opened.1"
MOST_BYTES: Final = 64 * 1024 * 1024
T = TypeVar("T")


class ClosedBox(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box as it was stored. ``record``: its raw record; ``sha256``: of ``box``, as it was chained at receipt."""

    record: str
    received_ms: int
    sha256: str
    box: bytes


class BoxesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request needs. ``to``: the public key (X25519) that answers are closed for; ``sealed``: a judge ordered
    what is sealed, and two approved it.
    """

    format: str
    request: str
    sealed: bool
    to: bytes
    boxes: tuple[ClosedBox, ...]


class Opened(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One opening. ``box``: SHA-256 of the box; ``key``: the key of that box alone; ``who``, ``reason``, ``at_ms``: as
    they stand in the record of openings, at ``place`` of its chain.
    """

    request: str
    record: str
    box: str
    key: bytes
    who: str
    reason: str
    at_ms: int
    place: str


class OpenedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes back: each :class:`Opened` as MessagePack in a libsodium sealed box for the request's key."""

    format: str
    request: str
    opened: tuple[bytes, ...]


class Keeper(Struct, frozen=True, kw_only=True):
    """Who opens, why, with which private key (32 bytes), and where it is written down.

    Raises ``AccessDenied`` (``opening.unnamed``) without a name or a reason.
    """

    who: str
    reason: str
    private_key: bytes
    openings: Openings
    now_ms: Callable[[], int]

    def __post_init__(self) -> None:
        if not (self.who.strip() and self.reason.strip()):
            raise AccessDenied(
                "opening.unnamed", "nobody opens without a name and a reason", cure="give --who and --reason"
            )


def read_closed(data: bytes) -> BoxesFile:
    """Raises ``PayloadRejected`` (``boxes.format``)."""
    return _read(data, BoxesFile, CLOSED)


def read_opened(data: bytes) -> OpenedFile:
    """Raises ``PayloadRejected`` (``boxes.format``)."""
    return _read(data, OpenedFile, OPENED)


def _read(data: bytes, kind: type[T], wanted: str) -> T:
    try:
        if len(data) > MOST_BYTES:
            raise msgspec.ValidationError("too large")
        found = msgspec.json.decode(data, type=kind)
        if getattr(found, "format", "") == wanted:
            return found
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    raise PayloadRejected(
        "boxes.format",
        f"this is no file of {wanted}",
        cure="boxes come from cior evidence boxes or the custodian's desk, openings from cior evidence open-boxes",
    )


def opened_by(keeper: Keeper, closed: BoxesFile) -> tuple[OpenedFile, dict[str, str]]:
    """The answer, and of each record that is not in it the code of why. Each opening is on the disk before its key is
    given out.
    """
    found: list[bytes] = []
    refused: dict[str, str] = {}
    for each in closed.boxes:
        try:
            found.append(closed_for(closed.to, _opened(keeper, closed, each)))
        except (AccessDenied, PayloadRejected, IntegrityBroken) as error:
            refused[each.record] = error.code
    return OpenedFile(format=OPENED, request=closed.request, opened=tuple(found)), refused


def _opened(keeper: Keeper, closed: BoxesFile, box: ClosedBox) -> Opened:
    if hashlib.sha256(box.box).hexdigest() != box.sha256:
        raise IntegrityBroken("boxes.other_box", "this box is not the one that was received")
    key = sealed_box.content_key(box.box, keeper.private_key)
    content = unlocked(box.box, key)
    if not closed.sealed:
        refuse_reserved(content)
    public = bytes(PrivateKey(keeper.private_key).public_key)
    at_ms, reason = keeper.now_ms(), keeper.reason.strip()
    keeper.openings.note(
        Opening(
            at_ms=at_ms, who=keeper.who.strip(), reason=f"{closed.request}: {reason}", record=box.record,
            box=box.sha256, key=sealed_box.key_id(public).hex(),
        )
    )  # fmt: skip
    head = keeper.openings.head
    return Opened(
        request=closed.request, record=box.record, box=box.sha256, key=key, who=keeper.who.strip(), reason=reason,
        at_ms=at_ms, place=f"{head.chain} {head.seq} {head.hash}",
    )  # fmt: skip


def refuse_reserved(content: SealedContent) -> None:
    """Raises ``AccessDenied`` (``boxes.reserved``): an ordinary order opens no call of somebody who must not be named,
    and nothing that could not be read, which may be one.
    """
    events = (codec.decode(Kind.EVENT, each) for each in content.events)
    if content.code or any(each.data_class is DataClass.SEALED for each in events):
        raise AccessDenied(
            "boxes.reserved",
            "this box holds what only a judge's order for what is sealed opens",
            cure="file a request for what is sealed: two approve it and a third builds it",
        )


def closed_for(public_key: bytes, opened: Opened) -> bytes:
    """One answer, closed for the request's public key; :func:`handed_back` opens it."""
    return bytes(SealedBox(PublicKey(public_key)).encrypt(msgspec.msgpack.encode(opened)))


def handed_back(sealed: bytes, private_key: bytes) -> Opened:
    """One answer, with the request's private key. Raises ``PayloadRejected`` (``boxes.other_request``): it was closed
    for another request, or changed on its way.
    """
    try:
        return msgspec.msgpack.decode(SealedBox(PrivateKey(private_key)).decrypt(sealed), type=Opened)
    except (CryptoError, ValueError, TypeError, msgspec.MsgspecError):
        raise PayloadRejected(
            "boxes.other_request",
            "this opening is of another request, or was changed on its way",
            cure="open the file of this request, and hand its answer back as it is",
        ) from None
