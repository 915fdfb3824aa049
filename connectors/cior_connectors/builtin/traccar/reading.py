"""Reading what trackers and servers really send: JSON without traps, numbers that are numbers, instants with a zone.

Pure and total.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NoReturn

from cior_core.errors import PayloadRejected

KNOT_KMH = 1.852
_BETWEEN_WORDS = re.compile(r"[,;|/\n\t]")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

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
    if isinstance(value, str) and "_" in value:
        return None  # Python reads 3_2.9 as a number; no tracker writes one so.
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


def folded(word: str) -> str:
    """A word as vendors mean it, whatever their letters: ``Low-Battery``, ``LOW_BATTERY`` and ``lowBattery`` are one,
    accents and width do not count.
    """
    bare = unicodedata.normalize("NFKD", word)
    return "".join(each for each in bare.casefold() if each.isalnum())


def distinct(words_said: Iterable[str]) -> tuple[str, ...]:
    """The words in order, each meaning once, as it was first said."""
    found: dict[str, str] = {}
    for word in words_said:
        found.setdefault(folded(word) or word, word)
    return tuple(found.values())


def words(value: Any, *, limit: int = 16) -> tuple[str, ...]:
    """The distinct words of a list, in order: a JSON list, or text with commas, semicolons, bars or slashes."""
    parts = value if isinstance(value, list) else [value]
    said = (word for part in parts for word in _BETWEEN_WORDS.split(part if isinstance(part, str) else ""))
    return distinct(word for each in said if (word := text(each, limit=40)))[:limit]


def alarm_words(attributes: Tree) -> tuple[str, ...]:
    """The alarm words of a position or an event, whatever the case of the attribute's name."""
    return distinct(
        word for name, value in attributes.items() if folded(name) == "alarm" for word in words(value)
    )


def truth(value: Any) -> bool | None:
    """Yes or no, also as text or number; None for anything else."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(str(value).strip().casefold()) if isinstance(value, int | str) else None


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
