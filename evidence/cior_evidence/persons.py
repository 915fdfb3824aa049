"""Who is whom from one picture to the next, for veils. Pure; boxes are shares of the picture.

The vision worker's tracker joins over gaps and crossings, because an incident needs a whole story. A veil must not: who
was chosen to stay uncovered may never hand that over to somebody else. So here a person goes on only where nobody else
could be meant; in doubt, and after a gap, it is another person, who is veiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

SURE_SCORE: Final = 0.4
"""Below it a box is veiled and is nobody: detectors give most persons a second, weak box."""
HOLD_S: Final = 1.0
"""For how long the place of somebody who is not seen any more stays veiled."""
_SAME: Final = 0.3
_PERHAPS: Final = 0.1
_OWN_ECHO: Final = 0.5


class Box(NamedTuple):
    """Left, top, right, bottom in 0..1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the picture."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def overlap(self, other: Box) -> float:
        """Intersection over union."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        common = max(0.0, width) * max(0.0, height)
        return common / (self.area + other.area - common) if common else 0.0

    def moved(self, speed: tuple[float, float, float, float], elapsed_s: float) -> Box:
        """Where it is after ``elapsed_s`` if it goes on so."""
        return Box(*(place + each * elapsed_s for place, each in zip(self, speed, strict=True)))


class Found(NamedTuple):
    """A person as a detector says: where, and how sure."""

    box: Box
    score: float


class Shown(NamedTuple):
    """What is to be thought of one place of a picture. ``mark`` 0: of nobody in particular. ``is_seen``: detected in
    this very picture; else it is where somebody would be.
    """

    mark: int
    box: Box
    is_seen: bool


class _Person:
    def __init__(self, mark: int, box: Box, at_s: float) -> None:
        self.mark, self.box, self.at_s = mark, box, at_s
        self.speed = (0.0, 0.0, 0.0, 0.0)
        self.is_lost = False

    def expected(self, at_s: float) -> Box:
        return self.box.moved(self.speed, at_s - self.at_s)

    def seen(self, box: Box, at_s: float) -> None:
        elapsed_s = max(at_s - self.at_s, 1e-3)
        fresh = tuple((new - old) / elapsed_s for new, old in zip(box, self.box, strict=True))
        speed = tuple((one + other) / 2 for one, other in zip(self.speed, fresh, strict=True))
        self.speed = (speed[0], speed[1], speed[2], speed[3])
        self.box, self.at_s = box, at_s


class Persons:
    """The persons of one clip. :meth:`step` is given each picture in order."""

    def __init__(self) -> None:
        self._living: list[_Person] = []
        self._next = 1

    def step(self, found: Sequence[Found], at_s: float) -> tuple[Shown, ...]:
        """What each place of a picture at ``at_s`` (seconds of the clip) is."""
        sure = [each.box for each in found if each.score >= SURE_SCORE]
        weak = [each.box for each in found if each.score < SURE_SCORE]
        self._living = [each for each in self._living if at_s - each.at_s <= HOLD_S]
        held = [Shown(each.mark, each.expected(at_s), is_seen=False) for each in self._living]
        known = self._known(sure, at_s)
        seen = []
        for place, box in enumerate(sure):
            person = known.get(place) or self._another(box, at_s)
            person.seen(box, at_s)
            seen.append(Shown(person.mark, box, is_seen=True))
        marks = {each.mark for each in seen}
        unsure = (Shown(0, box, is_seen=True) for box in weak if not _is_echo(box, sure))
        return (*seen, *(each for each in held if each.mark not in marks), *unsure)

    def _known(self, sure: Sequence[Box], at_s: float) -> dict[int, _Person]:
        """Whose box is whose, by place. Who cannot be told from another is nobody's any more: their place is held, and
        what was seen there is somebody new.
        """
        there = [each for each in self._living if not each.is_lost]
        expected = [each.expected(at_s) for each in there]
        pairs = _pairs(expected, sure)
        for n, person in enumerate(there):
            is_near = any(expected[n].overlap(box) >= _PERHAPS for box in sure)
            person.is_lost = is_near and n not in pairs.values()
        return {place: there[n] for place, n in pairs.items()}

    def _another(self, box: Box, at_s: float) -> _Person:
        person = _Person(self._next, box, at_s)
        self._next += 1
        self._living.append(person)
        return person


def _pairs(expected: Sequence[Box], sure: Sequence[Box]) -> dict[int, int]:
    """Which detection (by place) is which of the expected, where nobody else could be meant."""
    shares = [[one.overlap(box) for box in sure] for one in expected]
    pairs: dict[int, int] = {}
    for n, row in enumerate(shares):
        near = [place for place, share in enumerate(row) if share >= _PERHAPS]
        if len(near) != 1 or row[near[0]] < _SAME:
            continue
        place = near[0]
        rivals = [m for m in range(len(expected)) if m != n and shares[m][place] >= _PERHAPS]
        if not rivals:
            pairs[place] = n
    return pairs


def _is_echo(box: Box, sure: Sequence[Box]) -> bool:
    """Whether a weak box is a second one of somebody who was surely seen."""
    return any(box.overlap(each) >= _OWN_ECHO for each in sure)
