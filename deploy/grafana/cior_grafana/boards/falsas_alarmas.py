"""The ledger of false alarms: what each source's alerts turned out to be, with intervals, hours and money."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, table
from cior_grafana.queries import Audience

_UNITS = dict.fromkeys(("confirmed_pct", "low_pct", "high_pct"), "percent") | {"hours": "suffix:h"}

BOARD = Board(
    name="falsas_alarmas",
    audience=Audience.SUPERVISOR,
    refresh_s=300,
    since="now-30d",
    rows=(
        Row(
            height=5,
            panels=(
                number("total", width=10, units=_UNITS | {"judged": "short"}),
                number("spent", width=7, units=_UNITS),
                table("cost_basis", width=4),
                age(width=3),
            ),
        ),
        Row(
            height=7,
            panels=(table("by_kind", width=14, units=_UNITS), series("by_day", width=10, stacked=True)),
        ),
        Row(height=9, panels=(table("by_source", units=_UNITS),)),
        Row(height=10, panels=(table("by_family", units=_UNITS, colours={"family": "family"}),)),
        Row(height=9, panels=(table("by_device", units=_UNITS),)),
        Row(
            height=9,
            panels=(
                table("by_camera_rule", width=12, units=_UNITS),
                table("by_rule_hour", width=12, units=_UNITS),
            ),
        ),
    ),
)
