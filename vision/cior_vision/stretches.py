"""The stretches of a camera (:mod:`cior_core.camera_stretch`): opened with the first packet or event, closed by time,
reconnection or stop.

Events go out at once and carry a pointer to the stretch that is open; its record follows when it closes. What is
accepted is stated at the opening, so an open stretch is *in flight* in the accounts. A journal file keeps each
stretch until its record is durable: after a kill the next start of the worker publishes what the journal knows, with
the same id. Until then the accounts show it in flight, then as a gap. The journal is written before an event is
handed over: an event lost with the worker's memory is declared and missing, never forgotten.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from cior_core.camera_stretch import (
    CameraStretch,
    PictureForm,
    StretchClock,
    StretchDrop,
    StretchEnd,
    StretchEvent,
    raw_record,
    stretch_id,
)
from cior_core.model import Event, Lane, Producer, RawId, RawPointer, RawRecord, Struct
from cior_core.system_events import system_event
from cior_video.clock import EdgeClock
from cior_video.drops import DropCounter, DropReason
from cior_video.timing import FrameTime
from cior_vision.sources import Probe

LOG = structlog.get_logger("cior.vision.stretches")
MINUTE_MS = 60_000
_SUFFIX = ".stretch"


class JournalLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Either a stretch as far as it is known, or one more event of it."""

    stretch: CameraStretch | None = None
    event: StretchEvent | None = None


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(JournalLine).decode


class StretchJournal:
    """A file for each stretch whose record is not durable yet. ``folder`` None keeps nothing (a replay, a test).

    Not fsynced: a killed process loses nothing, a power cut at most what the kernel had not written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, raw: RawId, line: JournalLine) -> None:
        """Add a line. A disk that refuses is logged: the camera goes on, and only a kill now would leave a gap."""
        if self._folder is None:
            return
        try:
            with (self._folder / f"{raw}{_SUFFIX}").open("ab") as file:
                file.write(_ENCODE(line) + b"\n")
        except OSError as error:
            LOG.warning("journal_not_written", errno=error.errno)

    def forget(self, raw: RawId) -> None:
        """The record is durable."""
        if self._folder is not None:
            (self._folder / f"{raw}{_SUFFIX}").unlink(missing_ok=True)

    def left_over(self) -> Iterator[tuple[RawId, CameraStretch]]:
        """What a killed worker left, as it was when it last wrote."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder is not None else ():
            stretch = _as_left(path.read_bytes())
            if stretch is None:
                path.unlink()
            else:
                yield RawId(path.name.removesuffix(_SUFFIX)), stretch


def _as_left(text: bytes) -> CameraStretch | None:
    stretch: CameraStretch | None = None
    for row in text.splitlines():
        try:
            line = _DECODE(row)
        except msgspec.DecodeError:  # the line that the kill cut off
            continue
        if line.stretch is not None:
            stretch = line.stretch
        elif line.event is not None and stretch is not None:
            stretch = msgspec.structs.replace(
                stretch,
                events=(*stretch.events, line.event),
                closed_ms=line.event.at_ms,
                packets=line.event.packets,
                sha256=line.event.sha256,
            )
    return stretch


class CameraOf(Struct, frozen=True, kw_only=True):
    """Whose stretches these are. ``boot`` names this start of the worker."""

    camera: str
    source: str
    producer: Producer
    boot: str
    drill: bool = False


class _Open:
    """The running numbers of one stretch."""

    def __init__(
        self, raw: RawId, number: int, *, at_ms: int, at_s: float, drops: dict[DropReason, int]
    ) -> None:
        self.raw, self.number, self.at_ms, self.at_s, self.drops = raw, number, at_ms, at_s, drops
        self.digest = hashlib.sha256()
        self.packets = self.received_bytes = self.decoded = 0
        self.clock: StretchClock | None = None
        self.events: list[StretchEvent] = []


