"""Records of the sealed channel with a canary in every text that they have: found in an answer, a text has leaked.

``marked`` walks a record by its type hints, so that a field added to a record later gets its canary too.
"""

from __future__ import annotations

import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from cior_core.catalogue import Kind
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    AlertId,
    AlertStatus,
    Command,
    CommandKind,
    DataClass,
    Disposition,
    Lane,
    Place,
    PlaceMethod,
    Receipt,
    TypeCode,
)
from doubles.signing import signed
from integration.store import city

R = TypeVar("R", bound=msgspec.Struct)
WORD = "canary"
NUMBER = 98765432
"""The canary among numbers: a score, metres, and the decimals of a place."""
DISTRICT = "norte"
"""The one word of a reserved record that everybody may read."""
_KEPT = frozenset({"district", "area"})
_NORTE = Place(method=PlaceMethod.DISTRICT, district=DISTRICT)
_EXACT = Place(
    method=PlaceMethod.GPS, lat=-32 - NUMBER / 1e8, lon=-60 - NUMBER / 1e8, accuracy_m=NUMBER, district=DISTRICT,
    text=WORD,
)  # fmt: skip


def marked(record: R, **keep: Any) -> R:
    """``record`` with ``canary-<field>`` in every text field, those of its parts included; ``keep`` stays as given."""
    hints = get_type_hints(type(record))
    changes = {
        name: _marked(hints[name], getattr(record, name), f"{WORD}-{name}")
        for name in record.__struct_fields__
        if name not in _KEPT
    }
    return msgspec.structs.replace(record, **{**changes, **keep})


def _marked(hint: Any, value: Any, word: str) -> Any:
    """``value`` with canaries, as its hint allows."""
    kind = getattr(hint, "__supertype__", hint)
    origin, inner = get_origin(kind), [each for each in get_args(kind) if each is not type(None)]
    if isinstance(value, Place):
        made: Any = value
    elif isinstance(value, msgspec.Struct):
        made = marked(value)
    elif kind is str:
        made = word
    elif origin in {Union, types.UnionType} and len(inner) == 1:
        made = _marked(inner[0], value, word)
    elif origin is tuple:
        made = tuple(_marked(inner[0], each, word) for each in value or _one_text(inner[0]))
    else:
        made = {WORD: word} if origin is dict else value
    return made


def _one_text(hint: Any) -> tuple[str, ...]:
    return ("",) if getattr(hint, "__supertype__", hint) is str else ()


def alerts(*, at_ms: int) -> list[Any]:
    """Reserved alerts in every way that one can be: sealed, silent, of a silent type; open, and closed with a
    judgement; one as an exercise.
    """
    ways: list[dict[str, Any]] = [
        {"data_class": DataClass.SEALED, "silent": True},
        {"data_class": DataClass.SEALED},
        {"silent": True},
        {"type": TypeCode(f"silent.{WORD}")},
        {"data_class": DataClass.SEALED, "silent": True, "drill": True},
    ]
    ends: list[dict[str, Any]] = [
        {"status": AlertStatus.OPEN},
        {
            "status": AlertStatus.CLOSED,
            "disposition": Disposition.FALSE_ALARM,
            "acknowledged_ms": at_ms,
            "closed_ms": at_ms,
        },
    ]
    made = []
    for number, (way, end) in enumerate((way, end) for way in ways for end in ends):
        plain = city.alert(1000 + number, at_ms=at_ms, place=_EXACT, data_class=DataClass.RESTRICTED)
        facts = {"id": AlertId(f"{WORD}-alert-{number}"), "type": TypeCode(f"{WORD}.type"), "score": NUMBER}
        made.append(marked(plain, merged_into=None, **{**facts, **way, **end}))
    return made


def events(*, at_ms: int) -> list[Any]:
    """Sealed events of every kind that fills a table of its own: presses, a silent device, a camera, telemetry."""
    kinds: list[dict[str, Any]] = [
        {"type": TypeCode(f"{WORD}.press")},
        {"type": TypeCode(f"silent.{WORD}")},
        {"type": TypeCode(f"device.{WORD}"), "attributes": {"health": "silent", WORD: WORD}},
        {"type": TypeCode("camera.frozen")},
        {"type": TypeCode(f"{WORD}.position"), "lane": Lane.TELEMETRY, "attributes": {WORD: NUMBER}},
    ]
    made = []
    for number, kind in enumerate(kinds):
        plain = city.event(1000 + number, at_ms=at_ms, place=_NORTE, raw_number=1000)
        changes = {"id": f"{WORD}-event-{number}", "data_class": DataClass.SEALED, **kind}
        made.append(marked(plain, **{"attributes": {WORD: WORD}, **changes}))
    return made


def batches(*, at_ms: int) -> dict[Kind, list[Any]]:
    """What the sealed channel and its alerts leave in the store, by kind; the raw record goes to ``sealed``."""
    first = AlertId(f"{WORD}-alert-0")
    raw = city.raw(1000, payload=WORD.encode(), at_ms=at_ms, sealed=True, data_class=DataClass.SEALED)
    command = Command(
        id="", kind=CommandKind.NOTIFY, alert_id=first, area=DEFAULT_AREA, target="", issued_ms=at_ms,
        expires_ms=at_ms + 60_000, protocol="", step="",
    )  # fmt: skip
    return {
        Kind.SEALED: [marked(raw, sha256=raw.sha256)],
        Kind.EVENT: events(at_ms=at_ms),
        Kind.ALERT: alerts(at_ms=at_ms),
        Kind.TRANSITION: [
            marked(city.transition(1000, at_ms=at_ms, data_class=DataClass.SEALED), alert_id=first)
        ],
        Kind.DEAD: [marked(city.dead(1000, at_ms=at_ms, data_class=DataClass.SEALED))],
        Kind.COMMAND: [marked(command, alert_id=first)],
        Kind.RECEIPT: [marked(Receipt(command_id="", device="", at_ms=at_ms, outcome="done"))],
        Kind.ACTION: [
            signed(marked(Action(id="", kind=ActionKind.NOTE, actor="", at_ms=at_ms), alert_id=first))
        ],
    }
