"""Whether a soak showed what it must: each fault named and over within a minute, nothing said without a reason, nobody
rung, no camera starved, memory kept. All of it from what the worker published.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cior_core import correlate
from cior_core.camera_stretch import CameraStretch, StretchEnd
from cior_core.catalogue import Kind
from cior_core.cloudevents import decode as event_of
from cior_core.model import (
    DEFAULT_AREA,
    Event,
    EventItem,
    Item,
    Lane,
    Level,
    Phase,
    RawRecord,
    TickItem,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_vision.events import source_of
from integration.vision.soak_plan import (
    WITHIN_S,
    Fault,
    Late,
    Line,
    Plan,
    Record,
    Sample,
    form_of,
    lines_of,
    name_of,
    planned,
)

SIGNAL = "camera.signal_loss"
CONDITIONS = frozenset(
    f"camera.{name}" for name in ("signal_loss", "frozen", "obstructed", "moved", "damaged", "degraded")
)
LATE_AROUND_S = 15.0
"""A picture that is late is sent after the word that it did not come."""
GROWTH = 1.1
"""From the first quarter after the warm-up to the last: an hour's allocations settle, a leak does not."""
THREADS_BESIDE = 16
"""Besides a reader for each camera: the pipeline, the engine, the event loop's own, a replaced reader."""
RINGS = frozenset({Level.P1, Level.P2})


@dataclass(frozen=True)
class Heard:
    """A published event and when."""

    at_s: float
    event: Event

    @property
    def health(self) -> Mapping[str, float]:
        """Of a health sample."""
        return self.event.attributes if self.event.type == "camera.health" else {}


@dataclass(frozen=True)
class Named:
    """What became of a fault: seconds from its beginning to its name, from its end to the word that it is over."""

    fault: Fault
    camera: str
    form: str
    named_s: float | None
    over_s: float | None

    @property
    def is_right(self) -> bool:
        """Named and over in time; of what is no fault nothing was said (that is judged by :func:`strange`)."""
        if not self.fault.what.told:
            return True
        return all(each is not None and each <= WITHIN_S for each in (self.named_s, self.over_s))


def heard(lines: Iterable[Line]) -> Iterator[Heard]:
    """The events among them."""
    for line in lines:
        if line.kind is Kind.EVENT:
            yield Heard(line.at_s, event_of(bytes(line.record)))


def cut_off(lines: Iterable[Line]) -> Iterator[tuple[float, str]]:
    """Stretches that a killed worker left: when they were told, and whose they are."""
    for line in lines:
        if line.kind is Kind.RAW:
            record = msgspec.json.decode(line.record, type=RawRecord)
            stretch = msgspec.json.decode(record.payload, type=CameraStretch)
            if stretch.ended is StretchEnd.KILLED:
                yield line.at_s, source_of(stretch.camera)


def judged(lines: Sequence[Line], faults: Sequence[Fault], zero_s: float) -> list[Named]:
    """Each fault with when it was named and said to be over."""
    events, ends = list(heard(lines)), list(cut_off(lines))
    found = []
    for fault in faults:
        if fault.camera is None:
            found.append(_worker_named(fault, events, ends, zero_s))
            continue
        name = name_of(fault.camera)
        mine = [each for each in events if each.event.source == source_of(name)]
        named_s = _first(mine, zero_s + fault.at_s, _tells(fault.what.told, True))
        over_s = _first(mine, zero_s + fault.ends_s, _tells(fault.what.told, False))
        found.append(Named(fault, name, form_of(fault.camera), named_s, over_s))
    return found


def _tells(told: str, begins: bool) -> Callable[[Heard], bool]:
    if told == "health.paced_by":
        return lambda each: (
            bool(each.health)
            and each.event.attributes.get("paced_by", "stream") == ("arrival" if begins else "stream")
        )
    phase = Phase.NEW if begins else Phase.RESTORE
    return lambda each: each.event.type == told and each.event.phase is phase


def _first(events: Iterable[Heard], since_s: float, tells: Callable[[Heard], bool]) -> float | None:
    return next(
        (round(each.at_s - since_s, 1) for each in events if each.at_s >= since_s and tells(each)), None
    )


