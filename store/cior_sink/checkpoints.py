"""Once a minute, and at each hold: what all chains end with, signed, in a file outside the database (law 15).

A clear head is one that its connector stated and that follows, entry by entry, from the one signed before; a sealed
head follows likewise and is blinded. So what is signed is what is stored. A chain that does not go on although its
connector says so is an event after ten minutes, and from then on the next stated head that is stored is signed, with
the hole left to be told by ``cior verify-log``.

What is newer than the newest page is protected by the database alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from nacl.signing import SigningKey

from cior_bus import durable_file
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core import checkpoint
from cior_core.chain import Head, climb, genesis
from cior_core.checkpoint import Page
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import ClockQuality, Event, Producer
from cior_core.system_events import system_event
from cior_sink.periodic import Periodic
from cior_store import chain_rows
from cior_store.chain_rows import CLEAR, SEALED
from cior_store.engine import Store

log = structlog.get_logger("cior_sink.checkpoints")

TYPE = "integrity.chain"
LOOK_BACK_MS = 86_400_000
PATIENCE_MS = 600_000
PUBLIC_KEY, NEWEST = "clave-publica.txt", "ultimo.txt"
_PAGES = "????-??-??.ndjson"
_DECODE = msgspec.json.Decoder(Page).decode


@dataclass(frozen=True, kw_only=True)
class CheckpointPlace:
    """Where pages go and with what they are made. ``origin`` names the centre; ``blinding``: the centre's HMAC key."""

    folder: Path
    origin: str
    key: SigningKey
    blinding: bytes


def pages(folder: Path) -> Iterator[Page | None]:
    """The pages of a folder in the order of writing; None for a line that is none (cut by a kill, or changed)."""
    for path in sorted(folder.glob(_PAGES)):
        for line in path.read_bytes().splitlines():
            try:
                yield _DECODE(line)
            except msgspec.MsgspecError:
                yield None


def note_digest(note: str) -> str:
    """What the next page says of this one."""
    return sha256(note.encode()).hexdigest()


class PageFile:
    """The folder of pages: appended and synced, never written over. ``OSError`` passes through."""

    def __init__(self, place: CheckpointPlace) -> None:
        self._place = place
        place.folder.mkdir(parents=True, exist_ok=True)
        public = checkpoint.verifier_key(place.origin, bytes(place.key.verify_key))
        durable_file.replace(place.folder / PUBLIC_KEY, f"{public}\n".encode())
        self.last: Page | None = None
        for page in pages(place.folder):
            self.last = page or self.last

    def append(self, *, heads: Sequence[Head], sealed: Sequence[Head], at_ms: int) -> Page:
        """Sign and keep one page; on the disk when this returns."""
        place, public = self._place, bytes(self._place.key.verify_key)
        previous = "" if self.last is None else note_digest(self.last.note)
        blinded = checkpoint.blinded(place.blinding, sealed, at_ms=at_ms)
        over = checkpoint.leaves(previous=previous, heads=heads, blinded=blinded)
        text = checkpoint.text_of(place.origin, over, at_ms=at_ms)
        signature = place.key.sign(text.encode()).signature
        note = checkpoint.signed(text, name=place.origin, public=public, signature=signature)
        page = Page(note, previous, tuple(heads), blinded)
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        _append(place.folder / f"{day:%Y-%m-%d}.ndjson", msgspec.json.encode(page))
        durable_file.replace(place.folder / NEWEST, note.encode())
        self.last = page
        return page


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, (b"\n" if torn else b"") + line + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    durable_file.sync_folder(path.parent)


def chain_event(stuck: Sequence[Head], *, now_ms: int, drill: bool = False) -> Event:
    """The event of chains that do not go on after these heads; its id follows from them."""
    named = [f"{head.chain}:{head.seq}" for head in stuck]
    key = f"{TYPE}:{' '.join(named)}"
    return system_event(
        TYPE,
        source="urn:cior:store",
        subject="store:chains",
        key=key,
        at_ms=now_ms,
        clock=ClockQuality.SYNCED,
        producer=Producer(connector="cior.store", version="1"),
        drill=drill,
        native_key=key,
        attributes={"chains": len(named), "after": named[:20]},
    )


