"""A drawing put into a settings file: the worker's loader reads back what was drawn, and the rest stays as it was."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.strict_toml import ConfigFault
from cior_vision.calibration.drawing import AddedRule, Drawing, GivenRule, redrawn
from cior_vision.calibration.keeping import digest_of, replaced
from cior_vision.calibration.parameters import PARAMETERS, Value
from cior_vision.rule_settings import IntrusionRule, LineSettings, MaskSettings, Point, Polygon, ZoneSettings
from cior_vision.settings_file import text_of
from cior_vision.trying import settings_for_trial

FILE = """\
# Cámaras del centro. No borrar: lo revisa Ana los lunes.
[detector]
engine = "none"   # hasta que llegue el modelo

[[camera]]
id = "camera-plaza"

[[camera]]
id = "camera-paso"

[[zone]]
id = "acera"  # la de la escuela
camera = "camera-plaza"
polygon = [
  [0.3, 0.6], [0.7, 0.6],
  # la esquina del kiosco
  [0.7, 0.97], [0.3, 0.97],
]

# Esto es de otra cámara.
[[zone]]
camera = "camera-paso"
id = "carril"
polygon=[[0,0],[1,0],[1,1]]
axis=[[0.1,0.5],[0.9,0.5]]

[[rule]]
kind = "intrusion"
id = "nadie"
zone = "acera"
schedule = ["22:00-06:00"] # pedido por la vecinal

[[rule]]
kind = "stopped_vehicle"
id = "parado"
zone = "carril"
[rule.patience_s]
bus = 120

