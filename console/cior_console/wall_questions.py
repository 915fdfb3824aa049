"""The few store questions of the wall page, as plain values the page can draw.

What they leave out is decided by the store's views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cior_console.summary import Summary, balance_of, summarise
from cior_store.answers import BlindSpot
from cior_store.questions import ConsoleQuestions

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
_STATES = {
    "silent": ("callado", "silent"),
    "degraded": ("degradado", "degraded"),
    "down": ("caído", "down"),
    "tampered": ("sabotaje", "tampered"),
}

_WORKERS = "streams:"
"""How the workers call themselves when presses wait for them (``cior_streams.lateness``)."""


def settled_until_ms(now_ms: int, *, in_flight_s: float) -> int:
    """The end of the last whole minute that ended at least ``in_flight_s`` ago."""
    return (now_ms - int(in_flight_s * 1000)) // MINUTE_MS * MINUTE_MS


def wall_questions(
    questions: ConsoleQuestions, now_ms: Callable[[], int], *, in_flight_s: float = 90.0, drills: bool = False
) -> Mapping[str, Callable[[], Any]]:
    """Question name → function. Windows: the last hour; ``summary``: since this process began.

    ``drills``: blind spots of an exercise count too, because the whole centre is one.

    The balance is of *whole* minutes that ended ``in_flight_s`` ago: connectors state each minute's count up to a
    minute later, and half a minute compared with a whole one would always be short.
    """
    started_ms = now_ms()

    def latency() -> dict[str, Any]:
        row = questions.p1_latency(since_ms=now_ms() - HOUR_MS, until_ms=now_ms() + 1)
        return {
            "n": row.alerts,
            "p50_ms": row.visible_p50_ms,
            "p95_ms": row.visible_p95_ms,
            "p99_ms": row.visible_p99_ms,
        }

    def balance() -> dict[str, Any]:
        until_ms = settled_until_ms(now_ms(), in_flight_s=in_flight_s)
        found = balance_of(questions, since_ms=until_ms - HOUR_MS, until_ms=until_ms)
        return {
            "accepted": found.accepted,
            "raw": found.raw,
            "events": found.events,
            "dead": found.dead,
            "gap": found.missing_raw + found.missing_outcomes,
        }

    def summary() -> Summary:
        return summarise(questions, since_ms=started_ms, until_ms=now_ms() + 1)

    def blind() -> list[dict[str, Any]]:
        return [_spot(spot) for spot in questions.blind_spots(drills=drills)]

    def sources() -> list[dict[str, Any]]:
        rows = questions.signals_by_source(since_ms=now_ms() - HOUR_MS, until_ms=now_ms() + 1)
        return [
            {"source": row.source.removeprefix("urn:cior:"), "signals": row.signals, "dead": row.dead}
            for row in rows
        ]

    return {"summary": summary, "latency": latency, "balance": balance, "blind": blind, "sources": sources}


def _spot(spot: BlindSpot) -> dict[str, Any]:
    """A line of the page. Reserved devices are a number and a district: not who, in which state, since when."""
    es, en = _STATES.get(spot.health, (spot.health, spot.health))
    if spot.reserved:
        es, en = (
            f"reservados que no responden: hasta {spot.devices}",
            f"reserved, not answering: up to {spot.devices}",
        )
    return {
        "name": spot.district or "—" if spot.reserved else spot.subject,
        "state_es": es,
        "state_en": en,
        "since_ms": spot.since_ms,
        "late": spot.subject.startswith(_WORKERS),
    }
