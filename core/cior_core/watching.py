"""Cameras that are asked to look at the place of an alert for a while, at their full rate (a *burst*): what the
command says, what the worker answers, what an alert keeps of it. Pure; the correlator asks
(:mod:`cior_core.correlate.watched`), ``cior_vision`` watches and answers.

An answer holds tracks, counts, times and directions, never a picture or anything computed from a face (law 10).
"Nobody seen" and "not watched, because" are answers too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.handling import Level

BURST_TYPE: Final = "vision.burst"
"""The type of the event that answers."""
TRACKS_MAX: Final = 24
"""So many tracks are told one by one; the counts have all."""
FIRST_LIMIT_S: Final = 2.0
"""The first answer comes after this long, whatever a book says."""
LONGEST_S: Final = 600.0

REASONS: Final = frozenset(
    {
        "too_many", "gave_way", "no_pictures", "stopped", "unanswered", "expired", "interrupted", "signal_lost",
        "frozen", "covered", "too_bright", "defocused", "moved", "low_light", "low_contrast", "damaged",
    }
)  # fmt: skip
"""Why nobody looked, why a look ended before its time, what is the matter with a picture: those that have words."""

Heading = Literal["n", "ne", "e", "se", "s", "sw", "w", "nw", "left", "right", "away", "near"]
"""Where somebody went: by the compass where the camera's azimuth is known, else as the picture shows it."""


class BurstOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks of one camera: watch for ``for_s``, at up to ``fps`` pictures a second, answer after
    ``first_s`` and then every ``every_s`` while something changes. ``level``: how grave the alert is (P1 goes first).
    ``runs``: look for people who run away too (experimental).
    """

    for_s: Annotated[float, msgspec.Meta(gt=0.0, le=LONGEST_S)]
    first_s: Annotated[float, msgspec.Meta(gt=0.0, le=FIRST_LIMIT_S)]
    every_s: Annotated[float, msgspec.Meta(ge=1.0, le=60.0)]
    fps: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)]
    level: Level
    runs: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> BurstOrder:
        """From a command's parameters. Raises ``PayloadRejected`` ``burst.order``."""
        try:
            return msgspec.convert(dict(parameters), cls)
        except msgspec.ValidationError as error:
            raise PayloadRejected(
                "burst.order",
                f"the command does not say how to watch: {error}",
                cure="send what [[burst]] says",
            ) from error


class SeenTrack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object: first and last seen (UTC ms), where it went, None when it stayed where it was."""

    label: str
    first_ms: int
    last_ms: int
    heading: Heading | None = None


class BurstAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a camera saw so far, from the burst's beginning: later answers hold the earlier ones.

    ``command``: the one that is answered; ``sequence`` from 0. ``is_last``: nothing follows. ``why`` (empty: it was
    watched): the reason why not, or why it ended before its time. ``pictures``: that were looked at, between
    ``from_ms`` and ``to_ms``. ``by``: ``motion`` where no detector knows persons. ``most``: the most at once of each
    label, which is how the place was occupied; ``now``: at the last picture. ``conditions``: of the picture, that hold.
    """

    command: str
    sequence: int
    is_last: bool = False
    why: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    pictures: int = 0
    by: Literal["tracks", "motion"] = "tracks"
    counts: dict[str, int] = {}
    most: dict[str, int] = {}
    now: dict[str, int] = {}
    tracks: tuple[SeenTrack, ...] = ()
    moved_share: float = 0.0
    runs: bool | None = None
    conditions: tuple[str, ...] = ()

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> BurstAnswer:
        """From an event's attributes, what else they hold left aside. Raises ``PayloadRejected`` ``burst.answer``."""
        try:
            return msgspec.convert({k: v for k, v in attributes.items() if k in cls.__struct_fields__}, cls)
        except msgspec.ValidationError as error:
            raise PayloadRejected(
                "burst.answer", f"the answer of a burst is not one: {error}", cure="update the vision worker"
            ) from error


class Watching(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One look of one camera at the place of an alert, with the newest answer in words of both languages.

    ``state``: ``asked`` (no answer yet), ``watching``, ``ended``, ``not_watched`` (``why`` says the reason). ``camera``
    is empty where no working camera sees the place. ``event_id`` is that of the newest answer: the evidence.
    ``rule``: the rule of the pack by which it counts for the level; it never stops counting.
    """

    camera: str
    state: Literal["asked", "watching", "ended", "not_watched"]
    asked_ms: int
    until_ms: int
    command: str = ""
    sequence: int = -1
    event_id: str = ""
    text_es: str
    text_en: str
    from_ms: int | None = None
    to_ms: int | None = None
    counts: dict[str, int] = {}
    conditions: tuple[str, ...] = ()
    why: str = ""
    rule: str = ""
