"""What holds of any history the correlator takes: merges undone, order of arrival, the sealed channel, explanations,
versions, ids."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cior_core import rehearsal, scenario
from cior_core.correlate import State, initial, persist, step
from cior_core.model import (
    DEFAULT_AREA,
    ActionItem,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    AppendTransition,
    CommandKind,
    DataClass,
    Disposition,
    EventItem,
    IssueCommand,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import events, histories, json, play

pytestmark = pytest.mark.timeout(600)  # properties over thousands of steps, beside others on two cores

# --- merge and unmerge ------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(signals=st.lists(events, min_size=2, max_size=8), pick=st.randoms())
def test_merge_then_unmerge_gives_both_alerts_back(
    pack: RulePack, signals: list[Signal], pick: Random
) -> None:
    run = play(signals, pack)
    live = [case.alert for case in run.state.cases.values() if case.live]
    assume(len(live) >= 2)
    into, inner = pick.sample(live, 2)
    assume(into.drill == inner.drill and into.silent == inner.silent)
    merged, _ = step(run.state, _action("m", ActionKind.MERGE, into.id, (inner.id,), run), pack)
    assert _alert(merged, inner.id).status is AlertStatus.MERGED
    assert {member.event_id for member in _alert(merged, into.id).members} == {
        m.event_id for alert in (into, inner) for m in alert.members
    }
    apart, _ = step(merged, _action("u", ActionKind.UNMERGE, into.id, (inner.id,), run), pack)
    for alert in (into, inner):
        assert _plain(_alert(apart, alert.id)) == _plain(alert)


def _alert(state: State, alert_id: AlertId | None) -> Alert:
    assert alert_id is not None
    case = state.cases.get(alert_id)
    assert case is not None
    return case.alert


def _plain(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, version=0, updated_ms=0, applied=(), deeds=())


def _action(
    name: str, kind: ActionKind, alert_id: AlertId, targets: tuple[AlertId, ...], run: rehearsal.Run
) -> ActionItem:
    from cior_core.model import Action

    at_ms = run.state.head.now_ms
    return ActionItem(
        id=name,
        area=DEFAULT_AREA,
        at_ms=at_ms,
        action=Action(id=name, kind=kind, actor="op", at_ms=at_ms, alert_id=alert_id, target_ids=targets),
    )


# --- order of arrival -------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    spots=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(0, 120)), min_size=2, max_size=7
    ),
    shuffled=st.randoms(),
)
def test_order_of_arrival_does_not_change_who_is_with_whom(
    pack: RulePack, spots: list[tuple[int, int, int]], shuffled: Random
) -> None:
    """Life-safety events of up to three incidents 5 km apart, each within 60 m and 2 minutes: any order of arrival
    gives the same sets."""
    signals = [
        Signal(
            at_s=0,
            event="gun.shooting",
            source=f"caller-{n}",
            east_m=5000.0 * spot + off,
            ago_s=float(ago),
            id=f"e-{n}",
        )
        for n, (spot, off, ago) in enumerate(spots)
    ]
    mixed = list(signals)
    shuffled.shuffle(mixed)
    assert _sets(play(signals, pack)) == _sets(play(mixed, pack))


def _sets(run: rehearsal.Run) -> set[frozenset[str]]:
    return {
        frozenset(member.subject for member in alert.members) for alert in run.state.alerts if alert.members
    }


# --- the sealed channel -----------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(signals=histories, at=st.integers(0, 4000), bad_class=st.sampled_from(list(DataClass)))
def test_sealed_events_show_pseudonym_and_district_only_and_sound_nothing(
    pack: RulePack, signals: list[Signal], at: int, bad_class: DataClass
) -> None:
    """Even when a connector forgets to seal: the canary in text, place and attributes is in no effect and in no stored
    entry."""
    canary, lat = "CANARY-maria-perez", -32.123456
    leaky = scenario.make_event(
        Signal(at_s=at, event="silent.gbv", source="pseudo-7", data_class=DataClass.SEALED, district="center")
    )
    leaky = msgspec.structs.replace(
        leaky,
        data_class=bad_class,
        summary=canary,
        attributes={"address": canary, "block": canary, "cameras": [canary]},
        place=msgspec.structs.replace(leaky.place, lat=lat, lon=-60.65, accuracy_m=5.0, text=canary),
    )
    items = sorted(
        [
            *play(signals, pack).items,
            EventItem(id="x", area=DEFAULT_AREA, at_ms=scenario.START_MS + at * 1000, event=leaky),
        ],
        key=lambda i: i.at_ms,
    )
    state = initial(DEFAULT_AREA)
    for item in items:
        after, effects = step(state, item, pack)
        stored = b"".join(value or b"" for value in persist.entries(state, after).values())
        assert canary.encode() not in json(effects) + stored
        assert b"32.123456" not in json(effects)
        for effect in effects:
            if isinstance(effect, UpsertAlert) and any(
                member.subject == "pseudo-7" for member in effect.alert.members
            ):
                assert (effect.alert.silent, effect.alert.data_class, effect.alert.place.lat) == (
                    True,
                    DataClass.SEALED,
                    None,
                )
            if isinstance(effect, IssueCommand) and _alert(after, effect.command.alert_id).silent:
                assert effect.command.kind is not CommandKind.SIREN_ON
                assert not effect.command.target.startswith("block:")
        state = after


# --- explanations and versions ----------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(signals=histories)
def test_every_alert_explains_itself_and_every_version_is_new(pack: RulePack, signals: list[Signal]) -> None:
    versions: dict[AlertId, int] = {}
    for effect in play(signals, pack).effects:
        if isinstance(effect, UpsertAlert):
            alert = effect.alert
            assert alert.version == versions.get(alert.id, 0) + 1
            versions[alert.id] = alert.version
            assert alert.reasons
            assert all(reason.text_es and reason.text_en for reason in alert.reasons)
            joined = [reason for reason in alert.reasons if reason.code.startswith("merge.")]
            assert all(
                reason.rule and reason.rule_version and len(reason.events) == 2 and reason.delta_s is not None
                for reason in joined
            )
        if isinstance(effect, AppendTransition):
            assert effect.transition.detail_es
            assert effect.transition.detail_en


@given(signals=histories)
def test_transition_and_command_ids_are_unique(pack: RulePack, signals: list[Signal]) -> None:
    effects = play(signals, pack).effects
    lines = [effect.transition.id for effect in effects if isinstance(effect, AppendTransition)]
    commands = [effect.command.id for effect in effects if isinstance(effect, IssueCommand)]
    assert len(lines) == len(set(lines))
    assert len(commands) == len(set(commands))


@pytest.mark.parametrize("hours", [71, 73])
def test_seen_ids_are_kept_for_72_hours(pack: RulePack, hours: int) -> None:
    press = Signal(at_s=0, event="noise.complaint", source="cad:911", id="p")
    run = play(
        [
            press,
            Signal(at_s=10, action=ActionKind.CLOSE, disposition=Disposition.FALSE_ALARM),
            Signal(at_s=hours * 3600, tick=True),
        ],
        pack,
    )
    again = msgspec.structs.replace(run.items[0], at_ms=run.state.head.now_ms)
    _, effects = step(run.state, again, pack)
    assert bool(effects) is (hours > 72)
