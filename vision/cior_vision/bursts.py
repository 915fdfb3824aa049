"""One camera's look at a place, at its full rate: who was seen, when first and last, which way they went, how many at
once. Pure: tracks and times in, an answer out; no pixel (law 10).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import atan2, degrees, hypot, radians, tan
from typing import Final

from cior_core.cameras import ASSUMED_OPENING_DEG
from cior_core.model import Struct
from cior_core.watching import TRACKS_MAX, BurstAnswer, BurstOrder, Heading, SeenTrack
from cior_video.timing import FrameTime
from cior_vision.dispersal import DispersalEvaluator
from cior_vision.geometry import Box
from cior_vision.incidents import Incident, Sighting
from cior_vision.observing import Followed, Observed, Subject
from cior_vision.rule_settings import DispersalRule

WENT: Final = 1.5
"""Who moved less than so many of their own heights stayed where they were: boxes breathe."""
GONE_S: Final = 5.0
"""Whoever is born later than this where another was last seen is somebody else."""
RUNNING: Final = DispersalRule(id="look-dispersal", zone="look")
"""Experimental: of whom a look is asked after a shooting, in the whole picture."""
WHOLE: Final = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_COMPASS: Final[tuple[Heading, ...]] = ("n", "ne", "e", "se", "s", "sw", "w", "nw")
_PICTURE: Final[tuple[Heading, ...]] = ("away", "right", "near", "left")


@dataclass(frozen=True, slots=True)
class Lens:
    """Where a camera looks and how wide, as far as somebody wrote it down; a dome that turns has no azimuth."""

    azimuth_deg: float | None = None
    opening_deg: float = ASSUMED_OPENING_DEG

    def ground(self, box: Box, aspect: float) -> tuple[float, float]:
        """Where something stands: to the right of the axis and along it, in its own heights (a pinhole camera)."""
        focal = aspect / 2 / tan(radians(min(self.opening_deg, 150.0) / 2))
        height = max(box.height, 1e-6)
        return ((box.left + box.right) / 2 - 0.5) * aspect / height, focal / height

    def heading(self, right: float, along: float) -> Heading:
        """Which way that is."""
        off_deg = degrees(atan2(right, along))
        if self.azimuth_deg is None:
            return _PICTURE[round(off_deg / 90) % 4]
        return _COMPASS[round((self.azimuth_deg + off_deg) / 45) % 8]


@dataclass(slots=True)
class _Way:
    """From where to where an object went; boxes that the picture's edge cuts say neither."""

    first_ms: int = 0
    last_ms: int = 0
    born: tuple[float, float] | None = None
    at: tuple[float, float] | None = None
    labels: Counter[str] = field(default_factory=Counter)


class Told(Struct, frozen=True, kw_only=True):
    """An answer on its way out. ``drill``: the alert is an exercise."""

    camera: str
    answer: BurstAnswer
    alert_id: str
    drill: bool


