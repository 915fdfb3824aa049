"""Places: distances, cells, districts and facilities, all WGS84 degrees and metres.

Arguments are always ``lat, lon``; GeoJSON files are ``[lon, lat]`` (RFC 7946 §3.1.1). Distances are great circles on
the mean sphere (haversine, error below 0.6 %), far inside the accuracy of any fix we get.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import asin, atan2, cos, degrees, isfinite, radians, sin, sqrt
from typing import Any, Final, Literal, Self

import h3
import msgspec

from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.model import Place
from cior_core.rings import Ring, Zones

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius R1 of the WGS84 ellipsoid."""

OUTSIDE: Final = "outside"
"""The bucket of located facts in no district, so that district figures add up to the whole (S05)."""

NULL_ISLAND_DEGREES: Final = 0.01
"""Within about a kilometre of (0, 0) a fix is a receiver's default, not a place."""

Bounds = tuple[float, float, float, float]
"""south, west, north, east."""


class CoordinateFault(StrEnum):
    """Why a pair of numbers is no place.

    ``SWAPPED``: the pair would lie in the city with latitude and longitude exchanged.
    """

    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    NULL_ISLAND = "null_island"
    SWAPPED = "swapped"
    FAR_AWAY = "far_away"


def distance_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Great-circle distance in metres (haversine, stable for small distances; R. W. Sinnott 1984)."""
    south, north = radians(lat_a), radians(lat_b)
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(radians(lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))


def bearing_deg(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Initial great-circle bearing from a to b, degrees clockwise from true north, 0 (inclusive) to 360."""
    south, north, east = radians(lat_a), radians(lat_b), radians(lon_b - lon_a)
    over = cos(south) * sin(north) - sin(south) * cos(north) * cos(east)
    return degrees(atan2(sin(east) * cos(north), over)) % 360


def destination(lat: float, lon: float, *, bearing: float, metres: float) -> tuple[float, float]:
    """The (lat, lon) that lies ``metres`` from a point on a bearing in degrees from true north (great circle)."""
    south, turn, arc = radians(lat), radians(bearing), metres / EARTH_RADIUS_M
    north = asin(sin(south) * cos(arc) + cos(south) * sin(arc) * cos(turn))
    east = atan2(sin(turn) * sin(arc) * cos(south), cos(arc) - sin(south) * sin(north))
    return degrees(north), lon + degrees(east)


def cell(lat: float, lon: float, resolution: int = 9) -> str:
    """The H3 cell of a point; 9 (about 170 m) for joins, 8 and 7 for maps."""
    return str(h3.latlng_to_cell(lat, lon, resolution))


def coordinate_fault(
    lat: float, lon: float, *, bounds: Bounds | None = None, margin_deg: float = 2.0
) -> CoordinateFault | None:
    """What is wrong with a pair of coordinates, None when nothing is.

    With ``bounds`` (of the city), a pair farther than ``margin_deg`` from them is ``SWAPPED`` when exchanging the
    numbers would bring it inside the bounds, else ``FAR_AWAY``.
    """
    if not (isfinite(lat) and isfinite(lon)):
        return CoordinateFault.NOT_FINITE
    if abs(lat) < NULL_ISLAND_DEGREES and abs(lon) < NULL_ISLAND_DEGREES:
        return CoordinateFault.NULL_ISLAND
    if (
        bounds is not None
        and not _inside(lat, lon, bounds, margin_deg)
        and _inside(lon, lat, bounds, margin_deg)
    ):
        return CoordinateFault.SWAPPED
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return CoordinateFault.OUT_OF_RANGE
    return (
        CoordinateFault.FAR_AWAY if bounds is not None and not _inside(lat, lon, bounds, margin_deg) else None
    )


def _inside(lat: float, lon: float, bounds: Bounds, margin_deg: float) -> bool:
    south, west, north, east = bounds
    return south - margin_deg <= lat <= north + margin_deg and west - margin_deg <= lon <= east + margin_deg


# --- a city -------------------------------------------------------------------------------------------------


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """A named area: its largest ring of (lat, lon), not repeating the first corner, and its ``more`` rings: further
    parts and holes.
    """

    id: str
    name: str
    ring: Ring
    more: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """All of them: a point is inside when an odd number holds it."""
        return (self.ring, *self.more)


