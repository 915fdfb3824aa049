"""A camera's stretches: what came is digested and counted, events point into it, and a kill is told, not hidden."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cior_core import identity
from cior_core.camera_stretch import CONTENT_TYPE, CameraStretch, PictureForm, StretchEnd, raw_record
from cior_core.canonical import canonical
from cior_core.model import ClockQuality, Event, EventId, Lane, Producer, RawRecord, TypeCode
from cior_video.drops import DropCounter, DropReason
from cior_video.timing import FrameTime, WallSource
from cior_vision.stretches import CameraOf, StretchBook, StretchJournal

START_MS = 1_795_000_000_000 // 60_000 * 60_000 + 1_500
PRODUCER = Producer(connector="vision", version="1", instance="centro")
FORM = PictureForm(codec="h264", width_px=640, height_px=360)


class HandClock:
    """Goes on when told."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000


class Bench:
    """One camera's book, the clock and what was handed over."""

    def __init__(self, folder: Path | None = None, *, boot: str = "b1") -> None:
        self.clock, self.drops = HandClock(), DropCounter()
        self.out: list[Event | RawRecord] = []
        self.journal = StretchJournal(folder)
        self.book = StretchBook(
            CameraOf(camera="plaza", source="vision/plaza", producer=PRODUCER, boot=boot),
            clock=self.clock,
            drops=self.drops,
            journal=self.journal,
            hand_over=self.out.append,
        )

    @property
    def records(self) -> list[RawRecord]:
        return [each for each in self.out if isinstance(each, RawRecord)]

    @property
    def stretches(self) -> list[CameraStretch]:
        return [msgspec.json.decode(each.payload, type=CameraStretch) for each in self.records]

    @property
    def claims(self) -> list[Event]:
        return [each for each in self.out if isinstance(each, Event)]


_NUMBERS: Iterator[int] = itertools.count()


def event() -> Event:
    return Event(
        id=EventId(f"event-{next(_NUMBERS)}"),
        source="vision/plaza",
        type=TypeCode("vision.intrusion"),
        subject="plaza",
        occurred_ms=START_MS,
        received_ms=START_MS,
        lane=Lane.URGENT,
    )


def picture(wall_ms: int, *, error_s: float | None = None) -> FrameTime:
    return FrameTime(
        epoch=0,
        origin_ms=START_MS,
        pts=0,
        time_base=(1, 90_000),
        stream_s=0.0,
        arrival_ms=wall_ms,
        wall_ms=wall_ms,
        wall_source=WallSource.RTCP,
        clock=ClockQuality.SYNCED,
        clock_error_s=error_s,
    )


def test_a_stretch_is_the_digest_and_the_counts_of_what_came_and_no_picture() -> None:
    bench = Bench()
    bench.book.connected(FORM)
    for data in (b"one", b"two"):
        bench.book.packet(data)
    bench.book.decoded(picture(START_MS + 40, error_s=0.2))
    bench.book.decoded(picture(START_MS + 80, error_s=0.1))
    bench.drops.add(DropReason.SAMPLED, 3)
    bench.clock.ms += 1_000
    bench.book.stop()
    (record,), (stretch,) = bench.records, bench.stretches
    assert stretch.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert (stretch.packets, stretch.received_bytes, stretch.decoded) == (2, 6, 2)
    assert (stretch.opened_ms, stretch.closed_ms) == (START_MS, START_MS + 1_000)
    assert stretch.form == FORM
    assert stretch.clock is not None
    assert (stretch.clock.first_ms, stretch.clock.last_ms) == (START_MS + 40, START_MS + 80)
    assert (stretch.clock.source, stretch.clock.quality, stretch.clock.error_s) == ("rtcp", "synced", 0.2)
    assert [(each.reason, each.intentional, each.count) for each in stretch.drops] == [("sampled", True, 3)]
    assert record.payload == canonical(stretch), "one value, one byte string"
    assert (record.sha256, record.content_type) == (identity.payload_sha256(record.payload), CONTENT_TYPE)
    assert (record.source, record.subject, record.received_ms) == ("vision/plaza", "plaza", START_MS)
    assert len(record.payload) < 1_000


def test_an_event_goes_out_at_once_and_points_to_what_had_come_by_then() -> None:
    bench = Bench()
    bench.book.packet(b"one")
    first = bench.book.pointed(event())
    bench.book.packet(b"two")
    second = bench.book.pointed(event())
    assert not bench.records, "no event waits for its stretch to close"
    bench.book.stop()
    (record,), (stretch,) = bench.records, bench.stretches
    assert first.raw is not None
    assert second.raw is not None
    assert {first.raw.raw_id, second.raw.raw_id} == {record.id}
    assert [first.raw.index, second.raw.index] == [0, 1]
    assert first.raw.sha256 == hashlib.sha256(b"one").hexdigest()
    assert second.raw.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert record.events == 2
    assert [(each.id, each.index, each.packets, each.sha256) for each in stretch.events] == [
        (first.id, 0, 1, first.raw.sha256),
        (second.id, 1, 2, second.raw.sha256),
    ]


