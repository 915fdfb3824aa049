"""The bar below the picture of a copy: what it is, which camera, and when, in UTC and in the centre's own time. Nothing
of the picture is covered: the bar is beside it, and a narrow picture is laid into a wider one.

Letters are drawn once by Typst, with the font of the act, so that any camera's name can be written; a picture costs the
copying of its own letters.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import av
import numpy as np
import typst
from numpy.typing import NDArray

from cior_core.errors import IntegrityBroken

Plane = NDArray[np.uint8]
NARROWEST_PX: Final = 640
"""A line of the bar needs so much; a narrower picture stands in a frame of this width."""
COLUMNS: Final = 79
BLACK, WHITE = 16, 235
"""Luma of video (ITU-R BT.601, BT.709)."""
_WIDEST_CELL_PX: Final = 24
_ADVANCE_EM: Final = 0.602
"""Of DejaVu Sans Mono."""
_TEMPLATE: Final = "bar.typ"
_ALWAYS: Final = " 0123456789-:.+·()UTChoral "


def even(length_px: int) -> int:
    """The next even number: chroma is of half the size."""
    return length_px + length_px % 2


class Bar:
    """Of one clip. ``lines``: what stands in it all along, above the line of the time."""

    def __init__(self, width_px: int, lines: Sequence[str], zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._cell_px = min(width_px // (COLUMNS + 1), _WIDEST_CELL_PX)
        self._line_px = 2 * self._cell_px
        told = [unicodedata.normalize("NFC", each)[:COLUMNS] for each in lines]
        self._letters = letters_of("".join(sorted({*_ALWAYS, *"".join(told)})), self._cell_px)
        self._blank = np.full(
            (even(self._line_px * (len(told) + 1) + self._cell_px), width_px), BLACK, np.uint8
        )
        for number, line in enumerate(told):
            self._write(self._blank, number, line)
        self._last = len(told)

    @property
    def height_px(self) -> int:
        """How high it is."""
        return int(self._blank.shape[0])

    def draw(self, into: Plane, at_ms: int) -> None:
        """Write it into the luma of ``height_px`` rows; ``at_ms``: when the picture was taken, UTC."""
        into[:] = self._blank
        self._write(into, self._last, both_times(at_ms, self._zone))

    def _write(self, into: Plane, number: int, line: str) -> None:
        known, cell = self._letters, self._cell_px
        top = cell // 2 + number * self._line_px
        for place, letter in enumerate(line[:COLUMNS]):
            left = cell // 2 + place * cell
            into[top : top + self._line_px, left : left + cell] = known.get(letter, known["·"])


def both_times(at_ms: int, zone: ZoneInfo) -> str:
    """An instant in UTC and in local time with its offset, as the bar writes it."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    here = utc.astimezone(zone)
    offset = here.strftime("%z")
    thousandth = f"{at_ms % 1000:03d}"
    return (
        f"{utc:%Y-%m-%d %H:%M:%S}.{thousandth} UTC · {here:%Y-%m-%d %H:%M:%S}.{thousandth}"
        f" hora local (UTC{offset[:3]}:{offset[3:5]})"
    )


@lru_cache(maxsize=64)
def letters_of(letters: str, cell_px: int) -> dict[str, Plane]:
    """Each letter as luma, twice as high as its cell is wide. Raises ``IntegrityBroken`` (``copy.letters``)."""
    line_px = 2 * cell_px
    told = {
        "letters": list(letters), "cell_px": cell_px, "line_px": line_px, "size_px": cell_px / _ADVANCE_EM,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="cior-bar-") as folder:
        root = Path(folder)
        template = resources.files(__package__ or "cior_evidence").joinpath(_TEMPLATE).read_bytes()
        (root / _TEMPLATE).write_bytes(template)
        (root / "letters.json").write_text(json.dumps(told), encoding="utf-8")
        try:
            drawn = typst.Compiler(root / _TEMPLATE, root=root, ignore_system_fonts=True).compile(
                format="png", ppi=72
            )
        except typst.TypstError as error:
            raise IntegrityBroken(
                "copy.letters",
                f"the bar of a copy cannot be drawn: {error.message}",
                cure="report this as a defect of CIOR",
            ) from error
    assert isinstance(drawn, bytes)
    with av.open(BytesIO(drawn), "r") as picture:
        grey = next(picture.decode(video=0)).to_ndarray(format="gray").astype(np.uint16)
    luma = (BLACK + grey * (WHITE - BLACK) // 255).astype(np.uint8)
    return {
        letter: luma[:line_px, place * cell_px : (place + 1) * cell_px]
        for place, letter in enumerate(letters)
    }
