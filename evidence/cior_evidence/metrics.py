"""The numbers of who builds and keeps packages, declared once (``cior_bus.metrics``)."""

from __future__ import annotations

from cior_bus.metrics import MetricKind, declare

RENEWALS = declare(
    "cior_evidence_renewal_packages",
    "sealed packages at the last look, by how their last time-stamp stands: fresh, due, late (its certificate ended), "
    "unreadable",
    labels=("state",),
    kind=MetricKind.GAUGE,
)
RENEWAL_OVERDUE = declare(
    "cior_evidence_renewal_overdue_days",
    "days since the package that waits longest for its next time-stamp was due: how long none could be made",
    kind=MetricKind.GAUGE,
)
RENEWED = declare("cior_evidence_renewed_packages_total", "time-stamps that the part added by itself")
