"""Values of a preview as people read them: numbers by Grafana's units, instants on the centre's clock, ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from cior_core.errors import ConfigInvalid
from cior_grafana.words import Language

_RELATIVE = re.compile(r"now(?:-(\d+)([smhdwMy]))?(?:/([hdwMy]))?")
_DURATION_S = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SECONDS_OF = {"s": 1, "dtdurations": 1, "m": 60, "h": 3600, "d": 86_400, "ms": 0.001}
_SHARES = {"percentunit": 100, "percent": 1}
_SIZES = ("B", "kB", "MB", "GB", "TB")
_MONTH = 31


def number(value: Any) -> float | None:
    """A finite number, or None for a gap."""
    if value is None or isinstance(value, str | bytes | datetime | date):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def instant_ms(value: Any) -> int | None:
    """Unix milliseconds of a moment or a day of the store, whose clock is UTC."""
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return None


def moment(value: Any, zone: tzinfo) -> str:
    """A moment on the centre's clock; a day has none and stays a day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value:%d/%m/%Y}"
    at_ms = instant_ms(value)
    return "—" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, zone):%d/%m %H:%M:%S}"


def written(value: float | None, unit: str, language: Language) -> str:
    """A number with its unit."""
    if value is None:
        return "—"
    if not unit:
        return plain(value, language).replace("." if language is Language.ES else ",", "")
    if unit in _SECONDS_OF:
        return _duration(value * _SECONDS_OF[unit], language)
    if unit in _SHARES:
        return f"{plain(value * _SHARES[unit], language, digits=1)} %"
    if unit in {"bytes", "decbytes"}:
        return _size(value, language)
    before, after = ("$ ", "") if unit.startswith("currency") else ("", "")
    if unit.startswith("suffix:"):
        after = f" {unit.removeprefix('suffix:').strip()}"
    return f"{before}{plain(value, language)}{after}"


def plain(value: float, language: Language, *, digits: int = 2) -> str:
    """A number with at most ``digits`` decimals, its marks those of the language."""
    told = f"{value:,.{digits}f}"
    told = told.rstrip("0").rstrip(".") if "." in told else told
    return told.translate(str.maketrans(",.", ".,")) if language is Language.ES else told


def _duration(seconds: float, language: Language) -> str:
    if abs(seconds) < 1 and seconds:
        return f"{plain(seconds * 1000, language, digits=0)} ms"
    if abs(seconds) < 60:
        return f"{plain(seconds, language, digits=1)} s"
    left, parts = round(abs(seconds)), []
    for name, long_s in _DURATION_S:
        count, left = divmod(left, long_s)
        parts += [f"{count} {name}"] if count else []
    return ("-" if seconds < 0 else "") + " ".join(parts[:2])


def _size(value: float, language: Language) -> str:
    step = min(len(_SIZES) - 1, int(math.log(abs(value), 1000)) if abs(value) >= 1 else 0)
    return f"{plain(value / 1000**step, language, digits=1)} {_SIZES[step]}"


def moment_of(relative: str, now: datetime) -> datetime:
    """Grafana's relative time (``now-24h``, ``now/d``, ``now-1M/M``) as a moment in ``now``'s zone.

    Raises :class:`ConfigInvalid` for what it does not know.
    """
    found = _RELATIVE.fullmatch(relative)
    if found is None:
        sentence = f"{relative} is no relative time such as now-24h"
        raise ConfigInvalid("grafana.relative_time", sentence, cure="write now, now-6h, now-30d or now/d")
    count, unit, cut = found.groups()
    moved = _BACK[unit](now, int(count)) if count else now
    return _begin(moved, cut) if cut else moved


def _months_back(at: datetime, count: int) -> datetime:
    whole = at.year * 12 + at.month - 1 - count
    year, month = divmod(whole, 12)
    for day in range(at.day, at.day - 4, -1):
        try:
            return at.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return at - timedelta(days=_MONTH * count)


_BACK: dict[str, Callable[[datetime, int], datetime]] = {
    "s": lambda at, count: at - timedelta(seconds=count),
    "m": lambda at, count: at - timedelta(minutes=count),
    "h": lambda at, count: at - timedelta(hours=count),
    "d": lambda at, count: at - timedelta(days=count),
    "w": lambda at, count: at - timedelta(weeks=count),
    "M": _months_back,
    "y": lambda at, count: _months_back(at, 12 * count),
}


def _begin(at: datetime, unit: str) -> datetime:
    hour = at.replace(minute=0, second=0, microsecond=0)
    if unit == "h":
        return hour
    day = hour.replace(hour=0)
    match unit:
        case "d":
            return day
        case "w":
            return day - timedelta(days=day.weekday())
        case "M":
            return day.replace(day=1)
        case _:
            return day.replace(day=1, month=1)
