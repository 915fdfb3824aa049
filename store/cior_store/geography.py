"""SQL for places, in one spot, because ClickHouse takes coordinates in three orders.

``geoToH3(lat, lon, res)`` and ``h3ToGeo`` say latitude first (since 25.x by default); ``greatCircleDistance`` and
``pointInPolygon`` say **longitude first**. A swap is silent: 23.9 km for 111.2 km (research page store_grafana §3).
Write these functions nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from cior_core.errors import ConfigInvalid


def distance_m(*, lat_column: str, lon_column: str, lat: str, lon: str) -> str:
    """SQL for the metres between two columns and two expressions (great circle, WGS84 sphere)."""
    return f"greatCircleDistance({lon_column}, {lat_column}, {lon}, {lat})"


def inside(*, lat_column: str, lon_column: str, ring: Sequence[tuple[float, float]]) -> str:
    """SQL that tells whether two columns lie in ``ring``, given as (lat, lon) corners.

    Raises ``ConfigInvalid`` for fewer than three corners.
    """
    if len(ring) < 3 or not all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in ring):
        raise ConfigInvalid(
            "store.polygon",
            "a zone needs three or more (lat, lon) corners",
            cure="check the order of the coordinates",
        )
    corners = ", ".join(f"({float(lon)!r}, {float(lat)!r})" for lat, lon in ring)
    return f"pointInPolygon((assumeNotNull({lon_column}), assumeNotNull({lat_column})), [{corners}])"
