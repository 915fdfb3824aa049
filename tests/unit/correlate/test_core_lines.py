"""Floods of presses of nobody known share one line; nothing of them is lost, and nothing that is known is in it."""

from __future__ import annotations

import msgspec
import pytest

from cior_core.model import ActionKind, Alert, AlertStatus, AppendTransition, DataClass, Level
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play


def invented(number: int, at_s: float, *, event: str = "panic.alarm", east_m: float | None = None) -> Signal:
    """A press of an account that nobody registered."""
    return Signal(
        at_s=at_s,
        event=event,
        source=f"panel-{number}",
        registered=False,
        located=east_m is not None,
        east_m=east_m or 0.0,
    )


def flood(count: int = 30, *, event: str = "panic.alarm") -> list[Signal]:
    return [invented(n, n * 0.1, event=event) for n in range(count)]


def shown(run: Run) -> list[Alert]:
    return sorted(
        (alert for alert in run.state.alerts if alert.status is not AlertStatus.MERGED),
        key=lambda alert: (alert.opened_ms, alert.id),
    )


def by_source(run: Run, source: str) -> Alert:
    [found] = [alert for alert in shown(run) if any(member.subject == source for member in alert.members)]
    return found


def kinds(run: Run) -> list[str]:
    return [effect.transition.kind for effect in run.effects if isinstance(effect, AppendTransition)]


def test_law_16_three_hundred_presses_of_invented_accounts_are_three_hundred_alerts_on_one_line(
    pack: RulePack,
) -> None:
    run = play(flood(300), pack)
    assert len(shown(run)) == 300
    assert len({alert.group for alert in shown(run)}) == 1
    assert all(alert.group for alert in shown(run)), "those before the rate was passed are in it too"


def test_law_16_nothing_is_demoted_for_coming_in_a_flood(pack: RulePack) -> None:
    alone = shown(play([invented(0, 0.0, event="panic.bus")], pack))[0]
    buses = [alert for alert in shown(play(flood(event="panic.bus"), pack)) if alert.members]
    assert len(buses) == 30
    for alert in buses:
        assert (alert.level, alert.score, alert.life_safety) == (alone.level, alone.score, alone.life_safety)
        assert alert.protocol == alone.protocol
        assert alert.level is Level.P1


@pytest.mark.parametrize(
    "known",
    [
        {"registered": True},
        {"attributes": {"authenticated": True}, "registered": False},
        {"registered": True, "data_class": DataClass.SEALED, "event": "silent.duress"},
    ],
    ids=["registered", "authenticated", "sealed and registered"],
)
@pytest.mark.parametrize("at_s", [0.05, 1.55, 9.0], ids=["before the rate", "in the flood", "after it"])
def test_law_16_a_press_that_is_known_never_joins_the_line(
    pack: RulePack, known: dict[str, object], at_s: float
) -> None:
    press = msgspec.structs.replace(
        Signal(at_s=at_s, event="panic.bus", source="bus-12", district="center"), **known
    )
    run = play([*flood(), press], pack)
    assert by_source(run, "bus-12").group == ""
    assert sum(not alert.group for alert in shown(run)) == 1


@pytest.mark.parametrize("near_m", [0.0, 60.0])
def test_law_16_a_known_press_at_the_place_of_the_flood_is_an_alert_of_its_own(
    pack: RulePack, near_m: float
) -> None:
    """Forged presses at the victim's corner must not swallow the victim's own."""
    corner = [invented(n, n * 0.1, event="panic.bus", east_m=n * 1000.0) for n in range(20)]
    real = Signal(at_s=9.0, event="panic.bus", source="bus-12", registered=True, east_m=3000.0 + near_m)
    run = play([*corner, real], pack)
    alert = by_source(run, "bus-12")
    assert len(alert.members) == 1
    assert alert.group == ""
    assert alert.links, "it says beside what it was pressed"


