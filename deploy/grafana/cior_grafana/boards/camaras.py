"""Cameras: what sees, what does not and since when, and with what each is watched."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import age, number, series, state_timeline, table
from cior_grafana.queries import Audience

_SHARE = "percentunit"
_STATE = {"state": "camera_code", "reason": "camera_reason"}

BOARD = Board(
    name="camaras",
    audience=Audience.SUPERVISOR,
    refresh_s=30,
    rows=(
        Row(height=4, panels=(number("camera_counts", width=20, thresholds="some"), age())),
        Row(
            height=8,
            panels=(
                table("blind_by_district", width=10, colours={"blind": "some", "no_word": "some"}),
                table("out_now", width=14, colours=_STATE),
            ),
        ),
        Row(height=14, panels=(state_timeline("timeline", width=24, thresholds="camera_code"),)),
        Row(
            height=10,
            panels=(
                table(
                    "availability",
                    width=12,
                    colours={"up": "availability"},
                    units=dict.fromkeys(("up", "poor", "blind", "no_word", "gate_share"), _SHARE),
                ),
                table(
                    "watchers",
                    width=12,
                    colours={"offset_s": "clock_offset"},
                    units={"gate_share": _SHARE, "offset_s": "s"},
                ),
            ),
        ),
        Row(height=8, panels=(series("stretches", width=24),)),
    ),
)
