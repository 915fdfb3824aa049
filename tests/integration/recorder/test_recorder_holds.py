"""Law 7: a hold outranks retention and the disk, whatever runs beside it, and when it cannot be read nothing goes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cior_bus.metrics import Metrics
from cior_core import footage
from cior_core.errors import IntegrityBroken, PayloadRejected
from cior_core.footage import GapCause, RemovalRule, cover
from cior_core.model import AlertId, AreaId, Command, CommandKind
from cior_recorder.disk import DiskState, Limits, Room, judged
from cior_recorder.holds import FOLDER, Hold, Holds, Placed, name_of
from cior_recorder.ledger import Ledger
from cior_recorder.obeying import HoldKeeper
from cior_recorder.sweeping import SLOT_MS, Sweeper, removing, stored
from doubles.courts import NoOrders
from engines.long_runs import often
from integration.recorder import footage_read as read
from integration.recorder.fed_track import NOON_MS, Clock, Fed

HOUR_MS = 3_600_000
WIDE = Room(free_bytes=10**12, whole_bytes=2 * 10**12)


def hold(from_ms: int, to_ms: int, *, name: str = "h1", until_ms: int | None = None) -> Hold:
    return Hold(
        id=name,
        camera="plaza",
        from_ms=NOON_MS + from_ms,
        to_ms=NOON_MS + to_ms,
        placed_ms=NOON_MS,
        reason="alert a1",
        until_ms=until_ms,
    )


@pytest.fixture
def ring(tmp_path: Path, clip: Path) -> Path:
    """Three seconds at noon, three an hour later: segments 1 to 3 and 4 to 6."""
    fed = Fed(tmp_path, clip)
    fed.connection(30)
    fed.track.ended(GapCause.RECONNECT)
    fed.clock.advance(HOUR_MS)
    fed.connection(30)
    fed.track.stop()
    assert [each.number for each in read.segments(tmp_path)] == [1, 2, 3, 4, 5, 6]
    return tmp_path


def sweeper(ring: Path, *, now_ms: int, room: Room = WIDE) -> Sweeper:
    ledgers = {"plaza": Ledger(ring, "plaza")}
    return Sweeper(
        ring, ledgers, holds=Holds(ring), court=NoOrders(), room=lambda: room, now_ms=lambda: now_ms
    )


def files(ring: Path) -> list[int]:
    return [each.number for each in stored(ring, "plaza", "2026-11-27")]


def test_what_is_over_its_time_goes_and_the_index_says_by_which_rule(ring: Path) -> None:
    now_ms = NOON_MS + HOUR_MS + SLOT_MS + footage.LONGEST_MS
    swept = sweeper(ring, now_ms=now_ms).sweep(keep_ms=HOUR_MS, reserve_bytes=0)
    assert (swept.removed, files(ring)) == (3, [4, 5, 6])
    found = cover("plaza", (NOON_MS, NOON_MS + 3000), read.records(ring))
    assert [(gap.cause, gap.to_ms - gap.from_ms) for gap in found.gaps] == [(GapCause.EXPIRED, 3000)]
    removals = [each for each in read.records(ring) if isinstance(each, footage.Removal)]
    assert [(each.first, each.last, each.rule) for each in removals] == [(1, 3, RemovalRule.RETENTION)]
    assert removals[0].size_bytes == swept.freed_bytes > 0


def test_law_7_a_hold_outranks_retention_and_the_disk(ring: Path) -> None:
    segments = read.segments(ring)
    placed = Holds(ring).place(hold(HOUR_MS + 3000, HOUR_MS + 5000), segments)
    assert (placed.kept, placed.missing) == ((4, 5), ())
    narrow = Room(free_bytes=0, whole_bytes=10**12)
    swept = sweeper(ring, now_ms=NOON_MS + 90 * footage.DAY_MS, room=narrow).sweep(
        keep_ms=footage.DAY_MS, reserve_bytes=10**9
    )
    assert files(ring) == [4, 5], "held footage stays in the ring"
    assert swept.is_short, "and the disk stays short: somebody is told"


def test_law_7_the_one_that_removes_asks_at_the_last_moment(ring: Path) -> None:
    """A hold that came after the list of what is due was made counts."""
    holds = Holds(ring)
    due = list(stored(ring, "plaza", "2026-11-27"))
    placed = holds.place(hold(0, HOUR_MS), read.segments(ring))
    steps = removing(
        due, RemovalRule.RETENTION, ring=ring, ledger=Ledger(ring, "plaza"), holds=holds, now_ms=NOON_MS
    )
    assert list(steps)[1:] != []
    assert files(ring) == list(placed.kept) == [1, 2, 3]


def test_law_7_a_hold_that_cannot_be_read_stops_all_removal(ring: Path) -> None:
    holds = Holds(ring)
    holds.place(hold(0, 10), read.segments(ring))
    (ring / FOLDER / name_of("h1") / "hold.json").write_bytes(b"{")
    with pytest.raises(IntegrityBroken, match="nothing is removed"):
        holds.active()
    swept = sweeper(ring, now_ms=NOON_MS + 90 * footage.DAY_MS).sweep(keep_ms=footage.DAY_MS, reserve_bytes=0)
    assert (swept.removed, swept.is_blocked, len(files(ring))) == (0, True, 6)


def test_the_reserve_takes_the_oldest_of_all_cameras_and_no_more_than_it_needs(
    ring: Path, clip: Path
) -> None:
    other = Fed(ring, clip, Clock(NOON_MS + 10_000), camera="esquina")
    other.connection(30)
    other.track.stop()
    free = [0]
    ledgers = {name: Ledger(ring, name) for name in ("plaza", "esquina")}
    sweep = Sweeper(
        ring,
        ledgers,
        holds=Holds(ring),
        court=NoOrders(),
        room=lambda: Room(free_bytes=free[0], whole_bytes=10**12),
        now_ms=lambda: NOON_MS + 2 * HOUR_MS,
    )
    unlink = Path.unlink

    def freeing(path: Path, *, missing_ok: bool = False) -> None:
        free[0] += 10
        unlink(path, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", freeing)
        swept = sweep.sweep(keep_ms=footage.DAY_MS, reserve_bytes=45)
    assert (swept.removed, swept.is_short) == (5, False)
    assert files(ring) == [4, 5, 6], "the plaza's first three are older"
    assert [each.number for each in stored(ring, "esquina", "2026-11-27")] == [3]


def test_a_held_file_counts_as_freed_only_when_its_last_name_goes(ring: Path) -> None:
    (first, *_) = stored(ring, "plaza", "2026-11-27")
    os.link(ring / first.path, ring / "elsewhere.mp4")
    swept = sweeper(ring, now_ms=NOON_MS + HOUR_MS + SLOT_MS + footage.LONGEST_MS).sweep(
        keep_ms=HOUR_MS, reserve_bytes=0
    )
    sizes = {each.number: each.size_bytes for each in read.segments(ring)}
    assert swept.freed_bytes == sizes[2] + sizes[3]


def test_a_hold_of_what_is_still_to_come_keeps_it_as_it_closes(tmp_path: Path, clip: Path) -> None:
    holds = Holds(tmp_path)
    holds.place(hold(0, 2500), ())
    fed = Fed(tmp_path, clip, closed=lambda segment: holds.keep(segment, holds.active()))
    fed.connection(40)
    fed.track.stop()
    linked = sorted(path.name for path in (tmp_path / FOLDER / name_of("h1")).rglob("*.mp4"))
    assert linked == [Path(each.path).name for each in read.segments(tmp_path)[:3]]
    assert holds.held_bytes() == sum(each.size_bytes for each in read.segments(tmp_path)[:3])


def test_a_hold_lapses_by_its_date_and_its_bytes_go_with_the_next_sweep(ring: Path) -> None:
    holds = Holds(ring)
    end_ms = NOON_MS + 30 * footage.DAY_MS
    holds.place(hold(0, 1000, until_ms=end_ms), read.segments(ring))
    assert holds.lapse(end_ms - 1) == ()
    assert [each.id for each in holds.lapse(end_ms)] == ["h1"]
    sweeper(ring, now_ms=end_ms).sweep(keep_ms=footage.DAY_MS, reserve_bytes=0)
    assert files(ring) == []
    assert holds.held_bytes() == 0


def _keeper(ring: Path) -> HoldKeeper:
    return HoldKeeper(
        ring,
        {"plaza": Ledger(ring, "plaza")},
        holds=Holds(ring),
        hold_days=60,
        now_ms=lambda: NOON_MS + 5000,
        metrics=Metrics(),
    )


def _command(**parameters: object) -> Command:
    return Command(
        id="c1",
        kind=CommandKind.HOLD_VIDEO,
        alert_id=AlertId("a1"),
        area=AreaId("city"),
        target="camera:plaza",
        issued_ms=NOON_MS + 4000,
        expires_ms=NOON_MS + 60_000,
        protocol="gun_violence",
        step="hold",
        parameters=parameters,
    )


async def test_a_protocols_hold_is_placed_once_and_answered(ring: Path) -> None:
    keeper = _keeper(ring)
    asked = _command(from_ms=NOON_MS - 30_000, to_ms=NOON_MS + 30_000)
    first, again = await keeper.act(asked), await keeper.act(asked)
    assert first == again
    assert (first.outcome, first.device) == ("done", "plaza")
    assert first.detail.startswith("kept=3 missing=0 ")
    (kept,) = Holds(ring).active()
    assert (kept.until_ms, kept.reason) == (NOON_MS + 4000 + 60 * footage.DAY_MS, "alert a1")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"from_ms": NOON_MS},
        {"from_ms": NOON_MS, "to_ms": NOON_MS},
        {"from_ms": "noon", "to_ms": NOON_MS},
        {"from_ms": NOON_MS, "to_ms": NOON_MS + 2 * footage.DAY_MS},
    ],
)
async def test_an_interval_that_cannot_be_kept_is_refused(ring: Path, parameters: dict[str, object]) -> None:
    with pytest.raises(PayloadRejected):
        await _keeper(ring).act(_command(**parameters))
    assert Holds(ring).active() == ()


def test_the_disk_is_told_before_it_is_full() -> None:
    def state(
        free_bytes: int, *, held_bytes: int = 0, is_short: bool = False, is_blocked: bool = False
    ) -> DiskState:
        room, limits = Room(free_bytes=free_bytes, whole_bytes=1000), Limits(stop_bytes=10, held_share=0.5)
        return judged(room, limits, held_bytes=held_bytes, is_short=is_short, is_blocked=is_blocked)

    assert state(500) is DiskState.WIDE
    assert state(400, held_bytes=501) is DiskState.NARROW, "long before it is short"
    assert state(50, is_short=True) is DiskState.NARROW
    assert state(500, is_blocked=True) is DiskState.BLOCKED, "while the disk is wide"
    assert state(50, is_short=True, is_blocked=True) is DiskState.BLOCKED, (
        "the cause before what follows from it"
    )
    assert state(9, is_blocked=True) is DiskState.FULL
    assert state(9) is DiskState.FULL


# --- every order of the two ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    fed = Fed(tmp_path_factory.mktemp("ring"), clip)
    fed.connection(20)
    fed.track.stop()
    return fed.ring


def _interleaved(ring: Path, rng: random.Random, *, lives: tuple[bool, bool]) -> Placed | None:
    """Run the steps of both in an order of ``rng``; one that does not live is killed at some step."""
    ledger, holds = Ledger(ring, "plaza"), Holds(ring)
    asked = hold(-5000, 60_000)
    placing = holds.placing(asked, (each for each in read.segments(ring)))
    gone = removing(
        list(stored(ring, "plaza", "2026-11-27")),
        RemovalRule.RETENTION,
        ring=ring,
        ledger=ledger,
        holds=holds,
        now_ms=NOON_MS + footage.DAY_MS,
    )
    placed: Placed | None = None
    running: list[tuple[Iterator[object], int]] = [
        (iter(each), 99 if alive else rng.randrange(5))
        for each, alive in zip((placing, gone), lives, strict=True)
    ]
    while running:
        at = rng.randrange(len(running))
        steps, left = running[at]
        if left == 0:
            running.pop(at)
            continue
        running[at] = (steps, left - 1)
        try:
            next(steps)
        except StopIteration as end:
            placed = end.value if isinstance(end.value, Placed) else placed
            running.pop(at)
    return placed


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_law_7_no_order_of_hold_and_removal_loses_what_the_hold_said_it_keeps(
    prepared: Path, tmp_path: Path
) -> None:
    """Without the lock that keeps them apart: the links alone must do."""
    rng, lost_to_removal = random.Random(7), 0
    fresh = {path.relative_to(prepared): path.read_bytes() for path in prepared.rglob("*") if path.is_file()}
    for turn in range(often(150, long=10_000)):
        ring = tmp_path / str(turn)
        for path, content in fresh.items():
            (ring / path).parent.mkdir(parents=True, exist_ok=True)
            (ring / path).write_bytes(content)
        placed = _interleaved(ring, rng, lives=(rng.random() < 0.8, rng.random() < 0.8))
        records = read.records(ring)
        by_number = {each.number: each for each in records if isinstance(each, footage.Segment)}
        folder = ring / FOLDER / name_of("h1")
        for number in () if placed is None else placed.kept:
            content = (folder / by_number[number].path).read_bytes()
            assert hashlib.sha256(content).hexdigest() == by_number[number].sha256
        told = footage.removed(records)
        missing = {n for n, each in by_number.items() if not (ring / each.path).exists()}
        assert missing <= told, "what is not there was said to go before it went"
        lost_to_removal += bool(placed is not None and placed.missing)
        assert Holds(ring).active() is not None, "a hold stands whole or not at all"
        shutil.rmtree(ring)
    assert lost_to_removal > 0, "some orders let the removal come first, or nothing was tried"
