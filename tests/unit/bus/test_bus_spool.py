"""The spool keeps what it acknowledged, refuses what it must, and counts what it drops."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_bus import metrics as m
from cior_bus import segments
from cior_bus.segments import SegmentLog
from cior_bus.spool import Alarm, Entry, Spool, SpoolClass, SpoolLimits
from cior_core.errors import CapacityExhausted, ConfigInvalid, SourceUnavailable

LIFE, UNPROVEN, NORMAL, TELEMETRY, UNREAD = SpoolClass
SMALL = SpoolLimits(
    life_safety_bytes=20_000,
    unproven_bytes=20_000,
    unread_bytes=10_000,
    normal_bytes=40_000,
    telemetry_bytes=40_000,
    segment_bytes=4_096,
    normal_gather_s=0.001,
    telemetry_sync_s=0.001,
)


def entry(number: int, *, size_bytes: int = 100, key: bytes = b"k") -> Entry:
    return Entry(topic="t", key=key, value=b"%d:" % number + b"x" * size_bytes)


def number(each: Entry) -> int:
    return int(each.value.split(b":")[0])


def waiting(spool: Spool, spool_class: SpoolClass) -> list[int]:
    return [number(e) for s in spool.read(spool_class, max_records=10**6, max_bytes=10**9) for e in s.entries]


def log_with(directory: Path, payloads: list[bytes]) -> SegmentLog:
    log = SegmentLog(directory, segment_bytes=1_000_000)
    for payload in payloads:
        log.append(payload, at_ms=0)
    log.close()
    return log


def test_a_record_that_does_not_count_on_is_not_read() -> None:
    """Bytes of an earlier life of the file check, but their numbers run back."""
    data = segments.frame(7, b"new") + segments.frame(5, b"old")
    assert [payload for _, payload, _ in segments.frames(data, 0)] == [b"new"]


def test_law_1_a_file_that_could_not_be_sealed_says_how_far_it_is_not_to_be_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path, segment_bytes=1_000_000)
    last = [log.append(payload, at_ms=0) for payload in (b"a", b"b")][-1]

    def refuse(fd: int) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="I/O"):
        log.seal()
    assert log.unsafe_up_to == last


def test_law_1_what_an_older_release_left_in_the_spool_is_read(tmp_path: Path) -> None:
    """Its entries had five fields: no instant of their own."""
    old = msgspec.msgpack.encode([["t", b"k", b"7:", [["code", b"x"]], True], ["t", b"k", b"8:", [], False]])
    log_with(tmp_path / LIFE.value, [old])
    spool = Spool.open(tmp_path, limits=SMALL)
    spool.append(LIFE, [Entry(topic="t", key=b"k", value=b"9:", at_ms=1)]).result(5)
    spool.close()
    spool = Spool.open(tmp_path, limits=SMALL)
    found = [each for spooled in spool.read(LIFE) for each in spooled.entries]
    spool.close()
    assert found == [
        Entry(topic="t", key=b"k", value=b"7:", headers=(("code", b"x"),), bulk=True),
        Entry(topic="t", key=b"k", value=b"8:"),
        Entry(topic="t", key=b"k", value=b"9:", at_ms=1),
    ]


def test_a_write_torn_at_any_byte_leaves_every_record_before_it(tmp_path: Path) -> None:
    payloads = [b"one", b"two-two", b"", b"four" * 5]
    log_with(tmp_path / "whole", payloads)
    [segment] = (tmp_path / "whole").glob("*.seg")
    data = segment.read_bytes()
    ends = [len(data) - sum(len(p) + 16 for p in payloads[i:]) for i in range(len(payloads) + 1)]
    for size_bytes in range(len(data) + 1):
        torn = tmp_path / str(size_bytes)
        torn.mkdir()
        (torn / segment.name).write_bytes(data[:size_bytes])
        log = SegmentLog(torn, segment_bytes=1_000_000)
        whole = sum(1 for end in ends[1:] if end <= size_bytes)
        assert [payload for _, payload in log.read(max_records=99, max_bytes=10**9)] == payloads[:whole]
        log.append(b"after the crash", at_ms=0)
        log.close()
        again = SegmentLog(torn, segment_bytes=1_000_000)
        assert [payload for _, payload in again.read(max_records=99, max_bytes=10**9)] == [
            *payloads[:whole],
            b"after the crash",
        ]


def test_a_flipped_bit_anywhere_never_yields_a_wrong_record(tmp_path: Path) -> None:
    payloads = [b"alpha", b"beta-beta", b"gamma"]
    log_with(tmp_path / "whole", payloads)
    [segment] = (tmp_path / "whole").glob("*.seg")
    data = bytearray(segment.read_bytes())
    for position in range(len(data)):
        broken = tmp_path / str(position)
        broken.mkdir()
        data[position] ^= 0x10
        (broken / segment.name).write_bytes(data)
        data[position] ^= 0x10
        found = [
            payload
            for _, payload in SegmentLog(broken, segment_bytes=10**6).read(max_records=9, max_bytes=10**9)
        ]
        assert found == payloads[: len(found)]
        assert len(found) < 3 or position in range(8, 16), (
            "only the unused copy of the first sequence may go unnoticed"
        )


def test_damage_inside_an_older_file_is_set_aside_and_alarmed_not_hidden(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    for n in range(60):
        spool.append(NORMAL, [entry(n)]).result(5)
    spool.close()
    oldest = min((tmp_path / "normal").glob("*.seg"))
    data = bytearray(oldest.read_bytes())
    data[len(data) // 2] ^= 1
    oldest.write_bytes(data)
    alarms: list[Alarm] = []
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, on_alarm=alarms.append, metrics=metrics)
    left = waiting(spool, NORMAL)
    assert left == sorted(left)
    assert left[-1] == 59
    assert 0 < len(left) < 60
    assert [alarm.code for alarm in alarms] == ["spool.damaged"]
    assert metrics.value(m.DROPPED, "normal", "damaged_file", "false") == 1
    assert list((tmp_path / "normal").glob("*.damaged"))
    spool.close()


@pytest.mark.parametrize("cursor", [b"", b"\x05", b"\xff" * 12, b"\x00" * 12])
def test_a_broken_cursor_means_sending_again_never_losing(tmp_path: Path, cursor: bytes) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    for n in range(5):
        spool.append(LIFE, [entry(n)]).result(5)
    spool.advance(LIFE, spool.read(LIFE, max_records=2))
    spool.close()
    (tmp_path / "life_safety" / "cursor").write_bytes(cursor)
    spool = Spool(tmp_path, limits=SMALL)
    assert waiting(spool, LIFE)[-3:] == [2, 3, 4]
    spool.close()


def test_what_was_drained_before_a_restart_is_not_sent_again(tmp_path: Path) -> None:
    """The file still holds it, beside what was not drained: only the cursor tells them apart."""
    spool = Spool(tmp_path, limits=SMALL)
    for n in range(3):
        spool.append(LIFE, [entry(n)]).result(5)
    spool.advance(LIFE, spool.read(LIFE, max_records=2))
    spool.close()
    spool = Spool(tmp_path, limits=SMALL)
    assert waiting(spool, LIFE) == [2]
    spool.close()


def test_sequences_never_go_back_behind_the_cursor(tmp_path: Path) -> None:
    """Drained, then the unsynced tail is lost with the power: a new record must not look drained already."""
    log = SegmentLog(tmp_path, segment_bytes=10**6)
    for n in range(10):
        log.append(b"%d" % n, at_ms=0)
    log.advance(10)
    log.close()
    for path in tmp_path.glob("*.seg"):
        path.unlink()
    log = SegmentLog(tmp_path, segment_bytes=10**6)
    log.append(b"new", at_ms=0)
    assert [payload for _, payload in log.read(max_records=9, max_bytes=99)] == [b"new"]


def test_law_11_full_life_safety_refuses_and_alarms_once_and_drops_nothing(tmp_path: Path) -> None:
    alarms: list[Alarm] = []
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, on_alarm=alarms.append, metrics=metrics)
    accepted = []
    for n in range(400):
        try:
            spool.append(LIFE, [entry(n)]).result(5)
        except CapacityExhausted as full:
            assert full.retry_after_s  # noqa: PT017
        else:
            accepted.append(n)
    assert 50 < len(accepted) < 400
    assert waiting(spool, LIFE) == accepted
    assert [alarm.code for alarm in alarms] == ["spool.full"]
    assert metrics.value(m.REFUSED, "life_safety", "spool.full") == 400 - len(accepted)
    assert metrics.value(m.SPOOL_LIMIT, "life_safety") == SMALL.life_safety_bytes
    assert (
        0.5 < metrics.value(m.SPOOL_BYTES, "life_safety") / metrics.value(m.SPOOL_LIMIT, "life_safety") <= 1
    )
    assert metrics.value(m.DROPPED) == 0
    spool.advance(LIFE, spool.read(LIFE, max_records=10**6, max_bytes=10**9))
    spool.append(LIFE, [entry(1_000)]).result(5)
    assert waiting(spool, LIFE) == [1_000], "room again after draining"
    spool.close()


def test_law_11_normal_drops_its_oldest_and_counts_every_record(tmp_path: Path) -> None:
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics)
    for n in range(1_000):
        spool.append(NORMAL, [entry(n)])
    left = waiting(spool, NORMAL)
    assert left == list(range(1_000 - len(left), 1_000)), "the newest are kept, in order"
    assert metrics.value(m.DROPPED, "normal", "spool_full", "true") == 1_000 - len(left)
    assert spool.depth()[NORMAL].size_bytes <= SMALL.normal_bytes
    assert spool.depth()[NORMAL].messages == len(left)
    spool.append(LIFE, [entry(1)]).result(5)
    assert metrics.value(m.DROPPED, "life_safety") == 0
    spool.close()


def test_law_11_telemetry_is_sampled_then_drops_its_oldest_and_counts(tmp_path: Path) -> None:
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics)
    for n in range(4_000):
        spool.append(TELEMETRY, [entry(n)]).result(5)
    left = waiting(spool, TELEMETRY)
    sampled, dropped = (
        metrics.value(m.DROPPED, "telemetry", reason, "true") for reason in ("sampled", "spool_full")
    )
    assert sampled > 0
    assert dropped > 0
    assert len(left) + sampled + dropped == 4_000, "not one record unaccounted for"
    spool.close()


def test_records_too_old_are_given_up_by_class_but_never_life_safety(tmp_path: Path) -> None:
    now = 1_000
    metrics = m.Metrics()
    spool = Spool(tmp_path, limits=SMALL, metrics=metrics, now_ms=lambda: now)
    for n in range(60):
        spool.append(NORMAL, [entry(n)])
        spool.append(LIFE, [entry(n)])
    now += 8 * 86_400_000
    spool.append(NORMAL, [entry(60)])
    spool.append(LIFE, [entry(60)])
    assert metrics.value(m.DROPPED, "normal", "spool_age", "true") == 61 - len(waiting(spool, NORMAL)) > 0
    assert len(waiting(spool, LIFE)) == 61
    spool.close()


def test_law_1_a_failed_fsync_never_becomes_an_acknowledgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[Alarm] = []
    spool = Spool(tmp_path, limits=SMALL, on_alarm=alarms.append)
    spool.append(LIFE, [entry(1)]).result(5)
    real = os.fsync

    def refuse(fd: int) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SourceUnavailable, match="sync_failed"):
        spool.append(LIFE, [entry(2)]).result(5)
    monkeypatch.setattr(os, "fsync", real)
    spool.append(LIFE, [entry(3)]).result(5)
    assert [alarm.code for alarm in alarms] == ["spool.sync_failed"]
    assert {1, 3} <= set(waiting(spool, LIFE))
    spool.close()


def test_law_1_the_acknowledgement_waits_for_the_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    spool.append(LIFE, [entry(0)]).result(5)
    synced: list[int] = []
    real = os.fsync

    def watch(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(os, "fsync", watch)
    for n in range(1, 20):
        spool.append(LIFE, [entry(n)]).result(5)
        size_bytes = spool.depth()[LIFE].size_bytes
        assert synced, "acknowledged without any fsync"
        assert synced[-1] == size_bytes, "the fsync before this acknowledgement did not cover this record"
        synced.clear()
    spool.close()


def test_only_one_process_may_use_a_spool(tmp_path: Path) -> None:
    first = Spool.open(tmp_path)
    with pytest.raises(ConfigInvalid, match="locked"):
        Spool.open(tmp_path)
    first.close()
    Spool.open(tmp_path).close()


def test_a_key_is_held_until_its_last_message_is_drained_also_over_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    for n, key in enumerate([b"a", b"b", b"a"]):
        spool.append(LIFE, [entry(n, key=key)]).result(5)
    spool.close()
    spool = Spool(tmp_path, limits=SMALL)
    assert spool.holds("t", b"a")
    spool.advance(LIFE, spool.read(LIFE, max_records=2))
    assert (spool.holds("t", b"a"), spool.holds("t", b"b")) == (True, False)
    spool.advance(LIFE, spool.read(LIFE))
    assert not spool.holds("t", b"a")
    spool.close()


def test_messages_of_one_publish_are_one_record(tmp_path: Path) -> None:
    """Raw record and its events are durable together or not at all."""
    spool = Spool(tmp_path, limits=SMALL)
    spool.append(LIFE, [entry(1), entry(2), entry(3)]).result(5)
    spool.close()
    [segment] = (tmp_path / "life_safety").glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-1])
    spool = Spool(tmp_path, limits=SMALL)
    assert spool.read(LIFE) == []
    spool.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 400)),
        st.tuples(st.just("drain"), st.integers(1, 9)),
        st.just(("reopen", 0)),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(steps=_STEPS)
def test_any_sequence_of_appends_drains_and_restarts_is_a_queue(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory), limits=SMALL)
        model: list[int] = []
        for n, (what, amount) in enumerate(steps):
            if what == "append":
                try:
                    spool.append(LIFE, [entry(n, size_bytes=amount)]).result(5)
                    model.append(n)
                except CapacityExhausted:
                    assert spool.depth()[LIFE].size_bytes > SMALL.life_safety_bytes / 2
            elif what == "drain":
                batch = spool.read(LIFE, max_records=amount)
                assert [number(e) for s in batch for e in s.entries] == model[: len(batch)]
                spool.advance(LIFE, batch)
                model = model[len(batch) :]
            else:
                spool.close()
                spool = Spool(Path(directory), limits=SMALL)
            assert spool.depth()[LIFE].messages == len(model)
        assert waiting(spool, LIFE) == model
        spool.close()
