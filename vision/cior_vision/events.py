"""Incidents, camera conditions, health and detections as canonical events. Pure: no clock, no pixels, deterministic
ids.

Ids are made of the camera, the rule with its version, the epoch's origin, the track and the incident's own step,
never of a process or an order of arrival: publishing the same step twice, or replaying the same clip from the same
start instant, gives the same ids. No event of this room holds a picture, a crop, a face, a plate or anything
computed from one: boxes, times and counts only (law 10).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cior_core import geo
from cior_core.cameras import CAMERA
from cior_core.identity import event_id
from cior_core.model import ClockQuality, DataClass, Device, Event, Phase, Place, Producer, Struct
from cior_core.taxonomy import Taxonomy
from cior_core.vicinity import Vicinity
from cior_core.watching import BURST_TYPE
from cior_video.timing import FrameTime
from cior_vision.bursts import Told
from cior_vision.detectors.contract import EngineFacts
from cior_vision.health import CameraHealth
from cior_vision.incidents import Condition, ConditionChange, Incident, Sighting, Stage
from cior_vision.observing import box_row
from cior_vision.rule_settings import ONVIF_TOPIC, AnyTrackRule
from cior_vision.settings import CameraSettings
from cior_vision.wording import says

CONNECTOR = "vision"
INCIDENT_TYPE = {
    "intrusion": "vision.intrusion",
    "line_crossing": "vision.line_crossing",
    "loitering": "vision.loitering",
    "crowd": "vision.crowd",
    "queue": "vision.queue",
    "stopped_vehicle": "vision.stopped_vehicle",
    "wrong_way": "vision.wrong_way",
    "person_down": "vision.person_down",
    "abandoned_object": "vision.abandoned_object",
    "dispersal": "vision.dispersal",
}
CONDITION_TYPE = {
    Condition.SIGNAL_LOST: "camera.signal_loss",
    Condition.FROZEN: "camera.frozen",
    Condition.COVERED: "camera.obstructed",
    Condition.TOO_BRIGHT: "camera.obstructed",
    Condition.DEFOCUSED: "camera.obstructed",
    Condition.MOVED: "camera.moved",
    Condition.LOW_LIGHT: "camera.degraded",
    Condition.LOW_CONTRAST: "camera.degraded",
    Condition.DAMAGED: "camera.damaged",
}
HEALTH_TYPE = "camera.health"
DETECTIONS_TYPE = "vision.object"
STAGE_PHASE = {
    Stage.START: Phase.NEW,
    Stage.ONCE: Phase.NEW,
    Stage.UPDATE: Phase.UPDATE,
    Stage.END: Phase.END,
}


class Author(Struct, frozen=True, kw_only=True):
    """Which program, version and worker speaks."""

    version: str
    instance: str


Placed = Callable[[Place], Place]


def source_of(camera: str) -> str:
    """The source of a camera's records."""
    return f"{CONNECTOR}/{camera}"


def producer_of(author: Author) -> Producer:
    """Who made them."""
    return Producer(connector=CONNECTOR, version=author.version, instance=author.instance)


def _with_cell(place: Place) -> Place:
    """``place`` with its H3 cell; a city's own ``City.placed`` also knows the district."""
    if place.lat is None or place.lon is None or place.h3:
        return place
    return msgspec.structs.replace(place, h3=geo.cell(place.lat, place.lon))


