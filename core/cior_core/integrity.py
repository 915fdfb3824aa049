"""Hashes, Merkle trees and manifests: what makes *evidence never changes* checkable. Standard library only, because it
travels with the evidence. Chains are in :mod:`cior_core.chain`.

Verification never raises on bad evidence: it returns findings, each with the numbered step that failed, so that an
expert can repeat it by hand.

Steps of :func:`verify_manifest`:

1. every manifest line is ``<hex digest><space><space><path>`` of the right length;
2. no path is unsafe (absolute, ``..``, backslash, drive, control character, reserved name);
3. no path appears twice, also after Unicode NFC and case folding;
4. every listed file exists;
5. no file exists unlisted;
6. every digest agrees.

Sources: RFC 6962 §2.1 (Merkle tree hash, audit path, consistency), RFC 8493 §2.1.3 and §2.4 (BagIt manifests), FIPS
180-4.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["sha256", "sha512"]
_HEX = frozenset("0123456789abcdef")
_DIGEST_CHARS = {"sha256": 64, "sha512": 128}
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


@dataclass(frozen=True)
class Finding:
    """One defect: the numbered step, a stable code, and what it is about (a path or an entry number; never content)."""

    step: int
    code: str
    about: str


def digest(content: bytes, algorithm: Algorithm = "sha256") -> str:
    """Lower-case hex digest."""
    return hashlib.new(algorithm, content).hexdigest()


# --- Merkle tree, RFC 6962 §2.1 -----------------------------------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """``SHA-256(0x00 ‖ leaf)``."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Largest power of two smaller than ``size`` (> 1)."""
    return 1 << ((size - 1).bit_length() - 1)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash of the leaves' contents; of no leaves, SHA-256 of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    return _subtree([leaf_hash(leaf) for leaf in leaves])


def _subtree(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = _split(len(hashes))
    return _node(_subtree(hashes[:middle]), _subtree(hashes[middle:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf ``index``, from the leaf up (RFC 6962 §2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError("no such leaf")
    return _path([leaf_hash(leaf) for leaf in leaves], index)


def _path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*_path(hashes[:middle], index), _subtree(hashes[middle:])]
    return [*_path(hashes[middle:], index - middle), _subtree(hashes[:middle])]


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``leaf`` stands at ``index`` in the tree of ``size`` leaves with this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, running = index, size - 1, leaf_hash(leaf)
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            running = _node(sibling, running)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            running = _node(running, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hmac.compare_digest(running, root)


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree of the first ``old_size`` leaves is a prefix of this one (RFC 6962 §2.1.2)."""
    if not 0 < old_size <= len(leaves):
        raise ValueError("old_size must be between 1 and the number of leaves")
    return _subproof(old_size, [leaf_hash(leaf) for leaf in leaves], complete=True)


def _subproof(old: int, hashes: Sequence[bytes], *, complete: bool) -> list[bytes]:
    if old == len(hashes):
        return [] if complete else [_subtree(hashes)]
    middle = _split(len(hashes))
    if old <= middle:
        return [*_subproof(old, hashes[:middle], complete=complete), _subtree(hashes[middle:])]
    return [*_subproof(old - middle, hashes[middle:], complete=False), _subtree(hashes[:middle])]


def verify_consistency(
    *, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether nothing among the first ``old_size`` leaves was changed or removed (RFC 9162 §2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and hmac.compare_digest(old_root, root)
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    first, second = old_size - 1, size - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    old_running = new_running = path[0]
    for sibling in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            old_running, new_running = _node(sibling, old_running), _node(sibling, new_running)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            new_running = _node(new_running, sibling)
        first, second = first >> 1, second >> 1
    return (
        second == 0 and hmac.compare_digest(old_running, old_root) and hmac.compare_digest(new_running, root)
    )


# --- manifest, RFC 8493 -------------------------------------------------------------------------------------


def manifest(digests: Mapping[str, str]) -> bytes:
    """A BagIt manifest of ``path → hex digest``, sorted by path, LF lines, CR LF and % in paths percent-encoded."""
    return "".join(f"{digests[path]}  {_encode_path(path)}\n" for path in sorted(digests)).encode()


def _encode_path(path: str) -> str:
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _decode_path(path: str) -> str:
    return (
        path.replace("%0D", "\r")
        .replace("%0d", "\r")
        .replace("%0A", "\n")
        .replace("%0a", "\n")
        .replace("%25", "%")
    )


def unsafe_path(path: str) -> bool:
    """Whether a path could leave the bag or mean different files on different systems."""
    parts = path.split("/")
    if not path or path.startswith(("/", "~")) or "\\" in path or (len(path) > 1 and path[1] == ":"):
        return True
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return True
    return any(
        part in ("", ".", "..") or part.split(".")[0].lower() in _RESERVED or part.endswith((" ", "."))
        for part in parts
    )


def parse_manifest(text: bytes, algorithm: Algorithm = "sha256") -> tuple[dict[str, str], list[Finding]]:
    """``path → digest`` of the sound lines and the findings of steps 1 to 3. Total for any bytes."""
    entries: dict[str, str] = {}
    findings: list[Finding] = []
    folded: set[str] = set()
    for number, raw in enumerate(text.decode("utf-8", "surrogateescape").split("\n"), start=1):
        line = raw.removesuffix("\r")
        if not line:
            continue
        value, _, name = line.partition(" ")
        path = _decode_path(name.lstrip(" *"))
        if len(value) != _DIGEST_CHARS[algorithm] or not set(value.lower()) <= _HEX or not path:
            findings.append(Finding(1, "manifest.line", str(number)))
            continue
        if unsafe_path(path):
            findings.append(Finding(2, "manifest.unsafe_path", str(number)))
            continue
        fold = unicodedata.normalize("NFC", path).casefold()
        if fold in folded:
            findings.append(Finding(3, "manifest.duplicate_path", path))
            continue
        folded.add(fold)
        entries[path] = value.lower()
    return entries, findings


def verify_manifest(text: bytes, actual: Mapping[str, str], algorithm: Algorithm = "sha256") -> list[Finding]:
    """All defects of a folder against its manifest.

    ``actual`` is ``path → hex digest`` of every file found in the folder's payload.
    """
    entries, findings = parse_manifest(text, algorithm)
    findings += [Finding(4, "manifest.missing_file", path) for path in sorted(entries.keys() - actual.keys())]
    findings += [
        Finding(5, "manifest.unlisted_file", path) for path in sorted(actual.keys() - entries.keys())
    ]
    for path in sorted(entries.keys() & actual.keys()):
        if not hmac.compare_digest(entries[path], actual[path].lower()):
            findings.append(Finding(6, "manifest.altered_file", path))
    return findings
