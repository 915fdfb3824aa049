"""What a backup says of itself: every file with its digest, what the tables hold, since when it is blind.

Pure: who copies and who restores are in ``cior_sink``. The bytes are canonical (keys sorted, nothing unknown, read and
written again they are the same), so that their digest and the signature over it mean one content only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from cior_core.chain import Head, netstrings
from cior_core.errors import PayloadRejected
from cior_core.integrity import unsafe_path
from cior_core.model import Struct

FORMAT = 1
MANIFEST, NOTE, BOX, REGISTER_BOX = "manifest.json", "manifest.note", "secrets.box", "register.box"
"""The manifest, the signed note over it, and what is locked: keys and configuration; the register."""
_TABLE = re.compile(r"(ops|sealed|ledger)\.[a-z0-9_]+")


class FileOf(Struct, frozen=True):
    """One file: lower-case hex SHA-256 and size."""

    sha256: str
    size_bytes: int


class Portion(Struct, frozen=True):
    """One partition of one table in one file."""

    table: str
    partition: str
    rows: int
    file: str


class Schema(Struct, frozen=True):
    """A migration that the store had."""

    version: int
    sha256: str


class Tables(Struct, frozen=True):
    """What was copied out of the store. ``first_ms``, ``last_ms``: receipt of the raw records, UTC; 0: none.
    ``is_whole``: what became of each of them was stored before the rest was copied.
    """

    engine: str
    schema: tuple[Schema, ...]
    portions: tuple[Portion, ...]
    first_ms: int = 0
    last_ms: int = 0
    is_whole: bool = True

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(each.rows for each in self.portions)


class Manifest(Struct, frozen=True, kw_only=True):
    """``begun_ms``: what was durable before is here, what came later is not. ``is_settled``: what was on its way
    through the broker then, and later what the raw records became, had reached the store. ``heads``: what the newest
    signed page that was copied says the clear chains end with. ``left_out``: files of the configuration that lie
    elsewhere.
    """

    format: int
    backup: str
    origin: str
    program: str
    begun_ms: int
    ended_ms: int
    is_settled: bool
    tables: Tables
    files: dict[str, FileOf]
    heads: tuple[Head, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """All files."""
        return sum(each.size_bytes for each in self.files.values())


class Fault(Struct, frozen=True):
    """Something about a file that is not as the manifest says: ``missing``, ``unlisted``, ``altered``, ``truncated``,
    ``moved`` (it is what ``other`` should be), ``unsafe`` (its name leads elsewhere), ``portion`` (a portion of a table
    without its file, of no table, or told twice).
    """

    code: str
    path: str
    other: str = ""


def encode(manifest: Manifest) -> bytes:
    """The canonical bytes."""
    return msgspec.json.encode(manifest, order="deterministic")


def read(data: bytes) -> Manifest:
    """The manifest of these bytes. Raises ``PayloadRejected`` (``backup.manifest``, ``backup.format``)."""
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PayloadRejected("backup.manifest", "the manifest cannot be read") from None
    if found.format != FORMAT:
        raise PayloadRejected(
            "backup.format",
            f"the backup has format {found.format}, this program reads {FORMAT}",
            cure="use the version of CIOR that made it",
        )
    if encode(found) != data:
        raise PayloadRejected("backup.manifest", "the manifest was written by something else or changed")
    return found


def leaf(data: bytes) -> bytes:
    """What the note over a manifest is over (one leaf of :func:`cior_core.checkpoint.text_of`)."""
    return netstrings("cior.backup.manifest.v1", data)


def faults(manifest: Manifest, found: Mapping[str, FileOf]) -> tuple[Fault, ...]:
    """Every difference between the manifest and the files that are there. Total."""
    return (
        *_unsafe(manifest),
        *_portions(manifest),
        *(_missing(manifest, path, found) for path in sorted(manifest.files.keys() - found.keys())),
        *(Fault("unlisted", path) for path in sorted(found.keys() - manifest.files.keys())),
        *_changed(manifest, found),
    )


def _unsafe(manifest: Manifest) -> Iterator[Fault]:
    for path in sorted(manifest.files):
        if unsafe_path(path):
            yield Fault("unsafe", path)


def _portions(manifest: Manifest) -> Iterator[Fault]:
    told: set[str] = set()
    for each in manifest.tables.portions:
        if each.file in told or each.file not in manifest.files or not _TABLE.fullmatch(each.table):
            yield Fault("portion", each.file)
        told.add(each.file)


def _missing(manifest: Manifest, path: str, found: Mapping[str, FileOf]) -> Fault:
    """Under another name it is renamed rather than gone."""
    there = (
        name for name in sorted(found.keys() - manifest.files.keys()) if found[name] == manifest.files[path]
    )
    return Fault("moved" if (name := next(there, "")) else "missing", name or path, path if name else "")


def _changed(manifest: Manifest, found: Mapping[str, FileOf]) -> Iterator[Fault]:
    owners = {each.sha256: path for path, each in manifest.files.items()}
    for path in sorted(manifest.files.keys() & found.keys()):
        wanted, got = manifest.files[path], found[path]
        if wanted == got:
            continue
        if other := owners.get(got.sha256, ""):
            yield Fault("moved", path, other)
        else:
            yield Fault("truncated" if got.size_bytes < wanted.size_bytes else "altered", path)
