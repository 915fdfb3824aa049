"""What the registry and the city say about an event: its block and siren, the cameras that see its place, what stands
beside it, whether its sender is away. Pure and built once, so a replay gives the same facts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from math import radians
from typing import Any, Final, NamedTuple

from cior_core.attributes import AWAY, BLOCK, CAMERAS, FACILITY, IN_VIEW, NEAR, ROUTE, SIREN
from cior_core.cameras import NO_CAMERAS, Cameras
from cior_core.geo import EARTH_RADIUS_M, City, coordinate_fault, distance_m
from cior_core.model import UNKNOWN_PLACE, DataClass, Device, Event, Lane, Place, PlaceMethod

FACILITY_REACH_M: Final = 150.0
AWAY_M: Final = 200.0
PLACE_LIMIT_M: Final = 300.0
"""A place known worse than this has no neighbours: a mast's cell or a street without number would have all of them."""
MAX_CAMERAS: Final = 8

_M_PER_DEGREE: Final = radians(1) * EARTH_RADIUS_M


class Surveyed(NamedTuple):
    """What is known of the city itself: its places and its cameras."""

    city: City | None = None
    cameras: Cameras = NO_CAMERAS


UNSURVEYED: Final = Surveyed()


class Vicinity:
    """``facts(event, device)`` are attributes for ``event`` (names: :mod:`cior_core.attributes`).

    Sealed devices lend nothing to others.
    """

    def __init__(
        self, registry: Mapping[str, Device], city: City | None = None, cameras: Cameras = NO_CAMERAS
    ) -> None:
        devices = [each for each in registry.values() if each.data_class is not DataClass.SEALED]
        self._city = city
        self._sirens = frozenset(each.block for each in devices if each.siren and each.block)
        self._cameras = cameras
        self._facilities = _Points(
            (each.kind, Place(method=PlaceMethod.SITE, lat=each.lat, lon=each.lon))
            for each in (() if city is None else city.facilities)
        )

    def facts(self, event: Event, device: Device | None) -> dict[str, Any]:
        """The facts of ``event``, which already has its final place; ``device`` is its registration.

        Telemetry gets the line of its vehicle only: nobody answers it, and boards ask which lines report.
        """
        if event.lane is Lane.TELEMETRY:
            return {ROUTE: device.route} if device is not None and device.route else {}
        place = _sound(event.place)
        facts: dict[str, Any] = {} if device is None else self._registered(place, device)
        if cameras := self._seeing(place, device):
            facts[CAMERAS] = cameras
        if in_view := self._in_view(place, device):
            facts[IN_VIEW] = in_view
        if kinds := sorted(set(self._facilities.within(place, FACILITY_REACH_M))):
            facts[NEAR] = kinds
        return facts

    def placed(self, place: Place) -> Place:
        """``place`` with what the city knows of it (:meth:`cior_core.geo.City.placed`); as it is without a city."""
        return place if self._city is None else self._city.placed(place)

    def _registered(self, place: Place, device: Device) -> dict[str, Any]:
        facts: dict[str, Any] = {} if device.facility is None else {FACILITY: device.facility}
        if device.route:
            facts[ROUTE] = device.route
        if device.block:
            facts |= {BLOCK: device.block, SIREN: device.siren or device.block in self._sirens}
        if self._is_away(place, device):
            facts[AWAY] = True
        return facts

    def _seeing(self, place: Place, device: Device | None) -> list[str]:
        # A camera that the registration names goes first: it was pointed there, or it travels with the vehicle.
        named = () if device is None else device.cameras
        found = self._cameras.seeing(place, count=MAX_CAMERAS) if _is_known(place) else []
        return list(dict.fromkeys((*named, *found)))[:MAX_CAMERAS]

    def _in_view(self, place: Place, device: Device | None) -> list[str]:
        """Of those the ones whose view cone holds the place, and those that the registration names."""
        named = () if device is None else device.cameras
        found = self._cameras.overlooking(place, count=MAX_CAMERAS) if _is_known(place) else []
        return list(dict.fromkeys((*named, *found)))[:MAX_CAMERAS]

    def _is_away(self, place: Place, device: Device) -> bool:
        """Whether its carrier is certainly not at home: farther than both accuracies explain, outside the block."""
        home = device.place
        if not device.registered_people or place.method is not PlaceMethod.GPS:
            return False
        if place.lat is None or place.lon is None or home.lat is None or home.lon is None:
            return False
        allowed_m = AWAY_M + (place.accuracy_m or 0.0) + (home.accuracy_m or 0.0)
        if distance_m(place.lat, place.lon, home.lat, home.lon) <= allowed_m:
            return False
        inside = None if self._city is None else self._city.block(place.lat, place.lon)
        return inside is None or inside != device.block


def _sound(place: Place) -> Place:
    """``place``, or none when its numbers are no place on Earth."""
    bad = (
        place.lat is not None and place.lon is not None and coordinate_fault(place.lat, place.lon) is not None
    )
    return UNKNOWN_PLACE if bad else place


def _is_known(place: Place) -> bool:
    return (place.accuracy_m or 0.0) <= PLACE_LIMIT_M


class _Points:
    """Named points by latitude: the few inside a band are measured, whatever the city's size."""

    def __init__(self, points: Iterable[tuple[str, Place]]) -> None:
        self._points = sorted(
            (place.lat, place.lon, name)
            for name, place in points
            if place.lat is not None and place.lon is not None
        )
        self._lats = [lat for lat, _, _ in self._points]

    def within(self, place: Place, reach_m: float) -> list[str]:
        """Names of the points within ``reach_m`` and the accuracy of ``place``, the nearest first, ties by name."""
        if place.lat is None or place.lon is None or not _is_known(place):
            return []
        allowed_m = reach_m + (place.accuracy_m or 0.0)
        band = allowed_m / _M_PER_DEGREE
        first, last = bisect_left(self._lats, place.lat - band), bisect_right(self._lats, place.lat + band)
        found = (
            (distance_m(place.lat, place.lon, lat, lon), name) for lat, lon, name in self._points[first:last]
        )
        return [name for metres, name in sorted(found) if metres <= allowed_m]
