"""911: what its desks send, against the same hours of the weeks before, and how long it took."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import number, series, table
from cior_grafana.queries import Audience

_TIMES = dict.fromkeys(("dispatch_p50", "dispatch_p90", "arrive_p50", "arrive_p90"), "s")

BOARD = Board(
    name="llamadas",
    audience=Audience.SUPERVISOR,
    refresh_s=60,
    since="now-7d",
    rows=(
        Row(
            height=4,
            panels=(
                number("desk_age", width=6, thresholds="desk_age", unit="s"),
                number("calls_total", width=10),
                number("merges", width=8),
            ),
        ),
        Row(height=9, panels=(series("volume", width=24),)),
        Row(
            height=12,
            panels=(
                table("by_class", width=9, units={"change": "percentunit"}),
                table("response", width=15, units=_TIMES),
            ),
        ),
        Row(height=6, panels=(table("dead", width=24, colours={"records": "some"}),)),
    ),
)
