"""Veils over the persons of a copy: solid blocks, laid into the picture before it is encoded, so that nothing of what
was there is left to be brought back. Fails closed: a picture that no detector looked at is veiled whole, where somebody
was and would be stays veiled, and a copy whose table does not answer for each of its pictures is not made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cior_core.errors import IntegrityBroken, PayloadRejected, SourceUnavailable
from cior_core.judicial.copies import CopyOrder
from cior_core.model import Struct
from cior_core.picture_masks import Masks
from cior_evidence.bag import Bag
from cior_evidence.bar import letters_of
from cior_evidence.native import NativeClip
from cior_evidence.painting import Cover
from cior_evidence.persons import HOLD_S, Box, Found, Persons, Shown
from cior_evidence.recoding import Picture

TABLE: Final = "meta/velos.jsonl"
LOOKED, UNLOOKED = "mirado", "sin_deteccion"
PERSON, EXPECTED, UNSURE, CHOSEN, BEFORE = "persona", "prevista", "dudosa", "elegida", "anticipada"
BEFORE_PICTURES: Final = 10
"""So many pictures before somebody is first seen are veiled there: a detector sees who walks in a little late."""
HEAD_SHARE: Final = 0.4
WIDENED: Final = 0.1
_BLOCK_LUMA, _GREY, _MARK_LUMA = 64, 128, 235
_WIDEST_PX: Final = 1280
"""A detector looks at no more anyway."""
_MOST_UNLOOKED: Final = 25
_UPRIGHT: Final = 1.2
_GRID_PX: Final = (320, 180)
_UNDER: Final = 0.98
_THOUSANDTHS: Final = 1000
_MARK_LETTERS: Final = "P0123456789 "
Row = dict[str, Any]


class PersonFinder(Protocol):
    """Finds persons in one picture: filled with a detector by the composition root."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it is, with the digest of its model: it goes into the package."""
        ...

    def look(
        self, picture: NDArray[np.uint8], /
    ) -> Sequence[tuple[float, float, float, float, float]] | None:
        """Left, top, right, bottom (shares of the picture) and score of each person of a BGR picture. None: it has no
        result for this picture, whatever the reason.
        """
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class Choice(Struct, frozen=True, kw_only=True):
    """Who stays as they are: ``marks`` as the table of an earlier copy names them, and that table's rows."""

    marks: frozenset[str] = frozenset()
    table: tuple[Row, ...] = ()


class Veils:
    """Veils the clips of one copy (:class:`cior_evidence.derived.Veiling`)."""

    def __init__(self, order: CopyOrder, finder: Callable[[], PersonFinder], choice: Choice) -> None:
        _check_marks(choice)
        self._order, self._finder, self._choice = order, finder(), choice
        self._now: _Clip | None = None

    def facts(self) -> Mapping[str, Any]:
        """For ``copia.json``."""
        return {
            "modo": "persona_entera" if self._order.is_strict else "cabeza",
            "parte": 1.0 if self._order.is_strict else HEAD_SHARE, "ensanche": WIDENED, "sostiene_s": HOLD_S,
            "bloque": "de un solo color", "elegidas": sorted(self._choice.marks),
            "elegidas_en_copia": self._order.after,
            "detector": dict(self._finder.facts), "no_busca": ["patentes", "carteles", "rostros sin cuerpo"],
        }  # fmt: skip

    def veil(self, clip: NativeClip, masks: Masks) -> _Clip:
        """A clip begins."""
        kept = {mark for mark in self._choice.marks if mark.startswith(f"{short_name(clip)}/")}
        numbers = frozenset(int(mark.rpartition("/p")[2]) for mark in kept)
        self._now = _Clip(self._finder, masks, kept=numbers, is_strict=self._order.is_strict)
        return self._now

    def table(self, path: str, frames: int) -> tuple[Row, ...]:
        """Raises ``IntegrityBroken`` (``copy.unjudged``, ``copy.other_persons``)."""
        assert self._now is not None
        rows = tuple({"archivo": path, **row} for row in self._now.rows())
        if self._now.pictures != frames:
            raise IntegrityBroken(
                "copy.unjudged",
                f"{path} has {frames} pictures and {self._now.pictures} were judged",
                cure="report this as a defect of CIOR: nothing of it was delivered",
            )
        self._check_same(path, rows)
        return rows

    def _check_same(self, path: str, rows: Iterable[Row]) -> None:
        """Who was chosen is, picture by picture, who stood under that mark in the copy that was looked at."""
        marks = {
            mark.rpartition("/")[2] for mark in self._choice.marks if mark.startswith(_short(path) + "/")
        }
        now = [_plain(row) for row in rows if _is_of(row, path, marks)]
        then = [_plain(row) for row in self._choice.table if _is_of(row, path, marks)]
        if now != then:
            raise IntegrityBroken(
                "copy.other_persons",
                "the detector does not see the chosen persons as it did in the copy in which they were chosen",
                cure="order a redacted copy without a choice again, look at it, and choose by its marks",
            )

    def put(self, bag: Bag, rows: tuple[Row, ...]) -> None:
        """The table."""
        bag.put_lines(TABLE, rows)

    def close(self) -> None:
        """Let the detector go."""
        self._finder.close()


