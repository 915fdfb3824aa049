"""A PMTiles 3 file, made by hand: its tiles, its directory, its header."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping

Tile = tuple[int, int, int]
"""Zoom, column, row."""


def made(
    tiles: Mapping[Tile, bytes],
    *,
    kind: int = 1,
    bounds: tuple[float, float, float, float] = (-33.1, -60.8, -32.8, -60.5),
) -> bytes:
    """The file of these tiles (``kind`` 1: vector tiles); ``bounds``: south, west, north, east."""
    packed = sorted((_number(*at), gzip.compress(data, mtime=0)) for at, data in tiles.items())
    directory, body = [len(packed)], b"".join(data for _, data in packed)
    directory += [
        number - before for (number, _), before in zip(packed, [0, *(n for n, _ in packed)], strict=False)
    ]
    directory += [1] * len(packed)
    directory += [len(data) for _, data in packed]
    directory += [1, *([0] * (len(packed) - 1))]
    root = gzip.compress(b"".join(map(_varint, directory)), mtime=0)
    about = gzip.compress(b"{}", mtime=0)
    sections = (127, len(root), 127 + len(root), len(about), 0, 0, 127 + len(root) + len(about), len(body))
    zooms = [zoom for zoom, _, _ in tiles]
    south, west, north, east = (round(degrees * 10_000_000) for degrees in bounds)
    numbers = (*sections, len(packed), len(packed), len(packed), 1, 2, 2, kind, min(zooms), max(zooms))
    header = struct.pack(
        "<7sB11Q6B4iB2i", b"PMTiles", 3, *numbers, west, south, east, north, min(zooms), west, south
    )
    return header + root + about + body


def water() -> bytes:
    """A vector tile (MVT 2.1) that is water from edge to edge."""
    corners = (9, 0, 0, 26, 8192, 0, 0, 8192, 8191, 0, 15)  # move to 0,0; three lines of 4096; close
    feature = _field(3, 0, 3) + _bytes(4, b"".join(map(_varint, corners)))
    layer = _field(15, 0, 2) + _bytes(1, b"water") + _bytes(2, feature) + _field(5, 0, 4096)
    return _bytes(3, layer)


def _number(zoom: int, column: int, row: int) -> int:
    """Its place on the Hilbert curve of its zoom, after all tiles of the zooms above."""
    side = 1 << zoom
    found = ((1 << 2 * zoom) - 1) // 3
    half = side // 2
    while half:
        east, south = int(bool(column & half)), int(bool(row & half))
        found += half * half * ((3 * east) ^ south)
        if not south:
            if east:
                column, row = side - 1 - column, side - 1 - row
            column, row = row, column
        half //= 2
    return found


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _field(number: int, wire: int, value: int) -> bytes:
    return _varint(number << 3 | wire) + _varint(value)


def _bytes(number: int, data: bytes) -> bytes:
    return _field(number, 2, len(data)) + data
