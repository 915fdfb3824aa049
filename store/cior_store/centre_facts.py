"""What boards print about the city and reckon with: names, populations with year and source, time zone, cost, targets.

They come from the centre file and its districts; the sink writes them when it starts and they differ from the last.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cior_core.model import Struct
from cior_core.taxonomy import Taxonomy
from cior_store.engine import Store


class Population(Struct, frozen=True, kw_only=True):
    """How many people, counted when and by whom."""

    people: int
    year: int
    source: str


class DistrictFacts(Struct, frozen=True, kw_only=True):
    """One district: its id, the name that boards show, its population where it is known."""

    district: str
    name: str
    population: Population | None = None


class CameraFacts(Struct, frozen=True, kw_only=True):
    """One camera of the catalogue, as boards show it: no stream."""

    camera: str
    name: str
    district: str
    lat: float
    lon: float
    azimuth_deg: float | None = None
    field_of_view_deg: float | None = None
    range_m: float
    owner: str = ""
    drill: bool = False


class UnitFacts(Struct, frozen=True, kw_only=True):
    """One unit of an agency. ``fresh_s``: so long what it said last is where it is."""

    unit: str
    name: str
    agency: str
    kind: str
    fresh_s: float
    drill: bool = False


class CentreFacts(Struct, frozen=True, kw_only=True):
    """One centre. ``officer_hour_cost`` in ``currency``, from ``cost_source``; None: no money is shown.

    ``response_target_s``: from the first signal to somebody on scene. ``operators``: positions of the room.
    """

    area: str
    name: str
    timezone: str
    population: Population | None
    districts: tuple[DistrictFacts, ...]
    response_target_s: int
    officer_hours_per_dispatch: float
    officer_hour_cost: float | None
    currency: str
    cost_source: str
    operators: int | None
    cameras: tuple[CameraFacts, ...] = ()
    units: tuple[UnitFacts, ...] = ()


_DISTRICT = ("district", "name", "population", "population_year", "population_source")
_CENTRE = (
    "area", "name", "timezone", "population", "population_year", "population_source", "response_target_s",
    "officer_hours_per_dispatch", "officer_hour_cost", "currency", "cost_source", "operators",
)  # fmt: skip


def write_facts(store: Store, facts: CentreFacts, *, now_ms: int) -> bool:
    """Make ``facts`` what the views show; whether they differed from what stood there. Districts that are gone vanish.

    Every edition is written whole under one later instant, and views read the latest: a sink may not delete.
    Raises ``SourceUnavailable``.
    """
    districts = [(each.district, each.name, *_cells(each.population)) for each in facts.districts]
    centre = (
        facts.area, facts.name, facts.timezone, *_cells(facts.population), facts.response_target_s,
        facts.officer_hours_per_dispatch, facts.officer_hour_cost, facts.currency, facts.cost_source, facts.operators,
    )  # fmt: skip
    changed = [
        _write(store, "ops.city_districts", _DISTRICT, rows=sorted(districts), now_ms=now_ms),
        _write(store, "ops.centre_facts", _CENTRE, rows=[centre], now_ms=now_ms),
        _write(store, "ops.city_cameras", CameraFacts.__struct_fields__, rows=_cameras(facts), now_ms=now_ms),
        _write(store, "ops.city_units", UnitFacts.__struct_fields__, rows=_units(facts), now_ms=now_ms),
    ]
    return any(changed)


def write_types(store: Store, taxonomy: Taxonomy, *, now_ms: int) -> bool:
    """Make ``taxonomy`` what boards group by; whether it differed. Raises ``SourceUnavailable``."""
    rows = sorted((kind.code, kind.family, kind.name_es, kind.name_en) for kind in taxonomy.values())
    return _write(
        store, "ops.event_types", ("type", "family", "name_es", "name_en"), rows=[*rows], now_ms=now_ms
    )


def _cameras(facts: CentreFacts) -> list[tuple[Any, ...]]:
    """In order of id; an edition without cameras is one row without id, or the last ones would stay."""
    rows = sorted(msgspec.structs.astuple(each) for each in facts.cameras)
    return rows or [
        msgspec.structs.astuple(CameraFacts(camera="", name="", district="", lat=0.0, lon=0.0, range_m=0.0))
    ]


def _units(facts: CentreFacts) -> list[tuple[Any, ...]]:
    """As :func:`_cameras`."""
    rows = sorted(msgspec.structs.astuple(each) for each in facts.units)
    return rows or [msgspec.structs.astuple(UnitFacts(unit="", name="", agency="", kind="", fresh_s=0.0))]


def _cells(population: Population | None) -> tuple[int | None, int | None, str]:
    return (None, None, "") if population is None else (population.people, population.year, population.source)


def _write(
    store: Store, table: str, columns: tuple[str, ...], *, rows: list[tuple[Any, ...]], now_ms: int
) -> bool:
    """One edition of ``table``; False when the latest is the same."""
    latest = store.rows(
        f"""SELECT {", ".join(columns)}, toUnixTimestamp64Milli(written) AS edition_ms FROM {table} FINAL
        WHERE written = (SELECT max(written) FROM {table}) ORDER BY {columns[0]}"""
    )
    edition_ms = max([now_ms, *(int(row["edition_ms"]) + 1 for row in latest)])
    if [tuple(row[name] for name in columns) for row in latest] == rows:
        return False
    cells = list(zip(*((*row, edition_ms) for row in rows), strict=True))
    store.insert(table, (*columns, "written"), cells, token=f"{table}-{edition_ms}")
    return True
