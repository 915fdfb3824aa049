"""The laws of design §7 that the correlator keeps, over histories that hypothesis invents: signals, actions, receipts and ticks in any order."""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cior_core import correlate, scenario
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
    Effect,
    EventItem,
    IssueCommand,
    Item,
    Phase,
    TickItem,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Scenario, Signal

SOURCES = ("bus-1", "bus-2", "fob-1", "cam-1", "cad:911")
TYPES = (
    "panic.bus",
    "panic.community",
    "gun.shooting",
    "vision.person_down",
    "vision.loitering",
    "light.outage",
    "suspicious.activity",
    "noise.complaint",
    "burglary.alarm",
    "silent.gbv",
    "gun.injury_admission",
    "fire.arson",
    "source.undecoded",
    "camera.health",
    "vendor.unknown",
)

events = st.builds(
    Signal,
    at_s=st.integers(0, 4000),
    event=st.sampled_from(TYPES),
    source=st.sampled_from(SOURCES),
    id=st.sampled_from([None, "p-1", "p-2"]),
    phase=st.sampled_from(
        [Phase.NEW] * 6 + [Phase.UPDATE, Phase.STILL, Phase.RESTORE, Phase.CANCEL, Phase.END, Phase.TEST]
    ),
    located=st.sampled_from([True, True, True, False]),
    east_m=st.sampled_from([0.0, 30.0, 250.0, 900.0, 6000.0]),
    ago_s=st.sampled_from([0, 0, 3, 200, 9000]),
    registered=st.sampled_from([None, True]),
    drill=st.sampled_from([False, False, False, True]),
    record=st.sampled_from([None, "A", "B"]),
    attributes=st.sampled_from([{}, {"block": "b-1"}, {"cameras": ["cam-1"]}, {"cad_merged_into": "A"}]),
    district=st.sampled_from([None, "center"]),
)
actions = st.builds(
    Signal,
    at_s=st.integers(0, 4000),
    action=st.sampled_from(list(ActionKind)),
    alert=st.integers(0, 4),
    others=st.lists(st.integers(0, 4), max_size=2).map(tuple),
    reason=st.sampled_from(["", "because"]),
    disposition=st.sampled_from([None, *Disposition]),
    posture=st.sampled_from(["transport_attacks", "normal", "x"]),
    for_s=st.sampled_from([None, 60.0, 3600.0, 90000.0]),
)
ticks = st.builds(Signal, at_s=st.integers(0, 400_000), tick=st.just(True))
histories = st.lists(st.one_of(events, events, events, actions, ticks), min_size=1, max_size=14)


def play(signals: Iterable[Signal], pack: RulePack) -> scenario.Run:
    return scenario.run(Scenario(signals=tuple(signals), wants=()), pack)


def steps(items: Iterable[Item], pack: RulePack) -> Iterator[tuple[State, Item, State, tuple[Effect, ...]]]:
    """(before, item, after, effects) of each item."""
    state = initial(DEFAULT_AREA)
    for item in items:
        after, effects = step(state, item, pack)
        yield state, item, after, effects
        state = after


def json(value: object) -> bytes:
    return msgspec.json.encode(value)


# --- law 2: nothing stands before a life-safety event ----------------------------------------------------------------------------------


@settings(max_examples=150)
@given(signals=histories)
def test_law_2_a_life_safety_event_is_in_a_shown_alert_in_the_step_that_takes_it(
    pack: RulePack, signals: list[Signal]
) -> None:
    seen = set()
    for _, item, _, effects in steps(play(signals, pack).items, pack):
        if not isinstance(item, EventItem) or item.event.id in seen:
            continue
        seen.add(item.event.id)
        kind = pack.kind(item.event.type)
        if (
            kind is not None
            and kind.life_safety
            and item.event.phase in {Phase.NEW, Phase.UPDATE, Phase.STILL}
        ):
            members = [
                member.event_id
                for effect in effects
                if isinstance(effect, UpsertAlert)
                for member in effect.alert.members
            ]
            assert item.event.id in members


@given(signals=histories)
def test_law_2_suppression_never_covers_a_life_safety_or_silent_alert(
    pack: RulePack, signals: list[Signal]
) -> None:
    for effect in play(signals, pack).effects:
        if isinstance(effect, UpsertAlert) and (effect.alert.life_safety or effect.alert.silent):
            assert effect.alert.suppression is None


# --- law 4: at least once, collapsed by id ---------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(signals=histories)
def test_law_4_the_same_item_again_has_no_effect(pack: RulePack, signals: list[Signal]) -> None:
    for _, item, after, _ in steps(play(signals, pack).items, pack):
        if not isinstance(item, TickItem):
            again, effects = step(after, item, pack)
            assert effects == ()
            assert again == msgspec.structs.replace(
                after, stale=(), head=msgspec.structs.replace(after.head, seq=after.head.seq + 1)
            )