def _worker_named(
    fault: Fault,
    events: Sequence[Heard],
    ends: Sequence[tuple[float, str]],
    zero_s: float,
) -> Named:
    """Named when the stretch of each camera is told as cut off, over when each camera is watched again."""
    named, over = list[float | None](), list[float | None]()
    began_s = zero_s + fault.at_s
    for source in sorted({each.event.source for each in events if each.health}):
        told = (at_s - began_s for at_s, whose in ends if whose == source and at_s > began_s)
        named.append(next(told, None))
        over.append(
            _first(
                (each for each in events if each.event.source == source),
                zero_s + fault.ends_s,
                lambda each: each.health.get("watched_fps", 0.0) > 0,
            )
        )
    return Named(fault, "all", "process", _last(named), _last(over))


def _last(each: Sequence[float | None]) -> float | None:
    known = [one for one in each if one is not None]
    return round(max(known), 1) if len(known) == len(each) else None


def strange(
    lines: Iterable[Line], faults: Sequence[Fault], zero_s: float, *, late: Sequence[Late] = ()
) -> list[str]:
    """What was said of a camera to which nothing of that kind was done. A lost signal is right where this machine had
    no time to send.
    """
    found = []
    for each in heard(lines):
        if each.event.type not in CONDITIONS or each.event.phase is not Phase.NEW or each.at_s < zero_s:
            continue
        at_s, camera = each.at_s - zero_s, _number(each)
        if each.event.type == SIGNAL and _was_late(late, name_of(camera), each.at_s):
            continue
        if not any(
            fault.camera == camera
            and each.event.type in (fault.what.told, *fault.what.may)
            and fault.at_s <= at_s <= fault.ends_s + WITHIN_S
            for fault in faults
        ):
            condition = each.event.attributes.get("condition", "")
            found.append(f"{name_of(camera)} at {at_s:.0f} s: {each.event.type} {condition}".strip())
    return found


def _was_late(late: Iterable[Late], camera: str, at_s: float) -> bool:
    return any(each.camera == camera and abs(each.at_s - at_s) <= each.by_s + LATE_AROUND_S for each in late)


def levels(lines: Iterable[Line], pack: RulePack) -> dict[str, int]:
    """How many alerts reached which level, by the area's own step over everything that was published."""
    events = [each.event for each in heard(lines) if each.event.lane is not Lane.TELEMETRY]
    items: list[Item] = []
    for n, event in enumerate(events):
        at_ms = max(event.received_ms, items[-1].at_ms if items else 0)
        items.append(EventItem(id=f"item-{n}", area=DEFAULT_AREA, at_ms=at_ms, event=event))
        items.append(TickItem(id=f"tick-{n}", area=DEFAULT_AREA, at_ms=at_ms))
    highest: dict[str, Level] = {}
    for effect in correlate.play(items, pack, states={DEFAULT_AREA: correlate.initial(DEFAULT_AREA)}):
        if isinstance(effect, UpsertAlert):
            before = highest.get(effect.alert.id, effect.alert.level)
            highest[effect.alert.id] = min(before, effect.alert.level, key=lambda level: level.rank)
    return dict(sorted(Counter(level.value for level in highest.values()).items()))


def _number(each: Heard) -> int:
    return int(each.event.source.rpartition("-")[2])


def rates(lines: Iterable[Line], faults: Sequence[Fault], zero_s: float) -> dict[str, float]:
    """Pictures a second of each camera that were watched while nothing was done to it, nor to the worker."""
    pictures, seconds = defaultdict[int, float](float), defaultdict[int, float](float)
    for each in heard(lines):
        health = each.health
        if not health or each.at_s - zero_s < 0:
            continue
        camera, ends_s = _number(each), each.at_s - zero_s
        begins_s = ends_s - health["interval_s"]
        if any(
            fault.camera in {None, camera} and begins_s <= fault.ends_s + 20.0 and ends_s >= fault.at_s
            for fault in faults
        ):
            continue
        pictures[camera] += health["watched_fps"] * health["interval_s"]
        seconds[camera] += health["interval_s"]
    return {name_of(n): round(pictures[n] / seconds[n], 2) for n in sorted(seconds) if seconds[n] > 0}


@dataclass(frozen=True)
class Memory:
    """Of the process that lived longest, after its warm-up: median of the first and of the last quarter (MiB), and the
    slope (Theil and Sen) in MiB an hour.
    """

    judged_s: float
    first_mib: float
    last_mib: float
    mib_an_hour: float


