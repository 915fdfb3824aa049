"""The city of a centre: a pack of ``cior city import``, a folder of GeoJSON files drawn by hand, or the demonstration
city when the centre file names none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cior_core import bundled
from cior_core.cameras import Cameras
from cior_core.centre_file import Centre
from cior_core.city_pack import MANIFEST, LayerKind, read_manifest, refuse_changed
from cior_core.errors import ConfigInvalid
from cior_core.geo import City
from cior_core.map_tiles import HEADER_BYTES, TILES_FILE, TilesHeader, read_tiles_header
from cior_core.model import Struct

_DRAWN = ("districts", "facilities", "schools", "blocks")
_PLACES = (*_DRAWN, "neighbourhoods")
_SHOWN = ("districts", "neighbourhoods", "streets", "facilities", "schools")
_KINDS = {"streets": "street", "neighbourhoods": "neighbourhood"}
_BY_HAND = (*_PLACES, "cameras", "streets")


def city_texts(centre: Centre) -> Mapping[str, str]:
    """The GeoJSON texts by name; ``districts`` is always among them.

    Raises ``ConfigInvalid``; ``IntegrityBroken`` for a pack that was changed.
    """
    if not centre.file.centre.city:
        return {name: bundled.text(f"city/{name}.geojson") for name in _DRAWN}
    folder = centre.beside(centre.file.centre.city)
    return pack_texts(folder) if (folder / MANIFEST).is_file() else _by_hand(folder)


def pack_texts(folder: Path) -> Mapping[str, str]:
    """The GeoJSON texts of a pack by name. Raises ``ConfigInvalid``; ``IntegrityBroken`` when it was changed."""
    manifest = read_manifest((folder / MANIFEST).read_bytes())
    files = {kind: path.read_bytes() for kind in LayerKind if (path := folder / kind.file).is_file()}
    refuse_changed(manifest, files)
    return {layer.kind.value: files[layer.kind].decode("utf-8") for layer in manifest.layers}


def _by_hand(folder: Path) -> Mapping[str, str]:
    texts = {
        name: path.read_text(encoding="utf-8")
        for name in _BY_HAND
        if (path := folder / f"{name}.geojson").is_file()
    }
    if "districts" not in texts:
        raise ConfigInvalid(
            "city.no_districts",
            f"{folder.name} has no districts.geojson",
            cure="make a pack of the city's files: cior city import FOLDER",
        )
    return texts


class MapTiles(Struct, frozen=True, kw_only=True):
    """The city's map tiles, whose header was read."""

    path: Path
    header: TilesHeader


def city_tiles(centre: Centre) -> MapTiles | None:
    """The map tiles of the city's folder; None without any. Raises ``ConfigInvalid`` ``city.tiles_damaged``: a map
    without them is still a map, so that is said and nothing else waits for it.
    """
    path = centre.beside(centre.file.centre.city) / TILES_FILE if centre.file.centre.city else None
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file:
        header = read_tiles_header(file.read(HEADER_BYTES), size_bytes=path.stat().st_size)
    return MapTiles(path=path, header=header)


def city_map(texts: Mapping[str, str], tiles: MapTiles | None = None, *, is_damaged: bool = False) -> bytes:
    """What a map of the console shows, as one GeoJSON: districts, neighbourhoods and streets (by ``kind``), facilities.

    Beside the features (RFC 7946 §6.1): ``tiles``, what the map tiles are, or ``tiles_damaged``.
    """
    layers = {name: json.loads(texts[name]) for name in _SHOWN if name in texts}
    for name, kind in _KINDS.items():
        for feature in layers.get(name, {"features": ()})["features"]:
            feature["properties"]["kind"] = kind
    whole = {
        **layers["districts"],
        "features": [each for layer in layers.values() for each in layer["features"]],
    }
    if tiles is not None:
        whole["tiles"] = msgspec.to_builtins(tiles.header)
    if is_damaged:
        whole["tiles_damaged"] = True
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def load_city(centre: Centre) -> City:
    """Districts, facilities, schools and blocks. Raises ``ConfigInvalid``, ``IntegrityBroken``."""
    return city_of(city_texts(centre))


def city_of(texts: Mapping[str, str]) -> City:
    """The city of these texts. Raises ``ConfigInvalid``."""
    return City.load(**{name: texts[name] for name in _PLACES if name in texts})


def load_cameras(centre: Centre, city: City) -> Cameras:
    """The camera catalogue: the city pack's cameras and those of the file that the centre file names.

    Raises ``ConfigInvalid``.
    """
    name = centre.file.cameras
    packed = city_texts(centre).get("cameras")
    if not name:
        return Cameras.load(pack=packed, bucket=city.bucket)
    path = centre.beside(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "cameras.unreadable",
            f"{name} cannot be read as UTF-8 text ({type(error).__name__})",
            cure="write it (docs/ciudad.md), or take 'cameras' out of the centre file",
        ) from error
    return Cameras.load(text, file=path.name, pack=packed, bucket=city.bucket)
