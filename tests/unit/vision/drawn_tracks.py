"""Scenes as tracks, drawn by us: who goes where and when, in which shape, and what a detector makes of it.

An :class:`Actor` walks between way points. :func:`sightings_of` looks at a scene at a rate, as a perfect detector and
tracker would, or one that is blind for a while (``blind``), changes an actor's id (``switched``), shakes
(``jitter``). Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from cior_vision.geometry import Box, distance
from cior_vision.incidents import Incident, Sighting, Stage
from cior_vision.observing import Observed
from cior_vision.rule_settings import AnyTrackRule, LineSettings, Point, ZoneSettings
from cior_vision.rules import RuleSet, evaluators

ASPECT = 16 / 9


@dataclass(frozen=True)
class Actor:
    """Way points ``(second, x, y)`` of its ground point; ``shape``: ``(from second, width over height)``, and its
    ``tall``, which lying changes with the shape so that its longer side stays.
    """

    id: int
    path: tuple[tuple[float, float, float], ...]
    label: str = "person"
    tall: float = 0.2
    shape: tuple[tuple[float, float], ...] = ((0.0, 0.4),)
    hidden: tuple[tuple[float, float], ...] = ()
    switched: tuple[float, ...] = ()

    def at(self, at_s: float) -> Point | None:
        """Its ground point; ``None`` before the first way point, after the last and while it is hidden."""
        if any(start <= at_s < end for start, end in self.hidden):
            return None
        for (t0, x0, y0), (t1, x1, y1) in zip(self.path, self.path[1:], strict=False):
            if t0 <= at_s <= t1:
                share = (at_s - t0) / (t1 - t0) if t1 > t0 else 0.0
                return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        return None

    def track(self, at_s: float) -> tuple[int, float]:
        """Its track's number then, and since when it has it."""
        past = [each for each in self.switched if each <= at_s]
        return self.id + 100 * len(past), past[-1] if past else self.path[0][0]

    def box(self, at_s: float, shake: Point = (0.0, 0.0)) -> Box | None:
        """Its box, shaken by shares of its height."""
        point = self.at(at_s)
        if point is None:
            return None
        ratio = [share for since_s, share in self.shape if since_s <= at_s][-1]
        high = self.tall * (1.0 if ratio <= 1 else 1 / ratio)
        x, y = point[0] + shake[0] * high / ASPECT, point[1] + shake[1] * high
        half = ratio * high / ASPECT / 2
        return Box(x - half, y - high, x + half, y)

    def moved_by(self, dx: float, dy: float, seconds: float = 0.0) -> Actor:
        """The same elsewhere, later."""
        return replace(
            self,
            path=tuple((t + seconds, x + dx, y + dy) for t, x, y in self.path),
            shape=((0.0, self.shape[0][1]), *((t + seconds, ratio) for t, ratio in self.shape[1:])),
            hidden=tuple((a + seconds, b + seconds) for a, b in self.hidden),
            switched=tuple(t + seconds for t in self.switched),
        )


def looks(
    actors: Sequence[Actor],
    *,
    until_s: float,
    rate: float = 5.0,
    blind: tuple[float, float] | None = None,
    jitter: float = 0.0,
    from_s: float = 0.0,
) -> Iterator[Observed]:
    """The scene, picture by picture; stream time counts from ``from_s``."""
    rng = Random(7)
    born: dict[int, tuple[Point, float]] = {}
    for n in range(round((until_s - from_s) * rate) + 1):
        at_s = from_s + n / rate
        found = []
        for actor in actors:
            shake = (rng.uniform(-jitter, jitter), rng.uniform(-jitter, jitter))
            box = actor.box(at_s, shake)
            if box is None or (blind is not None and blind[0] <= at_s < blind[1]):
                continue
            track, _ = actor.track(at_s)
            start, since_s = born.setdefault(track, (box.ground, at_s))
            moved = distance(box.ground, start, aspect=ASPECT) / box.height
            found.append(
                Sighting(
                    track_id=track, label=actor.label, score=0.8, box=box, age_s=at_s - since_s, moved=moved
                )
            )
        yield Observed(at_s=round(at_s - from_s, 6), sightings=tuple(found), aspect=ASPECT, height_px=720)


def rule_set(rule: AnyTrackRule, *, zone: ZoneSettings, line: LineSettings) -> RuleSet:
    """One rule at work."""
    return RuleSet(evaluators([rule], zones={zone.id: zone}, lines={line.id: line}))


def of_stage(found: Sequence[Incident], *stages: Stage) -> list[Incident]:
    """The steps of these stages."""
    return [one for one in found if one.stage in stages]
