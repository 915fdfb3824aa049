"""Native clips: the packets of the recording, whole groups of pictures, nothing hidden, nothing claimed that is not."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from cior_core.errors import IntegrityBroken
from cior_core.footage import FootageClock
from cior_core.model import ClockQuality
from cior_core.rfc3339 import from_rfc3339, to_rfc3339
from cior_evidence import clips
from cior_evidence.bag import Bag
from cior_evidence.clips import Origin, Recorded, Wish
from cior_evidence.footage_in import Delivered, _clock, put_footage
from cior_evidence.order import Item
from cior_evidence.paths import folders_of
from cior_evidence.ring import look
from doubles.packages import FPS, GROUP, START_MS, payloads, ring, segment_file

GROUP_MS = GROUP * 1000 // FPS


def item(first_ms: int, last_ms: int, camera: str = "cam-7") -> Item:
    return Item(
        camera=camera, reason="x", since=to_rfc3339(START_MS + first_ms), until=to_rfc3339(START_MS + last_ms)
    )


def put(folder: Path, ring_folder: Path, *items: Item) -> tuple[Bag, Delivered]:
    bag = Bag(folder / "bag")
    return bag, put_footage(bag, items, lambda camera, span: look(ring_folder, camera, span))


def shown(line: dict[str, Any]) -> tuple[int, ...]:
    """What a file shows, in ms from the beginning of the recording."""
    return tuple(from_rfc3339(line[name]) - START_MS for name in ("desde", "hasta"))


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        (((0, 3500), (3500, 7000)), [(0, 4000), (4000, 7000)]),
        (((500, 2200), (2200, 2300), (2300, 5100)), [(0, 3000), (3000, 6000)]),
        (((1200, 1300), (1700, 1800)), [(1000, 2000)]),
        (((3200, 3900), (4000, 4500)), [(3000, 4000), (4000, 5000)]),
    ],
)
@pytest.mark.parametrize("is_later_first", [False, True])
def test_intervals_that_meet_within_a_group_show_it_once(
    tmp_path: Path, footage_ring: Path, asked: Any, files: Any, is_later_first: bool
) -> None:
    """Files of one camera never overlap, and together show all that was asked for, in whatever order it was."""
    items = [item(*each) for each in asked]
    bag, delivered = put(tmp_path, footage_ring, *(reversed(items) if is_later_first else items))
    spans = [shown(line) for line in delivered.segments]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert (spans[0][0], spans[-1][1]) == (files[0][0], files[-1][1])
    whole = [packet for line in delivered.segments for packet in payloads(bag.folder / line["archivo"])]
    recorded = [
        packet for path in sorted(footage_ring.rglob("*-0000000[12].mp4")) for packet in payloads(path)
    ]
    assert whole == recorded[spans[0][0] * FPS // 1000 : spans[-1][1] * FPS // 1000]
    if not is_later_first:
        assert spans == files


@pytest.mark.parametrize(("first_ms", "last_ms"), [(0, 4000), (1500, 7200), (2000, 3000), (7900, 13_100)])
def test_law_8_a_clip_holds_the_very_packets_of_whole_groups_and_no_other(
    tmp_path: Path, footage_ring: Path, first_ms: int, last_ms: int
) -> None:
    recorded = {
        start: [
            packet
            for path in sorted(footage_ring.rglob(f"*-0000000{number}.mp4"))
            for packet in payloads(path)
        ]
        for number, start in ((1, 0), (2, 4000), (4, 12_000))
    }
    bag, delivered = put(tmp_path, footage_ring, item(first_ms, last_ms))
    expected: list[bytes] = []
    for start, packets in recorded.items():
        for at in range(0, len(packets), GROUP):
            shown_ms = start + at * 1000 // FPS
            if shown_ms < last_ms and shown_ms + GROUP_MS > first_ms:
                expected += packets[at : at + GROUP]
    found = [packet for line in delivered.segments for packet in payloads(bag.folder / line["archivo"])]
    assert found == expected
    for line in delivered.segments:
        own = payloads(bag.folder / line["archivo"])
        assert line["carga_sha256"] == hashlib.sha256(b"".join(own)).hexdigest()
        assert line["cuadros"] == len(own) == sum(part["cuadros"] for part in line["partes"])
        for part in line["partes"]:
            taken, own = own[: part["cuadros"]], own[part["cuadros"] :]
            assert part["carga_sha256"] == hashlib.sha256(b"".join(taken)).hexdigest()
            assert part["entera"] == (part["carga_sha256"] == part["origen"]["carga_sha256"])
        assert b"elst" not in (bag.folder / line["archivo"]).read_bytes()


def test_what_is_shown_is_what_is_stated_with_one_constant_offset(tmp_path: Path, footage_ring: Path) -> None:
    bag, delivered = put(tmp_path, footage_ring, item(1500, 7200))
    line = delivered.segments[0]
    assert (line["desde"], line["hasta"]) == (to_rfc3339(START_MS + 1000), to_rfc3339(START_MS + 8000))
    with av.open(str(bag.folder / line["archivo"])) as made:
        times = [float(each.pts * each.time_base) for each in made.demux(video=0) if each.pts is not None]
    assert times == pytest.approx([number / FPS for number in range(70)])


def test_the_same_order_gives_the_same_bytes(tmp_path: Path, footage_ring: Path) -> None:
    once, again = (put(tmp_path / name, footage_ring, item(0, 16_000))[0] for name in ("a", "b"))
    assert once.files == again.files
    assert len(once.files) == 2


def test_what_is_missing_is_stated_with_its_cause(tmp_path: Path, footage_ring: Path) -> None:
    _, delivered = put(tmp_path, footage_ring, item(1000, 20_000))
    assert delivered.gaps[0]["huecos"] == [
        {
            "desde": to_rfc3339(START_MS + 8000),
            "hasta": to_rfc3339(START_MS + 12_000),
            "causa": "camera_away",
        },
        {"desde": to_rfc3339(START_MS + 16_000), "hasta": to_rfc3339(START_MS + 20_000), "causa": "unknown"},
    ]
    assert delivered.gaps[0]["cubierto_ms"] == 11_000


def test_law_8_a_segment_that_was_changed_on_the_disk_is_a_gap_and_never_evidence(tmp_path: Path) -> None:
    folder = ring(tmp_path / "ring")
    second = next(folder.rglob("*-00000002.mp4"))
    second.write_bytes(second.read_bytes()[:-1] + b"\x00")
    bag, delivered = put(tmp_path, folder, item(0, 8000))
    assert [each["causa"] for each in delivered.gaps[0]["huecos"]] == ["lost"]
    assert delivered.gaps[0]["huecos"][0]["desde"] == to_rfc3339(START_MS + 4000)
    assert [part["numero"] for line in delivered.segments for part in line["partes"]] == [1]
    assert len(bag.files) == 1


def test_an_index_that_was_changed_stops_the_package(tmp_path: Path) -> None:
    folder = ring(tmp_path / "ring")
    index = next(folder.rglob("index.jsonl"))
    index.write_bytes(index.read_bytes().replace(b'"offset_ms":120', b'"offset_ms":121', 1))
    with pytest.raises(IntegrityBroken) as refusal:
        put(tmp_path, folder, item(0, 8000))
    assert refusal.value.code == "ring.chain"


def test_a_packet_swapped_between_the_look_and_the_cut_is_noticed(tmp_path: Path, footage_ring: Path) -> None:
    found = look(footage_ring, "cam-7", (START_MS, START_MS + 4000)).segments
    segment_file(tmp_path / "other.mp4", seed=99)
    swapped = msgspec.structs.replace(found[0], file=tmp_path / "other.mp4")
    with pytest.raises(IntegrityBroken) as refusal:
        clips.cut([swapped], Wish((START_MS, START_MS + 4000)), tmp_path / "made.mp4")
    assert refusal.value.code == "clip.changed"


def test_a_long_file_of_another_recorder_is_cut_at_its_groups(tmp_path: Path) -> None:
    """Groups of 4.8 s, as cameras are often set."""
    segment_file(tmp_path / "long.mp4", frames=150, group=48)
    recorded = Recorded(
        camera="c", number=1, file=tmp_path / "long.mp4", start_ms=0, end_ms=15_000, line="x", first_s=0.0,
        clock=FootageClock(source="file", quality=ClockQuality.UNKNOWN), origin=Origin("long.mp4", "00" * 32),
    )  # fmt: skip
    clip = clips.cut([recorded], Wish((7300, 9600)), tmp_path / "made.mp4")
    assert clip is not None
    assert (clip.start_ms, clip.end_ms, clip.frames) == (4800, 9600, 48)
    assert payloads(tmp_path / "made.mp4") == payloads(tmp_path / "long.mp4")[48:96]


def test_a_clip_whose_durations_are_those_of_arrival_says_so(tmp_path: Path, footage_ring: Path) -> None:
    found = look(footage_ring, "cam-7", (START_MS, START_MS + 4000)).segments
    told = {
        paced_by: clips.cut(
            [
                msgspec.structs.replace(
                    found[0], clock=msgspec.structs.replace(found[0].clock, paced_by=paced_by)
                )
            ],
            Wish((START_MS, START_MS + 4000)),
            tmp_path / f"{paced_by}.mp4",
        )
        for paced_by in ("stream", "arrival")
    }
    clocks = {paced_by: _clock(clip.parts) for paced_by, clip in told.items() if clip is not None}
    assert clocks["arrival"] == {**clocks["stream"], "ritmo": "arrival"}


def test_cameras_whose_names_fold_to_one_have_folders_of_their_own() -> None:
    found = folders_of(["Cám 7", "cam 7", "C m-7", "con"])
    assert len(set(found.values())) == 4
    assert all(value.isascii() and value == value.lower() for value in found.values())
    assert found["con"] != "con"


def test_an_interval_with_nothing_gives_no_file_and_says_so(tmp_path: Path, footage_ring: Path) -> None:
    bag, delivered = put(tmp_path, footage_ring, item(60_000, 61_000), item(0, 1000, "nobody"))
    whole: list[Any] = [each["huecos"] for each in delivered.gaps]
    assert [len(each) for each in whole] == [1, 1]
    assert delivered.segments == ()
    assert not list(bag.folder.rglob("*.mp4"))


CODINGS = {
    "h264": ("libx264", {"g": "20", "sc_threshold": "0", "bf": "0"}),
    "h264 that refers ahead": ("libx264", {"g": "20", "sc_threshold": "0", "bf": "2"}),
    "h264 across keys": ("libx264", {"g": "20", "sc_threshold": "0", "bf": "2", "x264-params": "open-gop=1"}),
    "h265 across keys": (
        "libx265",
        {"x265-params": "keyint=20:min-keyint=20:scenecut=0:bframes=2:log-level=none"},
    ),
}


def pictures(path: Path) -> list[tuple[int, str]]:
    """Every picture that a player shows: ms from the first packet's instant, and its digest."""
    with av.open(str(path)) as source:
        origin = next(
            float(each.pts * each.time_base) for each in source.demux(video=0) if each.pts is not None
        )
    with av.open(str(path)) as source:
        return [
            (round((each.time - origin) * 1000), hashlib.sha256(each.to_ndarray().tobytes()).hexdigest())
            for each in source.decode(video=0)
        ]


