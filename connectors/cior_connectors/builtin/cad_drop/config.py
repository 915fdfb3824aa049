"""Configuration of one drop folder: where files come from, how a record is read, what its columns mean.

Strict; everything site-specific lives here.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from cior_connectors.contract import ConnectorConfig
from cior_core.model import Phase, PlaceMethod

Column = str | int

EPOCHS: Final = {
    "epoch": 0.0,
    "epoch_s": 1000.0,
    "epoch_ms": 1.0,
    "epoch_us": 1e-3,
    "epoch_ns": 1e-6,
}
"""Names among ``datetime_formats`` of numbers since 1970, and what one is in ms; ``epoch`` tells it by the size."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections."""


class CsvFormat(_Part, frozen=True, kw_only=True):
    """How CSV is written."""

    delimiter: Annotated[
        str, Meta(min_length=1, max_length=1, description="Column separator.", examples=[";"])
    ] = ","
    quote: Annotated[str, Meta(min_length=1, max_length=1, description="Quotation mark.", examples=['"'])] = (
        '"'
    )
    header: Annotated[
        bool,
        Meta(
            description="First line names the columns; without, columns are numbers from 0.", examples=[False]
        ),
    ] = True
    columns: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="How many columns a record has when there is no header; other counts are dead letters."
        ),
    ] = None


class Columns(_Part, frozen=True, kw_only=True):
    """Which column holds what: a header name or a CSV index from 0; a JSON path with dots, in which a number is an
    index from 0 (``geometry.coordinates.1``) and a ``$ref`` is followed; an XML path with slashes and @attribute.
    """

    occurred: Annotated[
        Column | tuple[Column, ...],
        Meta(
            description="When it happened (call received); several columns, date first, are read as one text.",
            examples=["created", ["fecha", "hora"]],
        ),
    ]
    type: Annotated[
        Column,
        Meta(description="The CAD's nature or type, matched against the type rules.", examples=["nature"]),
    ]
    id: Annotated[
        tuple[Column, ...],
        Meta(
            description="Incident number; several columns are joined. None: the record's own bytes.",
            examples=[["number"]],
        ),
    ] = ()
    modified: Annotated[
        Column | None, Meta(description="Last change; tells versions of one incident apart.")
    ] = None
    lat: Annotated[Column | None, Meta(description="Latitude, WGS84 degrees.")] = None
    lon: Annotated[Column | None, Meta(description="Longitude, WGS84 degrees.")] = None
    place: Annotated[
        Column | None,
        Meta(
            description="One field with the point: WKT, (lat, lon), GeoRSS, GeoJSON, an ESRI or Socrata location.",
            examples=["case_location"],
        ),
    ] = None
    address: Annotated[tuple[Column, ...], Meta(description="Address parts, joined with a comma.")] = ()
    priority: Annotated[
        Column | None, Meta(description="The CAD's own priority, kept as text and never computed with.")
    ] = None
    status: Annotated[Column | None, Meta(description="The CAD's state, matched against [phases].")] = None
    merged_into: Annotated[
        Column | None, Meta(description="Number of the incident this one was merged into.")
    ] = None
    dispatched: Annotated[
        Column | tuple[Column, ...] | None,
        Meta(description="When somebody was sent, written as `occurred` is.", examples=["despachado"]),
    ] = None
    on_scene: Annotated[
        Column | tuple[Column, ...] | None,
        Meta(description="When somebody arrived, written as `occurred` is.", examples=["en_lugar"]),
    ] = None
    test: Annotated[Column | None, Meta(description="Column that marks a test call (see test_pattern).")] = (
        None
    )
    verified: Annotated[
        Column | None, Meta(description="Column that marks a verified call (see verified_pattern).")
    ] = None


class TypeRule(_Part, frozen=True, kw_only=True):
    """One rule; the first that matches wins.

    Give ``equals`` (whole text, letter case ignored) or ``pattern`` (regular expression, found anywhere).
    """

    code: Annotated[str, Meta(description="Type of the CIOR taxonomy.", examples=["fire.structure"])]
    equals: Annotated[tuple[str, ...], Meta(description="Exact natures.")] = ()
    pattern: Annotated[
        str | None,
        Meta(
            description="Regular expression over the nature, letter case ignored.",
            examples=["^EMS:.*CARDIAC"],
        ),
    ] = None


