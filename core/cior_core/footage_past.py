"""How a day of a camera's index becomes one record, once everything that it tells of is gone. Pure.

The index is gone through line by line from its first, proven as it goes; nothing of it is kept but numbers and
instants, so a day of tens of thousands of lines costs a few megabytes. A day that is not whole becomes nothing: it
stays as it is, for whoever looks into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from cior_core import chain, footage
from cior_core.errors import IntegrityBroken
from cior_core.footage import Entry, Gap, GapCause, Opening, PastDay, Record, Removal, RemovalRule, Segment
from cior_core.spans import Span

MOST_SPANS: Final = 128
"""So many are told of a day: about 6 KB, whatever its camera did."""
_FIRST_GRAIN_MS: Final = 1_000

Told = tuple[int, int, GapCause]


class DayWalk:
    """``named``: what the day after names of this one; it must be on the way."""

    def __init__(self, camera: str, day: str, *, named: chain.Head | None) -> None:
        self._camera, self._day, self._named = camera, day, named
        self._head = footage.first_head(camera, day)
        self._before = self._head
        self._digest, self._bytes, self._size = hashlib.sha256(), 0, 0
        self._shots: dict[int, Span] = {}
        self._gaps: list[Gap] = []
        self._gone: list[Span] = []
        self._removed_ms: list[int] = []
        self._rules: set[RemovalRule] = set()
        self._saw_named = named is None

    def take(self, line: bytes) -> None:
        """The next line, with its end. Raises ``IntegrityBroken`` (``footage.index``)."""
        found = footage.read_index(line).entries
        if len(found) != 1 or not self._follows(found[0]):
            raise self._broken()
        self._digest.update(line)
        self._bytes += len(line)
        self._head = found[0].head
        self._saw_named = self._saw_named or self._head == self._named
        self._note(found[0])

    def _follows(self, entry: Entry) -> bool:
        place, is_first = entry.place, isinstance(entry.record, Opening)
        return (
            (place.chain, place.seq, place.previous)
            == (self._head.chain, self._head.seq + 1, self._head.hash)
            and chain.entry_hash(place, entry.content) == entry.link
            and is_first == (place.seq == 1)
        )

    def _note(self, entry: Entry) -> None:
        match entry.record:
            case Opening() as opening:
                self._before = chain.Head(opening.chain, opening.seq, opening.hash)
            case Segment() as segment:
                self._shots[segment.number] = (segment.start_ms, segment.end_ms)
                self._size += segment.size_bytes
            case Gap() as gap:
                self._gaps.append(gap)
            case Removal() as removal:
                self._gone.append((removal.first, removal.last + 1))
                self._removed_ms.append(removal.at_ms)
                self._rules.add(removal.rule)
            case _:
                raise self._broken()

    @property
    def unexplained(self) -> frozenset[int]:
        """Numbers of segments that no removal names."""
        gone = {number for first, end in self._gone for number in range(first, end)}
        return frozenset(self._shots) - gone

    def past(self, at_ms: int) -> PastDay:
        """The day in one record; what no removal names is told as lost. Raises what :meth:`take` raises."""
        if not self._saw_named or self._head.seq == 0:
            raise self._broken()
        told, grain_ms = _coarse(self._told())
        return PastDay(
            camera=self._camera,
            day=self._day,
            at_ms=at_ms,
            before=self._before,
            last=self._head,
            named=self._named,
            index_sha256=self._digest.hexdigest(),
            index_bytes=self._bytes,
            segments=len(self._shots),
            size_bytes=self._size,
            last_number=max(self._shots, default=0),
            expired_ms=(min(self._removed_ms), max(self._removed_ms)) if self._removed_ms else None,
            rules=tuple(sorted(self._rules)),
            told=told,
            grain_ms=grain_ms,
        )

    def _told(self) -> tuple[Told, ...]:
        """Why there is nothing, as :func:`cior_core.footage.cover` explains it; what nothing explains is left out."""
        lost = self.unexplained
        claims = self._gaps + [
            Gap(
                camera=self._camera,
                from_ms=from_ms,
                to_ms=to_ms,
                cause=GapCause.LOST if number in lost else GapCause.EXPIRED,
            )
            for number, (from_ms, to_ms) in self._shots.items()
        ]
        span = (
            min((each.from_ms for each in claims), default=0),
            max((each.to_ms for each in claims), default=0),
        )
        if span[0] >= span[1]:
            return ()
        found = footage.cover(self._camera, span, claims).gaps
        return tuple(
            (each.from_ms, each.to_ms, each.cause) for each in found if each.cause is not GapCause.UNKNOWN
        )

    def _broken(self) -> IntegrityBroken:
        return IntegrityBroken(
            "footage.index",
            f"the index of {self._camera} on {self._day} is not what was chained, so it stays as it is",
            cure="keep the disk as it is and tell the auditor",
        )


def gone_ms(span: Span, records: Iterable[Record]) -> Span | None:
    """When the first and the last of what expired of ``span`` were removed, of the records of one camera that explain
    it; None: nothing did.
    """
    known = tuple(records)
    shots = [
        each.number
        for each in known
        if isinstance(each, Segment) and each.start_ms < span[1] and each.end_ms > span[0]
    ]
    instants: list[int] = []
    for each in known:
        if isinstance(each, Removal) and any(each.first <= number <= each.last for number in shots):
            instants.append(each.at_ms)
        elif isinstance(each, PastDay) and each.expired_ms is not None and _expired(each, span):
            instants += each.expired_ms
    return (min(instants), max(instants)) if instants else None


def _expired(day: PastDay, span: Span) -> bool:
    return any(
        cause is GapCause.EXPIRED and first < span[1] and last > span[0] for first, last, cause in day.told
    )


def _coarse(spans: Iterable[Told], most: int = MOST_SPANS) -> tuple[tuple[Told, ...], int]:
    """Spans in order, at most so many, and the grain that this took, ms; 0: they are as they were."""
    found, grain_ms = tuple(spans), 0
    while len(found) > most:
        grain_ms = grain_ms * 2 or _FIRST_GRAIN_MS
        found = tuple(_joined(found, grain_ms))
    return found, grain_ms


def _joined(spans: Iterable[Told], grain_ms: int) -> Iterator[Told]:
    last: Told | None = None
    for each in spans:
        if last is not None and _is_one(last, each, grain_ms):
            last = (last[0], each[1], _cause_of(last, each))
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _is_one(last: Told, each: Told, grain_ms: int) -> bool:
    """Whether no more than the grain is between two that are alike, or of which one is not longer than it."""
    is_short = min(last[1] - last[0], each[1] - each[0]) <= grain_ms
    return each[0] - last[1] <= grain_ms and (is_short or last[2] is each[2])


def _cause_of(last: Told, each: Told) -> GapCause:
    """Of two told as one: footage that was there first, else what lasted longer."""
    causes = {last[2], each[2]}
    for first in (GapCause.EXPIRED, GapCause.LOST):
        if first in causes:
            return first
    return last[2] if last[1] - last[0] >= each[1] - each[0] else each[2]