def short_name(clip: NativeClip) -> str:
    """How marks name a clip: folder of its camera and number."""
    return _short(clip.path)


def _short(path: str) -> str:
    return "/".join(path.removesuffix(".mp4").split("/")[-2:])


def _is_of(row: Row, path: str, marks: set[str]) -> bool:
    """Whether it says where one of these was; what was covered before they were seen is not."""
    return row["archivo"] == path and row["pista"] in marks and row["motivo"] != BEFORE


def _plain(row: Row) -> Row:
    """A row as if nobody had been chosen."""
    return {**row, "motivo": PERSON if row["motivo"] == CHOSEN else row["motivo"]}


def _check_marks(choice: Choice) -> None:
    known = {f"{_short(row['archivo'])}/{row['pista']}" for row in choice.table if row["pista"] is not None}
    if missing := sorted(choice.marks - known):
        raise PayloadRejected(
            "copy.no_such_mark",
            f"the table of that copy has no {', '.join(missing[:5])}",
            cure="take the marks from its picture: folder of the camera, file, mark, as cam-7/0001/p3",
        )


class _Clip:
    """Veils one clip, picture by picture, and remembers what it did. The detector sees whole pictures, so that a head
    beside a mask is found; who is wholly under one is covered by it, and nothing of them is remembered.
    """

    def __init__(self, finder: PersonFinder, masks: Masks, *, kept: frozenset[int], is_strict: bool) -> None:
        self._finder, self._kept, self._is_strict = finder, kept, is_strict
        self._under = Cover(masks, _GRID_PX) if masks else None
        self._persons, self._runs = Persons(), _Runs()
        self._unlooked = self.pictures = 0
        self._before: deque[Picture] = deque(maxlen=BEFORE_PICTURES)
        self._known: set[int] = set()

    @property
    def delay(self) -> int:
        """Pictures that may still be changed."""
        return BEFORE_PICTURES

    def __call__(self, frame: VideoFrame, picture: Picture) -> None:
        """Veil one picture in place."""
        number = self.pictures
        self.pictures += 1
        found = self._found(frame)
        if found is None:
            self._not_looked(picture, number)
        else:
            self._unlooked = 0
            self._runs.add(number, None, LOOKED, None)
            for shown in self._persons.step(found, _second(frame, number)):
                self._show(picture, shown, number)
        self._before.append(picture)

    def rows(self) -> list[Row]:
        """Of the table, in order."""
        return self._runs.rows()

    def _found(self, frame: VideoFrame) -> list[Found] | None:
        width_px = min(frame.width, _WIDEST_PX)
        height_px = max(2, round(frame.height * width_px / frame.width))
        seen = self._finder.look(
            frame.reformat(width=width_px, height=height_px, format="bgr24")
            .to_ndarray()
            .astype(np.uint8, copy=False)
        )
        if seen is None:
            return None
        boxes = [Found(Box(*each[:4]), each[4]) for each in seen]
        sound = all(np.isfinite(each.box).all() and np.isfinite(each.score) for each in boxes)
        return [each for each in boxes if not self._is_under(each.box)] if sound else None

    def _is_under(self, box: Box) -> bool:
        return self._under is not None and self._under.share(box) > _UNDER

    def _not_looked(self, picture: Picture, number: int) -> None:
        self._unlooked += 1
        if self._unlooked >= _MOST_UNLOOKED:
            raise SourceUnavailable(
                "copy.detector_away",
                f"the detector has no result for {_MOST_UNLOOKED} pictures in a row",
                cure="see the log of the part evidence and the detector's model; this goes on by itself",
            )
        self._runs.add(number, None, UNLOOKED, None)
        _lay(picture, (0.0, 0.0, 1.0, 1.0))

    def _show(self, picture: Picture, shown: Shown, number: int) -> None:
        why = (PERSON if shown.mark else UNSURE) if shown.is_seen else EXPECTED
        if shown.is_seen and shown.mark in self._kept:
            why = CHOSEN
        else:
            size_px = picture.shape[1], picture.shape[0] * 2 // 3
            part = veiled_part(shown.box, size_px, is_strict=self._is_strict)
            _lay(picture, part, f"P{shown.mark}" if shown.mark else "")
            self._veil_before(shown, part, number)
        self._runs.add(number, f"p{shown.mark}" if shown.mark else None, why, shown.box)

    def _veil_before(self, shown: Shown, part: tuple[float, float, float, float], number: int) -> None:
        """Where somebody is seen for the first time, they may have been a moment ago."""
        is_new = bool(shown.mark) and shown.mark not in self._known
        self._known.add(shown.mark)
        if not is_new or not self._before:
            return
        for picture in self._before:
            _lay(picture, part)
        self._runs.whole(f"p{shown.mark}", BEFORE, (number - len(self._before), number), shown.box)


