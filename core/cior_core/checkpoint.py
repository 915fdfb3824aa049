"""Checkpoints: what all chains end with at an instant, as one signed page that is kept outside the database (law 15).

A page is a C2SP signed note (c2sp.org/signed-note) in the form of a tlog checkpoint (c2sp.org/tlog-checkpoint): origin,
number of leaves, Merkle root (RFC 6962 §2.1) as base64, the instant in ms, a blank line, an Ed25519 signature. Beside
the page stand its leaves: the page before it, the heads of the clear chains, and the heads of the sealed ones blinded
with the centre's key, so that neither their number nor whether one moved can be read.

Pure: whoever has the key signs, and checks a signature, elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

from cior_core import integrity
from cior_core.chain import Head, netstrings
from cior_core.errors import PayloadRejected
from cior_core.model import Struct

_ED25519 = b"\x01"
_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>\d{1,9})\n(?P<root>[^\n]+)\n(?P<at>\d{1,18})\n)"
    r"\n— (?P<name>[^\n ]+) (?P<signature>[^\n ]+)\n"
)
FILLED_TO = 16
"""Blinded leaves are filled up to a multiple of this."""


class Page(Struct, frozen=True):
    """One line of a checkpoint file: the note, and the leaves that its root is over.

    ``previous``: SHA-256 of the note before it, empty for the first one.
    """

    note: str
    previous: str
    heads: tuple[Head, ...]
    blinded: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    """What a note says. ``text`` is what is signed."""

    text: str
    origin: str
    size: int
    root: bytes
    at_ms: int
    key: str
    signature: bytes


def leaves(*, previous: str, heads: Sequence[Head], blinded: Sequence[str]) -> list[bytes]:
    """The leaves in their order: the page before, the clear heads by name, the blinded ones."""
    return [
        netstrings("cior.checkpoint.previous.v1", previous),
        *(
            netstrings("cior.checkpoint.head.v1", head.chain, str(head.seq), head.hash)
            for head in sorted(heads, key=lambda each: each.chain)
        ),
        *(netstrings("cior.checkpoint.blinded.v1", each) for each in blinded),
    ]


def text_of(origin: str, over: Sequence[bytes], *, at_ms: int) -> str:
    """The text of a note over these leaves."""
    root = base64.b64encode(integrity.merkle_root(over)).decode()
    return f"{origin}\n{len(over)}\n{root}\n{at_ms}\n"


def _key_id(name: str, public: bytes) -> bytes:
    """Four bytes that tell keys of one name apart."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """The public key as one line: ``<name>+<key id>+<base64>``."""
    return f"{name}+{_key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def public_of(line: str) -> tuple[str, bytes]:
    """Name and public key of :func:`verifier_key`'s line. Raises ``PayloadRejected`` (``checkpoint.key``)."""
    name, _, rest = line.strip().partition("+")
    identity, _, text = rest.partition("+")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 33 or key[:1] != _ED25519 or _key_id(name, key[1:]).hex() != identity:
        raise PayloadRejected("checkpoint.key", "this is no public key of a checkpoint")
    return name, key[1:]


def signed(text: str, *, name: str, public: bytes, signature: bytes) -> str:
    """The whole note."""
    sealed = base64.b64encode(_key_id(name, public) + signature).decode()
    return f"{text}\n— {name} {sealed}\n"


def read_note(note: str) -> Note:
    """What a note says, its signature not checked. Raises ``PayloadRejected`` (``checkpoint.note``)."""
    found = _NOTE.fullmatch(note)
    if found is None:
        raise PayloadRejected("checkpoint.note", "this is no checkpoint")
    try:
        root, key = (base64.b64decode(found[name], validate=True) for name in ("root", "signature"))
    except binascii.Error:
        raise PayloadRejected("checkpoint.note", "this is no checkpoint") from None
    return Note(
        text=found["text"], origin=found["origin"], size=int(found["size"]), root=root, at_ms=int(found["at"]),
        key=found["name"], signature=key[4:],
    )  # fmt: skip


def is_over(page: Page, note: Note) -> bool:
    """Whether the note's root and size are those of the page's leaves."""
    over = leaves(previous=page.previous, heads=page.heads, blinded=page.blinded)
    return note.size == len(over) and hmac.compare_digest(note.root, integrity.merkle_root(over))


def blinded(key: bytes, heads: Sequence[Head], *, at_ms: int) -> tuple[str, ...]:
    """The sealed heads at this instant, blinded and filled up: another instant gives other leaves."""
    made = [blind(key, head, at_ms=at_ms) for head in heads]
    return tuple(sorted((*made, *fillers(key, len(made), at_ms=at_ms))))


def blind(key: bytes, head: Head, *, at_ms: int) -> str:
    """One head, which only who has the centre's key finds again (HMAC-SHA256, hex)."""
    return _mac(key, "cior.checkpoint.sealed.v1", str(at_ms), head.chain, str(head.seq), head.hash)


def fillers(key: bytes, count: int, *, at_ms: int) -> tuple[str, ...]:
    """What ``count`` blinded leaves are filled up with."""
    missing = -count % FILLED_TO if count else FILLED_TO
    return tuple(_mac(key, "cior.checkpoint.filler.v1", str(at_ms), str(n)) for n in range(missing))


def _mac(key: bytes, *fields: str) -> str:
    return hmac.new(key, netstrings(*fields), "sha256").hexdigest()