class StretchBook(Probe):
    """One camera's stretches. Every method may be called from any thread; ``hand_over`` too is called from any."""

    def __init__(
        self,
        who: CameraOf,
        *,
        clock: EdgeClock,
        drops: DropCounter,
        journal: StretchJournal,
        hand_over: Callable[[Event | RawRecord], None],
    ) -> None:
        self._who, self._clock, self._drops, self._journal, self._hand_over = (
            who,
            clock,
            drops,
            journal,
            hand_over,
        )
        self._lock = threading.Lock()
        self._number = 0
        self._open: _Open | None = None
        self._form: PictureForm | None = None
        self._over = False

    def connected(self, form: PictureForm) -> None:
        """A new connection begins: what was open ends here."""
        with self._lock:
            self._close(StretchEnd.RECONNECTED)
            self._form = form

    def packet(self, data: bytes) -> None:
        """A packet arrived."""
        with self._lock:
            if self._over:
                return
            current = self._current()
            current.digest.update(data)
            current.packets += 1
            current.received_bytes += len(data)

    def decoded(self, at: FrameTime) -> None:
        """A picture was decoded and stamped."""
        with self._lock:
            if self._over:
                return
            current = self._current()
            current.decoded += 1
            current.clock = _judged(current.clock, at)

    def pointed(self, event: Event) -> Event:
        """The event with its pointer to the open stretch, which knows it from now on.

        After the stop: the event as it is.
        """
        with self._lock:
            if self._over:
                return event
            current = self._current()
            known = StretchEvent(
                id=event.id,
                index=len(current.events),
                at_ms=self._clock.now_ms(),
                packets=current.packets,
                sha256=current.digest.hexdigest(),
            )
            current.events.append(known)
            self._journal.write(current.raw, JournalLine(event=known))
            pointer = RawPointer(raw_id=current.raw, sha256=known.sha256, index=known.index)
        return msgspec.structs.replace(event, raw=pointer)

    def close_older_than(self, age_s: float) -> None:
        """Close the stretch that is open for so long."""
        with self._lock:
            if self._open is not None and self._clock.monotonic_s() - self._open.at_s >= age_s:
                self._close(StretchEnd.TIME)

    def stop(self) -> None:
        """The worker ends: close what is open. Whatever a reader still brings belongs to no stretch."""
        with self._lock:
            self._close(StretchEnd.STOPPED)
            self._over = True

    def _current(self) -> _Open:
        if self._open is None:
            now_ms, self._number = self._clock.now_ms(), self._number + 1
            raw = stretch_id(
                self._who.source,
                opened_ms=now_ms,
                worker=f"{self._who.producer.instance}/{self._who.boot}",
                number=self._number,
            )
            self._open = _Open(
                raw, self._number, at_ms=now_ms, at_s=self._clock.monotonic_s(), drops=self._drops.snapshot()
            )
            self._journal.write(raw, JournalLine(stretch=self._as_now(self._open, StretchEnd.KILLED)))
            self._hand_over(claim(raw, self._who.producer, opened_ms=now_ms, drill=self._who.drill))
        return self._open

    def _close(self, end: StretchEnd) -> None:
        if self._open is None:
            return
        ended, self._open = self._open, None
        stretch = self._as_now(ended, end)
        self._journal.write(ended.raw, JournalLine(stretch=stretch))
        self._hand_over(
            raw_record(stretch, id_=ended.raw, source=self._who.source, producer=self._who.producer)
        )

    def _as_now(self, current: _Open, end: StretchEnd) -> CameraStretch:
        return CameraStretch(
            camera=self._who.camera,
            worker=self._who.producer.instance or "",
            number=current.number,
            opened_ms=current.at_ms,
            closed_ms=self._clock.now_ms(),
            ended=end,
            sha256=current.digest.hexdigest(),
            packets=current.packets,
            received_bytes=current.received_bytes,
            decoded=current.decoded,
            form=self._form,
            clock=current.clock,
            drops=_drops_since(current.drops, self._drops.snapshot()),
            events=tuple(current.events),
            drill=self._who.drill,
        )


def claim(raw: RawId, producer: Producer, *, opened_ms: int, drill: bool) -> Event:
    """The statement that one stretch was accepted, by its minute; its id follows from the stretch, so saying it twice
    counts once.
    """
    instance = producer.instance or ""
    minute_ms = opened_ms // MINUTE_MS * MINUTE_MS
    return system_event(
        "accounting",
        source=f"urn:cior:{producer.connector}:{instance}",
        subject=f"connector:{instance}",
        key=f"accounting:{raw}",
        at_ms=opened_ms,
        lane=Lane.TELEMETRY,
        drill=drill,
        producer=producer,
        attributes={"accepted": 1, "by_minute": {str(minute_ms): 1}},
    )


def _judged(so_far: StretchClock | None, at: FrameTime) -> StretchClock:
    """The last picture's source and quality, and the largest error of any."""
    before_s = None if so_far is None else so_far.error_s
    errors_s = [each for each in (before_s, at.clock_error_s) if each is not None]
    return StretchClock(
        first_ms=at.wall_ms if so_far is None else so_far.first_ms,
        last_ms=at.wall_ms,
        source=at.wall_source.value,
        quality=at.clock,
        error_s=max(errors_s, default=None),
    )


def _drops_since(before: dict[DropReason, int], now: dict[DropReason, int]) -> tuple[StretchDrop, ...]:
    counts = {reason: now[reason] - before.get(reason, 0) for reason in sorted(now)}
    return tuple(
        StretchDrop(reason=reason.value, intentional=reason.intentional, count=count)
        for reason, count in counts.items()
        if count
    )
