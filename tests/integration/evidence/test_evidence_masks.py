"""Privacy masks in the copies of a package: real clips, encoder, register, verifier. What was masked while it was
recorded is one colour in every picture of every copy, the original is whole, and where nobody can tell what is masked,
nothing is copied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from cior_bus.centre import load
from cior_console.footage_masks import masks_now
from cior_core.errors import CiorError, ConfigInvalid
from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_core.picture_masks import Masks
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.copying import Copier
from cior_evidence.mask_history import ACT, MaskHistory, MasksNow
from cior_evidence.recoding import Script, Stretch, recode
from cior_evidence.shelf import Making, package_id
from cior_register import ledger
from cior_register.ledger import LedgerQuestion
from cior_video.orientation import Turn, stored_point
from cior_vision.person_sight import PersonSight
from doubles.authorities import Authorities
from doubles.packages import FPS, FRAMES, START_MS, ring
from doubles.requested import Court, item
from integration.evidence.street import PASSER, STANDER, street_ring
from integration.evidence.test_evidence_copies import folder_of, order, progress, verified
from integration.evidence.test_evidence_redacted import made as redacted
from integration.evidence.test_evidence_redacted import veiled
from integration.vision.clips import display_matrix
from integration.vision.shirts import ShirtDetector

Luma = NDArray[np.uint8]
CORNER = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.4), (0.0, 0.4))
"""Touches two edges."""
WEDGE = ((0.6, 1.0), (1.0, 0.5), (1.0, 1.0))
"""The lower right corner, touches the two others."""
DARK = 40
"""Encoding again rings a little at the rim; what is seen is twice as bright."""
LONG_AGO_MS = START_MS - 86_400_000


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return street_ring(tmp_path_factory.mktemp("calle"))


Opening = Callable[[Path], Court]


@pytest.fixture
def opened(tmp_path: Path, quick: Authorities) -> Iterator[Opening]:
    """A request whose native package, four seconds of a ring, is sealed."""
    courts = []

    def court(folder: Path) -> Court:
        made = Court(tmp_path, folder, quick, finder=lambda: PersonSight(ShirtDetector()))
        courts.append(made)
        made.begin(item(since_s=0, until_s=4), alerts=())
        made.approved()
        made.maker.look()
        return made

    yield court
    for each in courts:
        each.register.close()


def since(when_ms: int, *masks: Any, camera: str = "cam-7") -> MasksNow:
    """A file of then that has these masks."""
    return MasksNow(cameras={camera: tuple(masks)}, written_ms=(when_ms,))


def colours(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [np.asarray(each.to_ndarray(format="rgb24"), np.uint8) for each in film.decode(video=0)]


def about(folder: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads((folder / "bag/meta/copia.json").read_text())["mascaras"]
    return told


def ready(court: Court, copy: CopyOrder) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """The pictures of a sound copy without their bar, and those of the original, as stored."""
    assert progress(court, copy).state is Making.READY, progress(court, copy)
    folder = folder_of(court, copy)
    sealed = next(each for each in court.request.copies if each.n == copy.n)
    assert verified(court, folder, sealed.digest)["exit"] == 0
    native = court.shelf.folder(package_id(court.request)) / "bag/data/nativo/cam-7/0001.mp4"
    return colours(folder / "bag/data/vista/cam-7/0001.mp4"), colours(native)


def under(masks: Masks, size_px: tuple[int, int], *, away_px: float = 0.0) -> NDArray[np.bool_]:
    """Pixels whose middle is in one of these convex masks (``away_px``: further in, or below 0 further out)."""
    width, height = size_px
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    found = np.zeros((height, width), bool)
    for mask in masks:
        corners = [(px * width, py * height) for px, py in mask]
        area = sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)
        )
        inside = np.ones((height, width), bool)
        for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
            side = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) * np.sign(area)
            inside &= side >= away_px * np.hypot(b[0] - a[0], b[1] - a[1])
        found |= inside
    return found


def assert_masked(shown: list[NDArray[np.uint8]], native: list[NDArray[np.uint8]], masks: Masks) -> None:
    """Below the masks one dark colour in every picture, elsewhere the original."""
    height, width = native[0].shape[:2]
    hidden, seen = under(masks, (width, height)), ~under(masks, (width, height), away_px=-12)
    assert hidden.any()
    assert seen.any()
    assert len(shown) == len(native) > 0
    for picture, whole in zip(shown, native, strict=True):
        inner = picture[:height, :width].astype(int)
        assert inner[hidden].max() <= DARK, "nothing of what was there"
        assert np.abs(inner[seen] - whole.astype(int)[seen]).mean() < 10
        assert whole[hidden].mean() > 40, "the original is whole"


@pytest.mark.parametrize("kind", CopyKind)
def test_law_9_no_picture_of_a_copy_shows_what_was_masked_and_the_original_is_whole(
    street: Path, opened: Opening, kind: CopyKind
) -> None:
    court = opened(street)
    court.masks = lambda: since(LONG_AGO_MS, CORNER, WEDGE)
    copy = order(court, kind)
    court.copier.look()
    shown, native = ready(court, copy)
    height = native[0].shape[0]
    hidden = under((CORNER, WEDGE), (native[0].shape[1], height))
    for picture in shown:
        assert picture[:height][hidden].max() <= DARK
    if kind is CopyKind.VIEW:
        assert_masked(shown, native, (CORNER, WEDGE))
    assert about(folder_of(court, copy)) == [
        {
            "archivo": "data/vista/cam-7/0001.mp4",
            "poligonos": [[list(each) for each in mask] for mask in (CORNER, WEDGE)],
            "poligonos_sin_girar": [],
            "constan_desde": to_rfc3339(LONG_AGO_MS),
            "consta_entero": True,
        }
    ]


def test_who_is_beside_a_mask_is_veiled_and_who_is_under_it_is_not_told_of(
    street: Path, opened: Opening
) -> None:
    court = opened(street)
    court.masks = lambda: since(LONG_AGO_MS, ((0.7, 0.0), (1.0, 0.0), (1.0, 1.0), (0.7, 1.0)))
    copy = order(court, CopyKind.REDACTED)
    court.copier.look()
    shown, rows = redacted(court, copy)
    assert all(veiled(picture, PASSER, number) > 0.7 for number, picture in enumerate(shown))
    box = STANDER.box(0)
    assert box is not None
    assert box.left > 0.7
    assert {row["pista"] for row in rows if row["pista"]} == {"p1"}, "one person in all"


def test_a_camera_without_masks_is_copied_as_it_is_and_the_copy_says_so(
    street: Path, opened: Opening
) -> None:
    court = opened(street)
    court.masks = lambda: since(LONG_AGO_MS)
    copy = order(court)
    court.copier.look()
    shown, native = ready(court, copy)
    height = native[0].shape[0]
    for picture, whole in zip(shown, native, strict=True):
        assert np.abs(picture[:height].astype(int) - whole.astype(int)).mean() < 6
    assert [(each["poligonos"], each["consta_entero"]) for each in about(folder_of(court, copy))] == [
        ([], True)
    ]


def test_a_mask_that_was_changed_meanwhile_is_covered_old_and_new(street: Path, opened: Opening) -> None:
    court = opened(street)
    court.masks, court.masks_seen_ms = (lambda: since(LONG_AGO_MS, CORNER)), START_MS - 1_000
    court.shop.masks.look()
    court.masks, court.masks_seen_ms = (lambda: since(START_MS + 2_000, WEDGE)), START_MS + 86_400_000
    copy = order(court)
    court.copier.look()
    shown, native = ready(court, copy)
    assert_masked(shown, native, (CORNER, WEDGE))


def test_a_mask_that_is_drawn_today_takes_nothing_out_of_the_past(street: Path, opened: Opening) -> None:
    court = opened(street)
    court.masks, court.masks_seen_ms = (lambda: since(LONG_AGO_MS, CORNER)), START_MS - 1_000
    court.shop.masks.look()
    court.masks, court.masks_seen_ms = (
        (lambda: since(START_MS + 3_600_000, CORNER, WEDGE)),
        START_MS + 86_400_000,
    )
    copy = order(court)
    court.copier.look()
    shown, native = ready(court, copy)
    assert_masked(shown, native, (CORNER,))
    height, width = native[0].shape[:2]
    wedge = under((WEDGE,), (width, height), away_px=4)
    assert shown[0][:height][wedge].mean() > 40


def test_what_was_noted_is_in_the_ledger_and_outlives_the_part(street: Path, opened: Opening) -> None:
    court = opened(street)
    court.masks = lambda: since(LONG_AGO_MS, CORNER)
    court.shop.masks.look()
    court.shop.masks.look()
    told = court.register.read_now(lambda each: ledger.rows(each, LedgerQuestion(act=ACT)))
    assert [(each.entry.subject, each.entry.detail["since_ms"]) for each in told] == [("cam-7", LONG_AGO_MS)]
    assert json.loads(str(told[0].entry.detail["masks"])) == [[list(each) for each in CORNER]]
    file = court.folder / "data/masks.jsonl"
    file.write_bytes(file.read_bytes() + b'{"camera":"cam-7","since')  # a kill
    again = MaskHistory(
        file, read=lambda: since(LONG_AGO_MS), tell=lambda _: None, now_ms=lambda: 0, actor="x"
    )
    assert again.in_force("cam-7", (START_MS, START_MS + 1)).masks == (CORNER,)
    again.look()
    assert again.in_force("cam-7", (START_MS, START_MS + 1)).masks == (CORNER,), "and none only from then on"


# --- it fails closed ------------------------------------------------------------------------------------------


def _away() -> MasksNow:
    raise ConfigInvalid("config.unreadable", "vision.toml is not here", cure="put it there")


@pytest.mark.parametrize("kind", CopyKind)
def test_law_9_where_nobody_can_tell_what_is_masked_nothing_is_copied(
    street: Path, opened: Opening, kind: CopyKind
) -> None:
    court = opened(street)
    court.masks = _away
    copy = order(court, kind)
    court.copier.look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.WAITING, "copy.masks_unread")
    assert "[[vision]]" in told.cure
    assert list(court.shelf.out.rglob("*vista*")) == []
    assert list(court.shelf.out.glob(".*.copiando/*")) == []
    court.masks = lambda: since(LONG_AGO_MS, CORNER)  # somebody sets it right: it goes on by itself
    Copier(court.shop).look()
    ready(court, copy)


@pytest.mark.parametrize(
    "mask",
    [((0.0, 0.0), (0.5, 0.5)), ((0.0, 0.0), (1.5, 0.0), (0.5, 0.5))],
    ids=["of two points", "beyond the picture"],
)
def test_law_9_a_mask_that_fits_no_picture_is_none_that_could_be_read(tmp_path: Path, mask: Any) -> None:
    history = MaskHistory(
        tmp_path / "masks.jsonl",
        read=lambda: since(LONG_AGO_MS, CORNER, mask),
        tell=lambda _: None,
        now_ms=lambda: START_MS,
        actor="x",
    )
    with pytest.raises(ConfigInvalid) as refused:
        history.look()
    assert (refused.value.code, "0..1" in refused.value.cure) == ("copy.masks_unread", True)
    assert not (tmp_path / "masks.jsonl").exists()


def test_law_9_a_history_that_was_touched_copies_nothing(street: Path, opened: Opening) -> None:
    court = opened(street)
    court.masks = lambda: since(LONG_AGO_MS, CORNER)
    court.shop.masks.look()
    file = court.folder / "data/masks.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"masks":[[', b'"masks":[7,['))
    copy = order(court)
    court.copier.look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.STOPPED, "copy.mask_history")
    assert court.request.copies[0].digest == ""


# --- whatever the picture -------------------------------------------------------------------------------------


Drawn = NDArray[np.uint8]


def pattern(size_px: tuple[int, int]) -> Drawn:
    """Bright, and another colour at each place."""
    width, height = size_px
    x, y = np.meshgrid(np.linspace(80, 250, width), np.linspace(80, 250, height))
    return np.stack([x, y, np.full_like(x, 160)], axis=2).astype(np.uint8)


def drawn(path: Path, image: Drawn, turn: Turn = Turn.NONE, *, pictures: int = 5) -> None:
    """A clip that decodes to just these pixels, with a matrix that turns them."""
    options = {
        "g": str(FPS),
        "sc_threshold": "0",
        "bf": "0",
        "threads": "1",
        "qp": "0",
        "preset": "ultrafast",
    }
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as out:
        stream: Any = out.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        if turn is not Turn.NONE:
            stream.set_display_matrix(display_matrix(turn))
        for number in range(pictures):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def copied(source: Path, target: Path, *masks: Any, stored: Masks = ()) -> list[Drawn]:
    """Its copy."""
    script = Script(
        lines=("prueba",), zone="UTC", stretches=(Stretch(START_MS, 5),), masks=masks, stored_masks=stored
    )
    recode(source, target, script)
    return colours(target)


def assert_upright(shown: list[Drawn], stored: Drawn, turn: Turn) -> None:
    """Each place is what that point of the stored picture is; under the masks it is dark."""
    high, wide = stored.shape[:2]
    lies = turn.rpartition("_")[2] in {"90", "270"}
    width, height = (high, wide) if lies else (wide, high)
    places = np.argwhere(~under((CORNER, WEDGE), (width, height), away_px=-12))[::97]
    assert len(places) > 20
    for y, x in places:
        px, py = stored_point(((x + 0.5) / width, (y + 0.5) / height), turn)
        was = stored[int(py * high), int(px * wide)].astype(int)
        assert np.abs(shown[0][y, x].astype(int) - was).max() < 20, (x, y)
    hidden = under((CORNER, WEDGE), (width, height))
    assert all(picture[:height, :width][hidden].max() <= DARK for picture in shown)


@pytest.mark.parametrize("turn", Turn)
def test_a_turned_picture_is_covered_where_it_was_seen(tmp_path: Path, turn: Turn) -> None:
    image = pattern((320, 180))
    drawn(tmp_path / "clip.mp4", image, turn)
    assert_upright(copied(tmp_path / "clip.mp4", tmp_path / "copy.mp4", CORNER, WEDGE), image, turn)


@pytest.mark.parametrize("turn", Turn)
def test_law_9_masks_of_a_stream_whose_turn_somebody_overruled_lie_in_the_picture_as_it_is_stored(
    tmp_path: Path, turn: Turn
) -> None:
    image = pattern((320, 180))
    drawn(tmp_path / "clip.mp4", image, turn)
    stored = tuple(tuple(stored_point(each, turn) for each in mask) for mask in (CORNER, WEDGE))
    assert_upright(copied(tmp_path / "clip.mp4", tmp_path / "copy.mp4", stored=stored), image, turn)


def test_what_a_setting_overrules_is_noted_with_its_masks(tmp_path: Path) -> None:
    now = [since(LONG_AGO_MS, CORNER), msgspec.structs.replace(since(LONG_AGO_MS, CORNER), stored={"cam-7"})]
    history = MaskHistory(
        tmp_path / "masks.jsonl",
        read=lambda: now[0],
        tell=lambda _: None,
        now_ms=lambda: LONG_AGO_MS,
        actor="x",
    )
    history.look()
    now.pop(0)
    history.look()
    found = history.in_force("cam-7", (START_MS, START_MS + 1))
    assert (found.masks, found.stored) == ((), (CORNER,))


@pytest.mark.parametrize("size_px", [(704, 576), (96, 130), (1280, 720)])
def test_a_picture_of_another_size_is_covered_at_the_same_place(
    tmp_path: Path, size_px: tuple[int, int]
) -> None:
    image = pattern(size_px)
    drawn(tmp_path / "clip.mp4", image)
    assert_upright(copied(tmp_path / "clip.mp4", tmp_path / "copy.mp4", CORNER, WEDGE), image, Turn.NONE)


def test_law_9_what_is_under_a_mask_changes_no_byte_of_the_copy(tmp_path: Path) -> None:
    """Two clips that differ under the masks alone, up to their last pixel."""
    image, size_px = pattern((320, 180)), (320, 180)
    other = image.copy()
    other[under((CORNER, WEDGE), size_px)] = np.random.default_rng(0).integers(0, 255, 3, dtype=np.uint8)
    for name, each in (("one", image), ("other", other)):
        drawn(tmp_path / f"{name}.mp4", each)
        copied(tmp_path / f"{name}.mp4", tmp_path / f"{name}-copy.mp4", CORNER, WEDGE)
        copied(tmp_path / f"{name}.mp4", tmp_path / f"{name}-bare.mp4")
    assert (tmp_path / "one-copy.mp4").read_bytes() == (tmp_path / "other-copy.mp4").read_bytes()
    assert (tmp_path / "one-bare.mp4").read_bytes() != (tmp_path / "other-bare.mp4").read_bytes()


def test_a_camera_that_hangs_on_its_side_is_copied_upright_out_of_its_package(
    tmp_path: Path, opened: Opening
) -> None:
    image = pattern((320, 180))

    def draw(path: Path, _number: int) -> tuple[int, int]:
        drawn(path, image, Turn.RIGHT, pictures=FRAMES)
        return 320, 180

    (tmp_path / "anillo").mkdir()
    court = opened(ring(tmp_path / "anillo", segments=1, draw=draw))
    court.masks = lambda: since(LONG_AGO_MS, CORNER, WEDGE)
    copy = order(court)
    court.copier.look()
    shown, native = ready(court, copy)
    assert native[0].shape[:2] == (180, 320), "stored as it was"
    assert_upright(shown, image, Turn.RIGHT)


# --- whose file it is -----------------------------------------------------------------------------------------


def test_masks_are_those_of_the_workers_files_and_when_they_were_written(tmp_path: Path) -> None:
    centre, file = tmp_path / "centro.toml", tmp_path / "camaras.toml"
    centre.write_text('[centre]\nname = "Ensayo"\n[[vision]]\nfile = "camaras.toml"\n', encoding="utf-8")
    with pytest.raises(CiorError, match=r"camaras\.toml"):
        masks_now(load(centre))
    file.write_text(
        '[detector]\nengine = "none"\n[[camera]]\nid = "plaza"\n[camera.source]\nturn = "0"\n[[camera]]\nid = "paso"\n'
        '[[mask]]\nid = "m"\ncamera = "plaza"\npolygon = [[0, 0], [0.5, 0], [0.5, 0.5]]\n',
        encoding="utf-8",
    )
    now = masks_now(load(centre))
    assert now.cameras == {"plaza": (((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)),), "paso": ()}
    assert now.stored == {"plaza"}, "whatever its stream says of turning"
    assert now.written_ms == (file.stat().st_mtime_ns // 1_000_000,)
    assert masks_now(load(_alone(tmp_path))) == MasksNow()


def _alone(folder: Path) -> Path:
    path = folder / "sola.toml"
    path.write_text('[centre]\nname = "Ensayo"\n', encoding="utf-8")
    return path
