"""The operators' wall: what is open now, what waits, where we are blind, and whether the data are of now."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, points_map, table
from cior_grafana.queries import Audience

BOARD = Board(
    name="muro",
    audience=Audience.WALL,
    refresh_s=10,
    kiosk=True,
    rows=(
        Row(
            height=5,
            panels=(
                number("p1_waiting", width=5, thresholds="open_p1"),
                number("oldest_waiting", width=5, thresholds="waiting", unit="s"),
                number("blind_count", width=4, thresholds="some"),
                number("false_share", width=4, thresholds="false_share", units={"share": "percentunit"}),
                number("drill", width=3, thresholds="drill"),
                age(width=3),
            ),
        ),
        Row(
            height=7,
            panels=(
                table(
                    "open_by_level",
                    width=9,
                    colours={"level": "level", "oldest_s": "waiting"},
                    units={"oldest_s": "s"},
                ),
                table("reserved_districts", width=6, colours={"level": "level"}),
                table("blind_spots", width=9, colours={"health": "health"}, units={"age_s": "s"}),
            ),
        ),
        Row(
            height=13,
            panels=(
                table(
                    "open_list",
                    width=14,
                    colours={"level": "level", "status": "status", "drill": "drill_mark"},
                    units={"age_s": "s"},
                ),
                points_map("open_points", width=10),
            ),
        ),
    ),
)
