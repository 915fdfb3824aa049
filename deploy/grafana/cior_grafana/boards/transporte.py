"""Transport: presses by line, vehicles that do not report, and how long a press waits."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, table
from cior_grafana.queries import Audience

BOARD = Board(
    name="transporte",
    audience=Audience.SUPERVISOR,
    refresh_s=30,
    rows=(
        Row(
            height=4,
            panels=(
                number("fleet_now", width=10, thresholds="some"),
                number("presses_total", width=10),
                age(),
            ),
        ),
        Row(
            height=8,
            panels=(table("presses_by_route", width=10), series("presses_over_time", width=14, stacked=True)),
        ),
        Row(
            height=9,
            panels=(
                table("fleet_by_route", width=10, colours={"silent": "some"}),
                table("silent_vehicles", width=14, colours={"state": "vehicle_code"}, units={"age_s": "s"}),
            ),
        ),
        Row(
            height=9,
            panels=(
                table(
                    "acknowledge_by_route",
                    width=12,
                    colours={"not_taken": "some", "p90_s": "waiting"},
                    units={"p50_s": "s", "p90_s": "s"},
                ),
                table(
                    "false_by_route",
                    width=12,
                    colours={"false_share": "false_share"},
                    units={"false_share": "percentunit"},
                ),
            ),
        ),
    ),
)
