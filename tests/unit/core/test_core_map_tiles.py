"""The header of a PMTiles file: what a page needs of it, and how what is damaged is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.errors import ConfigInvalid
from cior_core.map_tiles import HEADER_BYTES, read_tiles_header, refuse_elsewhere
from doubles.map_tiles import made, water

WHOLE = made({(9, 169, 305): water(), (10, 339, 611): water()})


def changed(at: int, *values: int) -> bytes:
    data = bytearray(WHOLE)
    data[at : at + len(values)] = bytes(values)
    return bytes(data)


def test_a_whole_file_says_what_its_tiles_are_and_where() -> None:
    header = read_tiles_header(WHOLE[:HEADER_BYTES], size_bytes=len(WHOLE))
    assert (header.kind, header.min_zoom, header.max_zoom) == ("mvt", 9, 10)
    assert header.bounds == pytest.approx((-33.1, -60.8, -32.8, -60.5))
    refuse_elsewhere(header, (-33.0, -60.7, -32.9, -60.6))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "shorter"),
        (WHOLE[:126], "shorter"),
        (changed(0, *b"pmtiles"), "no PMTiles"),
        (changed(7, 2), "no PMTiles"),
        (WHOLE[:-1], "cut"),
        (changed(8, 255, 255, 255, 255, 255, 255, 255, 255), "cut"),
        (changed(8, 0), "directory"),
        (changed(16, 0, 0), "directory"),
        (changed(97, 4), "packed"),
        (changed(98, 3), "packed"),
        (changed(99, 0), "what its tiles are"),
        (changed(100, 11, 10), "what its tiles are"),
        (changed(101, 99), "what its tiles are"),
        (changed(102, 0, 0, 0, 128), "where its tiles lie"),
    ],
)
def test_what_is_damaged_is_told_with_its_cure(data: bytes, why: str) -> None:
    with pytest.raises(ConfigInvalid, match=why) as told:
        read_tiles_header(data[:HEADER_BYTES], size_bytes=len(data))
    assert (told.value.code, "--tiles" in told.value.cure) == ("city.tiles_damaged", True)


@given(st.binary(min_size=HEADER_BYTES - 8, max_size=HEADER_BYTES - 8), st.booleans())
def test_no_bytes_are_anything_but_a_header_or_damaged(rest: bytes, is_known: bool) -> None:
    data = (b"PMTiles\3" if is_known else b"PMTilesX") + rest
    codes = []
    try:
        codes.append(read_tiles_header(data, size_bytes=2**20).kind)
    except ConfigInvalid as error:
        codes.append(error.code)
    assert codes[0] in {"city.tiles_damaged", "mvt", "png", "jpeg", "webp", "avif"}


def test_tiles_of_another_place_are_refused() -> None:
    header = read_tiles_header(WHOLE, size_bytes=len(WHOLE))
    with pytest.raises(ConfigInvalid, match=r"city\.tiles_elsewhere"):
        refuse_elsewhere(header, (-32.1, -68.9, -31.9, -68.7))
