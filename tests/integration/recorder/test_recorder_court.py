"""Law 7 for footage, as a chain of real parts: an order over HTTP, the register, the recorder's disk. What a court
holds stays in the ring, when the register cannot be asked everything stays, and no hold says that it keeps what is
gone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, delete

from cior_core.chain import Head
from cior_core.errors import SourceUnavailable
from cior_core.judicial.asking import Span
from cior_core.judicial.state import Hold, HoldReason, PlaceHold, ReleaseHold
from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_recorder.court import Claimed, CourtHold, CourtHolds
from cior_recorder.footage_holds import FootageHolds
from cior_register import holds, ledger
from cior_register.register import Register
from cior_register.tables import DELETIONS, HOLDS, METADATA
from engines.long_runs import often
from engines.registers import RegisterPlace
from integration.console.api_rig import Office, act, office
from integration.recorder.court_ring import FULL, HOUR_MS, court_of, filmed, removals, sweeper, there
from integration.recorder.fed_track import NOON_MS

SEED = 47
INTERLEAVINGS = often(100, long=10_000)
CAMERAS = ("plaza", "esquina")
LATER_MS = NOON_MS + 90 * 86_400_000


def seconds(*starts_ms: int) -> list[int]:
    """The segments of three seconds at each instant."""
    return [start + n * 1000 for start in starts_ms for n in range(3)]


# --- an order over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


def order(here: Office, camera: str) -> dict[str, object]:
    """An hour of a camera, three hours ago."""
    since, until = (to_rfc3339(here.now_ms() - n * HOUR_MS)[:19] + "Z" for n in (3, 2))
    return {
        "authority": "fiscalia", "office": "Fiscalía Regional 2", "case": "21-0000001-1", "document": "Oficio 1",
        "reason": "Homicidio", "order": "prosecutor_order",
        "items": [{"camera": camera, "since": since, "until": until}],
    }  # fmt: skip


async def test_law_7_an_order_over_http_keeps_its_footage_in_a_full_ring_past_its_time_and_the_rest_goes(
    here: Office, tmp_path: Path, clip: Path
) -> None:
    ring, now_ms = tmp_path / "ring", here.now_ms()
    before, inside, after = (now_ms - round(hours * HOUR_MS) for hours in (5, 2.5, 1))
    for camera in CAMERAS:
        filmed(ring, clip, camera, at_ms=(before, inside, after))
    async with here.signed_in(Role.PROSECUTOR, login="fiscal") as browser:
        status, page = await act(browser, f"{here.url}/api/v1/requests", order(here, "plaza"))
    assert (status, page["line"]["state"]) == (200, "resguardada"), page
    court = court_of(f"sqlite:///{tmp_path / 'register.db'}", now_ms=now_ms)
    swept = sweeper(ring, court, CAMERAS, now_ms=now_ms, room=FULL).sweep(
        keep_ms=HOUR_MS // 2, reserve_bytes=10**9
    )
    assert there(ring, "plaza") == [each // 1000 * 1000 for each in seconds(inside)]
    assert there(ring, "esquina") == []
    assert (swept.removed, swept.is_short, swept.is_blocked) == (15, True, False), "and the disk stays short"
    assert [(each.first, each.last) for each in removals(ring, "plaza")] == [(1, 3), (7, 9)]
    told = [row for row in here.register.rows if row.act == "retention.delete"]
    assert {row.actor for row in told} == {"cior.recorder"}
    assert all(row.subject.startswith("footage centro ") for row in told)

    held = here.register.read_now(lambda each: holds.of_owner(each, page["line"]["id"]))
    entry = LedgerEntry(at_ms=now_ms, actor="test", act="request.close")
    let_go = [ReleaseHold(each.id, "lapsed") for each in held]
    here.register.submit(entry, lambda each: holds.obey(each, let_go, at_ms=now_ms)).result(60)
    sweeper(ring, court, CAMERAS, now_ms=now_ms).sweep(keep_ms=HOUR_MS // 2, reserve_bytes=0)
    assert there(ring, "plaza") == [], "a hold that is over keeps nothing"
    court.close()


# --- a register that does not answer --------------------------------------------------------------------------


def hold(name: str, *cameras: str, from_ms: int, to_ms: int) -> PlaceHold:
    span = Span(from_ms // 1000, to_ms // 1000)
    return PlaceHold(Hold(name, "r", HoldReason.ORDER, cameras, span, 1))


def placed(register: Register, *wanted: PlaceHold) -> None:
    entry = LedgerEntry(at_ms=1, actor="test", act="request.file")
    register.submit(entry, lambda each: holds.obey(each, wanted, at_ms=1)).result(60)


@pytest.fixture
def ring(tmp_path: Path, clip: Path) -> Path:
    for camera in CAMERAS:
        filmed(tmp_path / "ring", clip, camera, at_ms=(NOON_MS, NOON_MS + HOUR_MS))
    return tmp_path / "ring"


@pytest.fixture
def register(register_place: RegisterPlace) -> Iterator[Register]:
    opened = register_place.open()
    yield opened
    opened.close()


def gone(place: RegisterPlace) -> None:
    """The server is killed; the file is not there any more."""
    if place.server is not None:
        place.server.kill()
        return
    file = Path(place.dsn.removeprefix("sqlite:///"))
    for path in file.parent.glob(f"{file.name}*"):
        path.rename(path.with_name("was-" + path.name))


def back(place: RegisterPlace) -> None:
    if place.server is not None:
        place.server.start()
        return
    file = Path(place.dsn.removeprefix("sqlite:///"))
    for path in file.parent.glob(f"was-{file.name}*"):
        path.rename(path.with_name(path.name.removeprefix("was-")))


def test_law_7_while_the_register_is_killed_nothing_is_removed_and_then_what_no_order_holds(
    ring: Path, register: Register, register_place: RegisterPlace
) -> None:
    placed(register, hold("all cameras", from_ms=NOON_MS, to_ms=NOON_MS + 60_000))
    register.close()
    court = court_of(register_place.deleter_dsn, now_ms=LATER_MS)
    sweep = sweeper(ring, court, CAMERAS, now_ms=LATER_MS, room=FULL)
    assert len(court.standing().holds) == 1
    gone(register_place)
    try:
        swept = sweep.sweep(keep_ms=1, reserve_bytes=10**9)
    finally:
        back(register_place)
    assert (swept.removed, swept.is_blocked, swept.is_short) == (0, True, True)
    for camera in CAMERAS:
        assert there(ring, camera) == seconds(NOON_MS, NOON_MS + HOUR_MS)
        assert removals(ring, camera) == []
    swept = sweep.sweep(keep_ms=1, reserve_bytes=10**9)
    assert (swept.removed, swept.is_blocked) == (6, False)
    assert [there(ring, camera) for camera in CAMERAS] == [seconds(NOON_MS)] * 2, (
        "a hold of no camera is of all"
    )
    court.close()


class Fails(FootageHolds):
    """The register goes away between the question and the claim."""

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        raise SourceUnavailable("register.away", "gone")


def test_law_7_what_could_not_be_claimed_is_not_removed(ring: Path, tmp_path: Path) -> None:
    place = RegisterPlace.of_file(tmp_path / "register.db")
    place.open().close()
    court = court_of(place.dsn, now_ms=LATER_MS, kind=Fails)
    swept = sweeper(ring, court, CAMERAS, now_ms=LATER_MS, room=FULL).sweep(keep_ms=1, reserve_bytes=10**9)
    assert (swept.removed, swept.is_blocked) == (0, True)
    assert there(ring, "plaza") == seconds(NOON_MS, NOON_MS + HOUR_MS)
    court.close()


def test_what_only_courts_keep_counts_as_held_each_file_once(ring: Path, tmp_path: Path) -> None:
    place = RegisterPlace.of_file(tmp_path / "register.db")
    there_is = place.open()
    for name in ("one", "other"):
        placed(there_is, hold(name, "plaza", from_ms=NOON_MS, to_ms=NOON_MS + 60_000))
    there_is.close()
    court = court_of(place.dsn, now_ms=LATER_MS)
    sweep = sweeper(ring, court, CAMERAS, now_ms=LATER_MS)
    sweep.sweep(keep_ms=1, reserve_bytes=0)
    assert sweep.court_bytes == sum(each.stat().st_size for each in ring.glob("plaza/*/*.mp4")) > 0
    court.close()


# --- killed between claim and removal -------------------------------------------------------------------------


def test_law_7_a_recorder_killed_between_claim_and_removal_loses_nothing_and_a_hold_that_comes_then_says_late(
    ring: Path, register: Register, register_place: RegisterPlace
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "integration.recorder.claiming_child", register_place.deleter_dsn, str(ring),
         str(LATER_MS), *CAMERAS],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "claimed\n"
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(30) == -signal.SIGKILL
    for camera in CAMERAS:
        assert there(ring, camera) == seconds(NOON_MS, NOON_MS + HOUR_MS), "claimed, and still there"
    placed(register, hold("h", "plaza", from_ms=NOON_MS, to_ms=NOON_MS + 60_000))
    (kept,) = register.read_now(lambda each: holds.of_owner(each, "r"))
    assert kept.came_late == (f"footage/plaza {to_rfc3339(NOON_MS)[:19]}",)
    court = court_of(register_place.deleter_dsn, now_ms=LATER_MS)
    assert sweeper(ring, court, CAMERAS, now_ms=LATER_MS).sweep(keep_ms=1, reserve_bytes=0).removed == 9
    assert there(ring, "plaza") == seconds(NOON_MS), "what the kill left is kept all the same"
    assert there(ring, "esquina") == []
    court.close()


# --- every order of the two -----------------------------------------------------------------------------------


class Act:
    """Acts in their order: each has the next number of the ledger, as the writer gives it."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.seq = connection, 0

    def __call__(self) -> Connection:
        self.seq += 1
        ledger.expect(self.connection, Head("register", self.seq - 1, ""))
        return self.connection


