"""What the trackers, the rules and the picture checks say to one another. Pure structs, no pixels."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from cior_core.model import Struct
from cior_vision.geometry import Box


class Sighting(Struct, frozen=True, kw_only=True):
    """One confirmed track as observed in one picture.

    ``score`` is the median of the last ten observations, ``moved`` the greatest distance from where the track began,
    in box heights.
    """

    track_id: int
    label: str
    score: float
    box: Box
    age_s: float
    moved: float = 0.0


class Stage(StrEnum):
    """An incident's life."""

    START = "start"
    UPDATE = "update"
    END = "end"
    ONCE = "once"


class Incident(Struct, frozen=True, kw_only=True):
    """One step in the life of one (rule, track): ``sequence`` counts the steps of that incident from 0.

    ``since_s`` and ``at_s`` are stream times of the incident's epoch; ``tracks`` are every track id that carried it.
    """

    rule_id: str
    rule_version: int
    kind: str
    stage: Stage
    sequence: int
    track_id: int
    tracks: tuple[int, ...]
    label: str
    since_s: float
    at_s: float
    place_id: str
    box: Box | None = None
    score: float | None = None
    reason: str = ""
    facts: dict[str, Any] = msgspec.field(default_factory=dict)


class SceneReading(Struct, frozen=True, kw_only=True):
    """What one picture looks like as a whole.

    ``sharpness`` is the variance of the Laplacian; ``digest`` identifies the decoded luma.
    """

    at_s: float
    luma_mean: float
    luma_std: float
    entropy_bits: float
    sharpness: float
    digest: int


class Condition(StrEnum):
    """A state of a camera in which its silence means nothing."""

    SIGNAL_LOST = "signal_lost"
    FROZEN = "frozen"
    COVERED = "covered"
    TOO_BRIGHT = "too_bright"
    DEFOCUSED = "defocused"


class ConditionChange(Struct, frozen=True, kw_only=True):
    """A condition began (``active``) or ended; ``since_s`` is when the evidence for it began, on the caller's time
    line.
    """

    condition: Condition
    active: bool
    at_s: float
    since_s: float
    facts: dict[str, float] = msgspec.field(default_factory=dict)
