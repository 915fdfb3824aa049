"""What a rule is told of a picture, and what every rule does alike: following one object over id switches, and telling
one incident from its start to its end. Pure: stream time in, incident steps out.

Guarantees: every decision is in stream time, so the rate of pictures does not change a verdict; hysteresis both ways; a
rule that has no evidence (box cut by the picture's edge, track not observed) keeps its last verdict. Call order per
picture: :meth:`Evaluator.step` with everything observed, at a ``at_s`` that never decreases; once at the end of an
epoch: :meth:`Evaluator.finish`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from cior_core.model import Struct
from cior_vision.geometry import Box, distance, zone_hit
from cior_vision.incidents import Incident, Sighting, Stage
from cior_vision.rule_settings import VEHICLES, Polygon, TrackRule

S = TypeVar("S")

HEIR_DISTANCE = 0.75
"""A new track continues a lost one when it appears within this many box heights of where the other was last seen."""
NOBODY = 0
"""The track of an incident that is of a zone and not of one object; tracks count from 1."""


class Observed(Struct, frozen=True, kw_only=True):
    """One picture's tracks.

    ``minute`` is the local minute of the day, for schedules; ``aspect`` the picture's width over its height;
    ``height_px`` its height, when known.
    """

    at_s: float
    sightings: tuple[Sighting, ...]
    minute: int = 0
    aspect: float = 16 / 9
    height_px: int | None = None


class Evaluator(Protocol):
    """One rule at work on one camera."""

    def step(self, seen: Observed) -> list[Incident]:
        """What this picture changes."""
        ...

    def finish(self) -> list[Incident]:
        """End everything open: the epoch is over."""
        ...


def scheduled(rule: TrackRule, minute: int) -> bool:
    """Whether the rule is armed at this local minute of the day; a span may run over midnight; its end minute is not
    part of it.
    """
    if not rule.schedule:
        return True
    return any(_in_span(span, minute) for span in rule.schedule)


def _in_span(span: str, minute: int) -> bool:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
    if start <= end:
        return start <= minute < end
    return minute >= start or minute < end


def qualifies(rule: TrackRule, sighting: Sighting) -> bool:
    """Whether the rule is about this object at all."""
    if rule.classes and sighting.label not in rule.classes:
        return False
    return sighting.score >= rule.min_score and sighting.box.height >= rule.min_height


def kind_of(rule: TrackRule) -> str:
    """The rule's kind as written in the settings file."""
    return str(type(rule).__struct_config__.tag)


def box_row(box: Box | None) -> list[float] | None:
    """A box as four rounded numbers for an event's attributes."""
    return None if box is None else [round(value, 4) for value in box]


@dataclass(slots=True)
class Subject(Generic[S]):
    """One object as a rule follows it: every track that carried it, and what the rule keeps of it."""

    tracks: tuple[int, ...]
    last: Sighting
    first_s: float
    last_s: float
    moved: float
    state: S


class Followed(Generic[S]):
    """The objects that a rule follows. A track that is born where another was last seen, after it was last seen, is the
    same object (an id switch must not reset a clock); what is unseen for more than ``gap_s`` is gone.
    """

    def __init__(self, make: Callable[[], S], *, gap_s: float) -> None:
        self._make = make
        self._gap_s = gap_s
        self._known: dict[int, Subject[S]] = {}

    def __iter__(self) -> Iterator[Subject[S]]:
        return iter(self._known.values())

    def observe(self, sighting: Sighting, seen: Observed) -> Subject[S]:
        """The object that this is."""
        one = self._known.get(sighting.track_id) or self._inherited(sighting, seen)
        if one is None:
            one = Subject(
                tracks=(sighting.track_id,),
                last=sighting,
                first_s=seen.at_s - sighting.age_s,
                last_s=seen.at_s,
                moved=sighting.moved,
                state=self._make(),
            )
        self._known[sighting.track_id] = one
        one.last, one.last_s = sighting, seen.at_s
        one.moved = max(one.moved, sighting.moved)
        return one

    def _inherited(self, sighting: Sighting, seen: Observed) -> Subject[S] | None:
        born_s = seen.at_s - sighting.age_s
        near = [
            (away, key)
            for key, one in self._known.items()
            if one.last_s <= born_s and _akin(one.last, sighting)
            if (away := _apart(one.last, sighting, seen.aspect)) <= HEIR_DISTANCE
        ]
        if not near:
            return None
        heir = self._known.pop(min(near)[1])
        heir.tracks = (*heir.tracks, sighting.track_id)
        return heir

    def gone(self, at_s: float) -> list[Subject[S]]:
        """Those unseen for more than ``gap_s`` at ``at_s``; they are forgotten. Asked before a picture is observed."""
        lost = [key for key, one in self._known.items() if at_s - one.last_s > self._gap_s + 1e-6]
        return [self._known.pop(key) for key in lost]

    def clear(self) -> list[Subject[S]]:
        """Everybody, and forget them."""
        everybody = list(self._known.values())
        self._known.clear()
        return everybody


def _akin(one: Sighting, other: Sighting) -> bool:
    """Detectors flicker between car, van and truck."""
    return one.label == other.label or {one.label, other.label} <= VEHICLES


def _apart(one: Sighting, other: Sighting, aspect: float) -> float:
    """Distance in heights of the larger box: of somebody who fell the new box is the lower one."""
    return distance(one.box.ground, other.box.ground, aspect=aspect) / max(
        one.box.height, other.box.height, 1e-6
    )


@dataclass(slots=True)
class _Open:
    """What an incident that was told keeps until its end."""

    track_id: int
    since_s: float
    sequence: int = 0
    updated_s: float = 0.0


