"""From incidents to events: same fact same id, honest times, taxonomy's lane and class, and nothing a face could be
made of.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from cior_core import bundled, cloudevents, geo
from cior_core.cameras import Camera, Cameras
from cior_core.geo import City, District, Facility
from cior_core.model import ClockQuality, DataClass, Event, Lane, Phase, Place, PlaceMethod
from cior_core.taxonomy import Taxonomy
from cior_core.vicinity import Vicinity
from cior_video.sources import SourceSettings
from cior_video.timing import FrameTime, WallSource
from cior_vision.detectors.contract import EngineFacts
from cior_vision.events import CONDITION_TYPE, DETECTIONS_TYPE, HEALTH_TYPE, INCIDENT_TYPE, Author, EventMaker
from cior_vision.frames import Frame, Picture
from cior_vision.geometry import Box
from cior_vision.health import HealthMeter, PipelineFacts
from cior_vision.incidents import Condition, ConditionChange, Incident, Sighting, Stage
from cior_vision.reader import Link, ReaderFacts
from cior_vision.rule_settings import ONVIF_TOPIC, AnyTrackRule, IntrusionRule, LoiteringRule
from cior_vision.settings import CameraSettings

NOON = 1_700_000_000_000
KINDS = Taxonomy.load(bundled.text("taxonomy.toml"))
ENGINE = EngineFacts(
    engine="openvino", version="2026.4", model="yolo11n", model_sha256="ab" * 32, labels=("person",)
)
CAMERA = CameraSettings(
    id="camera-plaza",
    name="Plaza",
    place=Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.64, accuracy_m=30.0, district="Centro"),
    drill=True,
    source=SourceSettings(url="rtsp://admin:hunter2@10.0.0.9/1"),
)
RULE = IntrusionRule(id="nadie", version=3, zone="acera")
BOX = Box(0.4, 0.5, 0.46, 0.8)


def maker(instance: str = "w1") -> EventMaker:
    return EventMaker(
        CAMERA,
        rules=[RULE, LoiteringRule(id="stay", zone="acera")],
        engine=ENGINE,
        taxonomy=KINDS,
        author=Author(version="1", instance=instance),
    )


def at(
    stream_s: float = 12.0, *, origin_ms: int = NOON, source: WallSource = WallSource.ARRIVAL
) -> FrameTime:
    wall_ms = origin_ms + round(stream_s * 1000)
    return FrameTime(
        epoch=0,
        origin_ms=origin_ms,
        pts=int(stream_s * 90_000),
        time_base=(1, 90_000),
        stream_s=stream_s,
        arrival_ms=wall_ms + 80,
        wall_ms=wall_ms,
        wall_source=source,
        clock=ClockQuality.UNKNOWN,
    )


def incident(**more: Any) -> Incident:
    facts = {
        "rule_id": "nadie",
        "rule_version": 3,
        "kind": "intrusion",
        "stage": Stage.START,
        "sequence": 0,
        "track_id": 7,
        "tracks": (7,),
        "label": "person",
        "since_s": 11.6,
        "at_s": 12.0,
        "place_id": "acera",
        "box": BOX,
        "score": 0.8,
    }
    return Incident(**{**facts, **more})


def event(**more: Any) -> Event:
    return maker().incident(incident(**more), at(), received_ms=NOON + 12_080)


def test_an_intrusion_event_says_what_where_when_by_which_rule_and_which_model() -> None:
    made = event()
    assert (made.type, made.subject, made.phase, made.lane) == (
        "vision.intrusion",
        "camera-plaza",
        Phase.NEW,
        Lane.URGENT,
    )
    assert (made.occurred_ms, made.received_ms, made.clock) == (
        NOON + 12_000,
        NOON + 12_080,
        ClockQuality.UNKNOWN,
    )
    assert (made.place.method, made.place.lat, made.place.district) == (PlaceMethod.SITE, -32.95, "Centro")
    assert (made.data_class, made.drill) == (DataClass.RESTRICTED, True)
    facts = made.attributes
    assert (facts["rule"], facts["rule_version"], facts["tracks"], facts["since_ms"]) == (
        "nadie",
        3,
        [7],
        NOON + 11_600,
    )
    assert facts["parameters"]["entries"] == 3
    assert facts["detector"]["model_sha256"] == "ab" * 32
    assert facts["onvif_topic"] == "tns1:RuleEngine/FieldDetector/ObjectsInside"


def test_every_kind_of_rule_has_its_own_type_and_says_what_it_measured_in_the_alerts_line() -> None:
    kinds = {str(rule.__struct_config__.tag) for rule in get_args(AnyTrackRule)}
    assert set(INCIDENT_TYPE) == kinds
    assert len(set(INCIDENT_TYPE.values())) == len(kinds)
    assert kinds <= set(ONVIF_TOPIC)
    facts = {"people": 14, "people_wanted": 12, "density_per_height2": 0.4}
    made = event(kind="crowd", track_id=0, box=None, score=None, facts=facts)
    assert (
        made.summary
        == "Concentración de personas — Plaza: 14 personas (aviso desde 12), densidad 0.4 por altura²"
    )
    assert made.attributes["says_en"].startswith("14 people")
    assert (made.attributes["people"], made.attributes["box"]) == (14, None)


def test_every_event_survives_the_wire_unchanged() -> None:
    for made in every_kind():
        assert cloudevents.decode(cloudevents.encode(made)) == made


def test_the_same_step_has_the_same_id_from_any_process() -> None:
    first = maker("w1").incident(incident(), at(), received_ms=1)
    second = maker("w2").incident(incident(), at(), received_ms=2)
    assert first.id == second.id


@pytest.mark.parametrize(
    "change",
    [
        {"rule_id": "stay", "kind": "loitering"},
        {"rule_version": 4},
        {"track_id": 8},
        {"since_s": 20.0},
        {"stage": Stage.UPDATE},
        {"sequence": 1},
    ],
)
def test_another_rule_version_track_visit_or_step_has_another_id(change: dict[str, Any]) -> None:
    assert event(**change).id != event().id


def test_the_same_track_number_after_a_restart_is_another_incident() -> None:
    later = maker().incident(incident(), at(origin_ms=NOON + 3_600_000), received_ms=NOON)
    assert later.id != event().id


def test_the_place_has_its_cell_and_what_the_city_knows_of_it() -> None:
    assert event().place.h3 == geo.cell(-32.95, -60.64)
    city = EventMaker(
        CAMERA,
        rules=[RULE],
        engine=ENGINE,
        taxonomy=KINDS,
        author=Author(version="1", instance="w"),
        placed=lambda place: msgspec.structs.replace(place, district="Sur"),
    )
    assert city.incident(incident(), at(), received_ms=NOON).place.district == "Sur"


def test_start_update_and_end_share_one_incident_and_end_when_it_ended() -> None:
    steps = [
        event(stage=stage, sequence=n, at_s=12.0 - n)
        for n, stage in enumerate([Stage.START, Stage.UPDATE, Stage.END])
    ]
    assert len({one.attributes["incident"] for one in steps}) == 1
    assert [one.phase for one in steps] == [Phase.NEW, Phase.UPDATE, Phase.END]
    assert steps[2].occurred_ms == NOON + 10_000


def test_law_6_every_event_with_a_stream_time_says_where_its_wall_time_comes_from() -> None:
    for source in WallSource:
        made = maker().incident(incident(), at(source=source), received_ms=NOON)
        assert made.attributes["time"]["wall_source"] == source.value
        assert made.attributes["time"]["stream_s"] == 12.0


def test_every_type_is_in_the_taxonomy_and_every_incident_has_its_onvif_topic() -> None:
    for code in (*INCIDENT_TYPE.values(), *CONDITION_TYPE.values(), HEALTH_TYPE, DETECTIONS_TYPE):
        assert code in KINDS
    assert set(CONDITION_TYPE) == set(Condition)
    assert {*INCIDENT_TYPE, *map(str, Condition)} == set(ONVIF_TOPIC)


def test_health_and_detections_travel_on_the_telemetry_lane_and_never_alert() -> None:
    for made in every_kind():
        if made.type in {HEALTH_TYPE, DETECTIONS_TYPE}:
            assert made.lane is Lane.TELEMETRY
            assert KINDS[made.type].alerting == "never"


def test_detections_of_a_second_are_one_event_with_counts_and_the_last_box_of_each_track() -> None:
    seen = [
        (at(1.0 + n / 5), (sighting(1, 0.3 + n * 0.01), *([sighting(2, 0.8)] if n == 0 else [])))
        for n in range(5)
    ]
    made = maker().detections(seen, received_ms=NOON)
    assert made is not None
    assert made.attributes["counts"] == {"person": 2}
    assert [one["track"] for one in made.attributes["tracks"]] == [1, 2]
    assert made.attributes["tracks"][0]["box"][0] == pytest.approx(0.34)
    assert maker().detections([(at(), ())], received_ms=NOON) is None


def test_signal_loss_is_timed_by_our_own_clock() -> None:
    lost = maker().signal(lost=True, since_ms=NOON, received_ms=NOON + 5_000, facts={})
    back = maker().signal(lost=False, since_ms=NOON + 9_000, received_ms=NOON + 9_000, facts={})
    assert [(one.type, one.phase, one.occurred_ms) for one in (lost, back)] == [
        ("camera.signal_loss", Phase.NEW, NOON),
        ("camera.signal_loss", Phase.RESTORE, NOON + 9_000),
    ]


def test_law_10_no_event_holds_pixels_or_a_password() -> None:
    """Frames never leave: attributes are plain numbers and words, small, and never bytes or arrays."""
    for made in every_kind():
        assert not list(binary(made.attributes))
        wire = cloudevents.encode(made)
        assert len(wire) < 8_000
        assert b"hunter2" not in wire
    for kind in (Frame, Picture):
        assert not issubclass(kind, msgspec.Struct), "a frame must not become encodable"
    assert {one.name for one in fields(Frame)} == {"picture", "small", "time", "turn", "after_key"}


def binary(value: Any) -> list[Any]:
    match value:
        case dict():
            return [found for one in value.values() for found in binary(one)]
        case list() | tuple():
            return [found for one in value for found in binary(one)]
        case bytes() | bytearray() | memoryview() | np.ndarray():
            return [value]
        case str() if len(value) > 300:
            return [value]
    return []


def sighting(track_id: int, x: float) -> Sighting:
    return Sighting(
        track_id=track_id, label="person", score=0.8, box=Box(x, 0.5, x + 0.05, 0.8), age_s=2.0, moved=1.0
    )


def every_kind() -> list[Event]:
    change = ConditionChange(
        condition=Condition.COVERED, active=True, at_s=12.0, since_s=7.0, facts={"luma_std": 2.0}
    )
    meter = HealthMeter(ENGINE, disabled_rules=[], now_s=0.0)
    reader = ReaderFacts(
        link=Link.LIVE,
        packets=250,
        received_bytes=1,
        decoded=250,
        delivered=50,
        connections=2,
        replaced_threads=0,
        drops={},
        silent_s=0.1,
        blind_s=0.1,
        clock_offset_s=0.05,
        last_error=None,
    )
    health = meter.measure(
        reader, PipelineFacts(pictures=50, detected=20, gate_open=25), now_s=10.0, conditions=frozenset()
    )
    detections = maker().detections([(at(), (sighting(1, 0.4),))], received_ms=NOON)
    assert detections is not None
    return [
        event(),
        event(rule_id="stay", kind="loitering"),
        maker().picture_condition(change, at(), received_ms=NOON),
        maker().signal(lost=True, since_ms=NOON, received_ms=NOON, facts={"silent_s": 5.2}),
        maker().health(health, received_ms=NOON),
        detections,
    ]


def test_health_is_rates_of_the_interval_not_totals() -> None:
    [health] = [one for one in every_kind() if one.type == HEALTH_TYPE]
    facts = health.attributes
    assert (facts["packet_fps"], facts["decoded_fps"], facts["watched_fps"], facts["detected_fps"]) == (
        25.0,
        25.0,
        5.0,
        2.0,
    )
    assert (facts["gate_open_share"], facts["reconnects"]) == (0.5, 1)
    assert (facts["detector"], facts["model_sha256"]) == ("openvino", "ab" * 32)


def test_an_incident_names_its_camera_then_those_beside_it_and_what_stands_there() -> None:
    beside = Cameras([Camera(id="camera-esquina", lat=-32.9505, lon=-60.64)])
    school = Facility(id="s-1", kind="school", name="Escuela", lat=-32.95, lon=-60.6405)
    corners = ((-33.0, -61.0), (-33.0, -60.0), (-32.0, -60.0), (-32.0, -61.0))
    city = City(districts=[District(id="d", name="D", ring=corners)], facilities=[school])
    around = EventMaker(
        CAMERA,
        rules=[RULE],
        engine=ENGINE,
        taxonomy=KINDS,
        author=Author(version="1", instance="w1"),
        vicinity=Vicinity({}, city, beside),
    )
    facts = around.incident(incident(), at(), received_ms=NOON + 12_080).attributes
    assert (facts["cameras"], facts["near"]) == (["camera-plaza", "camera-esquina"], ["school"])
    assert event().attributes["cameras"] == ["camera-plaza"]
    assert all("cameras" not in each.attributes for each in every_kind() if each.lane is Lane.TELEMETRY)
