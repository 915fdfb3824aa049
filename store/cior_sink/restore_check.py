"""What came back, held against its chains, against the signed pages in the backup, and against pages kept elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from cior_bus import topics
from cior_bus.spool import CLASSES, left_in
from cior_core import checkpoint, codec
from cior_core.backup_manifest import FileOf, Manifest
from cior_core.catalogue import Kind
from cior_core.chain import Head, Seen
from cior_core.errors import PayloadRejected
from cior_core.model import Struct
from cior_core.raw_chain import seen
from cior_sink.checkpoints import pages
from cior_sink.log_check import SETTLE_MS, Checkpoints, Finding, check_store, read_checkpoints
from cior_store import chain_rows
from cior_store.chain_rows import CLEAR, SEALED
from cior_store.engine import Store

_FOR_EVER_MS = 2**52
_RAW_TOPICS = {topics.RAW.name: (CLEAR, Kind.RAW), topics.SEALED.name: (SEALED, Kind.SEALED)}


class Witness(Struct, frozen=True, kw_only=True):
    """What a restored store is held against. ``outside``: pages that were kept away from the centre and its backups;
    ``blinding``: the centre's HMAC keys, newest first.
    """

    inside: Path
    public: bytes
    blinding: tuple[bytes, ...]
    has_expired: Callable[[str, int], bool]
    outside: Path | None = None


class Lost(Struct, frozen=True):
    """So many records of a clear chain came after the backup: a page kept elsewhere has their last one."""

    chain: str
    count: int
    at_ms: int


def waiting_in(spools: Path) -> Mapping[str, Sequence[Seen]]:
    """By raw table, the entries of chains that wait in the spools below a folder: they are stored after the start."""
    found: dict[str, list[Seen]] = {CLEAR: [], SEALED: []}
    folders = {path.parent for each in CLASSES for path in spools.rglob(each.value) if path.is_dir()}
    for folder in sorted(folders):
        for entry in left_in(folder):
            table, kind = _RAW_TOPICS.get(entry.topic, ("", Kind.RAW))
            if table:
                with contextlib.suppress(PayloadRejected):  # the sink makes a dead letter of it, as of any
                    found[table] += [seen(record) for record in codec.records(kind, entry.value)]
    return found


def findings(
    store: Store, witness: Witness, manifest: Manifest, waiting: Mapping[str, Sequence[Seen]]
) -> Iterator[Finding]:
    """As ``cior verify-log`` finds them. What connectors stated last is used where all that they named was waited for
    before the copy.
    """
    told = read_checkpoints(witness.inside, witness.public, until_ms=_FOR_EVER_MS)
    yield from told.findings
    if witness.outside is not None:
        more = read_checkpoints(witness.outside, witness.public, until_ms=manifest.begun_ms)
        yield from more.findings
        told = _both(told, more)
    yield from check_store(
        store,
        told,
        blinding=witness.blinding,
        until_ms=manifest.begun_ms - (0 if manifest.is_settled else SETTLE_MS),
        has_expired=witness.has_expired,
        waiting=waiting,
    )


def _both(inside: Checkpoints, outside: Checkpoints) -> Checkpoints:
    """Where they differ, the pages that nobody who made the backup could reach count."""
    chains = inside.pins.keys() | outside.pins.keys()
    return Checkpoints(
        pins={each: inside.pins.get(each, {}) | outside.pins.get(each, {}) for each in chains},
        since_ms=inside.since_ms | outside.since_ms,
        sealed=tuple(sorted({*inside.sealed, *outside.sealed}, key=lambda page: page[0])),
        findings=(),
    )


def lost(store: Store, witness: Witness) -> tuple[Lost, ...]:
    """What the newest page that was kept elsewhere has and the restored store has not."""
    page = None if witness.outside is None else _newest(witness.outside, witness.public)
    if page is None:
        return ()
    at_ms, heads = page
    tops = {each: chain_rows.top(store, CLEAR, each) for each in sorted(head.chain for head in heads)}
    return tuple(
        Lost(head.chain, head.seq - tops[head.chain], at_ms) for head in heads if head.seq > tops[head.chain]
    )


def _newest(folder: Path, public: bytes) -> tuple[int, tuple[Head, ...]] | None:
    newest = None
    for page in pages(folder):
        if page is None:
            continue
        with contextlib.suppress(PayloadRejected, BadSignatureError, ValueError):
            note = checkpoint.read_note(page.note)
            VerifyKey(public).verify(note.text.encode(), note.signature)
            newest = (note.at_ms, page.heads) if checkpoint.is_over(page, note) else newest
    return newest


def changed_media(files: Mapping[str, FileOf], below: str) -> Iterator[Finding]:
    """Objects whose bytes are not those of their name: they were changed before they were copied."""
    for name, file in files.items():
        if name.startswith(f"{below}/sha256/") and PurePosixPath(name).name != file.sha256:
            yield Finding("media_changed", {"name": PurePosixPath(name).name})
