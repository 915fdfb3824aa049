"""What people do with the steps of a protocol, and with sirens: who decided is in the story, and skipped is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from cior_core import rule_loading
from cior_core.model import (
    ActionItem,
    ActionKind,
    Command,
    CommandKind,
    DataClass,
    Disposition,
    IssueCommand,
    StepMark,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import START_MS, Signal
from cior_core.strict_toml import ConfigFault
from unit.correlate.histories import histories, play, steps
from unit.correlate.test_core_acts import alert, told
from unit.correlate.test_core_agencies import sent

RULES = Path(__file__).parents[3] / "streams" / "rules"
PRESS = Signal(at_s=0, event="panic.community", source="fob-1", attributes={"block": "b-1"})
LATE = msgspec.structs.replace(PRESS, ago_s=900)
SOUND = Signal(at_s=20, action=ActionKind.SIREN_CONFIRM, by="ana")
STOP = Signal(at_s=40, action=ActionKind.SIREN_CANCEL, by="beto", reason="it was the cat")


def protocols(change: tuple[str, str], pack: RulePack, *, quiet: bool = False) -> RulePack:
    """The default rules with one change of their protocols; ``quiet``: so that no siren sounds by itself."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.toml")}
    old, new = change
    assert old in texts["protocols.toml"]
    changed = texts["protocols.toml"].replace(old, new, 1)
    rules = texts["correlation.toml"]
    # A rule proves itself with a siren when it loads.
    told = rules.replace("siren_on = 1", "siren_on = 0") if quiet else rules
    return rule_loading.load({**texts, "protocols.toml": changed, "correlation.toml": told}, types=pack.types)


SIREN = 'id = "siren", act = "siren_on", target = "block", '


@pytest.fixture(scope="module")
def asking(pack: RulePack) -> RulePack:
    """The default rules, but that the block's siren waits for a person."""
    return protocols((SIREN, f"{SIREN}confirm = true, "), pack, quiet=True)


def sirens(run: Run) -> list[tuple[str, str, float]]:
    commands = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    return [
        (each.kind.value, each.target, (each.issued_ms - START_MS) / 1000)
        for each in commands
        if each.kind in {CommandKind.SIREN_ON, CommandKind.SIREN_OFF}
    ]


def mark(run: Run, step: str) -> StepMark | None:
    return next((each for each in alert(run).steps if each.step == step), None)


# --- sirens -----------------------------------------------------------------------------------------------------------


def test_law_10_a_siren_that_waits_for_a_person_does_not_sound_by_itself(asking: RulePack) -> None:
    run = play([PRESS, Signal(at_s=3600, tick=True)], asking)
    assert sirens(run) == []
    waiting = mark(run, "panic_community/siren")
    assert waiting is not None
    assert waiting.outcome == "waiting"
    assert len(told(run, "step_awaits")) == 1


def test_it_sounds_when_a_person_decides_and_the_story_says_who(asking: RulePack) -> None:
    run = play([PRESS, SOUND, Signal(at_s=300, tick=True)], asking)
    assert sirens(run) == [("siren_on", "block:b-1", 20.0), ("siren_off", "block:b-1", 300.0)]
    done = mark(run, "panic_community/siren")
    assert done is not None
    assert (done.outcome, done.by) == ("done", "ana")
    assert told(run, "siren_confirmed")[0].actor == "ana"


@settings(max_examples=150)
@given(signals=histories)
def test_law_10_no_siren_that_waits_for_a_person_sounds_in_a_step_without_one(
    asking: RulePack, signals: list[Signal]
) -> None:
    for _, item, _, effects in steps(play(signals, asking).items, asking):
        for effect in effects:
            if isinstance(effect, IssueCommand) and effect.command.kind is CommandKind.SIREN_ON:
                assert isinstance(item, ActionItem)
                assert item.action.kind is ActionKind.SIREN_CONFIRM
                assert effect.command.parameters["act"] == item.action.id


def test_a_person_stops_it_before_its_time_and_it_is_told_off_once(pack: RulePack) -> None:
    run = play([PRESS, STOP, Signal(at_s=400, tick=True)], pack)
    assert sirens(run) == [("siren_on", "block:b-1", 0.0), ("siren_off", "block:b-1", 40.0)]
    assert told(run, "siren_cancelled")[0].detail_es == "Una persona para la sirena (1): it was the cat"
    assert told(run, "siren_auto_off") == []


def test_what_was_stopped_a_person_may_sound_again_and_it_goes_off_again(pack: RulePack) -> None:
    again = msgspec.structs.replace(SOUND, at_s=60)
    run = play([PRESS, STOP, again, Signal(at_s=400, tick=True)], pack)
    assert [kind for kind, _, _ in sirens(run)] == ["siren_on", "siren_off", "siren_on", "siren_off"]
    commands = [effect.command.id for effect in run.effects if isinstance(effect, IssueCommand)]
    assert len(commands) == len(set(commands))


