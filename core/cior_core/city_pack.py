"""A city pack: what a city has of itself as one folder of GeoJSON files; its manifest says where each came from.

``cior city import`` writes it (room ``city``); ``[centre] city`` names it. Its bytes depend on the city's files and
their mapping alone: the same import twice gives the same pack. Coordinates are WGS84, longitude first (RFC 7946).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_core.map_tiles import TILES_FILE, TilesHeader
from cior_core.model import Struct

MANIFEST: Final = "pack.json"
FORMAT: Final = 1


class LayerKind(StrEnum):
    """What a layer is, and the name of its file in the pack."""

    DISTRICTS = "districts"
    NEIGHBOURHOODS = "neighbourhoods"
    STREETS = "streets"
    FACILITIES = "facilities"
    CAMERAS = "cameras"
    ROUTES = "routes"
    BLOCKS = "blocks"
    AREAS = "areas"

    @property
    def file(self) -> str:
        """Its file in the pack."""
        return f"{self.value}.geojson"


class Origin(Struct, frozen=True, kw_only=True):
    """A layer of a file that something of the pack was made of: what was read, what was kept, what was dropped and why.

    ``fields``: our field to theirs. ``left_out``: their fields that are not in the pack.
    """

    file: str
    layer: str
    sha256: str
    size_bytes: int
    driver: str
    crs: str
    encoding: str
    read: int
    kept: int
    dropped: dict[str, int]
    fields: dict[str, str]
    left_out: tuple[str, ...] = ()


class PackedLayer(Struct, frozen=True, kw_only=True):
    """One file of the pack."""

    kind: LayerKind
    features: int
    sha256: str
    origins: tuple[Origin, ...]


class PackedTiles(Struct, frozen=True, kw_only=True):
    """The map tiles of the pack (:mod:`cior_core.map_tiles`). ``file``: what the city called it."""

    file: str
    sha256: str
    size_bytes: int
    header: TilesHeader


class Manifest(Struct, frozen=True, kw_only=True):
    """``pack.json``. ``bounds``: south, west, north, east of the districts. ``found``: findings by code."""

    format: int
    name: str
    licence: str = ""
    source: str = ""
    date: str = ""
    crs: str = "OGC:CRS84"
    bounds: tuple[float, float, float, float]
    layers: tuple[PackedLayer, ...]
    found: dict[str, int]
    tiles: PackedTiles | None = None


def read_manifest(data: bytes) -> Manifest:
    """Raises ``ConfigInvalid`` ``city.pack_manifest`` or ``city.pack_format``."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ConfigInvalid(
            "city.pack_manifest", f"{MANIFEST}: {error}", cure="import the city again: cior city import"
        ) from error
    if manifest.format != FORMAT:
        raise ConfigInvalid(
            "city.pack_format",
            f"the pack has format {manifest.format}, this program reads {FORMAT}",
            cure="import the city again with this program",
        )
    return manifest


def refuse_changed(manifest: Manifest, files: Mapping[LayerKind, bytes]) -> None:
    """Raises ``IntegrityBroken`` ``city.pack_changed`` naming the files that are not what the manifest says."""
    told = {layer.kind: layer.sha256 for layer in manifest.layers}
    changed = [
        kind.file
        for kind, sha256 in told.items()
        if kind not in files or hashlib.sha256(files[kind]).hexdigest() != sha256
    ]
    if changed:
        raise _changed(", ".join(changed))


def refuse_changed_tiles(tiles: PackedTiles, sha256: str) -> None:
    """The same of its map tiles, whose digest is given: the file may be larger than the memory."""
    if tiles.sha256 != sha256:
        raise _changed(TILES_FILE)


def _changed(what: str) -> IntegrityBroken:
    return IntegrityBroken(
        "city.pack_changed",
        f"the city pack was changed after its import: {what}",
        cure="change the city's own files and import them again (cior city import), or restore the pack",
    )
