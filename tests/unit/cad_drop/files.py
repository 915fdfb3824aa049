"""A file as bytes and a mapping as TOML, to events: the way of ``cior connector try`` and of the drop folder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.source import CadDropSource
from cior_connectors.contract import DecodeContext
from cior_core import bundled, strict_toml
from cior_core.errors import PayloadRejected
from cior_core.model import Event, Place, Producer
from cior_core.taxonomy import Taxonomy

TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))
NOW_MS = 1_796_000_000_000
"""2026-11-30: after every call of these files."""
HEAD = 'folder = "inbox"\nready = "rename"\ndefault_type = "call.other"\n'
DESK = (
    HEAD
    + """format = "csv"
zone = "America/Argentina/Cordoba"
datetime_formats = ["%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"]
[csv]
delimiter = ";"
[columns]
id = ["numero"]
occurred = "creado"
type = "tipo"
address = ["direccion"]
"""
)
"""The mapping of a desk that exports from a spreadsheet in Spanish."""


def config_of(mapping: str) -> CadDropConfig:
    return strict_toml.parse(mapping, CadDropConfig, file="mapping.toml")


def outcomes(mapping: str, data: bytes) -> Iterator[Event | str]:
    """Each record of ``data`` as its event, or the code of its dead letter."""
    config = config_of(mapping)
    source = CadDropSource(config)
    context = DecodeContext(
        config=config, taxonomy=TAXONOMY, producer=Producer(connector="cad_drop", version="1")
    )
    for each in source.trial(io.BytesIO(data)):
        facts = msgspec.structs.replace(each.facts, received_ms=NOW_MS, context=context)
        try:
            yield from source.decode(each.payload, facts).events
        except PayloadRejected as rejected:
            yield rejected.code


def events(mapping: str, data: bytes) -> list[Event]:
    """The events of ``data``, all of whose records must be read."""
    found = list(outcomes(mapping, data))
    lost = [each for each in found if isinstance(each, str)]
    assert not lost, lost
    return [each for each in found if isinstance(each, Event)]


def utc(event: Event) -> str:
    """When it happened, as ISO text."""
    return datetime.fromtimestamp(event.occurred_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def rounded(place: Place, digits: int = 6) -> tuple[float, float] | None:
    """Latitude and longitude of a place, to a metre (six digits); None of an unknown one."""
    if place.lat is None or place.lon is None:
        return None
    return round(place.lat, digits), round(place.lon, digits)


def point(event: Event) -> tuple[float, float] | None:
    """Where it happened, to a metre."""
    return rounded(event.place)
