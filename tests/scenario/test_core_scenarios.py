"""Plays every scenario of ``operations.toml`` under the default pack."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cior_core import correlate, rehearsal
from cior_core.correlate import initial, persist
from cior_core.model import DEFAULT_AREA, Effect
from cior_core.rules import RulePack
from cior_core.scenario import Scenario, Signal, Want
from cior_core.strict_toml import parse

FILE = Path(__file__).with_name("operations.toml")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scenario: tuple[Scenario, ...]


SCENARIOS = parse(FILE.read_text(encoding="utf-8"), _File, file=FILE.name).scenario


@pytest.mark.parametrize("play", SCENARIOS, ids=[play.title for play in SCENARIOS])
def test_what_the_operator_sees(play: Scenario, pack: RulePack) -> None:
    run = rehearsal.run(play, pack)
    assert run.failures == ()


@pytest.mark.parametrize("play", SCENARIOS, ids=[play.title for play in SCENARIOS])
def test_a_restart_after_every_item_changes_nothing(play: Scenario, pack: RulePack) -> None:
    """The same play with the state written to entries and read back after each item gives the same effects, byte for
    byte."""
    run = rehearsal.run(play, pack)
    states = {DEFAULT_AREA: initial(DEFAULT_AREA)}
    table: dict[str, bytes] = {}
    effects: list[Effect] = []
    for item in run.items:
        state = states[DEFAULT_AREA]
        effects.extend(correlate.play([item], pack, states=states))
        after = states[DEFAULT_AREA]
        for key, value in persist.entries(state, after).items():
            if value is None:
                del table[key]
            else:
                table[key] = value
        states[DEFAULT_AREA] = persist.restore(table, pack)
        assert states[DEFAULT_AREA] == after
    assert msgspec.json.encode(effects) == msgspec.json.encode(run.effects)


def test_a_scenario_that_is_wrong_says_what_it_saw(pack: RulePack) -> None:
    play = Scenario(
        signals=(Signal(at_s=0, event="panic.bus", source="bus-1"),),
        wants=(Want(by_s=1, alerts=2),),
    )
    assert rehearsal.run(play, pack).failures == ("by 1 s wanted alerts 2, saw 1",)
