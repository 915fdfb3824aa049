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
OLDEST_WAITING = declare(
    "cior_streams_oldest_waiting_milliseconds",
    "age of the oldest message, on a topic that carries presses, which nobody has processed yet; red above 2000",
    kind=MetricKind.GAUGE,
)
ADMITTED = declare(
    "cior_streams_admitted_items_total", "items that may wait, let into the area log at their pace"
)
AHEAD = declare(
    "cior_streams_ahead_items_state",
    "items that may wait, in the area log and not processed yet: the most that a press finds before it",
    kind=MetricKind.GAUGE,
)
UNANSWERED = declare(
    "cior_streams_admission_stalls_total", "times the area log took nothing for seconds while items waited"
)
DECISION_LATENCY = declare(
    "cior_streams_receipt_to_decision_seconds",
    "receipt of an event at its connector to the correlator's decision, published",
    labels=("life_safety",),
    latency=PRESS,
)
