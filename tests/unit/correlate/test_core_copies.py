"""The same id again: a copy while its alert is open, a new fact that rings after it was closed (law 14)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.correlate.copies import REPEATED
from cior_core.model import (
    ActionKind,
    Alert,
    AlertStatus,
    AppendTransition,
    DataClass,
    Disposition,
    EventId,
    IssueCommand,
    Phase,
    RawId,
    RawPointer,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import START_MS, Signal, make_event
from doubles.desk import Desk
from unit.correlate.histories import play

CLOSE = Signal(at_s=10, action=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM)
SEALED = {"data_class": DataClass.SEALED, "district": "center"}


def press(at_s: float, event: str = "panic.bus", **facts: Any) -> Signal:
    """The same press, whenever it comes: one id, one time that its device says."""
    values: dict[str, Any] = {
        "at_s": at_s,
        "event": event,
        "source": "bus-1",
        "id": "p-1",
        "ago_s": at_s,
        **facts,
    }
    return Signal(**values)


def alerts(run: Run) -> list[Alert]:
    return sorted(run.state.alerts, key=lambda alert: (alert.opened_ms, alert.id))


def kinds(run: Run) -> list[str]:
    return [effect.transition.kind for effect in run.effects if isinstance(effect, AppendTransition)]


def commands(run: Run, alert: Alert) -> list[str]:
    issued = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    return sorted(f"{each.kind}/{each.target}" for each in issued if each.alert_id == alert.id)


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        ("panic.bus", {}),
        ("panic.alarm", {"registered": False, "located": False}),
        ("fire.alarm", {}),
        ("silent.duress", SEALED),
        ("silent.gbv", SEALED),
        ("source.undecoded", {"life_safety": True}),
    ],
)
@pytest.mark.parametrize("after_s", [1, 600, 20 * 3600], ids=["at once", "minutes", "hours"])
def test_law_14_the_same_id_after_its_alert_was_closed_rings_and_says_so(
    pack: RulePack, event: str, facts: dict[str, object], after_s: float
) -> None:
    run = play([press(0, event, **facts), CLOSE, press(10 + after_s, event, **facts)], pack)
    closed, rung = alerts(run)
    assert (closed.status, rung.status) == (AlertStatus.CLOSED, AlertStatus.OPEN)
    assert (rung.level, rung.type, rung.protocol) == (closed.level, closed.type, closed.protocol)
    assert closed.id in rung.links
    assert REPEATED in {reason.code for reason in rung.reasons}
    [told] = [
        effect.transition
        for effect in run.effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == "repeated_after_closing"
    ]
    assert told.alert_id == rung.id
    assert "Repetida después del cierre" in told.detail_es
    assert "Repeated after closing" in told.detail_en


def test_law_14_it_rings_as_loud_as_the_first_time(pack: RulePack) -> None:
    """A late press is told to nobody by siren; this one is not late, whatever its old time says. (What only the first
    one has: its siren went off, and its sender heard that it was closed.)
    """
    block = {"attributes": {"block": "b-1", "siren": True}}
    run = play([press(0, "panic.community", **block), CLOSE, press(4000, "panic.community", **block)], pack)
    first, rung = alerts(run)
    asked = commands(run, first)
    assert any(each.startswith("siren_on") for each in asked)
    ended = {each for each in asked if each.startswith(("siren_off", "notify/device"))}
    assert commands(run, rung) == [each for each in asked if each not in ended]
    assert not any(reason.code == "late" for reason in rung.reasons)


def test_law_14_a_closed_alert_that_is_forgotten_is_not_what_the_press_comes_back_to(pack: RulePack) -> None:
    """Closed alerts are remembered for a day, ids for three: the new alert has an id of its own."""
    forgetting = [Signal(at_s=30 * 3600 + n * 700, tick=True) for n in range(4)]
    run = play([press(0), CLOSE, *forgetting, press(40 * 3600)], pack)
    first = next(effect.alert.id for effect in run.effects if hasattr(effect, "alert"))
    [rung] = run.state.alerts
    assert rung.status is AlertStatus.OPEN
    assert rung.id != first
    assert rung.links == (first,)


def test_the_honest_retransmission_of_one_press_is_one_alert(pack: RulePack) -> None:
    run = play([press(n * 2.5) for n in range(40)], pack)
    [alert] = run.state.alerts
    assert len(alert.members) == 1
    assert kinds(run).count("opened") == 1
    assert "repeated_after_closing" not in kinds(run)


def test_law_14_a_flood_of_replays_is_one_alert_that_says_how_many(pack: RulePack) -> None:
    run = play([press(0), CLOSE, *(press(20 + n * 0.1) for n in range(1000))], pack)
    closed, rung = alerts(run)
    assert closed.status is AlertStatus.CLOSED
    assert len(rung.members) == 1
    assert kinds(run).count("repeated_after_closing") == 1
    assert kinds(run).count("repeated_again") == 9, "told at 2, 4, 8 ... 512"
    assert len(kinds(run)) < 40


def test_law_14_thirty_presses_of_one_device_played_back_are_one_alert(pack: RulePack) -> None:
    """Each is an id of its own; all are of one device, and open one more alert together."""
    recorded = [press(n * 0.1, id=f"p-{n}", ago_s=n * 0.1) for n in range(30)]
    replayed = [press(20 + n * 0.1, id=f"p-{n}", ago_s=20.0) for n in range(30)]
    run = play([*recorded, CLOSE, *replayed], pack)
    closed, rung = alerts(run)
    assert (closed.status, rung.status) == (AlertStatus.CLOSED, AlertStatus.OPEN)
    assert len(rung.members) == 30
    assert [reason.code for reason in rung.reasons].count(REPEATED) == 1


def test_law_14_what_rings_again_and_is_closed_again_rings_once_more(pack: RulePack) -> None:
    close_second = Signal(at_s=30, action=ActionKind.CLOSE, alert=1, disposition=Disposition.FALSE_ALARM)
    run = play([press(0), CLOSE, press(20), close_second, press(40), press(41)], pack)
    first, second, third = alerts(run)
    assert [alert.status for alert in (first, second, third)] == [
        AlertStatus.CLOSED,
        AlertStatus.CLOSED,
        AlertStatus.OPEN,
    ]
    assert second.id in third.links


def test_law_14_a_forged_copy_with_other_facts_after_closing_rings_each_time_it_is_closed(
    pack: RulePack,
) -> None:
    close_second = Signal(at_s=30, action=ActionKind.CLOSE, alert=1, disposition=Disposition.FALSE_ALARM)
    forged: dict[str, Any] = {"east_m": 40.0}
    run = play([press(0), CLOSE, press(20, **forged), close_second, press(40, **forged)], pack)
    assert len(alerts(run)) == 3
    assert alerts(run)[-1].status is AlertStatus.OPEN


def test_law_14_a_press_from_before_the_closing_that_its_closer_did_not_know_rings(pack: RulePack) -> None:
    """Another id of the same device, and older than the closing: the press that a forgery ran ahead of."""
    run = play([press(0), CLOSE, press(20, id="p-2", ago_s=15.0)], pack)
    assert [alert.status for alert in alerts(run)] == [AlertStatus.CLOSED, AlertStatus.OPEN]


@pytest.mark.parametrize(
    ("event", "facts"), [("panic.bus", {}), ("silent.gbv", SEALED), ("panic.bus", {"registered": True})]
)
def test_law_14_what_a_source_recovers_from_its_history_is_told_and_does_not_ring(
    pack: RulePack, event: str, facts: dict[str, object]
) -> None:
    """Each reconciliation reads the same hours again."""
    overlaps = [press(60 * n, event, recovered=True, **facts) for n in range(1, 30)]
    run = play([press(0, event, **facts), CLOSE, *overlaps], pack)
    [alert] = run.state.alerts
    assert alert.status is AlertStatus.CLOSED
    assert kinds(run).count("recovered_copy") == 1
    assert kinds(run).count("opened") == 1


def test_law_14_a_press_that_only_the_history_knows_rings_and_says_where_it_comes_from(
    pack: RulePack,
) -> None:
    run = play([press(20, recovered=True)], pack)
    [alert] = run.state.alerts
    assert alert.status is AlertStatus.OPEN
    assert "recovered" in kinds(run)


def test_a_recovered_press_of_an_alert_that_was_just_closed_joins_it(pack: RulePack) -> None:
    run = play([press(0), CLOSE, press(20, id="p-2", ago_s=15.0, recovered=True)], pack)
    [alert] = run.state.alerts
    assert (alert.status, len(alert.members)) == (AlertStatus.CLOSED, 2)
    assert "recovered" in kinds(run)


def test_after_a_recovered_copy_a_live_one_still_rings(pack: RulePack) -> None:
    run = play([press(0), CLOSE, press(60, recovered=True), press(120)], pack)
    assert [alert.status for alert in alerts(run)] == [AlertStatus.CLOSED, AlertStatus.OPEN]


@pytest.mark.parametrize(
    "second",
    [
        press(20, "noise.complaint"),
        press(20, phase=Phase.RESTORE),
        press(20, phase=Phase.TEST),
    ],
    ids=["not life-safety", "a restore", "a test"],
)
def test_what_calls_for_no_help_is_a_copy_as_before(pack: RulePack, second: Signal) -> None:
    first = msgspec.structs.replace(second, at_s=0.0, ago_s=0.0)
    run = play([first, press(1, id="p-9", ago_s=0.0), CLOSE, second], pack)
    assert "repeated_after_closing" not in kinds(run)
    assert sum(alert.status is AlertStatus.OPEN for alert in run.state.alerts) <= 1


def test_law_4_our_own_log_told_twice_after_the_closing_changes_nothing(pack: RulePack) -> None:
    """A worker that restarts reads what it had not committed: the same receipts, not new ones."""
    desk = Desk(pack)
    first = msgspec.structs.replace(
        make_event(press(0)), raw=RawPointer(raw_id=RawId("11111111-1111-8"), sha256="00")
    )
    copy = msgspec.structs.replace(
        first, received_ms=START_MS + 3_000, raw=RawPointer(raw_id=RawId("22222222-2222-8"), sha256="00")
    )
    desk.hear([first, copy])
    desk.close(at_ms=START_MS + 10_000)
    before = len(desk.effects)
    desk.hear([first, copy])
    assert len(desk.effects) == before
    assert not desk.open


def test_law_14_a_copy_received_before_the_closing_and_held_up_in_a_spool_does_not_ring(
    pack: RulePack,
) -> None:
    desk = Desk(pack)
    first = make_event(press(0))
    held_up = msgspec.structs.replace(first, received_ms=START_MS + 2_000)
    desk.hear(first)
    desk.close(at_ms=START_MS + 10_000)
    desk.hear(held_up)
    assert not desk.open
    assert desk.told.count("recovered_copy") == 1


def test_the_alert_of_a_repeated_press_names_an_event_of_its_own(pack: RulePack) -> None:
    run = play([press(0), CLOSE, press(20)], pack)
    closed, rung = alerts(run)
    [member] = rung.members
    assert member.event_id.startswith(f"{closed.members[0].event_id}~")
    assert member.occurred_ms == START_MS + 20_000
    assert EventId(closed.members[0].event_id) not in {each.event_id for each in rung.members}
