"""Extended data blocks of DC-09 (§5.5.1.8): place from X and Y, event time from H, the rest as bounded text that nobody
follows or executes. Pure.
"""

from __future__ import annotations

import re
from typing import Any

from cior_connectors.builtin.dc09.message import Message, instant_ms
from cior_core.model import UNKNOWN_PLACE, Place, PlaceMethod

ACCURACY_M = 50.0
MAX_BLOCKS, MAX_TEXT = 20, 500
_NAMES = {
    "V": "verification_untrusted",
    "M": "mac",
    "J": "json_untrusted",
    "I": "alarm_text",
    "L": "location_text",
    "O": "building",
    "R": "room",
}
_USED = frozenset("HXY")
_HEMISPHERE = re.compile(r"(\d{1,3})([NSEWnsew])(\d{1,2}(?:\.\d+)?)?")
_DECIMAL = re.compile(r"[+-]?\d{1,3}\.\d+")


def occurrence_ms(message: Message) -> int | None:
    """Event time of the panel (block H, UTC), None when absent or unreadable."""
    text = message.block("H")
    return instant_ms(text) if text is not None else None


def place_of(message: Message) -> Place:
    """Place from Y (latitude) and X (longitude), unknown when either is missing, unreadable, out of range, or both are
    zero.
    """
    lat, lon = _degrees(message.block("Y"), "NS"), _degrees(message.block("X"), "EW")
    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180) or (lat == 0 and lon == 0):
        return UNKNOWN_PLACE
    return Place(method=PlaceMethod.GPS, lat=lat, lon=lon, accuracy_m=ACCURACY_M)


def _degrees(text: str | None, letters: str) -> float | None:
    """``093W23.456`` (degrees, hemisphere, minutes) or decimal degrees."""
    text = (text or "").strip()
    if found := _HEMISPHERE.fullmatch(text):
        degrees, letter, minutes = found.groups()
        value = int(degrees) + float(minutes or 0) / 60
        if letter.upper() not in letters:
            return None
        return -value if letter.upper() in "SW" else value
    return float(text) if _DECIMAL.fullmatch(text) else None


def attributes_of(message: Message) -> dict[str, Any]:
    """The blocks as attributes: known letters under their names, others under ``block_<letter>``.

    Key blocks were dropped on reading.
    """
    found: dict[str, Any] = {}
    for letter, text in message.blocks[:MAX_BLOCKS]:
        if letter not in _USED:
            found[_NAMES.get(letter, f"block_{letter}")] = "".join(
                c if c.isprintable() else " " for c in text[:MAX_TEXT]
            ).strip()
    if place_of(message) is UNKNOWN_PLACE and (
        message.block("X") is not None or message.block("Y") is not None
    ):
        found["place_note"] = "unreadable"
    if message.block("H") is not None and occurrence_ms(message) is None:
        found["event_time_note"] = "unreadable"
    return found
