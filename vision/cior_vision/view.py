"""Does the camera still see what it was hung up to see? Its view against its own reference, part by part.

What is compared are gradients of the mean of a second's pictures (noise and passers-by fade): their direction does not
depend on light, contrast or exposure. A part *agrees* when the normalised correlation of its gradients with the
reference's is high (fog and dusk dim them alike, and they still agree), and is *lost* when it is not, or when its
gradients shrank far more than those of the others (a film over half the lens). Only parts that had structure in the
reference and agreed in the last minute count: what disappears slowly, in dusk or in fog, is weather; what disappears at
once is not. Where the whole view lies elsewhere, phase correlation finds by how far; it is believed when the parts
agree once it is undone, and are more alike than if it is not. That is asked of the parts which are in sight both ways:
those that were turned out of it can agree with nothing, and a street has long edges (kerbs, roofs), which agree with
themselves further along.

The reference is learned while the picture is believed, put back by the shift that was measured, so that a camera that
sags slowly does not take its reference along.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cior_core.model import Struct
from cior_vision.frames import Grey
from cior_vision.incidents import ViewReading
from cior_vision.sway import Plane, Shift, shift_between

ROWS, COLUMNS = 6, 8
EVERY_S = 1.0
"""How often the view is judged: conditions take seconds, and the cost is paid once for several pictures."""
WARM_UP_S = 5.0
"""A reference is made of so many seconds."""
LEARN = 0.02
"""Share of a judged picture in the reference: it follows the shadows of a day and no single minute."""
STRUCTURE = 3.0
"""Least mean gradient (grey levels a pixel) of a part that can be recognised; averaged sensor noise gives under 1."""
AGREES, LOST = 0.4, 0.25
"""Correlations: unrelated parts stay below 0.15, the same part at another time of day is above 0.5."""
DIMMED = 0.25
"""A part is lost too when its gradients shrank to this share of what the better parts kept."""
SAME = 0.7
"""What agrees so well is the same however faint: far parts in fog are, a film on the lens (never in focus) is not."""
BELIEVED, FEWEST = 0.5, 4
"""A shift is one when half of the parts in sight, and so many, agree after it is undone; any two pictures correlate
somewhere.
"""
NEAR_PX = 4.0
"""A view within this of the reference teaches it; one that lies further off does not."""
LEAST_PARTS = 8
"""Fewer parts with structure (a blank wall, a dark yard): nothing can be said of the view."""
REGISTER_S = 5.0
"""How often the shift is measured while all agrees."""
EXPECTED_S = 60.0
"""Memory of whether a part was seen lately."""


class _Gradients(Struct, frozen=True):
    """Gradients right and down of a picture, smoothed once."""

    right: Plane
    down: Plane

    @classmethod
    def of(cls, picture: Plane) -> _Gradients:
        smooth = cv2.GaussianBlur(picture, (3, 3), 0)
        return cls(
            np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.25), np.float32),
            np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.25), np.float32),
        )

    def put_back(self, shift: Shift) -> _Gradients:
        """As they would be without ``shift``; what was not seen is zero."""
        matrix = np.array([[1.0, 0.0, shift.right_px], [0.0, 1.0, shift.down_px]], np.float32)
        height, width = self.right.shape
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _Gradients(
            *(
                np.asarray(cv2.warpAffine(one, matrix, (width, height), flags=flags), np.float32)
                for one in (self.right, self.down)
            )
        )

    @property
    def strength(self) -> Plane:
        """Length of each gradient."""
        return np.asarray(cv2.magnitude(self.right, self.down), np.float32)


class _Compared(Struct, frozen=True, kw_only=True):
    """A view against the reference, part by part; ``alike``: normalised correlations of the gradients."""

    reading: ViewReading
    expected: NDArray[np.bool_]
    agrees: NDArray[np.bool_]
    alike: NDArray[np.float64]

    def explains_more(self, other: _Compared) -> bool:
        """Whether this is believed rather than ``other``, by what is expected of both."""
        both = self.expected & other.expected
        is_believed = self.reading.agreeing >= BELIEVED and self.reading.agree >= FEWEST
        return is_believed and float(self.alike[both].sum()) >= float(other.alike[both].sum())


class ViewReference:
    """One camera's own view. Call :meth:`step` with each picture; it answers once a second, else ``None``."""

    def __init__(self) -> None:
        self._sum: Plane | None = None
        self._count = 0
        self._judged_s = self._registered_s = 0.0
        self._learned_s = 0.0
        self._reference: _Gradients | None = None
        self._seen = np.zeros(ROWS * COLUMNS, np.float64)
        self._shift: Shift | None = None

    def new_epoch(self) -> None:
        """The stream's time line restarted; where the camera looks is still known, and is measured at once: the instant
        of the last time is of another time line.
        """
        self._sum, self._registered_s = None, float("-inf")

    @property
    def is_known(self) -> bool:
        """Whether there is a reference with structure enough to recognise."""
        return self._learned_s >= WARM_UP_S and int((self._seen > 0.5).sum()) >= LEAST_PARTS

    def step(self, grey: Grey, at_s: float) -> ViewReading | None:
        """What is seen of the reference; ``None`` between judgements and while there is no reference."""
        if self._sum is None:
            self._sum, self._count, self._judged_s = np.zeros(grey.shape, np.float32), 0, at_s
        cv2.accumulate(grey, self._sum)
        self._count += 1
        if at_s - self._judged_s < EVERY_S - 1e-6:
            return None
        # Of a minute of damaged pictures nobody saw more than what it began and ended with.
        elapsed_s, self._judged_s = min(at_s - self._judged_s, WARM_UP_S), at_s
        now = _Gradients.of(np.asarray(self._sum / self._count, np.float32))
        self._sum, self._count = np.zeros(grey.shape, np.float32), 0
        if self._reference is None or self._learned_s < WARM_UP_S:
            self._warm_up(now, elapsed_s)
            return None
        if int((self._seen > 0.5).sum()) < LEAST_PARTS:
            self._relearn(now, elapsed_s)
            return None
        return self._judge(now, at_s, elapsed_s)

    def _warm_up(self, now: _Gradients, elapsed_s: float) -> None:
        share = elapsed_s / (self._learned_s + elapsed_s)
        self._blend(now, 1.0 if self._reference is None else share)
        self._learned_s += elapsed_s
        self._seen = (_parts(self._known.strength) >= STRUCTURE).astype(np.float64)

    def _relearn(self, now: _Gradients, elapsed_s: float) -> None:
        """Nothing to recognise yet: a scene that gets structure (the sun rises) becomes the reference."""
        if int((_parts(now.strength) >= STRUCTURE).sum()) >= LEAST_PARTS:
            self._reference, self._learned_s = None, 0.0
            self._warm_up(now, elapsed_s)

    @property
    def _known(self) -> _Gradients:
        assert self._reference is not None
        return self._reference

    def _judge(self, now: _Gradients, at_s: float, elapsed_s: float) -> ViewReading:
        seen = self._read(now, self._shift)
        if seen.reading.agreeing < 0.9 or at_s - self._registered_s >= REGISTER_S:
            seen = self._registered(now, at_s, seen)
        reading = seen.reading
        if reading.missing < 0.2 and reading.moved_px <= NEAR_PX:
            share = min(1.0, elapsed_s / EXPECTED_S)
            structured = _parts(self._known.strength) >= STRUCTURE
            self._seen += share * ((seen.agrees & structured) - self._seen)
            self._blend(now if self._shift is None else now.put_back(self._shift), LEARN * elapsed_s)
        return reading

    def _registered(self, now: _Gradients, at_s: float, before: _Compared) -> _Compared:
        """Measure the shift anew and keep what explains more."""
        self._registered_s = at_s
        found = shift_between(self._known.strength, now.strength)
        known = self._read(now, found)
        if not known.explains_more(before):
            return before
        self._shift = found
        return known

    def _read(self, now: _Gradients, shift: Shift | None) -> _Compared:
        """Compare, with the shift undone; parts that the shift pushed out of sight are not expected."""
        here = now if shift is None else now.put_back(shift)
        known = self._known
        product = _parts(here.right * known.right + here.down * known.down)
        mine, theirs = _parts(here.right**2 + here.down**2), _parts(known.right**2 + known.down**2)
        alike = product / np.sqrt(np.maximum(mine * theirs, 1e-6))
        kept = np.sqrt(mine / np.maximum(theirs, 1e-6))
        expected = (self._seen > 0.5) & (_in_sight(shift) if shift is not None else True)
        better = float(np.quantile(kept[expected], 0.75)) if expected.any() else 0.0
        dimmed = (kept < DIMMED * better) & (alike < SAME)
        agrees = (alike >= AGREES) & ~dimmed
        lost = expected & ((alike < LOST) | dimmed)
        flat = lost & (kept < 2 * DIMMED)
        reading = ViewReading(
            expected=int(expected.sum()),
            agree=int((expected & agrees).sum()),
            lost=int(lost.sum()),
            flat=int(flat.sum()),
            right_px=0.0 if shift is None else round(shift.right_px, 1),
            down_px=0.0 if shift is None else round(shift.down_px, 1),
        )
        return _Compared(reading=reading, expected=expected, agrees=agrees, alike=alike)

    def _blend(self, now: _Gradients, share: float) -> None:
        if self._reference is None:
            self._reference = now
            return
        for mine, new in ((self._reference.right, now.right), (self._reference.down, now.down)):
            cv2.accumulateWeighted(new, mine, share)


def _parts(plane: Plane) -> NDArray[np.float64]:
    """Mean of each part."""
    small = cv2.resize(plane, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64).ravel()


def _in_sight(shift: Shift) -> NDArray[np.bool_]:
    """Parts at least half of which a picture with this shift still shows."""
    left = (np.arange(COLUMNS) + 0.5) * 320 / COLUMNS + shift.right_px
    top = (np.arange(ROWS) + 0.5) * 180 / ROWS + shift.down_px
    return np.asarray(
        ((top >= 0) & (top <= 180))[:, None] & ((left >= 0) & (left <= 320))[None, :], np.bool_
    ).ravel()
