"""The whole way from a city's folder to a pack: read, place, shape, name, check, and say everything that was done."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import shapely

from cior_city.coverage import check_districts, tell_outside
from cior_city.fields import Kept, Plan, Reader, plan_of
from cior_city.finding import Findings, Severity
from cior_city.identity import with_own_ids
from cior_city.mapping import Mapping
from cior_city.packing import geojson
from cior_city.reading import Read, read_folder
from cior_city.reference import Located, are_in_degrees, city_centre, located, middle, put_right
from cior_city.shapes import AREA, MARGIN_DEG, POINT, WANTED, Shaper
from cior_core.city_pack import FORMAT, LayerKind, Manifest, Origin, PackedLayer
from cior_core.geo import Bounds
from cior_core.sentences import Text

_COST = Text(
    "Lo que depende de ellas no se verá: calles en el mapa, establecimientos cerca, cámaras de cada alerta.",
    "What depends on them will not be seen: streets on the map, facilities nearby, cameras of each alert.",
)
_WISHED = (LayerKind.STREETS, LayerKind.FACILITIES, LayerKind.CAMERAS)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A pack, not yet written; None of both when errors are in the way. ``layers``: what each layer read became."""

    manifest: Manifest | None
    files: dict[LayerKind, bytes]
    findings: Findings
    layers: tuple[tuple[Read, LayerKind | None], ...]


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    layer: Located
    plan: Plan


def import_city(folder: Path, mapping: Mapping) -> Imported:
    """Everything of ``folder`` that ``mapping`` or its name explains. Nothing is written in it or beside it."""
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="cior-city-") as work:
        reads = list(read_folder(folder, mapping, Path(work), findings))
    taken = _serving(_placed(_planned(reads, mapping, findings), mapping, findings), findings)
    kinds = {id(each.layer.read): each.plan.taken_as for each in taken}
    layers = tuple((read, kinds.get(id(read))) for read in reads)
    bounds = _bounds(taken, findings)
    if bounds is None:
        return Imported(manifest=None, files={}, findings=findings, layers=layers)
    kept, origins = _kept(taken, bounds, findings)
    _check(kept, taken, findings)
    _tell_missing(kept, mapping, findings)
    if findings.of(Severity.ERROR):
        return Imported(manifest=None, files={}, findings=findings, layers=layers)
    files = {kind: geojson(features, kind) for kind, features in sorted(kept.items()) if features}
    packed = tuple(_packed(kind, data, len(kept[kind]), origins[kind]) for kind, data in files.items())
    told = mapping.city
    manifest = Manifest(
        format=FORMAT,
        name=told.name or folder.resolve().name,
        licence=told.licence,
        source=told.source,
        date=told.date,
        bounds=_bounds_of(kept[LayerKind.DISTRICTS]),
        layers=packed,
        found=findings.counts(),
    )
    return Imported(manifest=manifest, files=files, findings=findings, layers=layers)


def _planned(reads: Sequence[Read], mapping: Mapping, findings: Findings) -> list[tuple[Read, Plan, str]]:
    found = []
    for read in reads:
        row = mapping.row(read.file, read.layer)
        if not read.features:
            findings.add("file.empty", file=read.file, feature=read.layer)
        elif (plan := plan_of(read, row, findings)) is not None:
            found.append((read, plan, "" if row is None else row.crs))
    return found


def _placed(planned: Sequence[tuple[Read, Plan, str]], mapping: Mapping, findings: Findings) -> list[_Taken]:
    """Those in degrees first: what is not can then be compared with them."""
    found: list[_Taken] = []
    for read, plan, crs in sorted(planned, key=lambda each: not are_in_degrees(each[0].features)):
        centre = city_centre([each.layer for each in found], mapping.city.centre)
        layer = located(read, crs, findings, centre=centre)
        if layer is not None:
            found.append(_Taken(layer=layer, plan=plan))
    found.sort(key=lambda each: each.plan.taken_as is not LayerKind.DISTRICTS)
    centre = city_centre([each.layer for each in found], mapping.city.centre)
    if centre is None:
        return found
    right = [(each, put_right(each.layer, centre, findings)) for each in found]
    return [msgspec.structs.replace(each, layer=layer) for each, layer in right if layer is not None]


def _serving(taken: list[_Taken], findings: Findings) -> list[_Taken]:
    """Where there are no districts, neighbourhoods serve."""
    kinds = {each.plan.taken_as for each in taken}
    if LayerKind.DISTRICTS in kinds or LayerKind.NEIGHBOURHOODS not in kinds:
        return taken
    served = [each for each in taken if each.plan.taken_as is LayerKind.NEIGHBOURHOODS]
    count = sum(len(each.layer.features) for each in served)
    findings.add("missing.district_layer", file=served[0].layer.read.file, count=count)
    return [
        msgspec.structs.replace(each, plan=msgspec.structs.replace(each.plan, taken_as=LayerKind.DISTRICTS))
        if each in served
        else each
        for each in taken
    ]


