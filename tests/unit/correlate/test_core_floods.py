"""Many devices fall silent at once: one alert, whatever their number; nothing of it is final, and no press is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cior_core.model import (
    ActionKind,
    Alert,
    AlertStatus,
    AppendTransition,
    Effect,
    Phase,
    Reason,
    UpsertAlert,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play


def silent(number: int, *, at_s: float, drill: bool = False) -> Signal:
    return Signal(
        at_s=at_s, event="source.silent", source=f"bus-{number}", east_m=number * 700.0, drill=drill
    )


def shown(run: Run) -> list[Alert]:
    return [alert for alert in run.state.alerts if alert.status is not AlertStatus.MERGED]


def flood_of(run: Run) -> Alert:
    [flood] = [alert for alert in shown(run) if alert.type == "source.outage"]
    return flood


def said_in(effects: Iterable[Effect]) -> Iterator[Reason]:
    for effect in effects:
        if isinstance(effect, UpsertAlert):
            yield from effect.alert.reasons
        elif isinstance(effect, AppendTransition):
            yield from effect.transition.reasons


def test_three_hundred_silent_vehicles_are_one_alert_that_names_two_hundred_and_counts_all(
    pack: RulePack,
) -> None:
    run = play([silent(n, at_s=n * 0.2) for n in range(300)], pack)
    [flood] = shown(run)
    assert flood.type == "source.outage"
    assert len(flood.members) == 200
    [count] = [reason for reason in flood.reasons if reason.code == "flood.count"]
    assert count.text_es == "Ya son 300 equipos."
    assert len(flood.reasons) < 10, "a screen must be able to show why"


def test_law_9_no_reason_and_no_line_of_story_names_a_device(pack: RulePack) -> None:
    """Reasons stand on the wall, where no subject may be read: a vehicle is its driver, a button its owner."""
    signals = [silent(n, at_s=float(n)) for n in range(9)]
    signals += [
        Signal(at_s=20.0 + n, event="panic.bus", source=f"bus-{n}", east_m=n * 700.0) for n in range(9)
    ]
    run = play(signals, pack)
    texts = {text for reason in said_in(run.effects) for text in (reason.text_es, reason.text_en)}
    texts |= {
        text
        for effect in run.effects
        if isinstance(effect, AppendTransition)
        for text in (effect.transition.detail_es, effect.transition.detail_en)
    }
    assert len(texts) > 5
    assert [text for text in texts if "bus-" in text] == []


def test_what_falls_silent_long_after_an_outage_began_is_not_hidden_in_it(pack: RulePack) -> None:
    """Vehicles that leave service one by one all day must not feed one alert for ever."""
    run = play(
        [silent(n, at_s=n * 170.0) for n in range(4)] + [silent(n, at_s=600.0 + n) for n in range(4, 60)],
        pack,
    )
    types = [str(alert.type) for alert in shown(run)]
    assert types.count("source.outage") == 1
    trickle = [silent(100 + n, at_s=700.0 + n * 170.0) for n in range(20)]
    later = play([*(silent(n, at_s=600.0 + n) for n in range(6)), *trickle], pack)
    inside = flood_of(later).members
    assert max(member.occurred_ms for member in inside) - flood_of(later).opened_ms <= 1_800_000
    assert sum(alert.type == "source.silent" for alert in shown(later)) == 26 - len(inside)


def test_one_device_that_falls_silent_again_and_again_is_no_flood(pack: RulePack) -> None:
    run = play([silent(1, at_s=n * 20.0) for n in range(9)], pack)
    assert {alert.type for alert in shown(run)} == {"source.silent"}


def test_a_drill_does_not_complete_the_number_of_the_city(pack: RulePack) -> None:
    run = play([silent(n, at_s=n * 5.0, drill=n % 2 == 0) for n in range(8)], pack)
    assert {alert.type for alert in shown(run)} == {"source.silent"}


def test_a_second_outage_hours_later_is_an_alert_of_its_own(pack: RulePack) -> None:
    waves = [silent(100 * wave + n, at_s=wave * 7200.0 + n) for wave in range(2) for n in range(6)]
    assert [alert.type for alert in shown(play(waves, pack))] == ["source.outage"] * 2


def test_what_the_rule_took_in_a_person_can_take_out_again(pack: RulePack) -> None:
    signals = [silent(n, at_s=float(n)) for n in range(6)]
    merged = play(signals, pack)
    assert len(flood_of(merged).members) == 6
    again = play([*signals, Signal(at_s=60, action=ActionKind.UNMERGE, alert=4, others=(0,))], pack)
    assert len(flood_of(again).members) == 5
    assert [alert.type for alert in shown(again) if alert.type != "source.outage"] == ["source.silent"]


def test_each_device_that_returns_is_told_in_the_alert_that_holds_it(pack: RulePack) -> None:
    back = [
        Signal(
            at_s=100.0 + n,
            event="source.restored",
            source=f"bus-{n}",
            east_m=n * 700.0,
            phase=Phase.RESTORE,
        )
        for n in range(60)
    ]
    run = play([*(silent(n, at_s=float(n)) for n in range(60)), *back], pack)
    [flood] = shown(run)
    assert sum(member.phase is Phase.RESTORE for member in flood.members) == 60