def memory(samples: Sequence[Sample], *, warm_up_s: float) -> Memory | None:
    """None: no process lived for long enough to be judged."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for each in samples:
        if each.mib > 0:
            lives[each.pid].append(each)
    life = max(lives.values(), key=lambda one: one[-1].at_s - one[0].at_s, default=[])
    kept = [each for each in life if each.at_s - life[0].at_s >= warm_up_s]
    if len(kept) < 24:
        return None
    quarter = len(kept) // 4
    step = max(1, len(kept) // 120)
    thin = kept[::step]
    slopes = [
        (late.mib - soon.mib) / (late.at_s - soon.at_s)
        for n, soon in enumerate(thin)
        for late in thin[n + 1 :]
    ]
    return Memory(
        judged_s=round(kept[-1].at_s - kept[0].at_s),
        first_mib=round(statistics.median(each.mib for each in kept[:quarter]), 1),
        last_mib=round(statistics.median(each.mib for each in kept[-quarter:]), 1),
        mib_an_hour=round(statistics.median(slopes) * 3600, 2),
    )


@dataclass(frozen=True)
class Report:
    """What a soak showed."""

    plan: Plan
    named: list[Named]
    strange: list[str]
    levels: dict[str, int]
    rates: dict[str, float]
    memory: Memory | None
    events: dict[str, int]
    late: int
    threads: int
    speed: float

    @property
    def faults(self) -> list[str]:
        """What is not as it must be."""
        wrong = [
            f"{each.fault.kind} of {each.camera} at {each.fault.at_s:.0f} s: named {each.named_s}, over {each.over_s}"
            for each in self.named
            if not each.is_right
        ]
        wrong += [f"said without a reason: {each}" for each in self.strange]
        wrong += [f"{self.levels[level]} alerts of {level}" for level in RINGS & set(self.levels)]
        least = 0.8 * statistics.median(self.rates.values())
        wrong += [
            f"{name} starved: {rate} pictures a second" for name, rate in self.rates.items() if rate < least
        ]
        if self.memory is not None and self.memory.last_mib > GROWTH * self.memory.first_mib:
            wrong.append(f"memory grew from {self.memory.first_mib} to {self.memory.last_mib} MiB")
        if self.threads > self.plan.cameras + THREADS_BESIDE:
            wrong.append(f"{self.threads} threads for {self.plan.cameras} cameras")
        return wrong

    def table(self) -> str:
        """As Markdown: by kind of fault and form of camera, the seconds until it was named and until it was over."""
        rows = [
            "| fault | camera | times | named after, s: median / longest | over after, s: median / longest |"
        ]
        rows.append("|---|---|---|---|---|")
        groups: dict[tuple[str, str], list[Named]] = defaultdict(list)
        for each in self.named:
            groups[each.fault.kind, each.form].append(each)
        for (kind, form), told in sorted(groups.items()):
            if not told[0].fault.what.told:
                rows.append(f"| {kind} | {form} | {len(told)} | nothing to say | – |")
                continue
            rows.append(
                f"| {kind} | {form} | {len(told)} | {_span([each.named_s for each in told])} "
                f"| {_span([each.over_s for each in told])} |"
            )
        return "\n".join(rows)


def _span(values: Sequence[float | None]) -> str:
    known = [each for each in values if each is not None]
    if not known:
        return "never"
    never = f", never: {len(values) - len(known)}" if len(known) < len(values) else ""
    return f"{statistics.median(known):.0f} / {max(known):.0f}{never}"


def report(folder: Path, pack: RulePack, *, warm_up_s: float = 600.0) -> Report:
    """Judge what a run left."""
    lines, record = lines_of(folder), Record.of(folder)
    plan, faults = planned(record.soak, lasts_s=record.lasts_s)
    zero_s = record.zero_s
    return Report(
        plan=plan,
        named=judged(lines, faults, zero_s),
        strange=strange(lines, faults, zero_s, late=record.late),
        levels=levels(lines, pack),
        rates=rates(lines, faults, zero_s),
        memory=memory(record.samples, warm_up_s=warm_up_s),
        events=dict(sorted(Counter(each.event.type for each in heard(lines)).items())),
        late=len(record.late),
        speed=record.speed,
        threads=max((each.threads for each in record.samples), default=0),
    )