@settings(max_examples=60)
@given(signals=st.lists(st.one_of(events, actions), min_size=2, max_size=3))
def test_law_4_all_interleavings_of_two_deliveries_give_what_one_delivery_gives(
    pack: RulePack, signals: list[Signal]
) -> None:
    items = play(signals, pack).items
    _, _, alone, _ = list(steps(items, pack))[-1]
    for order in _shuffles(len(items)):
        mixed = [items[n] for n in order]
        *_, (_, _, state, _) = steps(mixed, pack)
        commands = [
            effect.command.id
            for *_, effects in steps(mixed, pack)
            for effect in effects
            if isinstance(effect, IssueCommand)
        ]
        assert len(commands) == len(set(commands))
        assert json(state.alerts) == json(alone.alerts)


def _shuffles(n: int) -> set[tuple[int, ...]]:
    """Every way to interleave 0..n-1 with itself, both in order."""
    ways = set()
    for first in itertools.combinations(range(2 * n), n):
        one, two = iter(range(n)), iter(range(n))
        ways.add(tuple(next(one) if at in first else next(two) for at in range(2 * n)))
    return ways


@settings(max_examples=150)
@given(signals=histories, data=st.data())
def test_law_4_a_kill_at_any_write_runs_the_step_again_with_the_same_effects(
    pack: RulePack, signals: list[Signal], data: st.DataObject
) -> None:
    """Effects are published before entries are written, head last: whatever subset of the writes survived, nothing is doubled or lost."""
    table: dict[str, bytes] = {}
    state = initial(DEFAULT_AREA)
    for item in play(signals, pack).items:
        after, published = step(state, item, pack)
        writes = list(persist.entries(state, after).items())
        assert writes[-1][0] == persist.HEAD
        survived = data.draw(
            st.lists(st.sampled_from(writes[:-1]), unique_by=lambda entry: entry[0])
            if len(writes) > 1
            else st.just([])
        )
        _write(table, survived)
        restored = persist.restore(table, pack)
        assert msgspec.structs.replace(restored, stale=()) == msgspec.structs.replace(state, stale=())
        rerun, republished = step(restored, item, pack)
        assert json(republished) == json(published)
        _write(table, persist.entries(restored, rerun).items())
        state = persist.restore(table, pack)
        assert msgspec.structs.replace(state, stale=()) == msgspec.structs.replace(after, stale=())


def test_law_4_every_prefix_of_the_writes_of_a_full_story(pack: RulePack) -> None:
    story = [
        Signal(at_s=0, event="panic.community", source="fob-1", attributes={"block": "b"}),
        Signal(at_s=5, event="vision.loitering", source="cam-1"),
        Signal(at_s=9, event="gun.shooting", source="cad:911", record="A", east_m=900),
        Signal(at_s=20, action=ActionKind.MERGE, alert=0, others=(1,)),
        Signal(at_s=30, action=ActionKind.CLOSE, alert=0, disposition=Disposition.CONFIRMED),
        Signal(at_s=300_000, tick=True),
    ]
    state = initial(DEFAULT_AREA)
    table: dict[str, bytes] = {}
    for item in play(story, pack).items:
        after, published = step(state, item, pack)
        writes = list(persist.entries(state, after).items())
        for cut in range(len(writes)):
            torn = dict(table)
            _write(torn, writes[:cut])
            _, again = step(persist.restore(torn, pack), item, pack)
            assert json(again) == json(published)
        _write(table, writes)
        state = after
    assert state.alerts == ()
    assert persist.entries(
        state, step(state, TickItem(id="t", area=DEFAULT_AREA, at_ms=state.head.now_ms + 1), pack)[0]
    ).keys() - {"head"} == set(state.stale)


def _write(table: dict[str, bytes], writes: Iterable[tuple[str, bytes | None]]) -> None:
    for key, value in writes:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


# --- law 5: same log and rules, same bytes ---------------------------------------------------------------------------------------------


@given(signals=histories)
def test_law_5_the_same_log_gives_the_same_effects_byte_for_byte(
    pack: RulePack, signals: list[Signal]
) -> None:
    items = play(signals, pack).items
    once, twice = ([effects for *_, effects in steps(items, pack)] for _ in range(2))
    assert json(once) == json(twice)