def test_what_is_accepted_is_stated_when_a_stretch_opens_by_its_minute() -> None:
    bench = Bench()
    bench.book.packet(b"x")
    (claim,) = bench.claims
    assert (claim.type, claim.lane, claim.producer) == ("accounting", Lane.TELEMETRY, PRODUCER)
    assert claim.attributes["by_minute"] == {str(START_MS // 60_000 * 60_000): 1}
    bench.clock.ms += 70_000
    bench.book.stop()
    assert bench.claims == [claim], "one statement a stretch"
    assert bench.records[0].received_ms == START_MS, "and both speak of the same minute"


def test_a_stretch_ends_by_time_by_reconnection_and_by_stop_and_each_packet_is_in_one() -> None:
    bench = Bench()
    bench.book.packet(b"a")
    bench.clock.ms += 59_000
    bench.book.close_older_than(60)
    assert not bench.records
    bench.clock.ms += 1_000
    bench.book.close_older_than(60)
    bench.book.packet(b"b")
    bench.book.connected(FORM)
    bench.book.packet(b"c")
    bench.book.stop()
    assert [each.ended for each in bench.stretches] == [
        StretchEnd.TIME,
        StretchEnd.RECONNECTED,
        StretchEnd.STOPPED,
    ]
    assert [each.sha256 for each in bench.stretches] == [
        hashlib.sha256(each).hexdigest() for each in (b"a", b"b", b"c")
    ]
    assert len({each.id for each in bench.records}) == 3
    assert [each.number for each in bench.stretches] == [1, 2, 3]


def test_an_incident_that_ends_after_the_signal_was_lost_has_a_stretch_of_its_own() -> None:
    bench = Bench()
    bench.book.packet(b"a")
    bench.clock.ms += 60_000
    bench.book.close_older_than(60)
    late = bench.book.pointed(event())
    bench.book.stop()
    assert late.raw is not None
    assert late.raw.raw_id == bench.records[1].id
    assert (bench.stretches[1].packets, bench.records[1].events) == (0, 1)


def test_after_the_stop_nothing_opens_again() -> None:
    bench = Bench()
    bench.book.stop()
    bench.book.packet(b"late")
    bench.book.decoded(picture(START_MS))
    assert bench.book.pointed(event()).raw is None
    assert bench.out == []


def test_two_starts_of_a_worker_in_the_same_millisecond_are_two_stretches() -> None:
    one, other = Bench(boot="b1"), Bench(boot="b2")
    for bench in (one, other):
        bench.book.packet(b"x")
        bench.book.stop()
    assert one.records[0].id != other.records[0].id


def test_what_a_killed_worker_left_is_told_by_the_next_one_under_the_same_id(tmp_path: Path) -> None:
    killed = Bench(tmp_path)
    killed.book.packet(b"one")
    told = killed.book.pointed(event())
    killed.clock.ms += 500
    killed.book.packet(b"never digested by an event")
    ((raw, stretch),) = StretchJournal(tmp_path).left_over()
    assert told.raw is not None
    assert raw == told.raw.raw_id
    assert (stretch.ended, stretch.packets) == (StretchEnd.KILLED, 1)
    assert stretch.sha256 == told.raw.sha256
    assert [each.id for each in stretch.events] == [told.id]
    record = raw_record(stretch, id_=raw, source="vision/plaza", producer=PRODUCER)
    assert (record.events, record.received_ms) == (1, START_MS)


def test_a_closed_stretch_whose_record_was_not_durable_is_told_whole(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.book.packet(b"one")
    bench.book.pointed(event())
    bench.book.stop()
    ((raw, stretch),) = StretchJournal(tmp_path).left_over()
    assert stretch == bench.stretches[0]
    bench.journal.forget(raw)
    assert list(StretchJournal(tmp_path).left_over()) == []


@pytest.mark.parametrize("kept", [1.0, 0.9, 0.5, 0.01, 0.0])
def test_a_journal_that_the_kill_cut_anywhere_gives_what_is_whole(tmp_path: Path, kept: float) -> None:
    bench = Bench(tmp_path)
    bench.book.packet(b"one")
    for _ in range(5):
        bench.book.pointed(event())
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    left = list(StretchJournal(tmp_path).left_over())
    lines = whole[: int(len(whole) * kept)].count(b"\n")
    assert [len(stretch.events) for _, stretch in left] == ([lines - 1] if lines else [])
