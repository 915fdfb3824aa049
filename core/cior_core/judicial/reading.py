"""Times as people write them in orders, read without guessing: what has two meanings is asked back with both.

A time with an offset (RFC 3339) has one. Without, it is read on the jurisdiction's clock and as UTC; a local hour that
the clock repeats has one meaning more, one that it skips has none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from typing import Final

from cior_core.judicial.asking import Asked, Span, WrittenItem
from cior_core.judicial.jurisdiction import Rules
from cior_core.model import Struct

_WRITTEN: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DAY_S: Final = 86_400
CAMERA_UNKNOWN: Final = "camera_unknown"
_YEARS: Final = range(1_971, 9_999)


class _Unread(Exception):
    """Why a text is no time: an observation's code."""


class _Moment(Struct, frozen=True):
    """The meanings of one written time (UTC seconds): on the local clock, and as UTC."""

    local: tuple[int, ...]
    utc: tuple[int, ...]


def read_item(written: WrittenItem, *, received_ms: int, known: bool, rules: Rules) -> Asked:
    """What an item means, or why that is not known. ``known``: the centre has or had this camera."""
    if not known:
        return Asked(written=written, code=CAMERA_UNKNOWN)
    try:
        doubt, spans = _spans(written, rules.zone)
    except _Unread as why:
        return Asked(written=written, code=str(why))
    code, held = _judged(spans, doubt, received_ms // 1000, rules)
    return Asked(written=written, spans=held, code=code)


def chosen(asked: Asked, reading: int, *, at_ms: int, rules: Rules) -> Asked:
    """The item once one of its readings is meant: whole, though its end was not over when it was asked back."""
    held, (_, spans) = asked.spans[reading], _spans(asked.written, rules.zone)
    whole = next(each for each in spans if each.since_s == held.since_s and each.until_s >= held.until_s)
    code, past = _judged((whole,), "", at_ms // 1000, rules)
    return Asked(written=asked.written, spans=past, code=code)


def _judged(spans: tuple[Span, ...], doubt: str, now_s: int, rules: Rules) -> tuple[str, tuple[Span, ...]]:
    """The code, and what is held meanwhile. Nothing of what is too long: one wrong year would fill the disk."""
    longest_s = rules.jurisdiction.limits.longest_interval_days * _DAY_S
    if any(span.until_s - span.since_s > longest_s for span in spans):
        return "too_long", ()
    past = tuple(
        Span(since_s=span.since_s, until_s=min(span.until_s, now_s)) for span in spans if span.since_s < now_s
    )
    if doubt:
        return doubt, past
    return ("", spans) if spans[0].until_s <= now_s else ("future", past)


def _spans(written: WrittenItem, zone: tzinfo) -> tuple[str, tuple[Span, ...]]:
    """Why there is doubt (empty: there is none), and every reading in order of time."""
    since, until = _moment(written.since, zone), _moment(written.until, zone)
    local = {pair for pair in product(since.local, until.local) if pair[0] < pair[1]}
    utc = {pair for pair in product(since.utc, until.utc) if pair[0] < pair[1]}
    if not local | utc:
        raise _Unread("reversed")
    spans = tuple(Span(since_s=start, until_s=end) for start, end in sorted(local | utc))
    if not (since.local and until.local):
        return "skipped", spans
    if len(local) > 1:
        return "ambiguous", spans
    return ("" if local == utc else "no_zone"), spans


def _moment(text: str, zone: tzinfo) -> _Moment:
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise _Unread("unreadable")
    try:
        naive = datetime.fromisoformat(_plain(found))
    except ValueError:
        raise _Unread("no_such_day") from None
    if naive.year not in _YEARS:
        raise _Unread("no_such_day")
    if offset := found.group(7):
        instant = _instant(naive.replace(tzinfo=UTC)) - _offset_s(offset)
        return _Moment(local=(instant,), utc=(instant,))
    return _Moment(local=_local(naive, zone), utc=(_instant(naive.replace(tzinfo=UTC)),))


def _plain(found: re.Match[str]) -> str:
    year, month, day, hour, minute, second, _ = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}"


def _offset_s(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:
        raise _Unread("unreadable")
    return (hours * 3600 + minutes * 60) * (-1 if offset[0] == "-" else 1)


def _local(naive: datetime, zone: tzinfo) -> tuple[int, ...]:
    """The instants at which a local clock shows this: one, two when the hour comes twice, none when it is skipped."""
    both = {_instant(naive.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)}
    shown = (
        each
        for each in sorted(both)
        if datetime.fromtimestamp(each, UTC).astimezone(zone).replace(tzinfo=None, fold=0) == naive
    )
    return tuple(shown)


def _instant(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))
