"""After the broker lost its log: what the store has open is open again, and people can act on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from cior_core.correlate import gate, initial, step
from cior_core.correlate.persist import entries, restore
from cior_core.correlate.state import State
from cior_core.errors import PayloadRejected
from cior_core.identity import item_id
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    ActionKind,
    Alert,
    AlertStatus,
    AppendTransition,
    Disposition,
    Effect,
    Item,
    RecallItem,
    TickItem,
    UpsertAlert,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from doubles.signing import KEY, SIGNER, STRANGER, opens, recalled
from unit.correlate.histories import play

SHOOTING = Signal(at_s=0, event="gun.shooting", source="cad:911", record="A")
PRESS = Signal(at_s=0, event="panic.bus", source="bus:12")
SILENT = Signal(at_s=0, event="silent.gbv", source="box:7")
TAKEN = Signal(at_s=5, action=ActionKind.ACKNOWLEDGE, by="ana")


def last(run: Run) -> Alert:
    (alert,) = run.state.alerts
    return alert


def recall(alert: Alert, *, at_ms: int | None = None) -> RecallItem:
    now_ms = alert.updated_ms + 60_000 if at_ms is None else at_ms
    return RecallItem(
        id=item_id("recall", alert.area, f"e:{alert.id}"), area=alert.area, at_ms=now_ms, alert=alert
    )


def act(alert: Alert, kind: ActionKind, n: int, **facts: Any) -> ActionItem:
    at_ms = alert.updated_ms + 120_000 + n
    action = Action(id=f"act-{n}", kind=kind, actor="eva", at_ms=at_ms, alert_id=alert.id, **facts)
    return ActionItem(
        id=item_id("action", DEFAULT_AREA, action.id), area=DEFAULT_AREA, at_ms=at_ms, action=action
    )


def stepped(pack: RulePack, items: Sequence[Item], state: State | None = None) -> tuple[State, list[Effect]]:
    state, told = state or initial(DEFAULT_AREA), list[Effect]()
    for item in items:
        state, effects = step(state, item, pack)
        told += effects
    return state, told


def shown(effects: Sequence[Effect]) -> list[Alert]:
    return [each.alert for each in effects if isinstance(each, UpsertAlert)]


def kinds(effects: Sequence[Effect]) -> list[str]:
    return [each.transition.kind for each in effects if isinstance(each, AppendTransition)]


@pytest.mark.parametrize(
    "story", [[SHOOTING], [SHOOTING, TAKEN], [PRESS], [SILENT]], ids=["shooting", "taken", "press", "silent"]
)
def test_law_16_what_nobody_closed_is_on_the_wall_again_as_it_was(
    story: list[Signal], pack: RulePack
) -> None:
    before = last(play(story, pack))
    _, effects = stepped(pack, [recall(before)])
    (after,) = shown(effects)
    differ = {name for name in Alert.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    assert differ == {"version", "updated_ms"}
    assert after.version == before.version + 1
    assert kinds(effects) == ["recalled"]


def test_law_13_an_act_on_a_recalled_alert_acts(pack: RulePack) -> None:
    before = last(play([SHOOTING], pack))
    state, effects = stepped(
        pack,
        [
            recall(before),
            act(before, ActionKind.ACKNOWLEDGE, 1, seen_version=before.version + 1),
            act(before, ActionKind.CLOSE, 2, disposition=Disposition.FALSE_ALARM),
        ],
    )
    assert [each.status for each in shown(effects)] == ["open", "acknowledged", "closed"]
    assert state.alerts[0].assignee == "eva"


def test_an_act_on_an_alert_that_nobody_recalled_is_told_to_be_impossible(pack: RulePack) -> None:
    before = last(play([SHOOTING], pack))
    _, effects = stepped(pack, [act(before, ActionKind.ACKNOWLEDGE, 1)])
    assert kinds(effects) == ["refused"]


def test_recalled_twice_or_by_a_sink_that_merely_started_again_is_recalled_once(pack: RulePack) -> None:
    run = play([SHOOTING, TAKEN], pack)
    state, effects = stepped(pack, [recall(last(run)), recall(last(run))])
    assert len(shown(effects)) == 1
    _, nothing = stepped(pack, [recall(last(run))], run.state)
    assert nothing == []
    older = last(play([SHOOTING], pack))
    assert stepped(pack, [recall(older)], state)[1] == []


@pytest.mark.parametrize("over", [AlertStatus.CLOSED, AlertStatus.MERGED])
def test_what_is_over_is_not_recalled(over: AlertStatus, pack: RulePack) -> None:
    alert = msgspec.structs.replace(last(play([SHOOTING], pack)), status=over)
    assert stepped(pack, [recall(alert)])[1] == []


def test_law_4_a_press_that_is_sent_again_meanwhile_counts_on_from_the_lost_version(pack: RulePack) -> None:
    """Its device had no answer. It rings anew, and no wall takes its states for older than the lost ones."""
    old = play([PRESS, TAKEN, Signal(at_s=9, action=ActionKind.NOTE, by="ana", reason="x")], pack)
    new = play([PRESS], pack)
    assert last(new).id == last(old).id
    assert last(new).version < last(old).version
    _, effects = stepped(pack, [recall(last(old))], new.state)
    (after,) = shown(effects)
    assert (after.version, after.status) == (last(old).version + 1, AlertStatus.OPEN)


def test_law_4_a_copy_of_its_press_joins_what_was_recalled(pack: RulePack) -> None:
    run = play([PRESS], pack)
    state, _ = stepped(pack, [recall(last(run)), *run.items[:1]])
    assert len(state.alerts) == 1
    assert len(state.alerts[0].members) == 1


def test_who_was_to_be_told_if_nobody_takes_it_is_told(pack: RulePack) -> None:
    before = last(play([SHOOTING], pack))
    due = [at_ms for _, at_ms in before.timers]
    assert due
    tick = TickItem(id="t", area=DEFAULT_AREA, at_ms=max(due) + 1)
    _, effects = stepped(pack, [recall(before), tick])
    assert "escalated" in kinds(effects)


def test_law_10_what_is_scored_again_after_a_recall_does_not_fall(pack: RulePack) -> None:
    before = last(play([SHOOTING], pack))
    state, _ = stepped(pack, [recall(before), act(before, ActionKind.CONFIRM, 1)])
    assert state.alerts[0].level.rank <= before.level.rank


def test_law_5_a_recalled_alert_is_restored_from_its_table_as_it_was(pack: RulePack) -> None:
    state, _ = stepped(pack, [recall(last(play([SHOOTING, TAKEN], pack)))])
    stored = {key: value for key, value in entries(initial(DEFAULT_AREA), state).items() if value is not None}
    assert restore(stored, pack).alerts == state.alerts


def taken(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, status=AlertStatus.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        (lambda told: told, "unsigned"),
        (lambda told: recalled(told, signer=SIGNER, key=KEY), "kind_not_allowed"),
        (lambda told: recalled(told, key=STRANGER), "signer_unknown"),
        (lambda told: msgspec.structs.replace(recalled(told), alert=taken(told.alert)), "signature"),
        (lambda told: msgspec.structs.replace(recalled(told), id="another"), "signature"),
        (lambda told: recalled(msgspec.structs.replace(told, area="other")), "altered"),
        (lambda told: msgspec.structs.replace(recalled(told), at_ms=told.at_ms + 30 * 86_400_000), "stale"),
    ],
    ids=["unsigned", "of a console", "of a stranger", "another status", "another id", "another area", "old"],
)
def test_law_13_only_who_owns_the_store_tells_what_was_open(
    forged: Callable[[RecallItem], RecallItem], code: str, pack: RulePack
) -> None:
    """Who may write to the waiting room cannot invent an alert that somebody has taken."""
    told = recall(last(play([SHOOTING], pack)))
    gate.admit(initial(DEFAULT_AREA), recalled(told), pack, opens=opens)
    later = msgspec.structs.replace(recalled(told), at_ms=told.at_ms + 60_000)
    gate.admit(initial(DEFAULT_AREA), later, pack, opens=opens)  # the door stamps it anew
    with pytest.raises(PayloadRejected, match=rf"action\.{code}"):
        gate.admit(initial(DEFAULT_AREA), forged(told), pack, opens=opens)
