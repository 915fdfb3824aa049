"""Every way in which a city's files can be wrong: what is said of each, where, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from cior_city.finding import Findings, Severity
from cior_city.letters import mended, visible
from cior_city.mapping import CitySection, LayerRow
from cior_core.geo import City
from unit.city.cities import (
    EAST,
    LAT,
    LON,
    WEST,
    area,
    city,
    codes,
    feature,
    features,
    found,
    imported,
    point,
    put,
    square,
    write,
)


def test_a_right_city_has_nothing_to_say_of_itself_and_its_pack_is_a_city(tmp_path: Path) -> None:
    done = imported(city(tmp_path / "c", point("Escuela 1", 0.5, 0.5)))
    assert codes(done) == set()
    town = City.load(
        districts=done.files[next(k for k in done.files if k.value == "districts")].decode(),
        facilities=done.files[next(k for k in done.files if k.value == "facilities")].decode(),
    )
    assert [each.id for each in town.districts] == ["las-tortugas", "villa-oeste"]
    assert town.district(LAT + 0.005, LON + 0.015) == "las-tortugas"
    [school] = town.facilities
    assert (school.id, school.kind, school.name, school.district) == (
        "school-escuela-1", "school", "Escuela 1", "villa-oeste",
    )  # fmt: skip


# --- what lies where --------------------------------------------------------------------------------------------


def test_a_hole_between_districts_is_told_with_its_place_its_size_and_its_neighbours(tmp_path: Path) -> None:
    around = area("Alrededor", square(0, 0, 3), square(1, 1))
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", around, area("Otro", square(3, 0, 3)))
    [gap] = found(imported(folder), "coverage.gap")
    assert gap.at == pytest.approx((LAT + 0.015, LON + 0.015), abs=0.003)
    assert 1_000_000 < gap.arguments["area_m2"] < 1_100_000
    assert gap.arguments["beside"] == "Alrededor"


def test_an_overlap_is_told_with_both_and_who_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", WEST, area("Las Tortugas", square(0.9, 0)))
    done = imported(folder)
    [overlap] = found(done, "coverage.overlap")
    assert {overlap.arguments["one"], overlap.arguments["other"]} == {"Villa Oeste", "Las Tortugas"}
    assert overlap.arguments["area_m2"] == pytest.approx(104_000, rel=0.02)
    assert done.manifest is not None


def test_borders_drawn_twice_are_counted_and_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", WEST, area("Las Tortugas", square(0.9998, 0)))
    assert codes(imported(folder)) == {"coverage.slivers"}


def test_points_outside_are_kept_and_told_far_ones_and_those_at_zero_are_left_out(tmp_path: Path) -> None:
    outside, far = point("Afuera", 5, 5), point("Lejos", 300, 0)
    nowhere = feature({"type": "Point", "coordinates": [0.0, 0.0]}, name="Nada")
    done = imported(city(tmp_path / "c", point("Adentro", 0.5, 0.5), outside, far, nowhere))
    assert codes(done) == {"place.outside", "place.far", "place.null"}
    assert found(done, "place.outside")[0].arguments == {"count": 1, "examples": "Afuera"}
    assert found(done, "place.far")[0].feature == "n.º 3 «Lejos»"
    assert [each["properties"]["name"] for each in features(done, "facilities")] == ["Adentro", "Afuera"]
    assert done.manifest is not None
    schools = next(layer for layer in done.manifest.layers if layer.kind.value == "facilities").origins[0]
    assert (schools.read, schools.kept, schools.dropped) == (4, 2, {"place.far": 1, "place.null": 1})


def test_a_street_with_one_corner_at_zero_among_many_is_left_out(tmp_path: Path) -> None:
    corners = [[LON + n / 10_000, LAT] for n in range(150)]
    straight = feature({"type": "LineString", "coordinates": corners}, name="Derecha")
    torn = feature({"type": "LineString", "coordinates": [*corners, [0.0, 0.0]]}, name="Rota")
    done = imported(city(tmp_path / "c", straight, torn, layer="calles.geojson"))
    assert [each.feature for each in found(done, "place.null")] == ["n.º 2 «Rota»"]
    assert [each["properties"]["name"] for each in features(done, "streets")] == ["Derecha"]


def test_one_swapped_point_and_a_swapped_file_are_put_right_and_said(tmp_path: Path) -> None:
    one = feature({"type": "Point", "coordinates": [LAT + 0.005, LON + 0.005]}, name="Cambiada")
    done = imported(city(tmp_path / "one", point("Bien", 0.5, 0.5), point("Bien 2", 0.6, 0.5), one))
    assert codes(done) == {"place.swapped"}
    places = {
        each["properties"]["name"]: each["geometry"]["coordinates"] for each in features(done, "facilities")
    }
    assert places["Cambiada"] == pytest.approx([LON + 0.005, LAT + 0.005])
    turned = [
        feature({"type": "Point", "coordinates": [LAT + n / 1000, LON + n / 1000]}, name=f"E{n}")
        for n in range(4)
    ]
    put(tmp_path / "all", "barrios.geojson", area("A", square(0, 0)))
    done = imported(city(tmp_path / "all", *turned))
    assert "place.swapped_layer" in codes(done)
    assert features(done, "facilities")[0]["geometry"]["coordinates"] == pytest.approx([LON, LAT])


def test_the_first_file_may_be_the_swapped_one_when_the_others_agree(tmp_path: Path) -> None:
    turned = area("Único", [[y, x] for x, y in square(0, 0)])
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", turned)
    put(folder, "escuelas.geojson", point("E", 0.5, 0.5))
    put(folder, "hospital.geojson", point("H", 0.4, 0.5))
    done = imported(folder)
    assert found(done, "place.swapped_layer")[0].file == "distritos.geojson"
    assert done.manifest is not None
    assert done.manifest.bounds[0] == pytest.approx(LAT)


def test_a_city_on_both_sides_of_the_180th_meridian_is_refused(tmp_path: Path) -> None:
    def strip(west: float) -> list[list[float]]:
        return [[west, -16.8], [west + 0.1, -16.8], [west + 0.1, -16.7], [west, -16.7], [west, -16.8]]

    put(tmp_path / "c", "districts.geojson", area("Este", strip(-180.0)), area("Oeste", strip(179.9)))
    done = imported(tmp_path / "c")
    assert "place.antimeridian" in codes(done)
    assert done.manifest is None


# --- coordinate systems -----------------------------------------------------------------------------------------

GAUSS = "EPSG:22182"
METRES = shapely.box(2_515_000, 6_356_000, 2_516_000, 6_357_000)
"""A kilometre of Mendoza in Gauss-Krüger, belt 2."""


def test_a_shapefile_in_gauss_krueger_becomes_degrees(tmp_path: Path) -> None:
    write(tmp_path / "c" / "distritos.shp", [METRES], ["Único"], crs=GAUSS, driver="ESRI Shapefile")
    done = imported(tmp_path / "c")
    assert codes(done) == set()
    assert done.manifest is not None
    assert done.manifest.bounds == pytest.approx((-32.9387, -68.8397, -32.9297, -68.8289), abs=0.0003)
    assert done.manifest.layers[0].origins[0].crs == GAUSS


def test_without_its_system_a_layer_in_metres_is_an_error_that_names_those_that_fit(tmp_path: Path) -> None:
    folder = city(tmp_path / "c")
    write(folder / "barrios.shp", [METRES], ["Uno"], crs=None, driver="ESRI Shapefile")
    done = imported(folder)
    [unknown] = found(done, "crs.unknown")
    assert GAUSS in unknown.arguments["fits"]
    assert done.manifest is None, "nobody decided yet"
    told = imported(folder, layer=(LayerRow(file="barrios.shp", crs=GAUSS),))
    assert codes(told) == set()
    assert features(told, "neighbourhoods")[0]["properties"]["name"] == "Uno"


def test_metres_in_a_file_that_says_degrees_are_an_error_and_degrees_that_say_metres_are_taken(
    tmp_path: Path,
) -> None:
    folder = city(tmp_path / "c")
    metres = [
        [2_515_000.0, 6_356_000.0],
        [2_516_000.0, 6_356_000.0],
        [2_516_000.0, 6_357_000.0],
        [2_515_000.0, 6_356_000.0],
    ]
    put(folder, "barrios.geojson", area("Uno", metres))
    done = imported(folder)
    assert GAUSS in found(done, "crs.wrong")[0].arguments["fits"]
    degrees = city(tmp_path / "d")
    put(degrees, "barrios.geojson", area("Uno", square(0, 0)), crs="urn:ogc:def:crs:EPSG::22182")
    done = imported(degrees)
    assert codes(done) == {"crs.degrees"}
    assert done.manifest is not None


def test_another_citys_file_is_an_error(tmp_path: Path) -> None:
    folder = city(tmp_path / "c", point("E", 0.5, 0.5))
    rosario = [[-60.7, -32.9], [-60.6, -32.9], [-60.6, -32.8], [-60.7, -32.9]]
    put(folder, "barrios.geojson", area("Rosario", rosario))
    [far] = found(imported(folder), "crs.far")
    assert 700 < far.arguments["distance_km"] < 800


# --- geometry ---------------------------------------------------------------------------------------------------


def test_empty_and_absent_geometries_and_wrong_kinds_are_left_out_one_by_one(tmp_path: Path) -> None:
    empty = feature({"type": "Point", "coordinates": []}, name="Vacía")
    line = feature({"type": "LineString", "coordinates": square(0, 0)[:2]}, name="Línea")
    done = imported(city(tmp_path / "c", point("Bien", 0.5, 0.5), feature(None, name="Nada"), empty, line))
    assert codes(done) == {"geometry.empty", "geometry.kind", "file.said"}
    assert [each.feature for each in found(done, "geometry.empty")] == ["n.º 2 «Nada»", "n.º 3 «Vacía»"]
    assert len(features(done, "facilities")) == 1


def test_an_area_given_for_a_point_gives_one_inside_it(tmp_path: Path) -> None:
    done = imported(city(tmp_path / "c", area("Predio", square(0.2, 0.2, 0.2))))
    assert codes(done) == {"geometry.point"}
    assert features(done, "facilities")[0]["geometry"]["coordinates"] == pytest.approx(
        [LON + 0.003, LAT + 0.003]
    )


def test_a_bow_tie_is_mended_with_why_where_and_how_much(tmp_path: Path) -> None:
    ring = square(0, 0)
    tie = [ring[0], ring[2], ring[1], ring[3], ring[0]]
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", area("Moño", tie), EAST)
    done = imported(folder)
    [mended_one] = found(done, "geometry.invalid")
    assert "Self-intersection" in mended_one.arguments["why"]
    assert mended_one.at == pytest.approx((LAT, LON))
    assert features(done, "districts")[1]["geometry"]["type"] == "MultiPolygon"


def test_a_ring_without_area_is_hopeless(tmp_path: Path) -> None:
    flat = [[LON, LAT], [LON + 0.01, LAT], [LON, LAT], [LON, LAT]]
    folder = city(tmp_path / "c")
    put(folder, "barrios.geojson", area("Raya", flat), area("Bien", square(0, 0, 0.5)))
    done = imported(folder)
    assert codes(done) == {"geometry.hopeless"}
    assert len(features(done, "neighbourhoods")) == 1


def test_holes_and_parts_of_a_district_stay_holes_and_parts(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    put(folder, "distritos.geojson", area("Marco", square(0, 0, 3), square(1, 1)), area("Isla", square(1, 1)))
    done = imported(folder)
    assert codes(done) == set()
    town = City.load(districts=next(iter(done.files.values())).decode())
    assert town.district(LAT + 0.015, LON + 0.015) == "isla"
    assert town.district(LAT + 0.005, LON + 0.005) == "marco"


# --- ids and names ----------------------------------------------------------------------------------------------


def test_parts_with_one_id_and_name_are_one_district_and_a_stranger_gets_its_own_id(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    put(
        folder,
        "distritos.geojson",
        area("Uno", square(0, 0), id="1"),
        area("Uno", square(2, 0), id="1"),
        area("Dos", square(1, 0), id="1"),
    )
    done = imported(folder)
    assert codes(done) == {"ids.twice"}, "the names differ: nothing says that they are parts of one"
    assert sorted(each["properties"]["id"] for each in features(done, "districts")) == ["1", "1-2", "1-3"]
    put(folder, "distritos.geojson", area("Uno", square(0, 0), id="1"), area("Uno", square(2, 0), id="1"))
    done = imported(folder)
    assert codes(done) == {"ids.joined", "coverage.parts"}
    assert features(done, "districts")[0]["geometry"]["type"] == "MultiPolygon"


def test_a_copy_is_left_out_and_two_schools_of_one_name_are_two(tmp_path: Path) -> None:
    one = point("San Martín", 0.5, 0.5)
    done = imported(city(tmp_path / "c", one, one, point("San Martín", 1.5, 0.5)))
    assert codes(done) == {"ids.copy"}
    assert [each["properties"]["id"] for each in features(done, "facilities")] == [
        "school-san-martin",
        "school-san-martin-2",
    ]


def test_what_has_no_name_is_called_something_and_counted(tmp_path: Path) -> None:
    done = imported(city(tmp_path / "c", point("", 0.5, 0.5), point("", 0.6, 0.5)))
    assert found(done, "name.missing")[0].arguments == {"count": 2, "example": "facilities-1"}


# --- letters ----------------------------------------------------------------------------------------------------


def test_latin_1_in_a_file_that_must_be_utf_8_is_read_and_said(tmp_path: Path) -> None:
    folder = city(tmp_path / "c", point("Niño Jesús", 0.5, 0.5))
    path = folder / "escuelas.geojson"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    done = imported(folder)
    assert codes(done) == {"letters.encoding"}
    assert features(done, "facilities")[0]["properties"]["name"] == "Niño Jesús"


def test_double_utf_8_is_mended_and_lost_letters_are_told(tmp_path: Path) -> None:
    twice = "Peñaflor – Ñandú €".encode().decode("cp1252")
    done = imported(city(tmp_path / "c", point(twice, 0.5, 0.5), point("Nu?ez", 0.6, 0.5)))
    assert codes(done) == {"letters.mended", "letters.lost"}
    assert {each["properties"]["name"] for each in features(done, "facilities")} == {
        "Peñaflor – Ñandú €",
        "Nu?ez",
    }


@pytest.mark.parametrize("name", ["Ángel Ã", "São João", "Âncora", "Peña", "Niño €", "½ legua", "Â"])
def test_what_is_right_is_not_mended(name: str) -> None:
    assert mended(name) == name
    assert mended(name.encode().decode("latin-1")) == name


def test_invisible_characters_and_directions_go_and_accents_are_one_letter() -> None:
    assert visible("Bar\u200brio\u202e N\u0303andu\u0301\x00 \n 3") == "Barrio Ñandú 3"


def test_a_dbf_in_latin_1_without_its_cpg_keeps_its_letters(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    box = shapely.box(LON, LAT, LON + 0.01, LAT + 0.01)
    write(
        folder / "distritos.shp",
        [box],
        ["Ñuñoa"],
        crs="EPSG:4326",
        driver="ESRI Shapefile",
        encoding="ISO-8859-1",
    )
    (folder / "distritos.cpg").unlink()
    assert features(imported(folder), "districts")[0]["properties"]["name"] == "Ñuñoa"


# --- files ------------------------------------------------------------------------------------------------------


def test_a_shapefile_without_its_companion_and_a_broken_file_are_errors_with_their_names(
    tmp_path: Path,
) -> None:
    folder = city(tmp_path / "c")
    write(
        folder / "barrios.shp",
        [shapely.box(LON, LAT, LON + 1, LAT + 1)],
        ["B"],
        crs="EPSG:4326",
        driver="ESRI Shapefile",
    )
    (folder / "barrios.dbf").unlink()
    (folder / "escuelas.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type', encoding="utf-8"
    )
    (folder / "hospital.gpkg").write_bytes(b"not a database")
    (folder / "calles.xlsx").write_bytes(b"PK")
    done = imported(folder)
    assert codes(done) == {"file.companion", "file.unreadable", "file.format"}
    assert found(done, "file.companion")[0].arguments == {"missing": "barrios.dbf"}
    assert {each.file for each in found(done, "file.unreadable")} == {"escuelas.geojson", "hospital.gpkg"}
    assert str(tmp_path) not in json.dumps([each.arguments for each in done.findings], default=str)
    assert done.manifest is None


def test_a_gml_with_a_doctype_is_not_opened(tmp_path: Path) -> None:
    folder = city(tmp_path / "c")
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    (folder / "barrios.gml").write_text(bomb, encoding="utf-8")
    assert codes(imported(folder)) == {"file.doctype"}


def test_a_file_that_nobody_recognises_is_told_and_a_mapping_takes_it_or_leaves_it(tmp_path: Path) -> None:
    folder = city(tmp_path / "c", point("X", 0.5, 0.5), layer="capa_7.geojson")
    assert codes(imported(folder)) == {"file.unknown"}
    taken = imported(folder, layer=(LayerRow(file="capa_7.geojson", taken_as="facilities", kind="health"),))
    assert features(taken, "facilities")[0]["properties"] == {"id": "health-x", "name": "X", "kind": "health"}
    assert codes(imported(folder, layer=(LayerRow(file="capa_7.geojson", taken_as="ignore"),))) == set()


def test_a_mapping_of_what_is_not_there_is_an_error_that_says_what_there_is(tmp_path: Path) -> None:
    folder = city(tmp_path / "c", point("X", 0.5, 0.5))
    rows = (LayerRow(file="escuelas.geojson", fields={"name": "NOMBRE"}), LayerRow(file="otro.shp"))
    done = imported(folder, layer=rows)
    assert codes(done) == {"fields.absent", "file.absent"}
    assert found(done, "fields.absent")[0].arguments == {"field": "NOMBRE", "there": "name"}


def test_without_districts_neighbourhoods_serve_and_without_both_there_is_no_pack(tmp_path: Path) -> None:
    put(tmp_path / "a", "barrios.geojson", WEST, EAST)
    done = imported(tmp_path / "a")
    assert codes(done) == {"missing.district_layer"}
    assert len(features(done, "districts")) == 2
    put(tmp_path / "b", "escuelas.geojson", point("E", 0.5, 0.5))
    done = imported(tmp_path / "b")
    assert codes(done) == {"missing.districts"}
    assert done.manifest is None


# --- cameras ----------------------------------------------------------------------------------------------------


def test_cameras_bring_where_they_look_and_what_cannot_be_is_left_without_value(tmp_path: Path) -> None:
    right = point("Plaza", 0.5, 0.5, CODIGO="C-01", ACIMUT="NE", apertura="70°", alcance="80,5 m", ptz="Sí")
    wrong = point("Puente", 0.6, 0.5, CODIGO="C-02", ACIMUT="400", apertura="0", alcance="lejos", ptz="no")
    done = imported(city(tmp_path / "c", right, wrong, layer="camaras.geojson"))
    one, other = (each["properties"] for each in features(done, "cameras"))
    assert one == {
        "id": "C-01", "name": "Plaza", "azimuth_deg": 45.0, "field_of_view_deg": 70.0, "range_m": 80.5, "turns": True,
    }  # fmt: skip
    assert other == {"id": "C-02", "name": "Puente"}
    assert {each.arguments["field"] for each in found(done, "camera.value")} == {
        "azimuth_deg", "field_of_view_deg", "range_m",
    }  # fmt: skip
    assert found(done, "camera.view")[0].arguments == {"count": 1, "total": 2}


# --- what is said -----------------------------------------------------------------------------------------------


def test_every_finding_has_its_words_in_both_languages_and_its_arguments_fill_them(tmp_path: Path) -> None:
    done = imported(city(tmp_path / "c", point("Afuera", 5, 5), point("", 0.5, 0.5)))
    assert {"place.outside", "name.missing"} <= codes(done)
    for each in done.findings:
        assert "{" not in each.text.es + each.text.en
    none = Findings()
    none.add("missing.districts")
    assert none.of(Severity.ERROR)[0].text.es.startswith("No hay distritos")


def test_what_people_say_of_the_city_is_in_the_manifest(tmp_path: Path) -> None:
    section = CitySection(name="Ciudad", licence="CC BY 4.0", source="Catastro", date="2024-05-01")
    done = imported(city(tmp_path / "c"), city=section)
    assert done.manifest is not None
    assert (done.manifest.name, done.manifest.licence, done.manifest.source, done.manifest.date) == (
        "Ciudad", "CC BY 4.0", "Catastro", "2024-05-01",
    )  # fmt: skip
    assert not found(done, "missing.licence")
