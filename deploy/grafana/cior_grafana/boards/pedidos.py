"""Judicial requests: how many, how long each step takes, what is overdue, and the two clocks of what is pending."""

from __future__ import annotations

from cior_grafana.board import Board, Row
from cior_grafana.panels import note, number, series, table
from cior_grafana.queries import Audience

_SPANS = {f"{step}_{share}_s": "s" for step in ("held", "exported", "delivered") for share in ("p50", "p90")}

BOARD = Board(
    name="pedidos",
    audience=Audience.SUPERVISOR,
    refresh_s=60,
    since="now-1y",
    rows=(
        Row(
            height=5,
            panels=(
                number("pending", width=4),
                number("overdue", width=4, thresholds="some"),
                number("next_deadline", width=5, thresholds="left", unit="s"),
                number("next_expiry", width=5, thresholds="left", unit="s"),
                note("not_yet", width=6),
            ),
        ),
        Row(
            height=10,
            panels=(
                table(
                    "clocks",
                    width=16,
                    colours={"state": "request_state", "deadline_in_s": "left", "expiry_in_s": "left"},
                    units={"deadline_in_s": "s", "expiry_in_s": "s"},
                ),
                table("by_state", width=8, colours={"state": "request_state"}),
            ),
        ),
        Row(height=9, panels=(table("by_authority", units=_SPANS),)),
        Row(
            height=8,
            panels=(
                table("answers", width=12, colours={"authority_kind": "authority_kind"}),
                series("received_by_month", width=12),
            ),
        ),
    ),
)
