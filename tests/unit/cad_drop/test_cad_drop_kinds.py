"""Other members of the kinds of which the real files were cases: times, places, encodings, paths, sealing."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from cior_connectors.builtin.cad_drop import places, times
from cior_core.errors import ConfigInvalid
from cior_core.model import DataClass, PlaceMethod
from unit.cad_drop.files import DESK, HEAD, config_of, events, outcomes, point, rounded, utc

CONFIG = config_of(DESK)


def read(*parts: str, layouts: tuple[str, ...] = ("iso",)) -> tuple[str, str, float]:
    """Time, note and width of texts under ``layouts``, in the zone of Santa Fe (UTC-3)."""
    found = times.instant(parts, msgspec.structs.replace(CONFIG, datetime_formats=layouts))
    at = "" if found.ms is None else datetime.fromtimestamp(found.ms / 1000, UTC).isoformat()[:19]
    return at, found.note, found.width_s


@pytest.mark.parametrize(
    ("parts", "layouts", "expected"),
    [
        (("1758735300",), ("epoch_s",), "2025-09-24T17:35:00"),
        (("1758735300.5",), ("iso",), "2025-09-24T17:35:00"),
        (("1758735300000",), ("iso",), "2025-09-24T17:35:00"),
        (("1.7587353E12",), ("iso",), "2025-09-24T17:35:00"),
        (("1758735300000000",), ("epoch",), "2025-09-24T17:35:00"),
        (("/Date(1758735300000-0300)/",), ("iso",), "2025-09-24T17:35:00"),
        (("-86400",), ("epoch_s",), "1969-12-31T00:00:00"),
        (("2026-11-24", "9:05"), ("iso",), "2026-11-24T12:05:00"),
        (("2026-11-24 00:00:00", "30/12/1899 22:05:00"), ("iso",), "2026-11-25T01:05:00"),
        (("24/11/2026 0:00", "1899-12-30 22:05:00"), ("%d/%m/%Y %H:%M:%S",), "2026-11-25T01:05:00"),
        (("24/11/2026 12:00:00 AM", "10:05:00 PM"), ("%d/%m/%Y %I:%M:%S %p",), "2026-11-25T01:05:00"),
        (("2026-11-24", "22:05", "07"), ("%Y-%m-%d %H:%M %S",), "2026-11-25T01:05:07"),
        (("24/11/2026 22:05 -0300",), ("%d/%m/%Y %H:%M",), "2026-11-25T01:05:00"),
        (("24/11/2026 22:05 UTC",), ("%d/%m/%Y %H:%M",), "2026-11-24T22:05:00"),
        (("24/11/2026 22:05 GMT-3",), ("%d/%m/%Y %H:%M",), "2026-11-25T01:05:00"),
        (("24-nov-2026 22:05",), ("%d-%b-%Y %H:%M",), "2026-11-25T01:05:00"),
        (("24 de noviembre de 2026 22:05 hs.",), ("%d de %B de %Y %H:%M hs",), "2026-11-25T01:05:00"),
        (("24-Nov-2026 22:05",), ("%d-%b-%Y %H:%M",), "2026-11-25T01:05:00"),
        (("November 24, 2026 10:05 p.m.",), ("%B %d, %Y %I:%M %p",), "2026-11-25T01:05:00"),
        (("24/11/2026\u00a022:05",), ("%d/%m/%Y %H:%M",), "2026-11-25T01:05:00"),
        (("\u200e24/11/2026\u200e 22:05",), ("%d/%m/%Y %H:%M",), "2026-11-25T01:05:00"),
        (("2026-11-24T22:05:00.123456Z",), ("iso",), "2026-11-24T22:05:00"),
    ],
)
def test_times_as_desks_write_them(parts: tuple[str, ...], layouts: tuple[str, ...], expected: str) -> None:
    assert read(*parts, layouts=layouts)[:2] == (expected, "")


def test_what_a_half_day_leaves_open_is_not_guessed_and_a_day_alone_is_a_day_wide() -> None:
    assert read("24/11/2026 10:05", layouts=("%d/%m/%Y %I:%M %p",))[:2] == (
        "2026-11-24T03:00:00",
        "date_only",
    )
    assert read("24/11/2026", layouts=("%d/%m/%Y %H:%M",)) == ("2026-11-24T03:00:00", "date_only", 86_400.0)
    assert read("2026-11-24") == ("2026-11-24T03:00:00", "", 86_400.0)
    assert read("2026-11-24", "22")[::2] == ("2026-11-25T01:00:00", 3_600.0)
    assert read("112781463") == ("", "unreadable", 1.0), "an incident number is no epoch"
    assert read("", "") == ("", "missing", 1.0)


PLAIN = (-34.605, -58.5105)


@pytest.mark.parametrize(
    "text",
    [
        "POINT(-58.5105 -34.605)",
        "POINT (-58.5105, -34.605)",
        "point z (-58.5105 -34.605 25)",
        "SRID=4326;POINT(-58.5105 -34.605)",
        "MULTIPOINT ((-58.5105 -34.605))",
        "POINT%20(-58.5105%20-34.605)",
        "%28-34.605%2C+-58.5105%29",
        "(-34.605, -58.5105)",
        "-34.605, -58.5105",
        "-34.605 -58.5105",
        "-34.605;-58.5105",
        "-34,605; -58,5105",
        "-34,605 -58,5105",
        "-34,605, -58,5105",
        "[-58.5105, -34.605]",
        "34.605° S, 58.5105° W",
        "58.5105 O 34.605 S",
        "geo:-34.605,-58.5105;u=35",
        "https://maps.example.org/?q=-34.605,-58.5105",
        "https://maps.example.org/place/@-34.605,-58.5105,17z",
        '{"type": "Point", "coordinates": [-58.5105, -34.605]}',
        '{"type": "Point", "coordinates": ["-58.5105", "-34.605", "12"]}',
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [-58.5105, -34.605]}}',
        '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[-58.5105,-34.605]}]}',
        '{"latitude": "-34.605", "longitude": "-58.5105", "human_address": "{}"}',
        "{'latitude': '-34.605', 'longitude': '-58.5105', 'needs_recoding': None}",
        '{"lat": -34.605, "lng": -58.5105}',
        '{"x": -58.5105, "y": -34.605, "spatialReference": {"wkid": 4326}}',
        '[null, "-34.605", "-58.5105", null, false]',
        "Mitre 1200\nRosario, SF\n(-34.605, -58.5105)",
    ],
)
def test_one_field_holds_a_point_in_many_ways(text: str) -> None:
    place, note = places.place(places.Texts(field=text), CONFIG)
    assert (rounded(place), note) == (PLAIN, "")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("POINT EMPTY", ""),
        ("null", ""),
        ("POINT (0 0)", "zero"),
        ("(0, 0)", "zero"),
        ("POINT (5430123.4 6350456.7)", "projected"),
        ("Mitre 1200", "unreadable"),
        ("37,78 -122", "unreadable"),
        ('{"type": "Point"}', "unreadable"),
        ("[" * 5_000, "unreadable"),
        ("POINT (nan nan)", "unreadable"),
        ("1e999, 3", "unreadable"),
    ],
)
def test_a_field_without_a_point_is_no_place_and_says_why(text: str, note: str) -> None:
    place, found = places.place(places.Texts(field=text, address="Mitre 1200"), CONFIG)
    assert (place.located, place.text, found) == (False, "Mitre 1200", note)


def test_an_area_is_its_middle_as_wide_as_it_is_and_a_bare_pair_follows_the_mapping() -> None:
    area = "POLYGON ((-60.64 -32.95, -60.62 -32.95, -60.62 -32.93, -60.64 -32.93, -60.64 -32.95))"
    place, note = places.place(places.Texts(field=area), CONFIG)
    assert (rounded(place), note) == ((-32.94, -60.63), "extent")
    assert place.accuracy_m == pytest.approx(1_450, rel=0.02)
    line, _ = places.place(places.Texts(field="45.256 -110.45 46.46 -109.48"), CONFIG)
    assert rounded(line, 3) == (45.858, -109.965)
    kml = msgspec.structs.replace(CONFIG, place_order="lon_lat")
    assert places.place(places.Texts(field="-58.5105,-34.605,0"), kml)[0].lat == -34.605


@pytest.mark.parametrize("crs", ["EPSG:22185", 22185, "22185", "urn:ogc:def:crs:EPSG::22185"])
def test_a_named_grid_is_converted(crs: str | int) -> None:
    """POSGAR 94, zone 5: near the flag monument of Rosario."""
    config = msgspec.structs.replace(CONFIG, crs=crs)
    place, note = places.place(places.Texts(lat="6354650.0", lon="5440750.0"), config)
    assert (rounded(place, 2), note) == ((-32.95, -60.63), "")
    degrees, note = places.place(places.Texts(lat="-32.94", lon="-60.63"), config)
    assert (degrees.lat, note) == (-32.94, "degrees")
    north_first, note = places.place(places.Texts(lat="5440750.0", lon="6354650.0"), config)
    assert (rounded(north_first, 2), note) == ((-32.95, -60.63), "swapped")
    lost, note = places.place(places.Texts(lat="9e30", lon="9e30"), config)
    assert (lost.located, note) == (False, "projected")


def test_a_geometry_that_names_its_own_grid_needs_no_mapping_and_an_unknown_grid_is_refused() -> None:
    mercator = '{"x": -9254000.5, "y": 5211000.2, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}'
    place, note = places.place(places.Texts(field=mercator), CONFIG)
    assert (rounded(place), note) == ((42.333051, -83.130101), "")
    esri = mercator.replace(', "latestWkid": 3857', "")
    assert places.place(places.Texts(field=esri), CONFIG)[0].lat == pytest.approx(42.333051)
    wkt = "SRID=3857;POINT(-9254000.5 5211000.2)"
    assert places.place(places.Texts(field=wkt), CONFIG)[0].lon == pytest.approx(-83.130101)
    with pytest.raises(ConfigInvalid, match="no coordinate system"):
        config_of('crs = "EPSG:999999"\n' + DESK)


XML = (
    HEAD
    + 'format = "xml"\nrecords_at = "call"\nzone = "UTC"\nencoding = "{encoding}"\n[columns]\nid = ["@n"]\n'
    'occurred = "when"\ntype = "what"\naddress = ["pos/street[2]"]\n'
)
BODY = (
    "<calls xmlns:c='urn:c'><c:call n='5'><when>2026-11-24T22:05:00Z</when><c:what>disparos: 1 &lt; 2</c:what>"
    "<pos><street>no</street><street>Ñandú — 3°</street></pos></c:call></calls>"
)
DECLARED = '<?xml version="1.0" encoding="{}"?>\n'


@pytest.mark.parametrize(
    ("data", "configured", "note"),
    [
        (DECLARED.format("windows-1252").encode() + BODY.encode("cp1252"), "utf-8", None),
        (DECLARED.format("UTF-8").encode() + BODY.encode(), "latin-1", None),
        (BODY.encode(), "cp1252", None),
        (b"\xef\xbb\xbf" + BODY.encode(), "latin-1", None),
        ((DECLARED.format("UTF-16") + BODY).encode("utf-16"), "utf-8", None),
        ((DECLARED.format("UTF-16") + BODY).encode("utf-16-be"), "utf-8", None),
        (BODY.encode("utf-16"), "latin-1", None),
        (b"\xef\xbb\xbf" + DECLARED.format("ISO-8859-1").encode() + BODY.encode(), "utf-8", "declared_other"),
        (DECLARED.format("utf-16").encode() + BODY.encode(), "latin-1", "declared_wrong"),
        (DECLARED.format("UTF-8").encode() + BODY.encode("cp1252"), "cp1252", "declared_wrong"),
        (DECLARED.format("US-ASCII").encode() + BODY.encode("cp1252"), "detect", "declared_wrong"),
        (DECLARED.format("x-mac-argentina").encode() + BODY.encode(), "latin-1", "declared_unknown"),
        (DECLARED.format("rot13").encode() + BODY.encode(), "latin-1", "declared_unknown"),
        (BODY.encode("cp1252"), "cp1252", "undeclared"),
    ],
)
def test_xml_is_what_it_says_it_is_and_what_it_says_falsely_is_said(
    data: bytes, configured: str, note: str | None
) -> None:
    (found,) = events(XML.format(encoding=configured), data)
    assert (found.place.text, found.native_type, found.native_key) == (
        "Ñandú — 3°",
        "disparos: 1 < 2",
        "2026/5",
    )
    assert found.attributes.get("encoding_note") == note


def test_xml_that_declares_latin_1_and_is_utf_8_is_read_as_declared_and_said() -> None:
    data = DECLARED.format("ISO-8859-1").encode() + BODY.replace("—", "-").encode()
    (found,) = events(XML.format(encoding="utf-8"), data)
    assert found.attributes["encoding_note"] == "looks_utf8"


def test_words_with_a_colon_in_a_text_are_no_prefixes() -> None:
    body = BODY.replace("disparos: 1 &lt; 2", "ver <![CDATA[a:b <c:d e:f=1>]]> g:h=2")
    (found,) = events(XML.format(encoding="utf-8"), body.encode())
    assert found.native_type == "ver a:b <c:d e:f=1> g:h=2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_bombs_and_foreign_entities_are_refused_in_any_encoding(encoding: str) -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY x SYSTEM "file:///etc/passwd">]>' + BODY
    assert set(outcomes(XML.format(encoding="utf-8"), bomb.encode(encoding))) == {"cad_drop.xml_forbidden"}
    undefined = BODY.replace("disparos", "&nbsp;disparos")
    assert set(outcomes(XML.format(encoding="utf-8"), undefined.encode(encoding))) == {"cad_drop.xml_broken"}


NESTED = (
    HEAD + 'format = "json"\nzone = "UTC"\n[columns]\nid = ["incidentComponent.incidentTrackingIdentifier"]\n'
    'occurred = "incidentComponent.lastUpdateTimestamp"\ntype = "incidentComponent.type"\n'
    'place = "incidentComponent.locationReference.0.locationByValue"\n'
)


@pytest.mark.parametrize("reference", ["loc-7", "#/locationComponent/1"])
def test_a_reference_is_followed_and_one_in_a_circle_ends(reference: str) -> None:
    data = (
        '[{"incidentComponent": {"incidentTrackingIdentifier": "I1", "lastUpdateTimestamp": "2026-11-24T22:05:00Z",'
        f' "type": "SHOOT", "locationReference": [{{"$ref": "{reference}"}}]}},'
        ' "locationComponent": [{"$id": "loc-6"}, {"$id": "loc-7", "locationByValue": "POINT (-60.64 -32.95)"}]}]'
    )
    (found,) = events(NESTED, data.encode())
    assert point(found) == (-32.95, -60.64)
    circle = data.replace('{"$id": "loc-6"}', '{"$id": "loc-6", "$ref": "loc-6"}')
    circle = circle.replace(f'"$ref": "{reference}"', '"$ref": "loc-6"')
    (lost,) = events(NESTED, circle.encode())
    assert not lost.place.located
    literal = NESTED.replace("locationReference.0.locationByValue", "locationReference.0.$ref")
    (named,) = events(literal, data.replace(f'"$ref": "{reference}"', '"$ref": "(-32.95, -60.64)"').encode())
    assert point(named) == (-32.95, -60.64), "the reference itself can be mapped"


def test_an_export_by_rows_is_read_by_index() -> None:
    mapping = HEAD + (
        'format = "json"\nrecords_at = "data"\nzone = "UTC"\n[columns]\nid = [0]\noccurred = 1\ntype = 2\nplace = 3\n'
    )
    data = b'{"meta": {}, "data": [["A-1", 1758735300, "FIRE", ["{}", "-32.95", "-60.64", null, false]]]}'
    (found,) = events(mapping, data)
    assert (utc(found), point(found), found.native_type) == ("2025-09-24T17:35:00Z", (-32.95, -60.64), "FIRE")


SEALING = (
    DESK.replace("[csv]", 'keep = ["relato"]\n[csv]')
    + "\n[[types]]\ncode = \"silent.gbv\"\npattern = 'violencia (de g[eé]nero|familiar)'\n"
)
STORY_HEAD = "numero;creado;tipo;direccion;relato\r\n"


def classes(mapping: str, *lines: str, encoding: str = "utf-8") -> list[DataClass]:
    return [each.data_class for each in events(mapping, (STORY_HEAD + "".join(lines)).encode(encoding))]


@pytest.mark.parametrize(
    "nature",
    [
        "Violencia de género",
        "VIOLENCIA DE GÉNERO",
        "Violencia de genero",
        "Violencia de ge\u0301nero",
        "Violencia de gÃ©nero",
        "VIOLENCIA  DE  GENERO",
        "Violencia de g\ufffdnero",
        "",
    ],
)
def test_a_call_whose_nature_meets_or_cannot_be_held_against_a_sealed_type_is_sealed(nature: str) -> None:
    assert classes(SEALING, f"1;24/11/2026 22:05;{nature};Mitre 1200;x\r\n") == [DataClass.SEALED]
    assert classes(SEALING, "1;24/11/2026 22:05;Choque;Mitre 1200;x\r\n") == [DataClass.RESTRICTED]


def test_a_desk_without_sealed_types_keeps_a_call_without_a_nature_open() -> None:
    assert classes(DESK, "1;24/11/2026 22:05;;Mitre 1200;x\r\n") == [DataClass.RESTRICTED]


def test_a_call_is_sealed_by_what_it_tells_whatever_its_type() -> None:
    mapping = DESK + "\n[[seal]]\ncolumns = [\"relato\"]\npattern = 'amenazas? de su (ex)?pareja|violación'\n"
    line = "1;24/11/2026 22:05;Otros;Mitre 1200;{}\r\n"
    told = ("Amenaza de su expareja", "VIOLACION", "viola\ufffdn", "todo bien", "")
    sealed = [classes(mapping, line.format(each))[0] is DataClass.SEALED for each in told]
    assert sealed == [True, True, True, False, False]


def test_a_call_that_lacks_what_is_looked_at_is_sealed() -> None:
    mapping = (
        HEAD + 'format = "json"\nzone = "UTC"\n[columns]\nid = ["n"]\noccurred = "when"\ntype = "what"\n'
        "[[seal]]\ncolumns = [\"story\"]\npattern = 'pareja'\n"
    )
    call = '[{"n": 1, "when": "2026-11-24T22:05:00Z", "what": "Otros"%s}]'
    found = [
        events(mapping, (call % story).encode())[0] for story in ("", ', "story": null', ', "story": "robo"')
    ]
    assert [each.data_class is DataClass.SEALED for each in found] == [True, False, False]


def test_a_place_is_never_made_up_of_an_unknown_method() -> None:
    (found,) = events(DESK, b"numero;creado;tipo;direccion\r\n1;24/11/2026 22:05;x;Mitre 1200\r\n")
    assert (found.place.method, found.place.lat) == (PlaceMethod.UNKNOWN, None)
