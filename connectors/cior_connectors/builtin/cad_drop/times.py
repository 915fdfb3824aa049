"""Text of a record to an instant: one column or several, local or with an offset, 12 or 24 hours, epoch numbers. Pure.

Nothing here can lose a record: what cannot be read is an :class:`Instant` without ``ms`` and with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from cior_connectors.builtin.cad_drop.config import EPOCHS, CadDropConfig
from cior_core.clock import LocalInstant, Mark, from_local
from cior_core.errors import PayloadRejected

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0
_ISO = "%Y-%m-%d %H:%M:%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST_MS, _NEWEST_MS = -2_208_988_800_000, 7_258_118_400_000
"""1900 and 2200: what lies outside was read by a layout that is not its own."""
_FIRST_YEAR = 2000
"""Before it no incident number was given: an unset clock is no identity."""
_NOTES = {Mark.AMBIGUOUS_HOUR: "ambiguous", Mark.SKIPPED_HOUR: "nonexistent"}

_BLANKS = re.compile(r"[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HALF = re.compile(r"(?<![a-z])([ap])\s?\.?\s?m\b\.?", re.IGNORECASE)
_SPOKEN = (
    (re.compile(r"\bde la (?:tarde|noche)\b|\bdel mediod[ií]a\b", re.IGNORECASE), "PM"),
    (re.compile(r"\bde la (?:mañana|manana|madrugada)\b", re.IGNORECASE), "AM"),
)
_HOURS_WORD = re.compile(r"(?<=\d)\s?(?:hs|hrs?|horas|h)\b\.?(?!\d)", re.IGNORECASE)
_HOURS_FORM = re.compile(r"(?<=%[HMS])\s?(?:hs|hrs?|horas|h)\b\.?(?!%)")
_AFTER_NOON = re.compile(r"\b(?:1[3-9]|2[0-3]|00):\d")
_CLOCK_OF_HALF = re.compile(r"\b(\d{1,2})((?:[:.]\d{2}){0,2}(?:[.,]\d+)?|\d{4}|\d{2})\s?([AP])M\b")
_MIDNIGHT = re.compile(r"(?<=\d)[T ](?:0{1,2}:00(?::00(?:[.,]0+)?)?|12:00(?::00)? ?AM)Z?$", re.IGNORECASE)
_DATED_CLOCK = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ](?=\d)")
_SHORT_HOUR = re.compile(r"(?<=\d[T ])(?=\d(?::|$))")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:E\+?\d{1,2})?", re.IGNORECASE)
_DOTNET = re.compile(r"\\?/Date\((-?\d+)(?:[+-]\d{4})?\)\\?/")
_OFFSET = re.compile(r" ?(?:(Z|UTC|GMT)|(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?)$")
_RUN = re.compile(r"(?:%[YmdHMSyf])+")
_WIDTHS = {"Y": 4, "f": 6}
_MONTHS = {
    "ene": "Jan",
    "feb": "Feb",
    "mar": "Mar",
    "abr": "Apr",
    "may": "May",
    "jun": "Jun",
    "jul": "Jul",
    "ago": "Aug",
    "sep": "Sep",
    "set": "Sep",
    "oct": "Oct",
    "nov": "Nov",
    "dic": "Dec",
}
_MONTH_WORD = re.compile(
    r"\b(ene|feb|mar|abr|may|jun|jul|ago|sept?|set|oct|nov|dic)(?:ro|rero|zo|il|o|io|sto|iembre|ubre|embre)?\b\.?",
    re.IGNORECASE,
)


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """UTC ``ms`` (None: not readable), the width of what was written, the local year, and a note about the text.

    Notes: ``ambiguous``, ``nonexistent``, ``date_only`` (the hour could not be read), ``unreadable``, ``missing``.
    """

    ms: int | None
    width_s: float = 1.0
    year: int | None = None
    note: str = ""


def instant(parts: tuple[str, ...], config: CadDropConfig) -> Instant:
    """The text of one column, or of a date's and an hour's, as an instant.

    An hour that happens twice is read as its first pass, one that does not exist as the hour after; both say so in
    ``note`` and widen ``width_s`` by an hour.
    """
    written = _joined(parts)
    if not written:
        return Instant(ms=None, note="missing")
    zone, text = ZoneInfo(config.zone), _twenty_four(written)
    for layout in config.datetime_formats:
        if (found := _by_layout(text, layout, zone, halved=text != written)) is not None:
            return _dated(found, zone)
    if (read_ms := _epoch_ms(text, "epoch")) is not None:
        return _dated(Instant(ms=read_ms), zone)
    for layout in config.datetime_formats:
        if (found := _date_alone(text, layout, zone)) is not None:
            return _dated(found, zone)
    return Instant(ms=None, note="unreadable")


def _dated(found: Instant, zone: ZoneInfo) -> Instant:
    assert found.ms is not None
    year = (_EPOCH + timedelta(milliseconds=found.ms)).astimezone(zone).year
    return msgspec.structs.replace(found, year=year if year >= _FIRST_YEAR else None)


def _joined(parts: tuple[str, ...]) -> str:
    """One text of a date's column and an hour's: an hour of 0 beside a date, or a date beside an hour (databases and
    spreadsheets write both whole), is what its writer had to put there, and goes.
    """
    plain = [each for part in parts if (each := _plain(part))]
    if len(plain) > 1:
        plain = [_MIDNIGHT.sub("", plain[0]), *(_DATED_CLOCK.sub("", part) for part in plain[1:])]
    return " ".join(plain)


def _plain(text: str) -> str:
    """One kind of blank, no invisible signs, AM or PM for every way to write them, English short months."""
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text)).strip()
    for pattern, half in _SPOKEN:
        text = pattern.sub(half, text)
    text = _HALF.sub(lambda found: f"{found[1].upper()}M", text)
    text = _HOURS_WORD.sub("", text)
    return text.strip()


def _twenty_four(text: str) -> str:
    """``10:05 PM`` as ``22:05``; what is no hour of a half day stays as it is."""

    def turned(found: re.Match[str]) -> str:
        hour, rest, half = int(found[1]), found[2], found[3].upper()
        if hour > 23:
            return found[0]
        if hour <= 12:
            hour = hour % 12 + (12 if half == "P" else 0)
        return f"{hour:02d}{rest}"

    return _CLOCK_OF_HALF.sub(turned, text)


def _by_layout(text: str, layout: str, zone: ZoneInfo, *, halved: bool) -> Instant | None:
    if layout in EPOCHS:
        read_ms = _epoch_ms(text, layout)
        return None if read_ms is None else Instant(ms=read_ms)
    if layout == "iso":
        return _kept(_iso(_SHORT_HOUR.sub("0", text), zone), _iso_width_s(text))
    whole = _whole_day(layout, text, halved=halved)
    for each, form in () if whole is None else _variants(text, whole):
        try:
            found = _kept(from_local(each, form, zone), _width_s(form))
        except PayloadRejected:
            continue
        if found is not None:
            return found
    return None


def _variants(text: str, form: str) -> Iterator[tuple[str, str]]:
    """``text`` as it is, with digits that a spreadsheet cut from the left put back, with months in English, and with an
    offset of its own behind a layout that has none.
    """
    yield _refilled(text, form), form
    if "%b" in form or "%B" in form:
        english = _MONTH_WORD.sub(lambda found: _MONTHS[found[1].lower()[:3]], text)
        yield english.replace(" de ", " "), form.replace("%B", "%b").replace(" de ", " ")
    offset = _OFFSET.search(text)
    if offset is not None and offset.start() and "%z" not in form and "%Z" not in form:
        told = "+0000" if offset[1] else f"{offset[2]}{int(offset[3]):02d}{offset[4] or '00'}"
        yield f"{_refilled(text[: offset.start()], form)} {told}", f"{form} %z"


def _whole_day(layout: str, text: str, *, halved: bool) -> str | None:
    """``layout`` for a text of 24 hours. The hour of a half day without its half is not readable."""
    form = _HOURS_FORM.sub("", layout)
    if not halved and "%p" in layout and not _AFTER_NOON.search(text):
        return None
    if halved or "%p" in layout:
        form = " ".join(form.replace("%I", "%H").replace("%p", "").split())
    return form


def _refilled(text: str, form: str) -> str:
    """``text`` with the zeros that fell from the left of runs of digits (``3837`` under ``%H%M%S`` is 00:38:37)."""
    words, forms = text.split(" "), form.split(" ")
    if len(words) != len(forms):
        return text
    return " ".join(
        word.zfill(sum(_WIDTHS.get(letter, 2) for letter in part[1::2]))
        if word.isdigit() and len(part) > 2 and _RUN.fullmatch(part)
        else word
        for word, part in zip(words, forms, strict=True)
    )


def _kept(found: LocalInstant | None, width_s: float) -> Instant | None:
    if found is None or not _OLDEST_MS <= found.instant_ms < _NEWEST_MS:
        return None
    return Instant(
        ms=found.instant_ms,
        width_s=max(width_s, found.error_s if found.mark is not None else 0.0),
        note=_NOTES.get(found.mark, "") if found.mark else "",
    )


def _iso(text: str, zone: ZoneInfo) -> LocalInstant | None:
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            return from_local(parsed.strftime(_ISO), _ISO, zone)
        return LocalInstant(instant_ms=(parsed - _EPOCH) // timedelta(milliseconds=1), error_s=1.0)
    except (ValueError, OverflowError, PayloadRejected):
        return None


def _date_alone(text: str, layout: str, zone: ZoneInfo) -> Instant | None:
    """The day of a text whose hour cannot be read: a day wide, and said."""
    day = text.split(" ", maxsplit=1)[0].split("T", maxsplit=1)[0]
    form = (
        "%Y-%m-%d"
        if layout == "iso"
        else layout.split("%H", maxsplit=1)[0].split("%I", maxsplit=1)[0].strip(" T,")
    )
    if layout in EPOCHS or form == layout or not re.search("%[dj]", form) or not re.search("%[yY]", form):
        return None
    try:
        found = _kept(from_local(day, form, zone), _DAY_S)
    except PayloadRejected:
        return None
    return None if found is None else msgspec.structs.replace(found, note="date_only")


def _epoch_ms(text: str, layout: str) -> int | None:
    """A number of seconds or finer since 1970 as ms; ``epoch`` tells the unit by the size (years 1990 to 2199)."""
    if (dotnet := _DOTNET.fullmatch(text)) is not None:
        return _within(int(dotnet[1]))
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    if layout != "epoch":
        return _within(value * EPOCHS[layout])
    units = (EPOCHS["epoch_s"], EPOCHS["epoch_ms"], EPOCHS["epoch_us"], EPOCHS["epoch_ns"])
    return next(
        (_within(value * unit) for unit in units if 631_152_000_000 <= value * unit < _NEWEST_MS), None
    )


def _within(ms: float) -> int | None:
    return round(ms) if _OLDEST_MS <= ms < _NEWEST_MS else None


def _iso_width_s(text: str) -> float:
    clock = re.split(r"[T ]", text, maxsplit=1)[1:]
    if not clock:
        return _DAY_S
    digits = re.match(r"[\d:]*", clock[0])
    count = sum(map(str.isdigit, digits.group())) if digits else 0
    return 1.0 if count > 4 else _MINUTE_S if count > 2 else _HOUR_S


def _width_s(layout: str) -> float:
    if re.search("%[STXcs]", layout):
        return 1.0
    return _MINUTE_S if "%M" in layout else _HOUR_S if "%H" in layout or "%I" in layout else _DAY_S
