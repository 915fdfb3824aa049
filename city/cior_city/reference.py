"""Where a layer really lies: its coordinate system, whether it can be what it says, which way round its numbers are.

Everything ends as WGS84, (longitude, latitude). Transformations are PROJ's, by the best one that needs no grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec
import pyproj
import pyproj.exceptions
import shapely

from cior_city.finding import Findings
from cior_city.mapping import guesses
from cior_city.reading import Feature, Read
from cior_core.geo import distance_m

WGS84 = "EPSG:4326"
SAME_CITY_KM = 150.0
"""Layers of one city do not lie farther apart."""


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A layer in WGS84. ``crs``: what its numbers were taken as."""

    read: Read
    crs: str
    features: tuple[Feature, ...]


def located(
    read: Read, said_crs: str, findings: Findings, *, centre: tuple[float, float] | None
) -> Located | None:
    """``read`` in WGS84, None when nobody knows where it is (said). ``centre``: of the city, when known already."""
    sample = _sample(read.features)
    if not sample:
        return Located(read=read, crs=said_crs or read.crs or WGS84, features=read.features)
    crs = _system(read, said_crs, sample, findings, centre=centre)
    if crs is None:
        return None
    if crs.is_geographic and crs.to_epsg() == 4326:
        return Located(read=read, crs=WGS84, features=read.features)
    way = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
    moved = tuple(
        msgspec.structs.replace(each, geometry=_moved(each.geometry, way)) for each in read.features
    )
    return Located(read=read, crs=_name(crs), features=moved)


def _moved(geometry: Any, way: pyproj.Transformer) -> Any:
    if geometry is None or geometry.is_empty:
        return geometry
    return shapely.transform(geometry, lambda corners: _columns(*way.transform(corners[:, 0], corners[:, 1])))


def _columns(x: Any, y: Any) -> Any:
    import numpy as np

    return np.column_stack([x, y])


def _sample(features: Sequence[Feature]) -> list[tuple[float, float]]:
    """A corner of each of some features, (x, y), those at zero left out."""
    points = [
        tuple(shapely.get_coordinates(each.geometry)[0].tolist())
        for each in features[:: max(1, len(features) // 200)]
        if each.geometry is not None and not each.geometry.is_empty
    ]
    return [(x, y) for x, y in points if x == x and y == y and (abs(x) > 0.01 or abs(y) > 0.01)]  # noqa: PLR0124


def _system(
    read: Read,
    said_crs: str,
    sample: Sequence[tuple[float, float]],
    findings: Findings,
    *,
    centre: tuple[float, float] | None,
) -> pyproj.CRS | None:
    degrees = _are_degrees(sample)
    said = said_crs or read.crs
    if not said:
        if degrees:
            findings.add("crs.absent", file=read.file)
            return pyproj.CRS(WGS84)
        findings.add("crs.unknown", file=read.file, fits=_fits(sample, centre))
        return None
    try:
        crs = pyproj.CRS(said)
    except pyproj.exceptions.CRSError:
        findings.add("crs.invalid", file=read.file, said=said[:60])
        return None
    if crs.is_geographic and not degrees:
        x, y = sample[0]
        findings.add(
            "crs.wrong",
            file=read.file,
            said=_name(crs),
            example=f"{x:.0f}, {y:.0f}",
            fits=_fits(sample, centre),
        )
        return None
    if crs.is_projected and degrees:
        findings.add("crs.degrees", file=read.file, said=_name(crs))
        return pyproj.CRS(WGS84)
    return crs


def are_in_degrees(features: Sequence[Feature]) -> bool:
    """Whether the numbers of a layer can be degrees."""
    return _are_degrees(_sample(features))


def _are_degrees(sample: Sequence[tuple[float, float]]) -> bool:
    """Either way round."""
    return sum(abs(x) <= 180 and abs(y) <= 180 for x, y in sample) > len(sample) / 2


def _name(crs: pyproj.CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.name


def _fits(sample: Sequence[tuple[float, float]], centre: tuple[float, float] | None) -> str:
    """Systems that bring the numbers to the city; all that bring them to its country's part of the Earth are too many
    to say without one.
    """
    if centre is None:
        return "–"
    x, y = median(x for x, _ in sample), median(y for _, y in sample)
    found = []
    for name in guesses().systems.candidates:
        lon, lat = pyproj.Transformer.from_crs(name, WGS84, always_xy=True).transform(x, y)
        if abs(lat) <= 90 and distance_m(lat, lon, *centre) < SAME_CITY_KM * 1000:
            found.append(name)
    return ", ".join(found) or "–"


# --- which way round ------------------------------------------------------------------------------------------


def middle(features: Sequence[Feature]) -> tuple[float, float] | None:
    """The median (lat, lon) of a layer; None when nothing of it has a place."""
    sample = _sample(features)
    return (median(y for _, y in sample), median(x for x, _ in sample)) if sample else None


def city_centre(layers: Sequence[Located], told: tuple[float, float] | None) -> tuple[float, float] | None:
    """Where most layers agree that the city is; the first of them when it is a draw."""
    if told is not None:
        return told
    middles = [found for layer in layers if (found := middle(layer.features)) is not None]
    return max(middles, key=lambda one: sum(_near(one, other) for other in middles), default=None)


def put_right(layer: Located, centre: tuple[float, float], findings: Findings) -> Located | None:
    """``layer`` with latitude and longitude the right way round; None when it lies elsewhere (said)."""
    at = middle(layer.features)
    if at is None or _near(at, centre):
        return layer
    if _near((at[1], at[0]), centre):
        findings.add("place.swapped_layer", file=layer.read.file)
        turned = tuple(msgspec.structs.replace(each, geometry=turn(each.geometry)) for each in layer.features)
        return msgspec.structs.replace(layer, features=turned)
    findings.add("crs.far", file=layer.read.file, distance_km=round(distance_m(*at, *centre) / 1000), at=at)
    return None


def _near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0]) <= 90 and distance_m(*one, *other) < SAME_CITY_KM * 1000


def turn(geometry: Any) -> Any:
    """``geometry`` with its two coordinates exchanged."""
    if geometry is None or geometry.is_empty:
        return geometry
    return shapely.transform(geometry, lambda corners: corners[:, ::-1])