class District(Area, frozen=True, kw_only=True):
    """One district of the city."""


class Facility(msgspec.Struct, frozen=True, kw_only=True):
    """A place of the city that alerts refer to. ``kind``: health, care, sports, school."""

    id: str
    kind: str
    name: str
    lat: float
    lon: float
    district: str = OUTSIDE
    properties: dict[str, Any] = {}


class Block(Area, frozen=True, kw_only=True):
    """A neighbourhood block: those who hear its siren and get its notice."""


class Neighbourhood(Area, frozen=True, kw_only=True):
    """A neighbourhood, as its people call it; districts are what figures and grants go by."""


class NearFacility(msgspec.Struct, frozen=True, kw_only=True):
    """A facility and how far it is."""

    facility: Facility
    distance_m: float


class _Geometry(msgspec.Struct, frozen=True):
    type: Literal["Point", "Polygon", "MultiPolygon"]
    coordinates: Any


class _Feature(msgspec.Struct, frozen=True):
    geometry: _Geometry
    properties: dict[str, Any]


class _Collection(msgspec.Struct, frozen=True):
    features: tuple[_Feature, ...]


class City:
    """The places of one city. Immutable after loading; every answer depends on the files alone."""

    def __init__(
        self,
        *,
        districts: Sequence[District],
        facilities: Sequence[Facility] = (),
        blocks: Sequence[Block] = (),
        neighbourhoods: Sequence[Neighbourhood] = (),
    ) -> None:
        if not districts:
            raise ConfigInvalid(
                "geo.no_districts", "the city has no district", cure="give at least one polygon"
            )
        self.districts = tuple(districts)
        self.facilities = tuple(facilities)
        self.blocks = tuple(blocks)
        self.neighbourhoods = tuple(neighbourhoods)
        corners = [corner for district in self.districts for ring in district.rings for corner in ring]
        lats, lons = [lat for lat, _ in corners], [lon for _, lon in corners]
        self.bounds: Bounds = (min(lats), min(lons), max(lats), max(lons))
        if self.bounds[3] - self.bounds[1] > 180:
            raise ConfigInvalid(
                "geo.antimeridian",
                "the districts lie on both sides of the 180th meridian",
                cure="give the city's longitudes beyond 180 on one side, or a centre to each side",
            )
        self._zones = Zones([district.rings for district in self.districts])
        self._squares = Zones([block.rings for block in self.blocks])
        self._quarters = Zones([each.rings for each in self.neighbourhoods])

    @classmethod
    def load(
        cls,
        *,
        districts: str,
        facilities: str | None = None,
        schools: str | None = None,
        blocks: str | None = None,
        neighbourhoods: str | None = None,
    ) -> Self:
        """From GeoJSON texts. Raises :class:`ConfigInvalid` ``geo.geojson`` or ``geo.id_twice``."""
        zones = [
            District(id=_text(f, "id"), name=_text(f, "name"), ring=(rings := _rings(f))[0], more=rings[1:])
            for f in _features(districts, "districts")
        ]
        bare = cls(districts=zones)
        points = [*_features(facilities, "facilities"), *_features(schools, "schools")]
        places = [_facility(feature, bare) for feature in points]
        squares = [
            Block(id=_text(f, "id"), name=_text(f, "name"), ring=(rings := _rings(f))[0], more=rings[1:])
            for f in _features(blocks, "blocks")
        ]
        quarters = [
            Neighbourhood(
                id=_text(f, "id"), name=_text(f, "name"), ring=(rings := _rings(f))[0], more=rings[1:]
            )
            for f in _features(neighbourhoods, "neighbourhoods")
        ]
        for named in (zones, places, squares, quarters):
            _unique([thing.id for thing in named])
        return cls(districts=zones, facilities=places, blocks=squares, neighbourhoods=quarters)

    @classmethod
    def demo(cls) -> Self:
        """The bundled city: Rosario-like, drawn by us, approximate, not official."""
        return cls.load(
            **{
                name: bundled.text(f"city/{name}.geojson")
                for name in ("districts", "facilities", "schools", "blocks")
            }
        )

    def district(self, lat: float, lon: float) -> str | None:
        """The id of the one district that holds the point, None outside the city.

        Border points belong to exactly one (:func:`cior_core.rings.contains`); where two overlap, it is the first.
        """
        number = self._zones.at(lat, lon)
        return None if number is None else self.districts[number].id

    def bucket(self, lat: float, lon: float) -> str:
        """The district's id or :data:`OUTSIDE`: every located fact has exactly one."""
        return self.district(lat, lon) or OUTSIDE

    def block(self, lat: float, lon: float) -> str | None:
        """The id of the block that holds the point, None when none does."""
        number = self._squares.at(lat, lon)
        return None if number is None else self.blocks[number].id

    def neighbourhood(self, lat: float, lon: float) -> str | None:
        """The name of the neighbourhood that holds the point, None when none does."""
        number = self._quarters.at(lat, lon)
        return None if number is None else self.neighbourhoods[number].name

    def nearest(
        self, lat: float, lon: float, *, kind: str | None = None, count: int = 3
    ) -> tuple[NearFacility, ...]:
        """The ``count`` nearest facilities (of ``kind``), nearest first, ties by id."""
        found = [
            NearFacility(facility=each, distance_m=distance_m(lat, lon, each.lat, each.lon))
            for each in self.facilities
            if kind in {None, each.kind}
        ]
        return tuple(sorted(found, key=lambda near: (near.distance_m, near.facility.id))[:count])

    def placed(self, place: Place) -> Place:
        """``place`` with its H3 cell, its district bucket and, for want of a better text, its neighbourhood's name,
        where it has coordinates and they were missing.
        """
        if place.lat is None or place.lon is None or not (isfinite(place.lat) and isfinite(place.lon)):
            return place
        return msgspec.structs.replace(
            place,
            h3=place.h3 or cell(place.lat, place.lon),
            district=place.district or self.bucket(place.lat, place.lon),
            text=place.text or self.neighbourhood(place.lat, place.lon),
        )


