"""What desks and open data really write, each file with its right value. All were misread or lost once.

Bytes in the shape of published files and bug reports; personal details replaced.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from cior_connectors.builtin.cad_drop.source import CadDropSource
from cior_core.model import Phase
from unit.cad_drop.files import DESK, HEAD, NOW_MS, config_of, events, outcomes, point, utc

SPREADSHEET_HEAD = b"numero;creado;tipo;direccion\r\n"
SHOOTING = b"1;24/11/2026 22:05;BALACERA;Mitre 1200"


def test_a_date_and_an_hour_in_two_columns_are_one_time() -> None:
    mapping = (
        HEAD
        + 'format = "json"\nzone = "America/Argentina/Buenos_Aires"\n[columns]\noccurred = ["fecha", "hora"]\n'
        'type = "tipo_delito"\nid = ["id"]\nlat = "latitud"\nlon = "longitud"\n'
    )
    data = (
        b'[{"id": 120814, "barrio": "VILLA DEVOTO", "latitud": -34.605, "longitud": -58.5105,'
        b' "fecha": "2016-12-13", "hora": "23:05:00", "tipo_delito": "Lesiones Seg Vial"}]'
    )
    (found,) = events(mapping, data)
    assert (utc(found), found.clock_error_s) == ("2016-12-14T02:05:00Z", 1.0)
    assert "time_note" not in found.attributes
    again = data.replace(b'"2016-12-13"', b'"2016-12-13T00:00:00.000"')
    assert [utc(each) for each in events(mapping, again)] == ["2016-12-14T02:05:00Z"]


def test_columns_of_digits_without_separators_keep_their_zeros_and_get_lost_ones_back() -> None:
    mapping = (
        HEAD + 'format = "csv"\nzone = "America/Los_Angeles"\ndatetime_formats = ["%m%d%Y %H%M%S"]\n[csv]\n'
        "header = false\n[columns]\noccurred = [2, 3]\ntype = 1\nid = [0]\naddress = [5, 6, 7]\n"
    )
    (found,) = events(mapping, b"112781463,ACCP,10062011,003837,WC,5295 SUN VALLEY BL,SUN VALLEY,NV,  \n")
    assert utc(found) == "2011-10-06T07:38:37Z"
    (cut,) = events(mapping, b"112781463,ACCP,1062011,3837,WC,5295 SUN VALLEY BL,SUN VALLEY,NV,  \n")
    assert utc(cut) == "2011-01-06T08:38:37Z"


GEOJSON = (
    b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point", "coordinates":'
    b' [-122.260388, 37.868757]}, "properties": {"Date": "3/10/19", "Time": "0:33", "Category":'
    b' "AGGRAVATED ASSAULTS", "Location": "ESHLEMAN HALL"}}]}'
)


@pytest.mark.parametrize(
    "columns",
    [
        'lat = "geometry.coordinates.1"\nlon = "geometry.coordinates.0"',
        'lat = "geometry.coordinates[1]"\nlon = "geometry.coordinates[0]"',
        'place = "geometry"',
    ],
)
def test_a_place_lies_at_an_index_or_in_the_whole_geometry(columns: str) -> None:
    mapping = (
        HEAD + 'format = "json"\nrecords_at = "features"\nzone = "America/Los_Angeles"\n'
        'datetime_formats = ["%m/%d/%y %H:%M"]\n[columns]\noccurred = ["properties.Date", "Time"]\n'
        f'type = "Category"\n{columns}\n'
    )
    (found,) = events(mapping, GEOJSON)
    assert (point(found), utc(found)) == ((37.868757, -122.260388), "2019-03-10T08:33:00Z")


def test_web_mercator_is_converted_when_it_is_named_and_said_when_it_is_not() -> None:
    mapping = (
        HEAD
        + 'format = "json"\nrecords_at = "features"\nzone = "America/New_York"\ncrs = "EPSG:3857"\n[columns]\n'
        'occurred = "call_time"\ntype = "calldescription"\nid = ["incident_id"]\n'
        'lat = "geometry.y"\nlon = "geometry.x"\n'
    )
    data = (
        b'{"spatialReference": {"wkid": 102100, "latestWkid": 3857}, "features": [{"attributes": {"incident_id":'
        b' "25-0001", "call_time": 1758735300000, "calldescription": "SHOTS FIRED"}, "geometry":'
        b' {"x": -9254000.5, "y": 5211000.2}}]}'
    )
    (found,) = events(mapping, data)
    assert (utc(found), point(found)) == ("2025-09-24T17:35:00Z", (42.333051, -83.130101))
    assert found.attributes["incident"] == "2025/25-0001"
    (unnamed,) = events(mapping.replace('crs = "EPSG:3857"\n', ""), data)
    assert (point(unnamed), unnamed.attributes["place_note"]) == (None, "projected")
    (seconds,) = events(mapping, data.replace(b"1758735300000", b'"1758735300"'))
    assert utc(seconds) == utc(found)


def test_a_location_of_open_data_is_a_point() -> None:
    mapping = (
        HEAD
        + 'format = "json"\nzone = "America/Los_Angeles"\n[columns]\noccurred = "datetime"\ntype = "type"\n'
        'id = ["incident_number"]\naddress = ["address"]\nplace = "report_location"\n'
    )
    data = (
        b'[{"address": "8th Ave Nw / Nw Market St", "type": "MVI - Motor Vehicle Incident", "datetime":'
        b' "2026-09-24T17:22:00.000", "report_location": {"type": "Point", "coordinates": [-122.366178, 47.668653]},'
        b' "incident_number": "F260136957"}]'
    )
    (found,) = events(mapping, data)
    assert (utc(found), point(found)) == ("2026-09-25T00:22:00Z", (47.668653, -122.366178))


def test_wkt_and_a_pair_share_a_column() -> None:
    mapping = (
        HEAD
        + 'format = "csv"\nzone = "America/Los_Angeles"\ndatetime_formats = ["%m/%d/%Y %I:%M:%S %p"]\n[columns]\n'
        'occurred = "Received DtTm"\ntype = "Call Type"\nid = ["Call Number"]\nplace = "case_location"\n'
    )
    data = (
        b"Call Number,Call Type,Received DtTm,case_location\n"
        b"160930033,Structure Fire,04/02/2016 01:45:00 AM,POINT (-122.411047 37.784716)\n"
        b'160930034,Medical Incident,11/06/2016 01:30:00 AM,"(37.789851, -122.403882)"\n'
    )
    fire, medical = events(mapping, data)
    assert (point(fire), utc(fire)) == ((37.784716, -122.411047), "2016-04-02T08:45:00Z")
    assert (point(medical), medical.attributes["time_note"]) == ((37.789851, -122.403882), "ambiguous")


def test_a_feed_says_both_values_in_one_element() -> None:
    mapping = (
        HEAD
        + 'format = "xml"\nrecords_at = "entry"\nzone = "UTC"\n[columns]\noccurred = "updated"\ntype = "title"\n'
        'id = ["id"]\nplace = "georss:point"\n'
    )
    data = (
        b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:georss="http://www.georss.org/georss"><entry><id>urn:1</id>'
        b"<title>Structure Fire</title><updated>2026-11-24T22:05:00Z</updated><georss:point>45.256 -71.92"
        b"</georss:point></entry></feed>"
    )
    (found,) = events(mapping, data)
    assert (point(found), utc(found)) == ((45.256, -71.92), "2026-11-24T22:05:00Z")


def test_an_xml_file_is_read_in_the_encoding_that_it_declares() -> None:
    mapping = (
        HEAD + 'format = "xml"\nrecords_at = "Incident"\nzone = "America/Argentina/Cordoba"\n[columns]\n'
        'occurred = "CreatedDate"\ntype = "Nature"\nid = ["IncidentID"]\naddress = ["Location/AddressText"]\n'
    )
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<List><Incident><IncidentID>1</IncidentID><CreatedDate>'
        "2026-11-24T22:05:00</CreatedDate><Nature>BALACERA</Nature><Location><AddressText>San Martín y Córdoba"
        "</AddressText></Location></Incident></List>"
    )
    (found,) = events(mapping, text.encode("latin-1"))
    assert (found.native_type, found.place.text) == ("BALACERA", "San Martín y Córdoba")
    assert "encoding_note" not in found.attributes


@pytest.mark.parametrize(
    "data",
    [
        b"sep=;\r\n" + SPREADSHEET_HEAD + SHOOTING + b"\r\n",
        b'"sep=;"\r\n' + SPREADSHEET_HEAD + SHOOTING + b"\r\n",
        b"sep=,\r\nnumero,creado,tipo,direccion\r\n" + SHOOTING.replace(b";", b",") + b"\r\n",
        b"\xef\xbb\xbfsep=\t\r\nnumero\tcreado\ttipo\tdireccion\r\n"
        + SHOOTING.replace(b";", b"\t")
        + b"\r\n",
        b"numero;creado;tipo;direccion;;\r\n" + SHOOTING + b";;\r\n",
        b"numero;creado;tipo;direccion;;\r\n" + SHOOTING + b"\r\n",
        b"numero;;creado;tipo;direccion\r\n1;;24/11/2026 22:05;BALACERA;Mitre 1200\r\n",
        b"numero;obs;obs;creado;tipo;direccion\r\n1;a;b;24/11/2026 22:05;BALACERA;Mitre 1200\r\n",
        SPREADSHEET_HEAD + SHOOTING + b";\r\n",
        SPREADSHEET_HEAD + SHOOTING + b";\r\n;;;;\r\n;;;;\r\n",
        SPREADSHEET_HEAD + SPREADSHEET_HEAD + SHOOTING + b"\r\n",
        SPREADSHEET_HEAD + SHOOTING + b"\r\n" + SPREADSHEET_HEAD,
    ],
)
def test_what_a_spreadsheet_adds_to_a_file_costs_no_row(data: bytes) -> None:
    (found,) = events(DESK, data)
    assert (utc(found), found.native_type, found.place.text) == (
        "2026-11-25T01:05:00Z",
        "BALACERA",
        "Mitre 1200",
    )
    assert found.attributes["incident"] == "2026/1"


def test_a_separator_inside_a_text_still_costs_its_row_whatever_is_empty_at_its_end() -> None:
    """The values of such a row may all have moved by one: never a wrong place."""
    head = b"numero;creado;tipo;direccion;obs;prioridad\r\n"
    moved = b"1;24/11/2026 22:05;Choque; frente al 200;Mitre 1200;;\r\n"
    assert list(outcomes(DESK, head + moved)) == ["cad_drop.columns"]
    whole = b"2;24/11/2026 22:06;Robo;Mitre 1201;x;1;\r\n" * 2
    found = list(outcomes(DESK, head + whole + moved.strip() + b";\r\n"))
    assert [isinstance(each, str) for each in found] == [False, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "10:05:00 p. m.",
        "10:05:00 p.\u00a0m.",
        "10:05:00\u202fp.\u202fm.",
        "10:05:00 p.m.",
        "10:05:00 pm",
        "10:05:00PM",
        "10:05 P. M.",
        "10:05 de la noche",
        "22:05:00 hs",
        "22:05hs.",
    ],
)
@pytest.mark.parametrize(
    "layouts", ['"%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M %p"', '"%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"']
)
def test_ten_in_the_evening_however_it_is_written(text: str, layouts: str) -> None:
    mapping = DESK.replace('"%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"', layouts)
    (found,) = events(mapping, SPREADSHEET_HEAD + f"1;24/11/2026 {text};BALACERA;Mitre 1200\r\n".encode())
    assert (utc(found), "time_note" in found.attributes) == ("2026-11-25T01:05:00Z", False)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("12:05 a. m.", "03:05"),
        ("12:05 p. m.", "15:05"),
        ("0:05 am", "03:05"),
        ("9:05 a.m.", "12:05"),
        ("1:05 PM", "16:05"),
    ],
)
def test_noon_and_midnight_are_on_their_own_side(text: str, hour: str) -> None:
    (found,) = events(DESK, SPREADSHEET_HEAD + f"1;24/11/2026 {text};BALACERA;Mitre 1200\r\n".encode())
    assert utc(found) == f"2026-11-24T{hour}:00Z"


@pytest.mark.parametrize("text", ["ayer a la noche", "32/11/2026 22:05", "24/11/2026 27:99", "s/d"])
def test_a_time_that_cannot_be_read_loses_no_call_and_an_address_alone_is_readable(text: str) -> None:
    (found,) = events(DESK, SPREADSHEET_HEAD + f"1;{text};BALACERA;Mitre 1200\r\n".encode())
    assert (found.native_type, found.place.text) == ("BALACERA", "Mitre 1200")
    assert found.attributes["time_note"] in ("unreadable", "date_only")
    only_address = f";{text};;Mitre 1200\r\n".encode()
    (found,) = events(DESK, SPREADSHEET_HEAD + only_address)
    assert (found.type, found.place.text) == ("call.other", "Mitre 1200")


SCIENTIFIC = (
    HEAD
    + 'format = "csv"\nzone = "America/New_York"\ndatetime_formats = ["%m/%d/%Y %H:%M"]\n[csv]\ndelimiter = ";"\n'
    '[columns]\noccurred = "Original Time Queued"\ntype = "Call Type"\nid = ["CAD Event Number"]\n'
)


@pytest.mark.parametrize(
    ("number", "note"),
    [
        ("2,02300E+12", "scientific"),
        ("2.02612E+11", "scientific"),
        ("1,23E+11", "scientific"),
        ("1E+06", "scientific"),
        ("2.02612e11", "scientific"),
        ("26-nov", "date"),
        ("nov-26", "date"),
        ("01-Ene", "date"),
        ("26/11/2026", "date"),
        ("2026-11-26 00:00:00", "date"),
        ("202611240001230000", "rounded"),
        ("########", "error"),
        ("#N/A", "error"),
    ],
)
def test_numbers_that_a_spreadsheet_destroyed_join_no_calls(number: str, note: str) -> None:
    data = (
        "CAD Event Number;Call Type;Original Time Queued\r\n"
        f"{number};SHOTS - DELAY;11/4/2023 18:08\r\n{number};BURN;6/4/2023 16:18\r\n"
    )
    shots, burn = events(SCIENTIFIC, data.encode())
    assert shots.attributes["incident"] != burn.attributes["incident"]
    assert {shots.phase, burn.phase} == {Phase.NEW}
    assert (shots.attributes["id_note"], shots.attributes["id_written"]) == (note, number)
    assert shots.independence != burn.independence


@pytest.mark.parametrize(
    "number", ["77", "F260136957", "25E11", "12-2026", "2026-0077", "nov77", "12345678901234567890"]
)
def test_whole_numbers_stay_numbers(number: str) -> None:
    data = f"CAD Event Number;Call Type;Original Time Queued\r\n{number};BURN;6/4/2023 16:18\r\n"
    (found,) = events(SCIENTIFIC, data.encode())
    assert ("id_note" in found.attributes, found.attributes["incident"]) == (False, f"2023/{number}")


def test_lost_zeros_are_seen_where_the_desk_says_what_its_numbers_are() -> None:
    mapping = SCIENTIFIC.replace("[csv]", "id_pattern = '0\\d{5}'\n[csv]")
    data = "CAD Event Number;Call Type;Original Time Queued\r\n{};BURN;6/4/2023 16:18\r\n"
    (whole,) = events(mapping, data.format("001234").encode())
    (cut,) = events(mapping, data.format("1234").encode())
    assert ("id_note" in whole.attributes, cut.attributes["id_note"]) == (False, "unlike")


def test_lost_zeros_are_seen_where_the_number_came_with_them_before() -> None:
    data = (
        SPREADSHEET_HEAD
        + b"0077;24/11/2026 22:05;BALACERA;Mitre 1\r\n77;24/11/2026 22:06;BALACERA;Mitre 1\r\n"
    )
    whole, cut = events(DESK, data + b"1077;24/11/2026 22:07;BALACERA;Mitre 1\r\n")[:2]
    assert ("id_note" in whole.attributes, cut.attributes["id_note"]) == (False, "zeros")
    assert whole.attributes["incident"] != cut.attributes["incident"]


def test_an_update_without_a_time_finds_its_incident() -> None:
    data = (
        SPREADSHEET_HEAD + b"77;24/11/2026 22:05;BALACERA;Mitre 1200\r\n77;;BALACERA cerrada;Mitre 1200\r\n"
    )
    call, update = events(DESK, data)
    assert (call.phase, update.phase) == (Phase.NEW, Phase.UPDATE)
    assert call.attributes["incident"] == update.attributes["incident"] == "2026/77"
    assert (update.attributes["time_note"], update.occurred_ms) == ("missing", NOW_MS)
    unreadable = data.replace(b"77;;", b"77;ayer;")
    assert [each.attributes["incident"] for each in events(DESK, unreadable)] == ["2026/77"] * 2


MISSPELT = (
    HEAD
    + 'format = "json"\nzone = "America/Los_Angeles"\n[columns]\nid = ["incidentnumber"]\noccurred = "dateTime"\n'
    'type = "Type"\n'
)
CALL_JSON = b'[{"type": "MVI", "datetime": "2026-09-24T17:22:00.000", "incident_number": "F260136957"}]'
CALL_XML = b"<calls><call><type>MVI</type><datetime>2026-09-24T17:22:00</datetime><n>1</n></call></calls>"


@pytest.mark.parametrize(
    ("mapping", "name", "data"),
    [
        (MISSPELT, "a.json", CALL_JSON),
        (MISSPELT.replace('"json"', '"ndjson"'), "a.ndjson", CALL_JSON.strip(b"[]")),
        (MISSPELT.replace('"json"', '"xml"\nrecords_at = "call"'), "a.xml", CALL_XML),
        (MISSPELT.replace('"json"', '"csv"'), "a.csv", b"type,datetime,incident_number\nMVI,2026-09-24,1\n"),
    ],
)
async def test_a_path_that_no_record_has_is_refused_at_check(
    tmp_path: Path, mapping: str, name: str, data: bytes
) -> None:
    config = msgspec.structs.replace(config_of(mapping), folder=str(tmp_path))
    empty = await CadDropSource(config).probe()
    assert (empty.ok, "no file waits" in empty.detail) == (True, True)
    await asyncio.to_thread((tmp_path / name).write_bytes, data)
    report = await CadDropSource(config).probe()
    assert not report.ok
    assert "incidentnumber" in report.detail or "header" in report.detail
    assert next(iter(outcomes(mapping, data))) in ("cad_drop.nothing_readable", "cad_drop.header")
