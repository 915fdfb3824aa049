"""Map tiles of a whole region in one file, PMTiles version 3 (its header: specification §3): what a city or a province
gives as a ground for its own streets. A browser reads the file by byte ranges; the header is judged before that.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from cior_core.errors import ConfigInvalid
from cior_core.geo import Bounds
from cior_core.model import Struct

TILES_FILE: Final = "tiles.pmtiles"
"""Its name in a city pack."""
HEADER_BYTES: Final = 127
_HEADER: Final = struct.Struct("<7sB11Q6B4iB2i")
_ROOT_WITHIN: Final = 16_384
"""Header and root directory lie in the first 16 KiB (§2), so that one request brings both."""
_DEEPEST: Final = 26
_E7: Final = 10_000_000


class _Packing(IntEnum):
    UNKNOWN = 0
    NONE = 1
    GZIP = 2


class _TileKind(IntEnum):
    MVT = 1
    PNG = 2
    JPEG = 3
    WEBP = 4
    AVIF = 5


class TilesHeader(Struct, frozen=True, kw_only=True):
    """What a page needs before it asks for the first tile. ``kind``: ``mvt`` (lines and areas) or the name of a picture
    format; ``bounds``: south, west, north, east.
    """

    kind: str
    min_zoom: int
    max_zoom: int
    bounds: Bounds


def read_tiles_header(data: bytes, *, size_bytes: int) -> TilesHeader:
    """The header of a file of ``size_bytes`` that begins with ``data``. Raises ``ConfigInvalid`` ``city.tiles_damaged``
    for what is cut, no PMTiles 3, or packed in a way that browsers do not open.
    """
    if len(data) < HEADER_BYTES:
        raise _damaged("it is shorter than its own header")
    magic, version, *numbers = _HEADER.unpack(data[:HEADER_BYTES])
    if magic != b"PMTiles" or version != 3:
        raise _damaged("it is no PMTiles file of version 3")
    sections, (_clustered, inside, packed, kind, min_zoom, max_zoom) = numbers[:8], numbers[11:17]
    for at, length in zip(sections[::2], sections[1::2], strict=True):
        if at + length > size_bytes:
            raise _damaged("a part of it lies beyond its end: it was cut")
    if not sections[1] or sections[0] < HEADER_BYTES or sections[0] + sections[1] > _ROOT_WITHIN:
        raise _damaged("it has no directory where one belongs")
    if inside not in (_Packing.NONE, _Packing.GZIP) or packed not in (
        _Packing.UNKNOWN,
        _Packing.NONE,
        _Packing.GZIP,
    ):
        raise _damaged("it is packed with something else than gzip")
    west, south, east, north = (number / _E7 for number in numbers[17:21])
    if kind not in iter(_TileKind) or not min_zoom <= max_zoom <= _DEEPEST:
        raise _damaged("it does not say what its tiles are")
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
        raise _damaged("it does not say where its tiles lie")
    return TilesHeader(
        kind=_TileKind(kind).name.lower(),
        min_zoom=min_zoom,
        max_zoom=max_zoom,
        bounds=(south, west, north, east),
    )


def refuse_elsewhere(header: TilesHeader, bounds: Bounds) -> None:
    """Raises ``ConfigInvalid`` ``city.tiles_elsewhere`` for tiles that show nothing of the city within ``bounds``."""
    south, west, north, east = header.bounds
    if south > bounds[2] or north < bounds[0] or west > bounds[3] or east < bounds[1]:
        raise ConfigInvalid(
            "city.tiles_elsewhere",
            "the map tiles show another place: nothing of this city lies within them",
            cure="give the PMTiles file of this region",
        )


def _damaged(why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "city.tiles_damaged",
        f"the map tiles are damaged: {why}",
        cure="give a whole PMTiles 3 file (vector tiles or pictures, plain or gzip): cior city import --tiles FILE",
    )