def test_law_16_what_desks_and_cameras_say_does_not_disappear_in_the_line(pack: RulePack) -> None:
    corner = [invented(n, n * 0.1, event="panic.bus", east_m=n * 1000.0) for n in range(20)]
    call = Signal(at_s=9.0, event="gun.shooting", source="911", record="C-1", registered=False, east_m=3000.0)
    camera = Signal(at_s=9.5, event="vision.person_down", source="cam-7", east_m=7000.0)
    run = play([*corner, call, camera], pack)
    assert by_source(run, "911").group == ""
    assert by_source(run, "cam-7").group == ""


def test_hundreds_of_calls_of_one_desk_share_no_line(pack: RulePack) -> None:
    calls = [
        Signal(
            at_s=n * 0.1, event="gun.shooting", source="911", record=f"C-{n}", registered=False, located=False
        )
        for n in range(40)
    ]
    assert {alert.group for alert in shown(play(calls, pack))} == {""}


def test_bytes_that_nobody_can_read_share_a_line_too(pack: RulePack) -> None:
    """Garbage on a life-safety line is life-safety until it is read: a flood of it must not fill the wall."""
    run = play(
        [msgspec.structs.replace(s, record=f"r-{s.source}") for s in flood(event="source.undecoded")], pack
    )
    assert len(shown(run)) == 30
    assert len({alert.group or alert.id for alert in shown(run)}) == 1


def test_drills_silent_alerts_and_the_real_thing_never_share_a_line(pack: RulePack) -> None:
    loud = flood(12)
    drill = [msgspec.structs.replace(s, source=f"d-{s.source}", drill=True) for s in flood(12)]
    silent = [msgspec.structs.replace(s, source=f"s-{s.source}", event="silent.duress") for s in flood(12)]
    run = play([*loud, *drill, *silent], pack)
    of_group: dict[str, set[tuple[bool, bool]]] = {}
    for alert in shown(run):
        of_group.setdefault(alert.group, set()).add((alert.drill, alert.silent))
    assert "" not in of_group
    assert sorted(len(each) for each in of_group.values()) == [1, 1, 1]


def test_a_flood_after_a_quiet_time_is_another_line(pack: RulePack) -> None:
    later = [msgspec.structs.replace(s, source=f"l-{s.source}", at_s=s.at_s + 3600) for s in flood(15)]
    run = play([*flood(15), *later], pack)
    assert len({alert.group for alert in shown(run)}) == 2


@pytest.mark.parametrize("kind", [ActionKind.UNMERGE, ActionKind.CONFIRM])
def test_an_operator_takes_an_alert_out_of_the_line_and_nothing_else_of_it_changes(
    pack: RulePack, kind: ActionKind
) -> None:
    out = Signal(at_s=9.0, action=kind, alert=3)
    before, run = (
        play(flood(), pack),
        play([*flood(), out, *[invented(n, 10.0 + n) for n in range(50, 70)]], pack),
    )
    was, now = shown(before)[3], next(a for a in run.state.alerts if a.id == shown(before)[3].id)
    assert was.group
    assert now.group == ""
    assert (now.level.rank <= was.level.rank, now.status, now.members) == (True, was.status, was.members)
    assert "line.shared" not in {reason.code for reason in now.reasons}
    assert kinds(run).count("line_left") == 1
    assert sum(not alert.group for alert in shown(run)) == 1, "the rest stays, and it is not taken in again"


def test_what_was_just_taken_out_of_a_line_is_not_put_into_it_by_the_next_presses(pack: RulePack) -> None:
    """The last of the flood, which the line counts among its recent ones."""
    out = Signal(at_s=3.0, action=ActionKind.CONFIRM, alert=29)
    run = play([*flood(), out, *[invented(n, n * 0.1) for n in range(31, 34)]], pack)
    assert [alert.members[0].subject for alert in shown(run) if not alert.group] == ["panel-29"]
    assert len(shown(run)) == 33


def test_an_alert_that_a_known_one_is_merged_into_leaves_the_line(pack: RulePack) -> None:
    known = Signal(at_s=8.0, event="panic.bus", source="bus-12", registered=True, east_m=9000.0)
    merge = Signal(at_s=9.0, action=ActionKind.MERGE, alert=2, others=(30,), reason="one incident")
    run = play([*flood(), known, merge], pack)
    assert by_source(run, "bus-12").group == ""