@pytest.mark.parametrize("span", [(2500, 3900), (1750, 1950), (3850, 4000), (0, 100), (7900, 8000)])
@pytest.mark.parametrize("coding", CODINGS)
def test_however_it_was_coded_all_that_was_asked_is_shown_and_what_is_stated_is_true(
    tmp_path: Path, coding: str, span: tuple[int, int]
) -> None:
    codec, options = CODINGS[coding]
    segment_file(tmp_path / "source.mp4", frames=80, coded=(codec, options))
    recorded = Recorded(
        camera="c", number=1, file=tmp_path / "source.mp4", start_ms=0, end_ms=8000, line="x", first_s=0.0,
        clock=FootageClock(source="file", quality=ClockQuality.UNKNOWN), origin=Origin("source.mp4", "00" * 32),
    )  # fmt: skip
    clip = clips.cut([recorded], Wish(span), tmp_path / "made.mp4")
    assert clip is not None
    shown = [(clip.start_ms + at_ms, digest) for at_ms, digest in pictures(tmp_path / "made.mp4")]
    wanted = [each for each in pictures(tmp_path / "source.mp4") if span[0] <= each[0] < span[1]]
    assert wanted
    assert [each for each in wanted if each not in shown] == []
    assert (shown[0][0], shown[-1][0] + 1000 // FPS) == (clip.start_ms, clip.end_ms)
