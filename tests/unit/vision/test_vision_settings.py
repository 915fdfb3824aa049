"""A settings file is refused with file, line, code and cure, or it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_core.cameras import Camera, Cameras
from cior_core.errors import ConfigInvalid
from cior_core.strict_toml import ConfigFault
from cior_vision.detectors.motion_only import MotionOnlySettings
from cior_vision.detectors.openvino_yolo import OpenVinoSettings
from cior_vision.rule_settings import (
    AbandonedRule,
    CrowdRule,
    IntrusionRule,
    LineRule,
    LoiteringRule,
    StoppedRule,
    WrongWayRule,
    labels_of,
)
from cior_vision.settings import AnyVisionSettings, load_settings, parse_settings

GOOD = """\
[worker]
name = "camaras-centro"

[detector]
engine = "none"

[[camera]]
id = "camera-plaza"
source = { fps = 5 }

[[zone]]
id = "acera"
camera = "camera-plaza"
polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]

[[line]]
id = "porton"
camera = "camera-plaza"
points = [[0.5, 0.2], [0.5, 0.9]]

[[rule]]
kind = "intrusion"
id = "nadie"
zone = "acera"
schedule = ["22:00-06:00"]

[[rule]]
kind = "loitering"
id = "merodeo"
zone = "acera"
after_s = 60

[[rule]]
kind = "line_crossing"
id = "cruce"
line = "porton"
direction = "a_to_b"

[[zone]]
id = "carril"
camera = "camera-plaza"
polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]
axis = [[0.1, 0.7], [0.9, 0.7]]

[[rule]]
kind = "wrong_way"
id = "contramano"
zone = "carril"

[[rule]]
kind = "stopped_vehicle"
id = "detenido"
zone = "carril"
light_s = 45
patience_s = { bus = 120 }

[[rule]]
kind = "crowd"
id = "gentio"
zone = "acera"
people = 12

