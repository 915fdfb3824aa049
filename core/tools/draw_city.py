# ruff: noqa: INP001 - a program, not a package
"""Draws the demo city: ``python core/tools/draw_city.py`` writes core/cior_core/data/city/*.geojson, byte for byte
the same each time.

The city is Rosario-*like*: a river in the east, six districts, 51 health, 35 care and 11 sports centres. Borders,
sites and names are ours, approximate and not official; nothing was taken from a map or a register. Districts are
lists of shared corners, so they tile by construction.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

CITY = Path(__file__).parents[1] / "cior_core" / "data" / "city"
NOTE = (
    "Demo data of CIOR, drawn by its authors. Rosario-like, approximate, NOT official: do not dispatch by it."
)

CORNERS = {  # name: (lat, lon); n = river bank north to south, w = western limit, i = inner corners
    "n0": (-32.868, -60.690),
    "n1": (-32.886, -60.676),
    "n2": (-32.905, -60.665),
    "n3": (-32.925, -60.652),
    "n4": (-32.934, -60.638),
    "n5": (-32.944, -60.629),
    "n6": (-32.965, -60.620),
    "n7": (-32.986, -60.614),
    "n8": (-33.005, -60.612),
    "n9": (-33.030, -60.640),
    "w0": (-32.880, -60.733),
    "w1": (-32.898, -60.768),
    "w2": (-32.925, -60.790),
    "w3": (-32.946, -60.793),
    "w4": (-32.965, -60.785),
    "w5": (-32.990, -60.764),
    "w6": (-33.014, -60.727),
    "w7": (-33.033, -60.690),
    "i1": (-32.915, -60.700),
    "i2": (-32.935, -60.690),
    "i3": (-32.960, -60.680),
    "i4": (-32.972, -60.655),
    "i5": (-32.902, -60.731),
    "i6": (-32.934, -60.741),
    "i7": (-32.965, -60.728),
    "i8": (-33.001, -60.668),
    "i9": (-32.947, -60.683),
}
DISTRICTS = {
    "centro": ("Distrito Centro", "n3 i1 i2 i9 i3 i4 n6 n5 n4"),
    "norte": ("Distrito Norte", "n0 w0 w1 i5 i1 n3 n2 n1"),
    "noroeste": ("Distrito Noroeste", "w1 w2 i6 i2 i1 i5"),
    "oeste": ("Distrito Oeste", "w2 w3 w4 i7 i3 i9 i2 i6"),
    "sudoeste": ("Distrito Sudoeste", "w4 w5 w6 w7 i8 i4 i3 i7"),
    "sur": ("Distrito Sur", "i4 i8 w7 n9 n8 n7 n6"),
}
SITES = (
    ("health", "Centro de Salud", 51),
    ("care", "Centro de Cuidado", 35),
    ("sports", "Polideportivo", 11),
)
SCHOOLS, BLOCKS = 35, 60
BLOCK_LAT, BLOCK_LON = 0.00095, 0.00112


class Dice:
    """A linear congruential generator (Numerical Recipes), so that the drawing depends on no library version."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def between(self, low: float, high: float) -> float:
        """The next number from ``low`` to ``high``."""
        self.state = (1_664_525 * self.state + 1_013_904_223) % 2**32
        return low + (high - low) * self.state / 2**32


def main() -> int:
    """Write the four files."""
    CITY.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (CITY / name).write_text(text, encoding="utf-8")
    return 0


def files() -> dict[str, str]:
    """File name to text."""
    dice = Dice(2026)
    rings = {key: [CORNERS[corner] for corner in corners.split()] for key, (_, corners) in DISTRICTS.items()}
    facilities = [
        site(f"{kind}-{n:02d}", kind, f"{title} {n:02d}", point)
        for kind, title, count in SITES
        for n, point in enumerate(scatter(dice, rings, count), start=1)
    ]
    schools = [school(n, point) for n, point in enumerate(scatter(dice, rings, SCHOOLS), start=1)]
    blocks = [block(n, point) for n, point in enumerate(scatter(dice, rings, BLOCKS))]
    return {
        "districts.geojson": collection(
            [polygon(key, DISTRICTS[key][0], ring) for key, ring in rings.items()]
        ),
        "facilities.geojson": collection(facilities),
        "schools.geojson": collection(schools),
        "blocks.geojson": collection(blocks),
    }


def scatter(
    dice: Dice, rings: dict[str, list[tuple[float, float]]], count: int
) -> Iterator[tuple[float, float]]:
    """``count`` points, district by district in turn, well inside their district."""
    keys = list(rings)
    for n in range(count):
        ring = rings[keys[n % len(keys)]]
        lats, lons = [lat for lat, _ in ring], [lon for _, lon in ring]
        while True:
            lat, lon = dice.between(min(lats), max(lats)), dice.between(min(lons), max(lons))
            if all(
                holds(ring, lat + up, lon + right) for up in (-0.0015, 0.0015) for right in (-0.0015, 0.0015)
            ):
                yield round(lat, 6), round(lon, 6)
                break


def holds(ring: list[tuple[float, float]], lat: float, lon: float) -> bool:
    """Even-odd rule."""
    odd = False
    for (lat_1, lon_1), (lat_2, lon_2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (lat_1 > lat) != (lat_2 > lat) and lon < lon_1 + (lat - lat_1) * (lon_2 - lon_1) / (lat_2 - lat_1):
            odd = not odd
    return odd


def school(n: int, point: tuple[float, float]) -> dict[str, object]:
    """A school with the profile an alert shows (S30): plan, hours, contact by role."""
    return site(
        f"school-{n:02d}",
        "school",
        f"Escuela {n:02d}",
        point,
        plan=f"Plan de emergencia E-{n:02d}",
        hours="07:30-17:30",
        contact="direccion",
    )


def block(n: int, point: tuple[float, float]) -> dict[str, object]:
    """A square of about 105 m with its south-western corner at ``point``."""
    lat, lon = point
    ring = [(lat, lon), (lat, lon + BLOCK_LON), (lat + BLOCK_LAT, lon + BLOCK_LON), (lat + BLOCK_LAT, lon)]
    return polygon(f"block-{n:02d}", f"Cuadra {n:02d}", ring)


def site(key: str, kind: str, name: str, point: tuple[float, float], **more: str) -> dict[str, object]:
    """A point feature."""
    return {
        "type": "Feature",
        "properties": {"id": key, "kind": kind, "name": name, **more},
        "geometry": {"type": "Point", "coordinates": [point[1], point[0]]},
    }


def polygon(key: str, name: str, ring: list[tuple[float, float]]) -> dict[str, object]:
    """A polygon feature, counter-clockwise (RFC 7946 §3.1.6)."""
    area = sum(
        lon_1 * lat_2 - lon_2 * lat_1
        for (lat_1, lon_1), (lat_2, lon_2) in zip(ring, ring[1:] + ring[:1], strict=True)
    )
    turned = ring if area > 0 else ring[::-1]
    positions = [[round(lon, 6), round(lat, 6)] for lat, lon in [*turned, turned[0]]]
    return {
        "type": "Feature",
        "properties": {"id": key, "name": name},
        "geometry": {"type": "Polygon", "coordinates": [positions]},
    }


def collection(features: list[dict[str, object]]) -> str:
    """A FeatureCollection, one feature a line."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","note":{json.dumps(NOTE)},"features":[\n{lines}\n]}}\n'


if __name__ == "__main__":
    sys.exit(main())