class Verdict(Struct, frozen=True, kw_only=True):
    """What a rule says of one object or zone at one picture. ``since_s``: since when; ``of``: of whom."""

    holds: bool
    since_s: float
    tracks: tuple[int, ...] = ()
    of: Sighting | None = None
    facts: dict[str, Any] = msgspec.field(default_factory=dict)


class Teller:
    """Makes one start, updates and one end of a rule's verdicts on one object or zone.

    It is started once a verdict holds while the rule is armed, and told of the last instant at which it held when it
    ends.
    """

    def __init__(self, rule: TrackRule, place_id: str) -> None:
        self._rule = rule
        self._place_id = place_id
        self._open: _Open | None = None
        self._last: tuple[Verdict, float] | None = None

    @property
    def is_open(self) -> bool:
        """Whether an incident was started and not yet ended."""
        return self._open is not None

    def say(self, verdict: Verdict, seen: Observed, *, reason: str = "over") -> list[Incident]:
        """What ``verdict`` changes; ``reason`` is why, if it ends."""
        if not verdict.holds:
            return self.end(reason)
        if self._open is None and not scheduled(self._rule, seen.minute):
            return []
        self._last = verdict, seen.at_s
        if self._open is None:
            track_id = verdict.tracks[0] if verdict.of is not None else NOBODY
            self._open = _Open(track_id=track_id, since_s=verdict.since_s)
            return [self._told(self._open, Stage.START)]
        if seen.at_s - self._open.updated_s >= self._rule.update_every_s:
            return [self._told(self._open, Stage.UPDATE)]
        return []

    def end(self, reason: str) -> list[Incident]:
        """End it if it is open, at the last instant at which it held."""
        if self._open is None:
            return []
        ended = self._told(self._open, Stage.END, reason)
        self._open = None
        return [ended]

    def _told(self, case: _Open, stage: Stage, reason: str = "") -> Incident:
        assert self._last is not None
        verdict, at_s = self._last
        told = incident(
            self._rule, verdict, at_s=at_s, stage=stage, place_id=self._place_id, track_id=case.track_id,
            since_s=case.since_s, sequence=case.sequence, reason=reason,
        )  # fmt: skip
        case.sequence += 1
        case.updated_s = at_s
        return told


class Telling(Protocol):
    """What a rule keeps of one object, with who tells of it."""

    @property
    def teller(self) -> Teller:
        """Tells of this object alone."""
        ...


T = TypeVar("T", bound=Telling)


class EachObject(Generic[T]):
    """A rule that judges each object by itself: one incident an object and occasion. Subclasses say :meth:`judge`."""

    def __init__(
        self, rule: TrackRule, make: Callable[[], T], *, gap_s: float, reads: Callable[[Box], bool]
    ) -> None:
        """``reads``: whether a box says where its object stands."""
        self._about = rule
        self._reads = reads
        self._objects = Followed(make, gap_s=gap_s)

    def step(self, seen: Observed) -> list[Incident]:
        """Advance every object by one picture."""
        out = [ended for one in self._objects.gone(seen.at_s) for ended in one.state.teller.end("track_lost")]
        for sighting in seen.sightings:
            if qualifies(self._about, sighting) and self._reads(sighting.box):
                out += self.judge(self._objects.observe(sighting, seen), seen)
        return out

    def finish(self) -> list[Incident]:
        """End every open incident: nobody watches any more."""
        return [ended for one in self._objects.clear() for ended in one.state.teller.end("stream_ended")]

    def judge(self, one: Subject[T], seen: Observed) -> list[Incident]:
        """What this picture of ``one`` changes."""
        raise NotImplementedError


def incident(  # noqa: PLR0913  (the fields of an incident)
    rule: TrackRule,
    verdict: Verdict,
    *,
    at_s: float,
    stage: Stage,
    place_id: str,
    track_id: int,
    since_s: float,
    sequence: int,
    reason: str = "",
) -> Incident:
    """One step of an incident of ``rule``; of a zone's, the label is the class that the rule is about."""
    of = verdict.of
    return Incident(
        rule_id=rule.id,
        rule_version=rule.version,
        kind=kind_of(rule),
        stage=stage,
        sequence=sequence,
        track_id=track_id,
        tracks=verdict.tracks,
        label=of.label if of is not None else ",".join(rule.classes),
        since_s=since_s,
        at_s=at_s,
        place_id=place_id,
        box=None if of is None else of.box,
        score=None if of is None else of.score,
        reason=reason,
        facts={"dwell_s": round(at_s - since_s, 3), **verdict.facts},
    )


@dataclass(slots=True)
class Stay:
    """One object's presence in a zone: it enters at once and has left after ``leave_s`` outside."""

    since_s: float | None = None
    last_s: float = 0.0

    def observe(self, sighting: Sighting, polygon: Polygon, at_s: float, *, leave_s: float) -> bool:
        """Advance by one sighting; whether it counts as inside. A box that shows no feet changes nothing."""
        hit = zone_hit(sighting.box, polygon)
        if hit:
            self.since_s = at_s if self.since_s is None else self.since_s
        elif hit is False and self.since_s is not None and at_s - self.last_s > leave_s:
            self.since_s = None
        if hit or hit is None:
            self.last_s = at_s
        return self.since_s is not None


def speed_facts(away: float, seconds: float, box_height: float, seen: Observed) -> dict[str, float]:
    """How fast a way of ``away`` picture heights in ``seconds`` is: in the object's own heights a second and, where the
    picture's size is known, in its pixels. Neither is a speed over ground.
    """
    if seconds <= 0:
        return {}
    facts = {"speed_heights_s": round(away / seconds / max(box_height, 1e-6), 2)}
    if seen.height_px is not None:
        facts["speed_px_s"] = round(away / seconds * seen.height_px)
    return facts
