"""What the console covers of a camera: of every vision worker's file, and unknown where one is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_console.footage_masks import masked
from cior_console.ring_files import Rings
from cior_core.errors import ConfigInvalid

FILE = """\
[detector]
engine = "none"
[[camera]]
id = "plaza"
[[mask]]
id = "m"
camera = "plaza"
polygon = [[0, 0], [0.5, 0], [0.5, 0.5]]
"""
CORNER = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))


def centre(folder: Path) -> Path:
    path = folder / "centro.toml"
    path.write_text(
        '[centre]\nname = "Ensayo"\n[[vision]]\nfile = "a.toml"\n[[vision]]\nfile = "b.toml"\n',
        encoding="utf-8",
    )
    return path


def test_the_masks_of_all_workers_files_are_covered(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(FILE, encoding="utf-8")
    (tmp_path / "b.toml").write_text(FILE.replace("0.5", "0.25"), encoding="utf-8")
    rings = Rings(masks=lambda: masked(load(centre(tmp_path))))
    assert rings.masks("plaza") == (CORNER, ((0.0, 0.0), (0.25, 0.0), (0.25, 0.25)))
    assert rings.masks("paso") == ()


def test_where_a_file_is_elsewhere_or_wrong_nothing_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(FILE, encoding="utf-8")
    path = centre(tmp_path)
    with pytest.raises(ConfigInvalid):
        masked(load(path))
    assert Rings(masks=lambda: masked(load(path))).masks("plaza") is None
    (tmp_path / "b.toml").write_text(FILE.replace("polygon", "polygons"), encoding="utf-8")
    assert Rings(masks=lambda: masked(load(path))).masks("plaza") is None
