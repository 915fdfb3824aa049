"""Small cities as files, right ones and wrong ones of every kind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pyogrio.raw
import shapely

from cior_city.finding import Finding
from cior_city.importing import Imported, import_city
from cior_city.mapping import Mapping, read_mapping

LON, LAT = -68.84, -32.93
Json = dict[str, Any]


def square(east: float, north: float, size: float = 1.0) -> list[list[float]]:
    """A square of ``size`` hundredths of a degree, its south-west corner so many hundredths off."""
    west, south = LON + east / 100, LAT + north / 100
    side = size / 100
    ring = [
        (west, south),
        (west + side, south),
        (west + side, south + side),
        (west, south + side),
        (west, south),
    ]
    return [[round(x, 6), round(y, 6)] for x, y in ring]


def area(name: str, *rings: list[list[float]], **more: Any) -> Json:
    return feature({"type": "Polygon", "coordinates": list(rings)}, name=name, **more)


def point(name: str, east: float, north: float, **more: Any) -> Json:
    at = [round(LON + east / 100, 6), round(LAT + north / 100, 6)]
    return feature({"type": "Point", "coordinates": at}, name=name, **more)


def feature(geometry: Json | None, **properties: Any) -> Json:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


WEST, EAST = area("Villa Oeste", square(0, 0)), area("Las Tortugas", square(1, 0))


def put(folder: Path, name: str, *features: Json, crs: str = "") -> Path:
    """A GeoJSON file of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tree: Json = {"type": "FeatureCollection", "features": list(features)}
    if crs:
        tree["crs"] = {"type": "name", "properties": {"name": crs}}
    path = folder / name
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return path


def city(folder: Path, *more: Json, layer: str = "escuelas.geojson") -> Path:
    """Two districts, and one layer beside them when it has anything."""
    put(folder, "distritos.geojson", WEST, EAST)
    if more:
        put(folder, layer, *more)
    return folder


def write(
    path: Path, shapes: list[Any], names: list[str], *, crs: str | None, driver: str, **options: Any
) -> None:
    """A file of another format, by GDAL."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {shape.geom_type for shape in shapes}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
            path,
            np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object),
            [np.array(names, dtype=object)],
            ["NOMBRE"],
            geometry_type=kinds.pop(),
            crs=crs,
            driver=driver,
            **options,
        )


def imported(folder: Path, **mapping: Any) -> Imported:
    return import_city(folder, Mapping(**mapping) if mapping else read_mapping(folder, None))


def found(done: Imported, code: str) -> list[Finding]:
    return [each for each in done.findings if each.code == code]


def codes(done: Imported) -> set[str]:
    """What was found, without what every small city lacks."""
    usual = {
        "missing.layer",
        "missing.licence",
        "missing.date",
        "guess.layer",
        "guess.fields",
        "fields.left_out",
    }
    return {each.code for each in done.findings} - usual


def features(done: Imported, kind: str) -> list[Json]:
    """The pack's features of a layer."""
    data = next(data for layer, data in done.files.items() if layer.value == kind)
    tree: list[Json] = json.loads(data)["features"]
    return tree
