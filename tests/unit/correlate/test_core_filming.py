"""Video that is kept: how much is data of the protocols, of every camera that may have it in view, and more of it as
soon as an alert is grave, whatever its protocol says (N4).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_core.model import ActionKind, Command, CommandKind, Effect, IssueCommand, Level, UpsertAlert
from cior_core.protocols import ProtocolBook
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from cior_core.strict_toml import ConfigFault
from unit.correlate.histories import play

RULES = Path(__file__).parents[3] / "streams" / "rules"
CAMERAS = {"cameras": ["cam-1", "cam-2"]}
GRAVE, ANY = (300, 600), (30, 30)


def holds(effects: tuple[Effect, ...]) -> list[Command]:
    return [
        each.command
        for each in effects
        if isinstance(each, IssueCommand) and each.command.kind is CommandKind.HOLD_VIDEO
    ]


def around(command: Command, first_ms: int, last_ms: int | None = None) -> tuple[int, int]:
    """Seconds that are kept before and after."""
    from_ms, to_ms = command.parameters["from_ms"], command.parameters["to_ms"]
    return (first_ms - from_ms) // 1000, (to_ms - (first_ms if last_ms is None else last_ms)) // 1000


def levels(effects: tuple[Effect, ...]) -> set[Level]:
    return {each.alert.level for each in effects if isinstance(each, UpsertAlert)}


def first_ms(effects: tuple[Effect, ...]) -> int:
    return min(each.alert.first_occurred_ms for each in effects if isinstance(each, UpsertAlert))


@pytest.mark.parametrize("kind", ["panic.bus", "panic.stop", "gun.shooting"])
def test_a_grave_alert_keeps_five_minutes_before_and_ten_after_of_each_camera_at_once(
    pack: RulePack, kind: str
) -> None:
    run = play([Signal(at_s=0, event=kind, source="s-1", attributes=CAMERAS)], pack)
    assert levels(run.effects) == {Level.P1}
    kept = holds(run.effects)
    assert sorted(each.target for each in kept) == ["camera:cam-1", "camera:cam-2"], "each is asked once"
    assert {around(each, first_ms(run.effects)) for each in kept} == {GRAVE}
    assert {each.expires_ms - each.issued_ms for each in kept} == {3_600_000}, (
        "one that comes late is as good"
    )


def test_what_is_not_grave_keeps_half_a_minute_and_more_once_a_person_calls_it_grave(pack: RulePack) -> None:
    story = [Signal(at_s=0, event="robbery.street", source="cad:911", record="A", attributes=CAMERAS)]
    before = play(story, pack)
    assert Level.P1 not in levels(before.effects)
    first = first_ms(before.effects)
    assert {around(each, first) for each in holds(before.effects)} == {ANY}
    story.append(
        Signal(at_s=60, action=ActionKind.RECLASSIFY, alert=0, level=Level.P1, reason="a weapon was seen")
    )
    after = holds(play(story, pack).effects)[len(holds(before.effects)) :]
    assert sorted(each.target for each in after) == ["camera:cam-1", "camera:cam-2"]
    assert {around(each, first) for each in after} == {GRAVE}


def test_a_grave_alert_keeps_video_though_its_protocol_asks_for_none(pack: RulePack) -> None:
    kind = next(
        code
        for code, each in sorted(pack.types.items())
        if each.level is Level.P1
        and each.alerting == "always"
        and not each.silent
        and not any(step.act == "hold_video" for step in pack.protocols[code].steps)
    )
    run = play([Signal(at_s=0, event=kind, source="s-1", attributes=CAMERAS)], pack)
    assert Level.P1 in levels(run.effects)
    assert {around(each, first_ms(run.effects)) for each in holds(run.effects)} == {GRAVE}, kind


def test_law_17_a_reserved_alert_names_no_camera(pack: RulePack) -> None:
    run = play([Signal(at_s=0, event="silent.gbv", source="s-1", attributes=CAMERAS)], pack)
    assert Level.P1 in levels(run.effects)
    assert holds(run.effects) == []


def test_what_lasts_longer_than_its_video_is_asked_for_again(pack: RulePack) -> None:
    def press(at_s: int) -> Signal:
        return Signal(at_s=at_s, event="panic.bus", source="bus-1", attributes={"cameras": ["cam-1"]})

    run = play([press(0), press(200), press(400), press(650)], pack)
    assert len({each.alert.id for each in run.effects if isinstance(each, UpsertAlert)}) == 1
    first = first_ms(run.effects)
    assert [around(each, first) for each in holds(run.effects)] == [GRAVE, (300, 1_250)]


def test_a_camera_that_a_follower_names_is_asked_when_it_joins(pack: RulePack) -> None:
    run = play(
        [
            Signal(at_s=0, event="panic.bus", source="bus-1", attributes={"cameras": ["cam-1"]}),
            Signal(at_s=4, event="vision.person_down", source="cam-7", attributes={"cameras": ["cam-7"]}),
        ],
        pack,
    )
    assert {each.target for each in holds(run.effects)} == {"camera:cam-1", "camera:cam-7"}


def test_a_person_keeps_as_much_as_the_alert_is_grave(pack: RulePack) -> None:
    story = [
        Signal(at_s=0, event="panic.bus", source="bus-1", attributes={"cameras": ["cam-1"]}),
        Signal(at_s=5, action=ActionKind.HOLD, alert=0, reason="the prosecutor called"),
    ]
    run = play(story, pack)
    assert [around(each, first_ms(run.effects)) for each in holds(run.effects)] == [GRAVE, GRAVE]


# --- the book -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.toml")}


def loaded(texts: dict[str, str], pack: RulePack, old: str = "", new: str = "") -> ProtocolBook:
    assert old in texts["protocols.toml"]
    changed = texts["protocols.toml"].replace(old, new, 1) if old else texts["protocols.toml"]
    return ProtocolBook.load(changed, pack.types)


def test_the_words_of_a_step_say_the_lengths_that_are_kept(texts: dict[str, str], pack: RulePack) -> None:
    book = loaded(texts, pack, "before_s = 300\nafter_s = 600", "before_s = 90\nafter_s = 1200")
    said = [step.text for each in book.protocols for step in each.steps if step.act == "hold_video"]
    assert {each.es for each in said} == {
        "Preservar el video: 30 s antes y 30 s después; en P1, 90 s antes y 20 min después."
    }
    assert {each.en for each in said} == {
        "Keep the video: 30 s before and 30 s after; for a P1, 90 s before and 20 min after."
    }
    assert (book.footage(Level.P1).before_s, book.footage(Level.P4).before_s) == (90, 30)
    assert (book.grave(Level.P1), book.grave(Level.P2)) == (book.footage(Level.P1), None)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("before_s = 300", "before_s = 20", "protocol.footage_invalid"),
        ("after_s = 600", "after_s = 90000", "protocol.footage_invalid"),
        ("[[footage]]\nbefore_s = 30\nafter_s = 30\n", "", "protocol.footage_invalid"),
        ('level = "P1"\nbefore_s = 300', "before_s = 300", "protocol.footage_invalid"),
        ("video: {video}.", "video.", "protocol.step_invalid"),
    ],
    ids=["less than any", "a day", "none for all", "two for all", "words without the length"],
)
def test_a_book_that_does_not_say_how_much_is_kept_does_not_load(
    texts: dict[str, str], pack: RulePack, old: str, new: str, code: str
) -> None:
    with pytest.raises(ConfigFault) as refused:
        loaded(texts, pack, old, new)
    assert (refused.value.code, refused.value.line > 0) == (code, True)
