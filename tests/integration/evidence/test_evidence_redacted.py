"""Redacted copies of a drawn street, by a drawn detector through the plugin contract and, where it is there, by the
real network: persons are covered for good, whoever was chosen is not, and whatever a detector fails to say is covered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_core.requests import RequestStatus
from cior_evidence import derived
from cior_evidence.copying import Copier
from cior_evidence.recoding import Recoded, Script, recode
from cior_evidence.shelf import Making, package_id
from cior_evidence.verify import main as verify
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.frames import Detections, Image, no_detections
from cior_vision.person_sight import PersonSight, open_person_sight
from cior_vision.synthetic import Walker
from doubles.authorities import Authorities
from doubles.packages import FPS, FRAMES
from doubles.requested import Court, item
from integration.evidence.street import HEIGHT_PX, PASSER, STANDER, WIDTH_PX, street_ring
from integration.evidence.test_evidence_copies import folder_of, lines, order, pictures, progress, verified
from integration.vision.shirts import ShirtDetector

Luma = NDArray[np.uint8]
BLOCK, NEAR = 64, 14
CLIP = "cam-7/0001"
ALL = FRAMES


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return street_ring(tmp_path_factory.mktemp("calle"))


@pytest.fixture
def court(tmp_path: Path, street: Path, quick: Authorities) -> Iterator[Court]:
    """A request whose native package, four seconds of the street, is sealed."""
    made = Court(tmp_path, street, quick, finder=lambda: PersonSight(ShirtDetector()))
    made.begin(item(since_s=0, until_s=4), alerts=())
    made.approved()
    made.maker.look()
    assert made.request.state is RequestStatus.SEALED
    yield made
    made.register.close()


class Failing(ShirtDetector):
    """Answers as ``says`` has it for a picture by its number; else as it sees."""

    def __init__(self, says: Callable[[int], Any]) -> None:
        super().__init__()
        self._says = says

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        number = self.looked_at
        found = super().detect(frames)
        said: list[Detections] | None = self._says(number)
        return found if said is None else said


def copier(court: Court, says: Callable[[int], Any]) -> Copier:
    return Copier(msgspec.structs.replace(court.shop, finder=lambda: PersonSight(Failing(says))))


def made(court: Court, copy: CopyOrder) -> tuple[list[Luma], list[dict[str, Any]]]:
    """The pictures of a copy that is ready and sound, and the rows of its table."""
    assert progress(court, copy).state is Making.READY, progress(court, copy)
    sealed = next(each for each in court.request.copies if each.n == copy.n)
    folder = folder_of(court, copy)
    assert verified(court, folder, sealed.digest)["exit"] == 0
    shown = [each[:HEIGHT_PX, :WIDTH_PX] for each in pictures(folder / f"bag/data/vista/{CLIP}.mp4")]
    assert len(shown) == ALL
    return shown, lines(folder, "velos.jsonl")


def veiled(picture: Luma, walker: Walker, number: int, *, until: float = 0.2) -> float:
    """Which share of somebody's true upper part (the head, unless told) is the block's one colour."""
    box = walker.box(number / FPS)
    assert box is not None
    top, bottom = int(box.top * HEIGHT_PX), int((box.top + until * box.height) * HEIGHT_PX)
    part = picture[top:bottom, int(box.left * WIDTH_PX) : int(box.right * WIDTH_PX)]
    return float((np.abs(part.astype(int) - BLOCK) <= NEAR).mean())


def table(rows: list[dict[str, Any]], why: str) -> list[tuple[str | None, int, int]]:
    return [(row["pista"], row["desde_cuadro"], row["hasta_cuadro"]) for row in rows if row["motivo"] == why]


def test_every_head_is_covered_in_every_picture_and_nothing_else(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED)
    court.copier.look()
    shown, rows = made(court, copy)
    native = pictures(court.shelf.folder(package_id(court.request)) / f"bag/data/nativo/{CLIP}.mp4")
    for number, picture in enumerate(shown):
        for walker in (PASSER, STANDER):
            assert veiled(picture, walker, number) > 0.7, number  # the rest is the mark
        above = np.abs(picture[:60].astype(int) - native[number][:60].astype(int)).mean()
        assert above < 8, "the rest of the street is as it was"
    assert table(rows, "mirado") == [(None, 0, ALL)]
    assert {row["pista"] for row in rows if row["motivo"] == "persona"} == {"p1", "p2"}
    told = json.loads((folder_of(court, copy) / "bag/meta/copia.json").read_text())["velado"]
    assert (told["modo"], told["detector"]["motor"], told["elegidas"]) == ("cabeza", "shirts", [])


def test_strict_covers_the_whole_of_everybody(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED, is_strict=True)
    court.copier.look()
    shown, _ = made(court, copy)
    for number in range(0, ALL, 7):
        for walker in (PASSER, STANDER):
            assert veiled(shown[number], walker, number, until=1.0) > 0.9, number


def test_law_9_whoever_was_chosen_by_a_mark_is_shown_and_nobody_else(court: Court) -> None:
    first = order(court, CopyKind.REDACTED)
    court.copier.look()
    _, rows = made(court, first)
    passer = next(
        row["pista"] for row in rows if row["motivo"] == "persona" and row["caja_milesimas"][0] < 500
    )
    chosen = order(court, CopyKind.REDACTED, keep=(f"{CLIP}/{passer}",), after=1)
    court.copier.look()
    shown, rows = made(court, chosen)
    for number, picture in enumerate(shown):
        assert veiled(picture, PASSER, number) < 0.5, number
        assert veiled(picture, STANDER, number) > 0.7, number
    assert table(rows, "elegida") == [(passer, 0, ALL)]
    told = json.loads((folder_of(court, chosen) / "bag/meta/copia.json").read_text())["velado"]
    assert (told["elegidas"], told["elegidas_en_copia"]) == ([f"{CLIP}/{passer}"], 1)


def test_nobody_is_shown_under_a_mark_that_no_table_has_or_that_is_somebody_else_now(court: Court) -> None:
    order(court, CopyKind.REDACTED)
    court.copier.look()
    unknown = order(court, CopyKind.REDACTED, keep=(f"{CLIP}/p9",), after=1)
    court.copier.look()
    assert (progress(court, unknown).state, progress(court, unknown).code) == (
        Making.STOPPED,
        "copy.no_such_mark",
    )
    chosen = order(court, CopyKind.REDACTED, keep=(f"{CLIP}/p1",), after=1)
    copier(court, lambda number: [no_detections()] if number < 20 else None).look()
    assert (progress(court, chosen).state, progress(court, chosen).code) == (
        Making.STOPPED,
        "copy.other_persons",
    )
    assert [each.digest != "" for each in court.request.copies] == [True, False]


def _dies(_number: int) -> Any:
    raise RuntimeError("the engine is gone")


@pytest.mark.parametrize(
    "answer",
    [_dies, lambda _: [], lambda _: [no_detections(), no_detections()]],
    ids=["it dies for a while", "it answers nothing", "it answers for another number of pictures"],
)
def test_law_9_a_picture_without_a_result_is_covered_whole(
    court: Court, answer: Callable[[int], Any]
) -> None:
    copy = order(court, CopyKind.REDACTED)
    copier(court, lambda number: answer(number) if 15 <= number < 20 else None).look()
    shown, rows = made(court, copy)
    assert table(rows, "sin_deteccion") == [(None, 15, 20)]
    assert table(rows, "mirado") == [(None, 0, 15), (None, 20, ALL)]
    for number, picture in enumerate(shown):
        share = float((np.abs(picture.astype(int) - BLOCK) <= NEAR).mean())
        assert share > 0.99 if 15 <= number < 20 else share < 0.6, number


def test_law_9_where_somebody_was_and_is_not_seen_stays_covered(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED)
    copier(court, lambda number: [no_detections()] if 15 <= number < 20 else None).look()
    shown, rows = made(court, copy)
    for number in range(15, 20):
        for walker in (PASSER, STANDER):
            assert veiled(shown[number], walker, number) > 0.6, number
    assert {each[1:] for each in table(rows, "prevista")} == {(15, 20)}


def test_who_is_seen_late_is_covered_from_before(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED)
    copier(court, lambda number: [no_detections()] if number < 8 else None).look()
    shown, rows = made(court, copy)
    for number in range(8):
        assert veiled(shown[number], STANDER, number) > 0.7, number
    assert {each[1:] for each in table(rows, "anticipada")} == {(0, 8)}


def test_law_9_a_detector_that_is_gone_for_good_delivers_nothing(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED)
    copier(court, lambda number: _dies(number) if number >= 15 else None).look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.WAITING, "copy.detector_away")
    assert court.request.copies[0].digest == ""
    assert not court.shelf.archive(told.name).exists()
    court.copier.look()
    _, rows = made(court, copy)
    assert table(rows, "sin_deteccion") == []


def test_law_9_a_copy_with_a_picture_that_nobody_judged_is_not_sealed(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_more(source: Path, target: Path, script: Script) -> Recoded:
        found = recode(source, target, script)
        return msgspec.structs.replace(found, frames=found.frames + 1)

    monkeypatch.setattr(derived, "recode", one_more)
    copy = order(court, CopyKind.REDACTED)
    court.copier.look()
    assert (progress(court, copy).state, progress(court, copy).code) == (Making.STOPPED, "copy.unjudged")
    assert court.request.copies[0].digest == ""


def test_without_a_model_it_waits_with_a_cure(court: Court, tmp_path: Path) -> None:
    path = tmp_path / "detector.toml"
    path.write_text('[detector]\nengine = "none"\n')
    copy = order(court, CopyKind.REDACTED)
    Copier(msgspec.structs.replace(court.shop, finder=lambda: open_person_sight(path))).look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.WAITING, "vision.no_persons")
    assert "person" in told.cure
    assert list(court.shelf.out.glob(".*.copiando/*.mp4")) == []


def test_the_real_network_covers_both_heads(court: Court, test_data: Path, tmp_path: Path) -> None:
    found = sorted(path.parent for path in (test_data / "models").glob("*openvino_model/*.xml"))
    if not found:
        pytest.skip("no OpenVINO model in the test data")
    path = tmp_path / "detector.toml"
    path.write_text(
        f'[detector]\nengine = "openvino"\nmodel_dir = "{found[0]}"\nmodel_sha256 = "{folder_sha256(found[0])}"\n'
    )
    copy = order(court, CopyKind.REDACTED)
    Copier(msgspec.structs.replace(court.shop, finder=lambda: open_person_sight(path))).look()
    shown, rows = made(court, copy)
    covered = [
        veiled(picture, walker, number) > 0.6
        for number, picture in enumerate(shown)
        for walker in (PASSER, STANDER)
    ]
    assert sum(covered) / len(covered) > 0.95
    told = json.loads((folder_of(court, copy) / "bag/meta/copia.json").read_text())["velado"]["detector"]
    assert (told["motor"], told["modelo_sha256"]) == ("openvino", folder_sha256(found[0]))
    assert table(rows, "mirado") == [(None, 0, ALL)]


def test_a_table_that_was_touched_is_named(court: Court, capsys: pytest.CaptureFixture[str]) -> None:
    copy = order(court, CopyKind.REDACTED)
    court.copier.look()
    folder = folder_of(court, copy)
    path = folder / "bag/meta/velos.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"mirado"', b'"visto"'))
    assert verify([str(folder), "--json"]) == 1
    codes = {each["code"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert {"tag.changed", "copy.unveiled"} <= codes


def test_a_model_that_was_changed_is_refused(court: Court, tmp_path: Path) -> None:
    path = tmp_path / "detector.toml"
    (tmp_path / "red").mkdir()
    path.write_text(f'[detector]\nengine = "openvino"\nmodel_dir = "red"\nmodel_sha256 = "{"0" * 64}"\n')
    copy = order(court, CopyKind.REDACTED)
    Copier(msgspec.structs.replace(court.shop, finder=lambda: open_person_sight(path))).look()
    assert (progress(court, copy).state, progress(court, copy).code) == (
        Making.STOPPED,
        "vision.model_changed",
    )