class Checkpointer:
    """``thread`` makes a page each ``every_s``; :meth:`now` makes one at once, from any thread."""

    def __init__(
        self,
        place: CheckpointPlace,
        store: Store,
        bus: Bus,
        *,
        now_ms: Callable[[], int],
        every_s: float = 60.0,
        drill: bool = False,
    ) -> None:
        self._file = PageFile(place)
        self._store, self._bus, self._now_ms, self._drill = store, bus, now_ms, drill
        self._sealed: dict[str, Head] = {}
        self._stuck_ms: dict[str, int] = {}
        self._told: set[Head] = set()
        self._lock = threading.Lock()
        self.thread = Periodic("checkpoints", self.look, every_s=every_s, first_s=min(20.0, every_s))

    def look(self) -> Page:
        """Make a page. Raises ``SourceUnavailable`` when the store or the disk does not answer: the next one tells."""
        with self._lock:
            now_ms = self._now_ms()
            heads, stuck = self._clear(now_ms)
            sealed = self._sealed_heads(now_ms)
            try:
                page = self._file.append(heads=heads, sealed=sealed, at_ms=now_ms)
            except OSError as error:
                raise SourceUnavailable(
                    "checkpoint.unwritten",
                    f"the checkpoint could not be written ({type(error).__name__})",
                    cure="give the folder `checkpoints` room and the sink the right to write there",
                ) from error
            self._tell(stuck, now_ms)
            return page

    def now(self) -> None:
        """A page for a hold that was just stored; what prevents it is logged, and the next minute's comes anyway."""
        try:
            self.look()
        except CiorError as error:
            log.warning("checkpoint_postponed", code=error.code)

    def _clear(self, now_ms: int) -> tuple[list[Head], list[Head]]:
        """The heads to sign and those that do not go on."""
        last = self._file.last
        known = {} if last is None else {head.chain: head for head in last.heads}
        said: dict[str, set[Head]] = {}
        for head in chain_rows.stated(self._store, since_ms=now_ms - LOOK_BACK_MS):
            said.setdefault(head.chain, set()).add(head)
        stuck: list[Head] = []
        for chain, heads in said.items():
            start = known.get(chain) or self._start(CLEAR, chain)
            if start is None:
                continue
            known[chain] = self._advanced(start, {each for each in heads if each.seq > start.seq})
            if known[chain] != start or all(each.seq <= start.seq for each in heads):
                self._stuck_ms.pop(chain, None)
            elif now_ms - self._stuck_ms.setdefault(chain, now_ms) >= PATIENCE_MS:
                stuck.append(start)
                known[chain] = self._jumped(start, heads)
        return [known[chain] for chain in sorted(known)], stuck

    def _advanced(self, start: Head, stated: set[Head]) -> Head:
        """The highest stated head that follows from ``start``."""
        reached = [head for head in self._path(CLEAR, start) if head in stated] if stated else []
        return reached[-1] if reached else start

    def _jumped(self, start: Head, stated: set[Head]) -> Head:
        """The lowest stated head above ``start`` that is stored at all: who states an absurd one stops nothing."""
        stored = {(each.place.seq, each.hash) for each in chain_rows.rising(self._store, CLEAR, start)}
        standing = sorted((head for head in stated if (head.seq, head.hash) in stored), key=lambda it: it.seq)
        return standing[0] if standing else start

    def _sealed_heads(self, now_ms: int) -> list[Head]:
        for chain in chain_rows.names(self._store, SEALED, since_ms=now_ms - LOOK_BACK_MS):
            last = self._sealed.get(chain) or self._start(SEALED, chain)
            if last is not None:
                self._sealed[chain] = max(self._path(SEALED, last), key=lambda head: head.seq, default=last)
        return [self._sealed[chain] for chain in sorted(self._sealed)]

    def _path(self, table: str, last: Head) -> Iterator[Head]:
        return climb(last, chain_rows.rising(self._store, table, last))

    def _start(self, table: str, chain: str) -> Head | None:
        """Below the lowest entry that is there: its beginning, or where retention has cut it."""
        lowest = next(chain_rows.rising(self._store, table, Head(chain, 0, genesis(chain)), at_most=1), None)
        return None if lowest is None else Head(chain, lowest.place.seq - 1, lowest.place.previous)

    def _tell(self, stuck: Sequence[Head], now_ms: int) -> None:
        fresh = [head for head in stuck if head not in self._told]
        if fresh:
            log.error("chains_broken", chains=len(fresh))
            event = chain_event(fresh, now_ms=now_ms, drill=self._drill)
            self._bus.publish_sync([MessageOut.of(event)])
            self._told.update(fresh)