def test_who_attends_an_alert_keeps_it_out_of_a_line_that_begins_later(pack: RulePack) -> None:
    run = play(
        [
            invented(99, 0.0),
            Signal(at_s=1.0, action=ActionKind.ACKNOWLEDGE, alert=0),
            *[invented(n, 2.0 + n) for n in range(20)],
        ],
        pack,
    )
    assert by_source(run, "panel-99").group == ""


def test_law_16_a_copy_that_shows_the_key_takes_the_alert_out_of_the_line(pack: RulePack) -> None:
    """A panel whose clock is off is refused and sends its press again, in time: the same press, now proven."""
    first = msgspec.structs.replace(invented(99, 1.0), id="press-1")
    again = msgspec.structs.replace(first, attributes={"authenticated": True})
    copies = [msgspec.structs.replace(first, at_s=0.55), msgspec.structs.replace(again, at_s=6.0, ago_s=5.45)]
    run = play([*flood(), *copies], pack)
    assert by_source(run, "panel-99").group == ""
    assert len(shown(run)) == 31


# --- a whole line, taken in one go ------------------------------------------------------------------------------------


def taken(numbers: range, *, of: int = 0) -> list[Signal]:
    """One act for each of these alerts, each as one of the line that alert number ``of`` is in."""
    return [
        Signal(at_s=60 + n / 100, action=ActionKind.ACKNOWLEDGE, by="ana", alert=n, line=of) for n in numbers
    ]


def test_a_whole_line_is_taken_by_one_act_for_each_and_the_next_press_waits_in_it(pack: RulePack) -> None:
    run = play([*flood(20), *taken(range(20)), invented(99, 61.0)], pack)
    by_status = sorted((alert.status.value, alert.assignee) for alert in shown(run) if alert.assignee)
    assert by_status == [("acknowledged", "ana")] * 20
    assert by_source(run, "panel-99").status is AlertStatus.OPEN, "who acts takes what was on the screen"
    assert kinds(run).count("acknowledged") == 20


def test_law_16_a_press_that_proved_whose_it_is_is_not_taken_with_the_line(pack: RulePack) -> None:
    """It proved it after the page was drawn: the act says which line was seen, and the press is in it no more."""
    first = msgspec.structs.replace(invented(99, 1.0), id="press-1")
    proof = msgspec.structs.replace(first, at_s=6.0, ago_s=5.0, attributes={"authenticated": True})
    assert by_source(play([*flood(), first], pack), "panel-99").group, "until then it is in the line"
    run = play([*flood(), first, proof, *taken(range(31))], pack)
    assert by_source(run, "panel-99").status is AlertStatus.OPEN
    assert sum(alert.status is AlertStatus.ACKNOWLEDGED for alert in shown(run)) == 30


def test_law_16_nothing_that_was_never_in_the_line_is_taken_with_it(pack: RulePack) -> None:
    known = Signal(at_s=9.0, event="panic.bus", source="bus-12", registered=True, district="center")
    run = play([*flood(), known, *taken(range(31))], pack)
    assert by_source(run, "bus-12").status is AlertStatus.OPEN
    [refused] = [
        effect.transition
        for effect in run.effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == "refused"
    ]
    assert "vida en riesgo" in refused.detail_es


def test_silent_presses_of_a_line_are_taken_one_by_one(pack: RulePack) -> None:
    run = play([*flood(12, event="silent.duress"), *taken(range(12))], pack)
    assert {alert.status for alert in shown(run)} == {AlertStatus.OPEN}


def test_of_a_line_that_two_take_each_alert_is_whose_act_came_first(pack: RulePack) -> None:
    first = Signal(at_s=59.0, action=ActionKind.ACKNOWLEDGE, by="beto", alert=3)
    run = play([*flood(12), first, *taken(range(12))], pack)
    assert sorted(alert.assignee or "" for alert in shown(run)) == ["ana"] * 11 + ["beto"]
