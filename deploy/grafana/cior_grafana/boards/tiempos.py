"""Response times: from the receipt of the first signal to somebody on scene, with everything that was not measured."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, table
from cior_grafana.queries import Audience

_SPANS = dict.fromkeys(
    ("p50_s", "p90_s", "taken_p50_s", "taken_p90_s", "scene_p50_s", "scene_p90_s"), "s"
) | {"within_pct": "percent"}

BOARD = Board(
    name="tiempos",
    audience=Audience.WALL,
    refresh_s=60,
    since="now-30d",
    rows=(
        Row(
            height=5,
            panels=(
                number(
                    "within_target",
                    width=8,
                    thresholds="within",
                    units={"within_pct": "percent", "target_s": "s"},
                ),
                number("urgent_scene", width=5, unit="s"),
                number("no_arrival", width=4, thresholds="some"),
                number("wrong_clocks", width=4, thresholds="some"),
                age(width=3),
            ),
        ),
        Row(height=8, panels=(table("steps", colours={"step": "step"}, units=_SPANS),)),
        Row(
            height=9,
            panels=(series("scene_by_day", width=14, unit="s"), series("measured_by_day", width=10)),
        ),
        Row(height=10, panels=(table("by_district", units=_SPANS),)),
        Row(height=12, panels=(table("by_family", units=_SPANS, colours={"family": "family"}),)),
    ),
)
