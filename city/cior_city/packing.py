"""Writes a pack: one GeoJSON a layer, a feature a line in an order of its own, and the manifest last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import shapely

from cior_city.fields import Kept
from cior_city.shapes import rounded
from cior_core.city_pack import (
    MANIFEST,
    LayerKind,
    Manifest,
    PackedTiles,
    read_manifest,
    refuse_changed,
    refuse_changed_tiles,
)
from cior_core.errors import ConfigInvalid
from cior_core.map_tiles import HEADER_BYTES, TILES_FILE, read_tiles_header, refuse_elsewhere


def geojson(kept: Sequence[Kept], kind: LayerKind) -> bytes:
    """The layer's file. Its bytes depend on the features alone, not on their order."""
    lines = sorted(_line(each, kind) for each in kept)
    return ('{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n").encode()


def _line(each: Kept, kind: LayerKind) -> str:
    own = {"name": each.name} if kind is LayerKind.STREETS else {"id": each.id, "name": each.name}
    shape = json.loads(shapely.to_geojson(rounded(_facing(each.geometry))))
    feature = {"type": "Feature", "properties": {**own, **each.properties}, "geometry": shape}
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _facing(geometry: Any) -> Any:
    """Outer rings counter-clockwise (RFC 7946 §3.1.6), parts and starting corners in one order."""
    return shapely.normalize(geometry) if "Polygon" not in geometry.geom_type else _turned(geometry)


def _turned(geometry: Any) -> Any:
    parts = [shapely.geometry.polygon.orient(part) for part in shapely.get_parts(shapely.normalize(geometry))]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def with_tiles(manifest: Manifest, path: Path) -> Manifest:
    """``manifest`` with the map tiles in the file ``path``. Raises ``ConfigInvalid`` (``city.tiles_damaged``,
    ``city.tiles_elsewhere``).
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        header = read_tiles_header(file.read(HEADER_BYTES), size_bytes=size_bytes)
    refuse_elsewhere(header, manifest.bounds)
    tiles = PackedTiles(file=path.name, sha256=_sha256(path), size_bytes=size_bytes, header=header)
    return msgspec.structs.replace(manifest, tiles=tiles)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_pack(
    folder: Path, manifest: Manifest, files: Mapping[LayerKind, bytes], *, tiles: Path | None = None
) -> str:
    """Write the pack; what comes back is the SHA-256 of its manifest. A folder that holds anything else is refused
    (``ConfigInvalid``); the manifest is removed first and written last, so half a pack is none. ``tiles``: the file
    that :func:`with_tiles` judged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ours = {kind.file for kind in LayerKind} | {MANIFEST, TILES_FILE}
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if strangers:
        raise ConfigInvalid(
            "city.not_a_pack",
            f"{folder.name} holds {strangers[0]}, which is no part of a pack",
            cure="name a new folder",
        )
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for kind, data in files.items():
        _write(folder / kind.file, data)
    if tiles is not None:
        shutil.copyfile(tiles, folder / TILES_FILE)
    told = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    _write(folder / MANIFEST, told)
    return hashlib.sha256(told).hexdigest()


def check_pack(folder: Path) -> str:
    """One line about a pack. Raises ``ConfigInvalid`` or ``IntegrityBroken`` when it is none, or not as imported."""
    data = (folder / MANIFEST).read_bytes()
    manifest = read_manifest(data)
    files = {kind: path.read_bytes() for kind in LayerKind if (path := folder / kind.file).is_file()}
    refuse_changed(manifest, files)
    if manifest.tiles is not None:
        path = folder / TILES_FILE
        refuse_changed_tiles(manifest.tiles, _sha256(path) if path.is_file() else "")
    counts = ", ".join(f"{layer.features} {layer.kind.value}" for layer in manifest.layers)
    return f"ok    {manifest.name}: {counts}; SHA-256 {hashlib.sha256(data).hexdigest()}"


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
