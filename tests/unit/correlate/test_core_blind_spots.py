"""A sealed device that does not report is a blind spot of its district, and no alert has its name (law 17)."""

from __future__ import annotations

from cior_core.model import Alert, DataClass
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

NAMES = tuple(f"p-{n:032x}" for n in range(3))


def _silent(n: int, at_s: float, *, event: str = "source.silent") -> Signal:
    return Signal(at_s=at_s, event=event, source=NAMES[n], located=False, data_class=DataClass.SEALED)


def _alerts(run: Run) -> list[Alert]:
    return list(run.state.alerts)


def test_law_17_no_alert_has_the_name_under_which_a_sealed_device_is_missed(pack: RulePack) -> None:
    run = play([_silent(n, n * 20.0) for n in range(3)], pack)
    alerts = _alerts(run)
    assert len(alerts) == 1, "one word of the district, however many"
    assert len(alerts[0].members) == 3
    told = repr(alerts) + repr(run.effects)
    assert not any(repr(name) in told for name in NAMES)
    assert {member.subject for alert in alerts for member in alert.members} == {"sealed:unknown"}


def test_a_sealed_press_is_an_alert_of_its_own_beside_it(pack: RulePack) -> None:
    run = play([_silent(0, 0.0), _silent(1, 5.0, event="silent"), _silent(2, 6.0, event="silent")], pack)
    assert sorted(alert.type for alert in _alerts(run)) == ["silent", "silent", "source.silent"]