class Busy:
    """The register of a sweep, at whose every door somebody else may act before and after."""

    def __init__(self, act: Act, others: Iterator[None], chance: random.Random) -> None:
        self._act, self._others, self._chance = act, others, chance
        self.refused = 0

    def _let_others(self) -> None:
        while self._chance.random() < 0.4:
            next(self._others, None)

    def standing(self) -> CourtHolds:
        self._let_others()
        found = holds.standing(self._act.connection, now_ms=0)
        self._let_others()
        return CourtHolds(
            found.mark, tuple(CourtHold(each.cameras, each.since_ms, each.until_ms) for each in found.holds)
        )

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        self._let_others()
        deleter = Claiming(self._act)
        try:
            FootageHolds(deleter, name="centro", now_ms=lambda: 1).claim(claimed, mark=mark)  # type: ignore[arg-type]
        except Exception:
            self.refused += 1
            raise
        self._let_others()

    def close(self) -> None:
        pass


class Claiming:
    """``Deleter.claim`` on a connection of the test's."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def claim(self, claimed: Sequence[holds.Deletion], *, mark: int, subject: str) -> None:
        holds.claim(self._act(), *claimed, mark=mark)


def orders(act: Act, chance: random.Random) -> Iterator[None]:
    """Holds of an hour or two are placed, and now and then one is let go."""
    for n in range(chance.randint(1, 3)):
        hour, hours = chance.randrange(4), chance.randint(1, 2)
        cameras = chance.choice((("plaza",), ("esquina",), CAMERAS, ()))
        from_ms = NOON_MS + hour * HOUR_MS
        holds.obey(
            act(), [hold(f"h{n}", *cameras, from_ms=from_ms, to_ms=from_ms + hours * HOUR_MS)], at_ms=0
        )
        yield
        if chance.random() < 0.2:
            holds.obey(act(), [ReleaseHold(f"h{n}", "ended")], at_ms=0)
            yield


def lost(kept: holds.KeptHold, files: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """What a hold asks for and is not there."""
    asked = {
        (camera, NOON_MS + hour * HOUR_MS)
        for camera in CAMERAS
        for hour in range(4)
        if not kept.cameras or camera in kept.cameras
    }
    return {each for each in asked - files if kept.since_ms <= each[1] < kept.until_ms}


def a_ring(folder: Path) -> None:
    """A file an hour, four hours, two cameras; what is in them is nobody's concern here."""
    for camera in CAMERAS:
        (folder / camera / "2026-11-27").mkdir(parents=True)
        for hour in range(4):
            (folder / camera / "2026-11-27" / f"{12 + hour}0000000-{hour + 1:06}.mp4").write_bytes(b"x")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_law_7_in_ten_thousand_interleavings_with_the_register_no_hold_says_that_it_keeps_what_is_gone(
    tmp_path: Path,
) -> None:
    chance, told = random.Random(SEED), Counter[str]()
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        act = Act(connection)
        for turn in range(INTERLEAVINGS):
            connection.execute(delete(HOLDS))
            connection.execute(delete(DELETIONS))
            ring = tmp_path / str(turn)
            a_ring(ring)
            court = Busy(act, orders(act, chance), chance)
            swept = sweeper(ring, court, CAMERAS, now_ms=LATER_MS).sweep(keep_ms=1, reserve_bytes=0)
            files = {(camera, start) for camera in CAMERAS for start in there(ring, camera)}
            for kept in holds.standing(connection, now_ms=0).holds:
                late = {each.split()[0].removeprefix("footage/") for each in kept.came_late}
                missing = lost(kept, files)
                assert {camera for camera, _ in missing} <= late, (turn, kept, files)
                told["kept"] += not missing
                told["late"] += bool(missing)
            told["removed"] += swept.removed > 0
            told["held"] += bool(files)
            told["refused"] += court.refused > 0
            shutil.rmtree(ring)
            connection.commit()
    engine.dispose()
    assert min(told[each] for each in ("kept", "late", "removed", "held", "refused")) > INTERLEAVINGS // 20, (
        told
    )
