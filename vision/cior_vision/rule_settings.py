"""What an operator may ask of a camera: zones, lines and rules, as strict structs. Pure.

Coordinates are normalised to the picture, (0, 0) top left to (1, 1) bottom right, as ONVIF analytics polygons can be
mapped one to one. Every duration is stream time in seconds, never a number of frames. Definitions and start values:
ONVIF Analytics Service Specification (rule annex), Frigate zones (inertia, loitering time); measured limits in the
README.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from cior_video.sources import Strict

Point = tuple[float, float]
Polygon = tuple[Point, ...]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)]
Heights = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
"""A length in heights of the object's own box, which needs no calibration."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
PERSON = "person"
VEHICLES = frozenset({"car", "motorcycle", "bus", "truck", "van"})
"""Labels among which detectors flicker."""


class ZoneSettings(Strict, frozen=True, kw_only=True):
    """An area of one camera's picture: at least three vertices.

    ``axis``: the way that traffic may go in it, from its first point to its second (``wrong_way`` needs it).
    """

    id: Name
    camera: Name
    polygon: Polygon
    name: str = ""
    axis: tuple[Point, Point] | None = None


class LineSettings(Strict, frozen=True, kw_only=True):
    """A line across one camera's picture. Side A is on the left of somebody who walks from its first vertex to its
    last, side B on the right; ``sides`` are their names, as operators read them.
    """

    id: Name
    camera: Name
    points: tuple[Point, Point]
    name: str = ""
    sides: tuple[str, str] = ("A", "B")


class MaskSettings(Strict, frozen=True, kw_only=True):
    """A part of one camera's picture that nobody looks at: at least three vertices, no side across another."""

    id: Name
    camera: Name
    polygon: Polygon
    name: str = ""


