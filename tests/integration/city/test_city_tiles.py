"""Map tiles in a city pack: taken whole, refused damaged, and what the map of a centre says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_bus.centre import load
from cior_city.city_of_centre import city_map, city_texts, city_tiles, load_city
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_core.model import Place, PlaceMethod
from doubles.map_tiles import made, water
from unit.city.cities import EAST, LAT, LON, WEST, area, put, square

BOUNDS = (LAT - 0.1, LON - 0.1, LAT + 0.1, LON + 0.1)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["city", *arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    path = tmp_path / "provincia.pmtiles"
    path.write_bytes(made({(9, 158, 305): water()}, bounds=BOUNDS))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "ciudad", "distritos.geojson", WEST, EAST)
    put(tmp_path / "ciudad", "barrios.geojson", area("Trapiche", square(0.2, 0.2, 0.5)))
    return tmp_path / "ciudad"


@pytest.fixture
def centre(tmp_path: Path, folder: Path, tiles: Path) -> Centre:
    run("import", str(folder), "-o", str(tmp_path / "pack"), "--tiles", str(tiles))
    path = tmp_path / "centre.toml"
    path.write_text('[centre]\nname = "Ensayo"\ncity = "pack"\n', encoding="utf-8")
    return load(path)


def test_a_pack_carries_them_with_their_digest_and_a_changed_file_is_told(
    tmp_path: Path, centre: Centre, folder: Path, tiles: Path
) -> None:
    packed = tmp_path / "pack" / "tiles.pmtiles"
    assert packed.read_bytes() == tiles.read_bytes()
    told = json.loads((tmp_path / "pack" / "pack.json").read_text(encoding="utf-8"))["tiles"]
    assert (told["file"], told["header"]["kind"]) == ("provincia.pmtiles", "mvt")
    assert "ok" in run("check", str(tmp_path / "pack"))
    packed.write_bytes(packed.read_bytes()[:-1] + b"x")
    assert "tiles.pmtiles" in run("check", str(tmp_path / "pack"), code=2)
    run("import", str(folder), "-o", str(tmp_path / "pack"))
    assert not packed.exists(), "imported again without tiles: those of before do not stay"


def test_damaged_ones_and_those_of_another_place_make_no_pack(
    tmp_path: Path, folder: Path, tiles: Path
) -> None:
    whole = tiles.read_bytes()
    tiles.write_bytes(whole[:200])
    asked = ("import", str(folder), "-o", str(tmp_path / "none"), "--tiles", str(tiles))
    assert "city.tiles_damaged" in run(*asked, code=2)
    tiles.write_bytes(made({(9, 158, 305): water()}))
    assert "city.tiles_elsewhere" in run(*asked, code=2)
    assert not (tmp_path / "none").exists()


def test_the_map_says_what_they_are_and_without_them_or_damaged_it_has_its_own_streets(
    tmp_path: Path, centre: Centre
) -> None:
    found = city_tiles(centre)
    assert found is not None
    assert json.loads(city_map(city_texts(centre), found))["tiles"]["max_zoom"] == 9
    packed = tmp_path / "pack" / "tiles.pmtiles"
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(ConfigInvalid, match=r"city\.tiles_damaged"):
        city_tiles(centre)
    shown = json.loads(city_map(city_texts(centre), is_damaged=True))
    assert shown["tiles_damaged"]
    assert "tiles" not in shown
    packed.unlink()
    assert city_tiles(centre) is None


def test_neighbourhoods_are_on_the_map_and_name_the_places_of_signals(centre: Centre) -> None:
    kinds = [each["properties"].get("kind") for each in json.loads(city_map(city_texts(centre)))["features"]]
    assert kinds.count("neighbourhood") == 1
    town = load_city(centre)
    inside = Place(method=PlaceMethod.GPS, lat=LAT + 0.004, lon=LON + 0.004)
    assert town.placed(inside).text == "Trapiche"
    assert town.placed(Place(method=PlaceMethod.GPS, lat=LAT + 0.009, lon=LON + 0.009)).text is None
    told = Place(method=PlaceMethod.CALLER, lat=LAT + 0.004, lon=LON + 0.004, text="Balcarce y Mitre")
    assert town.placed(told).text == "Balcarce y Mitre", "what somebody told is the better text"
