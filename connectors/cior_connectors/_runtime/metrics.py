"""The numbers of this room, declared once (``cior_bus.metrics``).

Labels hold instance names and codes, never subjects or payloads.
"""

from __future__ import annotations

from cior_bus.metrics import PRESS, MetricKind, declare

RECEIVED = declare(
    "cior_connectors_received_payloads_total", "payloads handed over by a source", labels=("instance",)
)
RECEIVED_BYTES = declare(
    "cior_connectors_received_bytes_total", "bytes handed over by a source", labels=("instance",)
)
ANSWERED = declare(
    "cior_connectors_answered_payloads_total", "answers given to sources", labels=("instance", "outcome")
)
ANSWER_LATENCY = declare(
    "cior_connectors_receipt_to_answer_seconds",
    "receipt of a payload to its answer to the source, durable in between (law 1)",
    labels=("instance", "outcome"),
    latency=PRESS,
)
UNANSWERED = declare(
    "cior_connectors_unanswered_payloads_total", "answers that found the peer gone", labels=("instance",)
)
EVENTS = declare("cior_connectors_events_total", "events made durable", labels=("instance", "lane"))
DEAD = declare("cior_connectors_dead_letters_total", "dead letters made durable", labels=("instance", "code"))
BUGS = declare(
    "cior_connectors_decode_bugs_total", "exceptions that decode must not raise", labels=("instance",)
)
DROPPED = declare(
    "cior_connectors_dropped_events_total",
    "events given up, with reason and intent",
    labels=("instance", "reason", "intentional"),
)
UNREGISTERED = declare(
    "cior_connectors_unregistered_events_total",
    "events of devices that the registry does not have",
    labels=("instance",),
)
SEALED = declare(
    "cior_connectors_sealed_payloads_total",
    "payloads whose bytes left only inside a sealed box",
    labels=("instance",),
)
CONNECTS = declare("cior_connectors_connects_total", "successful opens", labels=("instance",))
FAILURES = declare(
    "cior_connectors_failures_total", "ends of a connection, by code", labels=("instance", "code")
)
RECONCILED = declare(
    "cior_connectors_reconciled_payloads_total",
    "payloads that history replay handed over",
    labels=("instance",),
)
STATE = declare(
    "cior_connectors_state_level",
    "0 unknown, 1 up, 2 degraded, 3 down",
    labels=("instance",),
    kind=MetricKind.GAUGE,
)
CERTIFICATE_END = declare(
    "cior_connectors_certificate_end_unixtime",
    "Unix second at which the certificate that a source serves ends, as loaded at its last open",
    labels=("instance",),
    kind=MetricKind.GAUGE,
)
QUEUED = declare(
    "cior_connectors_queued_payloads",
    "payloads received and not yet durable",
    labels=("instance",),
    kind=MetricKind.GAUGE,
)
