"""``cior verify-log``: the store against its chains, the chains against the checkpoints. Reads only.

Every finding has a code of ``core/cior_core/data/verify_log.toml``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from cior_core import checkpoint
from cior_core.chain import Defect, Head, Seen, verify
from cior_core.checkpoint import Note, Page
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.model import Struct
from cior_sink.checkpoints import note_digest, pages
from cior_store import chain_rows, conflicts
from cior_store.chain_rows import CLEAR, SEALED, ChainOf
from cior_store.engine import Store

SETTLE_MS = 300_000
"""What was stated so recently may still be on its way to the store: it is used by the next check."""
NAMED = 20


NOTES = frozenset(
    {"chain", "pages", "chainless", "expired", "own_key", "no_sealed", "ledger_copy", "register_waits"}
)
"""Codes that are told and are no defect."""


class Finding(Struct, frozen=True):
    """One thing to say: a code and the arguments of its sentence."""

    code: str
    arguments: Mapping[str, Any]

    @property
    def is_note(self) -> bool:
        """Whether it is no defect."""
        return self.code in NOTES


class Checkpoints(Struct, frozen=True):
    """What the folder of checkpoints gives: hashes to hold chains against, since when each chain has its end (UTC ms),
    and what is wrong with the pages.
    """

    pins: dict[str, dict[int, str]]
    since_ms: dict[str, int]
    sealed: tuple[tuple[int, frozenset[str]], ...]
    findings: tuple[Finding, ...]


def read_checkpoints(folder: Path, public: bytes, *, until_ms: int) -> Checkpoints:
    """The pages up to an instant, each checked: signature, root, the page before it, chains that only grow."""
    pins: dict[str, dict[int, str]] = {}
    since_ms: dict[str, int] = {}
    sealed: list[tuple[int, frozenset[str]]] = []
    findings: list[Finding] = []
    newest: dict[str, Head] = {}
    previous, count, last_ms = "", 0, 0
    for number, page in enumerate(pages(folder), start=1):
        note = None if page is None else _note(page)
        if page is None or note is None:
            findings.append(Finding("page_unreadable", {"number": number}))
            continue
        faults = list(_faults(page, note, public, previous=previous, newest=newest))
        findings += faults
        previous, count, last_ms = note_digest(page.note), count + 1, note.at_ms
        if any(each.code in {"page_signature", "page_root"} for each in faults):
            continue
        newest = {head.chain: head for head in page.heads}
        if note.at_ms <= until_ms:
            sealed.append((note.at_ms, frozenset(page.blinded)))
            for head in page.heads:
                if head.seq not in pins.setdefault(head.chain, {}):
                    pins[head.chain][head.seq] = head.hash
                    since_ms[head.chain] = note.at_ms
    told = {"count": count, "at": shown(last_ms)}
    findings.append(Finding("pages", told) if count else Finding("no_pages", {"folder": folder.name}))
    return Checkpoints(pins=pins, since_ms=since_ms, sealed=tuple(sealed), findings=tuple(findings))


def _note(page: Page) -> Note | None:
    try:
        return checkpoint.read_note(page.note)
    except PayloadRejected:
        return None


def _faults(
    page: Page, note: Note, public: bytes, *, previous: str, newest: Mapping[str, Head]
) -> Iterator[Finding]:
    at = {"at": shown(note.at_ms)}
    try:
        VerifyKey(public).verify(note.text.encode(), note.signature)
    except (BadSignatureError, ValueError):
        yield Finding("page_signature", at)
    if not checkpoint.is_over(page, note):
        yield Finding("page_root", at)
    if page.previous != previous:
        yield Finding("page_previous", at)
    now = {head.chain: head for head in page.heads}
    for chain, before in newest.items():
        after = now.get(chain)
        if after is None or after.seq < before.seq or (after.seq == before.seq and after.hash != before.hash):
            yield Finding("page_back", {**at, "chain": chain})


def check_store(
    store: Store,
    found: Checkpoints,
    *,
    blinding: Sequence[bytes],
    until_ms: int,
    has_expired: Callable[[str, int], bool] = lambda _table, _ms: False,
    waiting: Mapping[str, Sequence[Seen]] = MappingProxyType({}),
) -> Iterator[Finding]:
    """The findings of both tables. ``blinding``: the centre's keys, newest first; none where they are not here:
    then the sealed chains are checked in themselves only. ``has_expired``: whether a table's records before an instant
    (ms) may be gone. ``waiting``: by table, entries that are not stored yet and are known to be on their way.
    """
    entries = _Entries(store, waiting)
    pins = {chain: dict(each) for chain, each in found.pins.items()}
    for head in chain_rows.stated(store, since_ms=0, until_ms=until_ms):
        pins.setdefault(head.chain, {}).setdefault(head.seq, head.hash)
    yield from _check_table(entries, CLEAR, pins, _Ages(found.since_ms, has_expired))
    try:
        sealed, strangers = _sealed_pins(entries, found, blinding)
        yield from strangers
        yield from _check_table(entries, SEALED, sealed, _Ages({}, has_expired))
    except AccessDenied:
        yield Finding("no_sealed", {})
    yield from _conflicts(store)


class _Entries:
    """The entries of chains as they are stored, and those that wait to be."""

    def __init__(self, store: Store, waiting: Mapping[str, Sequence[Seen]]) -> None:
        self.store, self._waiting = store, waiting

    def chains(self, table: str) -> dict[str, ChainOf | None]:
        """Every chain of a table; None for one of which all entries wait."""
        waiting: dict[str, ChainOf | None] = {
            each.place.chain: None for each in self._waiting.get(table, ()) if each.place.chain
        }
        return waiting | {each.chain: each for each in chain_rows.chains(self.store, table)}

    def falling(self, table: str, chain: str) -> Iterator[Seen]:
        """From the top down."""
        waiting = [each for each in self._waiting.get(table, ()) if each.place.chain == chain]
        waiting.sort(key=_falling)
        return heapq.merge(chain_rows.falling(self.store, table, chain), waiting, key=_falling)


def _falling(entry: Seen) -> int:
    return -entry.place.seq


class _Ages:
    """What retention explains."""

    def __init__(self, since_ms: Mapping[str, int], has_expired: Callable[[str, int], bool]) -> None:
        self._since_ms, self._has_expired = since_ms, has_expired

    def explains(self, defect: Defect, table: str, known: ChainOf | None) -> bool:
        """A beginning that is older than the oldest that is there; a chain that ended so long ago."""
        if known is not None:
            return defect.code == "beginning" and self._has_expired(table, known.first_ms)
        since_ms = self._since_ms.get(defect.chain)
        return since_ms is not None and self._has_expired(table, since_ms)


def _check_table(
    entries: _Entries, table: str, pins: Mapping[str, dict[int, str]], ages: _Ages
) -> Iterator[Finding]:
    store, known = entries.store, entries.chains(table)
    for chain in sorted({*known, *pins}):
        walked = verify(chain, entries.falling(table, chain), pins=pins.get(chain))
        for each in walked.defects:
            told = {"chain": chain, "first": each.first, "last": each.last, "names": _listed(each.names)}
            yield Finding("expired" if ages.explains(each, table, known.get(chain)) else each.code, told)
        yield Finding("chain", {"chain": chain, "entries": walked.entries, "newer": walked.newer})
    yield from _chainless(store, table)
    if false := chain_rows.false_digests(store, table):
        yield Finding("false_digest", {"names": _listed(false)})


def _chainless(store: Store, table: str) -> Iterator[Finding]:
    for each in chain_rows.unchained(store, table):
        writer = "/".join(part for part in (each.connector, each.instance) if part)
        if each.beside:
            yield Finding(
                "unchained", {"count": each.beside, "writer": writer, "names": _listed(each.raw_ids)}
            )
        else:
            yield Finding("chainless", {"count": each.records, "writer": writer})


def _conflicts(store: Store) -> Iterator[Finding]:
    if disputed := conflicts.disputed(store):
        yield Finding("conflict", {"names": _listed(disputed)})


def _sealed_pins(
    entries: _Entries, found: Checkpoints, blinding: Sequence[bytes]
) -> tuple[dict[str, dict[int, str]], list[Finding]]:
    """What the blinded leaves say of the sealed chains, and the pages with a leaf that no stored entry explains."""
    pins: dict[str, dict[int, str]] = {}
    strangers: list[Finding] = []
    if not blinding:
        return pins, strangers
    heads = {
        chain: [Head(chain, each.place.seq, each.hash) for each in entries.falling(SEALED, chain)][::-1]
        for chain in entries.chains(SEALED)
    }
    begin = dict.fromkeys(heads, 0)
    for at_ms, leaves in found.sealed:
        told = [_explained(key, heads, begin, at_ms=at_ms, leaves=leaves) for key in blinding]
        at, is_whole = max(told, key=lambda each: (each[1], len(each[0])))
        for chain, n in at.items():
            begin[chain] = n
            pins.setdefault(chain, {})[heads[chain][n].seq] = heads[chain][n].hash
        if not is_whole:
            strangers.append(Finding("page_sealed", {"at": shown(at_ms)}))
    return pins, strangers


def _explained(
    key: bytes,
    heads: Mapping[str, Sequence[Head]],
    begin: Mapping[str, int],
    *,
    at_ms: int,
    leaves: Collection[str],
) -> tuple[dict[str, int], bool]:
    """Which entry of each chain one page's leaves are, by this key, and whether that is all of them."""
    at: dict[str, int] = {}
    explained: set[str] = set()
    for chain, entries in heads.items():
        for n in range(begin[chain], len(entries)):
            leaf = checkpoint.blind(key, entries[n], at_ms=at_ms)
            if leaf in leaves:
                at[chain] = n
                explained.add(leaf)
                break
    return at, set(leaves) == explained.union(checkpoint.fillers(key, len(explained), at_ms=at_ms))


def shown(at_ms: int) -> str:
    """An instant for people, UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" (+{rest})" if rest > 0 else "")
