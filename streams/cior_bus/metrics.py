"""What a process measures: counters, gauges and histograms, declared once with their meaning and served as Prometheus
text.

:func:`declare` is the one declaration, :func:`catalogue` lists all (``docs/metrics.md`` is generated from it), and
``prometheus_client`` holds
the numbers of one :class:`Metrics`, a registry of its own. :mod:`cior_bus.metrics_endpoint` serves it. Law 11: whatever
is dropped is counted in ``cior_<room>_dropped_records_total{reason, intentional}`` and nowhere silently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cior_core.model import Struct

# Each counter would otherwise bring a second series with the second of its birth.
_without_births: Callable[[], None] = disable_created_metrics
_without_births()

Series = tuple[str, tuple[str, ...]]
"""One line of a metric: its name and the values of its labels."""
Readings = Mapping[Series, float]
Record = Callable[[float], None]


class MetricKind(StrEnum):
    """Prometheus' types that we use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Aim(Struct, frozen=True):
    """A promise about a latency: the share ``quantile`` of all takes at most ``limit_s``."""

    quantile: float
    limit_s: float

    def __str__(self) -> str:
        return f"p{self.quantile * 100:g} ≤ {self.limit_s:g} s"


class Latency(Struct, frozen=True):
    """The bucket boundaries of a histogram, in seconds, and what is promised.

    Every promise lies on a boundary, so it is counted exactly.
    """

    buckets_s: tuple[float, ...]
    aims: tuple[Aim, ...] = ()

    def __post_init__(self) -> None:
        if missing := [aim.limit_s for aim in self.aims if aim.limit_s not in self.buckets_s]:
            raise ValueError(f"no bucket ends at {missing}: the aim could not be read off")


_PRESS_AIMS = (Aim(0.95, 0.5), Aim(0.99, 1.0))
PRESS = Latency(
    (
        0.005,
        0.01,
        0.02,
        0.03,
        0.05,
        0.075,
        0.1,
        0.15,
        0.2,
        0.3,
        0.4,
        0.5,
        0.75,
        1.0,
        2.0,
        5.0,
        15.0,
        60.0,
        300.0,
    ),
    _PRESS_AIMS,
)
"""A press on its way to the wall, and each part of that way (design §2)."""
DISK = Latency((0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0))
"""One write that must reach a disk, or one answer of a broker beside us."""
STORING = Latency(
    (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0),
    (Aim(0.99, 120.0),),
)
"""A row on its way to the store: batches gather for seconds, a backlog drains within two minutes."""


class MetricSpec(Struct, frozen=True):
    """One declared metric.

    ``labels`` never hold an identity, an address or a place. ``latency`` is set for histograms alone.
    """

    name: str
    kind: MetricKind
    purpose: str
    labels: tuple[str, ...] = ()
    latency: Latency | None = None


_ENDING = {MetricKind.COUNTER: "_total", MetricKind.HISTOGRAM: "_seconds"}
_DECLARED: dict[str, MetricSpec] = {}


