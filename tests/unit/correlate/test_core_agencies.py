"""Each agency that is asked has a clock of its own; what they say stands side by side."""

from __future__ import annotations

import msgspec
import pytest

from cior_core.model import (
    ActionKind,
    AgencyClock,
    AgencyStage,
    AlertStatus,
    Command,
    CommandKind,
    DataClass,
    Disposition,
    IssueCommand,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import START_MS, Signal
from unit.correlate.histories import play
from unit.correlate.test_core_acts import SHOOTING, alert, told

PANIC = Signal(at_s=0, event="panic.bus", source="bus-1")


def asked(at_s: float, agency: str, **more: object) -> Signal:
    return msgspec.structs.replace(
        Signal(at_s=at_s, action=ActionKind.DISPATCH, by="ana", agency=agency), **more
    )


def stamped(at_s: float, agency: str, stage: AgencyStage, **more: object) -> Signal:
    base = Signal(at_s=at_s, action=ActionKind.STAMP, by=f"{agency}-desk", agency=agency, stage=stage)
    return msgspec.structs.replace(base, **more)


def clock(run: Run, agency: str, n: int = 0) -> AgencyClock:
    (found,) = (each for each in alert(run, n).agencies if each.agency == agency)
    return found


def sent(run: Run, kind: CommandKind, step: str) -> list[Command]:
    commands = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    return [each for each in commands if each.kind is kind and each.step.startswith(step)]


BOTH = [PANIC, asked(10, "police"), asked(11, "municipal_guard", unit="GUM 4")]


def test_municipal_and_provincial_are_asked_apart_each_with_its_own_clock(pack: RulePack) -> None:
    run = play(
        [
            *BOTH,
            stamped(20, "police", AgencyStage.ACCEPTED),
            stamped(30, "municipal_guard", AgencyStage.EN_ROUTE),
            stamped(200, "municipal_guard", AgencyStage.ON_SCENE),
        ],
        pack,
    )
    assert (clock(run, "police").government, clock(run, "municipal_guard").government) == (
        "provincial",
        "municipal",
    )
    assert [
        (stamp.stage.value, stamp.at_ms - START_MS, stamp.by) for stamp in clock(run, "police").stamps
    ] == [
        ("asked", 10_000, "ana"),
        ("accepted", 20_000, "police-desk"),
    ]
    assert clock(run, "municipal_guard").stage is AgencyStage.ON_SCENE
    assert clock(run, "municipal_guard").unit == "GUM 4"
    assert alert(run).status is AlertStatus.ON_SCENE
    assert alert(run).dispatched_ms == START_MS + 10_000
    assert alert(run).on_scene_ms == START_MS + 200_000
    assert {each.target for each in sent(run, CommandKind.TASK, "dispatch")} == {
        "team:police",
        "team:municipal_guard",
    }


def test_a_stage_is_said_once_and_the_later_reads_who_said_it(pack: RulePack) -> None:
    once = stamped(20, "police", AgencyStage.ACCEPTED)
    again = stamped(25, "police", AgencyStage.ACCEPTED, by="beto")
    run = play([*BOTH, once, again], pack)
    assert len(clock(run, "police").stamps) == 2
    (line,) = told(run, "refused")
    assert line.detail_es.endswith("Policía provincial ya figura «acepta»: lo dijo police-desk, hace 5 s.")


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ([AgencyStage.ON_SCENE], AgencyStage.EN_ROUTE),
        ([AgencyStage.EN_ROUTE], AgencyStage.DECLINED),
        ([AgencyStage.DECLINED], AgencyStage.ON_SCENE),
        ([AgencyStage.CLEARED], AgencyStage.ON_SCENE),
        ([], AgencyStage.ASKED),
        ([], None),
    ],
)
def test_no_clock_runs_backwards(pack: RulePack, before: list[AgencyStage], then: AgencyStage | None) -> None:
    story = [stamped(20 + n, "police", stage) for n, stage in enumerate(before)]
    known = clock(play([*BOTH, *story], pack), "police")
    late = msgspec.structs.replace(stamped(40, "police", AgencyStage.ACCEPTED), stage=then)
    run = play([*BOTH, *story, late], pack)
    assert clock(run, "police") == known
    assert len(told(run, "refused")) == 1


def test_who_was_not_asked_and_who_is_not_known_stamp_nothing(pack: RulePack) -> None:
    run = play([PANIC, stamped(5, "police", AgencyStage.ACCEPTED), asked(6, "the_army")], pack)
    assert alert(run).agencies == ()
    assert [line.detail_en for line in told(run, "refused")] == [
        "Refused (stamp an agency): Provincial police was not asked.",
        "Refused (dispatch): there is no agency or team 'the_army'.",
    ]


def test_asked_twice_is_one_question_and_one_command(pack: RulePack) -> None:
    run = play([*BOTH, asked(15, "police", by="beto")], pack)
    assert len(sent(run, CommandKind.TASK, "dispatch")) == 2
    assert "lo dijo ana" in told(run, "refused")[0].detail_es


