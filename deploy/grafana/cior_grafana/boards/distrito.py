"""One district, chosen at the top: six in one city, nine in another, never "All"."""

from __future__ import annotations

from cior_grafana.board import Board, Row, Variable
from cior_grafana.panels import age, number, points_map, series, table
from cior_grafana.queries import Audience

BOARD = Board(
    name="distrito",
    audience=Audience.WALL,
    refresh_s=30,
    variables=(Variable(name="district", query="districts"),),
    links=("muro",),
    rows=(
        Row(
            height=5,
            panels=(
                number("district_now", width=10, thresholds="some"),
                number("district_waiting", width=6, thresholds="waiting", unit="s"),
                number("district_blind", width=4, thresholds="some"),
                age(width=4),
            ),
        ),
        Row(
            height=11,
            panels=(
                table(
                    "district_list",
                    width=14,
                    colours={"level": "level", "status": "status", "drill": "drill_mark"},
                    units={"age_s": "s"},
                ),
                points_map("district_points", width=10),
            ),
        ),
        Row(
            height=8,
            panels=(
                table(
                    "all_districts",
                    width=14,
                    colours={"p1": "open_p1", "oldest_s": "waiting"},
                    units={"oldest_s": "s"},
                    links={"district": "distrito"},
                ),
                table("district_blind_spots", width=10, colours={"health": "health"}, units={"age_s": "s"}),
            ),
        ),
        Row(
            height=7,
            panels=(
                series("district_hours", width=14, stacked=True, thresholds="level"),
                table("district_facts", width=10),
            ),
        ),
    ),
)
