"""Community alarms: whether the units report, and when too many speak or fall silent together."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, table
from cior_grafana.queries import Audience

_WORSE = {"silent": "some", "late": "some"}

BOARD = Board(
    name="alarmas",
    audience=Audience.SUPERVISOR,
    refresh_s=30,
    since="now-7d",
    rows=(
        Row(height=4, panels=(number("units_now", width=20, thresholds="some"), age())),
        Row(
            height=9,
            panels=(
                table("supervision", width=11, colours=_WORSE),
                table(
                    "silent_units", width=13, colours={"state": "unit_code"}, units={"expected_every_s": "s"}
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                table("storms", width=13, colours={"silent_units": "some"}),
                table("unit_bursts", width=11),
            ),
        ),
        Row(height=8, panels=(series("presses_by_day", width=24, stacked=True),)),
        Row(
            height=10,
            panels=(table("busiest", width=13), table("troubles", width=11)),
        ),
    ),
)
