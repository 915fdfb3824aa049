"""From a row to an event by configuration alone: clocks, places, natures, versions, people's names, and what is
refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.cad_drop.config import Bounds, CadDropConfig, Columns, CsvFormat, TypeRule
from cior_connectors.builtin.cad_drop.decode import decode
from cior_connectors.contract import DecodeContext, Facts
from cior_core import bundled, strict_toml
from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.model import ClockQuality, Event, Lane, Phase, PlaceMethod, Producer
from cior_core.taxonomy import Taxonomy

TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))
NOW_MS = 1_790_000_000_000
HEADER = "number;created;nature;lat;lon;street;priority;state;merged;test;story\n"
CONFIG = CadDropConfig(
    folder="inbox",
    format="csv",
    encoding="detect",
    csv=CsvFormat(delimiter=";"),
    zone="America/Argentina/Cordoba",
    datetime_formats=("%d/%m/%Y %H:%M", "iso"),
    decimal_comma=True,
    bounds=Bounds(south=-33.2, west=-60.9, north=-32.7, east=-60.4),
    columns=Columns(
        occurred="created",
        type="nature",
        id=("number",),
        lat="lat",
        lon="lon",
        address=("street",),
        priority="priority",
        status="state",
        merged_into="merged",
        test="test",
    ),
    types=(
        TypeRule(code="gun.shooting", pattern=r"^balacera|disparos"),
        TypeRule(code="silent.gbv", equals=("violencia de género",)),
    ),
    default_type="call.other",
    phases={"cerrado": Phase.END, "reabierto": Phase.UPDATE},
    keep=("story",),
    mask=("story",),
)


def facts(config: CadDropConfig = CONFIG, *, header: str = HEADER, **details: str) -> Facts:
    context = DecodeContext(
        config=config, taxonomy=TAXONOMY, producer=Producer(connector="cad_drop", version="1.0.0")
    )
    return Facts(
        source="urn:cior:cad:911", received_ms=NOW_MS, details={"header": header} | details, context=context
    )


def row(**fields: str) -> bytes:
    values = {
        "number": "77",
        "created": "21/09/2026 10:05",
        "nature": "Balacera",
        "lat": "-32,9468",
        "lon": "-60,6393",
        "street": "Corrientes y Pellegrini",
    }
    values = values | fields
    return ";".join(values.get(name, "") for name in HEADER.strip().split(";")).encode() + b"\r\n"


def event(raw: bytes, given: Facts | None = None) -> Event:
    (found,) = decode(raw, given or facts()).events
    return found


def changed(**fields: Any) -> Facts:
    return facts(msgspec.structs.replace(CONFIG, **fields))


def test_a_call_becomes_an_event() -> None:
    found = event(row(priority="2"))
    assert (found.type, found.lane, found.native_priority, found.native_type, found.phase) == (
        "gun.shooting",
        Lane.URGENT,
        "2",
        "Balacera",
        Phase.NEW,
    )
    assert datetime.fromtimestamp(found.occurred_ms / 1000, UTC) == datetime(2026, 9, 21, 13, 5, tzinfo=UTC)
    assert found.clock_error_s == 60.0
    assert (found.place.lat, found.place.lon, found.place.method) == (
        -32.9468,
        -60.6393,
        PlaceMethod.GEOCODED,
    )
    assert found.attributes["incident"] == "2026/77"


def test_a_nature_nobody_listed_is_kept_under_the_default() -> None:
    assert event(row(nature="Vaca suelta")).type == "call.other"
    assert event(row(nature="")).type == "call.other"


def test_the_same_number_next_year_is_another_incident() -> None:
    assert event(row()).id != event(row(created="21/09/2027 10:05")).id
    assert event(row(created="21/09/2027 10:05")).attributes["incident"] == "2027/77"


def test_a_late_edit_is_an_update_of_the_same_incident_with_its_own_id() -> None:
    first, edited = event(row()), event(row(street="Corrientes 1200"), facts(known="yes"))
    assert edited.phase is Phase.UPDATE
    assert edited.id != first.id
    assert edited.attributes["incident"] == first.attributes["incident"]
    assert edited.independence == first.independence


def test_a_column_that_nobody_maps_makes_no_new_version() -> None:
    config = msgspec.structs.replace(CONFIG, keep=(), mask=())
    assert event(row(story="a"), facts(config)).id == event(row(story="b"), facts(config)).id


def test_merged_closed_reopened_and_test_calls_say_so() -> None:
    merged = event(row(merged="70"))
    assert (merged.phase, merged.attributes["merged_into"]) == (Phase.UPDATE, "2026/70")
    assert event(row(state="CERRADO")).phase is Phase.END
    assert event(row(state="Reabierto")).phase is Phase.UPDATE
    assert event(row(test="PRUEBA")).phase is Phase.TEST


def test_the_desks_own_stamps_travel_where_it_gives_them_and_change_nothing_elsewhere() -> None:
    """A desk that fills "sent" later makes a new version of the call; one without such columns keeps its ids."""
    stamped = changed(
        columns=msgspec.structs.replace(CONFIG.columns, dispatched="sent", on_scene="there"),
    )
    header = HEADER.strip() + ";sent;there\n"
    given = msgspec.structs.replace(stamped, details={"header": header})
    raw = row().rstrip() + b";21/09/2026 10:09;n/a\r\n"
    found = event(raw, given)
    assert found.attributes["dispatched_ms"] == found.occurred_ms + 4 * 60_000
    assert "on_scene_ms" not in found.attributes
    waiting = event(row().rstrip() + b";;\r\n", given)
    assert "dispatched_ms" not in waiting.attributes
    assert waiting.id != found.id
    assert waiting.attributes["incident"] == found.attributes["incident"]
    assert event(row()).id == event(row(), changed()).id


@pytest.mark.parametrize(
    ("lat", "lon", "note", "expected"),
    [
        ("-60,6393", "-32,9468", "swapped", (-32.9468, -60.6393)),
        ("0", "0", "zero", None),
        ("5430123,4", "6350456,7", "projected", None),
        ("", "", "", None),
        ("n/a", "-60,6", "unreadable", None),
        ("nan", "inf", "unreadable", None),
        ("-34,6", "-58,4", "outside", (-34.6, -58.4)),
        ("-32.9468", "-60.6393", "", (-32.9468, -60.6393)),
    ],
)
def test_places_that_are_none_are_unknown_and_the_event_stays(
    lat: str, lon: str, note: str, expected: tuple[float, float] | None
) -> None:
    found = event(row(lat=lat, lon=lon))
    assert found.attributes.get("place_note", "") == note
    assert (None if not found.place.located else (found.place.lat, found.place.lon)) == expected
    assert found.place.text == "Corrientes y Pellegrini"
    assert found.type == "gun.shooting"


@pytest.mark.parametrize(("late_s", "quality"), [(30, ClockQuality.SYNCED), (3_600, ClockQuality.UNKNOWN)])
def test_the_known_error_of_the_desks_clock_is_in_the_error_of_every_call(
    late_s: int, quality: ClockQuality
) -> None:
    written = f"{datetime.fromtimestamp(NOW_MS / 1000 - late_s, UTC):%Y-%m-%dT%H:%M:%S+00:00}"
    found = event(row(created=written), changed(clock_error_s=45.0))
    assert (found.clock, found.clock_error_s) == (quality, 46.0), "45 s declared and a second of width"


def test_a_call_from_the_future_is_believed_as_far_as_the_desks_clock_may_be_wrong() -> None:
    written = f"{datetime.fromtimestamp(NOW_MS / 1000 + 150, UTC):%Y-%m-%dT%H:%M:%S+00:00}"
    assert event(row(created=written), changed(clock_error_s=45.0)).occurred_ms == NOW_MS + 150_000
    early = event(row(created=written))
    assert (early.occurred_ms, early.attributes["clock_mark"]) == (NOW_MS, "future")


def test_a_single_comma_in_a_number_is_its_decimal_point_also_where_points_are_the_rule() -> None:
    found = event(row(lat="-32,9468", lon="-60.6393"), changed(decimal_comma=False))
    assert (found.place.lat, found.place.lon) == (-32.9468, -60.6393)
    odd = event(row(lat="-32,946,8", lon="-60.6393"), changed(decimal_comma=False))
    assert (odd.place.located, odd.attributes["place_note"]) == (False, "unreadable")


@pytest.mark.parametrize(
    ("text", "utc", "note"),
    [
        ("2016-11-06 01:30", datetime(2016, 11, 6, 5, 30, tzinfo=UTC), "ambiguous"),
        ("2016-03-13 02:30", datetime(2016, 3, 13, 7, 30, tzinfo=UTC), "nonexistent"),
        ("2016-07-01 12:00", datetime(2016, 7, 1, 16, 0, tzinfo=UTC), ""),
        ("2016-01-01 12:00", datetime(2016, 1, 1, 17, 0, tzinfo=UTC), ""),
        ("2016-07-01T12:00:00-03:00", datetime(2016, 7, 1, 15, 0, tzinfo=UTC), ""),
    ],
)
def test_hours_that_happen_twice_or_never(text: str, utc: datetime, note: str) -> None:
    found = event(row(created=text), changed(zone="America/New_York"))
    assert datetime.fromtimestamp(found.occurred_ms / 1000, UTC) == utc
    assert found.attributes.get("time_note", "") == note
    if note:
        assert found.clock_error_s is not None
        assert found.clock_error_s >= 3600


def test_a_call_without_a_readable_time_is_an_event_of_now() -> None:
    for text, note in (("", "missing"), ("ayer", "unreadable"), ("31/02/2026 10:00", "unreadable")):
        found = event(row(created=text))
        assert (found.occurred_ms, found.attributes["time_note"], found.type) == (
            NOW_MS,
            note,
            "gun.shooting",
        )


def test_names_numbers_and_mail_are_black_in_kept_text_and_unmapped_columns_stay_home() -> None:
    story = "Llama María de los Ángeles Gómez, DNI 28.123.456, tel 341-555-1234, maria@example.org: escucha disparos"
    found = event(row(story=story))
    for secret in ("María", "Gómez", "28.123.456", "341-555", "maria@"):
        assert secret not in msgspec.json.encode(found).decode()
    assert found.attributes["story"].endswith("escucha disparos")
    assert "story" not in event(row(story=story), changed(keep=(), mask=())).attributes


def test_a_sealed_type_is_sealed() -> None:
    assert event(row(nature="Violencia de género")).data_class.value == "sealed"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_detect_reads_utf8_and_cp1252_row_by_row(encoding: str) -> None:
    raw = row(street="Av. Ñandú 3°").decode().encode(encoding)
    assert event(raw).place.text == "Av. Ñandú 3°"


def test_a_row_in_the_wrong_encoding_is_a_dead_letter_when_the_encoding_is_fixed() -> None:
    with pytest.raises(PayloadRejected, match=r"cad_drop\.encoding"):
        event(row(street="Ñandú").decode().encode("latin-1"), changed(encoding="utf-8"))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"77;21/09/2026 10:05;Balacera\n", "cad_drop.columns"),
        (row() + b"x;y\n", "cad_drop.csv"),
        (HEADER.encode(), "cad_drop.repeated_header"),
        (row(number="", created="n/a", nature="", lat="", lon="", street=""), "cad_drop.nothing_readable"),
    ],
)
def test_what_is_no_record_is_rejected(raw: bytes, code: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        event(raw)
    assert caught.value.code == code


def test_rows_without_a_number_are_told_apart_by_how_often_they_came() -> None:
    config = msgspec.structs.replace(CONFIG, columns=msgspec.structs.replace(CONFIG.columns, id=()))
    ids = {event(row(), facts(config, occurrence=str(n))).id for n in (0, 1, 1, 2)}
    assert len(ids) == 3


JSON = msgspec.structs.replace(
    CONFIG,
    format="json",
    decimal_comma=False,
    columns=Columns(occurred="when.created", type="nature", id=("id",), lat="geo.lat", lon="geo.lon"),
    keep=(),
    mask=(),
)


def test_json_with_nested_paths_and_numbers_as_they_were_written() -> None:
    found = event(
        b'{"id": 12345678901234567890, "when": {"created": "2026-09-21T10:05:00-03:00"}, "nature": '
        b'"disparos", "geo": {"lat": -32.95, "lon": -60.65}}',
        facts(JSON),
    )
    assert (found.attributes["incident"], found.type, found.place.lat) == (
        "2026/12345678901234567890",
        "gun.shooting",
        -32.95,
    )


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"id":1,"id":2}', "cad_drop.duplicate_key"),
        (b'{"geo":{"lat":NaN}}', "cad_drop.json"),
        (b"[1]", "cad_drop.json"),
        (b'{"id":', "cad_drop.json"),
        (b"[" * 100_000, "cad_drop.json"),
    ],
)
def test_json_that_lies_is_rejected(raw: bytes, code: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        event(raw, facts(JSON))
    assert caught.value.code == code


def test_xml_elements_attributes_and_foreign_prefixes() -> None:
    config = msgspec.structs.replace(
        JSON,
        format="xml",
        records_at="call",
        columns=Columns(occurred="time", type="what/nature", id=("@n",), lat="pos/@lat", lon="pos/@lon"),
    )
    raw = (
        b'<c:call n="5"><c:time>2026-09-21T10:05:00Z</c:time><c:what><nature>disparos &amp; '
        b'gritos</nature></c:what><pos lat="-32.9" lon="-60.6"/></c:call>'
    )
    found = event(raw, facts(config))
    assert (found.attributes["incident"], found.native_type, found.place.lon) == (
        "2026/5",
        "disparos & gritos",
        -60.6,
    )
    with pytest.raises(PayloadRejected, match=r"cad_drop\.xml"):
        event(b"<call><open></call>", facts(config))


@pytest.mark.parametrize(
    "bad",
    [
        'zone = "Mars/Base"',
        'test_pattern = "("',
        "mask = [3]",
        'formt = "csv"',
        "poll_s = 0",
        '[[types]]\ncode = "fire.other"',
    ],
)
def test_a_configuration_that_cannot_work_is_refused(bad: str) -> None:
    good = 'folder = "x"\nformat = "csv"\ndefault_type = "call.other"\n' + (
        "" if "zone" in bad else 'zone = "UTC"\n'
    )
    text = (
        good
        + (bad + "\n" if not bad.startswith("[") else "")
        + "[columns]\noccurred = 0\ntype = 1\n"
        + (bad if bad.startswith("[") else "")
    )
    with pytest.raises(ConfigInvalid):
        strict_toml.parse(text, CadDropConfig, file="x.toml")


@given(st.binary(max_size=200), st.sampled_from([CONFIG, JSON]))
@settings(max_examples=400)
def test_any_bytes_are_an_event_or_rejected(noise: bytes, config: CadDropConfig) -> None:
    for raw in (noise, row(nature="x") + noise, row().replace(b"Balacera", noise)):
        try:
            (found,) = decode(raw, facts(config)).events
        except PayloadRejected as error:
            assert error.code.startswith("cad_drop.")  # noqa: PT017
            continue
        msgspec.json.encode(found)


@pytest.mark.parametrize(
    ("word", "verified"), [("sí", True), ("VERIFICADO", True), ("no", False), ("", False)]
)
def test_a_desk_that_verified_a_call_is_believed(word: str, *, verified: bool) -> None:
    config = msgspec.structs.replace(
        CONFIG, columns=msgspec.structs.replace(CONFIG.columns, verified="priority")
    )
    event = decode(row(priority=word), facts(config)).events[0]
    assert ("verified" in event.attributes) is verified
