"""The pinned sets: hashes on everything, no address of any index, the runtime inside the development set, no torch."""

from __future__ import annotations

import re

import pytest

from engines.source_tree import ROOT

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
SETS = ("runtime", "dev")


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def pins(name: str) -> set[tuple[str, str]]:
    return {(match["name"], match["version"]) for match in PIN.finditer(text(name))}


@pytest.mark.parametrize("name", SETS)
def test_every_pin_has_hashes_and_no_address_is_written(name: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text(name))
    assert not [
        block.splitlines()[0] for block in blocks if PIN.match(block) and "--hash=sha256:" not in block
    ]
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text(name))


def test_runtime_is_inside_dev_with_the_same_versions() -> None:
    assert len(pins("runtime")) > 30
    assert not pins("runtime") - pins("dev")


@pytest.mark.parametrize("name", SETS)
def test_no_set_pulls_torch_or_two_opencvs(name: str) -> None:
    names = {pin[0].lower() for pin in pins(name)}
    assert not names & {
        "torch",
        "torchvision",
        "ultralytics",
        "ultralytics-opencv-headless",
        "opencv-python",
        "opencv-contrib-python",
    }
    assert not {one for one in names if one.startswith("nvidia")}
