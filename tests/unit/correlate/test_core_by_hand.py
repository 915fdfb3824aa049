"""What a person knows better: an incident that nobody else told, where it is, what it is and how urgent."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings

from cior_core.correlate.by_hand import incident_of
from cior_core.discreet_acts import discreet
from cior_core.model import (
    DEFAULT_AREA,
    ActionItem,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    CommandKind,
    DataClass,
    IssueCommand,
    Level,
    Phase,
    Place,
    PlaceMethod,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import histories, play, steps
from unit.correlate.test_core_acts import SHOOTING, alert, told
from unit.correlate.test_core_agencies import sent

OPENED = Signal(
    at_s=0,
    action=ActionKind.OPEN,
    by="ana",
    type="gun.shooting",
    text="shots heard from the terrace",
    district="south",
)


# --- opened by hand ---------------------------------------------------------------------------------------------------


def test_an_incident_opened_by_hand_is_an_alert_with_its_actor_as_source_and_its_protocol_runs(
    pack: RulePack,
) -> None:
    run = play([OPENED], pack)
    (member,) = alert(run).members
    assert (member.source, member.subject, member.summary) == (
        "urn:cior:desk",
        "person:ana",
        "shots heard from the terrace",
    )
    assert (alert(run).type, alert(run).level, alert(run).status) == (
        "gun.shooting",
        Level.P1,
        AlertStatus.OPEN,
    )
    assert alert(run).place.district == "south"
    assert "team:police" in {each.target for each in sent(run, CommandKind.NOTIFY, "tell_police")}
    assert [line.actor for line in told(run, "opened_by_hand")] == ["ana"]


def test_the_same_key_again_opens_one(pack: RulePack) -> None:
    once = msgspec.structs.replace(OPENED, id="key-1")
    run = play([once, msgspec.structs.replace(once, at_s=3)], pack)
    assert len(run.state.alerts) == 1


def test_it_joins_nothing_by_itself_and_what_is_reported_there_joins_it(pack: RulePack) -> None:
    call = msgspec.structs.replace(SHOOTING, at_s=30)
    run = play([OPENED, call], pack)
    assert [len(each.members) for each in run.state.alerts] == [2]
    run = play([SHOOTING, msgspec.structs.replace(OPENED, at_s=30)], pack)
    assert [len(each.members) for each in run.state.alerts] == [1, 1]


def test_what_one_person_opens_twice_is_one_source(pack: RulePack) -> None:
    second = msgspec.structs.replace(OPENED, at_s=5)
    merging = Signal(at_s=9, action=ActionKind.MERGE, alert=0, others=(1,), by="ana")
    run = play([OPENED, second, merging], pack)
    assert "priority.corroborated" not in {reason.code for reason in alert(run).reasons}


@pytest.mark.parametrize(
    "wrong",
    [{"type": None}, {"type": "vendor.unknown"}, {"type": "heartbeat"}, {"located": False, "district": None}],
)
def test_without_a_type_that_alerts_and_a_place_nothing_opens(
    pack: RulePack, wrong: dict[str, object]
) -> None:
    run = play([msgspec.structs.replace(OPENED, **wrong)], pack)
    assert run.state.alerts == ()
    assert told(run, "refused")[0].alert_id.startswith("area:")


def test_law_17_a_silent_one_opened_by_hand_shows_its_district_alone(pack: RulePack) -> None:
    run = play([msgspec.structs.replace(OPENED, type="silent.gbv")], pack)
    (found,) = run.state.alerts
    assert (found.silent, found.data_class) == (True, DataClass.SEALED)
    assert found.place.lat is None
    assert found.members[0].summary is None
    assert "terrace" not in str(msgspec.to_builtins(found))


def test_law_17_of_a_silent_act_nothing_but_the_district_may_be_signed(pack: RulePack) -> None:
    (item,) = play([OPENED], pack).items
    assert isinstance(item, ActionItem)
    told = discreet(item.action, silent=True)
    assert told.place == Place(method=PlaceMethod.DISTRICT, district="south")
    assert "terrace" not in str(msgspec.to_builtins(told))
    assert discreet(item.action, silent=False) is item.action


def test_law_2_a_silent_call_without_a_place_opens_all_the_same(pack: RulePack) -> None:
    nowhere = msgspec.structs.replace(OPENED, type="silent.duress", located=False, district=None)
    assert [each.silent for each in play([nowhere], pack).state.alerts] == [True]


def test_a_drill_opened_by_hand_is_marked_on_all_that_leaves(pack: RulePack) -> None:
    run = play([msgspec.structs.replace(OPENED, drill=True)], pack)
    assert alert(run).drill
    assert {each.drill for each in sent(run, CommandKind.NOTIFY, "tell_police")} == {True}


@pytest.mark.parametrize("kind", [CommandKind.SIREN_ON, CommandKind.NOTIFY, CommandKind.TASK])
def test_of_a_drill_nobody_outside_hears_unless_the_drill_says_so(pack: RulePack, kind: CommandKind) -> None:
    quiet, heard, real = (
        play([msgspec.structs.replace(OPENED, **changes)], pack)
        for changes in ({"drill": True}, {"drill": True, "rings": True}, {"rings": True})
    )
    for run, is_quiet in ((quiet, True), (heard, False), (real, False)):
        (command,) = sent(run, CommandKind.NOTIFY, "tell_police")
        assert msgspec.structs.replace(command, kind=kind).is_kept_quiet is is_quiet
        assert not msgspec.structs.replace(command, kind=CommandKind.HOLD_VIDEO).is_kept_quiet
        assert not msgspec.structs.replace(command, kind=CommandKind.SIREN_OFF).is_kept_quiet, "off is safe"


def test_what_an_escalation_of_a_quiet_drill_asks_is_quiet_too(pack: RulePack) -> None:
    run = play([msgspec.structs.replace(OPENED, drill=True), Signal(at_s=900, tick=True)], pack)
    late = [each.command for each in run.effects if isinstance(each, IssueCommand)]
    assert {each.step for each in late} >= {"tell_police", "escalate_ack"}
    assert {(each.drill, each.rings) for each in late} == {(True, False)}


def test_the_alert_that_an_incident_opens_is_known_before_it_opens(pack: RulePack) -> None:
    run = play([msgspec.structs.replace(OPENED, id="act-7")], pack)
    assert alert(run).id == incident_of("act-7", DEFAULT_AREA)


# --- where it is ------------------------------------------------------------------------------------------------------

MOVED = Signal(
    at_s=20, action=ActionKind.MOVE, by="ana", east_m=4000.0, reason="the caller meant the other square"
)


def test_a_corrected_place_is_shown_and_reports_from_there_join(pack: RulePack) -> None:
    there = Signal(at_s=40, event="gun.shooting", source="cad:911", record="B", east_m=4010.0)
    run = play([SHOOTING, MOVED, there], pack)
    (found,) = run.state.alerts
    assert found.place.lon is not None
    assert found.place.lon == pytest.approx(-60.6393 + 4000 / 93_300, abs=1e-3)
    assert [len(each.members) for each in run.state.alerts] == [3]
    assert "person.moved" in {reason.code for reason in found.reasons}
    assert told(run, "moved")[0].detail_es == "ana corrige el lugar: the caller meant the other square"


def test_a_correction_is_no_second_source_and_no_second_call(pack: RulePack) -> None:
    before = alert(play([SHOOTING], pack))
    after = alert(play([SHOOTING, MOVED], pack))
    assert (after.score, after.level) == (before.score, before.level)


@pytest.mark.parametrize("missing", [{"located": False}, {"alert": 7}])
def test_a_place_must_be_said(pack: RulePack, missing: dict[str, object]) -> None:
    run = play([SHOOTING, msgspec.structs.replace(MOVED, **missing)], pack)
    assert len(told(run, "moved")) == 0
    assert len(told(run, "refused")) == 1


def test_law_17_a_silent_one_is_not_moved(pack: RulePack) -> None:
    press = Signal(at_s=0, event="silent.gbv", source="p-1", district="south", data_class=DataClass.SEALED)
    run = play([press, MOVED], pack)
    assert alert(run).place.lat is None
    assert len(told(run, "refused")) == 1


# --- what it is, and how urgent ---------------------------------------------------------------------------------------

LOWER = Signal(
    at_s=30,
    action=ActionKind.RECLASSIFY,
    by="ana",
    type="noise.complaint",
    level=Level.P4,
    reason="it was fireworks",
)


def test_a_person_may_lower_a_life_safety_level_with_a_reason_and_it_shows_who(pack: RulePack) -> None:
    run = play([SHOOTING, LOWER], pack)
    found = alert(run)
    assert (found.type, found.level, found.life_safety) == ("noise.complaint", Level.P4, True)
    assert found.ruling is not None
    assert (found.ruling.by, found.ruling.was, found.ruling.reason) == ("ana", Level.P1, "it was fireworks")
    assert "person.reclassified" in {reason.code for reason in found.reasons}
    (line,) = told(run, "reclassified")
    assert "it was fireworks" in line.detail_es
    assert "P1 → P4" in line.detail_es


def test_law_10_without_a_reason_nothing_is_lowered(pack: RulePack) -> None:
    run = play([SHOOTING, msgspec.structs.replace(LOWER, reason=" ")], pack)
    assert (alert(run).level, alert(run).type) == (Level.P1, "gun.shooting")


# A rule took it for a shooting: no fact of its own says that a life is at risk.
ADMITTED = Signal(at_s=0, event="gun.injury_admission", source="hospital-1")


@pytest.mark.parametrize("first", [SHOOTING, ADMITTED], ids=["called", "concluded"])
def test_law_10_another_type_alone_lowers_no_life_safety_level(pack: RulePack, first: Signal) -> None:
    run = play([first, msgspec.structs.replace(LOWER, level=None)], pack)
    assert (alert(run).level, alert(run).type) == (Level.P1, "noise.complaint")


def test_law_10_a_call_that_the_person_had_not_heard_raises_it_again(pack: RulePack) -> None:
    call = Signal(at_s=60, event="gun.shooting", source="cad:911", record="B", east_m=20.0)
    run = play([SHOOTING, LOWER, call], pack)
    (found,) = run.state.alerts
    assert (found.level, found.ruling) == (Level.P1, None)
    assert len(told(run, "ruling_over")) == 1


def test_law_10_so_does_the_second_press_of_the_same_button(pack: RulePack) -> None:
    """It adds no point, for it is the same source. It is another call for help all the same."""
    press = Signal(at_s=0, event="panic.bus", source="bus-1")
    run = play(
        [press, msgspec.structs.replace(LOWER, type=None), msgspec.structs.replace(press, at_s=40)], pack
    )
    (found,) = run.state.alerts
    assert (len(found.members), found.level) == (2, Level.P1)


def test_a_report_that_is_no_call_and_says_nothing_more_leaves_it(pack: RulePack) -> None:
    ended = Signal(at_s=60, event="gun.shooting", source="cad:911", record="A", phase=Phase.END)
    run = play([SHOOTING, LOWER, ended], pack)
    assert alert(run).level is Level.P4


def test_a_person_raises_what_automation_thinks_little_of(pack: RulePack) -> None:
    burglary = Signal(at_s=0, event="burglary.alarm", source="panel-1")
    raising = Signal(at_s=9, action=ActionKind.RECLASSIFY, by="ana", level=Level.P1, reason="a woman screams")
    assert alert(play([burglary], pack)).level is not Level.P1
    run = play([burglary, raising], pack)
    assert alert(run).level is Level.P1
    assert alert(run).ruling is not None


def test_another_type_runs_its_own_protocol_and_the_first_one_goes_on(pack: RulePack) -> None:
    fire = Signal(
        at_s=9, action=ActionKind.RECLASSIFY, by="ana", type="fire.arson", reason="they burn the door"
    )
    run = play([SHOOTING, fire], pack)
    assert alert(run).protocols[0].startswith("gun_violence@")
    assert alert(run).protocols[1].startswith("arson@")
    assert "team:fire_brigade" in {each.target for each in sent(run, CommandKind.NOTIFY, "tell_fire_brigade")}


@pytest.mark.parametrize("wrong", ["silent.gbv", "heartbeat", "vendor.unknown", "gun.shooting"])
def test_what_it_cannot_become_is_refused(pack: RulePack, wrong: str) -> None:
    run = play([SHOOTING, msgspec.structs.replace(LOWER, type=wrong, level=None)], pack)
    assert (alert(run).type, alert(run).ruling) == ("gun.shooting", None)
    assert len(told(run, "refused")) == 1


def test_law_10_nobody_lowers_a_silent_one(pack: RulePack) -> None:
    press = Signal(at_s=0, event="silent.gbv", source="p-1", district="south", data_class=DataClass.SEALED)
    before = alert(play([press], pack)).level
    run = play([press, msgspec.structs.replace(LOWER, type=None)], pack)
    assert alert(run).level is before


@settings(max_examples=150)
@given(signals=histories)
def test_law_10_a_ruling_is_a_persons_and_has_a_reason(pack: RulePack, signals: list[Signal]) -> None:
    """Whatever happens: a level is a person's only since an act of that person, with a reason, on that very alert."""
    known: dict[AlertId, Alert] = {}
    for _, item, _, effects in steps(play(signals, pack).items, pack):
        for effect in effects:
            if not isinstance(effect, UpsertAlert) or effect.alert.ruling is None:
                continue
            before = known.get(effect.alert.id)
            if before is None or before.ruling != effect.alert.ruling:
                assert isinstance(item, ActionItem)
                assert item.action.kind is ActionKind.RECLASSIFY
                assert item.action.alert_id == effect.alert.id
                assert effect.alert.ruling.by == item.action.actor
                assert effect.alert.ruling.reason.strip()
            known[effect.alert.id] = effect.alert
