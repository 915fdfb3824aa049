"""A silence: never over a P1, never longer than eight hours, and it says what it hid."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from cior_core.model import (
    ActionKind,
    Alert,
    AppendTransition,
    Disposition,
    Level,
    Phase,
    Transition,
    UpsertAlert,
)
from cior_core.rehearsal import Run
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import play

HOUR_S = 3600.0
NOISE = Signal(at_s=0, event="burglary.alarm", source="panel-1")


def mute(at_s: float, *, for_s: float = HOUR_S, alert: int = 0) -> Signal:
    return Signal(at_s=at_s, action=ActionKind.SUPPRESS, alert=alert, reason="works", for_s=for_s)


def tick(at_s: float) -> Signal:
    return Signal(at_s=at_s, tick=True)


def first(run: Run) -> Alert:
    return min(run.state.alerts, key=lambda alert: alert.opened_ms)


def story(run: Run, kind: str) -> list[Transition]:
    return [
        effect.transition
        for effect in run.effects
        if isinstance(effect, AppendTransition) and effect.transition.kind == kind
    ]


def muted_p1s(runs: Iterable[Run]) -> list[Alert]:
    return [
        effect.alert
        for run in runs
        for effect in run.effects
        if isinstance(effect, UpsertAlert) and effect.alert.level is Level.P1 and effect.alert.suppression
    ]


def graver(pack: RulePack, code: str) -> RulePack:
    """The same pack with a type of P1 that is not life-safety: the default taxonomy has none."""
    kind = msgspec.structs.replace(pack.types[code], level=Level.P1, life_safety=False)
    made = RulePack.__new__(RulePack)
    made.__dict__.update(pack.__dict__)
    made.types = pack.types | {code: kind}
    return made


def test_law_16_a_p1_that_is_not_life_safety_cannot_be_muted(pack: RulePack) -> None:
    verified = msgspec.structs.replace(NOISE, registered=True)
    run = play([verified, mute(5)], graver(pack, "burglary.alarm"))
    assert (first(run).level, first(run).life_safety) == (Level.P1, False)
    assert first(run).suppression is None
    [refused] = story(run, "refused")
    assert "P1" in refused.detail_es


def test_law_2_nobody_mutes_a_life_safety_alert_whatever_its_level(pack: RulePack) -> None:
    """A lone panic button of a household is P3: the refusal is for what an alert is, not for how high it stands."""
    below_p1 = []
    for code, kind in pack.types.items():
        if kind.life_safety and not kind.silent:
            run = play([Signal(at_s=0, event=code, source="unit-1"), mute(5)], pack)
            assert first(run).suppression is None, code
            assert len(story(run, "refused")) == 1, code
            below_p1 += [code] if first(run).level is not Level.P1 else []
    assert "panic.alarm" in below_p1


RAISED = {
    "by what joins it": [Signal(at_s=60, event="burglary.report", source="911", record="A", east_m=20)],
    "by a confirmation": [Signal(at_s=60, action=ActionKind.CONFIRM, alert=0)],
    "by a merge": [
        Signal(at_s=60, event="cyber.intrusion", source="soc", east_m=9000.0),
        Signal(at_s=61, action=ActionKind.MERGE, alert=0, others=(1,), reason="one"),
    ],
}


@pytest.mark.parametrize("how", RAISED, ids=str)
def test_law_16_an_alert_that_becomes_p1_is_heard_again(pack: RulePack, how: str) -> None:
    grave = graver(graver(pack, "burglary.report"), "cyber.intrusion")
    if how == "by a confirmation":
        grave.priority = msgspec.structs.replace(
            pack.priority,
            table=msgspec.structs.replace(
                pack.priority.table,
                confirmed=msgspec.structs.replace(pack.priority.table.confirmed, points=100),
            ),
        )
    run = play([NOISE, mute(5), *RAISED[how]], grave)
    assert (first(run).level, first(run).life_safety) == (Level.P1, False)
    assert first(run).suppression is None
    [lifted] = story(run, "suppression_lifted")
    assert "P1" in lifted.detail_es
    assert muted_p1s([run]) == []


@pytest.mark.parametrize("for_s", [8 * HOUR_S + 1, 90 * HOUR_S, 0.0])
def test_law_16_a_silence_of_more_than_eight_hours_is_refused_in_words(pack: RulePack, for_s: float) -> None:
    run = play([NOISE, mute(5, for_s=for_s)], pack)
    assert first(run).suppression is None
    [refused] = story(run, "refused")
    assert "8 h" in refused.detail_es
    assert "8 h" in refused.detail_en


def test_law_16_no_pack_can_allow_more(pack: RulePack) -> None:
    """A pack that was not proven by the loader either."""
    made = RulePack.__new__(RulePack)
    made.__dict__.update(pack.__dict__)
    made.suppress = msgspec.structs.replace(pack.suppress, hours_max=100.0)
    run = play([NOISE, mute(5, for_s=9 * HOUR_S)], made)
    assert first(run).suppression is None


def test_law_16_a_silence_that_is_renewed_still_ends_eight_hours_after_it_began(pack: RulePack) -> None:
    run = play([NOISE, mute(0), mute(1800, for_s=7 * HOUR_S), mute(7000, for_s=7 * HOUR_S)], pack)
    mark = first(run).suppression
    assert mark is not None
    assert mark.until_ms - mark.since_ms <= 8 * HOUR_S * 1000
    assert len(story(run, "refused")) == 1
    after = play([NOISE, mute(0), tick(3700), mute(3800, for_s=8 * HOUR_S)], pack)
    assert first(after).suppression is not None, "when it has ended and was heard, a new one may begin"


def test_law_16_a_silence_says_how_many_it_hid_and_which(pack: RulePack) -> None:
    more = [
        Signal(at_s=20 + n, event="burglary.alarm", source=f"panel-{n}", east_m=5.0 * n) for n in range(2, 5)
    ]
    end = Signal(at_s=40, event="burglary.alarm", source="panel-2", phase=Phase.RESTORE, east_m=10.0)
    run = play([NOISE, mute(5), *more, end], pack)
    mark = first(run).suppression
    assert mark is not None
    assert mark.hidden == 4
    ids = {member.event_id for member in first(run).members} - {first(run).members[0].event_id}
    assert set(mark.hidden_ids) == ids
    over = play([NOISE, mute(5), *more, end, tick(4000)], pack)
    assert first(over).suppression is None
    [expired] = story(over, "suppression_expired")
    assert set(expired.reasons[0].events) == ids
    [told] = [reason for reason in first(over).reasons if reason.code == "suppression.hid"]
    assert "4" in told.text_es


def test_law_16_what_is_merged_into_a_silence_is_counted_and_a_closing_tells_it(pack: RulePack) -> None:
    other = Signal(at_s=10, event="burglary.alarm", source="panel-2", east_m=5000.0)
    merge = Signal(at_s=20, action=ActionKind.MERGE, alert=0, others=(1,), reason="one incident")
    close = Signal(at_s=30, action=ActionKind.CLOSE, alert=0, disposition=Disposition.UNFOUNDED)
    run = play([NOISE, mute(5), other, merge, close], pack)
    [told] = story(run, "suppression_closed")
    assert len(told.reasons[0].events) == 1


def test_a_silence_that_hid_nothing_says_nothing(pack: RulePack) -> None:
    run = play([NOISE, mute(5), tick(4000)], pack)
    [expired] = story(run, "suppression_expired")
    assert expired.reasons == ()