def _bounds(taken: Sequence[_Taken], findings: Findings) -> Bounds | None:
    """Of the districts that lie together: one at zero must not make the city half the Earth."""
    layers = [each.layer for each in taken if each.plan.taken_as is LayerKind.DISTRICTS]
    shapes = [
        feature.geometry
        for layer in layers
        for feature in layer.features
        if feature.geometry is not None and not feature.geometry.is_empty
    ]
    at = middle([feature for layer in layers for feature in layer.features])
    if not shapes or at is None:
        findings.add("missing.districts")
        return None
    near = [each.bounds for each in shapes if _is_beside(each.bounds, at)] or [each.bounds for each in shapes]
    wide = max(each.bounds[2] for each in shapes) - min(each.bounds[0] for each in shapes)
    if wide > 180 and any(abs(each.bounds[2]) > 179 or abs(each.bounds[0]) > 179 for each in shapes):
        findings.add("place.antimeridian", file=layers[0].read.file)
    south, west = min(each[1] for each in near), min(each[0] for each in near)
    return south, west, max(each[3] for each in near), max(each[2] for each in near)


def _is_beside(bounds: tuple[float, float, float, float], at: tuple[float, float]) -> bool:
    west, south, east, north = bounds
    reach = 2 * MARGIN_DEG
    return (
        south - reach <= at[0] <= north + reach
        and west - reach <= at[1] <= east + reach
        and east - west < 180
    )


def _kept(
    taken: Sequence[_Taken], bounds: Bounds, findings: Findings
) -> tuple[dict[LayerKind, list[Kept]], dict[LayerKind, list[Origin]]]:
    kept: dict[LayerKind, list[Kept]] = defaultdict(list)
    origins: dict[LayerKind, list[Origin]] = defaultdict(list)
    for each in taken:
        read, kind = each.layer.read, each.plan.taken_as
        shaper = Shaper(file=read.file, kind=kind, bounds=bounds, findings=findings)
        found, dropped = Reader(read, each.plan, findings).kept(each.layer.features, shaper)
        kept[kind] += found
        origins[kind].append(_origin(each, len(found), dropped, findings))
    for kind, features in kept.items():
        file = origins[kind][0].file if len(origins[kind]) == 1 else kind.file
        own, dropped = with_own_ids(features, kind, findings, file=file)
        kept[kind] = own
        if dropped:
            last = origins[kind][-1]
            merged = {**last.dropped, **dropped}
            origins[kind][-1] = msgspec.structs.replace(last, dropped=dict(sorted(merged.items())))
    return dict(kept), dict(origins)


def _origin(each: _Taken, kept: int, dropped: dict[str, int], findings: Findings) -> Origin:
    read = each.layer.read
    left_out = tuple(name for name in read.fields if name not in each.plan.fields.values())
    if left_out:
        findings.add("fields.left_out", file=read.file, fields=", ".join(left_out))
    return Origin(
        file=read.file,
        layer=read.layer,
        sha256=read.sha256,
        size_bytes=read.size_bytes,
        driver=read.driver,
        crs=each.layer.crs,
        encoding=read.encoding,
        read=len(read.features),
        kept=kept,
        dropped=dict(sorted(dropped.items())),
        fields=each.plan.fields,
        left_out=left_out,
    )


def _check(kept: dict[LayerKind, list[Kept]], taken: Sequence[_Taken], findings: Findings) -> None:
    districts = kept.get(LayerKind.DISTRICTS, [])
    if not districts:
        findings.add("missing.districts")
        return
    areas: list[Any] = [each.geometry for each in districts]
    file = next(each.layer.read.file for each in taken if each.plan.taken_as is LayerKind.DISTRICTS)
    check_districts([each.name for each in districts], areas, findings, file=file)
    for kind, features in kept.items():
        if WANTED[kind] == POINT or (WANTED[kind] == AREA and kind is not LayerKind.DISTRICTS):
            named = [(each.name, each.geometry) for each in features]
            tell_outside(named, areas, findings, file=kind.file)
    cameras = kept.get(LayerKind.CAMERAS, [])
    blind = sum("azimuth_deg" not in each.properties for each in cameras)
    if blind:
        findings.add("camera.view", file=LayerKind.CAMERAS.file, count=blind, total=len(cameras))


def _tell_missing(kept: dict[LayerKind, list[Kept]], mapping: Mapping, findings: Findings) -> None:
    missing = [kind.value for kind in _WISHED if not kept.get(kind)]
    if missing:
        findings.add("missing.layer", layers=", ".join(missing), cost=_COST)
    if not mapping.city.licence:
        findings.add("missing.licence")
    if not mapping.city.date:
        findings.add("missing.date")


def _packed(kind: LayerKind, data: bytes, features: int, origins: Sequence[Origin]) -> PackedLayer:
    digest = hashlib.sha256(data).hexdigest()
    return PackedLayer(kind=kind, features=features, sha256=digest, origins=tuple(origins))


def _bounds_of(districts: Sequence[Kept]) -> Bounds:
    west, south, east, north = shapely.total_bounds([each.geometry for each in districts]).round(7).tolist()
    return south, west, north, east
