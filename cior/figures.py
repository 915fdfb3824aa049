"""What the boards of a centre print and reckon with, from its centre file and its city."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from cior_city.city_of_centre import load_cameras, load_city
from cior_core.cameras import Camera
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_store.centre_facts import CameraFacts, CentreFacts, DistrictFacts, Population, UnitFacts


def centre_facts(centre: Centre) -> CentreFacts:
    """What boards print about the city and reckon with. Raises ``ConfigInvalid``: a population of no district."""
    file, city = centre.file, load_city(centre)
    told = {
        one.district: Population(people=one.people, year=one.year, source=one.source)
        for one in file.population
    }
    ids = [district.id for district in city.districts]
    for district in told:
        if district and district not in ids:
            raise ConfigInvalid(
                "city.unknown_district",
                f"a population is given for '{district}', which is no district",
                cure=f"name one of {', '.join(ids)}; leave the name out for the whole city",
            )
    return CentreFacts(
        area=file.centre.area,
        name=file.centre.name,
        timezone=file.centre.zone,
        population=told.get("") or _sum([told.get(district) for district in ids]),
        districts=tuple(
            DistrictFacts(district=each.id, name=each.name, population=told.get(each.id))
            for each in city.districts
        ),
        cameras=tuple(_camera(each) for each in load_cameras(centre, city).values()),
        units=tuple(_units(centre)),
        **msgspec.structs.asdict(file.figures),
    )


def _camera(camera: Camera) -> CameraFacts:
    return CameraFacts(
        camera=camera.id,
        name=camera.name,
        district=camera.district or "",
        lat=camera.lat,
        lon=camera.lon,
        azimuth_deg=camera.azimuth_deg,
        field_of_view_deg=camera.field_of_view_deg,
        range_m=camera.range_m,
        owner=camera.owner,
        drill=camera.drill,
    )


_SAID_EVERY_S = 40.0
"""Of a unit of which nobody wrote down how often it speaks."""
_MISSED = 3


def _units(centre: Centre) -> Iterator[UnitFacts]:
    from cior_connectors._runtime.settings import read_registry

    path = centre.beside(centre.file.registry)
    for device in read_registry(path).values() if path.is_file() else ():
        if device.agency is not None:
            yield UnitFacts(
                unit=device.id,
                name=device.name or device.id,
                agency=device.agency,
                kind=device.kind,
                fresh_s=_MISSED * (device.expected_every_s or _SAID_EVERY_S),
                drill=device.drill,
            )


def _sum(parts: Sequence[Population | None]) -> Population | None:
    """The city's population when every district has one of the same year and source."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len({(part.year, part.source) for part in known}) != 1:
        return None
    return msgspec.structs.replace(known[0], people=sum(part.people for part in known))
