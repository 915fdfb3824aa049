"""Which city a centre serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_city.city_of_centre import city_texts, load_city
from cior_core.errors import ConfigInvalid

SQUARE = [[-60.7, -33.0], [-60.6, -33.0], [-60.6, -32.9], [-60.7, -32.9], [-60.7, -33.0]]


def feature(shape: str, coordinates: object, **properties: str) -> dict[str, object]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": shape, "coordinates": coordinates},
    }


def written(folder: Path, name: str, *features: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    collection = {"type": "FeatureCollection", "features": features}
    (folder / f"{name}.geojson").write_text(json.dumps(collection), encoding="utf-8")


def centre_file(folder: Path, city: str) -> Path:
    path = folder / "centre.toml"
    path.write_text(f'[centre]\nname = "Ensayo"\ncity = "{city}"\n')
    return path


def test_a_named_folder_is_the_city(tmp_path: Path) -> None:
    written(tmp_path / "own", "districts", feature("Polygon", [SQUARE], id="own-1", name="Propio"))
    school = feature("Point", [-60.65, -32.95], id="s1", kind="school", name="Escuela")
    written(tmp_path / "own", "schools", school)
    centre = load(centre_file(tmp_path, "own"))
    city = load_city(centre)
    assert city.district(-32.95, -60.65) == "own-1"
    assert [near.facility.id for near in city.nearest(-32.95, -60.65)] == ["s1"]
    assert "own-1" in city_texts(centre)["districts"]


def test_no_folder_is_the_demonstration_city(tmp_path: Path) -> None:
    assert load_city(load(centre_file(tmp_path, ""))).district(-32.95, -60.65) == "centro"


def test_a_folder_without_districts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigInvalid, match=r"city\.no_districts"):
        city_texts(load(centre_file(tmp_path, "empty")))
