"""Whose an alert is, who was first, what one act takes, and the hand-over of a shift."""

from __future__ import annotations

import msgspec
import pytest

from cior_core.model import ActionKind, Alert, AlertStatus, AppendTransition, Disposition, Transition
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

SHOOTING = Signal(at_s=0, event="gun.shooting", source="cad:911", record="A")
TAKEN = Signal(at_s=5, action=ActionKind.ACKNOWLEDGE, by="ana")


def alert(run: Run, n: int = 0) -> Alert:
    return sorted(run.state.alerts, key=lambda each: (each.opened_ms, each.id))[n]


def told(run: Run, kind: str) -> list[Transition]:
    found = [effect.transition for effect in run.effects if isinstance(effect, AppendTransition)]
    return [each for each in found if each.kind == kind]


# --- who was first ----------------------------------------------------------------------------------------------------


def test_the_later_of_two_who_take_it_is_refused_and_reads_who_was_first(pack: RulePack) -> None:
    run = play([SHOOTING, TAKEN, Signal(at_s=8, action=ActionKind.ACKNOWLEDGE, by="beto")], pack)
    assert (alert(run).status, alert(run).assignee) == (AlertStatus.ACKNOWLEDGED, "ana")
    (refusal,) = told(run, "refused")
    assert refusal.actor == "beto"
    assert refusal.detail_es == "Rechazada (tomar): ya está tomada: fue ana, hace 3 s."
    assert refusal.detail_en == "Refused (acknowledge): it is already acknowledged: ana was first, 3 s ago."


def test_who_closes_without_having_seen_the_dispatch_is_told_of_it_and_may_then_close(pack: RulePack) -> None:
    seen_before = alert(play([SHOOTING, TAKEN], pack)).version
    closing = Signal(at_s=12, action=ActionKind.CLOSE, by="beto", disposition=Disposition.FALSE_ALARM)
    story = [SHOOTING, TAKEN, Signal(at_s=10, action=ActionKind.DISPATCH, by="ana", agency="police")]
    blind = play([*story, _seeing(closing, seen_before)], pack)
    assert alert(blind).status is AlertStatus.DISPATCHED
    (refusal,) = told(blind, "refused")
    assert "ana" in refusal.detail_es
    assert "despachar" in refusal.detail_es
    seeing = play([*story, _seeing(closing, alert(play(story, pack)).version)], pack)
    assert alert(seeing).status is AlertStatus.CLOSED


def _seeing(signal: Signal, version: int) -> Signal:
    return msgspec.structs.replace(signal, seen=version)


def test_one_who_sends_and_closes_within_one_round_trip_is_in_nobodys_way(pack: RulePack) -> None:
    """The page of who acts still shows the version before the first of the two key presses."""
    version = alert(play([SHOOTING], pack)).version
    asking = Signal(at_s=5, action=ActionKind.DISPATCH, by="ana", agency="police", seen=version)
    closing = Signal(at_s=6, action=ActionKind.CLOSE, by="ana", disposition=Disposition.TEST, seen=version)
    assert alert(play([SHOOTING, asking, closing], pack)).status is AlertStatus.CLOSED


def test_a_call_for_help_is_never_refused_for_an_old_page(pack: RulePack) -> None:
    version = alert(play([SHOOTING], pack)).version
    asking = Signal(at_s=7, action=ActionKind.DISPATCH, by="beto", agency="police", seen=version)
    assert alert(play([SHOOTING, TAKEN, asking], pack)).status is AlertStatus.DISPATCHED


def test_law_17_the_core_tells_no_words_of_an_act_on_a_silent_alert_whoever_signed_it(pack: RulePack) -> None:
    words = "fue Rosa Juárez"
    acts = [
        Signal(at_s=5 + n, action=kind, by="ana", reason=words, disposition=Disposition.CONFIRMED)
        for n, kind in enumerate((ActionKind.NOTE, ActionKind.HOLD, ActionKind.CLOSE, ActionKind.REOPEN))
    ]
    silent = play([Signal(at_s=0, event="silent.gbv", source="box:7"), *acts], pack)
    told = msgspec.json.encode([silent.effects, silent.state.alerts]).decode()
    assert words not in told
    assert alert(silent).notes == ("[reservado]",)
    assert words in msgspec.json.encode(play([SHOOTING, *acts], pack).effects).decode()


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_it_is_taken_over_in_sight_of_all(pack: RulePack) -> None:
    run = play(
        [SHOOTING, TAKEN, Signal(at_s=9, action=ActionKind.ASSIGN, by="beto", reason="ana is at lunch")], pack
    )
    assert alert(run).assignee == "beto"
    assert alert(run).assigned_ms == alert(run).updated_ms
    (line,) = told(run, "assigned")
    assert (line.detail_es, line.actor) == ("Pasa de ana a beto: ana is at lunch", "beto")


@pytest.mark.parametrize("seen", [None, 1])
def test_two_who_assign_at_once_the_later_looks_first(pack: RulePack, seen: int | None) -> None:
    story = [
        SHOOTING,
        Signal(at_s=5, action=ActionKind.ASSIGN, by="sup", assignee="ana", seen=1),
        Signal(at_s=6, action=ActionKind.ASSIGN, by="jefe", assignee="beto", seen=seen),
    ]
    assert alert(play(story, pack)).assignee == ("beto" if seen is None else "ana")


def test_whose_it_is_already_is_said(pack: RulePack) -> None:
    run = play([SHOOTING, TAKEN, Signal(at_s=9, action=ActionKind.ASSIGN, by="ana")], pack)
    assert told(run, "refused")[0].detail_en.endswith("it is ana's already.")


