"""Tracks of a worker against those of the detector on every picture of the same clip: how many it found, and how often
one person's track changed its number. Pure.

What every picture gives is no truth, only the most that this network and tracker can give. A track of it counts when it
lasts a second and more with a median score of a half and more. It is found when tracks of the worker lie on it (overlap
of 0.3 and more, one to one) for half of its life; what lies between two looks counts where they are 1.5 s apart at
most. A switch is MOTA's: another track lies on it than the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import lap
import numpy as np

from cior_core.model import Struct
from cior_vision.incidents import Sighting
from cior_vision.motion_model import overlap

OVERLAP = 0.3
SHARE_OF_LIFE = 0.5
APART_S = 1.5
LASTS_S = 1.0
SCORE = 0.5
KEPT = 1.0
"""Who lay on it before goes first."""
Seen = Sequence[tuple[float, Sequence[Sighting]]]
"""Stream seconds of each picture that was looked at, and its confirmed tracks."""


class Comparison(Struct, frozen=True, kw_only=True):
    """``found`` of ``tracks``, with ``switches``."""

    tracks: int
    found: int
    switches: int


def compared(every: Seen, seen: Seen) -> Comparison:
    """What the worker saw (``seen``) of what every picture gives (``every``)."""
    truth = _tracks(every)
    at = _by_time(truth)
    last: dict[int, int] = {}
    hits: dict[int, list[float]] = {key: [] for key in truth}
    switches = 0
    for at_s, sightings in seen:
        for key, track_id in _pairs(at.get(round(at_s, 3), []), sightings, last):
            switches += last.get(key, track_id) != track_id
            last[key] = track_id
            hits[key].append(at_s)
    found = sum(_covered_s(hits[key]) >= SHARE_OF_LIFE * _life_s(track) for key, track in truth.items())
    return Comparison(tracks=len(truth), found=found, switches=switches)


Track = list[tuple[float, Sighting]]


def _tracks(every: Seen) -> dict[int, Track]:
    all_of: dict[int, Track] = {}
    for at_s, sightings in every:
        for one in sightings:
            all_of.setdefault(one.track_id, []).append((at_s, one))
    return {
        key: track
        for key, track in all_of.items()
        if _life_s(track) >= LASTS_S and track[-1][1].score >= SCORE
    }


def _life_s(track: Track) -> float:
    return track[-1][0] - track[0][0]


def _covered_s(hits: Sequence[float]) -> float:
    steps = (later - earlier for earlier, later in pairwise(hits))
    return sum(step for step in steps if step <= APART_S)


def _by_time(truth: Mapping[int, Track]) -> dict[float, list[tuple[int, Sighting]]]:
    at: dict[float, list[tuple[int, Sighting]]] = {}
    for key, track in truth.items():
        for at_s, one in track:
            at.setdefault(round(at_s, 3), []).append((key, one))
    return at


def _pairs(
    there: Sequence[tuple[int, Sighting]], seen: Sequence[Sighting], last: Mapping[int, int]
) -> Iterable[tuple[int, int]]:
    """Which track of the worker lies on which of the truth, in one picture."""
    if not there or not seen:
        return []
    overlaps = overlap(np.array([one.box for _, one in there]), np.array([one.box for one in seen]))
    kept = np.array([[last.get(key) == one.track_id for one in seen] for key, _ in there])
    cost = np.where(overlaps >= OVERLAP, 1.0 - overlaps - KEPT * kept, 10.0)
    _, chosen, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0)
    return [
        (there[row][0], seen[column].track_id)
        for row, column in enumerate(chosen)
        if column >= 0 and overlaps[row, column] >= OVERLAP
    ]
