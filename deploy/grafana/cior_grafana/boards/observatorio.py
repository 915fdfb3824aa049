"""The observatory: closed months with small counts hidden, rates with their population, and where alerts gather."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import note, number, series, table
from cior_grafana.queries import Audience

_HIDDEN = {"alerts": "hidden"}

BOARD = Board(
    name="observatorio",
    audience=Audience.OBSERVATORY,
    refresh_s=300,
    since="now-24M/M",
    rows=(
        Row(
            height=6,
            panels=(
                number("told", width=6, units={"hidden_pct": "percent"}),
                note("how_to_read", width=10),
                table("population", width=8),
            ),
        ),
        Row(
            height=9,
            panels=(series("by_family", width=14), series("city_rate", width=10)),
        ),
        Row(height=11, panels=(table("families", colours=_HIDDEN | {"family": "family"}),)),
        Row(height=10, panels=(table("districts", colours=_HIDDEN),)),
        Row(
            height=9,
            panels=(
                table(
                    "outcomes",
                    width=14,
                    colours=dict.fromkeys(("confirmed", "false_alarms", "unfounded", "judged"), "hidden"),
                ),
                table("reserved", width=10, colours=_HIDDEN),
            ),
        ),
        Row(
            height=9,
            panels=(
                table("response", width=14, units={"p50_s": "s", "p90_s": "s", "within_pct": "percent"}),
                series("concentration", width=10, unit="percent"),
            ),
        ),
        Row(height=8, panels=(table("months", units={"hidden_pct": "percent"}),)),
    ),
)