def declare(
    name: str,
    purpose: str,
    *,
    labels: tuple[str, ...] = (),
    kind: MetricKind = MetricKind.COUNTER,
    latency: Latency | None = None,
) -> MetricSpec:
    """Add a metric to the catalogue (at import of its module); with ``latency`` it is a histogram.

    Names follow ``cior_<room>_<noun>_<unit>[_total]``. Raises ``ValueError`` for another name or a second meaning.
    """
    kind = MetricKind.HISTOGRAM if latency is not None else kind
    own = _ENDING.get(kind)
    foreign = [ending for ending in _ENDING.values() if ending != own and name.endswith(ending)]
    if not name.startswith("cior_") or foreign or (own is not None and not name.endswith(own)):
        raise ValueError(f"metric name {name!r} breaks the grammar")
    spec = MetricSpec(name=name, kind=kind, purpose=purpose, labels=labels, latency=latency)
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
SPOOL_LIMIT = declare(
    "cior_bus_spool_limit_bytes",
    "bytes of disk that a class of the spool may take before it refuses",
    labels=("spool_class",),
    kind=MetricKind.GAUGE,
)
LAG = declare(
    "cior_bus_consumer_lag_messages",
    "messages of a topic that the broker has and a batch consumer has not handled",
    labels=("group", "topic"),
    kind=MetricKind.GAUGE,
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
PUBLISH_LATENCY = declare(
    "cior_bus_publish_seconds",
    "publish to durable: acknowledged by the broker, or in the fsynced spool",
    labels=("path",),
    latency=PRESS,
)
FSYNC_LATENCY = declare(
    "cior_bus_spool_fsync_seconds", "one fsync of the spool", labels=("spool_class",), latency=DISK
)


class Metrics:
    """The numbers of one process, or of one test; thread-safe. ``registry`` is what an endpoint serves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._families: dict[str, Counter | Gauge | Histogram] = {}
        self._adding: dict[Series, Record] = {}
        self._setting: dict[Series, Record] = {}
        self._observing: dict[Series, Record] = {}
        self._at_scrape = _GaugesAtScrape()
        self.registry.register(self._at_scrape)

    # Each of the three is on the path of every message: one look-up, then the library's own increment.

    def add(self, spec: MetricSpec, *labels: str, amount: float = 1) -> None:
        """Raise a counter. ``labels`` in the order of the declaration."""
        record = self._adding.get((spec.name, labels)) or self._learn(self._adding, spec, labels)
        record(amount)

    def set(self, spec: MetricSpec, *labels: str, value: float) -> None:
        """Set a gauge."""
        record = self._setting.get((spec.name, labels)) or self._learn(self._setting, spec, labels)
        record(value)

    def observe(self, spec: MetricSpec, *labels: str, value_s: float) -> None:
        """Put one latency into a histogram. A clock that stepped back gives 0, never a negative sum."""
        record = self._observing.get((spec.name, labels)) or self._learn(self._observing, spec, labels)
        record(value_s if value_s > 0 else 0.0)

    def read_at_scrape(self, read: Callable[[], Readings]) -> None:
        """Register a reader of gauges, called whenever somebody asks for the numbers."""
        self._at_scrape.readers.append(read)

    def value(self, spec: MetricSpec, *labels: str) -> float:
        """One number (0 if never touched), of a histogram its count; with fewer labels than declared, the sum over the
        rest.
        """
        name = f"{spec.name}_count" if spec.kind is MetricKind.HISTOGRAM else spec.name
        wanted = dict(zip(spec.labels, labels, strict=False)).items()
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and wanted <= sample.labels.items()
        )

    def text(self) -> str:
        """All numbers now, as Prometheus text."""
        return generate_latest(self.registry).decode()

    def _learn(self, known: dict[Series, Record], spec: MetricSpec, labels: tuple[str, ...]) -> Record:
        """What records this metric under these labels, kept in ``known``.

        Raises ``ValueError`` for another kind or other labels.
        """
        expected = {
            MetricKind.COUNTER: self._adding,
            MetricKind.GAUGE: self._setting,
            MetricKind.HISTOGRAM: self._observing,
        }
        if known is not expected[spec.kind]:
            raise ValueError(f"{spec.name} is a {spec.kind}")
        if len(labels) != len(spec.labels):
            raise ValueError(f"{spec.name} wants labels {spec.labels}")
        with self._lock:
            if spec.name not in self._families:
                self._families[spec.name] = _family(spec, self.registry)
            family = self._families[spec.name]
            record = known[spec.name, labels] = _recorder(family.labels(*labels) if labels else family)
        return record


def _family(spec: MetricSpec, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match spec.kind:
        case MetricKind.COUNTER:
            return Counter(spec.name, spec.purpose, spec.labels, registry=registry)
        case MetricKind.GAUGE:
            return Gauge(spec.name, spec.purpose, spec.labels, registry=registry)
        case MetricKind.HISTOGRAM:
            buckets_s = spec.latency.buckets_s if spec.latency is not None else ()
            return Histogram(spec.name, spec.purpose, spec.labels, registry=registry, buckets=buckets_s)


def _recorder(child: Counter | Gauge | Histogram) -> Record:
    match child:
        case Counter():
            return child.inc
        case Gauge():
            return child.set
        case Histogram():
            return child.observe


class _GaugesAtScrape(Collector):
    """Gauges that are read rather than kept: the library asks this one whenever somebody asks for the numbers."""

    def __init__(self) -> None:
        self.readers: list[Callable[[], Readings]] = []

    def collect(self) -> Iterator[Metric]:
        found: dict[str, GaugeMetricFamily] = {}
        for read in self.readers:
            for (name, labels), number in read().items():
                spec = _DECLARED[name]
                family = found.setdefault(name, GaugeMetricFamily(name, spec.purpose, labels=spec.labels))
                family.add_metric(labels, number)
        yield from found.values()
