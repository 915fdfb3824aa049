"""What is held, copied into a bucket that locks it: a real ring, real holds, a real server of S3 with object lock."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention

from cior_bus.metrics import Metrics
from cior_core import codec, footage
from cior_core.catalogue import Kind
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.footage import Segment
from cior_core.model import Event, Phase, Producer
from cior_recorder import copying
from cior_recorder import metrics as m
from cior_recorder.copy_notes import Notes
from cior_recorder.copy_part import Copying, Tempo
from cior_recorder.court import CourtHold
from cior_recorder.holds import Hold, Holds
from cior_store.locked import Lock, LockedBucket
from doubles.bus import MemoryBus
from engines.versitygw import VersityGw
from integration.recorder import footage_read
from integration.recorder.bucket_copies import Court, bucket_at, copier
from integration.recorder.court_ring import HOUR_MS, filmed

DAY_MS = 86_400_000
TODAY_MS = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
"""A server judges dates by its own clock, so footage here is of yesterday and holds end in days that come."""
FILMED_MS = TODAY_MS - 12 * HOUR_MS


@pytest.fixture
def held(versitygw: VersityGw) -> str:
    """A bucket of the test's own, with object lock."""
    return versitygw.fresh()


@pytest.fixture
def bucket(versitygw: VersityGw, held: str) -> Iterator[LockedBucket]:
    opened = bucket_at(versitygw.endpoint, held)
    yield opened
    opened.close()


@pytest.fixture
def ring(tmp_path: Path, clip: Path) -> Path:
    """Two cameras, six seconds each, in segments of one: three at noon, three an hour later."""
    for camera in ("plaza", "esquina"):
        filmed(tmp_path / "ring", clip, camera, at_ms=(FILMED_MS, FILMED_MS + HOUR_MS))
    return tmp_path / "ring"


def until(days: int) -> int:
    return TODAY_MS + days * DAY_MS


def own(ring: Path, name: str, *, days: int | None, camera: str = "plaza", from_ms: int = FILMED_MS) -> Hold:
    hold = Hold(
        id=name, camera=camera, from_ms=from_ms, to_ms=from_ms + 60_000, placed_ms=FILMED_MS, reason="alert 1",
        until_ms=None if days is None else until(days),
    )  # fmt: skip
    Holds(ring).place(hold, segments(ring, camera))
    return hold


def segments(ring: Path, camera: str) -> list[Segment]:
    return [each for each in footage_read.records(ring, camera) if isinstance(each, Segment)]


def spooled(ring: Path) -> list[str]:
    """What holds keep on the ring's own disk."""
    return sorted("/".join(each.parts[-3:]) for each in ring.glob("+holds/*/plaza/*/*.mp4"))


def names(versitygw: VersityGw, bucket: str) -> list[str]:
    found = versitygw.client().list_objects(bucket, recursive=True)
    return sorted(str(each.object_name).removeprefix("c/footage/r/") for each in found)


def locks(versitygw: VersityGw, bucket: str) -> dict[str, tuple[int | None, bool]]:
    """Of each object: days until it may go, whether it is open."""
    client, found = versitygw.client(), {}
    for each in client.list_objects(bucket, recursive=True):
        name = str(each.object_name)
        retention = client.get_object_retention(bucket, name)
        days = None
        if retention is not None and retention.retain_until_date is not None:
            assert retention.mode == COMPLIANCE
            days = round(retention.retain_until_date.timestamp() * 1000 - TODAY_MS) // DAY_MS
        found[name.removeprefix("c/footage/r/")] = days, client.is_object_legal_hold_enabled(bucket, name)
    return found


