"""Instants as text: RFC 3339 with milliseconds and ``Z`` out, any RFC 3339 in. The form of every time on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NoReturn

from cior_core.errors import PayloadRejected

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_OF_TAIL: Final = {f".{ms:03d}Z": ms for ms in range(1000)}


def to_rfc3339(instant_ms: int) -> str:
    """``2026-11-22T01:02:03.456Z`` of UTC milliseconds. Raises ``event.time_range`` outside the years 1 to 9999."""
    second, ms = divmod(instant_ms, 1000)
    return f"{_second_text(second)}.{ms:03d}Z"


def from_rfc3339(text: str) -> int:
    """UTC milliseconds of an RFC 3339 instant; finer digits are cut, second 60 is the start of the next minute.

    Raises ``event.time_format``, ``event.time_offset`` (no offset: nobody can know the instant) or
    ``event.time_range``.
    """
    ms = _MS_OF_TAIL.get(text[19:])
    if ms is not None:
        return _second_of(text[:19]) * 1000 + ms
    found = _RFC3339.fullmatch(text)
    if found is None:
        _reject("event.time_format", "a time is not RFC 3339")
    day, hour_minute, second, fraction, offset = found.groups()
    if offset is None:
        _reject("event.time_offset", "a time has no offset", cure="send Z or a numeric offset")
    base = _second_of(f"{day}T{hour_minute}{second}")
    return (base - _offset_s(offset)) * 1000 + int((fraction or "0")[:3].ljust(3, "0"))


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]
    except OverflowError:
        _reject(
            "event.time_range",
            "an instant is outside the years 1 to 9999",
            cure="judge device clocks with cior_core.clock first",
        )


@lru_cache(maxsize=4096)
def _second_of(text: str) -> int:
    """Seconds since the epoch of 19 characters; ``:60`` is the start of the next minute."""
    if _RFC3339.fullmatch(text) is None:
        _reject("event.time_format", "a time is not RFC 3339")
    leap = text.endswith(":60")
    try:
        since = datetime.fromisoformat(f"{text[:17]}59" if leap else text).replace(tzinfo=UTC) - _EPOCH
    except ValueError:
        _reject("event.time_format", "a time names no day or no hour that exists")
    return since.days * 86_400 + since.seconds + leap


def _offset_s(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        _reject("event.time_format", "a time has an impossible offset")
    return (hours * 3600 + minutes * 60) * (-1 if offset[0] == "-" else 1)


def _reject(code: str, sentence: str, *, cure: str = "") -> NoReturn:
    raise PayloadRejected(code, sentence, cure=cure)