# --- many in one act --------------------------------------------------------------------------------------------------

LIGHTS = [
    Signal(
        at_s=n,
        event="suspicious.activity",
        source=f"cad:{n}",
        record=str(n),
        east_m=n * 3000.0,
        district="center",
    )
    for n in range(3)
]
ALL = Signal(at_s=60, action=ActionKind.ACKNOWLEDGE, by="ana", alert=0, others=(1, 2))


def test_one_group_is_taken_in_one_act(pack: RulePack) -> None:
    run = play([*LIGHTS, ALL], pack)
    assert {each.status for each in run.state.alerts} == {AlertStatus.ACKNOWLEDGED}
    assert {each.assignee for each in run.state.alerts} == {"ana"}
    assert len(told(run, "acknowledged")) == 3


def test_what_another_one_took_meanwhile_stays_that_ones_and_says_so(pack: RulePack) -> None:
    run = play([*LIGHTS, Signal(at_s=50, action=ActionKind.ACKNOWLEDGE, by="beto", alert=1), ALL], pack)
    assert [alert(run, n).assignee for n in range(3)] == ["ana", "beto", "ana"]
    (line,) = told(run, "refused")
    assert (line.alert_id, "beto" in line.detail_es) == (alert(run, 1).id, True)


def test_law_16_no_life_at_risk_is_taken_in_a_bundle(pack: RulePack) -> None:
    press = Signal(
        at_s=3, event="panic.alarm", source="panel-9", registered=False, east_m=9000.0, district="center"
    )
    run = play([*LIGHTS, press, Signal(at_s=60, action=ActionKind.ACKNOWLEDGE, alert=3, others=(0, 1))], pack)
    assert {each.status for each in run.state.alerts} == {AlertStatus.OPEN}
    run = play([*LIGHTS, press, Signal(at_s=60, action=ActionKind.ACKNOWLEDGE, alert=0, others=(1, 3))], pack)
    assert {each.status for each in run.state.alerts} == {AlertStatus.OPEN}
    assert "vida en riesgo" in told(run, "refused")[0].detail_es


def test_nor_what_is_of_another_group(pack: RulePack) -> None:
    elsewhere = Signal(
        at_s=4, event="suspicious.activity", source="cad:x", record="x", east_m=-9000.0, district="south"
    )
    run = play(
        [*LIGHTS, elsewhere, Signal(at_s=60, action=ActionKind.ACKNOWLEDGE, alert=0, others=(3,))], pack
    )
    assert {each.status for each in run.state.alerts} == {AlertStatus.OPEN}


# --- the end of a shift -----------------------------------------------------------------------------------------------

MINE = [Signal(at_s=50 + n, action=ActionKind.ACKNOWLEDGE, by="ana", alert=n) for n in (0, 1)]
OVER = Signal(
    at_s=70,
    action=ActionKind.HAND_OVER,
    by="ana",
    alert=9,
    others=(0, 1, 2),
    assignee="carla",
    reason="0 waits for the patrol, 1 for a call back",
)


def test_a_shift_is_handed_over_as_facts_of_the_log(pack: RulePack) -> None:
    run = play([*LIGHTS, *MINE, OVER], pack)
    assert [alert(run, n).assignee for n in range(3)] == ["carla"] * 3
    assert [each.status for each in sorted(run.state.alerts, key=lambda one: one.opened_ms)] == [
        AlertStatus.ACKNOWLEDGED,
        AlertStatus.ACKNOWLEDGED,
        AlertStatus.OPEN,
    ]
    assert len(told(run, "handed_over")) == 3
    (line,) = told(run, "shift_handed_over")
    assert line.alert_id.startswith("area:")
    assert line.detail_en.startswith("Shift handed over from ana to carla: 3 alerts; 0 stay")
    assert "patrol" in line.detail_es


def test_what_is_not_of_who_leaves_stays_where_it_is(pack: RulePack) -> None:
    other = Signal(at_s=55, action=ActionKind.ACKNOWLEDGE, by="beto", alert=2)
    shut = Signal(at_s=56, action=ActionKind.CLOSE, by="ana", alert=1, disposition=Disposition.TEST)
    run = play([*LIGHTS, *MINE, other, shut, OVER], pack)
    assert [alert(run, n).assignee for n in range(3)] == ["carla", "ana", "beto"]
    assert "1 alertas; 2 quedan" in told(run, "shift_handed_over")[0].detail_es


@pytest.mark.parametrize(
    "wrong", [{"assignee": None}, {"assignee": "ana"}, {"reason": " "}, {"others": (2,), "owner": "beto"}]
)
def test_without_somebody_a_reason_or_anything_open_nothing_is_handed_over(
    pack: RulePack, wrong: dict[str, object]
) -> None:
    mine = [*MINE, Signal(at_s=58, action=ActionKind.ACKNOWLEDGE, by="ana", alert=2)]
    run = play([*LIGHTS, *mine, msgspec.structs.replace(OVER, **wrong)], pack)
    assert {each.assignee for each in run.state.alerts} == {"ana"}
    assert len(told(run, "refused")) == 1


def test_a_supervisor_hands_over_for_who_is_gone(pack: RulePack) -> None:
    run = play([*LIGHTS, *MINE, msgspec.structs.replace(OVER, by="sup", owner="ana")], pack)
    assert alert(run).assignee == "carla"
    assert told(run, "handed_over")[0].actor == "sup"
