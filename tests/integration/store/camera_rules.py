"""What rules of cameras said and how operators closed it: events as a worker makes them, alerts of these."""

from __future__ import annotations

from typing import Any

from cior_core import bundled
from cior_core.catalogue import Kind
from cior_core.model import (
    Alert,
    AlertStatus,
    ClockQuality,
    Disposition,
    Event,
    Member,
    Place,
    PlaceMethod,
)
from cior_core.taxonomy import Taxonomy
from cior_store.engine import Store
from cior_store.writers import Writers
from cior_video.sources import SourceSettings
from cior_video.timing import FrameTime, WallSource
from cior_vision.detectors.contract import EngineFacts
from cior_vision.events import Author, EventMaker
from cior_vision.incidents import Incident, Stage
from cior_vision.rule_settings import StoppedRule
from cior_vision.settings import CameraSettings
from integration.store import city

TYPES = Taxonomy.load(bundled.text("taxonomy.toml"))
ENGINE = EngineFacts(
    engine="openvino", version="2026.4", model="yolo11n", model_sha256="ab" * 32, labels=("car",)
)
MINUTE_MS = 60_000


def spoken(camera: str, rule: StoppedRule, *, at_ms: int, drill: bool = False) -> Event:
    """The rule's first word of an incident at ``at_ms``."""
    maker = EventMaker(
        CameraSettings(
            id=camera,
            place=Place(method=PlaceMethod.DISTRICT, district="norte"),
            source=SourceSettings(url="rtsp://10.0.0.9/1"),
            drill=drill,
        ),
        rules=[rule],
        engine=ENGINE,
        taxonomy=TYPES,
        author=Author(version="1", instance="w1"),
    )
    at = FrameTime(
        epoch=0,
        origin_ms=at_ms,
        pts=0,
        time_base=(1, 90_000),
        stream_s=0.0,
        arrival_ms=at_ms,
        wall_ms=at_ms,
        wall_source=WallSource.ARRIVAL,
        clock=ClockQuality.SYNCED,
    )
    incident = Incident(
        rule_id=rule.id,
        rule_version=rule.version,
        kind="stopped_vehicle",
        stage=Stage.START,
        sequence=0,
        track_id=1,
        tracks=(1,),
        label="car",
        since_s=0.0,
        at_s=0.0,
        place_id=rule.zone,
        facts={"stood_s": 31.0, "allowed_s": 30.0},
    )
    return maker.incident(incident, at, received_ms=at_ms)


def member(event: Event) -> Member:
    """The event as an alert names it."""
    return Member(
        event_id=event.id,
        type=event.type,
        source=event.source,
        subject=event.subject,
        phase=event.phase,
        occurred_ms=event.occurred_ms,
        received_ms=event.received_ms,
        place=event.place,
        life_safety=event.life_safety,
        independence=event.subject,
    )


def closed(number: int, *events: Event, as_what: Disposition, **more: Any) -> Alert:
    """An alert of these events that an operator closed."""
    return city.alert(
        number,
        at_ms=events[0].occurred_ms,
        type=events[0].type,
        life_safety=False,
        members=tuple(map(member, events)),
        status=AlertStatus.CLOSED,
        disposition=as_what,
        **more,
    )


class Told:
    """A store that is told stories; each record once."""

    def __init__(self, store: Store, *, now_ms: int) -> None:
        self._writers, self._now_ms = Writers(store), now_ms
        self._written = self._alerts = 0

    def write(self, kind: Kind, *records: Any) -> None:
        """Some records in one batch, as the sink writes them."""
        entries = city.entries(records, first=self._written, topic=f"told-{kind}")
        assert self._writers.write(kind, entries, token=f"told-{kind}-{self._written}") == ()
        self._written += len(records)

    def judged(
        self,
        camera: str,
        rule: StoppedRule,
        *,
        confirmed: int,
        false: int,
        beside: Event | None = None,
        drill: bool = False,
    ) -> None:
        """So many alerts of this rule were closed so, each a minute before the one told before; ``beside``: another
        source's event that was in each of them.
        """
        outcomes = [
            *[Disposition.CONFIRMED] * confirmed,
            *[Disposition.FALSE_ALARM, Disposition.UNFOUNDED] * (false // 2),
            *[Disposition.FALSE_ALARM] * (false % 2),
        ]
        events, alerts = [], []
        for as_what in outcomes:
            self._alerts += 1
            event = spoken(camera, rule, at_ms=self._now_ms - self._alerts * MINUTE_MS, drill=drill)
            events.append(event)
            parts = (event,) if beside is None else (event, beside)
            alerts.append(closed(9000 + self._alerts, *parts, as_what=as_what, drill=drill))
        self.write(Kind.EVENT, *events)
        self.write(Kind.ALERT, *alerts)