class Burst:
    """One look. ``began_s`` is monotonic, of the edge: an answer is due whether pictures come or not."""

    def __init__(self, command: str, order: BurstOrder, lens: Lens, *, began_s: float) -> None:
        self.command, self.order, self.began_s = command, order, began_s
        self._lens = lens
        self._people = Followed(_Way, gap_s=GONE_S)
        self._left: list[Subject[_Way]] = []
        self._epoch = -1
        self._from_ms: int | None = None
        self._to_ms: int | None = None
        self._pictures = self._moved = self._sequence = 0
        self._most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._runs = False
        self._rule = DispersalEvaluator(RUNNING, WHOLE) if order.runs else None
        self._due_s = began_s + order.first_s
        self._told: BurstAnswer | None = None
        self._is_by_tracks = False

    @property
    def ends_s(self) -> float:
        """When it is over."""
        return self.began_s + self.order.for_s

    def see(
        self, at: FrameTime, sightings: Iterable[Sighting] | None, *, moved: bool, aspect: float
    ) -> list[Incident]:
        """One picture; ``sightings`` None: the detector did not look at it. People who run away at once are an incident
        (:data:`RUNNING`), where the order asks for it.
        """
        self._pictures += 1
        self._moved += moved
        self._from_ms = at.wall_ms if self._from_ms is None else self._from_ms
        self._to_ms = at.wall_ms
        if at.epoch != self._epoch:
            self._left += self._people.clear()
            self._epoch = at.epoch
            self._rule = None if self._rule is None else DispersalEvaluator(RUNNING, WHOLE)
        if sightings is None:
            return []
        seen = Observed(at_s=at.stream_s, sightings=tuple(sightings), aspect=aspect)
        self._is_by_tracks = True
        self._left += self._people.gone(at.stream_s)
        for sighting in seen.sightings:
            self._follow(self._people.observe(sighting, seen), sighting, at, aspect)
        self._now = Counter(sighting.label for sighting in seen.sightings)
        self._most |= self._now
        incidents = [] if self._rule is None else self._rule.step(seen)
        self._runs = self._runs or bool(incidents)
        return incidents

    def answer(
        self, now_s: float, *, conditions: Iterable[str] = (), by_motion: bool = False, why: str = ""
    ) -> BurstAnswer | None:
        """What is to be told now: the first answer when it is due, later ones when something changed, the last at the
        end or where ``why`` ends it before. None: nothing.
        """
        is_last = bool(why) or now_s >= self.ends_s
        if not is_last and now_s < self._due_s:
            return None
        self._due_s = now_s + self.order.every_s
        told = self._so_far(conditions, by_motion=by_motion, why=why, is_last=is_last)
        if not is_last and self._told is not None and _is_old(self._told, told):
            return None
        self._told, self._sequence = told, self._sequence + 1
        return told

    def _follow(self, one: Subject[_Way], sighting: Sighting, at: FrameTime, aspect: float) -> None:
        way = one.state
        if not way.labels:
            way.first_ms = at.wall_ms
        way.last_ms = at.wall_ms
        way.labels[sighting.label] += 1
        if not sighting.box.cut:
            way.at = self._lens.ground(sighting.box, aspect)
            way.born = way.at if way.born is None else way.born

    def _so_far(self, conditions: Iterable[str], *, by_motion: bool, why: str, is_last: bool) -> BurstAnswer:
        tracks = sorted(
            (self._track(each.state) for each in (*self._left, *self._people)),
            key=lambda each: (each.first_ms, each.label, each.last_ms),
        )
        return BurstAnswer(
            command=self.command,
            sequence=self._sequence,
            is_last=is_last,
            why=why or ("no_pictures" if is_last and not self._pictures else ""),
            from_ms=self._from_ms,
            to_ms=self._to_ms,
            pictures=self._pictures,
            by="motion" if by_motion else "tracks",
            counts=dict(sorted(Counter(each.label for each in tracks).items())),
            most=dict(sorted(self._most.items())),
            now=dict(sorted(self._now.items())),
            tracks=tuple(tracks[:TRACKS_MAX]),
            moved_share=round(self._moved / self._pictures, 3) if self._pictures else 0.0,
            runs=self._runs if self.order.runs and self._is_by_tracks else None,
            conditions=tuple(sorted(conditions)),
        )

    def _track(self, way: _Way) -> SeenTrack:
        label = min(way.labels, key=lambda each: (-way.labels[each], each))
        heading = None
        if way.born is not None and way.at is not None:
            right, along = way.at[0] - way.born[0], way.at[1] - way.born[1]
            heading = self._lens.heading(right, along) if hypot(right, along) >= WENT else None
        return SeenTrack(label=label, first_ms=way.first_ms, last_ms=way.last_ms, heading=heading)


def _is_old(told: BurstAnswer, new: BurstAnswer) -> bool:
    """Whether the new answer says nothing that the last one did not."""
    names = ("counts", "most", "now", "runs", "conditions", "by", "why")
    moved = bool(told.moved_share) == bool(new.moved_share) or new.by == "tracks"
    started = bool(told.pictures) == bool(new.pictures)
    return moved and started and all(getattr(told, name) == getattr(new, name) for name in names)


class BurstBook:
    """Which looks go on: at most ``limit`` at once. Full, it lets go of the least urgent and, of those, the oldest,
    for one that is as urgent or more; one that is less urgent than all of them is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._going: list[tuple[str, Burst]] = []

    def __iter__(self) -> Iterator[tuple[str, Burst]]:
        return iter(tuple(self._going))

    def of(self, camera: str) -> tuple[Burst, ...]:
        """Those of one camera, the oldest first."""
        return tuple(burst for name, burst in self._going if name == camera)

    def take(self, camera: str, burst: Burst) -> tuple[bool, tuple[str, Burst] | None]:
        """Whether it begins, and which one (camera, look) gives way to it."""
        gone = None
        if len(self._going) >= self._limit:
            place = max(range(len(self._going)), key=lambda n: (self._going[n][1].order.level.rank, -n))
            if self._going[place][1].order.level.rank < burst.order.level.rank:
                return False, None
            gone = self._going.pop(place)
        self._going.append((camera, burst))
        return True, gone

    def end(self, burst: Burst) -> None:
        """It is over."""
        self._going = [each for each in self._going if each[1] is not burst]
