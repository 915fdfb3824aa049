"""How many items a second one core correlates with 500 open alerts and 72 h of seen ids in memory, with and without
the entries.

Run: ``python benchmarks/bench_correlate.py [--alerts 500] [--seen 15000] [--items 4000] [--rounds 5]``. Median of the
rounds, in one process. The stream is the mix that reaches the correlator: new presses all over the city, second
reports of open alerts, copies of what was seen, lights and loitering that wait, actions, and a tick for each second.
Published at docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from pathlib import Path

import msgspec

from cior_core import bundled, rule_loading
from cior_core.correlate import State, initial, persist, step
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    ActionKind,
    Disposition,
    EventItem,
    Item,
    TickItem,
)
from cior_core.rules import RulePack
from cior_core.scenario import ORIGIN, START_MS, Signal, make_event
from cior_core.taxonomy import Taxonomy

RULES = Path(__file__).parents[1] / "streams" / "rules"
HALF_CITY_M = 9000.0
MIX = (
    ("panic.bus", 10),
    ("panic.community", 10),
    ("gun.shooting", 5),
    ("suspicious.activity", 15),
    ("burglary.alarm", 20),
    ("vision.intrusion", 20),
    ("vision.loitering", 10),
    ("light.outage", 10),
)


def load() -> RulePack:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.toml"))}
    return rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))


def event(
    chance: random.Random,
    n: int,
    at_s: float,
    *,
    kind: str | None = None,
    near: tuple[float, float] | None = None,
) -> EventItem:
    east, north = near or (
        chance.uniform(-HALF_CITY_M, HALF_CITY_M),
        chance.uniform(-HALF_CITY_M, HALF_CITY_M),
    )
    code = kind or chance.choices([name for name, _ in MIX], [weight for _, weight in MIX])[0]
    signal = Signal(at_s=at_s, event=code, source=f"dev-{n}", east_m=east, north_m=north, id=f"e-{n}")
    made = make_event(signal)
    return EventItem(id=f"i-{n}", area=DEFAULT_AREA, at_ms=START_MS + round(at_s * 1000), event=made)


def filled(pack: RulePack, *, alerts: int, seen: int) -> State:
    """A city with ``alerts`` open alerts of the last hours and ``seen`` ids of quiet events."""
    chance = random.Random(7)
    state = initial(DEFAULT_AREA)
    for n in range(seen):
        state, _ = step(state, event(chance, n, n * 0.1, kind="camera.health"), pack)
    n = seen
    while sum(alert.status == "open" for alert in state.alerts) < alerts:
        for _ in range(20):
            n += 1
            state, _ = step(
                state,
                event(
                    chance,
                    n,
                    seen * 0.1 + (n - seen) * 20,
                    kind=chance.choice(["suspicious.activity", "burglary.alarm"]),
                ),
                pack,
            )
    return state


def _beside(item: EventItem) -> tuple[float, float]:
    """Metres east and north of the reference point, of the place of ``item``."""
    place = item.event.place
    assert place.lat is not None
    assert place.lon is not None
    return (place.lon - ORIGIN[1]) * 93_300.0, (place.lat - ORIGIN[0]) * 111_195.0


def stream(state: State, items: int) -> list[Item]:
    chance = random.Random(11)
    start_s = (state.head.now_ms - START_MS) / 1000
    made: list[Item] = []
    alerts = list(state.alerts)
    for n in range(items):
        at_s = start_s + n * 2
        at_ms = START_MS + round(at_s * 1000)
        draw = chance.random()
        earlier = [item for item in made[-40:] if isinstance(item, EventItem)]
        if draw < 0.02:
            made.append(TickItem(id=f"t-{n}", area=DEFAULT_AREA, at_ms=at_ms))
        elif draw < 0.37 and alerts:
            closing = draw < 0.27
            alert = alerts.pop() if closing else chance.choice(alerts)
            action = Action(
                id=f"a-{n}",
                kind=ActionKind.CLOSE if closing else ActionKind.NOTE,
                actor="op",
                at_ms=at_ms,
                alert_id=alert.id,
                reason="seen",
                disposition=Disposition.UNFOUNDED if closing else None,
            )
            made.append(ActionItem(id=f"ai-{n}", area=DEFAULT_AREA, at_ms=at_ms, action=action))
        elif draw < 0.47 and earlier:
            made.append(msgspec.structs.replace(chance.choice(earlier), at_ms=at_ms))
        elif draw < 0.67 and earlier:
            made.append(event(chance, 1_000_000 + n, at_s, near=_beside(chance.choice(earlier))))
        else:
            made.append(event(chance, 1_000_000 + n, at_s))
    return made


def timed(state: State, items: list[Item], pack: RulePack, *, entries: bool) -> float:
    """Items per second of processor time over ``items``: other programs on the machine do not count."""
    began = time.process_time()
    for item in items:
        after, _ = step(state, item, pack)
        if entries:
            persist.entries(state, after)
        state = after
    return len(items) / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("alerts", 500), ("seen", 15_000), ("items", 4000), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    pack = load()
    state = filled(pack, alerts=asked.alerts, seen=asked.seen)
    items = stream(state, asked.items)
    kinds = {
        kind.__name__: sum(isinstance(item, kind) for item in items)
        for kind in (EventItem, ActionItem, TickItem)
    }
    print(f"alerts {len(state.alerts)}, seen {len(state.seen)}, items {kinds}, rules {pack.version}")
    for entries in (False, True):
        rates = [timed(state, items, pack, entries=entries) for _ in range(asked.rounds)]
        print(
            f"step{' + entries' if entries else ''}: median {statistics.median(rates):,.0f} items/s, min "
            f"{min(rates):,.0f}, max {max(rates):,.0f}"
        )
    table = {
        key: value
        for key, value in persist.entries(initial(DEFAULT_AREA), state).items()
        if value is not None
    }
    began = time.process_time()
    persist.restore(table, pack)
    sizes = sorted(map(len, table.values()))
    print(
        f"restore: {time.process_time() - began:.2f} s of {len(table):,} entries; value bytes median "
        f"{sizes[len(sizes) // 2]}, max {sizes[-1]}"
    )


if __name__ == "__main__":
    main()