class EventMaker:
    """Makes one camera's events.

    ``placed`` and ``vicinity`` fill in what city and registry know of the camera's place.
    """

    def __init__(
        self,
        camera: CameraSettings,
        *,
        rules: Sequence[AnyTrackRule],
        engine: EngineFacts,
        taxonomy: Taxonomy,
        author: Author,
        placed: Placed | None = None,
        vicinity: Vicinity | None = None,
    ) -> None:
        self._camera = camera
        # It sees its own place, and goes first among those that do.
        self._device = Device(id=camera.id, kind=CAMERA, cameras=(camera.id,))
        self._vicinity = vicinity or Vicinity({})
        self._place = (placed or _with_cell)(camera.place)
        self._rules = {rule.id: rule for rule in rules}
        self._engine = engine
        self._taxonomy = taxonomy
        self._producer = producer_of(author)
        self._source = source_of(camera.id)

    def incident(self, incident: Incident, at: FrameTime, *, received_ms: int) -> Event:
        """One step of an incident; ``at`` is the time of the picture that led to it, whose epoch the incident's stream
        times belong to.
        """
        since_ms = round(incident.since_s * 1000)
        key = ":".join(
            (
                incident.rule_id,
                str(incident.rule_version),
                str(at.origin_ms),
                str(incident.track_id),
                str(since_ms),
                incident.stage,
                str(incident.sequence),
            )
        )
        rule = self._rules[incident.rule_id]
        attributes: dict[str, Any] = {
            "incident": ":".join(
                map(str, (self._camera.id, incident.rule_id, at.origin_ms, incident.track_id, since_ms))
            ),
            "rule": incident.rule_id,
            "rule_version": incident.rule_version,
            "parameters": _plain(rule),
            "stage": str(incident.stage),
            "place": incident.place_id,
            "tracks": list(incident.tracks),
            "label": incident.label,
            "score": incident.score,
            "box": box_row(incident.box),
            "since_ms": _wall_at(at, incident.since_s),
            "reason": incident.reason,
            "onvif_topic": ONVIF_TOPIC[incident.kind],
            "detector": self._detector(),
            "time": _time_row(at),
            **incident.facts,
        }
        said = says(incident)
        if said is not None:
            attributes |= {"says_es": said.es, "says_en": said.en}
        return self._event(
            INCIDENT_TYPE[incident.kind],
            key,
            phase=STAGE_PHASE[incident.stage],
            occurred_ms=_wall_at(at, incident.at_s),
            at=at,
            received_ms=received_ms,
            native_type=incident.kind,
            attributes=attributes,
            said="" if said is None else f": {said.es}",
        )

    def picture_condition(self, change: ConditionChange, at: FrameTime, *, received_ms: int) -> Event:
        """A condition seen in the picture began or ended."""
        key = f"{change.condition}:{at.origin_ms}:{round(change.at_s * 1000)}:{change.active}"
        attributes = {
            "condition": str(change.condition),
            "since_ms": _wall_at(at, change.since_s),
            "onvif_topic": ONVIF_TOPIC[change.condition],
            "time": _time_row(at),
            **change.facts,
        }
        return self._event(
            CONDITION_TYPE[change.condition],
            key,
            phase=Phase.NEW if change.active else Phase.RESTORE,
            occurred_ms=_wall_at(at, change.at_s),
            at=at,
            received_ms=received_ms,
            native_type=str(change.condition),
            attributes=attributes,
        )

    def signal(self, *, lost: bool, since_ms: int, received_ms: int, facts: dict[str, Any]) -> Event:
        """The signal was lost or is back; times are the edge clock's, for there is no picture to take them from."""
        attributes = {
            "condition": str(Condition.SIGNAL_LOST),
            "since_ms": since_ms,
            "onvif_topic": ONVIF_TOPIC[Condition.SIGNAL_LOST],
            **facts,
        }
        return self._event(
            CONDITION_TYPE[Condition.SIGNAL_LOST],
            f"signal:{since_ms}:{lost}",
            phase=Phase.NEW if lost else Phase.RESTORE,
            occurred_ms=since_ms,
            at=None,
            received_ms=received_ms,
            native_type=str(Condition.SIGNAL_LOST),
            attributes=attributes,
        )

    def health(self, health: CameraHealth, *, received_ms: int) -> Event:
        """One interval's health sample."""
        return self._event(
            HEALTH_TYPE,
            f"health:{received_ms}",
            phase=Phase.STILL,
            occurred_ms=received_ms,
            at=None,
            received_ms=received_ms,
            native_type="health",
            attributes=_plain(health),
        )

    def detections(
        self, seen: Sequence[tuple[FrameTime, tuple[Sighting, ...]]], *, received_ms: int
    ) -> Event | None:
        """Everything tracked since the last such event: counts, and each track as last seen; ``None`` when nobody was
        there.
        """
        last: dict[int, tuple[FrameTime, Sighting]] = {
            sighting.track_id: (at, sighting) for at, sightings in seen for sighting in sightings
        }
        if not last:
            return None
        at = seen[-1][0]
        tracks = [
            {
                "track": track_id,
                "label": sighting.label,
                "score": sighting.score,
                "box": box_row(sighting.box),
                "age_s": round(sighting.age_s, 2),
                "at_ms": seen_at.wall_ms,
            }
            for track_id, (seen_at, sighting) in sorted(last.items())
        ]
        attributes = {
            "pictures": len(seen),
            "counts": dict(Counter(sighting.label for _, sighting in last.values())),
            "tracks": tracks,
            "detector": self._detector(),
            "time": _time_row(at),
        }
        return self._event(
            DETECTIONS_TYPE,
            f"detections:{at.origin_ms}:{at.epoch}:{at.pts}",
            phase=Phase.STILL,
            occurred_ms=at.wall_ms,
            at=at,
            received_ms=received_ms,
            native_type="detections",
            attributes=attributes,
        )

    def burst(self, told: Told, *, received_ms: int) -> Event:
        """What a look saw that an alert asked for; it has no place of its own in any other alert."""
        answer = told.answer
        event = self._event(
            BURST_TYPE,
            f"burst:{answer.command}:{answer.sequence}",
            phase=Phase.STILL,
            occurred_ms=received_ms if answer.to_ms is None else answer.to_ms,
            at=None,
            received_ms=received_ms,
            native_type="burst",
            attributes={
                **msgspec.to_builtins(answer),
                "alert": told.alert_id,
                "camera_name": self._camera.name or self._camera.id,
                "detector": self._detector(),
            },
        )
        return msgspec.structs.replace(event, drill=event.drill or told.drill)

    def _detector(self) -> dict[str, Any]:
        engine = self._engine
        return {
            "engine": engine.engine,
            "version": engine.version,
            "model": engine.model,
            "model_sha256": engine.model_sha256,
        }

    def _event(  # noqa: PLR0913  (what differs between kinds of event)
        self,
        code: str,
        key: str,
        *,
        phase: Phase,
        occurred_ms: int,
        at: FrameTime | None,
        received_ms: int,
        native_type: str,
        attributes: dict[str, Any],
        said: str = "",
    ) -> Event:
        kind = self._taxonomy[code]
        event = Event(
            id=event_id(self._source, key),
            source=self._source,
            type=kind.code,
            subject=self._camera.id,
            phase=phase,
            occurred_ms=occurred_ms,
            received_ms=received_ms,
            clock=ClockQuality.SYNCED if at is None else at.clock,
            clock_error_s=None if at is None else at.clock_error_s,
            place=self._place,
            data_class=max(kind.data_class, DataClass.RESTRICTED, key=list(DataClass).index),
            life_safety=kind.life_safety,
            lane=kind.lane,
            producer=self._producer,
            drill=self._camera.drill,
            independence=self._camera.id,
            native_key=key,
            native_type=native_type,
            summary=f"{kind.name_es} — {self._camera.name or self._camera.id}{said}",
            attributes=attributes,
        )
        facts = self._vicinity.facts(event, self._device)
        return msgspec.structs.replace(event, attributes=attributes | facts)


def _plain(settings: msgspec.Struct) -> Any:
    """As it will be read back from JSON: lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(settings))


def _wall_at(at: FrameTime, stream_s: float) -> int:
    """UTC ms of another instant of the same epoch, from a picture whose wall time is known."""
    return at.wall_ms + round((stream_s - at.stream_s) * 1000)


def _time_row(at: FrameTime) -> dict[str, Any]:
    """Where an event's times come from, so that nobody takes stream time for UTC."""
    return {
        "epoch": at.epoch,
        "origin_ms": at.origin_ms,
        "pts": at.pts,
        "time_base": f"{at.time_base[0]}/{at.time_base[1]}",
        "stream_s": round(at.stream_s, 3),
        "arrival_ms": at.arrival_ms,
        "wall_source": str(at.wall_source),
        "paced_by": str(at.paced_by),
    }
