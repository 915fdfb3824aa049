"""Whom commands go to: every command in any log names a target that whoever obeys can read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cior_core import bundled, rule_loading
from cior_core.model import IssueCommand, Target, TargetKind
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from cior_core.taxonomy import Taxonomy
from unit.correlate.histories import actions, events, play, ticks

RULES = Path(__file__).parents[3] / "streams" / "rules"
TO_POLICE = 'act = "notify", target = "team:police"'
ODD = st.sampled_from([{"block": " "}, {"block": 7}, {"cameras": ["", 7, "cam:1"]}, {"cameras": "cam-1"}])
odd_events = st.builds(
    lambda signal, attributes, source: Signal(
        at_s=signal.at_s, event=signal.event, source=source, attributes=attributes
    ),
    events,
    ODD,
    st.sampled_from([" ", "urn:x:bus-1", "bus-1"]),
)


@pytest.fixture(scope="module")
def asking_the_device() -> RulePack:
    """The default rules, but that what asked the police asks the pressing device: no default step does."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.toml"))}
    texts["protocols.toml"] = texts["protocols.toml"].replace(TO_POLICE, 'act = "notify", target = "subject"')
    return rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))


@settings(max_examples=150)
@given(signals=st.lists(st.one_of(events, odd_events, actions, ticks), min_size=1, max_size=10))
@example(
    signals=[
        Signal(at_s=0, event="panic.bus", source="bus-1", attributes={"block": "b-1", "cameras": ["c:1"]})
    ]
)
def test_every_command_in_the_log_names_a_target_that_can_be_read(
    asking_the_device: RulePack, signals: list[Signal]
) -> None:
    run = play(signals, asking_the_device)
    for effect in run.effects:
        if isinstance(effect, IssueCommand):
            assert str(Target.parse(effect.command.target)) == effect.command.target


def test_a_step_for_the_subject_asks_that_device_and_one_for_cameras_each_of_them(
    asking_the_device: RulePack,
) -> None:
    run = play(
        [Signal(at_s=0, event="gun.shooting", source="bus:1", attributes={"cameras": ["c-1", 7]})],
        asking_the_device,
    )
    asked = {Target.parse(each.command.target) for each in run.effects if isinstance(each, IssueCommand)}
    assert Target(kind=TargetKind.DEVICE, id="bus:1") in asked
    assert {each.id for each in asked if each.kind is TargetKind.CAMERA} == {"c-1", "7"}
