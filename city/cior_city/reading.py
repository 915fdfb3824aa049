"""Reads files of geodata through GDAL (pyogrio), from a copy: some drivers write beside what they read, and a city's
folder stays as it was. Letters are put right before GDAL sees them, where it would drop the feature instead.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyogrio
import pyogrio.errors
import shapely

from cior_city.finding import Findings
from cior_city.letters import utf8_of
from cior_city.mapping import IGNORE, Mapping

TEXTS = {".geojson", ".json", ".gml"}
_DRIVERS = {
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".gml": "GML",
    ".shp": "ESRI Shapefile",
    ".gpkg": "GPKG",
}
_COMPANIONS = (".dbf", ".shx", ".prj", ".cpg", ".shp.xml", ".sbn", ".sbx", ".qpj", ".cst")
_NEEDED = (".dbf", ".shx")
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


class Feature(msgspec.Struct, frozen=True):
    """One row of a file: its number from 1, its properties, its geometry (shapely; None when it has none)."""

    number: int
    properties: dict[str, Any]
    geometry: Any


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of a file, as it is there."""

    file: str
    layer: str
    driver: str
    sha256: str
    size_bytes: int
    crs: str
    encoding: str
    fields: tuple[str, ...]
    features: tuple[Feature, ...]


def read_folder(folder: Path, mapping: Mapping, work: Path, findings: Findings) -> Iterator[Read]:
    """Every layer of every file that is no companion of another, in order of name; ``work`` is an empty folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    there = {path.relative_to(folder).as_posix() for path in paths}
    for row in mapping.layer:
        if row.file not in there:
            findings.add("file.absent", file=row.file)
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if any(row.file == name and not row.layer and row.taken_as == IGNORE for row in mapping.layer):
            continue
        if path.suffix.lower() in _DRIVERS:
            yield from _read(path, name, mapping=mapping, work=work, findings=findings)
        elif not _is_companion(path) and path.suffix.lower() not in {".toml", ".md", ".txt", ".pdf"}:
            findings.add("file.format", file=name)


def _is_companion(path: Path) -> bool:
    name = path.name.lower()
    return any(
        name.endswith(suffix) and path.with_name(path.name[: -len(suffix)] + end).exists()
        for suffix in _COMPANIONS
        for end in (".shp", ".SHP")
    )


def _read(path: Path, name: str, *, mapping: Mapping, work: Path, findings: Findings) -> Iterator[Read]:
    try:
        copy = _copied(path, name, work, findings)
        if copy is None:
            return
        for layer, _kind in pyogrio.list_layers(copy):
            row = mapping.row(name, str(layer))
            if row is None or row.taken_as != IGNORE:
                said = "" if row is None else row.encoding
                meta, rows = _rows(copy, name, str(layer), findings, said=said)
                yield _layer(path, name, str(layer), meta, rows=rows)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError) as error:
        findings.add("file.unreadable", file=name, why=_why(error, work))


def _why(error: Exception, work: Path) -> str:
    said = str(error).replace(str(work), "").split(";")[0].strip()
    return said[:160] or type(error).__name__


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _copied(path: Path, name: str, work: Path, findings: Findings) -> Path | None:
    folder = work / hashlib.sha256(name.encode()).hexdigest()[:12]
    folder.mkdir()
    copy = folder / path.name.lower()
    if path.suffix.lower() in TEXTS:
        return _text_copied(path, name, copy, findings)
    shutil.copyfile(path, copy)
    if path.suffix.lower() == ".shp":
        stem = path.name[: -len(path.suffix)]
        beside = {each.name.lower(): each for each in path.parent.iterdir() if each.is_file()}
        for suffix in _COMPANIONS:
            if found := beside.get(stem.lower() + suffix):
                shutil.copyfile(found, folder / (stem.lower() + suffix))
            elif suffix in _NEEDED:
                findings.add("file.companion", file=name, missing=stem + suffix)
                return None
    return copy


def _text_copied(path: Path, name: str, copy: Path, findings: Findings) -> Path | None:
    """As UTF-8, whatever it was. A GML that says another encoding is left to the parser when its bytes fit."""
    data = path.read_bytes()
    declared = _DECLARED.match(data[:200])
    said = declared.group(1).decode().lower() if declared and path.suffix.lower() == ".gml" else "utf-8"
    text, taken = utf8_of(data, said=said)
    if taken.removesuffix("-sig") != said:
        findings.add("letters.encoding", file=name, said=said.upper(), taken=taken)
    if path.suffix.lower() == ".gml":
        if "<!DOCTYPE" in text[:4096]:
            findings.add("file.doctype", file=name)
            return None
        text = _DECLARATION.sub('<?xml version="1.0" encoding="UTF-8"?>', text, count=1)
    copy.write_text(text, encoding="utf-8")
    return copy


def _rows(
    copy: Path, name: str, layer: str, findings: Findings, *, said: str
) -> tuple[dict[str, Any], tuple[Feature, ...]]:
    options: dict[str, Any] = {"layer": layer, "force_2d": True}
    if copy.suffix == ".gml":
        options["WRITE_GFS"] = (
            "NO"  # GDAL's cache of what it learnt, beside the file; this is a copy all the same
        )
    if said:
        options["encoding"] = said
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            meta, _, shapes, columns = pyogrio.raw.read(copy, **options)
        except UnicodeDecodeError:
            findings.add("letters.encoding", file=name, said=said or "UTF-8", taken="cp1252")
            meta, _, shapes, columns = pyogrio.raw.read(copy, **options | {"encoding": "cp1252"})
    for sentence in sorted({str(each.message).replace(str(copy.parent), "")[:160] for each in told}):
        findings.add("file.said", file=name, sentence=sentence)
    names = tuple(str(each) for each in meta["fields"])
    values = zip(*(column.tolist() for column in columns), strict=True) if columns else ((),) * len(shapes)
    pairs = enumerate(zip(values, shapes, strict=True), start=1)
    return dict(meta), tuple(
        Feature(
            number, dict(zip(names, row, strict=True)), None if shape is None else shapely.from_wkb(shape)
        )
        for number, (row, shape) in pairs
    )


def _layer(path: Path, name: str, layer: str, meta: dict[str, Any], *, rows: tuple[Feature, ...]) -> Read:
    digest, size = _digest(path)
    return Read(
        file=name,
        layer=layer,
        driver=_DRIVERS[path.suffix.lower()],
        sha256=digest,
        size_bytes=size,
        crs=str(meta["crs"] or ""),
        encoding=str(meta["encoding"] or ""),
        fields=tuple(str(each) for each in meta["fields"]),
        features=rows,
    )
