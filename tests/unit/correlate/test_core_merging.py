"""Merging hides nothing: what is muted is heard again as soon as life-safety is in it."""

from __future__ import annotations

import msgspec

from cior_core.attributes import MERGED_INTO
from cior_core.correlate.muting import HID
from cior_core.model import ActionKind, Alert, AlertStatus, AppendTransition, Level
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

BURGLARY = Signal(at_s=0, event="burglary.alarm", source="panel-1")
MUTED = Signal(at_s=5, action=ActionKind.SUPPRESS, alert=0, reason="works", for_s=3600.0)


def first(run: Run) -> Alert:
    return min(run.state.alerts, key=lambda alert: alert.opened_ms)


def kinds(run: Run) -> list[str]:
    return [effect.transition.kind for effect in run.effects if isinstance(effect, AppendTransition)]


def test_law_2_merging_a_life_safety_alert_into_a_muted_one_lifts_the_suppression(pack: RulePack) -> None:
    run = play(
        [
            BURGLARY,
            MUTED,
            Signal(at_s=10, event="panic.bus", source="bus-1", east_m=5000.0),
            Signal(at_s=20, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident"),
        ],
        pack,
    )
    assert first(run).life_safety
    assert first(run).suppression is None
    assert "suppression_lifted" in kinds(run)


def test_law_2_so_does_one_that_is_of_a_low_level(pack: RulePack) -> None:
    """A press of nobody known is life-safety and no P1: it is heard all the same, and the silence hid nothing of it."""
    press = Signal(at_s=10, event="panic.alarm", source="panel-9", registered=False, located=False)
    merge = Signal(at_s=20, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident")
    run = play([BURGLARY, MUTED, press, merge], pack)
    assert (first(run).life_safety, first(run).level is Level.P1) == (True, False)
    assert first(run).suppression is None
    assert HID not in {reason.code for reason in first(run).reasons}


def test_law_2_so_it_does_when_the_life_safety_event_itself_brings_the_merge(pack: RulePack) -> None:
    """A CAD record becomes life-safety and is merged into a muted one by its desk, in one step."""
    report = Signal(at_s=0, event="noise.complaint", source="cad:911", record="A")
    other = msgspec.structs.replace(report, at_s=10, record="B", east_m=5000.0)
    merged = msgspec.structs.replace(other, at_s=20, life_safety=True, attributes={MERGED_INTO: "A"})
    run = play([report, MUTED, other, merged], pack)
    assert [alert.status for alert in run.state.alerts].count(AlertStatus.MERGED) == 1
    assert first(run).life_safety
    assert first(run).suppression is None


def test_merging_what_is_no_life_safety_keeps_the_suppression(pack: RulePack) -> None:
    run = play(
        [
            BURGLARY,
            MUTED,
            Signal(at_s=10, event="burglary.alarm", source="panel-2", east_m=5000.0),
            Signal(at_s=20, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident"),
        ],
        pack,
    )
    assert first(run).suppression is not None
