"""``cior vision try``: what a camera's rules would have told of a clip, and why not, through the real pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cior.cli import main
from cior_core.footage import GapCause
from cior_core.people import LedgerEntry
from cior_register import ledger
from cior_register.register import Register
from cior_vision.clips import clip_of
from cior_vision.detectors import registry
from cior_vision.replay import still_of
from cior_vision.synthetic import encode, loiterer
from cior_vision.trying import settings_for_trial
from integration.recorder.fed_track import NOON_MS, Fed
from integration.vision.shirts import ShirtDetector

ENGINE = "integration.vision.shirt_engine"
SETTINGS = """\
[detector]
engine = "shirts"

[[camera]]
id = "camera-plaza"

[[camera]]
id = "camera-paso"

[[zone]]
id = "acera"
camera = "camera-plaza"
polygon = [[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]

[[zone]]
id = "lejos"
camera = "camera-plaza"
polygon = [[0.0, 0.0], [0.2, 0.0], [0.2, 0.2], [0.0, 0.2]]

[[line]]
id = "cordon"
camera = "camera-plaza"
points = [[0.6, 0.97], [0.6, 0.5]]
sides = ["vereda", "calzada"]

[[rule]]
kind = "intrusion"
id = "nadie"
zone = "acera"

[[rule]]
kind = "loitering"
id = "merodeo"
zone = "acera"
after_s = 6

[[rule]]
kind = "loitering"
id = "mucho"
zone = "acera"
after_s = 600

[[rule]]
kind = "intrusion"
id = "techo"
zone = "lejos"

[[rule]]
kind = "line_crossing"
id = "cruce"
line = "cordon"
"""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "shirts", ENGINE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "camaras.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path / "camaras.toml"


def run(clip: Path, config: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["vision", "try", str(clip), "--config", str(config), *more])


def tried(clip: Path, config: Path, *more: str) -> dict[str, Any]:
    result = run(clip, config, "--json", *more)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def reasons(found: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(note["rule"], note["code"]): note["es"] for note in found["notes"]}


def test_a_visitor_who_stays_would_have_been_told_when_and_by_which_rule(clips: Path, config: Path) -> None:
    found = tried(clips / "loiterer.mp4", config)
    told = {one["rule"]: one for one in found["fired"]}
    assert set(told) == {"nadie", "merodeo", "cruce"}
    assert 3.4 <= told["nadie"]["told_s"] <= 4.4, (
        "the scene: at x = 0.3 after 1 + 4 * 0.4 / 0.6 s, told at the third look"
    )
    assert 15.9 <= told["nadie"]["end_s"] <= 16.8, "the scene: at x = 0.7 after 15 + 4 * 0.2 / 0.6 s"
    assert 6.0 <= told["merodeo"]["told_s"] - told["merodeo"]["since_s"] <= 6.4
    assert (told["nadie"]["level"], told["merodeo"]["alerting"]) == ("P4", "threshold")
    assert "de vereda a calzada" in told["cruce"]["es"]
    assert 22.7 <= found["length_s"] <= 23.1
    assert told["nadie"]["tracks"] == told["merodeo"]["tracks"] != []


def test_a_rule_that_said_nothing_says_why(clips: Path, config: Path) -> None:
    why = reasons(tried(clips / "loiterer.mp4", config))
    assert "23 s y la regla pide 600 s" in why["mucho", "short"]
    assert "ninguno pisó «lejos»" in why["techo", "elsewhere"]
    assert not [rule for rule, _ in why if rule in {"nadie", "merodeo", "cruce"}]


def test_it_prints_for_people_in_both_languages_and_writes_nothing(clips: Path, config: Path) -> None:
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    spanish, english = (
        run(clips / "loiterer.mp4", config),
        run(clips / "loiterer.mp4", config, "--lang", "en"),
    )
    assert "Habrían avisado: 3" in spanish.output
    assert "Intrusión en zona vigilada  [regla nadie v1, acera; persona, " in spanish.output
    assert "(sola no abre alerta)" in spanish.output
    assert "Would have told: 3" in english.output
    assert {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()} == before


def test_what_a_mask_hides_is_not_analysed_and_the_rule_says_that_it_is_blind(
    clips: Path, config: Path
) -> None:
    config.write_text(
        SETTINGS
        + '[[mask]]\nid = "vecino"\ncamera = "camera-plaza"\n'
        + "polygon = [[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]\n",
        encoding="utf-8",
    )
    found = tried(clips / "loiterer.mp4", config)
    assert found["fired"] == []
    why = reasons(found)
    assert "tapa el 100 % de «acera»" in why["nadie", "hidden"]
    assert why["nadie", "nobody"] == "no se vio nada de esto: persona"
    assert {note["en"] for note in found["notes"] if note["code"] == "nobody"} == {
        "nothing of person was seen"
    }


def test_without_a_model_every_rule_says_that_it_was_not_judged(clips: Path, config: Path) -> None:
    config.write_text(SETTINGS.replace('"shirts"', '"none"'), encoding="utf-8")
    found = tried(clips / "loiterer.mp4", config)
    assert found["fired"] == []
    assert {rule for rule, code in reasons(found) if code == "no_model"} == {
        "nadie", "merodeo", "mucho", "techo", "cruce",
    }  # fmt: skip


def test_a_schedule_counts_when_the_hour_is_known_and_is_said_when_not(clips: Path, config: Path) -> None:
    at_night = SETTINGS.replace('id = "nadie"\n', 'id = "nadie"\nschedule = ["22:00-06:00"]\n')
    config.write_text(at_night, encoding="utf-8")
    unknown = tried(clips / "loiterer.mp4", config)
    day = tried(clips / "loiterer.mp4", config, "--at", "2026-11-27 15:00")
    night = tried(clips / "loiterer.mp4", config, "--at", "2026-11-27 23:59:50")
    told = [{one["rule"] for one in found["fired"]} for found in (unknown, day, night)]
    assert ["nadie" in rules for rules in told] == [True, False, True]
    assert ("nadie", "unscheduled") in reasons(unknown)
    assert "de 2026-11-27 15:00 a 2026-11-27 15:00" in reasons(day)["nadie", "not_armed"]
    assert not [rule for rule, _ in reasons(night) if rule == "nadie"]


def test_a_picture_that_cannot_be_believed_is_told_with_its_seconds(config: Path, tmp_path: Path) -> None:
    scene = loiterer(arrives_s=1.0, stays_s=10.0)
    covered = encode(
        type(scene)(walkers=(), duration_s=20.0, covered=((4.0, 20.0),)), tmp_path / "covered.mp4"
    )
    [judged] = tried(covered, config)["conditions"]
    assert judged["condition"] == "covered"
    assert judged["es"] == "Cámara tapada, oscura o borrosa"
    assert judged["en"] == "Camera covered, dark or blurred"
    assert 8.0 <= judged["from_s"] <= 12.0, "five seconds after it was covered, looked at once a second"


# --- bad input -------------------------------------------------------------------------------------------------------


def _empty(_clip: Path, to: Path) -> None:
    to.write_bytes(b"")


def _header_only(clip: Path, to: Path) -> None:
    to.write_bytes(clip.read_bytes()[:20_000])


def _sound(_clip: Path, to: Path) -> None:
    with av.open(str(to), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


def _words(_clip: Path, to: Path) -> None:
    to.write_text("esto no es un video\n" * 50, encoding="utf-8")


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (_empty, "vision.source_unreachable"),
        (_header_only, "vision.source_unreachable"),
        (_words, "vision.source_unreachable"),
        (_sound, "vision.no_video"),
        (lambda *_: None, "vision.file_missing"),
    ],
)
def test_what_is_no_clip_is_refused_with_a_cure(
    clips: Path, config: Path, tmp_path: Path, made: Callable[[Path, Path], None], code: str
) -> None:
    made(clips / "loiterer.mp4", tmp_path / "bad.mp4")
    result = run(tmp_path / "bad.mp4", config)
    assert result.exit_code != 0
    assert result.stderr.startswith(code), result.stderr
    assert " — " in result.stderr, "a cure"
    assert "Traceback" not in result.output


def test_a_clip_that_ends_too_early_is_tried_and_said_to_be_cut(
    clips: Path, config: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(clips / "loiterer.mp4")) as source, av.open(str(whole), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    found = tried(tmp_path / "cut.mkv", config)
    assert 5 < found["length_s"] < 20
    assert "está cortado o dañado" in reasons(found)["", "cut"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SETTINGS + "[[rule]\n", "config.syntax"),
        (SETTINGS + 'colour = "red"\n', "config.unknown_key"),
        (
            SETTINGS.replace('camera = "camera-plaza"\npoints', 'camera = "otra"\npoints'),
            "vision.camera_unknown",
        ),
        ('[centre]\nname = "Rosario"\n\n[[vision]]\nfile = "camaras.toml"\n', "vision.centre_file"),
        (SETTINGS.replace('engine = "shirts"', 'engine = "oracle"'), "vision.engine_unknown"),
        (
            SETTINGS
            + '[[mask]]\nid = "m"\ncamera = "camera-plaza"\npolygon = [[0, 0], [1, 1], [1, 0], [0, 1]]\n',
            "vision.mask_invalid",
        ),
    ],
)
def test_a_wrong_settings_file_is_said_with_file_line_and_cure(
    clips: Path, config: Path, text: str, code: str
) -> None:
    config.write_text(text, encoding="utf-8")
    result = run(clips / "loiterer.mp4", config)
    assert result.exit_code == 2
    assert result.stderr.startswith(code), result.stderr
    assert code == "vision.engine_unknown" or f"{config}:" in result.stderr
    assert " — " in result.stderr


def test_an_unknown_camera_is_refused_with_those_that_there_are(clips: Path, config: Path) -> None:
    result = run(clips / "loiterer.mp4", config, "--camera", "plaza")
    assert result.exit_code == 2
    assert "vision.camera_unknown" in result.stderr
    assert "camera-plaza, camera-paso" in result.stderr


# --- a recorder's footage --------------------------------------------------------------------------------------------

CENTRE = """\
cameras = "cameras.toml"

[centre]
name = "Ensayo"

[[recorder]]
file = "recorder.toml"
"""
CAMERAS = """\
[[camera]]
id = "camera-plaza"
place = { lat = -32.95, lon = -60.64 }
stream = "rtsp://127.0.0.1:1/plaza"
"""
RECORDER = """\
[recorder]
name = "plaza"
ring = "data/ring"

[[camera]]
id = "camera-plaza"
"""


@pytest.fixture
def centre(tmp_path: Path, clips: Path) -> Path:
    """A centre whose recorder kept the visitor of noon, in pieces of a second, with a broken connection in between."""
    for name, text in (("centro.toml", CENTRE), ("cameras.toml", CAMERAS), ("recorder.toml", RECORDER)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    fed = Fed(tmp_path / "data" / "ring", clips / "loiterer.mp4", camera="camera-plaza")
    fed.connection(220)
    fed.track.ended(GapCause.RECONNECT)
    fed.clock.advance(5_000)
    fed.connection(40, first=220)
    fed.track.stop()
    return tmp_path / "centro.toml"


def rows(tmp_path: Path) -> list[LedgerEntry]:
    register = Register.open(f"sqlite:///{tmp_path / 'data' / 'register' / 'register.db'}")
    try:
        return [
            row.entry
            for row in register.read_now(lambda connection: ledger.rows(connection, ledger.LedgerQuestion()))
        ]
    finally:
        register.close()


def test_law_9_yesterdays_footage_is_tried_as_one_after_who_looks_is_in_the_ledger(
    centre: Path, config: Path, tmp_path: Path
) -> None:
    day = tmp_path / "data" / "ring" / "camera-plaza" / "2026-11-27"
    refused = run(day, config)
    assert refused.stderr.startswith("vision.footage_unnoted")
    found = tried(
        day, config, "--centre", str(centre), "--data", str(tmp_path / "data"), "--reason", "probar la zona"
    )
    told = {one["rule"]: one for one in found["fired"]}
    assert found["start_ms"] == NOON_MS
    assert 3.4 <= told["nadie"]["told_s"] <= 4.4, (
        "as in the clip: twenty files of the recorder are one stream"
    )
    assert "reconnect" in reasons(found)["", "gaps"]
    [row] = rows(tmp_path)
    assert (row.act, row.subject, row.reason) == ("footage.open", "camera-plaza", "probar la zona")
    assert row.detail["from_ms"] == NOON_MS


@pytest.mark.parametrize("second", [3.0, 8.0, 17.0])
def test_a_still_shows_its_second_of_a_file_and_of_a_recorders_pieces(
    centre: Path, config: Path, tmp_path: Path, clips: Path, second: float
) -> None:
    """The scene says where the visitor stands at each second."""
    day = tmp_path / "data" / "ring" / "camera-plaza" / "2026-11-27"
    settings = settings_for_trial(SETTINGS, file="f", folder=tmp_path)
    stands = loiterer(arrives_s=1.0, stays_s=10.0).walkers[0].ground(second)
    assert stands is not None
    for clip in (clip_of(clips / "loiterer.mp4"), clip_of(day)):
        frame = still_of(clip, settings.camera[0].source, second)
        assert frame is not None
        [found] = ShirtDetector().detect([frame.image])
        [box] = found.boxes
        assert (box[0] + box[2]) / 2 == pytest.approx(stands[0], abs=0.03)


def test_an_interval_of_a_day_is_in_the_cameras_own_time(centre: Path, config: Path, tmp_path: Path) -> None:
    day = tmp_path / "data" / "ring" / "camera-plaza" / "2026-11-27"
    noted = ("--centre", str(centre), "--data", str(tmp_path / "data"), "--reason", "probar la zona")
    found = tried(day, config, "--from", "09:00:10", "--to", "09:00:14", *noted)
    assert 3.5 <= found["length_s"] <= 6.5
    assert found["start_ms"] in range(NOON_MS + 9_000, NOON_MS + 10_001), (
        "noon UTC is nine in the morning there"
    )
    nothing = run(day, config, "--from", "11:00", "--to", "11:05", *noted)
    assert nothing.stderr.startswith("vision.clip_empty")
    assert len(rows(tmp_path)) == 1, "where nothing was kept nothing was looked at"
