"""Protocols that run: sirens go off whatever became of their alert, and an alert keeps the protocol it started with."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path

import msgspec
import pytest

from cior_core import correlate, rule_loading
from cior_core.correlate import State, initial, persist
from cior_core.model import (
    DEFAULT_AREA,
    ActionKind,
    AppendTransition,
    Command,
    CommandKind,
    Disposition,
    Effect,
    IssueCommand,
    Item,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

RULES = Path(__file__).parents[3] / "streams" / "rules"
PRESS = Signal(at_s=0, event="panic.community", source="fob-1", attributes={"block": "b-1"})
AUTO_OFF_S = 180


def commands(effects: tuple[Effect, ...], kind: CommandKind) -> list[Command]:
    return [
        effect.command
        for effect in effects
        if isinstance(effect, IssueCommand) and effect.command.kind is kind
    ]


def test_the_siren_of_a_merged_alert_goes_off(pack: RulePack) -> None:
    run = play(
        [
            Signal(at_s=0, event="gun.shooting", source="caller-1", east_m=5000.0),
            msgspec.structs.replace(PRESS, at_s=1),
            Signal(at_s=10, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident"),
            Signal(at_s=AUTO_OFF_S + 2, tick=True),
        ],
        pack,
    )
    (on,) = commands(run.effects, CommandKind.SIREN_ON)
    (off,) = commands(run.effects, CommandKind.SIREN_OFF)
    assert (off.target, off.alert_id) == (on.target, on.alert_id)


@pytest.fixture
def forgetful(pack: RulePack) -> RulePack:
    """The default rules, but that closed alerts are forgotten after a second."""
    other = copy(pack)
    other.suppress = msgspec.structs.replace(pack.suppress, forget_closed_h=1 / 3600)
    return other


CLOSED = Signal(at_s=5, action=ActionKind.CLOSE, alert=0, disposition=Disposition.CONFIRMED)


def test_a_closed_alert_is_remembered_while_its_siren_sounds(forgetful: RulePack) -> None:
    story = [PRESS, CLOSED, Signal(at_s=60, tick=True)]
    assert len(play(story, forgetful).state.cases) == 1
    story += [Signal(at_s=AUTO_OFF_S + 1, tick=True)]
    run = play(story, forgetful)
    assert len(commands(run.effects, CommandKind.SIREN_OFF)) == 1
    assert len(play([*story, Signal(at_s=2000, tick=True)], forgetful).state.cases) == 0


def test_so_is_what_absorbed_it_and_both_go_together(forgetful: RulePack) -> None:
    story = [
        Signal(at_s=0, event="gun.shooting", source="caller-1", east_m=5000.0),
        msgspec.structs.replace(PRESS, at_s=1),
        Signal(at_s=2, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident"),
        CLOSED,
        Signal(at_s=60, tick=True),
    ]
    assert len(play(story, forgetful).state.cases) == 2
    run = play([*story, Signal(at_s=AUTO_OFF_S + 2, tick=True), Signal(at_s=2000, tick=True)], forgetful)
    assert len(commands(run.effects, CommandKind.SIREN_OFF)) == 1
    assert len(run.state.cases) == 0


# --- a protocol that changes while an alert runs ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rewritten(pack: RulePack) -> RulePack:
    """The default rules with the next version of every protocol: another team is told of what nobody acknowledges."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.toml")}
    found = texts["protocols.toml"].replace(
        'id = "escalate_ack", act = "notify", target = "team:supervisor"',
        'id = "escalate_ack", act = "notify", target = "team:night_desk"',
    )
    found = found.replace('target = "team:municipal_guard"', 'target = "team:night_guard"')
    for version in (9, 8, 7, 6, 5, 4, 3, 2, 1):
        found = found.replace(f"\nversion = {version}\n", f"\nversion = {version + 1}\n")
    return rule_loading.load({**texts, "protocols.toml": found}, types=pack.types)


def after(state: State, items: list[Item], rules: RulePack) -> tuple[State, tuple[Effect, ...]]:
    states = {DEFAULT_AREA: state}
    effects = tuple(correlate.play(items, rules, states=states))
    return states[DEFAULT_AREA], effects


def stored(state: State) -> dict[str, bytes]:
    written = persist.entries(initial(DEFAULT_AREA), state)
    return {key: value for key, value in written.items() if value is not None}


ESCALATED = [PRESS, Signal(at_s=61, tick=True)]
AGAIN = [PRESS, Signal(at_s=30, event="panic.community", source="fob-2", attributes={"block": "b-2"})]


def split(signals: list[Signal], pack: RulePack) -> tuple[State, list[Item]]:
    """The state after the first signal, under the rules of then, and the items that follow."""
    first, *rest = play(signals, pack).items
    return after(initial(DEFAULT_AREA), [first], pack)[0], rest


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_an_alert_keeps_the_protocol_that_it_started_with(
    pack: RulePack, rewritten: RulePack, restarted: bool
) -> None:
    began, rest = split(ESCALATED, pack)
    if restarted:
        began = persist.restore(stored(began), rewritten)
    ended, effects = after(began, rest, rewritten)
    deputy, told = commands(effects, CommandKind.NOTIFY)
    assert (deputy.step, deputy.target) == ("escalate_deputy", "team:municipal_guard/deputy")
    assert (told.step, told.target) == ("escalate_ack", "team:supervisor")
    (alert,) = ended.alerts
    assert alert.protocol_version == pack.protocols["panic.community"].version
    _, line = (
        effect.transition
        for effect in effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == "escalated"
    )
    assert line.reasons[0].rule_version == alert.protocol_version


def test_so_do_the_steps_for_those_who_join_it_later(pack: RulePack, rewritten: RulePack) -> None:
    """The second fob's block is told as the first one's was, and the guard is not asked a second time under a new
    name.
    """
    began, rest = split(AGAIN, pack)
    _, effects = after(began, rest, rewritten)
    assert {told.target for told in commands(effects, CommandKind.NOTIFY)} == {"block:b-2"}


def test_a_new_alert_starts_the_new_version(pack: RulePack, rewritten: RulePack) -> None:
    began, _ = split(ESCALATED, pack)
    elsewhere = play([msgspec.structs.replace(PRESS, at_s=1, source="fob-9", east_m=6000.0)], pack).items
    ended, effects = after(began, list(elsewhere), rewritten)
    assert "team:night_guard" in {told.target for told in commands(effects, CommandKind.NOTIFY)}
    assert len({alert.protocol_version for alert in ended.alerts}) == 2


def test_what_an_earlier_release_stored_still_runs(pack: RulePack, rewritten: RulePack) -> None:
    """It kept the name of the version only: then the steps of today's book are all there is."""
    began, rest = split(ESCALATED, pack)
    earlier: Mapping[str, bytes] = {
        key: value for key, value in stored(began).items() if not key.startswith("protocol/")
    }
    assert len(earlier) < len(stored(began))
    _, effects = after(persist.restore(earlier, rewritten), rest, rewritten)
    assert [told.target for told in commands(effects, CommandKind.NOTIFY)] == [
        "team:municipal_guard/deputy",
        "team:night_desk",
    ]


def test_a_version_is_forgotten_with_the_last_alert_that_ran_it(forgetful: RulePack) -> None:
    run = play([PRESS, CLOSED, Signal(at_s=2000, tick=True)], forgetful)
    assert len(run.state.protocols) == 0
