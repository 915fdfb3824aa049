"""The numbers of the console, declared once (``cior_bus.metrics``)."""

from __future__ import annotations

from cior_bus.metrics import PRESS, MetricKind, declare

FEED_LATENCY = declare(
    "cior_console_receipt_to_feed_seconds",
    "receipt of the signal that opened an alert to that alert in the live feed of every open page",
    latency=PRESS,
)
WATCHERS = declare("cior_console_open_pages", "pages that watch the live feed", kind=MetricKind.GAUGE)
RESYNCS = declare(
    "cior_console_resyncs_total", "times a page was too slow and was told to take a new snapshot"
)
REFUSED = declare(
    "cior_console_refused_total",
    "what was refused: host, origin, token, tries, nobody, full, connections, slow, footage",
    labels=("reason",),
)
VIEWS = declare(
    "cior_console_footage_views",
    "views of footage that are open, live or of an interval",
    kind=MetricKind.GAUGE,
)
CONVERSIONS = declare(
    "cior_console_conversions_total",
    "segments asked for as every browser shows them: made, kept (made a moment ago), blank (nothing could be decoded), "
    "failed, busy (refused: enough is being made)",
    labels=("outcome",),
)
DENIED = declare(
    "cior_console_denied_total",
    "requests of people with a name that were refused, by the rule that refused; each is in the ledger",
    labels=("rule",),
)
JOURNALED = declare(
    "cior_console_journaled_acts_total",
    "acknowledgements of life-safety that went into the journal while the register was away",
)
ELSEWHERE = declare(
    "cior_console_acts_elsewhere_total",
    "decisions that another part signed and that got their row in the ledger here, by the part",
    labels=("signer",),
)
LEDGER_WAITING = declare(
    "cior_console_ledger_waiting_entries",
    "entries of the ledger that are not on the bus yet; while the bus is away they wait in the register",
    kind=MetricKind.GAUGE,
)
LEDGER_MISSING = declare(
    "cior_console_ledger_copy_missing_entries",
    "numbers of the ledger's copy in the store from its first hole on; what was lost is sent again by itself",
    kind=MetricKind.GAUGE,
)
LEDGER_AGAIN = declare(
    "cior_console_ledger_sent_again_total", "times the ledger went out again from a hole in its copy"
)
UNRECORDED = declare(
    "cior_console_unrecorded_total",
    "what went on, or was refused, while the register was away and no row of the ledger could be written",
    labels=("what",),
)
