"""Outlines, lines and points as the pack needs them: valid, of the right kind, at a place of this city."""

from __future__ import annotations

from math import cos, radians
from typing import Any

import msgspec
import shapely

from cior_city.finding import Findings
from cior_city.reading import Feature
from cior_city.reference import turn
from cior_core.city_pack import LayerKind
from cior_core.geo import Bounds, CoordinateFault, coordinate_fault, distance_m

MARGIN_DEG = 0.5
"""Nothing of a city lies farther from the rest of it (some 50 km)."""
DECIMALS = 7
LOSS = 0.01
"""Mending that changes an area by less than this share is only for the record."""
M_PER_DEGREE = 111_195.0

AREA = "polygon"
LINE = "line"
POINT = "point"
WANTED = {
    LayerKind.DISTRICTS: AREA, LayerKind.NEIGHBOURHOODS: AREA, LayerKind.AREAS: AREA, LayerKind.BLOCKS: AREA,
    LayerKind.STREETS: LINE, LayerKind.ROUTES: LINE, LayerKind.FACILITIES: POINT, LayerKind.CAMERAS: POINT,
}  # fmt: skip
_FAULTS = {
    CoordinateFault.NULL_ISLAND: "place.null",
    CoordinateFault.NOT_FINITE: "place.invalid",
    CoordinateFault.OUT_OF_RANGE: "place.invalid",
    CoordinateFault.FAR_AWAY: "place.far",
}


class Shaper(msgspec.Struct, kw_only=True):
    """Shapes the features of one layer. ``points``: how many had to become one point."""

    file: str
    kind: LayerKind
    bounds: Bounds
    findings: Findings
    points: int = 0

    def shaped(self, feature: Feature, called: str) -> tuple[Any, str]:
        """The geometry to keep and an empty text, or None and the code of why it is left out (said)."""
        geometry = feature.geometry
        if geometry is None or geometry.is_empty:
            return self._dropped("geometry.empty", called)
        right, why = self._placed(geometry, called)
        if right is None:
            return None, why
        match WANTED[self.kind]:
            case "polygon":
                return self._area(right, called)
            case "line":
                return self._line(right, called)
            case _:
                return self._point(right, called)

    def _dropped(self, code: str, called: str, **arguments: Any) -> tuple[None, str]:
        self.findings.add(code, file=self.file, feature=called, **arguments)
        return None, code

    def _placed(self, geometry: Any, called: str) -> tuple[Any, str]:
        corners = shapely.get_coordinates(geometry)
        lon, lat = (float(each) for each in corners.mean(axis=0))
        fault = coordinate_fault(lat, lon, bounds=self.bounds, margin_deg=MARGIN_DEG)
        at_zero = bool((abs(corners) < 0.01).all(axis=1).any())
        if fault is CoordinateFault.SWAPPED:
            self.findings.add("place.swapped", file=self.file, feature=called, at=(lon, lat))
            return turn(geometry), ""
        if fault is None and at_zero:
            fault = CoordinateFault.NULL_ISLAND
        if fault is None:
            return geometry, ""
        far = {"distance_km": self._away_km(lat, lon)} if fault is CoordinateFault.FAR_AWAY else {}
        at = None if fault is CoordinateFault.NOT_FINITE else (lat, lon)
        return self._dropped(_FAULTS[fault], called, at=at, **far)

    def _away_km(self, lat: float, lon: float) -> int:
        south, west, north, east = self.bounds
        return round(distance_m(lat, lon, (south + north) / 2, (west + east) / 2) / 1000)

    def _area(self, geometry: Any, called: str) -> tuple[Any, str]:
        if geometry.geom_type not in ("Polygon", "MultiPolygon"):
            return self._dropped("geometry.kind", called, found=geometry.geom_type, wanted="Polygon")
        if shapely.is_valid(geometry):
            return geometry, ""
        why = str(shapely.is_valid_reason(geometry))
        lon, lat = (float(each) for each in shapely.get_coordinates(geometry)[0])
        at = (lat, lon)
        whole = polygons_of(shapely.make_valid(geometry))
        before = abs(area_m2(geometry.convex_hull if geometry.area == 0 else geometry))
        if whole.is_empty:
            return self._dropped("geometry.hopeless", called, why=why, at=at)
        change = 100 * abs(area_m2(whole) - before) / (before or 1.0)
        self.findings.add(
            "geometry.invalid", file=self.file, feature=called, at=at, why=why, change_percent=f"{change:.2f}"
        )
        return whole, ""

    def _line(self, geometry: Any, called: str) -> tuple[Any, str]:
        if geometry.geom_type in ("LineString", "MultiLineString"):
            return geometry, ""
        return self._dropped("geometry.kind", called, found=geometry.geom_type, wanted="LineString")

    def _point(self, geometry: Any, called: str) -> tuple[Any, str]:
        if geometry.geom_type == "Point":
            return geometry, ""
        if "Line" in geometry.geom_type or self.kind is LayerKind.CAMERAS:
            one = shapely.get_num_geometries(geometry) == 1 and geometry.geom_type == "MultiPoint"
            if not one:
                return self._dropped("geometry.kind", called, found=geometry.geom_type, wanted="Point")
        self.points += geometry.geom_type != "MultiPoint" or shapely.get_num_geometries(geometry) > 1
        return geometry.representative_point(), ""


def polygons_of(geometry: Any) -> Any:
    """The areas of ``geometry``, its lines and points left out."""
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def area_m2(geometry: Any) -> float:
    """Square metres of degrees, on a plane at its own latitude: a thousandth off for a city."""
    _, south, _, north = geometry.bounds
    return float(geometry.area) * M_PER_DEGREE**2 * cos(radians((south + north) / 2))


def rounded(geometry: Any) -> Any:
    """Coordinates of one centimetre: the same number whoever's border it is."""
    return shapely.transform(geometry, lambda corners: corners.round(DECIMALS))
