"""Several recorders, each with a ring of its own, and readers elsewhere: what they have together is one answer, nothing
in a ring is touched by whoever reads, and a ring that is mounted later is found.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_console.evidence_place import rings, watched
from cior_console.problems import Refused
from cior_console.ring_files import Rings, clip_of
from cior_core import footage
from cior_core.errors import SourceUnavailable
from cior_core.footage import GapCause
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.bag import Bag, sha256_of
from cior_evidence.footage_in import Delivered, put_footage
from cior_evidence.order import Item
from cior_evidence.ring import look_in
from cior_evidence.ring_index import rings_of, survey
from doubles.courts import NoOrders
from integration.recorder.court_ring import HOUR_MS, WIDE, filmed, sweeper
from integration.recorder.fed_track import NOON_MS
from integration.recorder.test_recorder_past import LATER_MS, pruned

DAY_MS = footage.DAY_MS
MOVED_MS = NOON_MS + 2 * HOUR_MS
"""When the camera was given to the other recorder."""
SPAN = (NOON_MS - 1000, MOVED_MS + 2 * HOUR_MS)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> tuple[Path, Path]:
    """A camera at noon and an hour later in one ring; two and three hours later in another, counted from 1 again."""
    folder = tmp_path_factory.mktemp("rings")
    filmed(folder / "old", clip, "plaza", at_ms=[NOON_MS, NOON_MS + HOUR_MS])
    filmed(folder / "new", clip, "plaza", at_ms=[MOVED_MS, MOVED_MS + HOUR_MS])
    return folder / "old", folder / "new"


def delivered(folder: Path, both: tuple[Path, ...], span: tuple[int, int] = SPAN) -> tuple[Bag, Delivered]:
    item = Item(camera="plaza", reason="x", since=to_rfc3339(span[0]), until=to_rfc3339(span[1]))
    bag = Bag(folder / "bag")
    return bag, put_footage(bag, [item], lambda camera, each: look_in(both, camera, each))


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_camera_that_was_given_to_another_recorder_is_delivered_out_of_both_rings(
    both: tuple[Path, Path], tmp_path: Path, is_turned: bool
) -> None:
    rings = both[::-1] if is_turned else both
    assert set(rings_of(rings, "plaza", SPAN)) == set(both)
    found = look_in(rings, "plaza", SPAN)
    assert [each.start_ms for each in found.segments] == [
        start_ms + n * 1000
        for start_ms in (NOON_MS, NOON_MS + HOUR_MS, MOVED_MS, MOVED_MS + HOUR_MS)
        for n in range(3)
    ]
    assert [each.file.is_relative_to(both[0]) for each in found.segments] == [True] * 6 + [False] * 6
    assert all(sha256_of(each.file) == each.origin.sha256 for each in found.segments)
    causes = [(each.cause, each.from_ms, each.to_ms) for each in found.coverage.gaps]
    assert causes == [
        (GapCause.UNKNOWN, SPAN[0], NOON_MS),
        (GapCause.RECONNECT, NOON_MS + 3000, NOON_MS + HOUR_MS),
        (GapCause.UNKNOWN, NOON_MS + HOUR_MS + 3000, MOVED_MS),
        (GapCause.RECONNECT, MOVED_MS + 3000, MOVED_MS + HOUR_MS),
        (GapCause.UNKNOWN, MOVED_MS + HOUR_MS + 3000, SPAN[1]),
    ]
    assert survey(rings, "plaza", SPAN) == found.coverage
    bag, said = delivered(tmp_path, rings)
    assert len(bag.files) == len(said.segments) > 0
    assert said.gaps[0]["cubierto_ms"] == 12_000


def test_nobody_is_told_that_nothing_is_known_while_a_ring_is_not_mounted(
    both: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for away in (tmp_path / "nobody", tmp_path / "empty"):
        for asked in (survey, look_in):
            with pytest.raises(SourceUnavailable, match=f"the ring {away.name} is not here"):
                asked([both[0], away], "plaza", SPAN)
            with pytest.raises(SourceUnavailable, match="nothing is known"):
                asked([away], "plaza", SPAN)
            asked([both[0], away], "plaza", (NOON_MS, NOON_MS + HOUR_MS))  # all of it is known


def tree(ring: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder, when it changed and how long it is."""
    return {str(each): (each.stat().st_mtime_ns, each.stat().st_size) for each in (ring, *ring.rglob("*"))}


