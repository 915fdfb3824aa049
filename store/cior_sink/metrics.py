"""The numbers of the sink, declared once (``cior_bus.metrics``)."""

from __future__ import annotations

from cior_bus.metrics import STORING, MetricKind, declare

ROW_LATENCY = declare(
    "cior_sink_receipt_to_row_seconds",
    "receipt of a signal at its connector to its row in the store, by kind of record; an alert by its opening",
    labels=("kind",),
    latency=STORING,
)
OVERDUE = declare(
    "cior_sink_overdue_days",
    "days of tables past their retention that were kept at the last check, by what kept them",
    labels=("kept_by",),
    kind=MetricKind.GAUGE,
)
