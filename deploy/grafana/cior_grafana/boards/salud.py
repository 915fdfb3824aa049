"""*Salud del sistema*: what technicians look at, and the room when a board says that its data are old.

Stored facts come from ClickHouse; queues, lag, certificates and latencies of this minute come from Prometheus, so that
something still speaks when the store does not.
"""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, table
from cior_grafana.queries import Audience, PromQuery


def _step(name: str, metric: str, share: float) -> str:
    """The quantile of one step of a press's way as PromQL, labelled with the step's name."""
    quantile = f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[5m])))"
    return f'label_replace({quantile}, "step", "{name}", "", "")'


# A press on its way: acknowledged by the connector, decided by the correlator, on the pages, in the store.
_WAY = {
    "1 respuesta": "cior_connectors_receipt_to_answer_seconds",
    "2 decisión": "cior_streams_receipt_to_decision_seconds",
    "3 consola": "cior_console_receipt_to_feed_seconds",
    "4 guardado": "cior_sink_receipt_to_row_seconds",
}


def _way(share: float) -> str:
    return " or ".join(_step(name, metric, share) for name, metric in _WAY.items())


PROMETHEUS = (
    PromQuery(name="parts_down", expr="count(up{job='cior'} == 0) or vector(0)"),
    PromQuery(
        name="spool_fill",
        expr="100 * max(cior_bus_spool_size_bytes / cior_bus_spool_limit_bytes)",
    ),
    PromQuery(
        name="spool",
        expr="sum by (part, spool_class) (cior_bus_spool_depth_messages)",
        legend="{{part}} {{spool_class}}",
    ),
    PromQuery(
        name="lag",
        expr="sum by (group, topic) (cior_bus_consumer_lag_messages)",
        legend="{{group}} {{topic}}",
    ),
    PromQuery(name="way_p50", expr=_way(0.5), legend="{{step}}"),
    PromQuery(name="way_p95", expr=_way(0.95), legend="{{step}}"),
    PromQuery(
        name="certificates",
        expr="min by (part, instance) ((cior_connectors_certificate_end_unixtime - time()) / 86400)",
        legend="{{part}} {{instance}}",
    ),
    PromQuery(
        name="retries",
        expr="sum by (topic) (rate(cior_bus_retried_batches_total[5m]))",
        legend="{{topic}}",
    ),
)

BOARD = Board(
    name="salud",
    audience=Audience.SUPERVISOR,
    refresh_s=30,
    since="now-6h",
    prometheus=PROMETHEUS,
    rows=(
        Row(
            height=5,
            panels=(
                age(width=4),
                number("parts_down", width=4, thresholds="parts_down"),
                number("gaps_now", width=4, thresholds="gaps"),
                number("checked", width=4, thresholds="accounts_age", unit="s"),
                number("spool_fill", width=4, thresholds="spool_fill", unit="percent"),
                number("blind", width=4, thresholds="blind_share", units={"share": "percentunit"}),
            ),
        ),
        Row(
            title="heading_accounts", height=9, panels=(series("accounts", width=14), table("gaps", width=10))
        ),
        Row(
            title="heading_dead",
            height=8,
            panels=(
                number("dead_now", width=4, thresholds="some"),
                table("dead_by_reason", width=12, units={"size_bytes": "bytes"}),
                series("refusals", width=8),
            ),
        ),
        Row(
            title="heading_queues",
            height=8,
            panels=(
                series("lag", width=10),
                series("spool", width=8),
                series("retries", width=6, unit="ops"),
            ),
        ),
        Row(
            title="heading_latency",
            height=8,
            panels=(
                series("way_p50", width=8, unit="s"),
                series("way_p95", width=8, unit="s", thresholds="press", line=True),
                series("store_delay", width=8, unit="ms"),
            ),
        ),
        Row(
            title="heading_versions",
            height=7,
            panels=(
                number("certificates", width=8, thresholds="certificate_days", unit="d"),
                table("versions", width=16),
            ),
        ),
    ),
)
