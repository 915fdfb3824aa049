"""The few store questions of the wall page, as plain values the page can draw. What they leave out is decided by the store's views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cior_store.questions import Questions

HOUR_MS = 3_600_000
_STATES = {
    "silent": ("callado", "silent"), "degraded": ("degradado", "degraded"), "down": ("caído", "down"), "tampered": ("sabotaje", "tampered"),
}


def wall_questions(questions: Questions, now_ms: Callable[[], int], *, in_flight_s: float = 30.0) -> Mapping[str, Callable[[], Any]]:
    """Question name → function. Windows: the last hour."""

    def latency() -> dict[str, Any]:
        row = questions.p1_latency(since_ms=now_ms() - HOUR_MS, until_ms=now_ms() + 1)
        return {"n": row.alerts, "p50_ms": row.visible_p50_ms, "p95_ms": row.visible_p95_ms, "p99_ms": row.visible_p99_ms}

    def balance() -> dict[str, Any]:
        settled_ms = now_ms() - int(in_flight_s * 1000)
        rows = questions.reconciliation(since_ms=now_ms() - HOUR_MS, until_ms=settled_ms)
        claimed = [row for row in rows if row.accepted is not None]
        missing = sum(abs(row.missing_raw) for row in claimed) + sum(abs(row.missing_outcomes) for row in rows)
        return {"raw": sum(row.raw_stored for row in rows), "events": sum(row.events_stored for row in rows), "dead": sum(row.dead_stored for row in rows),
                "gap": missing}

    def blind() -> list[dict[str, Any]]:
        return [
            {"name": spot.subject, "state_es": _STATES.get(spot.health, (spot.health,))[0], "state_en": spot.health, "since_ms": spot.since_ms}
            for spot in questions.blind_spots()
        ]

    def sources() -> list[dict[str, Any]]:
        rows = questions.signals_by_source(since_ms=now_ms() - HOUR_MS, until_ms=now_ms() + 1)
        return [{"source": row.source.removeprefix("urn:cior:"), "signals": row.signals, "dead": row.dead} for row in rows]

    return {"latency": latency, "balance": balance, "blind": blind, "sources": sources}
