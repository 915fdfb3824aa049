"""The bag: BagIt 1.0 (RFC 8493) in the strict profile of docs/paquete.md, written by us so that nothing is optional.

Files are put in one by one and digested while they are written; :func:`close` writes what is about all of them. A bag
that is not closed has no tag manifest, so nobody can take it for whole. ``OSError`` passes through.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cior_bus import durable_file
from cior_core import integrity
from cior_core.canonical import canonical
from cior_core.errors import IntegrityBroken
from cior_evidence.order import PROFILE, Order
from cior_evidence.paths import checked

TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
PAYLOAD: Final = "data/"
_DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_PIECE: Final = 1 << 20


class Digests(NamedTuple):
    """Of one file: hex SHA-256 and SHA-512, and how long it is."""

    sha256: str
    sha512: str
    size_bytes: int


class Bag:
    """A bag under construction in an empty folder that is ours. ``grown``: told its bytes with each file."""

    def __init__(self, folder: Path, grown: Callable[[int], None] = lambda _size_bytes: None) -> None:
        self.folder, self._grown = folder, grown
        self._size_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.files: dict[str, Digests] = {}

    def place(self, path: str) -> Path:
        """Where to write a file of the bag; its folder is there. Raises ``PayloadRejected`` (``package.path``)."""
        target = self.folder / checked(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def put(self, path: str, content: bytes) -> Digests:
        """Write a whole file."""
        self.place(path).write_bytes(content)
        return self.adopt(path)

    def put_json(self, path: str, value: object) -> Digests:
        """Write canonical JSON (RFC 8785) with an end of line."""
        return self.put(path, canonical(value) + b"\n")

    def put_lines(self, path: str, lines: Iterable[object]) -> Digests:
        """Write each value as a line of canonical JSON, one at a time."""
        with self.place(path).open("wb") as file:
            file.writelines(canonical(line) + b"\n" for line in lines)
        return self.adopt(path)

    def adopt(self, path: str) -> Digests:
        """Take in a file that was written at :meth:`place`."""
        if path in self.files:
            raise IntegrityBroken("package.twice", f"{path} was put into the bag twice")
        self.files[path] = digests_of(self.folder / path)
        self._size_bytes += self.files[path].size_bytes
        self._grown(self._size_bytes)
        return self.files[path]

    def close(self, order: Order, *, created_ms: int) -> bytes:
        """Write declaration, information and manifests, sync all; the bytes of the tag manifest."""
        payload = {path: each for path, each in self.files.items() if path.startswith(PAYLOAD)}
        self.put("bagit.txt", _DECLARATION)
        self.put("bag-info.txt", _information(order, payload, created_ms=created_ms))
        self.put("manifest-sha256.txt", manifest_of({path: each.sha256 for path, each in payload.items()}))
        self.put("manifest-sha512.txt", manifest_of({path: each.sha512 for path, each in payload.items()}))
        tags = manifest_of({path: each.sha256 for path, each in self.files.items() if path not in payload})
        sync_tree(self.folder)
        durable_file.create(self.folder / TAG_MANIFEST, tags, mode=0o644)
        return tags


def manifest_of(digests: Mapping[str, str]) -> bytes:
    """Sorted lines of digest, two spaces, path."""
    return integrity.manifest(digests)


def _information(order: Order, payload: Mapping[str, Digests], *, created_ms: int) -> bytes:
    day = datetime.fromtimestamp(created_ms / 1000, UTC).date().isoformat()
    total = sum(each.size_bytes for each in payload.values())
    lines = {
        "BagIt-Profile-Identifier": PROFILE,
        "Bagging-Date": day,
        "External-Identifier": order.case,
        "Internal-Sender-Identifier": order.package,
        "Payload-Oxum": f"{total}.{len(payload)}",
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()


def digests_of(path: Path) -> Digests:
    """Of a file as it is on the disk, read once, a mebibyte at a time."""
    short, long, size = hashlib.sha256(), hashlib.sha512(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            short.update(piece)
            long.update(piece)
            size += len(piece)
    return Digests(short.hexdigest(), long.hexdigest(), size)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file as it is on the disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_tree(folder: Path) -> None:
    """Every file and every name below ``folder`` survives a power cut."""
    for here, _, names in os.walk(folder):
        for name in names:
            _sync(Path(here) / name)
        durable_file.sync_folder(Path(here))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
