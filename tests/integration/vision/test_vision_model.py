"""The real network on real pixels.

Skipped, visibly, where the model of ``../shared/data`` is absent; no clip is known here by more than its kind.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import msgspec
import numpy as np
import openvino as ov
import pytest

from cior_core.cameras import Cameras
from cior_core.errors import IntegrityBroken
from cior_vision.attention import AttentionSettings
from cior_vision.detectors import openvino_yolo, ultralytics_yolo
from cior_vision.detectors.input_size import NotResizable, anchors, exported_size, resize_input
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.detectors.openvino_yolo import OpenVinoSettings, OpenVinoYolo
from cior_vision.frames import Image
from cior_vision.incidents import Stage
from cior_vision.replay import Replay, clip_replay
from cior_vision.rule_settings import IntrusionRule
from cior_vision.settings import AnyVisionSettings, load_settings
from cior_vision.synthetic import Walker, encode, loiterer, render
from integration.vision.conftest import SETTINGS, camera, catalogue_toml

START_MS = 1_790_000_000_000
WHOLE_PICTURE = "[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"


@pytest.fixture(scope="session")
def model_dir(test_data: Path) -> Path:
    found = sorted(path.parent for path in (test_data / "models").glob("*openvino_model/*.xml"))
    if not found:
        pytest.skip("no OpenVINO model in the test data")
    return found[0]


@pytest.fixture(scope="session")
def engine(model_dir: Path) -> Iterator[OpenVinoYolo]:
    loaded = OpenVinoYolo(OpenVinoSettings(model_dir=str(model_dir), model_sha256=folder_sha256(model_dir)))
    yield loaded
    loaded.close()


def clip(test_data: Path, name: str) -> Path:
    path = test_data / "video" / name
    if not path.is_file():
        pytest.skip(f"no {name} in the test data")
    return path


def replayed(settings: AnyVisionSettings, path: Path, engine: OpenVinoYolo) -> Replay:
    return clip_replay(settings, path, detector=engine, start_ms=START_MS)


def test_the_camera_path_yields_tracked_incidents_with_the_real_network(
    clips: Path, engine: OpenVinoYolo
) -> None:
    """Our own clip, a network trained on photographs: one visitor, one track, one intrusion, one loitering, times of
    the scene.
    """
    result = replayed(camera("loiterer.mp4", clips), clips / "loiterer.mp4", engine)
    assert [track.label for track in result.tracks] == ["person"]
    steps = [(one.kind, one.stage) for one in result.incidents]
    assert steps.count(("intrusion", Stage.START)) == steps.count(("intrusion", Stage.END)) == 1
    assert steps.count(("loitering", Stage.START)) == steps.count(("loitering", Stage.END)) == 1
    [intrusion] = [one for one in result.incidents if (one.kind, one.stage) == ("intrusion", Stage.START)]
    assert 3.4 <= intrusion.at_s <= 4.6
    assert {
        event.attributes["detector"]["model_sha256"]
        for event in result.events
        if event.type.startswith("vision.")
    } == {engine.facts.model_sha256}


@pytest.mark.parametrize(("stays_s", "fires"), [(3.0, 0), (20.0, 1)])
def test_a_short_stay_is_no_loitering_and_a_long_one_is_one(
    tmp_path: Path, engine: OpenVinoYolo, stays_s: float, fires: int
) -> None:
    encode(loiterer(arrives_s=1.0, stays_s=stays_s), tmp_path / "clip.mp4")
    result = replayed(camera("clip.mp4", tmp_path), tmp_path / "clip.mp4", engine)
    assert sum((one.kind, one.stage) == ("loitering", Stage.START) for one in result.incidents) == fires


def test_two_visitors_are_two_tracks_and_two_intrusions(tmp_path: Path, engine: OpenVinoYolo) -> None:
    other = Walker(
        path=((1.0, 1.1, 0.92), (9.0, -0.1, 0.92)), height=0.5, shirt=(150, 90, 40), trousers=(60, 60, 70)
    )
    scene = replace(loiterer(arrives_s=3.0, stays_s=6.0), duration_s=18.0)
    encode(replace(scene, walkers=(*scene.walkers, other)), tmp_path / "clip.mp4")
    result = replayed(camera("clip.mp4", tmp_path), tmp_path / "clip.mp4", engine)
    starts = [one for one in result.incidents if (one.kind, one.stage) == ("intrusion", Stage.START)]
    assert len({one.track_id for one in starts}) == 2
    assert len(result.tracks) <= 3, "one switch where they pass each other is tolerated"


def test_cars_from_straight_above_are_no_persons_and_as_any_object_give_three_separate_passes(
    test_data: Path, engine: OpenVinoYolo
) -> None:
    """The network has never seen cars from there and names them wrongly (phones, suitcases): person rules must stay
    quiet; a rule for any object sees them pass. By eye the clip has three passes, at seconds 5 to 9, 14 to 19 and 25
    to 28, the middle one of two cars.
    """
    path = clip(test_data, "car-detection.mp4")
    text = SETTINGS.replace("[[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]", WHOLE_PICTURE)
    persons = replayed(camera(str(path), path.parent, text), path, engine)
    assert persons.incidents == ()
    assert persons.tracks == ()
    loose = text.replace('id = "nadie"', 'id = "nadie"\nclasses = []\nmin_score = 0.4')
    anything = camera(str(path), path.parent, loose)
    assert isinstance(anything.rule[0], IntrusionRule)
    result = replayed(anything, path, engine)
    starts = [one.at_s for one in result.incidents if (one.rule_id, one.stage) == ("nadie", Stage.START)]
    windows = Counter(
        next(
            (n for n, (low, high) in enumerate([(5, 9.5), (14, 19.5), (24.5, 28.5)]) if low <= at_s <= high),
            -1,
        )
        for at_s in starts
    )
    assert windows[-1] == 0, f"nothing moves outside the passes, but something was told at {starts}"
    assert set(windows) == {0, 1, 2}
    assert len(starts) <= 7


def test_people_in_a_plaza_become_tracks_and_a_zone_tells_of_each(
    test_data: Path, tmp_path: Path, engine: OpenVinoYolo
) -> None:
    """The first 25 s of the plaza. On every picture, at ten a second, this network and tracker have 13 tracks of a
    second and more with a score of a half; five a second behind the gate lose none of them.
    """
    path = begun(clip(test_data, "vtest.mp4"), tmp_path / "plaza.mp4", until_s=25.0)
    text = SETTINGS.replace("[[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]", WHOLE_PICTURE)
    result = replayed(camera(str(path), tmp_path, text), path, engine)
    sure = [one for one in result.tracks if one.last_s - one.first_s >= 1.0 and one.score >= 0.5]
    assert 13 <= len(sure) <= 15
    assert {one.label for one in sure} == {"person"}
    told = Counter((one.kind, one.stage) for one in result.incidents)
    assert told["intrusion", Stage.START] == told["intrusion", Stage.END]
    assert len(sure) - 3 <= told["intrusion", Stage.START] <= len(sure) + 6


def begun(path: Path, to: Path, *, until_s: float) -> Path:
    """The beginning of a film, up to a key picture, its packets as they are."""
    with av.open(str(path)) as source, av.open(str(to), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None or (packet.is_keyframe and float(packet.pts * packet.time_base) >= until_s):
                break
            packet.stream = copy
            target.mux(packet)
    return to


# --- the engine itself
# ----------------------------------------------------------------------------------------------------------------


def figure() -> Image:
    return list(render(replace(loiterer(arrives_s=0.0, stays_s=2.0), fps=1, duration_s=6.0)))[5]


@pytest.mark.parametrize("input_px", [(384, 640), (640, 640), (480, 640), (320, 320)])
def test_the_network_runs_at_any_size_and_finds_the_figure_in_the_same_place(
    model_dir: Path, input_px: tuple[int, int]
) -> None:
    settings = OpenVinoSettings(
        model_dir=str(model_dir), model_sha256=folder_sha256(model_dir), input_px=input_px, confidence=0.5
    )
    engine = OpenVinoYolo(settings)
    assert (engine.facts.input_px, engine.facts.remark) == (input_px, "")
    [found] = engine.detect([figure()])
    assert [engine.facts.labels[label] for label in found.classes] == ["person"]
    truth = loiterer(arrives_s=0.0, stays_s=2.0).walkers[0].box(5.0)
    assert truth is not None
    assert found.boxes[0][3] == pytest.approx(truth.bottom, abs=0.03), (
        "where it stands is what rules are about"
    )
    assert (found.boxes[0][0] + found.boxes[0][2]) / 2 == pytest.approx(truth.ground[0], abs=0.03)


def test_a_narrow_picture_runs_at_a_narrow_input_and_is_seen_as_at_the_full_one(
    model_dir: Path, engine: OpenVinoYolo
) -> None:
    full = OpenVinoYolo(
        OpenVinoSettings(model_dir=str(model_dir), model_sha256=folder_sha256(model_dir), parts=False)
    )
    narrow = np.ascontiguousarray(figure()[:, 80:560])
    assert engine.size_for((360, 480)) == (384, 512)
    assert (
        full.size_for((360, 480)) == full.size_for((720, 1280)) == engine.size_for((720, 1280)) == (384, 640)
    )
    [here], [there] = engine.detect([narrow]), full.detect([narrow])
    sure, known = here.only(frozenset({0})), there.only(frozenset({0}))
    assert len(sure) >= 1
    assert sure.boxes[0] == pytest.approx(known.boxes[0], abs=0.02)
    assert sure.scores[0] == pytest.approx(known.scores[0], abs=0.1)


def test_with_two_whole_looks_a_second_the_rules_say_the_same_of_a_visitor_at_a_third_of_the_looks(
    clips: Path, engine: OpenVinoYolo
) -> None:
    every = camera("loiterer.mp4", clips)
    source = msgspec.structs.replace(every.camera[0].source, fps=10.0)
    every = msgspec.structs.replace(every, camera=(msgspec.structs.replace(every.camera[0], source=source),))
    sparing = msgspec.structs.replace(every, attention=AttentionSettings(whole_fps=2))
    whole, sparse = (replayed(one, clips / "loiterer.mp4", engine) for one in (every, sparing))
    assert whole.parts == 0
    assert sparse.parts > 0
    assert sparse.detected - sparse.parts < 0.4 * whole.detected
    assert [track.label for track in sparse.tracks] == ["person"]
    for one, other in zip(whole.incidents, sparse.incidents, strict=False):
        if one.stage is Stage.START:
            assert (one.kind, one.stage) == (other.kind, other.stage)
            assert other.at_s == pytest.approx(one.at_s, abs=0.6)


def test_an_impossible_size_falls_back_to_the_exported_one_and_says_why(model_dir: Path) -> None:
    settings = OpenVinoSettings(
        model_dir=str(model_dir), model_sha256=folder_sha256(model_dir), input_px=(360, 640)
    )
    engine = OpenVinoYolo(settings)
    assert engine.facts.input_px == (640, 640)
    assert "multiple of 32" in engine.facts.remark
    assert len(engine.detect([figure()])[0]) >= 1


def test_a_network_of_another_shape_is_not_patched() -> None:
    parameter = ov.opset13.parameter([1, 3, 640, 640], np.float32)
    other = ov.Model([ov.opset13.relu(parameter)], [parameter], "other")
    with pytest.raises(NotResizable, match="not recognised"):
        resize_input(other, (384, 640))


def test_the_anchor_grid_we_write_is_the_one_the_export_has(model_dir: Path) -> None:
    model = ov.Core().read_model(next(model_dir.glob("*.xml")))
    centres, strides = anchors(exported_size(model))
    constants = [
        node.get_data()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant" and strides.size in node.get_output_shape(0)
    ]
    assert any(one.shape == centres.shape and np.array_equal(one, centres) for one in constants)
    assert any(one.shape == strides.shape and np.array_equal(one, strides) for one in constants)


def test_pictures_of_several_cameras_in_one_call_keep_their_order(engine: OpenVinoYolo) -> None:
    empty = next(iter(render(replace(loiterer(), duration_s=1.0, fps=1))))
    together = engine.detect([empty, figure(), empty, figure()])
    assert [len(one.only(frozenset({0}))) for one in together] == [0, 1, 0, 1]


def test_a_model_that_is_not_the_approved_one_stops_the_worker_before_it_starts(
    model_dir: Path, tmp_path: Path
) -> None:
    text = SETTINGS.replace(
        'engine = "none"', f'engine = "openvino"\nmodel_dir = "{model_dir}"\nmodel_sha256 = "{"0" * 64}"'
    )
    (tmp_path / "camaras.toml").write_text(text)
    with pytest.raises(IntegrityBroken, match=r"vision\.model_changed"):
        openvino_yolo.load(
            load_settings(tmp_path / "camaras.toml", Cameras.load(catalogue_toml("x"))).detector
        )


@pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None,
    reason="the extra vision-ultralytics (AGPL, torch) is not installed",
)
def test_ultralytics_gives_the_same_boxes(model_dir: Path) -> None:
    digest = folder_sha256(model_dir)
    theirs = ultralytics_yolo.load(
        ultralytics_yolo.UltralyticsSettings(model_dir=str(model_dir), model_sha256=digest, confidence=0.25)
    )
    ours = OpenVinoYolo(
        OpenVinoSettings(model_dir=str(model_dir), model_sha256=digest, input_px=(640, 640), confidence=0.25)
    )
    [left], [right] = theirs.detect([figure()]), ours.detect([figure()])
    assert left.classes.tolist() == right.classes.tolist()
    assert left.boxes == pytest.approx(right.boxes, abs=0.002)
