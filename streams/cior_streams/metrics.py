"""What a stream worker counts; declared beside the bus's own numbers so that one catalogue lists all."""

from __future__ import annotations

from cior_bus.metrics import PRESS, MetricKind, declare

HANDLED = declare("cior_streams_handled_messages_total", "messages an agent finished", labels=("agent",))
BURIED = declare(
    "cior_streams_dropped_records_total",
    "records that became dead letters instead of state",
    labels=("agent", "reason", "intentional"),
)
RETRIED = declare(
    "cior_streams_retried_messages_total",
    "times an agent waited and tried a message again",
    labels=("agent", "code"),
)
REPLAYED = declare(
    "cior_streams_replayed_items_total", "items that were applied already and came again", labels=("agent",)
)
RESETS = declare(
    "cior_streams_log_resets_total", "times a source log was found to have started over", labels=("agent",)
)
DEGRADED = declare(
    "cior_streams_degraded_alerts_total",
    "alerts raised although a life-safety item could not be processed",
    labels=("agent",),
)
EFFECTS = declare(
    "cior_streams_published_effects_total", "alerts, transitions and commands published", labels=("kind",)
)
DERIVED = declare("cior_streams_derived_events_total", "events that device tracking added", labels=("type",))
REBALANCES = declare("cior_streams_rebalances_total", "times the partitions of this worker changed")
FAULTS = declare(
    "cior_streams_timer_faults_total",
    "errors of a timer, which then waits for its next turn",
    labels=("code",),
)
READY = declare("cior_streams_ready_state", "1 when recovered and reading", kind=MetricKind.GAUGE)
DECISION_LATENCY = declare(
    "cior_streams_receipt_to_decision_seconds",
    "receipt of an event at its connector to the correlator's decision, published",
    labels=("life_safety",),
    latency=PRESS,
)
