"""A maintenance silence: what begins under it rings nobody and is counted; what may cost a life is as loud as ever."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.correlate import silences
from cior_core.model import (
    ActionKind,
    Alert,
    AppendTransition,
    Command,
    IssueCommand,
    Level,
    Phase,
    Silence,
    SilenceScope,
    Transition,
    UpsertSilence,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

HOUR_S = 3600.0
PANEL = SilenceScope(devices=("panel-1",))


def hush(
    at_s: float = 0, *, scope: SilenceScope | None = PANEL, for_s: float = HOUR_S, **more: Any
) -> Signal:
    values = {"id": "works", "reason": "recambio de sensor", "by": "ana"} | more
    return Signal(at_s=at_s, action=ActionKind.SILENCE, scope=scope, for_s=for_s, **values)


def noise(at_s: float = 10, source: str = "panel-1", **more: Any) -> Signal:
    return Signal(at_s=at_s, event=more.pop("event", "burglary.alarm"), source=source, **more)


def tick(at_s: float) -> Signal:
    return Signal(at_s=at_s, tick=True)


def told(run: Run) -> list[Command]:
    """What reached people."""
    commands = [effect.command for effect in run.effects if isinstance(effect, IssueCommand)]
    return [each for each in commands if each.kind.value in ("notify", "task")]


def story(run: Run, kind: str) -> list[Transition]:
    lines = [effect.transition for effect in run.effects if isinstance(effect, AppendTransition)]
    return [line for line in lines if line.kind == kind]


def silence(run: Run) -> Silence:
    """As it was told last."""
    return [effect.silence for effect in run.effects if isinstance(effect, UpsertSilence)][-1]


def alerts(run: Run) -> list[Alert]:
    return sorted(run.state.alerts, key=lambda alert: alert.opened_ms)


def test_what_begins_under_a_silence_is_muted_rings_nobody_and_is_counted(pack: RulePack) -> None:
    loud, run = play([noise()], pack), play([hush(), noise()], pack)
    assert told(loud), "the same alarm rings without a silence"
    [alert] = alerts(run)
    assert (alert.suppression is not None and alert.suppression.by) == "ana"
    assert alert.suppression is not None
    assert (alert.suppression.silence, told(run)) == ("works", [])
    assert (silence(run).hidden, silence(run).held_back) == ((alert.id,), len(told(loud)))
    assert story(run, "step_withheld")


NARROW = SilenceScope(devices=("panel-1",), types=("burglary.alarm",), districts=("centro",))


@pytest.mark.parametrize(
    ("what", "is_muted"),
    [
        (noise(district="centro", located=False), True),
        (noise(source="panel-2", district="centro", located=False), False),
        (noise(district="norte", located=False), False),
        (noise(located=False), False),
        (noise(event="noise.complaint", district="centro", located=False), False),
    ],
    ids=["all of it", "another device", "another district", "no district", "another type"],
)
def test_of_each_list_that_is_not_empty_one_must_fit(pack: RulePack, what: Signal, is_muted: bool) -> None:
    found = [alert.suppression is not None for alert in alerts(play([hush(scope=NARROW), what], pack))]
    assert found in ([is_muted], [])


GRAVE = {
    "a press": [noise(event="panic.community")],
    "a life-safety event of a common type": [noise(life_safety=True)],
    "silent": [noise(event="silent.gbv", district="centro", located=False)],
    "not readable": [noise(event="source.undecoded")],
    "of a type that nobody knows": [noise(event="vendor.unknown")],
}


@pytest.mark.parametrize("what", GRAVE, ids=str)
def test_law_2_never_what_may_cost_a_life(pack: RulePack, what: str) -> None:
    run = play([hush(), *GRAVE[what]], pack)
    assert [alert.suppression for alert in alerts(run)] == [None]
    assert silence(run).hidden == ()


def test_law_16_never_what_is_p1_of_whatever_type(pack: RulePack) -> None:
    kind = msgspec.structs.replace(pack.types["burglary.alarm"], level=Level.P1, life_safety=False)
    grave = RulePack.__new__(RulePack)
    grave.__dict__.update(pack.__dict__)
    grave.types = pack.types | {"burglary.alarm": kind}
    run = play([hush(), noise(registered=True)], grave)
    assert (alerts(run)[0].level, alerts(run)[0].suppression) == (Level.P1, None)


def test_law_2_life_at_risk_that_joins_a_muted_alert_makes_it_ring(pack: RulePack) -> None:
    run = play([hush(), noise(10), noise(40, life_safety=True)], pack)
    assert alerts(run)[0].suppression is None
    assert told(run)


def test_another_source_that_says_the_same_is_more_than_the_silence_is_for(pack: RulePack) -> None:
    run = play([hush(), noise(10), noise(40, "panel-2", east_m=20, event="burglary.alarm")], pack)
    [alert] = alerts(run)
    assert alert.suppression is None
    assert story(run, "suppression_lifted")[0].detail_es.startswith("Se suma algo")
    assert told(run), "what was held back rings now"


REFUSED = {
    "without a reason": (hush(reason=" "), "motivo"),
    "of nothing": (hush(scope=SilenceScope()), "qué se silencia"),
    "of a life-safety type": (hush(scope=SilenceScope(types=("panic.bus",))), "panic.bus"),
    "of a silent type": (hush(scope=SilenceScope(types=("silent.gbv",))), "silent.gbv"),
    "of a type that there is not": (hush(scope=SilenceScope(types=("burglary",))), "burglary"),
    "of a blank name": (hush(scope=SilenceScope(devices=(" ",))), "en blanco"),
    "for more than eight hours": (hush(for_s=8 * HOUR_S + 1), "8 h"),
    "for ever": (hush(for_s=0), "8 h"),
}


@pytest.mark.parametrize("how", REFUSED, ids=str)
def test_law_16_a_silence_is_refused_in_words(pack: RulePack, how: str) -> None:
    asked, why = REFUSED[how]
    run = play([asked, noise()], pack)
    assert alerts(run)[0].suppression is None
    [refused] = story(run, "refused")
    assert why in refused.detail_es


def test_an_early_end_says_who_and_what_still_waits_rings(pack: RulePack) -> None:
    end = Signal(at_s=600, action=ActionKind.UNSILENCE, silence="works", by="eva", reason="listo")
    run = play([hush(), noise(), end], pack)
    last = silence(run)
    assert (last.ending, last.ended_by, last.ended_ms is not None, last.hidden) == (
        "early",
        "eva",
        True,
        (alerts(run)[0].id,),
    )
    assert alerts(run)[0].suppression is None
    assert len(run.state.silences) == 0
    assert told(run)
    again = play([hush(), end, Signal(at_s=700, action=ActionKind.UNSILENCE, silence="works")], pack)
    assert "no está en vigor" in story(again, "refused")[0].detail_es


def test_it_expires_by_itself_and_who_was_not_told_is_told_with_new_timers(pack: RulePack) -> None:
    signals = [hush(), noise(), tick(1200), tick(HOUR_S - 1), tick(HOUR_S), tick(HOUR_S + 2000)]
    run = play(signals, pack)
    assert (silence(run).ending, alerts(run)[0].suppression) == ("expired", None)
    rung = [(each.target, (each.issued_ms - run.items[0].at_ms) // 1000) for each in told(run)]
    loud = [(each.target, each.step) for each in told(play([noise(), tick(1200)], pack))]
    assert [target for target, _ in rung] == [target for target, _ in loud], (
        "nobody is left out, nobody twice"
    )
    assert all(at_s >= HOUR_S for _, at_s in rung)
    assert "empezaron en él: 1" in story(run, "silence_expired")[0].detail_es


def test_whoever_took_a_muted_alert_is_not_rung_at_its_end(pack: RulePack) -> None:
    take = Signal(at_s=60, action=ActionKind.ACKNOWLEDGE, alert=0)
    assert told(play([hush(), noise(), take, tick(HOUR_S + 60)], pack)) == []


def test_a_person_may_hear_one_of_them_alone(pack: RulePack) -> None:
    loud = Signal(at_s=60, action=ActionKind.UNSUPPRESS, alert=0)
    run = play([hush(), noise(), loud], pack)
    assert (alerts(run)[0].suppression, silence(run).ended_ms) == (None, None)
    assert told(run)


def test_law_16_a_silence_that_hides_too_much_ends_by_itself(
    pack: RulePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "HIDDEN_MAX", 3)
    many = [noise(10 + n, f"panel-{n}", east_m=3000.0 * n) for n in range(5)]
    run = play([hush(scope=SilenceScope(types=("burglary.alarm",))), *many], pack)
    assert (silence(run).ending, len(silence(run).hidden)) == ("full", 3)
    assert [alert.suppression for alert in alerts(run)] == [None] * 5
    assert story(run, "silence_full")


def test_only_so_many_last_at_once(pack: RulePack) -> None:
    asked = [hush(n, id=f"works-{n}") for n in range(silences.LASTING_MAX + 1)]
    run = play(asked, pack)
    assert len(run.state.silences) == silences.LASTING_MAX
    assert str(silences.LASTING_MAX) in story(run, "refused")[0].detail_es


def test_what_is_open_already_stays_loud(pack: RulePack) -> None:
    run = play([noise(0), hush(5), noise(10, phase=Phase.STILL)], pack)
    assert alerts(run)[0].suppression is None
    assert alerts(run)[0].level in set(Level)
