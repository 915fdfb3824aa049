"""Reading what trackers and servers really send: JSON without traps, numbers that are numbers, instants with a zone.

Pure and total.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NoReturn

from cior_core.errors import PayloadRejected

KNOT_KMH = 1.852

Tree = dict[str, Any]


def tree(raw: bytes) -> Tree:
    """The JSON object in ``raw``.

    Refuses duplicate keys, NaN and infinities, byte-order marks and everything that is not an object
    (``PayloadRejected``: ``traccar.duplicate_key``, ``traccar.not_finite``, ``traccar.json``, ``traccar.shape``).
    """
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_not_finite)
    except PayloadRejected:
        raise
    except (ValueError, RecursionError) as error:
        raise PayloadRejected(
            "traccar.json", f"not JSON ({type(error).__name__})", cure="look at the dead letter's bytes"
        ) from error
    if not isinstance(found, dict):
        raise PayloadRejected(
            "traccar.shape", "not a JSON object", cure="forward.type must be json, one position a request"
        )
    return found


def branch(parent: Tree, name: str) -> Tree:
    """The object ``name`` of ``parent``, empty when it is missing or something else."""
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def number(value: Any, *, low: float, high: float) -> float | None:
    """A finite number within the bounds, also when it came as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) and low <= found <= high else None


def text(value: Any, *, limit: int = 200) -> str:
    """Text of at most ``limit`` characters without control characters; empty for anything that is neither text nor a
    whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    if isinstance(value, int) and abs(value) >= 10**18:
        return ""
    return "".join(each for each in str(value) if each.isprintable())[:limit].strip()


def instant_ms(value: Any) -> int | None:
    """UTC milliseconds of an RFC 3339 text (a text without zone is UTC, as Traccar writes it) or of a number of
    milliseconds; None otherwise.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= 253_402_300_799_000 else None
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def words(value: Any, *, limit: int = 16) -> tuple[str, ...]:
    """The distinct words of a comma list or a JSON list, in order."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(word for part in parts if (word := text(part, limit=40))))[:limit]


def plain(values: Tree, *, limit: int = 64) -> Tree:
    """The scalar attributes of a position, kept as the tracker named them (law 12)."""
    return {
        text(name, limit=60): kept
        for name, value in list(values.items())[:limit]
        if (kept := _scalar(value)) is not None
    }


def _scalar(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)[:40] if abs(value) < 10**30 else None
    if isinstance(value, float):
        return value if isfinite(value) else None
    return text(value) if isinstance(value, str) else None


def _once(pairs: list[tuple[str, Any]]) -> Tree:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PayloadRejected(
            "traccar.duplicate_key", "a key stands twice in one object: which value is meant cannot be known"
        )
    return found


def _not_finite(_name: str) -> NoReturn:
    raise PayloadRejected("traccar.not_finite", "a number is NaN or infinite, which JSON does not have")