[[line]]
id = "cordon"
camera = "camera-plaza"
points = [[0.2, 0.9], [0.2, 0.4]]
# fin
"""
AS_IT_IS = Drawing(
    camera="camera-plaza",
    zone=(
        ZoneSettings(
            id="acera", camera="camera-plaza", polygon=((0.3, 0.6), (0.7, 0.6), (0.7, 0.97), (0.3, 0.97))
        ),
    ),
    line=(LineSettings(id="cordon", camera="camera-plaza", points=((0.2, 0.9), (0.2, 0.4))),),
)

shares = st.integers(0, 10_000).map(lambda n: n / 10_000)
points = st.tuples(shares, shares)
names = st.text("abcxyz0189._-", min_size=1, max_size=12)
said = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def two(draw: st.DrawFn) -> tuple[Point, Point]:
    first, second = draw(st.lists(points, min_size=2, max_size=2, unique=True))
    return first, second


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    ids = draw(st.lists(names.filter(lambda name: name != "carril"), unique=True, max_size=6))
    corners: st.SearchStrategy[Polygon] = st.lists(points, min_size=3, max_size=8).map(tuple)
    zones, lines, masks = [], [], []
    for name in ids:
        match draw(st.sampled_from("zlm")):
            case "z":
                axis = two(draw) if draw(st.booleans()) else None
                zones.append(
                    ZoneSettings(
                        id=name, camera="camera-plaza", polygon=draw(corners), name=draw(said), axis=axis
                    )
                )
            case "l":
                both = (draw(said) or "A", draw(said) or "B")
                lines.append(LineSettings(id=name, camera="camera-plaza", points=two(draw), sides=both))
            case _:
                square = ((0.1, 0.1), (0.4, 0.1), (0.4, draw(shares.filter(lambda y: y > 0.2))), (0.1, 0.3))
                masks.append(MaskSettings(id=name, camera="camera-plaza", polygon=square, name=draw(said)))
    places = {zone.id for zone in zones}
    return Drawing(
        camera="camera-plaza", zone=tuple(zones), line=tuple(lines), mask=tuple(masks),
        rule=tuple(AddedRule(kind="loitering", id=f"new-{name}", zone=name) for name in sorted(places)),
        given=tuple(GivenRule(id=f"new-{name}", values={"after_s": 30}) for name in sorted(places)),
        without=("nadie",),
    )  # fmt: skip


@given(drawings())
def test_the_loader_reads_back_what_was_drawn_and_other_cameras_stay(drawing: Drawing) -> None:
    made = redrawn(FILE, drawing, file="camaras.toml")
    read = settings_for_trial(made, file="camaras.toml", folder=Path())
    mine = "camera-plaza"
    assert {one.id: one for one in read.zone if one.camera == mine} == {one.id: one for one in drawing.zone}
    assert {one.id: one for one in read.line if one.camera == mine} == {one.id: one for one in drawing.line}
    assert {one.id: one for one in read.mask if one.camera == mine} == {one.id: one for one in drawing.mask}
    assert {rule.id for rule in read.rules_of(mine)} == {rule.id for rule in drawing.rule}
    assert [rule.id for rule in read.rules_of("camera-paso")] == ["parado"]
    assert "# Cámaras del centro. No borrar: lo revisa Ana los lunes.\n" in made
    assert FILE[FILE.index("# Esto es de otra") : FILE.index('[[rule]]\nkind = "intrusion"')] in made
    assert "[rule.patience_s]\nbus = 120\n" in made


@given(drawings(), drawings())
def test_to_draw_again_is_to_draw_the_last_one(first: Drawing, second: Drawing) -> None:
    once = tomllib.loads(redrawn(FILE, second, file="f"))
    again = tomllib.loads(
        redrawn(redrawn(FILE, first, file="f"), Drawing(
            camera=second.camera, zone=second.zone, line=second.line, mask=second.mask, rule=second.rule,
            given=second.given, without=tuple(rule.id for rule in first.rule),
        ), file="f")
    )  # fmt: skip
    by_id = [
        {
            kind: sorted(tree.get(kind, []), key=lambda row: row["id"])
            for kind in ("zone", "line", "mask", "rule")
        }
        for tree in (once, again)
    ]
    assert by_id[0] == by_id[1]


def test_what_did_not_change_is_the_same_file_byte_for_byte() -> None:
    assert redrawn(FILE, AS_IT_IS, file="f") == FILE


def test_a_file_with_the_line_ends_of_another_system_keeps_them(tmp_path: Path) -> None:
    theirs = FILE.replace("\n", "\r\n")
    path = tmp_path / "camaras.toml"
    path.write_bytes(theirs.encode())
    assert redrawn(text_of(path), AS_IT_IS, file="f") == theirs
    mask = MaskSettings(id="m", camera="camera-plaza", polygon=((0.0, 0.0), (0.2, 0.0), (0.2, 0.2)))
    made = redrawn(text_of(path), msgspec.structs.replace(AS_IT_IS, mask=(mask,)), file="f")
    assert made.startswith(theirs)
    assert "\n" not in made.replace("\r\n", "")
    kept = replaced(path, made, before=digest_of(text_of(path)), now_ms=0)
    assert (path.read_bytes(), kept.read_bytes()) == (made.encode(), theirs.encode())


def test_one_moved_corner_changes_one_table_and_keeps_its_comments() -> None:
    moved = ZoneSettings(id="acera", camera="camera-plaza", polygon=((0.3, 0.6), (0.7, 0.6), (0.7, 0.95)))
    made = redrawn(FILE, Drawing(camera="camera-plaza", zone=(moved,), line=AS_IT_IS.line), file="f")
    assert 'id = "acera"  # la de la escuela\n' in made
    assert made[: made.index("[[zone]]")] == FILE[: FILE.index("[[zone]]")]
    assert made[made.index("# Esto es de otra") :] == FILE[FILE.index("# Esto es de otra") :]


def test_a_rule_is_taken_out_with_its_own_tables_and_nothing_behind_them() -> None:
    made = redrawn(
        FILE,
        Drawing(camera="camera-plaza", zone=AS_IT_IS.zone, line=AS_IT_IS.line, without=("parado",)),
        file="f",
    )
    assert "patience_s" not in made
    assert "[[line]]" in made
    assert "# fin\n" in made


def asks(rule: str, **values: Value) -> Drawing:
    """Nothing but what a rule is given."""
    return msgspec.structs.replace(AS_IT_IS, given=(GivenRule(id=rule, values=values),))


def test_what_a_rule_is_given_changes_its_table_alone_and_makes_it_the_next_version() -> None:
    made = redrawn(FILE, asks("nadie", leave_s=2.5, schedule=["20:00-07:00"]), file="f")
    [rule] = [one for one in settings_for_trial(made, file="f", folder=Path()).rule if one.id == "nadie"]
    assert isinstance(rule, IntrusionRule)
    assert (rule.leave_s, rule.schedule, rule.version) == (2.5, ("20:00-07:00",), 2)
    assert 'schedule = ["20:00-07:00"] # pedido por la vecinal\n' in made
    start, end = FILE.index('[[rule]]\nkind = "intrusion"'), FILE.index('[[rule]]\nkind = "stopped')
    assert made.startswith(FILE[:start])
    assert made.endswith(FILE[end:])
    again = redrawn(made, asks("nadie", leave_s=None), file="f")
    assert "leave_s" not in again
    assert "version = 3" in again


def test_what_a_rule_has_already_changes_nothing_and_no_version() -> None:
    assert redrawn(FILE, asks("nadie", schedule=["22:00-06:00"], leave_s=None), file="f") == FILE


def test_a_new_key_comes_before_the_comment_about_the_next_table() -> None:
    text = FILE.replace('[[rule]]\nkind = "stopped', '\n# El carril: no tocar.\n[[rule]]\nkind = "stopped')
    made = redrawn(text, asks("nadie", leave_s=2.5), file="f")
    assert made.index("leave_s") < made.index("# El carril")
    assert "\n\n# El carril: no tocar.\n[[rule]]" in made


@pytest.mark.parametrize(
    ("drawing", "code"),
    [
        (asks("parado", after_s=5), "vision.rule_not_here"),
        (asks("nobody", after_s=5), "vision.rule_not_here"),
        (asks("nadie", zone="carril"), "vision.parameter_unknown"),
        (asks("nadie", people=5), "vision.parameter_unknown"),
        (asks("nadie", version=9), "vision.parameter_unknown"),
    ],
)
def test_a_rule_of_another_camera_and_what_a_rule_does_not_have_are_refused(
    drawing: Drawing, code: str
) -> None:
    with pytest.raises(ConfigFault) as told:
        redrawn(FILE, drawing, file="f")
    assert told.value.code == code


def test_every_parameter_of_every_kind_has_a_word_in_both_languages() -> None:
    words = files("cior_vision.calibration").joinpath("page", "words.js").read_text(encoding="utf-8")
    for kind, parameters in PARAMETERS.items():
        assert words.count(f"\n      {kind}: ") == 2
        for one in parameters:
            assert words.count(f"\n      {one.name}: ") == 2, one.name
            assert all(words.count(f" {choice}: ") >= 2 for choice in one.choices)


def test_an_id_of_another_camera_is_refused_at_its_line() -> None:
    taken = ZoneSettings(id="carril", camera="camera-plaza", polygon=((0, 0), (1, 0), (1, 1)))
    with pytest.raises(ConfigFault, match=r"f:23: there is a zone 'carril' of another camera"):
        redrawn(FILE, Drawing(camera="camera-plaza", zone=(taken,)), file="f")


def test_a_file_that_writes_zones_in_one_line_is_refused_and_not_broken() -> None:
    text = 'zone = [{ id = "a", camera = "c", polygon = [[0, 0], [1, 0], [1, 1]] }]\n[detector]\nengine = "none"\n'
    drawing = Drawing(camera="c", zone=(ZoneSettings(id="a", camera="c", polygon=((0, 0), (1, 0), (0, 1))),))
    with pytest.raises(ConfigFault, match=r"vision\.not_tables"):
        redrawn(text, drawing, file="f")
