"""What belongs together: time is widened by both clocks, declared or measured; a closed alert takes no new fact."""

from __future__ import annotations

import msgspec
import pytest

from cior_core import correlate
from cior_core.attributes import CLOCK_OFFSET
from cior_core.model import ActionKind, AlertStatus, AppendTransition, Disposition, EventItem, Phase
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play


def sizes(signals: list[Signal], pack: RulePack) -> list[int]:
    """How many events each alert holds, the largest first."""
    return sorted((len(alert.members) for alert in play(signals, pack).state.alerts), reverse=True)


def test_the_wider_window_of_two_types_holds(pack: RulePack) -> None:
    """A sensor's shot is kept together for 600 s, a shooting for 900 s: 700 s apart they are one incident."""
    shot, call = pack.types["gun.sound"], pack.types["gun.shooting"]
    assert shot.window_s < 700 < call.window_s
    heard = Signal(at_s=0, event="gun.sound", source="sensor-1")
    assert sizes([heard, Signal(at_s=700, event="gun.shooting", source="caller-1")], pack) == [2]
    assert sizes([heard, Signal(at_s=950, event="gun.shooting", source="caller-1")], pack) == [1, 1]


def test_a_clock_minutes_ahead_is_not_believed(pack: RulePack) -> None:
    """Sixteen minutes in the future is no instant: the event happened when it came, beside the call of that moment."""
    call = Signal(at_s=0, event="gun.shooting", source="caller-1")
    ahead = Signal(at_s=1, event="gun.shooting", source="caller-2", ago_s=-1000.0)
    assert sizes([call, ahead], pack) == [2]


def test_a_press_after_the_alert_was_closed_rings_again(pack: RulePack) -> None:
    """Within the grace of the closed alert, from the same button: it happened later, so it is a new call for help."""
    run = play(
        [
            Signal(at_s=0, event="panic.bus", source="bus-1"),
            Signal(at_s=10, action=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM),
            Signal(at_s=20, event="panic.bus", source="bus-1"),
        ],
        pack,
    )
    assert [alert.status for alert in sorted(run.state.alerts, key=lambda alert: alert.opened_ms)] == [
        AlertStatus.CLOSED,
        AlertStatus.OPEN,
    ]


def test_what_happened_after_the_closing_is_another_alert_be_it_no_press(pack: RulePack) -> None:
    """A burglar alarm's next signal within the grace of its closed alert: the operator closed what had happened."""
    run = play(
        [
            Signal(at_s=0, event="burglary.alarm", source="panel-1"),
            Signal(at_s=10, action=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM),
            Signal(at_s=20, event="burglary.alarm", source="panel-1"),
        ],
        pack,
    )
    assert sorted((alert.status, len(alert.members)) for alert in run.state.alerts) == [
        (AlertStatus.CLOSED, 1),
        (AlertStatus.OPEN, 1),
    ]


def test_a_desks_update_of_what_came_before_the_closing_joins_the_closed_alert(pack: RulePack) -> None:
    run = play(
        [
            Signal(at_s=0, event="panic.bus", source="bus-1"),
            Signal(at_s=10, action=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM),
            Signal(at_s=20, event="panic.bus", source="bus-1", ago_s=15.0, phase=Phase.UPDATE),
        ],
        pack,
    )
    assert [(alert.status, len(alert.members)) for alert in run.state.alerts] == [(AlertStatus.CLOSED, 2)]


@pytest.mark.parametrize(
    ("offset_s", "declared_s", "alerts"),
    [
        (None, None, [1, 1]),
        (80.0, None, [2]),
        (-80.0, None, [2]),
        (80.0, 0.5, [2]),
        (float("nan"), None, [1, 1]),
        (True, None, [1, 1]),
        ("80", None, [1, 1]),
    ],
    ids=["on time", "slow", "fast", "slow, though it declares half a second", "nan", "truth", "text"],
)
def test_a_measured_clock_offset_widens_the_window(
    pack: RulePack, offset_s: object, declared_s: float | None, alerts: list[int]
) -> None:
    """50 s more than the window lie between two calls; one device's clock was measured 80 s off."""
    assert pack.types["gun.shooting"].window_s == 900
    facts = {} if offset_s is None else {CLOCK_OFFSET: offset_s}
    signals = [
        Signal(at_s=0, event="gun.shooting", source="caller-1"),
        Signal(at_s=950, event="gun.shooting", source="cam-1", attributes=facts, clock_error_s=declared_s),
    ]
    assert sizes(signals, pack) == alerts


def test_the_widening_has_a_limit(pack: RulePack) -> None:
    call = Signal(at_s=0, event="gun.shooting", source="caller-1")
    late = Signal(at_s=1700, event="gun.shooting", source="cam-1", attributes={CLOCK_OFFSET: 86_400.0})
    assert pack.merge.error_limit_s == 600
    assert sizes([call, late], pack) == [1, 1]


def test_the_same_id_with_another_subject_is_no_copy(pack: RulePack) -> None:
    run = play([Signal(at_s=0, event="panic.bus", source="bus-1", id="press-1")], pack)
    (item,) = run.items
    assert isinstance(item, EventItem)
    forged = msgspec.structs.replace(item, event=msgspec.structs.replace(item.event, subject="bus-2"))
    effects = list(correlate.play([forged], pack, states={item.area: run.state}))
    assert "conflicting_copy" in {
        effect.transition.kind for effect in effects if isinstance(effect, AppendTransition)
    }


@pytest.mark.parametrize(("east_m", "nearest"), [(20.0, "first"), (180.0, "second"), (0.0, "first")])
def test_of_two_calls_of_an_alert_the_nearer_one_is_named(
    pack: RulePack, east_m: float, nearest: str
) -> None:
    """The place decides, not who came last; the reason that the operator reads names that call."""
    calls = [
        Signal(at_s=0, event="gun.shooting", source="caller-1", id="first"),
        Signal(at_s=5, event="gun.shooting", source="caller-2", id="second", east_m=200.0),
        Signal(at_s=9, event="gun.shooting", source="caller-3", id="third", east_m=east_m),
    ]
    run = play(calls, pack)
    (alert,) = run.state.alerts
    names = {
        item.event.id: call.id
        for item, call in zip(run.items, calls, strict=True)
        if isinstance(item, EventItem)
    }
    joined = [reason for reason in alert.reasons if reason.code == "merge.same_place"]
    assert [names[each] for each in joined[-1].events] == [nearest, "third"]


def test_who_is_too_far_from_one_call_of_an_alert_is_no_part_of_it(pack: RulePack) -> None:
    """Near the first, far from the second: well-placed events that are too far apart are never in one alert."""
    reach_m = pack.types["gun.shooting"].radius_m
    calls = [
        Signal(at_s=0, event="gun.shooting", source="caller-1"),
        Signal(at_s=5, event="gun.shooting", source="caller-2", east_m=reach_m * 0.9),
        Signal(at_s=9, event="gun.shooting", source="caller-3", east_m=-reach_m * 0.9),
    ]
    assert sizes(calls, pack) == [2, 1]
