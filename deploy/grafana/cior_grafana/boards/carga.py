"""The operators' load: how many alerts open in ten minutes, where, when, and against how many positions."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, note, number, series, table
from cior_grafana.queries import Audience

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

BOARD = Board(
    name="carga",
    audience=Audience.WALL,
    refresh_s=30,
    since="now-7d",
    rows=(
        Row(
            height=5,
            panels=(
                number("last_ten", width=7, thresholds="load"),
                number("open_per_operator", width=6),
                number("today", width=8, thresholds="day_load", units={"share_pct": "percent"}),
                age(width=3),
            ),
        ),
        Row(
            height=9,
            panels=(
                series("per_ten_by_level", width=12, stacked=True, thresholds="level"),
                series("per_ten_by_district", width=12, stacked=True),
            ),
        ),
        Row(
            height=9,
            panels=(
                table("floods", width=12, colours={"state": "load_state"}),
                table("by_hour", width=12, colours=dict.fromkeys(_DAYS, "heat")),
            ),
        ),
        Row(
            height=8,
            panels=(
                series("candidates_by_day", width=12),
                table("by_connector", width=6),
                note("shifts", width=6),
            ),
        ),
    ),
)
