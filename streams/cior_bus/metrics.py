"""Counters and gauges as plain numbers, exportable as Prometheus text (exposition format 0.0.4).

Every metric is declared once, with its meaning; :func:`catalogue` lists the declarations and ``docs/metrics.md`` is generated from it.
Law 11: whatever is dropped is counted in ``cior_<room>_dropped_records_total{reason, intentional}`` and nowhere silently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from enum import StrEnum

from cior_core.model import Struct


class MetricKind(StrEnum):
    """Prometheus' two types that we use."""

    COUNTER = "counter"
    GAUGE = "gauge"


class MetricSpec(Struct, frozen=True):
    """One declared metric. ``labels`` never hold an identity, an address or a place."""

    name: str
    kind: MetricKind
    purpose: str
    labels: tuple[str, ...] = ()


_DECLARED: dict[str, MetricSpec] = {}


def declare(
    name: str, purpose: str, *, labels: tuple[str, ...] = (), kind: MetricKind = MetricKind.COUNTER
) -> MetricSpec:
    """Add a metric to the catalogue (at import of its module). Names follow ``cior_<room>_<noun>_<unit>[_total]``."""
    if not name.startswith("cior_") or (kind is MetricKind.COUNTER) != name.endswith("_total"):
        raise ValueError(f"metric name {name!r} breaks the grammar")
    spec = MetricSpec(name=name, kind=kind, purpose=purpose, labels=labels)
    if _DECLARED.setdefault(name, spec) != spec:
        raise ValueError(f"metric {name!r} declared twice, differently")
    return spec


def catalogue() -> tuple[MetricSpec, ...]:
    """Every declared metric by name, for the documentation generator."""
    return tuple(_DECLARED[name] for name in sorted(_DECLARED))


PUBLISHED = declare(
    "cior_bus_published_messages_total", "messages acknowledged by the broker", labels=("topic", "path")
)
SPOOLED = declare(
    "cior_bus_spooled_messages_total", "messages made durable in the spool", labels=("spool_class",)
)
DROPPED = declare(
    "cior_bus_dropped_records_total",
    "records the bus gave up, with the reason and whether it was meant",
    labels=("spool_class", "reason", "intentional"),
)
REFUSED = declare(
    "cior_bus_refused_publishes_total",
    "publishes refused upstream; the source was not acknowledged",
    labels=("spool_class", "reason"),
)
AWAY = declare("cior_bus_outages_total", "times the broker was found away")
DEAD_LETTERS = declare("cior_bus_dead_letters_total", "dead letters written", labels=("stage", "code"))
SPOOL_DEPTH = declare(
    "cior_bus_spool_depth_messages",
    "messages waiting in the spool",
    labels=("spool_class",),
    kind=MetricKind.GAUGE,
)
SPOOL_BYTES = declare(
    "cior_bus_spool_size_bytes", "bytes of the spool on disk", labels=("spool_class",), kind=MetricKind.GAUGE
)
CONSUMED = declare(
    "cior_bus_consumed_messages_total",
    "messages handled and committed by a batch consumer",
    labels=("topic",),
)
RETRIED = declare(
    "cior_bus_retried_batches_total",
    "times a batch was tried again because its sink was away",
    labels=("topic",),
)
OBEYED = declare(
    "cior_bus_obeyed_commands_total",
    "commands for this process that ended, by what became of them",
    labels=("kind", "outcome"),
)


class Metrics:
    """A set of numbers; thread-safe. One per process, or one per test."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, tuple[str, ...]], float] = {}
        self._gauges: list[Callable[[], Mapping[tuple[str, tuple[str, ...]], float]]] = []

    def add(self, spec: MetricSpec, *labels: str, amount: float = 1) -> None:
        """Raise a counter. ``labels`` in the order of the declaration."""
        if len(labels) != len(spec.labels):
            raise ValueError(f"{spec.name} wants labels {spec.labels}")
        with self._lock:
            self._values[spec.name, labels] = self._values.get((spec.name, labels), 0) + amount

    def set(self, spec: MetricSpec, *labels: str, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[spec.name, labels] = value

    def observe(self, read: Callable[[], Mapping[tuple[str, tuple[str, ...]], float]]) -> None:
        """Register a reader of gauges, called at export: ``{(name, labels): value}``."""
        self._gauges.append(read)

    def value(self, spec: MetricSpec, *labels: str) -> float:
        """One number (0 if never touched); with fewer labels than declared, the sum over the rest."""
        return sum(
            number
            for (name, have), number in self.snapshot().items()
            if name == spec.name and have[: len(labels)] == labels
        )

    def snapshot(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """All numbers now, gauges read."""
        with self._lock:
            values = dict(self._values)
        for read in self._gauges:
            values.update(read())
        return values

    def text(self) -> str:
        """Prometheus exposition text."""
        lines: list[str] = []
        values = self.snapshot()
        for spec in catalogue():
            mine = sorted((labels, number) for (name, labels), number in values.items() if name == spec.name)
            if mine:
                lines += [f"# HELP {spec.name} {spec.purpose}", f"# TYPE {spec.name} {spec.kind.value}"]
                lines += [f"{spec.name}{_labels(spec.labels, labels)} {number:g}" for labels, number in mine]
        return "\n".join(lines) + "\n" if lines else ""


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