def test_whoever_reads_a_ring_changes_nothing_in_it(both: tuple[Path, Path], tmp_path: Path) -> None:
    """So it may be mounted read only."""
    before = [tree(each) for each in both]
    os.sync()
    delivered(tmp_path, both)
    for ring in both:
        clip_of(ring, "plaza", SPAN)
    assert [tree(each) for each in both] == before


def test_a_court_reads_when_what_expired_was_removed(
    both: tuple[Path, Path], clip: Path, tmp_path: Path
) -> None:
    """Days later out of the index, and when the day is past, out of what is left of it."""
    ring = tmp_path / "ring"
    filmed(ring, clip, "plaza", at_ms=[NOON_MS + n * DAY_MS for n in range(5)])
    sweeper(ring, NoOrders(), ["plaza"], now_ms=LATER_MS, room=WIDE).sweep(
        keep_ms=2 * DAY_MS, reserve_bytes=0
    )
    span = (NOON_MS - 1000, NOON_MS + 3000)
    _, told = delivered(tmp_path / "before", (ring,), span)
    assert told.gaps[0]["huecos"] == [
        {"desde": to_rfc3339(NOON_MS - 1000), "hasta": to_rfc3339(NOON_MS), "causa": "unknown"},
        {
            "desde": to_rfc3339(NOON_MS), "hasta": to_rfc3339(NOON_MS + 3000), "causa": "expired",
            "borrado_desde": to_rfc3339(LATER_MS), "borrado_hasta": to_rfc3339(LATER_MS),
        },
    ]  # fmt: skip
    assert pruned(ring) == 3
    assert delivered(tmp_path / "after", (ring,), span)[1] == told


_CENTRE = """registry = "registry.toml"
cameras = "cameras.toml"

[centre]
name = "Prueba"

[evidence]
seal = "sello.toml"
rings = ["norte", "sur"]
"""
_CAMERA = """[[camera]]
id = "{name}"
name = "{name}"
place = {{ lat = -32.95, lon = -60.64 }}
azimuth_deg = 45.0
field_of_view_deg = 90.0
range_m = 120.0
height_m = 6.0
"""


def test_rings_that_are_mounted_are_read_by_evidence_and_console_without_a_recorder_here(
    tmp_path: Path, clip: Path
) -> None:
    for name, text in (
        ("centre", _CENTRE),
        ("registry", ""),
        ("cameras", "".join(map(camera, ("plaza", "esquina")))),
    ):
        (tmp_path / f"{name}.toml").write_text(text)
    centre = load(tmp_path / "centre.toml", tmp_path / "data")
    filmed(tmp_path / "norte", clip, "plaza", at_ms=[NOON_MS])
    seen = Rings(lambda: watched(centre))
    assert rings(centre) == (tmp_path / "norte", tmp_path / "sur")
    assert seen.of("plaza") == tmp_path / "norte"
    with pytest.raises(Refused, match=r"footage\.not_recorded"):
        seen.of("esquina")
    filmed(tmp_path / "sur", clip, "esquina", at_ms=[NOON_MS])
    assert seen.of("esquina") == tmp_path / "sur", "mounted since"
    assert len(clip_of(seen.of("esquina"), "esquina", (NOON_MS, NOON_MS + 3000)).pieces) == 3
    assert len(look_in(rings(centre), "plaza", (NOON_MS, NOON_MS + 3000)).segments) == 3


def camera(name: str) -> str:
    return _CAMERA.format(name=name)