_DIGEST = """
import hashlib, sys, msgspec
from pathlib import Path
from cior_core import bundled, scenario
from cior_core.rules import RulePack
from cior_core.scenario import Scenario
from cior_core.strict_toml import parse
from cior_core.taxonomy import Taxonomy
root = Path(sys.argv[1])
texts = {path.name: path.read_text(encoding="utf-8") for path in (root / "streams" / "rules").glob("*.toml")}
pack = RulePack.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))
class File(msgspec.Struct, forbid_unknown_fields=True):
    scenario: tuple[Scenario, ...]
plays = parse((root / "tests" / "scenario" / "operations.toml").read_text(encoding="utf-8"), File, file="operations.toml").scenario
found = hashlib.sha256()
whole = Scenario(signals=tuple(signal for play in plays for signal in play.signals if signal.receipt is None), wants=())
for play in (*plays, whole):
    found.update(msgspec.json.encode(scenario.run(play, pack).effects))
print(pack.version, found.hexdigest())
"""


def test_law_5_hash_seeds_of_the_process_do_not_show() -> None:
    root = Path(__file__).parents[3]
    seen = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST, str(root)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("0", "1", "424242")
    }
    assert len(seen) == 1


# --- law 6: no clock in the core -------------------------------------------------------------------------------------------------------


def test_law_6_the_correlator_has_no_clock_no_chance_no_io() -> None:
    folder = Path(correlate.__file__).parent
    files = [
        *folder.glob("*.py"),
        *(folder.parent / f"{name}.py" for name in ("priority", "protocols", "rules", "scenario")),
    ]
    banned = {
        "time",
        "datetime",
        "random",
        "secrets",
        "uuid",
        "os",
        "io",
        "logging",
        "socket",
        "asyncio",
        "threading",
        "pathlib",
        "structlog",
        "subprocess",
    }
    found = {(file.name, name) for file in files for name in _imports(file)} & {
        (file.name, name) for file in files for name in banned
    }
    calls = {
        (file.name, node.func.id)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"hash", "id", "open", "print", "eval", "exec"}
    }
    assert found == set()
    assert calls == set()


def _imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    plain = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return plain | {
        (node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }


@given(signals=histories)
def test_law_6_now_is_the_items_instant_and_never_goes_back(pack: RulePack, signals: list[Signal]) -> None:
    for before, item, after, _ in steps(reversed(play(signals, pack).items), pack):
        assert after.head.now_ms == max(before.head.now_ms, item.at_ms)


# --- law 10: automation never lowers a life-safety level -------------------------------------------------------------------------------


@settings(max_examples=150)
@given(signals=histories)
def test_law_10_no_step_but_a_persons_unmerge_lowers_a_life_safety_alert(
    pack: RulePack, signals: list[Signal]
) -> None:
    levels: dict[AlertId, Alert] = {}
    for _, item, _, effects in steps(play(signals, pack).items, pack):
        human = isinstance(item, ActionItem) and item.action.kind is ActionKind.UNMERGE
        for effect in effects:
            if isinstance(effect, UpsertAlert):
                known = levels.get(effect.alert.id)
                if known is not None and known.life_safety and not human:
                    assert effect.alert.level.rank <= known.level.rank
                levels[effect.alert.id] = effect.alert


# --- merge and unmerge -----------------------------------------------------------------------------------------------------------------


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
    return msgspec.structs.replace(alert, version=0, updated_ms=0, applied=())


def _action(
    name: str, kind: ActionKind, alert_id: AlertId, targets: tuple[AlertId, ...], run: scenario.Run
) -> ActionItem:
    from cior_core.model import Action

    at_ms = run.state.head.now_ms
    return ActionItem(
        id=name,
        area=DEFAULT_AREA,
        at_ms=at_ms,
        action=Action(id=name, kind=kind, actor="op", at_ms=at_ms, alert_id=alert_id, target_ids=targets),
    )


# --- order of arrival ------------------------------------------------------------------------------------------------------------------


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
    """Life-safety events of up to three incidents 5 km apart, each within 60 m and 2 minutes: any order of arrival gives the same sets."""
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


def _sets(run: scenario.Run) -> set[frozenset[str]]:
    return {
        frozenset(member.subject for member in alert.members) for alert in run.state.alerts if alert.members
    }


# --- the sealed channel ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(signals=histories, at=st.integers(0, 4000), bad_class=st.sampled_from(list(DataClass)))
def test_sealed_events_show_pseudonym_and_district_only_and_sound_nothing(
    pack: RulePack, signals: list[Signal], at: int, bad_class: DataClass
) -> None:
    """Even when a connector forgets to seal: the canary in text, place and attributes is in no effect and in no stored entry."""
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


# --- explanations and versions ---------------------------------------------------------------------------------------------------------


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
