"""The detector of docker-compose.yml: who sees the model's folder, and that the example's own lines, with the digest of
the folder that is there, are what the worker and the redacted copies load. A container is not started.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from cior_bus.centre import load
from cior_city.city_of_centre import load_cameras, load_city
from cior_core.errors import IntegrityBroken
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.registry import plugin
from cior_vision.settings import AnyVisionSettings, load_settings
from engines.source_tree import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
CENTRE = ROOT / "deploy" / "compose" / "centre"
INSIDE = "/srv/model"


@pytest.fixture
def model(test_data: Path) -> Path:
    found = sorted(path.parent for path in (test_data / "models").glob("*openvino_model/*.xml"))
    if not found:
        pytest.skip("no OpenVINO model in the test data")
    return found[0]


def filled_in(folder: Path, model: Path, sha256: str) -> AnyVisionSettings:
    """The example, with its model's lines in the place of the one that has none; the container's folder is here."""
    shutil.copytree(CENTRE, folder)
    text = (folder / "vision.toml").read_text(encoding="utf-8")
    text = re.sub(r'^engine = "none".*\n', "", text, flags=re.MULTILINE)
    text = re.sub(r"^# (engine|model_dir|model_sha256) = ", r"\1 = ", text, flags=re.MULTILINE)
    text = text.replace('model_sha256 = ""', f'model_sha256 = "{sha256}"')
    assert text.count(f'"{INSIDE}"') == 1
    (folder / "vision.toml").write_text(text.replace(INSIDE, str(model)), encoding="utf-8")
    centre = load(folder / "centre.toml")
    return load_settings(folder / "vision.toml", load_cameras(centre, load_city(centre)))


def test_only_who_looks_at_pictures_has_the_models_folder_and_nobody_writes_to_it() -> None:
    mounts = {
        name: [each for each in service.get("volumes", ()) if f":{INSIDE}" in each]
        for name, service in COMPOSE["services"].items()
    }
    found = {name: each for name, each in mounts.items() if each}
    assert found == {
        each: ["${CIOR_MODEL_FOLDER:-./model}:/srv/model:ro"] for each in ("cameras", "evidence")
    }
    text = (CENTRE / "centre.toml").read_text(encoding="utf-8")
    assert re.search(r'^# detector = "vision.toml"', text, re.MULTILINE)


def test_the_examples_lines_load_the_model_that_was_approved_and_no_other(
    tmp_path: Path, model: Path
) -> None:
    settings = filled_in(tmp_path / "etc", model, folder_sha256(model))
    detector = plugin(settings.detector.engine).load(settings.detector)
    detector.close()
    assert detector.facts.sees_classes
    assert detector.facts.model_sha256 == folder_sha256(model)
    other = filled_in(tmp_path / "other", model, "0" * 64)
    with pytest.raises(IntegrityBroken, match=r"vision\.model_changed"):
        plugin(other.detector.engine).load(other.detector)
