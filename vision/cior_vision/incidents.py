"""What the trackers, the rules and the picture checks say to one another. Pure structs, no pixels."""

from __future__ import annotations

import math
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


class ViewReading(Struct, frozen=True, kw_only=True):
    """What is left of the view that the camera was hung up to see, in parts of the picture.

    ``expected``: parts that were seen lately; ``agree`` and ``lost``: of those; ``flat``: lost ones whose structure is
    gone, not replaced. ``right_px`` and ``down_px``: where the whole view lies now, in pixels of 320x180.
    """

    expected: int
    agree: int
    lost: int
    flat: int
    right_px: float = 0.0
    down_px: float = 0.0

    @property
    def agreeing(self) -> float:
        """Share of the expected parts that agree."""
        return self.agree / self.expected if self.expected else 0.0

    @property
    def missing(self) -> float:
        """Share of the expected parts that are lost."""
        return self.lost / self.expected if self.expected else 0.0

    @property
    def moved_px(self) -> float:
        """How far the view lies from where it was."""
        return math.hypot(self.right_px, self.down_px)


class SceneReading(Struct, frozen=True, kw_only=True):
    """What one picture looks like as a whole.

    ``sharpness`` is the variance of the Laplacian. ``is_still``: nothing in it is new (``None``: it could not show
    that). ``after_key``: a key picture came since the last. ``view``: against the camera's own reference, once a
    second.
    """

    at_s: float
    luma_mean: float
    luma_std: float
    entropy_bits: float
    sharpness: float
    is_still: bool | None = None
    after_key: bool = False
    view: ViewReading | None = None
    is_view_known: bool = False


class Condition(StrEnum):
    """A state of a camera in which its silence means nothing."""

    SIGNAL_LOST = "signal_lost"
    FROZEN = "frozen"
    COVERED = "covered"
    TOO_BRIGHT = "too_bright"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    LOW_LIGHT = "low_light"
    LOW_CONTRAST = "low_contrast"
    DAMAGED = "damaged"


class ConditionChange(Struct, frozen=True, kw_only=True):
    """A condition began (``active``) or ended; ``since_s`` is when the evidence for it began, on the caller's time
    line.
    """

    condition: Condition
    active: bool
    at_s: float
    since_s: float
    facts: dict[str, float] = msgspec.field(default_factory=dict)