def test_what_is_held_is_copied_with_its_part_of_the_chain_and_nothing_else_is(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    metrics = Metrics()
    assert copier(ring, tmp_path, metrics=metrics).look(bucket) is False
    kept = segments(ring, "plaza")[:3]
    index = [each for each in names(versitygw, held) if each.endswith(".jsonl")]
    assert names(versitygw, held) == sorted([*(each.path for each in kept), *index])
    client = versitygw.client()
    for each in kept:
        with client.get_object(held, f"c/footage/r/{each.path}") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == each.sha256
    with client.get_object(held, f"c/footage/r/{index[0]}") as answer:
        lines = footage.read_index(answer.read())
    assert (lines.faults, footage.defects(lines.entries)) == ((), ()), "its part of the chain stands alone"
    assert {each.record.sha256 for each in lines.entries if isinstance(each.record, Segment)} == {
        each.sha256 for each in kept
    }
    assert set(locks(versitygw, held).values()) == {(30, False)}
    assert metrics.value(m.COPIED) == 4
    assert copier(ring, tmp_path, metrics=metrics).look(bucket) is False
    assert metrics.value(m.COPIED) == 4, "once is enough"


def test_law_7_the_server_refuses_to_shorten_unlock_replace_or_delete_what_was_copied(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    copier(ring, tmp_path).look(bucket)
    notes = Notes(tmp_path / "notes").of("plaza", footage.day_of(FILMED_MS))
    client = versitygw.client()
    assert len(notes) == 4
    for note in notes.values():
        key, version = note.kept.key, note.kept.version
        assert version
        for mode, days in ((COMPLIANCE, 2), (GOVERNANCE, 40)):
            with pytest.raises(S3Error, match="AccessDenied"):
                client.set_object_retention(held, key, Retention(mode, _date(days)), version_id=version)
        with pytest.raises(S3Error, match="AccessDenied"):
            client.remove_object(held, key, version_id=version)
        client.put_object(held, key, _stream(b"another"), 7)
        client.remove_object(held, key)  # a mark that hides the name; the version stays
        assert bucket.proven(key, version, sha256=note.kept.sha256).size_bytes == note.kept.size_bytes


def test_a_longer_hold_locks_longer_an_open_one_stays_open_until_it_is_lifted_and_no_lock_gets_shorter(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    court, metrics = Court(), Metrics()
    copies = copier(ring, tmp_path, court=court, metrics=metrics)
    copies.look(bucket)
    plaza = [each.path for each in segments(ring, "plaza")]
    court.holds = (CourtHold(("plaza",), FILMED_MS, FILMED_MS + 2 * HOUR_MS, until(90)),)
    copies.look(bucket)
    now = locks(versitygw, held)
    assert [now[each] for each in plaza] == [(90, False)] * 6
    court.holds = (CourtHold((), FILMED_MS, FILMED_MS + 60_000),)
    copies.look(bucket)
    now = locks(versitygw, held)
    assert [now[each] for each in plaza] == [(90, True)] * 3 + [(90, False)] * 3
    assert [now[each.path] for each in segments(ring, "esquina")[:3]] == [(None, True)] * 3
    court.fails = SourceUnavailable("register.away", "away")
    for again in (copies, copier(ring, tmp_path, court=court)):  # the second began anew and knows of no order
        again.look(bucket)
        assert locks(versitygw, held) == now, "who does not answer lifted nothing"
    court.fails, court.holds = None, ()
    copies.look(bucket)
    lifted = locks(versitygw, held)
    assert not any(is_open for _, is_open in lifted.values())
    assert {name: days for name, (days, _) in lifted.items()} == {
        name: days for name, (days, _) in now.items()
    }


def test_what_the_ring_has_otherwise_than_its_chain_says_is_told_and_not_copied_as_proven(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    first, second, third = segments(ring, "plaza")[:3]
    for each in ring.glob(f"+holds/*/{first.path}"):
        each.write_bytes(each.read_bytes()[:-1] + b"!")  # a link: the ring's own name has the same bytes
    (ring / second.path).unlink()  # the hold has its own link
    metrics = Metrics()
    copier(ring, tmp_path, metrics=metrics).look(bucket)
    found = names(versitygw, held)
    assert first.path not in found
    assert {second.path, third.path} <= set(found)
    assert metrics.value(m.COPIES_LOST) == 1


def test_receipts_that_are_lost_or_torn_cost_no_copy_and_make_no_second_version(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    copier(ring, tmp_path).look(bucket)
    (receipts,) = (tmp_path / "notes" / "plaza").iterdir()
    receipts.write_bytes(receipts.read_bytes()[:-20])
    copier(ring, tmp_path).look(bucket)
    assert all(json.loads(each) for each in receipts.read_bytes().splitlines()[:3])
    assert len(Notes(tmp_path / "notes").of("plaza", receipts.stem)) == 4
    receipts.unlink()
    copier(ring, tmp_path).look(bucket)
    versions = [
        each.object_name
        for each in versitygw.client().list_objects(held, recursive=True, include_version=True)
    ]
    assert len(versions) == len(set(versions)) == 4


def test_a_look_is_short_and_what_a_press_holds_goes_before_months_of_an_order(
    ring: Path,
    versitygw: VersityGw,
    held: str,
    bucket: LockedBucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copying, "BUDGET", 2)
    order = CourtHold(("esquina",), FILMED_MS - 90 * DAY_MS, FILMED_MS + HOUR_MS // 2, until(90))
    copies = copier(ring, tmp_path, court=Court(order))
    assert copies.look(bucket)
    assert [each.split("/")[0] for each in names(versitygw, held)] == ["esquina"] * 2
    own(ring, "press", days=30)
    assert copies.look(bucket)
    assert [each.split("/")[0] for each in names(versitygw, held)] == ["esquina"] * 2 + ["plaza"] * 2
    while copies.look(bucket):
        assert len(names(versitygw, held)) <= 8
    assert len(names(versitygw, held)) == 8, "three segments and their index of each camera"


def test_receipts_go_when_nothing_of_a_day_is_held_or_locked_any_more(
    ring: Path, versitygw: VersityGw, held: str, bucket: LockedBucket, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    copier(ring, tmp_path).look(bucket)
    day = footage.day_of(FILMED_MS)
    for later_days, is_there in ((29, True), (31, False)):
        copies = copier(ring, tmp_path, later_ms=later_days * DAY_MS)
        copies.look(bucket)
        copies.look(bucket)
        assert bool(Notes(tmp_path / "notes").of("plaza", day)) is is_there
    assert len(names(versitygw, held)) == 4, "who deletes in the bucket is the bucket"


@pytest.mark.crash
def test_a_copying_killed_at_any_object_goes_on_where_it_was(
    ring: Path, versitygw: VersityGw, held: str, tmp_path: Path
) -> None:
    """Killed after each object that the server took: before its receipt, so the bucket knows more than we."""
    for camera in ("plaza", "esquina"):
        own(ring, f"press-{camera}", days=30, camera=camera)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", "integration.recorder.copying_child", versitygw.endpoint, held]
    for _ in range(8):
        ran = subprocess.run([*argv, str(ring), str(tmp_path)], env=environment, check=False, timeout=60)
        assert ran.returncode == -signal.SIGKILL
    ran = subprocess.run([*argv, str(ring), str(tmp_path)], env=environment, check=False, timeout=60)
    assert ran.returncode == 0, "nothing is left to put"
    wanted = {each.path for camera in ("plaza", "esquina") for each in segments(ring, camera)[:3]}
    found = versitygw.client().list_objects(held, recursive=True, include_version=True)
    objects = [str(each.object_name).removeprefix("c/footage/r/") for each in found]
    assert len(objects) == len(set(objects)) == 8
    assert wanted <= set(objects)


# --- what is wrong with a bucket ------------------------------------------------------------------------------


def _governed(versitygw: VersityGw, name: str) -> str:
    versitygw.client().set_object_lock_config(name, ObjectLockConfig(GOVERNANCE, 1, DAYS))
    return name


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("copies.no_bucket", lambda _, name: f"{name}-none"),
        ("copies.no_lock", lambda gw, name: gw.bucket(f"{name}-plain", is_locked=False)),
        ("copies.governance", _governed),
    ],
)
def test_a_bucket_that_would_not_keep_what_it_is_given_is_refused(
    versitygw: VersityGw, held: str, code: str, spoil: Callable[[VersityGw, str], str]
) -> None:
    unfit = bucket_at(versitygw.endpoint, spoil(versitygw, held))
    with pytest.raises(ConfigInvalid) as refused:
        unfit.check()
    unfit.close()
    assert refused.value.code == code
    assert refused.value.cure


def test_a_bucket_that_lets_itself_be_asked_and_does_not_lock_is_found_by_the_first_object(
    versitygw: VersityGw, held: str
) -> None:
    plain = bucket_at(versitygw.endpoint, versitygw.bucket(f"{held}-plain", is_locked=False))
    for lock in (Lock(until_ms=until(3)), Lock(is_open=True)):
        with pytest.raises(ConfigInvalid, match="no_lock"):
            plain.keep(
                "a",
                _stream(b"abc"),
                size_bytes=3,
                sha256=hashlib.sha256(b"abc").hexdigest(),
                lock=lock,
                told={},
            )
    plain.close()


@pytest.mark.parametrize("wrong", [{"key_id": "nobody"}, {"secret": "another"}])
def test_a_wrong_key_is_told_as_that(versitygw: VersityGw, held: str, wrong: dict[str, str]) -> None:
    stranger = bucket_at(versitygw.endpoint, held, **wrong)
    with pytest.raises(CredentialsRefused, match=r"copies\.credentials"):
        stranger.check()
    stranger.close()


async def test_while_the_bucket_is_away_recording_holds_and_the_room_go_on_and_then_it_catches_up(
    ring: Path, versitygw: VersityGw, held: str, tmp_path: Path
) -> None:
    own(ring, "press", days=30)
    bus, metrics, stop = MemoryBus(), Metrics(), asyncio.Event()
    versitygw.stop()
    part = Copying(
        "r", lambda: bucket_at(versitygw.endpoint, held), bus, metrics=metrics, tempo=Tempo(every_s=0.05), drill=True,
        producer=Producer(connector="recorder", version="1", instance="r"),
    )  # fmt: skip
    running = asyncio.create_task(part.run(copier(ring, tmp_path, metrics=metrics, pause=part.pause), stop))
    await _true(lambda: len(bus.sent) == 1)
    assert part.behind_s > 0
    told = said(bus)[0]
    assert told.drill, "what a centre says in an exercise is part of it"
    assert (told.type, told.phase, told.attributes["code"]) == (
        "source.degraded", Phase.NEW, "recorder.copies_away",
    )  # fmt: skip
    assert told.attributes["reason"]
    assert spooled(ring) == [each.path for each in segments(ring, "plaza")[:3]], "the ring is the spool"
    versitygw.start()
    await _true(lambda: len(bus.sent) == 2 and metrics.value(m.COPIED) == 4)
    assert said(bus)[1].type == "source.restored"
    await _true(lambda: part.behind_s == 0)
    stop.set()
    await running
    assert not [each for each in threading.enumerate() if each.name == "copies-r"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_fault_of_ours_that_ends_the_copying_is_told_and_ends_nothing_else(
    versitygw: VersityGw, held: str
) -> None:
    class Broken:
        def look(self, _: LockedBucket) -> bool:
            raise RuntimeError("a fault of ours")

    bus, stop = MemoryBus(), asyncio.Event()
    part = Copying(
        "r", lambda: bucket_at(versitygw.endpoint, held), bus, metrics=Metrics(),
        producer=Producer(connector="recorder", version="1", instance="r"),
    )  # fmt: skip
    running = asyncio.create_task(part.run(Broken(), stop))  # type: ignore[arg-type]
    await _true(lambda: len(bus.sent) == 1)
    stop.set()
    await running
    assert said(bus)[0].attributes["code"] == "recorder.copies_ended"


def said(bus: MemoryBus) -> list[Event]:
    found = (codec.decode(Kind.EVENT, each.value) for each in bus.sent)
    return [each for each in found if isinstance(each, Event)]


async def _true(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not told():  # noqa: ASYNC110 - a thread of its own does it
            await asyncio.sleep(0.05)


def _date(days: int) -> datetime:
    return datetime.fromtimestamp(until(days) / 1000, UTC)


def _stream(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)