def _features(text: str | None, name: str) -> tuple[_Feature, ...]:
    if text is None:
        return ()
    try:
        return msgspec.json.decode(text, type=_Collection).features
    except msgspec.MsgspecError as error:
        raise ConfigInvalid(
            "geo.geojson", f"{name}: {error}", cure="give a GeoJSON FeatureCollection of points or polygons"
        ) from error


def _facility(feature: _Feature, city: City) -> Facility:
    lat, lon = _corner(feature.geometry.coordinates)
    known = {"id", "kind", "name"}
    return Facility(
        id=_text(feature, "id"),
        kind=_text(feature, "kind"),
        name=_text(feature, "name"),
        lat=lat,
        lon=lon,
        district=city.bucket(lat, lon),
        properties={key: value for key, value in feature.properties.items() if key not in known},
    )


def _rings(feature: _Feature) -> tuple[Ring, ...]:
    """All rings of a polygon or of several, the one with the most corners first."""
    found = feature.geometry.coordinates
    parts = found if feature.geometry.type == "MultiPolygon" else [found]
    if feature.geometry.type == "Point" or not isinstance(parts, list) or not parts:
        raise _no_polygon()
    rings = [_ring(ring) for part in parts if isinstance(part, list) for ring in part]
    if not rings:
        raise _no_polygon()
    return tuple(sorted(rings, key=len, reverse=True))


def _ring(positions: Any) -> Ring:
    if not isinstance(positions, list) or len(positions) < 4 or positions[0] != positions[-1]:
        raise _no_polygon()
    return tuple(_corner(position) for position in positions[:-1])


def _no_polygon() -> ConfigInvalid:
    return ConfigInvalid(
        "geo.geojson",
        "a polygon needs closed rings of at least four positions",
        cure="close its rings, or import the city (cior city import), which says which ones are wrong",
    )


def _corner(position: Any) -> tuple[float, float]:
    match position:
        case [int() | float() as lon, int() | float() as lat, *_] if coordinate_fault(lat, lon) is None:
            return float(lat), float(lon)
        case _:
            raise ConfigInvalid(
                "geo.geojson",
                "a position is not [longitude, latitude] in degrees",
                cure="correct the coordinates",
            )


def _text(feature: _Feature, name: str) -> str:
    value = feature.properties.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(
            "geo.geojson", f"a feature has no '{name}'", cure=f"give each feature the text property '{name}'"
        )
    return value


def _unique(ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ConfigInvalid(
            "geo.id_twice", "two features of one file have the same id", cure="give each its own"
        )