class SealRule(_Part, frozen=True, kw_only=True):
    """A call whose ``columns`` hold ``pattern`` is sealed, whatever its type.

    So is one in which a column is missing or is no text: what cannot be looked at is not known to be harmless.
    """

    columns: Annotated[
        tuple[Column, ...], Meta(min_length=1, description="Where to look.", examples=[["relato"]])
    ]
    pattern: Annotated[
        str, Meta(description="Regular expression; letter case and accents ignored.", examples=["violencia"])
    ]


class Bounds(_Part, frozen=True, kw_only=True):
    """Where this desk's incidents can be, WGS84 degrees. Lets swapped coordinates be recognised and put right."""

    south: Annotated[float, Meta(ge=-90, le=90)]
    west: Annotated[float, Meta(ge=-180, le=180)]
    north: Annotated[float, Meta(ge=-90, le=90)]
    east: Annotated[float, Meta(ge=-180, le=180)]

    def holds(self, lat: float, lon: float) -> bool:
        """Whether the point lies inside."""
        return self.south <= lat <= self.north and self.west <= lon <= self.east


class CadDropConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One drop folder.

    Only mapped columns and those in ``keep`` leave in events; everything else stays in the raw record alone.
    """

    folder: Annotated[str, Meta(description="Where the CAD puts its files.", examples=["/srv/cad/inbox"])]
    pattern: Annotated[str, Meta(description="File names to take (shell pattern).", examples=["*.csv"])] = "*"
    ready: Annotated[
        Literal["rename", "mark", "stable"],
        Meta(
            description="When a file is whole: it gets its name at the end; a `<name>.done` mark appears; "
            "its size rests for stable_s.",
            examples=["rename"],
        ),
    ] = "stable"
    stable_s: Annotated[float, Meta(gt=0, description="Rest that counts as whole.", examples=[10.0])] = 10.0
    poll_s: Annotated[float, Meta(gt=0, description="How often to look.", examples=[2.0])] = 2.0
    finish: Annotated[
        Literal["move", "ack_file"],
        Meta(
            description="Acknowledge by moving the file to done/ (bad ones to quarantine/), or by writing "
            "`<name>.ack` beside it.",
            examples=["move"],
        ),
    ] = "move"
    format: Annotated[
        Literal["csv", "json", "ndjson", "xml"], Meta(description="File format.", examples=["csv"])
    ]
    encoding: Annotated[
        Literal["utf-8", "latin-1", "cp1252", "detect"],
        Meta(
            description="Text encoding; detect = UTF-8 when it is, else CP1252, else Latin-1, record by record. XML: "
            "only where the file neither declares one that is true nor is UTF-8.",
            examples=["detect"],
        ),
    ] = "utf-8"
    csv: Annotated[CsvFormat, Meta(description="CSV details.")] = CsvFormat()
    records_at: Annotated[
        str,
        Meta(
            description="JSON: dotted path of the array (empty: top). XML: element name of a record.",
            examples=["data.calls"],
        ),
    ] = ""
    columns: Annotated[Columns, Meta(description="What the columns mean.")]
    zone: Annotated[
        str,
        Meta(
            description="IANA zone of local times without an offset.", examples=["America/Argentina/Cordoba"]
        ),
    ]
    datetime_formats: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="strptime formats tried in order; `iso` for ISO 8601; `epoch_s`, `epoch_ms`, `epoch_us`, "
            "`epoch_ns` for numbers since 1970, `epoch` for whichever fits (tried last anyway).",
            examples=[["%Y-%m-%d %H:%M"]],
        ),
    ] = ("iso",)
    clock_error_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Known error of the CAD's clock, added to the resolution of its times.",
            examples=[30.0],
        ),
    ] = 0.0
    max_age_days: Annotated[
        float,
        Meta(gt=0, description="A call older than this has a wrong time.", examples=[3650.0]),
    ] = 7_300.0
    rows_in_order: Annotated[
        bool,
        Meta(
            description="Calls come in the order of their times: an earlier one then shows a clock set back.",
            examples=[True],
        ),
    ] = False
    decimal_comma: Annotated[bool, Meta(description="Coordinates use a decimal comma.", examples=[True])] = (
        False
    )
    bounds: Annotated[Bounds | None, Meta(description="Where incidents can be.")] = None
    crs: Annotated[
        int | str | None,
        Meta(
            description="Coordinate system of projected coordinates (EPSG code); lon is x (east), lat is y (north).",
            examples=["EPSG:22185"],
        ),
    ] = None
    place_order: Annotated[
        Literal["lat_lon", "lon_lat"],
        Meta(
            description="Order of a bare pair in one field; WKT and GeoJSON have their own.",
            examples=["lon_lat"],
        ),
    ] = "lat_lon"
    place_method: Annotated[
        PlaceMethod, Meta(description="How the coordinates were found.", examples=["geocoded"])
    ] = PlaceMethod.GEOCODED
    accuracy_m: Annotated[float, Meta(gt=0, description="Accuracy of the coordinates.", examples=[100.0])] = (
        100.0
    )
    id_by_year: Annotated[
        bool, Meta(description="Incident numbers start again each (local) year.", examples=[True])
    ] = True
    id_pattern: Annotated[
        str | None,
        Meta(
            description="What a whole incident number is (regular expression); others count as destroyed.",
            examples=["26-\\d{6}"],
        ),
    ] = None
    types: Annotated[tuple[TypeRule, ...], Meta(description="Type rules, first match wins.")] = ()
    default_type: Annotated[
        str,
        Meta(description="Type of a nature no rule matches: it is never dropped.", examples=["call.other"]),
    ]
    seal: Annotated[
        tuple[SealRule, ...], Meta(description="Calls to seal whatever their type, by what they say.")
    ] = ()
    phases: Annotated[dict[str, Phase], Meta(description="CAD state (letter case ignored) to phase.")] = (
        msgspec.field(default_factory=dict)
    )
    test_pattern: Annotated[str, Meta(description="What the test column looks like for a test call.")] = (
        r"^(1|true|yes|si|sí|test|prueba)$"
    )
    verified_pattern: Annotated[
        str, Meta(description="What the verified column looks like for a verified call.")
    ] = r"^(1|true|yes|si|sí|verified|verificado|verificada|confirmado|confirmada)$"
    keep: Annotated[tuple[Column, ...], Meta(description="Further columns copied into the event.")] = ()
    mask: Annotated[
        tuple[Column, ...],
        Meta(description="Kept columns in which names, numbers and addresses of people are blacked out."),
    ] = ()
    mask_patterns: Annotated[
        tuple[str, ...], Meta(description="What else to black out there (regular expressions).")
    ] = ()
    subject: Annotated[
        str, Meta(description="Device id of this desk in the registry.", examples=["cad:911"])
    ] = "cad:911"
    max_record_bytes: Annotated[
        int, Meta(ge=64, description="Longest record; longer ones are dead letters.", examples=[65536])
    ] = 65_536
    remember_days: Annotated[
        int,
        Meta(
            ge=1,
            description="How long versions of incidents are remembered to tell an update from a new call.",
        ),
    ] = 400

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"zone {self.zone!r} is not an IANA zone") from error
        for pattern in (
            self.test_pattern,
            self.verified_pattern,
            *self.mask_patterns,
            *(rule.pattern for rule in self.seal),
            *(each for each in (self.id_pattern, *(rule.pattern for rule in self.types)) if each is not None),
        ):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if any(not rule.equals and rule.pattern is None for rule in self.types):
            raise ValueError("a type rule needs equals or pattern")
        if set(self.mask) - set(self.keep):
            raise ValueError("mask names a column that keep does not")
        if self.format == "xml" and not self.records_at:
            raise ValueError("records_at must name the record element of an XML file")
        if (self.columns.lat is None) != (self.columns.lon is None):
            raise ValueError("lat and lon go together")
        if self.crs is not None and not known_crs(self.crs):
            raise ValueError(f"crs {self.crs!r} is no coordinate system: name it as EPSG:22185")

    @property
    def seals(self) -> bool:
        """Whether calls of this desk may be sealed: it has a rule for it, or a type of the sealed family."""
        return bool(self.seal) or any(rule.code.startswith("silent.") for rule in self.types)


def code_of(crs: object) -> str:
    """A coordinate system as ``pyproj`` takes it: a bare number is an EPSG code, but ESRI's own (102100) are not."""
    text = str(crs).strip()
    if not text.isdigit():
        return text
    return f"ESRI:{text}" if len(text) == 6 and text.startswith("10") else f"EPSG:{text}"


def known_crs(crs: object) -> bool:
    """Whether ``pyproj`` has the coordinate system."""
    from pyproj import CRS  # heavy, and only a desk with a grid needs it
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(code_of(crs))
    except CRSError:
        return False
    return True
