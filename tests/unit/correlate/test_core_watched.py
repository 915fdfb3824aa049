"""Cameras look at the place of a press: who is asked, what they answer, and what that does to the alert: it explains,
by a rule it raises, and it never lowers, closes or joins anything (laws 5, 10 and 17).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import correlate
from cior_core.correlate import persist
from cior_core.model import (
    ActionKind,
    Alert,
    AppendTransition,
    Command,
    CommandKind,
    DataClass,
    Disposition,
    Effect,
    IssueCommand,
    Level,
    Phase,
    UpsertAlert,
)
from cior_core.protocols import ProtocolBook
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from cior_core.strict_toml import ConfigFault
from cior_core.watching import BurstOrder, Watching
from unit.correlate.histories import play, steps

RULES = Path(__file__).parents[3] / "streams" / "rules"
IN_VIEW = {"in_view": ["cam-1", "cam-2", "cam-3"]}
PRESS = Signal(at_s=0, event="panic.stop", source="stop-9", attributes=IN_VIEW)
TWO: dict[str, Any] = {"counts": {"person": 2}, "most": {"person": 2}, "from_ms": 1_000, "to_ms": 2_000}


def bursts(effects: tuple[Effect, ...]) -> list[Command]:
    issued = [each.command for each in effects if isinstance(each, IssueCommand)]
    return [each for each in issued if each.kind is CommandKind.BURST]


def asked(*signals: Signal, pack: RulePack) -> list[str]:
    return [each.target for each in bursts(play(signals, pack).effects)]


def last(effects: tuple[Effect, ...]) -> Alert:
    return [each.alert for each in effects if isinstance(each, UpsertAlert)][-1]


def looks(*signals: Signal, pack: RulePack) -> dict[str, Watching]:
    return {each.camera: each for each in last(play(signals, pack).effects).watchings}


def saw(at_s: float, camera: str = "cam-1", **answer: Any) -> Signal:
    return Signal(at_s=at_s, saw=answer, source=camera)


def dark(at_s: float, camera: str, code: str = "camera.frozen", phase: Phase = Phase.NEW) -> Signal:
    return Signal(at_s=at_s, event=code, source=camera, phase=phase, located=False)


# --- who is asked ---------------------------------------------------------------------------------------------


def test_a_press_asks_the_first_cameras_that_have_its_place_in_view_at_once_and_as_the_book_says(
    pack: RulePack,
) -> None:
    found = bursts(play([PRESS], pack).effects)
    row = pack.protocols.burst(Level.P1, ["panic.stop"])
    assert row is not None
    assert [each.target for each in found] == ["camera:cam-1", "camera:cam-2"][: row.cameras]
    order = BurstOrder.of(found[0].parameters)
    assert (order.for_s, order.first_s, order.fps, order.level) == (60, row.first_s, row.fps, Level.P1)
    assert found[0].expires_ms - found[0].issued_ms == row.answer_s * 1000
    assert order.first_s <= 2


def test_who_is_only_near_is_asked_after_a_shooting_and_looks_for_people_who_run(pack: RulePack) -> None:
    beside = {"in_view": ["cam-1"], "cameras": ["cam-1", "cam-7"]}
    shots = Signal(at_s=0, event="gun.shooting", source="cad:911", attributes=beside)
    press = Signal(at_s=0, event="panic.stop", source="stop-9", attributes=beside)
    assert asked(shots, pack=pack) == ["camera:cam-1", "camera:cam-7"]
    assert asked(press, pack=pack) == ["camera:cam-1"]
    assert {each.parameters["runs"] for each in bursts(play([shots], pack).effects)} == {True}


@pytest.mark.parametrize("code", ["camera.signal_loss", "camera.frozen", "camera.obstructed", "camera.moved"])
def test_a_camera_that_said_that_it_sees_nothing_is_not_chosen_until_it_sees_again(
    pack: RulePack, code: str
) -> None:
    later = msgspec.structs.replace(PRESS, at_s=20)
    assert asked(dark(0, "cam-1", code), later, pack=pack) == ["camera:cam-2", "camera:cam-3"]
    again = dark(9, "cam-1", code, Phase.RESTORE)
    assert asked(dark(0, "cam-1", code), again, later, pack=pack) == ["camera:cam-1", "camera:cam-2"]


def test_two_conditions_of_a_camera_end_one_by_one(pack: RulePack) -> None:
    def condition(at_s: float, name: str, phase: Phase) -> Signal:
        signal = dark(at_s, "cam-1", "camera.obstructed", phase)
        return msgspec.structs.replace(signal, attributes={"condition": name})

    begun = [condition(0, "covered", Phase.NEW), condition(1, "defocused", Phase.NEW)]
    half = [*begun, condition(2, "covered", Phase.RESTORE)]
    press = msgspec.structs.replace(PRESS, at_s=20)
    assert "camera:cam-1" not in asked(*half, press, pack=pack)
    assert "camera:cam-1" in asked(*half, condition(3, "defocused", Phase.RESTORE), press, pack=pack)


def test_where_no_camera_works_the_alert_says_so_and_nobody_is_asked(pack: RulePack) -> None:
    gone = [dark(n, f"cam-{n}", "camera.signal_loss") for n in (1, 2, 3)]
    press = msgspec.structs.replace(PRESS, at_s=20)
    assert asked(*gone, press, pack=pack) == []
    told = looks(*gone, press, pack=pack)
    assert told[""].text_es == "Ninguna cámara que funcione ve el lugar."
    assert looks(msgspec.structs.replace(PRESS, attributes={}), pack=pack)[""].state == "not_watched"


def test_who_refuses_or_does_not_answer_gives_its_turn_to_the_next_one(pack: RulePack) -> None:
    first = bursts(play([PRESS], pack).effects)
    number = next(
        n
        for n, each in enumerate(
            each.command for each in play([PRESS], pack).effects if isinstance(each, IssueCommand)
        )
        if each.id == first[0].id
    )
    refused = Signal(at_s=1, receipt="refused", source="cam-1", command=number)
    assert asked(PRESS, refused, pack=pack) == ["camera:cam-1", "camera:cam-2", "camera:cam-3"]
    silence = Signal(at_s=5, tick=True)
    told = looks(PRESS, silence, pack=pack)
    assert {camera: each.state for camera, each in told.items()} == {
        "cam-1": "not_watched", "cam-2": "not_watched", "cam-3": "asked",
    }  # fmt: skip
    assert told["cam-1"].text_es == "No se miró: nadie contestó por esa cámara."


def test_the_same_press_again_asks_nobody_again_and_one_after_the_look_asks_anew(pack: RulePack) -> None:
    again = [msgspec.structs.replace(PRESS, at_s=at_s) for at_s in (2, 20, 59)]
    assert asked(PRESS, *again, pack=pack) == ["camera:cam-1", "camera:cam-2"]
    anew = play([PRESS, *again, msgspec.structs.replace(PRESS, at_s=75)], pack)
    assert [each.target for each in bursts(anew.effects)] == ["camera:cam-1", "camera:cam-2"] * 2
    assert len({each.id for each in bursts(anew.effects)}) == 4


def test_a_press_that_comes_late_or_from_nowhere_asks_nobody(pack: RulePack) -> None:
    late = msgspec.structs.replace(PRESS, ago_s=3600)
    nowhere = msgspec.structs.replace(PRESS, located=False)
    assert asked(late, pack=pack) == asked(nowhere, pack=pack) == []


def test_an_alert_that_goes_on_for_hours_asks_for_so_many_looks_and_no_more(pack: RulePack) -> None:
    presses = [msgspec.structs.replace(PRESS, at_s=n * 61) for n in range(35)]
    run = play(presses, pack)
    assert len(bursts(run.effects)) == 16


# --- law 17 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["silent.gbv", "silent.duress", "silent.family"])
def test_law_17_nobody_looks_at_the_place_of_a_reserved_alert(pack: RulePack, kind: str) -> None:
    run = play([Signal(at_s=0, event=kind, source="s-1", attributes=IN_VIEW, district="centro")], pack)
    assert bursts(run.effects) == []
    assert last(run.effects).watchings == ()
    sealed = msgspec.structs.replace(PRESS, data_class=DataClass.SEALED, district="centro")
    assert asked(sealed, pack=pack) == []


def test_law_17_a_book_that_would_look_at_a_reserved_alert_does_not_load(pack: RulePack) -> None:
    with pytest.raises(ConfigFault) as refused:
        book(pack, 'types = ["gun.shooting", "gun.sound"]', 'types = ["silent.gbv"]')
    assert (refused.value.code, refused.value.line > 0) == ("protocol.burst_invalid", True)


# --- what they saw --------------------------------------------------------------------------------------------


def test_what_a_camera_saw_stands_on_the_alert_in_words_and_the_newest_takes_the_place_of_the_first(
    pack: RulePack,
) -> None:
    bike = {"label": "motorcycle", "first_ms": 1_000, "last_ms": 2_000, "heading": "n"}
    first = saw(2, **TWO)
    more = saw(7, **TWO | {"counts": {"person": 3, "motorcycle": 1}, "to_ms": 7_000, "tracks": [bike]})
    run = play([PRESS, first, more], pack)
    seen = {each.camera: each for each in last(run.effects).watchings}["cam-1"]
    assert (seen.text_es, seen.text_en) == (
        "3 personas, 1 moto hacia el norte",
        "3 persons, 1 motorcycle to the north",
    )
    assert (seen.state, seen.from_ms, seen.to_ms) == ("watching", 1_000, 7_000)
    assert [len(each.alert.members) for each in run.effects if isinstance(each, UpsertAlert)][-1] == 1
    stories = [each.transition.kind for each in run.effects if isinstance(each, AppendTransition)]
    assert stories.count("camera_saw") == 1, "the first answer is told; what follows is on the alert"
    old = play([PRESS, first, more, msgspec.structs.replace(first, saw=TWO | {"sequence": 0}, at_s=9)], pack)
    assert {each.camera: each for each in last(old.effects).watchings}["cam-1"].counts == seen.counts


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "nadie a la vista"),
        ({"by": "motion"}, "nada se mueve (sin detector de personas)"),
        ({"by": "motion", "moved_share": 0.2}, "algo se mueve (sin detector de personas)"),
        ({"counts": {"person": 1}, "conditions": ["low_light"]}, "1 persona; imagen: poca luz"),
        ({"pictures": 0, "is_last": True, "why": "no_pictures"}, "No se miró: no llegaron imágenes."),
        (
            {"counts": {"unicorn": 2}, "is_last": True, "why": "gave_way"},
            "2 unicorn; se dejó de mirar antes: dejó lugar a una alerta más nueva o más grave",
        ),
        (
            {"counts": {"person": 4}, "runs": True},
            "4 personas; varias personas corren a la vez (experimental: mirar y confirmar)",
        ),
    ],
)
def test_every_answer_has_words(pack: RulePack, answer: dict[str, Any], words: str) -> None:
    assert looks(PRESS, saw(2, **answer), pack=pack)["cam-1"].text_es == words


def test_people_at_the_place_raise_by_the_rule_and_the_term_says_which_camera_saw_them(
    pack: RulePack,
) -> None:
    press = Signal(at_s=0, event="panic.community", source="unit-1", attributes={"in_view": ["cam-1"]})
    before, after = (last(play(story, pack).effects) for story in ([press], [press, saw(2, **TWO)]))
    (term,) = [each for each in after.reasons if each.code == "cameras.saw"]
    assert after.score == before.score + term.points
    assert term.points > 0
    assert term.rule == "seen.people-at-the-place"
    assert term.text_es == "Una cámara que se pidió mirar ve gente en el lugar. (cámaras: 1)"
    gone = last(play([press, saw(2, **TWO), saw(9)], pack).effects)
    assert gone.score == after.score, "who has left was there"


def test_a_camera_that_told_of_the_alert_itself_is_no_second_source(pack: RulePack) -> None:
    own = Signal(at_s=1, event="vision.intrusion", source="cam-1", attributes={"in_view": ["cam-1"]})
    told = last(play([PRESS, own, saw(3, **TWO)], pack).effects)
    assert "cameras.saw" not in {each.code for each in told.reasons}


def test_what_nobody_asked_for_is_noted_and_changes_no_alert(pack: RulePack) -> None:
    asking = play([PRESS], pack)
    before, mine = last(asking.effects), bursts(asking.effects)[0].id
    strays = [
        saw(2, "cam-9", **TWO),
        saw(3, "cam-2", **TWO, command=mine),
        saw(4, "cam-1", command=mine, counts=3),
    ]
    run = play([PRESS, *strays], pack)
    assert last(run.effects) == before
    stories = [each.transition for each in run.effects if isinstance(each, AppendTransition)]
    assert [each.kind for each in stories if each.alert_id.startswith("area:")] == ["camera_saw_unasked"] * 3


answers = st.builds(
    saw,
    st.integers(1, 120),
    st.sampled_from(["cam-1", "cam-2", "cam-3"]),
    counts=st.dictionaries(st.sampled_from(["person", "car"]), st.integers(0, 5), max_size=2),
    most=st.dictionaries(st.sampled_from(["person", "car"]), st.integers(0, 5), max_size=2),
    pictures=st.sampled_from([0, 10]),
    is_last=st.booleans(),
    by=st.sampled_from(["tracks", "motion"]),
    sequence=st.integers(0, 9),
    conditions=st.sampled_from([[], ["low_light"]]),
)


@given(
    kind=st.sampled_from(["panic.stop", "panic.community", "gun.shooting"]),
    seen=st.lists(answers, max_size=6),
)
def test_law_10_no_answer_of_a_camera_lowers_closes_or_joins_anything(
    pack: RulePack, kind: str, seen: list[Signal]
) -> None:
    press = msgspec.structs.replace(PRESS, event=kind)
    run = play([press, *seen], pack)
    shown = [each.alert for each in run.effects if isinstance(each, UpsertAlert)]
    assert {(each.id, each.status, len(each.members)) for each in shown} == {
        (shown[0].id, shown[0].status, 1)
    }
    assert [each.score for each in shown] == sorted(each.score for each in shown)
    assert [each.level.rank for each in shown] == sorted((each.level.rank for each in shown), reverse=True)
    assert {each.place for each in shown} == {shown[0].place}


@given(seen=st.lists(answers, max_size=5))
def test_law_5_the_state_with_its_looks_is_restored_and_goes_on_byte_for_byte(
    pack: RulePack, seen: list[Signal]
) -> None:
    run = play([dark(0, "cam-2"), msgspec.structs.replace(PRESS, at_s=1), *seen], pack)
    stored: dict[str, bytes] = {}
    for before, item, after, effects in steps(run.items, pack):
        again, same = correlate.step(persist.restore(stored, pack), item, pack)
        assert msgspec.json.encode(same) == msgspec.json.encode(effects)
        assert again.eyes == after.eyes
        for key, value in persist.entries(before, after).items():
            stored = (
                {**stored, key: value} if value is not None else {k: v for k, v in stored.items() if k != key}
            )


def test_a_merged_alert_shows_the_looks_of_both_and_gives_them_back(pack: RulePack) -> None:
    far = msgspec.structs.replace(PRESS, source="stop-2", east_m=5_000, attributes={"in_view": ["cam-8"]})
    merge = Signal(at_s=5, action=ActionKind.MERGE, alert=0, others=(1,), reason="one street")
    run = play([PRESS, msgspec.structs.replace(far, at_s=1), saw(3, "cam-8", **TWO), merge], pack)
    states = {each.alert.id: each.alert for each in run.effects if isinstance(each, UpsertAlert)}
    outer, inner = states.values()
    assert [each.camera for each in outer.watchings] == ["cam-1", "cam-2", "cam-8"]
    assert [each.camera for each in inner.watchings] == ["cam-8"]
    assert "cameras.saw" in {each.code for each in outer.reasons}


def test_a_closed_alert_asks_nobody_and_still_takes_what_was_asked_for(pack: RulePack) -> None:
    close = Signal(
        at_s=3, action=ActionKind.CLOSE, alert=0, disposition=Disposition.FALSE_ALARM, reason="a child"
    )
    told = last(play([PRESS, close, saw(5, **TWO)], pack).effects)
    assert (told.status, {each.camera: each for each in told.watchings}["cam-1"].counts) == (
        "closed",
        {"person": 2},
    )


# --- the book -------------------------------------------------------------------------------------------------


def book(pack: RulePack, old: str, new: str) -> ProtocolBook:
    text = (RULES / "protocols.toml").read_text(encoding="utf-8")
    assert old in text
    return ProtocolBook.load(text.replace(old, new, 1), pack.types)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('[[burst]]\nlevel = "P1"\n', "[[burst]]\n", "protocol.burst_invalid"),
        (
            '[[burst]]\nlevel = "P1"\n',
            '[[burst]]\nlevel = "P1"\ntypes = ["panic.stop"]\n',
            "protocol.burst_invalid",
        ),
        ('types = ["gun.shooting", "gun.sound"]', 'types = ["gun.shoting"]', "protocol.burst_invalid"),
        ("first_s = 1\n", "first_s = 5\n", "config.wrong_value"),
        ("for_s = 60", "for_s = 6000", "config.wrong_value"),
    ],
    ids=["of nothing", "of two things", "unknown type", "a late first answer", "for hours"],
)
def test_a_book_that_does_not_say_clearly_who_looks_does_not_load(
    pack: RulePack, old: str, new: str, code: str
) -> None:
    with pytest.raises(ConfigFault) as refused:
        book(pack, old, new)
    assert (refused.value.code, refused.value.line > 0) == (code, True)
