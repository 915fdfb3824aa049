"""Persons for veils: a picture that the engine has no result for has none, whatever the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cior_core.errors import ConfigInvalid
from cior_vision.detectors.contract import EngineFacts
from cior_vision.detectors.motion_only import MotionOnly
from cior_vision.frames import Detections, Image, no_detections
from cior_vision.person_sight import PersonSight, open_person_sight
from cior_vision.settings import load_detector_settings

PICTURE: Image = np.zeros((36, 64, 3), np.uint8)


class Engine:
    """Says what the test says; a dog is class 0, a person class 1."""

    facts = EngineFacts(engine="told", labels=("dog", "person"), model_sha256="ab" * 32)

    def __init__(self, says: Callable[[], Any]) -> None:
        self._says = says

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        assert len(frames) == 1
        answer: list[Detections] = self._says()
        return answer

    def close(self) -> None:
        pass


def found(*rows: tuple[float, int]) -> Detections:
    """Boxes by score and class."""
    return Detections(
        boxes=np.tile(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32), (len(rows), 1)),
        scores=np.array([score for score, _ in rows], np.float32),
        classes=np.array([label for _, label in rows], np.int64),
    )


def test_it_tells_of_persons_and_of_nothing_else() -> None:
    sight = PersonSight(Engine(lambda: [found((0.9, 1), (0.8, 0), (0.12, 1), (0.05, 1))]))
    seen = sight.look(PICTURE)
    assert seen is not None
    assert [round(each[4], 2) for each in seen] == [0.9, 0.12]
    assert seen[0][:4] == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert sight.facts["modelo_sha256"] == "ab" * 32
    assert PersonSight(Engine(lambda: [no_detections()])).look(PICTURE) == ()


def _raises(error: Exception) -> Callable[[], Any]:
    def fails() -> Any:
        raise error

    return fails


@pytest.mark.parametrize(
    "says",
    [
        _raises(RuntimeError("the engine is gone")),
        _raises(ConfigInvalid("vision.model_shape", "x")),
        _raises(cv2.error("x")),
        _raises(OSError(5, "x")),
        list,
        lambda: [found((0.9, 1)), found((0.9, 1))],
        lambda: [None],
    ],
    ids=["dead", "refused", "opencv", "disk", "no answer", "two answers", "an answer that is none"],
)
def test_a_picture_without_a_result_has_none(says: Callable[[], Any]) -> None:
    assert PersonSight(Engine(says)).look(PICTURE) is None


def test_an_engine_that_knows_no_persons_is_refused() -> None:
    with pytest.raises(ConfigInvalid) as refused:
        PersonSight(MotionOnly())
    assert refused.value.code == "vision.no_persons"
    assert "person" in refused.value.cure


def test_a_workers_file_or_one_of_its_own_names_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "vision.toml"
    digest = "ab" * 32
    path.write_text(
        f'[detector]\nengine = "openvino"\nmodel_dir = "red"\nmodel_sha256 = "{digest}"\n[[camera]]\nid = "x"\n'
    )
    settings: Any = load_detector_settings(path)
    assert (settings.engine, settings.model_dir) == ("openvino", str(tmp_path / "red"))
    path.write_text('[detector]\nengine = "none"\n')
    with pytest.raises(ConfigInvalid) as refused:
        open_person_sight(path)
    assert refused.value.code == "vision.no_persons"
    with pytest.raises(ConfigInvalid) as refused:
        open_person_sight(tmp_path / "nothing.toml")
    assert refused.value.code == "config.unreadable"