def test_the_answer_of_the_siren_is_in_the_story(pack: RulePack) -> None:
    run = play([PRESS, STOP], pack)
    commands = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    off = next(n for n, each in enumerate(commands) if each.kind is CommandKind.SIREN_OFF)
    answered = play([PRESS, STOP, Signal(at_s=42, receipt="done", source="siren-b-1", command=off)], pack)
    assert any("siren_off" in line.detail_es for line in told(answered, "receipt"))


def test_what_sounds_already_and_what_is_quiet_already_is_refused(pack: RulePack) -> None:
    run = play([PRESS, SOUND], pack)
    assert told(run, "refused")[0].detail_en == "Refused (sound the siren): it sounds already."
    run = play([LATE, STOP], pack)
    assert told(run, "refused")[0].detail_en == "Refused (stop the siren): no siren of this alert sounds."


def test_what_the_protocol_would_not_sound_needs_a_reason(pack: RulePack) -> None:
    assert sirens(play([LATE, SOUND], pack)) == []
    run = play([LATE, msgspec.structs.replace(SOUND, reason="she is still in there")], pack)
    assert sirens(run) == [("siren_on", "block:b-1", 20.0)]


def test_no_reason_sounds_a_silent_alert_a_block_without_siren_or_a_type_without_one(pack: RulePack) -> None:
    sure = msgspec.structs.replace(SOUND, reason="now")
    silent = Signal(at_s=0, event="silent.gbv", source="p-1", district="south", data_class=DataClass.SEALED)
    none_there = msgspec.structs.replace(PRESS, attributes={"block": "b-1", "siren": False})
    for first in (silent, none_there, Signal(at_s=0, event="panic.bus", source="bus-1")):
        assert sirens(play([first, sure], pack)) == []
        assert len(told(play([first, sure], pack), "refused")) == 1


def test_who_cancels_what_waits_means_it(asking: RulePack) -> None:
    second = msgspec.structs.replace(PRESS, at_s=60, source="fob-2")
    run = play([PRESS, STOP, second], asking)
    skipped = mark(run, "panic_community/siren")
    assert skipped is not None
    assert (skipped.outcome, skipped.by) == ("skipped", "beto")
    assert sirens(run) == []


