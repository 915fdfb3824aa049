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
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]


class ZoneSettings(Strict, frozen=True, kw_only=True):
    """An area of one camera's picture: at least three vertices."""

    id: Name
    camera: Name
    polygon: Polygon
    name: str = ""


class LineSettings(Strict, frozen=True, kw_only=True):
    """A line across one camera's picture, from its first to its last vertex: left and right are as seen walking that
    way.
    """

    id: Name
    camera: Name
    points: tuple[Point, Point]
    name: str = ""


class TrackRule(Strict, frozen=True, kw_only=True, tag_field="kind"):
    """What every rule about tracked objects has.

    ``min_score`` is compared with the median score of the track's last ten observations; ``min_height`` is the box
    height as a share of the picture; ``min_moved`` is how far, in box heights, the track must once have moved
    (mannequins and posters never do); ``schedule`` holds local ``HH:MM-HH:MM`` spans (empty: always) in the camera's
    zone.
    """

    id: Name
    version: int = 1
    classes: tuple[str, ...] = ("person",)
    min_score: Share = 0.5
    min_height: Share = 0.0
    min_moved: Annotated[float, msgspec.Meta(ge=0.0)] = 0.2
    schedule: tuple[Annotated[str, msgspec.Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...] = ()
    update_every_s: Annotated[float, msgspec.Meta(ge=1.0)] = 10.0


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
    """Somebody crosses.

    ``band`` (share of the picture's height) must be left on the other side; tracks younger than ``min_age_s`` do not
    count.
    """

    line: Name
    direction: Literal["any", "left_to_right", "right_to_left"] = "any"
    band: Share = 0.02
    min_age_s: Seconds = 1.0


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


AnyTrackRule = IntrusionRule | LoiteringRule | LineRule

ONVIF_TOPIC = {
    "intrusion": "tns1:RuleEngine/FieldDetector/ObjectsInside",
    "loitering": "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering",
    "line_crossing": "tns1:RuleEngine/LineDetector/Crossed",
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
