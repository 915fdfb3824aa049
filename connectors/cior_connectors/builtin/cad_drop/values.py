"""Text of a record to instants, places and masked words. Pure; each result says what was doubtful about it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_core.clock import LocalInstant, Mark, from_local
from cior_core.errors import PayloadRejected
from cior_core.model import UNKNOWN_PLACE, Place, PlaceMethod

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_ISO = "%Y-%m-%d %H:%M:%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST_MS, _NEWEST_MS = -2_208_988_800_000, 7_258_118_400_000
"""1900 and 2200: what lies outside was read by a layout that is not its own."""
_FIRST_YEAR = 2000
"""Before it no incident number was given: an unset clock is no identity."""
_NOTES = {Mark.AMBIGUOUS_HOUR: "ambiguous", Mark.SKIPPED_HOUR: "nonexistent"}
_BLACK = "█"
_PERSONAL = (
    re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"),
    re.compile(r"(?:\+?\d[\s.\-/]?){6,}\d"),
    re.compile(
        r"\b[A-ZÁÉÍÓÚÑÜ][a-záéíóúñü]+(?:\s+(?:de|del|la|las|los|y)\b)*(?:\s+[A-ZÁÉÍÓÚÑÜ][a-záéíóúñü]+)+"
    ),
)


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """UTC ``ms`` (None: not readable), the width of what was written, the local year, and a note about the text.

    Notes: ``ambiguous``, ``nonexistent``, ``unreadable``, ``missing``.
    """

    ms: int | None
    width_s: float = 1.0
    year: int | None = None
    note: str = ""


def instant(text: str, config: CadDropConfig) -> Instant:
    """``text`` as an instant. An hour that happens twice is read as its first pass, one that does not exist as the hour
    after; both say so in ``note`` and widen ``width_s`` by an hour.
    """
    if not text:
        return Instant(ms=None, note="missing")
    zone = ZoneInfo(config.zone)
    for layout in config.datetime_formats:
        found = _read(text, layout, zone)
        if found is not None and _OLDEST_MS <= found.instant_ms < _NEWEST_MS:
            width_s = max(_resolution_s(text, layout), found.error_s if found.mark is not None else 0.0)
            year = (_EPOCH + timedelta(milliseconds=found.instant_ms)).astimezone(zone).year
            return Instant(
                ms=found.instant_ms,
                width_s=width_s,
                year=year if year >= _FIRST_YEAR else None,
                note=_NOTES.get(found.mark, "") if found.mark else "",
            )
    return Instant(ms=None, note="unreadable")


def _read(text: str, layout: str, zone: ZoneInfo) -> LocalInstant | None:
    try:
        if layout != "iso":
            return from_local(text, layout, zone)
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            return from_local(parsed.strftime(_ISO), _ISO, zone)
        return LocalInstant(instant_ms=(parsed - _EPOCH) // timedelta(milliseconds=1), error_s=1.0)
    except (ValueError, OverflowError, PayloadRejected):
        return None


def _resolution_s(text: str, layout: str) -> float:
    if layout == "iso":
        return 1.0 if text.count(":") >= 2 else _MINUTE_S if ":" in text else 24 * _HOUR_S
    if "%S" in layout or "%T" in layout or "%X" in layout or "%c" in layout:
        return 1.0
    return _MINUTE_S if "%M" in layout else _HOUR_S if "%H" in layout or "%I" in layout else 24 * _HOUR_S


def place(lat_text: str, lon_text: str, address: str, config: CadDropConfig) -> tuple[Place, str]:
    """``(place, note)``.

    What is no WGS84 point inside the earth gives an unknown place with the address kept, and the note says why:
    ``zero``, ``projected`` (Gauss-Krüger or another grid), ``outside`` (kept, but not in the bounds), ``swapped`` (put
    right), ``unreadable``.
    """
    text = address or None
    lat, lon = _number(lat_text, config), _number(lon_text, config)
    if lat is None or lon is None:
        note = "unreadable" if lat_text or lon_text else ""
        return (Place(method=PlaceMethod.UNKNOWN, text=text) if text else UNKNOWN_PLACE), note
    lat, lon, note = _judged(lat, lon, config)
    if note in ("zero", "projected"):
        return Place(method=PlaceMethod.UNKNOWN, text=text), note
    return Place(method=config.place_method, lat=lat, lon=lon, accuracy_m=config.accuracy_m, text=text), note


def _judged(lat: float, lon: float, config: CadDropConfig) -> tuple[float, float, str]:
    if lat == 0.0 and lon == 0.0:
        return lat, lon, "zero"
    if abs(lat) > 180 or abs(lon) > 180:
        return lat, lon, "projected"
    bounds = config.bounds
    if bounds is not None and not bounds.holds(lat, lon):
        if bounds.holds(lon, lat):
            return lon, lat, "swapped"
        return (lon, lat, "swapped") if abs(lat) > 90 else (lat, lon, "outside")
    if abs(lat) > 90:
        return (lon, lat, "swapped") if abs(lon) <= 90 else (lat, lon, "projected")
    return lat, lon, ""


def _number(text: str, config: CadDropConfig) -> float | None:
    if config.decimal_comma:
        text = text.replace(".", "").replace(",", ".") if "," in text else text
    elif text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def masked(text: str, extra: Sequence[str]) -> str:
    """``text`` with mail addresses, long numbers, names (two capitalised words or more) and ``extra`` patterns blacked
    out.
    """
    for pattern in (*_PERSONAL, *(re.compile(item, re.IGNORECASE) for item in extra)):
        text = pattern.sub(lambda found: _BLACK * min(len(found.group()), 8), text)
    return text