def test_the_siren_of_what_was_merged_is_stopped_where_it_is_shown(pack: RulePack) -> None:
    story = [
        Signal(at_s=0, event="gun.shooting", source="caller-1", east_m=5000.0),
        msgspec.structs.replace(PRESS, at_s=1),
        Signal(at_s=10, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident"),
        STOP,
        Signal(at_s=400, tick=True),
    ]
    assert [kind for kind, _, _ in sirens(play(story, pack))] == ["siren_on", "siren_off"]


# --- steps ------------------------------------------------------------------------------------------------------------

LOOKED = Signal(at_s=15, action=ActionKind.STEP_DONE, by="ana", step="panic_community/look")
LEFT_OUT = msgspec.structs.replace(
    LOOKED, action=ActionKind.STEP_SKIP, step="panic_community/escalate_ack", reason="she is on the phone"
)


def test_what_the_operator_did_is_marked_with_who_and_when(pack: RulePack) -> None:
    run = play([PRESS, LOOKED], pack)
    assert mark(run, "panic_community/look") == StepMark(
        step="panic_community/look", outcome="done", at_ms=START_MS + 15_000, by="ana"
    )
    (line,) = told(run, "step_done")
    assert line.detail_es == "Hecho: Mirar las cámaras cercanas y llamar a quien avisa."


def test_what_is_left_out_has_a_reason_stops_its_timer_and_is_told_to_the_supervisor(pack: RulePack) -> None:
    run = play([PRESS, LEFT_OUT, Signal(at_s=61, tick=True)], pack)
    (deputies,) = told(run, "escalated")
    assert "suplentes" in deputies.detail_es, "the other timer runs on"
    (line,) = told(run, "step_skipped")
    assert "she is on the phone" in line.detail_es
    (command,) = sent(run, CommandKind.NOTIFY, "skipped:")
    assert command.target == "team:supervisor"
    assert "phone" not in str(command.parameters)


@pytest.mark.parametrize(
    "wrong",
    [{"reason": ""}, {"step": None}, {"step": "panic_community/none"}, {"step": "gun_violence/hold"}],
)
def test_without_a_reason_or_a_step_that_runs_nothing_is_left_out(
    pack: RulePack, wrong: dict[str, object]
) -> None:
    run = play([PRESS, msgspec.structs.replace(LEFT_OUT, **wrong), Signal(at_s=61, tick=True)], pack)
    assert len(told(run, "refused")) == 1
    assert len(told(run, "escalated")) == 2, "the deputies at half time, then the supervisor"


def test_the_later_of_two_who_settle_a_step_reads_who_was_first(pack: RulePack) -> None:
    again = msgspec.structs.replace(
        LOOKED, at_s=18, by="beto", action=ActionKind.STEP_SKIP, reason="no camera"
    )
    run = play([PRESS, LOOKED, again], pack)
    assert told(run, "refused")[0].detail_es.endswith("ya lo resolvió ana, hace 3 s.")


def test_a_step_that_ran_out_of_time_is_marked(pack: RulePack) -> None:
    run = play([PRESS, Signal(at_s=61, tick=True)], pack)
    late = mark(run, "panic_community/escalate_ack")
    assert late is not None
    assert (late.outcome, late.by) == ("escalated", "cior")


@pytest.fixture(scope="module")
def waiting(pack: RulePack) -> RulePack:
    """The default rules, but that somebody is told when nobody looked."""
    step = (
        '{ id = "nobody_looked", act = "notify", target = "team:supervisor", text_es = "Nadie miró.", '
        'text_en = "Nobody looked.", after_s = 30, unless_step = "look" },\n  { id = "look", act = "check"'
    )
    return protocols(('{ id = "look", act = "check"', step), pack)


def test_a_timer_that_waits_for_a_step_runs_only_when_nobody_did_it(waiting: RulePack) -> None:
    later = Signal(at_s=31, tick=True)
    assert len(sent(play([PRESS, later], waiting), CommandKind.NOTIFY, "nobody_looked")) == 1
    assert sent(play([PRESS, LOOKED, later], waiting), CommandKind.NOTIFY, "nobody_looked") == []


# --- the sender hears of it (S32) -------------------------------------------------------------------------------------

CLOSED = Signal(at_s=90, action=ActionKind.CLOSE, by="ana", disposition=Disposition.FALSE_ALARM)


def feedback(run: Run) -> list[Command]:
    return sent(run, CommandKind.NOTIFY, "feedback")


def test_who_pressed_hears_how_it_ended(pack: RulePack) -> None:
    second = msgspec.structs.replace(PRESS, at_s=9, source="fob-2")
    assert feedback(play([PRESS, second], pack)) == []
    run = play([PRESS, second, CLOSED], pack)
    assert {each.target for each in feedback(run)} == {"device:fob-1", "device:fob-2"}
    assert {each.parameters["disposition"] for each in feedback(run)} == {"false_alarm"}


def test_closed_a_second_time_it_is_told_a_second_time(pack: RulePack) -> None:
    reopened = Signal(at_s=95, action=ActionKind.REOPEN, by="ana")
    confirmed = msgspec.structs.replace(CLOSED, at_s=99, disposition=Disposition.CONFIRMED)
    run = play([PRESS, CLOSED, reopened, confirmed], pack)
    assert [each.parameters["disposition"] for each in feedback(run)] == ["false_alarm", "confirmed"]


def test_law_17_nobody_who_pressed_silently_is_ever_spoken_to(pack: RulePack) -> None:
    silent = Signal(at_s=0, event="silent.gbv", source="p-1", district="south", data_class=DataClass.SEALED)
    run = play([silent, CLOSED], pack)
    commands = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    assert not [each.target for each in commands if each.target.startswith("device:")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.toml")}
    tell = '{ id = "tell_response_team", act = "notify", target = "team:response_team"'
    spoken = texts["protocols.toml"].replace(tell, tell.replace("team:response_team", "subject"))
    with pytest.raises(ConfigFault, match="would speak to who pressed silently"):
        rule_loading.load({**texts, "protocols.toml": spoken}, types=pack.types)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "look", act = "check",', 'id = "look", act = "check", after_s = 9,', "no after_s"),
        ('id = "look", act = "check",', 'id = "look", act = "check", confirm = true,', "has confirm"),
        ('id = "look", act = "check",', 'id = "look", act = "check", clock = true,', "asks no team"),
        ('on = "closed"', 'on = "merged"', "'on' is"),
        ('on = "closed"', 'on = "closed", unless_step = "look"', "needs after_s"),
        ('after_s = 60, unless = "acknowledged"', 'after_s = 60, unless_step = "nothing"', "no other step"),
        ('id = "look"', 'id = "lo/ok"', "plain name"),
        ('target = "team:crisis_team", clock', 'target = "team:nobody", clock', r"no \[\[agency\]\]"),
        ('lead = "team:crisis_lead"', 'lead = "somebody"', "agency 'crisis_team'"),
        ('id = "victim_assistance"\n', 'id = "crisis_team"\n', "agency 'crisis_team'"),
    ],
)
def test_a_book_whose_steps_cannot_be_meant_does_not_load(
    pack: RulePack, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigFault, match=said):
        protocols((old, new), pack)