class TrackRule(Strict, frozen=True, kw_only=True, tag_field="kind"):
    """What every rule about tracked objects has.

    ``min_score`` is compared with the median score of the track's last ten observations; ``min_height`` is the box
    height as a share of the picture; ``min_moved`` is how far, in box heights, the track must once have moved
    (mannequins and posters never do); ``schedule`` holds local ``HH:MM-HH:MM`` spans (empty: always) in the camera's
    zone; ``review_above`` is the share of false alerts, as operators closed them, above which somebody is asked to look
    at the rule (0: never); it is never silenced by that.
    """

    id: Name
    version: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1
    classes: tuple[str, ...] = ("person",)
    min_score: Share = 0.5
    min_height: Share = 0.0
    min_moved: Heights = 0.2
    schedule: tuple[Annotated[str, msgspec.Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...] = ()
    update_every_s: Annotated[float, msgspec.Meta(ge=1.0)] = 10.0
    review_above: Share = 0.8


class IntrusionRule(TrackRule, frozen=True, kw_only=True, tag="intrusion"):
    """Somebody is where nobody should be.

    ``entries`` consecutive observations inside start it, ``leave_s`` outside end it; a track lost inside may be
    continued by another within ``gap_s``.
    """

    zone: Name
    entries: Annotated[int, msgspec.Meta(ge=1)] = 3
    leave_s: Seconds = 0.6
    gap_s: Seconds = 3.0


class LoiteringRule(TrackRule, frozen=True, kw_only=True, tag="loitering"):
    """Somebody stays.

    The clock starts with the first of ``entries`` consecutive observations inside and survives an absence of ``gap_s``.
    """

    zone: Name
    after_s: Seconds = 60.0
    entries: Annotated[int, msgspec.Meta(ge=1)] = 3
    gap_s: Seconds = 3.0


class LineRule(TrackRule, frozen=True, kw_only=True, tag="line_crossing"):
    """Somebody crosses, from side A to side B, back, or both ways.

    ``band`` (share of the picture's height) must be left on the other side; objects seen for less than ``min_age_s`` do
    not count; an object unseen for ``gap_s`` is forgotten.
    """

    line: Name
    direction: Literal["both", "a_to_b", "b_to_a"] = "both"
    band: Share = 0.02
    min_age_s: Seconds = 1.0
    gap_s: Seconds = 3.0


class GatheringRule(TrackRule, frozen=True, kw_only=True):
    """Many at once in a zone.

    Only who has been in the zone for ``stay_s`` counts, and until ``leave_s`` after leaving it or ``gap_s`` unseen. It
    begins when ``people`` of them are there for ``after_s``, and is over when for ``clear_s`` there are fewer than
    ``people`` less ``slack``.
    """

    zone: Name
    people: Annotated[int, msgspec.Meta(ge=2, le=1000)]
    # Who already stood there when the camera connected counts too; so do mannequins.
    min_moved: Heights = 0.0
    stay_s: Seconds = 3.0
    after_s: Seconds = 10.0
    slack: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    clear_s: Seconds = 10.0
    leave_s: Seconds = 2.0
    gap_s: Seconds = 3.0


class CrowdRule(GatheringRule, frozen=True, kw_only=True, tag="crowd"):
    """Many people in a zone.

    ``density``: people on a square whose side is one person's height in the picture, at least (0: not asked). It tells
    a full kerb from a square with as many people on it, without calibration; it is not people per square metre.
    """

    density: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 0.0


class QueueRule(GatheringRule, frozen=True, kw_only=True, tag="queue"):
    """People who wait: ``people`` of them have each been in the zone for ``stay_s``. A queue that moves never has them,
    however long it is.
    """

    people: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 5
    stay_s: Seconds = 300.0
    after_s: Seconds = 0.0
    clear_s: Seconds = 30.0
    gap_s: Seconds = 10.0


class StoppedRule(TrackRule, frozen=True, kw_only=True, tag="stopped_vehicle"):
    """A vehicle stands where none may.

    It stands while it stays within ``still`` of its own heights of one point; less than ``jolt_s`` elsewhere is the
    detector's jitter. It is told after ``after_s`` and, where a light can hold it there, ``light_s`` (the longest red)
    more; ``patience_s`` gives a class its own time instead, as a bus at its stop. Vehicles that were there before the
    camera looked are not told: ``min_moved``.
    """

    zone: Name
    classes: tuple[str, ...] = ("car", "motorcycle", "bus", "truck")
    after_s: Seconds = 30.0
    light_s: Seconds = 0.0
    patience_s: dict[str, Seconds] = msgspec.field(default_factory=dict)
    still: Heights = 0.3
    jolt_s: Seconds = 1.0
    gap_s: Seconds = 10.0


class WrongWayRule(TrackRule, frozen=True, kw_only=True, tag="wrong_way"):
    """A vehicle goes against the axis of its zone.

    It has come back by ``way`` of its own heights from the farthest point that it had reached along the axis, at
    ``angle_deg`` or more from it, for ``after_s`` at least. It is over when it goes a third of that the right way, has
    left the zone for ``leave_s`` or is unseen for ``gap_s``.
    """

    zone: Name
    classes: tuple[str, ...] = ("car", "motorcycle", "bus", "truck")
    way: Annotated[float, msgspec.Meta(ge=0.2, le=100.0)] = 1.5
    angle_deg: Annotated[float, msgspec.Meta(gt=90.0, le=180.0)] = 120.0
    after_s: Seconds = 1.0
    leave_s: Seconds = 2.0
    gap_s: Seconds = 3.0


class PersonDownRule(TrackRule, frozen=True, kw_only=True, tag="person_down"):
    """Experimental. Somebody who stood (box narrower than ``upright`` of its height) lies (wider than ``lying``) within
    ``fall_s`` and does not get up for ``after_s``. Boxes cut by the picture's edge say nothing.
    """

    zone: Name
    upright: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.6
    lying: Annotated[float, msgspec.Meta(gt=1.0, le=5.0)] = 1.1
    fall_s: Seconds = 3.0
    after_s: Seconds = 10.0
    clear_s: Seconds = 2.0
    gap_s: Seconds = 5.0


class AbandonedRule(TrackRule, frozen=True, kw_only=True, tag="abandoned_object"):
    """Experimental. A bag that somebody brought stands alone for ``after_s``.

    Brought: somebody was within ``near`` (heights of a person) in the ``brought_s`` before it was first seen. Alone:
    nobody has stayed that near for ``visit_s``; who passes by does not count.
    """

    zone: Name
    classes: tuple[str, ...] = ("backpack", "handbag", "suitcase")
    min_moved: Heights = 0.0
    after_s: Seconds = 60.0
    near: Heights = 1.0
    brought_s: Seconds = 5.0
    visit_s: Seconds = 3.0
    still: Heights = 0.5
    gap_s: Seconds = 5.0


class DispersalRule(TrackRule, frozen=True, kw_only=True, tag="dispersal"):
    """Experimental. People run at once: within ``within_s`` at least ``people`` in the zone, and ``share`` of all who
    were seen in it, ran faster than ``speed`` (their own heights a second, over one second) for ``run_s``.
    """

    zone: Name
    people: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    share: Share = 0.5
    speed: Annotated[float, msgspec.Meta(gt=0.0, le=20.0)] = 1.5
    run_s: Seconds = 0.5
    within_s: Seconds = 3.0
    clear_s: Seconds = 5.0
    gap_s: Seconds = 3.0


class TamperSettings(Strict, frozen=True, kw_only=True):
    """When a picture can no longer be believed.

    Luma statistics are of the 320x180 grey picture (values 0 to 255, entropy in bits); shares are of the parts that can
    be recognised. ``fixed``: false for a camera that turns by command, which has no view of its own.
    """

    fixed: bool = True
    # A normal scene has 10 and 2.26 bit or more; a covered lens, fog or an unlit night has 5 and 1.2 or less.
    flat_std: float = 6.0
    flat_entropy_bits: float = 1.5
    # A street lamp's picture is above 40; noise of a dark sensor is below 20.
    dark_mean: float = 32.0
    # A scene darker than this was lit by lamps, which can go out; by day it cannot get dark at once.
    dim_mean: float = 70.0
    degraded_after_s: Seconds = 5.0
    # A bus or a lorry close by hides up to a quarter of a street's view; and it moves on within hidden_after_s.
    covered_share: Share = 0.35
    recognised_share: Share = 0.3
    # Of unrelated views one part in ten agrees by chance.
    another_share: Share = 0.2
    covered_after_s: Seconds = 5.0
    hidden_after_s: Seconds = 30.0
    # Two per cent of the width: what a zone's edge can stand; wind and heat move a mount by less.
    moved_share: Share = 0.02
    moved_after_s: Seconds = 5.0
    # A quarter: one damaged key interval of two seconds in ten is a passing fault, two are not.
    damaged_share: Share = 0.25
    damaged_window_s: Seconds = 10.0
    damaged_after_s: Seconds = 2.0
    bright_mean: float = 252.0
    bright_entropy_bits: float = 0.5
    defocused_ratio: Share = 0.3
    defocused_after_s: Seconds = 10.0
    reference_s: Seconds = 60.0
    frozen_after_s: Seconds = 5.0
    # Codecs that save on quiet scenes go without key pictures for up to half a minute.
    frozen_keyless_s: Seconds = 60.0
    frozen_clear_s: Seconds = 1.0
    clear_after_s: Seconds = 2.0


AnyTrackRule = (
    IntrusionRule
    | LoiteringRule
    | LineRule
    | CrowdRule
    | QueueRule
    | StoppedRule
    | WrongWayRule
    | PersonDownRule
    | AbandonedRule
    | DispersalRule
)


def labels_of(rule: AnyTrackRule) -> frozenset[str]:
    """Every class that the rule must be shown: those it is about and, of bags, the people around them."""
    return frozenset(rule.classes) | ({PERSON} if isinstance(rule, AbandonedRule) else set())


ONVIF_TOPIC = {
    "intrusion": "tns1:RuleEngine/FieldDetector/ObjectsInside",
    "loitering": "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering",
    "line_crossing": "tns1:RuleEngine/LineDetector/Crossed",
    "crowd": "tns1:RuleEngine/CountAggregation/Counter",
    "queue": "tns1:RuleEngine/CountAggregation/Counter",
    "stopped_vehicle": "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering",
    "wrong_way": "tns1:RuleEngine/FieldDetector/ObjectsInside",
    "person_down": "tns1:RuleEngine/FieldDetector/ObjectsInside",
    "abandoned_object": "tns1:RuleEngine/ObjectAbandoned",
    "dispersal": "tns1:RuleEngine/CountAggregation/Counter",
    "covered": "tns1:VideoSource/ImageTooDark/AnalyticsService",
    "moved": "tns1:VideoSource/GlobalSceneChange/AnalyticsService",
    "low_light": "tns1:VideoSource/ImageTooDark/AnalyticsService",
    "low_contrast": "tns1:VideoSource/ImageTooBlurry/AnalyticsService",
    "damaged": "tns1:VideoSource/SignalLoss",
    "too_bright": "tns1:VideoSource/ImageTooBright/AnalyticsService",
    "defocused": "tns1:VideoSource/ImageTooBlurry/AnalyticsService",
    "signal_lost": "tns1:VideoSource/SignalLoss",
    "frozen": "tns1:VideoSource/SignalLoss",
}
"""ONVIF topic carried by each incident or condition, so that a Profile M consumer maps it one to one."""