def veiled_part(box: Box, size_px: tuple[int, int], *, is_strict: bool) -> tuple[float, float, float, float]:
    """What of a person's box is veiled. Of somebody who lies or bends, whose head may be anywhere in it, all of it."""
    width, height = box.right - box.left, box.bottom - box.top
    is_upright = height * size_px[1] >= _UPRIGHT * width * size_px[0]
    share = HEAD_SHARE if is_upright and not is_strict else 1.0
    wide, high = width * WIDENED, height * WIDENED
    return box.left - wide, box.top - high, box.right + wide, box.top + height * share + high


def _lay(picture: Picture, part: tuple[float, float, float, float], mark: str = "") -> None:
    """A block over a part of an I420 picture, outward to whole blocks of chroma."""
    height_px, width_px = picture.shape[0] * 2 // 3, picture.shape[1]
    left, right = _outward(part[0], part[2], width_px)
    top, bottom = _outward(part[1], part[3], height_px)
    if left >= right or top >= bottom:
        return
    picture[top:bottom, left:right] = _BLOCK_LUMA
    chromas = picture[height_px:].reshape(2, height_px // 2, width_px // 2)
    chromas[:, top // 2 : bottom // 2, left // 2 : right // 2] = _GREY
    if mark:
        _write(picture[top:bottom, left:right], mark)


def _outward(first: float, last: float, length_px: int) -> tuple[int, int]:
    start, end = int(np.floor(first * length_px)), int(np.ceil(last * length_px))
    return max(0, start - start % 2), min(length_px, end + end % 2)


def _write(block: Picture, mark: str) -> None:
    """The mark in a block that has the room."""
    for cell_px in (12, 8, 6):
        if block.shape[1] >= len(mark) * cell_px and block.shape[0] >= 2 * cell_px:
            break
    else:
        return
    letters = letters_of(_MARK_LETTERS, cell_px)
    for place, letter in enumerate(mark):
        spot = block[: 2 * cell_px, place * cell_px : (place + 1) * cell_px]
        np.copyto(spot, np.maximum(spot, letters[letter]))


def _second(frame: VideoFrame, number: int) -> float:
    """When a picture is shown, in seconds of its clip."""
    if frame.pts is None or frame.time_base is None:
        return number / 25
    return float(frame.pts * frame.time_base)


class _Runs:
    """Rows of pictures that follow each other for one reason."""

    def __init__(self) -> None:
        self._open: dict[tuple[str | None, str], tuple[int, int, Box | None]] = {}
        self._rows: list[Row] = []

    def add(self, number: int, mark: str | None, why: str, box: Box | None) -> None:
        """Something is so in this picture; several of nobody in particular are one."""
        first, last, begun = self._open.get((mark, why), (number, number, box))
        if last + 1 < number:
            self._end((mark, why), (first, last, begun))
            first, begun = number, box
        self._open[mark, why] = (first, number, begun)

    def whole(self, mark: str, why: str, span: tuple[int, int], box: Box) -> None:
        """A run that is over."""
        self._end((mark, why), (span[0], span[1] - 1, box))

    def rows(self) -> list[Row]:
        """All of them, ended."""
        for named, run in self._open.items():
            self._end(named, run)
        self._open.clear()
        return sorted(
            self._rows,
            key=lambda row: (row["desde_cuadro"], row["hasta_cuadro"], str(row["pista"]), row["motivo"]),
        )

    def _end(self, named: tuple[str | None, str], run: tuple[int, int, Box | None]) -> None:
        mark, why = named
        first, last, box = run
        place = None if box is None else [round(each * _THOUSANDTHS) for each in box]
        self._rows.append(
            {
                "pista": mark,
                "desde_cuadro": first,
                "hasta_cuadro": last + 1,
                "motivo": why,
                "caja_milesimas": place,
            }
        )