[[rule]]
kind = "abandoned_object"
id = "bolso"
zone = "acera"
"""


CATALOGUE = Cameras(
    [
        Camera(id="camera-plaza", name="Plaza", lat=-32.95, lon=-60.64, stream="clips/plaza.mp4"),
        Camera(id="camera-muda", lat=-32.95, lon=-60.64),
    ]
)


def parse(text: str) -> AnyVisionSettings:
    return parse_settings(text, file="camaras.toml", folder=Path("/srv/cior"), cameras=CATALOGUE)


def test_a_good_file_gives_typed_rules_and_paths_relative_to_it() -> None:
    settings = parse(GOOD)
    assert [type(rule) for rule in settings.rules_of("camera-plaza")] == [
        IntrusionRule,
        LoiteringRule,
        LineRule,
        WrongWayRule,
        StoppedRule,
        CrowdRule,
        AbandonedRule,
    ]
    [plaza] = settings.camera
    assert (plaza.source.url, plaza.source.fps) == ("/srv/cior/clips/plaza.mp4", 5.0)
    assert (plaza.name, plaza.place) == ("Plaza", CATALOGUE["camera-plaza"].place)
    assert isinstance(settings.detector, MotionOnlySettings)


def test_the_engine_chooses_the_struct_of_its_table() -> None:
    table = f'engine = "openvino"\nmodel_dir = "models/yolo"\nmodel_sha256 = "{"0" * 64}"'
    settings = parse(GOOD.replace('engine = "none"', table))
    assert isinstance(settings.detector, OpenVinoSettings)
    assert settings.detector.model_dir == "/srv/cior/models/yolo"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('name = "camaras-centro"', 'nmae = "camaras-centro"', "config.unknown_key", 2),
        ('engine = "none"', 'engine = "none"\nthreads = 2', "config.unknown_key", 6),
        ('engine = "none"', 'model_dir = "x"', "config.missing_key", 4),
        ('engine = "none"', 'engine = "openvino"\nmodel_dir = "x"', "config.missing_key", 4),
        ("fps = 5", "fps = 0", "config.wrong_value", 9),
        ("fps = 5", 'url = "rtsp://10.0.0.9"', "config.unknown_key", 9),
        ('id = "camera-plaza"\nsource', 'id = "camera-otra"\nsource', "vision.not_in_catalogue", 8),
        ('id = "camera-plaza"\nsource', 'id = "camera-muda"\nsource', "vision.no_stream", 8),
        ('camera = "camera-plaza"\npolygon', 'camera = "camera-otra"\npolygon', "vision.camera_unknown", 13),
        ("[[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]", "[[0.1, 0.5], [0.9, 0.5]]", "vision.polygon_invalid", 14),
        (
            "[[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]",
            "[[64, 240], [576, 240], [576, 480]]",
            "vision.polygon_invalid",
            14,
        ),
        ("[[0.5, 0.2], [0.5, 0.9]]", "[[0.5, 0.2], [0.5, 0.2]]", "vision.line_invalid", 19),
        ('zone = "acera"\nschedule', 'zone = "vereda"\nschedule', "vision.place_unknown", 24),
        ("22:00-06:00", "25:00-06:00", "vision.schedule_invalid", 25),
        ("22:00-06:00", "noche", "config.wrong_value", 25),
        ('id = "merodeo"', 'id = "nadie"', "vision.double_id", 29),
        ('kind = "loitering"', 'kind = "fire"', "config.wrong_value", 28),
        ("after_s = 60", "after_s = 60\nafter_m = 1", "config.unknown_key", 32),
        ("axis = [[0.1, 0.7], [0.9, 0.7]]\n", "", "vision.axis_missing", 47),
        ("[[0.1, 0.7], [0.9, 0.7]]", "[[0.1, 0.7], [0.1, 0.7]]", "vision.axis_invalid", 43),
        ("[[0.1, 0.7], [0.9, 0.7]]", "[[64, 400], [576, 400]]", "vision.axis_invalid", 43),
        ("{ bus = 120 }", "{ buss = 120 }", "vision.patience_unknown", 55),
        ("{ bus = 120 }", "{ bus = -1 }", "config.wrong_value", 55),
        ("people = 12", "people = 1", "config.wrong_value", 61),
        ("people = 12", "", "config.missing_key", 57),
        ('direction = "a_to_b"', 'direction = "left_to_right"', "config.wrong_value", 37),
        (
            'kind = "wrong_way"\nid = "contramano"\nzone = "carril"',
            'kind = "wrong_way"\nid = "contramano"\nzone = "calle"',
            "vision.place_unknown",
            48,
        ),
        ("[worker]", "[worker", "config.syntax", 1),
    ],
)
def test_a_fault_names_its_line_code_and_cure(old: str, new: str, code: str, line: int) -> None:
    assert old in GOOD
    with pytest.raises(ConfigFault) as caught:
        parse(GOOD.replace(old, new, 1))
    assert (caught.value.code, caught.value.file, caught.value.line) == (code, "camaras.toml", line)
    assert caught.value.cure


def test_a_rule_about_bags_is_shown_people_too() -> None:
    assert labels_of(AbandonedRule(id="bolso", zone="acera")) == {"backpack", "handbag", "suitcase", "person"}


def test_an_engine_nobody_has_is_refused_with_the_list_of_those_there_are() -> None:
    with pytest.raises(ConfigInvalid, match="openvino, onnx, ultralytics, none") as caught:
        parse(GOOD.replace('engine = "none"', 'engine = "yolo"'))
    assert caught.value.code == "vision.engine_unknown"


def test_a_missing_file_is_a_fault_not_a_trace(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match=r"config\.unreadable"):
        load_settings(tmp_path / "nothing.toml", CATALOGUE)


def test_a_camera_password_is_not_in_any_representation_of_the_settings() -> None:
    secret = Camera(id="camera-plaza", lat=-32.95, lon=-60.64, stream="rtsp://admin:hunter2@10.0.0.9/1")
    settings = parse_settings(GOOD, file="t", folder=Path("/srv/cior"), cameras=Cameras([secret]))
    assert settings.camera[0].source.url == "rtsp://admin:hunter2@10.0.0.9/1"
    for shown in (repr(settings), str(settings), repr(settings.camera[0].source), repr(secret)):
        assert "hunter2" not in shown
        assert "10.0.0.9" not in shown
