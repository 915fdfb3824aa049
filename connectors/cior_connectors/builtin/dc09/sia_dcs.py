"""SIA format (DC-03) as DC-09 carries it: ``N`` or ``O``, modifiers (``ti`` time, ``da`` date, ``id`` user, ``ri``
area…), two-letter codes with a point. Pure.

Vendors differ in separators (``Nri1/BA501``, ``Nri1BA501``, ``Nti20:50:26RP99``, ``NBA1^name^``) and append free text
after a bar; all are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from cior_core.errors import PayloadRejected

_NAME = re.compile(r"\^([^^]*)\^?|\*'([^']*)'(?:NM)?|\*\"([^\"]*)\"(?:NM)?")
_CODE = re.compile(r"([A-Z]{2})([0-9A-Za-z\-]*)")
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_DATE = re.compile(r"\d{1,2}-\d{1,2}(?:-\d{2,4})?")
_STRAY = re.compile(r"([^|]{0,16})\|(?=[NO][^A-Z|]*[A-Z]{2})")
MAX_EVENTS = 32


class SiaEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One code with its point and the modifiers in force: ``new`` is the block's letter (N true, O false: an old event
    reported again).
    """

    code: str
    point: str = ""
    name: str = ""
    new: bool = True
    modifiers: dict[str, str] = {}


class SiaBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one message in order, and the free text that came with them.

    No events: a text-only message (``A…``).
    """

    events: tuple[SiaEvent, ...]
    text: str = ""


def parse(data: str, *, known: Collection[str] = ()) -> SiaBlock:
    """``data`` of a ``SIA-DCS`` message. ``known`` are code letters, used to split ``ri1CL0``.

    A word before the event (AlphaVision: ``0|NRP``) is kept as text. Raises ``PayloadRejected`` (``dc09.sia_dcs``).
    """
    stray = _STRAY.match(data) if data[:1] not in ("N", "O", "A") else None
    block, _, text = data[stray.end() if stray else 0 :].partition("|")
    text = f"{stray.group(1)} {text.removeprefix('A')}".strip() if stray else text
    if block[:1] == "A":
        return SiaBlock(events=(), text=block[1:] + text)
    if block[:1] not in ("N", "O"):
        raise PayloadRejected("dc09.sia_dcs", "SIA data starts with neither N, O nor A")
    events = _events(block[1:], new=block[0] == "N", known=frozenset(known))
    if not events:
        raise PayloadRejected("dc09.sia_dcs", "no event code in the SIA data")
    return SiaBlock(events=events, text=text.removeprefix("A"))


def _events(rest: str, *, new: bool, known: frozenset[str]) -> tuple[SiaEvent, ...]:
    """Left to right: a modifier holds for the codes after it; every step consumes at least one character."""
    modifiers: dict[str, str] = {}
    events: list[SiaEvent] = []
    last = ""
    while rest and len(events) < MAX_EVENTS:
        if name := _NAME.match(rest):
            _attach(events, modifiers, last, next((group for group in name.groups() if group), "").strip())
            rest = rest[name.end() :]
        elif len(rest) >= 2 and rest[:2].isascii() and rest[:2].islower() and rest[:2].isalpha():
            last = rest[:2]
            modifiers[last], rest = _modifier(last, rest[2:], known)
        elif code := _CODE.match(rest):
            last = ""
            events.append(
                SiaEvent(code=code.group(1), point=code.group(2), new=new, modifiers=dict(modifiers))
            )
            rest = rest[code.end() :]
        else:
            rest = rest[1:]
    return tuple(events)


def _attach(events: list[SiaEvent], modifiers: dict[str, str], last: str, name: str) -> None:
    if last:
        modifiers[last + "_name"] = name
    elif events:
        events[-1] = msgspec.structs.replace(events[-1], name=name)


def _modifier(letters: str, rest: str, known: frozenset[str]) -> tuple[str, str]:
    """Value of a modifier and what follows: to the slash or name mark, else to the first known code."""
    shape = {"ti": _TIME, "da": _DATE}.get(letters)
    if shape is not None and (found := shape.match(rest)):
        return found.group(), rest[found.end() :]
    end = re.search(r"[/^*]|$", rest)
    limit = end.start() if end else len(rest)
    value = rest[:limit]
    if limit < len(rest) and rest[limit] == "/":
        return value, rest[limit:]
    for at in range(len(value) - 1):
        pair = value[at : at + 2]
        if pair in known or (not known and pair.isascii() and pair.isupper() and pair.isalpha()):
            return value[:at], rest[at:]
    return value, rest[limit:]
