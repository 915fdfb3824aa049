"""The public ledger: inclusion and consistency (RFC 6962, RFC 9162) and C2SP checkpoints, a signed note's form."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, NamedTuple

from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.signing_algorithms import is_ed25519

MOST_PROOF = 64
MOST_NOTE_BYTES = 64 * 1024
LARGEST_TREE = 1 << 62


class Checkpoint(NamedTuple):
    """A tree's head as its origin signed it."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list[tuple[str, bytes, bytes]]

    def is_signed(self, key: LedgerKey) -> bool:
        """Whether one of the signatures is of this key (C2SP signed-note)."""
        return any(
            name == key.name and number == key.number and is_ed25519(key.public, signature, self.body)
            for name, number, signature in self.signatures
        )


class LedgerKey(NamedTuple):
    """``name+hash+base64(1 ‖ Ed25519 key)``."""

    name: str
    number: bytes
    public: bytes


def read_key(text: str) -> LedgerKey:
    """A verifier key as C2SP and Go's note package write it. ``Malformed`` otherwise."""
    try:
        name, number, coded = text.strip().split("+", 2)
        raw = base64.b64decode(coded, validate=True)
        found = bytes.fromhex(number)
    except (ValueError, binascii.Error):
        raise Malformed("ledger key") from None
    if len(raw) != 33 or raw[0] != 1 or hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] != found:
        raise Malformed("ledger key")
    return LedgerKey(name, found, raw[1:])


def read_checkpoint(content: bytes) -> Checkpoint:
    """Origin, size, root, maybe more lines; an empty line; signatures."""
    body, gap, tail = content.rpartition(b"\n\n")
    if not gap or len(content) > MOST_NOTE_BYTES:
        raise Malformed("checkpoint")
    try:
        lines = (body + b"\n").decode("utf-8").split("\n")
        size, root = lines[1], base64.b64decode(lines[2], validate=True)
        if not lines[0] or not size.isdigit() or not size.isascii() or (size != "0" and size[0] == "0"):
            raise Malformed("checkpoint")
        signatures = [_signature(line) for line in tail.decode("utf-8").split("\n")[:-1]]
    except (ValueError, IndexError):
        raise Malformed("checkpoint") from None
    if len(root) != 32 or len(size) > 18 or not signatures or not tail.endswith(b"\n"):
        raise Malformed("checkpoint")
    return Checkpoint(lines[0], int(size), root, body + b"\n", signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, coded = line.split(" ")
    raw = base64.b64decode(coded, validate=True)
    if dash != "\u2014" or len(raw) < 5:
        raise ValueError(line)
    return name, raw[:4], raw[4:]


def proof_of(value: Any) -> list[bytes]:
    """Hashes of a proof written as hex."""
    if not isinstance(value, list) or len(value) > MOST_PROOF:
        raise Malformed("proof")
    try:
        found = [bytes.fromhex(each) for each in value]
    except (TypeError, ValueError):
        raise Malformed("proof") from None
    if any(len(each) != 32 for each in found):
        raise Malformed("proof")
    return found


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(leaf: bytes, place: tuple[int, int], proof: list[bytes], root: bytes) -> bool:
    """Whether ``leaf`` stands at ``place`` (index, size) under ``root`` (RFC 9162 §2.1.3.2)."""
    index, size = place
    if not 0 <= index < size <= LARGEST_TREE:
        return False
    last, running = size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            running = _joined(sibling, running)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            running = _joined(running, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and running == root


def is_continued(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> bool:
    """Whether the tree of ``new`` begins with that of ``old`` (RFC 9162 §2.1.4.2)."""
    if not 0 < old.size <= new.size:
        return False
    if old.size == new.size:
        return not proof and old.root == new.root
    path = [old.root] + proof if not old.size & (old.size - 1) else proof
    if not path:
        return False
    first, second = old.size - 1, new.size - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            before, after = _joined(sibling, before), _joined(sibling, after)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            after = _joined(after, sibling)
        first, second = first >> 1, second >> 1
    return second == 0 and before == old.root and after == new.root
