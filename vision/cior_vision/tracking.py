"""Tracks from detections: two-stage association by overlap with a Kalman prediction.

The idea is ByteTrack's (Zhang et al. 2022): sure detections first, then the unsure ones for what is left, because a
low score usually means occlusion and not absence. Differences: memory is in *seconds* of stream time (a buffer in
frames merges people at low frame rates); another class costs ``CLASS_PENALTY`` of overlap, because detectors flicker
between car, van and truck, and a track's label is what it was called most; a track counts as confirmed after
``confirm_after`` observations; where looks are rare, what overlaps no prediction is tried again with boxes of twice
the size; a look at a part of the picture is no miss of what is elsewhere. No clock is read; times
come with the detections and never decrease.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated

import lap
import msgspec
import numpy as np

from cior_core.model import Struct
from cior_video.sources import Strict
from cior_vision.frames import Detections, Ints
from cior_vision.geometry import Box, distance
from cior_vision.incidents import Sighting
from cior_vision.motion_model import Array, BoxFilter, overlap
from cior_vision.rule_settings import Share


class TrackerSettings(Strict, frozen=True, kw_only=True):
    """Scores are the detector's; ``memory_s`` is how long a track survives unseen.

    Below two pictures a second tracks mean nothing.
    """

    sure_score: Share = 0.4
    new_score: Share = 0.45
    match_iou: Share = 0.2
    unsure_iou: Share = 0.4
    confirm_after: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    memory_s: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 2.0


CLASS_PENALTY = 0.3
RARE_S = 0.35
"""After so long without a look somebody who is known may have turned or stopped."""


class Tracked(Struct, frozen=True, kw_only=True):
    """One picture's outcome: confirmed tracks seen in it, ids that ended, and how many tracks still live (seen or
    remembered).
    """

    sightings: tuple[Sighting, ...]
    ended: frozenset[int]
    alive: int


class Foreseen(Struct, frozen=True, kw_only=True):
    """Where a living track should be at an instant: its box, its speed there (shares of the picture's width and height
    a second), and how often it was seen so far.
    """

    box: Box
    rate: tuple[float, float]
    hits: int


class _Track:
    """A living track."""

    def __init__(self, track_id: int, *, box: Array, score: float, label: int, at_s: float) -> None:
        self.id = track_id
        self.votes = {label: score}
        self.filter = BoxFilter(box)
        self.born_s = self.seen_s = self.moved_to_s = at_s
        self.hits = 1
        self.box = Box(*(float(value) for value in box))
        self.birthplace = self.box
        self.moved = 0.0
        self.scores: deque[float] = deque([score], maxlen=10)

    def predict(self, at_s: float) -> Array:
        self.filter.predict(at_s - self.moved_to_s)
        self.moved_to_s = at_s
        return self.filter.box

    @property
    def label(self) -> int:
        """The class with the most score so far."""
        return max(self.votes, key=lambda label: self.votes[label])

    def observe(self, box: Array, *, score: float, label: int, at_s: float, aspect: float) -> None:
        self.filter.update(box)
        self.box = Box(*(float(value) for value in box))
        self.seen_s = at_s
        self.hits += 1
        self.scores.append(score)
        self.votes[label] = self.votes.get(label, 0.0) + score
        height = max(self.birthplace.height, self.box.height, 1e-6)
        self.moved = max(
            self.moved, distance(self.box.ground, self.birthplace.ground, aspect=aspect) / height
        )


class Tracker:
    """One camera's tracks within one epoch. ``labels`` are the engine's class names by index."""

    def __init__(self, settings: TrackerSettings, labels: Sequence[str]) -> None:
        self._settings = settings
        self._labels = tuple(labels)
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._looked_s = float("-inf")

    @property
    def alive(self) -> int:
        """Tracks seen or remembered, confirmed or not: while there is one, the detector must keep looking."""
        return len(self._tracks)

    @property
    def confirmed(self) -> int:
        """Tracks observed often enough to be believed."""
        return sum(1 for track in self._tracks if self._is_confirmed(track))

    def foreseen(self, at_s: float) -> tuple[Foreseen, ...]:
        """Where the living tracks should be at ``at_s``; nothing changes."""
        return tuple(
            Foreseen(
                box=Box(*(float(value) for value in track.filter.ahead(at_s - track.moved_to_s))),
                rate=track.filter.rate,
                hits=track.hits,
            )
            for track in self._tracks
        )

    def step(self, found: Detections, at_s: float, *, aspect: float, within: Box | None = None) -> Tracked:
        """Advance to a picture taken at ``at_s`` (stream seconds) in which ``found`` was detected. ``within``: the part
        of it that was looked at; without, all of it.
        """
        boxes = found.boxes.astype(np.float64)
        predicted = np.array([track.predict(at_s) for track in self._tracks]).reshape(-1, 4)
        cost = self._cost(predicted, boxes, found)
        sure = np.flatnonzero(found.scores >= self._settings.sure_score)
        unsure = np.flatnonzero(found.scores < self._settings.sure_score)
        rows = np.arange(len(self._tracks))
        first, rows, sure = _assign(cost, rows, columns=sure, limit=1.0 - self._settings.match_iou)
        is_rare = at_s - self._looked_s > RARE_S
        again = np.array(
            [row for row in rows if is_rare or not self._is_confirmed(self._tracks[row])], dtype=np.int64
        )
        wide = self._cost(_widened(predicted), _widened(boxes), found)
        second, _, sure = _assign(wide, again, columns=sure, limit=1.0 - self._settings.match_iou)
        taken = {row for row, _ in second}
        rows = np.array([row for row in rows if int(row) not in taken], dtype=np.int64)
        self._looked_s = at_s
        third, _, _ = _assign(cost, rows, columns=unsure, limit=1.0 - self._settings.unsure_iou)
        for row, column in (*first, *second, *third):
            self._tracks[row].observe(
                boxes[column],
                score=float(found.scores[column]),
                label=int(found.classes[column]),
                at_s=at_s,
                aspect=aspect,
            )
        ended = self._forget(at_s, within)
        self._begin(found, boxes, sure, at_s=at_s)
        return Tracked(sightings=self._sightings(at_s), ended=ended, alive=len(self._tracks))

    def _cost(self, predicted: Array, boxes: Array, found: Detections) -> Array:
        """1 - overlap, dearer between classes."""
        if not len(predicted) or not len(boxes):
            return np.zeros((len(predicted), len(boxes)))
        labels = np.array([track.label for track in self._tracks])
        cost = 1.0 - overlap(predicted, boxes)
        return np.asarray(cost + CLASS_PENALTY * (labels[:, None] != found.classes[None, :]))

    def _begin(self, found: Detections, boxes: Array, columns: Ints, *, at_s: float) -> None:
        for column in columns:
            score = float(found.scores[column])
            if score >= self._settings.new_score:
                self._tracks.append(
                    _Track(
                        self._next_id,
                        box=boxes[column],
                        score=score,
                        label=int(found.classes[column]),
                        at_s=at_s,
                    )
                )
                self._next_id += 1

    def _forget(self, at_s: float, within: Box | None) -> frozenset[int]:
        """Unconfirmed tracks end with their first miss, confirmed ones after ``memory_s``; only the latter were ever
        told about. Who was not looked at was not missed.
        """
        gone = [
            track
            for track in self._tracks
            if track.seen_s < at_s
            and (
                (not self._is_confirmed(track) and (within is None or _is_in(track.filter.box, within)))
                or at_s - track.seen_s > self._settings.memory_s
            )
        ]
        self._tracks = [track for track in self._tracks if track not in gone]
        return frozenset(track.id for track in gone if self._is_confirmed(track))

    def _is_confirmed(self, track: _Track) -> bool:
        return track.hits >= self._settings.confirm_after

    def _sightings(self, at_s: float) -> tuple[Sighting, ...]:
        return tuple(
            Sighting(
                track_id=track.id,
                label=self._labels[track.label],
                score=round(float(np.median(track.scores)), 4),
                box=track.box,
                age_s=at_s - track.born_s,
                moved=round(track.moved, 4),
            )
            for track in self._tracks
            if track.seen_s == at_s and self._is_confirmed(track)
        )


def _is_in(box: Array, part: Box) -> bool:
    """Whether the box's centre lies in the part."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(part.left <= x <= part.right and part.top <= y <= part.bottom)


def _widened(boxes: Array) -> Array:
    """Boxes of twice the size about their centres: a track seen once or twice has no speed yet, and one that was not
    looked at for half a second may have turned, so that it would fall out of its own overlap.
    """
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, 2:] + half], axis=1)


def _assign(
    cost: Array, rows: Ints, *, columns: Ints, limit: float
) -> tuple[list[tuple[int, int]], Ints, Ints]:
    """Cheapest one-to-one pairs under ``limit`` among some rows and columns of ``cost``, and the rows and columns left
    over (Jonker-Volgenant).
    """
    if not len(rows) or not len(columns):
        return [], rows, columns
    _, chosen, _ = lap.lapjv(cost[np.ix_(rows, columns)], extend_cost=True, cost_limit=limit)
    pairs = [(int(rows[row]), int(columns[column])) for row, column in enumerate(chosen) if column >= 0]
    taken_rows = {row for row, _ in pairs}
    taken_columns = {column for _, column in pairs}
    left = np.array([row for row in rows if int(row) not in taken_rows], dtype=np.int64)
    return (
        pairs,
        left,
        np.array([column for column in columns if int(column) not in taken_columns], dtype=np.int64),
    )
