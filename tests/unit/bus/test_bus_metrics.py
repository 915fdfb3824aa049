"""What a process measures: declared once, kept in a registry of its own, read back with Prometheus' own parser."""

from __future__ import annotations

from importlib import import_module

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cior.docs_command import METRIC_MODULES
from cior_bus import metrics
from cior_bus.metrics import Aim, Latency, MetricKind, Metrics, MetricSpec

NAMING = {
    "subject",
    "device",
    "camera",
    "source",
    "peer",
    "address",
    "place",
    "district",
    "lat",
    "lon",
    "id",
    "key",
}


def catalogue() -> tuple[MetricSpec, ...]:
    for module in METRIC_MODULES:
        import_module(module)
    return metrics.catalogue()


def samples(numbers: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of the labels' names."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(numbers.text())
        for sample in family.samples
        if sample.name == name
    }


def test_a_counter_is_exported_under_its_name_and_labels() -> None:
    numbers = Metrics()
    numbers.add(metrics.DROPPED, "normal", 'a "quoted"\nreason', "true", amount=3)
    numbers.add(metrics.DROPPED, "normal", "spool_full", "true")
    assert numbers.value(metrics.DROPPED, "normal") == 4
    assert samples(numbers, "cior_bus_dropped_records_total") == {
        ("true", 'a "quoted"\nreason', "normal"): 3,
        ("true", "spool_full", "normal"): 1,
    }
    assert "_created" not in numbers.text()


def test_a_latency_is_counted_in_the_buckets_of_its_promise() -> None:
    numbers = Metrics()
    for value_s in (0.004, 0.45, 0.5, 0.9, 7.0, -3.0):
        numbers.observe(metrics.PUBLISH_LATENCY, "direct", value_s=value_s)
    buckets = samples(numbers, "cior_bus_publish_seconds_bucket")
    assert [buckets[limit, "direct"] for limit in ("0.5", "1.0", "+Inf")] == [4, 5, 6]
    assert samples(numbers, "cior_bus_publish_seconds_sum")["direct",] == pytest.approx(8.854)
    assert numbers.value(metrics.PUBLISH_LATENCY) == 6


def test_gauges_are_set_or_read_when_somebody_asks() -> None:
    numbers, waiting = Metrics(), [3.0]
    numbers.read_at_scrape(lambda: {(metrics.SPOOL_DEPTH.name, ("normal",)): waiting[0]})
    numbers.read_at_scrape(lambda: {(metrics.SPOOL_DEPTH.name, ("telemetry",)): 1.0})
    numbers.set(metrics.SPOOL_BYTES, "normal", value=7)
    numbers.set(metrics.SPOOL_BYTES, "normal", value=5)
    waiting[0] = 4.0
    assert samples(numbers, metrics.SPOOL_DEPTH.name) == {("normal",): 4, ("telemetry",): 1}
    assert numbers.value(metrics.SPOOL_BYTES) == 5


def test_two_registries_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.add(metrics.AWAY)
    assert (one.value(metrics.AWAY), other.value(metrics.AWAY), other.text()) == (1, 0, "")


def test_wrong_labels_kinds_and_names_are_refused() -> None:
    numbers = Metrics()
    with pytest.raises(ValueError, match="labels"):
        numbers.add(metrics.DROPPED, "normal")
    with pytest.raises(ValueError, match="is a gauge"):
        numbers.add(metrics.SPOOL_DEPTH, "normal")
    for name, kind in (
        ("bus_total", MetricKind.COUNTER),
        ("cior_bus_things", MetricKind.COUNTER),
        ("cior_bus_wait_seconds", MetricKind.COUNTER),
        ("cior_bus_things_total", MetricKind.GAUGE),
    ):
        with pytest.raises(ValueError, match="grammar"):
            metrics.declare(name, "a name outside the grammar", kind=kind)
    with pytest.raises(ValueError, match="grammar"):
        metrics.declare("cior_bus_wait_ms", "a histogram in another unit", latency=metrics.PRESS)
    with pytest.raises(ValueError, match="differently"):
        metrics.declare(metrics.AWAY.name, "another meaning")


def test_a_promise_that_no_bucket_ends_at_is_refused() -> None:
    with pytest.raises(ValueError, match="no bucket"):
        Latency((0.1, 1.0), (Aim(0.95, 0.5),))


def test_every_latency_promise_has_a_histogram() -> None:
    promised = {spec.name for spec in catalogue() if spec.latency is not None and spec.latency.aims}
    assert promised >= {
        "cior_connectors_receipt_to_answer_seconds",
        "cior_streams_receipt_to_decision_seconds",
        "cior_sink_receipt_to_row_seconds",
        "cior_console_receipt_to_feed_seconds",
        "cior_vision_frame_to_event_seconds",
    }


def test_no_label_names_a_person_an_address_or_a_place() -> None:
    assert not {(spec.name, label) for spec in catalogue() for label in spec.labels if label in NAMING}


def test_law_11_every_drop_counter_carries_reason_and_intent() -> None:
    drops = [spec for spec in catalogue() if "_dropped_" in spec.name]
    assert len(drops) >= 4
    assert all({"reason", "intentional"} <= set(spec.labels) for spec in drops)