def test_who_declined_may_be_asked_again_with_a_new_clock(pack: RulePack) -> None:
    run = play([*BOTH, stamped(20, "police", AgencyStage.DECLINED), asked(60, "police")], pack)
    assert clock(run, "police").stage is AgencyStage.ASKED
    assert clock(run, "police").round == 1
    police = [each for each in sent(run, CommandKind.TASK, "dispatch") if each.target == "team:police"]
    assert len({each.id for each in police}) == 2


# --- they do not say the same -----------------------------------------------------------------------------------------


def cleared(at_s: float, agency: str, *, attended: bool) -> Signal:
    return stamped(at_s, agency, AgencyStage.CLEARED, attended=attended)


DIFFER = [
    *BOTH,
    cleared(300, "police", attended=False),
    cleared(310, "municipal_guard", attended=True),
]


def test_one_attended_and_the_other_found_nothing_is_shown_and_told(pack: RulePack) -> None:
    run = play(DIFFER, pack)
    assert alert(run).disagreement
    assert "agency.disagreement" in {reason.code for reason in alert(run).reasons}
    assert len(told(run, "agencies_disagree")) == 1
    assert [each.target for each in sent(run, CommandKind.NOTIFY, "disagreement")] == ["team:supervisor"]


def test_who_corrects_its_word_ends_the_disagreement_and_both_words_stay_in_the_story(pack: RulePack) -> None:
    run = play([*DIFFER, cleared(400, "police", attended=True)], pack)
    assert not alert(run).disagreement
    assert "agency.disagreement" not in {reason.code for reason in alert(run).reasons}
    assert len(told(run, "agencies_agree")) == 1
    assert len(told(run, "agency_cleared")) == 3


def test_closed_or_not_a_disagreement_that_comes_later_is_seen(pack: RulePack) -> None:
    closing = Signal(at_s=305, action=ActionKind.CLOSE, by="ana", disposition=Disposition.UNFOUNDED)
    run = play([*DIFFER[:-1], closing, DIFFER[-1]], pack)
    assert (alert(run).status, alert(run).disagreement) == (AlertStatus.CLOSED, True)


# --- nobody answers ---------------------------------------------------------------------------------------------------


def test_who_does_not_answer_in_time_is_told_of_once(pack: RulePack) -> None:
    run = play([*BOTH, Signal(at_s=72, tick=True), Signal(at_s=80, tick=True)], pack)
    assert {each.step for each in sent(run, CommandKind.NOTIFY, "late:")} == {
        "late:police:accepted",
        "late:municipal_guard:accepted",
    }
    assert len(told(run, "agency_late")) == 2


def test_who_accepted_is_waited_for_on_scene_and_not_to_accept(pack: RulePack) -> None:
    story = [*BOTH[:2], stamped(20, "police", AgencyStage.ACCEPTED)]
    run = play([*story, Signal(at_s=100, tick=True)], pack)
    assert sent(run, CommandKind.NOTIFY, "late:") == []
    run = play([*story, Signal(at_s=611, tick=True)], pack)
    assert [each.step for each in sent(run, CommandKind.NOTIFY, "late:")] == ["late:police:on_scene"]


# --- the crisis team (S16) --------------------------------------------------------------------------------------------


def test_the_crisis_team_is_asked_by_the_protocol_and_has_its_own_clock(pack: RulePack) -> None:
    run = play([SHOOTING], pack)
    team = clock(run, "crisis_team")
    assert (team.support, team.stage, team.stamps[0].by) == (True, AgencyStage.ASKED, "cior")
    assert [each.target for each in sent(run, CommandKind.TASK, "task_crisis_team")] == ["team:crisis_team"]


def test_police_on_scene_does_not_answer_for_the_crisis_team(pack: RulePack) -> None:
    story = [SHOOTING, asked(10, "police"), stamped(100, "police", AgencyStage.ON_SCENE)]
    run = play([*story, Signal(at_s=901, tick=True)], pack)
    late = sent(run, CommandKind.NOTIFY, "late:crisis_team")
    assert [(each.step, each.target) for each in late] == [("late:crisis_team:accepted", "team:crisis_lead")]
    taken = play(
        [*story, stamped(60, "crisis_team", AgencyStage.ACCEPTED), Signal(at_s=901, tick=True)], pack
    )
    assert sent(taken, CommandKind.NOTIFY, "late:crisis_team") == []


def test_the_crisis_team_on_scene_does_not_answer_for_the_police(pack: RulePack) -> None:
    story = [SHOOTING, asked(10, "police"), stamped(100, "crisis_team", AgencyStage.ON_SCENE)]
    run = play(story, pack)
    assert (alert(run).status, alert(run).on_scene_ms) == (AlertStatus.DISPATCHED, None)


def test_law_17_a_silent_alert_tells_an_agency_nothing_but_that_it_is_asked(pack: RulePack) -> None:
    press = Signal(at_s=0, event="silent.gbv", source="p-1", district="south", data_class=DataClass.SEALED)
    run = play([press, asked(5, "police", unit="M 7")], pack)
    (command,) = sent(run, CommandKind.TASK, "dispatch")
    assert set(command.parameters) == {"act"}
