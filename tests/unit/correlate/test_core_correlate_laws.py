"""The laws of design §7 that the correlator keeps, over histories that hypothesis invents: signals, actions, receipts
and ticks in any order."""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_core import correlate
from cior_core.correlate import initial, persist, step
from cior_core.model import (
    DEFAULT_AREA,
    ActionItem,
    ActionKind,
    Alert,
    AlertId,
    Disposition,
    EventItem,
    IssueCommand,
    Phase,
    TickItem,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from unit.correlate.histories import actions, events, histories, json, play, steps

# --- law 2: nothing stands before a life-safety event -----------------------------------------------------------------


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


# --- law 4: at least once, collapsed by id ----------------------------------------------------------------------------


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
    """Effects are published before entries are written, head last: whatever subset of the writes survived, nothing is
    doubled or lost."""
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


@settings(max_examples=100)
@given(signals=histories, data=st.data())
def test_law_4_several_steps_are_kept_as_one_and_leave_nothing_over(
    pack: RulePack, signals: list[Signal], data: st.DataObject
) -> None:
    """An entry of the log that holds several items: all of its steps count, or none, and no key stays for ever."""
    table: dict[str, bytes] = {}
    state, items = initial(DEFAULT_AREA), list(play(signals, pack).items)
    while items:
        count = data.draw(st.integers(1, 5))
        together, items = items[:count], items[count:]
        after = state
        for item in together:
            stepped, _ = step(after, item, pack)
            after = stepped if after is state else persist.carry(after, stepped)
        writes = list(persist.entries(state, after).items())
        torn = dict(table)
        _write(torn, writes[: data.draw(st.integers(0, len(writes) - 1))])
        assert msgspec.structs.replace(persist.restore(torn, pack), stale=()) == msgspec.structs.replace(
            state, stale=()
        )
        _write(table, writes)
        assert msgspec.structs.replace(persist.restore(table, pack), stale=()) == msgspec.structs.replace(
            after, stale=()
        )
        gone = {key for key, value in table.items() if key != persist.HEAD and _is_tombstone(value)}
        assert gone <= set(after.stale)
        state = after


def _is_tombstone(value: bytes) -> bool:
    return msgspec.msgpack.decode(value, type=persist.Stored).value is None


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


# --- law 5: same log and rules, same bytes ----------------------------------------------------------------------------


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
from cior_core import bundled, rehearsal, rule_loading
from cior_core.scenario import Scenario
from cior_core.strict_toml import parse
from cior_core.taxonomy import Taxonomy
root = Path(sys.argv[1])
texts = {path.name: path.read_text(encoding="utf-8") for path in (root / "streams" / "rules").glob("*.toml")}
pack = rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))
class File(msgspec.Struct, forbid_unknown_fields=True):
    scenario: tuple[Scenario, ...]
told = (root / "tests" / "scenario" / "operations.toml").read_text(encoding="utf-8")
plays = parse(told, File, file="operations.toml").scenario
found = hashlib.sha256()
whole = Scenario(signals=tuple(signal for play in plays for signal in play.signals if signal.receipt is None), wants=())
for play in (*plays, whole):
    found.update(msgspec.json.encode(rehearsal.run(play, pack).effects))
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


# --- law 6: no clock in the core --------------------------------------------------------------------------------------


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


# --- law 10: automation never lowers a life-safety level --------------------------------------------------------------


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
