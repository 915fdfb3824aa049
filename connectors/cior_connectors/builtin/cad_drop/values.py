"""Text of a record to words: what is blacked out, and numbers that a spreadsheet destroyed. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_BLACK = "█"
_PERSONAL = (
    re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"),
    re.compile(r"(?:\+?\d[\s.\-/]?){6,}\d"),
    re.compile(
        r"\b[A-ZÁÉÍÓÚÑÜ][a-záéíóúñü]+(?:\s+(?:de|del|la|las|los|y)\b)*(?:\s+[A-ZÁÉÍÓÚÑÜ][a-záéíóúñü]+)+"
    ),
)
_MONTH = r"(?:ene|feb|mar|abr|may|jun|jul|ago|sep|sept|set|oct|nov|dic|jan|apr|aug|dec)[a-z]*\.?"
_EXACT_DIGITS = 16
"""A spreadsheet keeps fifteen digits of a number."""
_DESTROYED = (
    ("scientific", re.compile(r"[+-]?\d+(?:[.,]\d+)?E[+-]\d{1,3}|[+-]?\d[.,]\d+E\d{1,3}", re.IGNORECASE)),
    (
        "error",
        re.compile(
            r"#+|#(?:¡?VALOR!|VALUE!|¡?REF!|N/?[AD]|¿?NOMBRE\?|NAME\?|¡?NUM!|¡?DIV/0!)", re.IGNORECASE
        ),
    ),
    ("rounded", re.compile(r"[1-9]\d{14}0{3,}")),
    (
        "date",
        re.compile(
            rf"\d{{1,2}}[-/ ](?:de )?{_MONTH}(?:[-/ ](?:de )?\d{{2,4}})?|{_MONTH}[-/ ]\d{{1,4}}"
            r"|(?:\d{1,2}[/-]\d{1,2}[/-](?:\d{2}|\d{4})|\d{4}[/-]\d{1,2}[/-]\d{1,2})"
            r"(?:[T ]0{1,2}:00(?::00(?:\.0+)?)?)?",
            re.IGNORECASE,
        ),
    ),
)


def destroyed(number: str, pattern: str | None) -> str:
    """What a spreadsheet made of an incident number ("" when nothing can be seen of it): ``scientific`` (1,23E+11),
    ``date`` (26-nov), ``rounded`` (fifteen digits and zeros), ``error`` (#####), or ``unlike`` what the desk's
    numbers are by ``pattern`` (leading zeros lost).

    Such a text is shared by many calls, so it is no number of any.
    """
    for name, sign in _DESTROYED if number and not (number.isdigit() and len(number) < _EXACT_DIGITS) else ():
        if sign.fullmatch(number):
            return name
    return "unlike" if pattern and number and not re.fullmatch(pattern, number) else ""


def unaccented(text: str) -> str:
    """``text`` without its accents, composed or not."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    )


def repaired(text: str) -> str:
    """UTF-8 that was read as CP1252 or Latin-1 read again as what it is (``gÃ©nero``); any other text as it is."""
    for codec in ("cp1252", "latin-1"):
        try:
            return text.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
    return text


def masked(text: str, extra: Sequence[str]) -> str:
    """``text`` with mail addresses, long numbers, names (two capitalised words or more) and ``extra`` patterns blacked
    out.
    """
    for pattern in (*_PERSONAL, *(re.compile(item, re.IGNORECASE) for item in extra)):
        text = pattern.sub(lambda found: _BLACK * min(len(found.group()), 8), text)
    return text
