"""The wire form of every record: JSON by msgspec, and CloudEvents 1.0 structured JSON for events.

* ``bytes`` fields (``RawRecord.payload``, ``DeadLetter.payload``) travel as base64 text (RFC 4648 §4), which is how msgspec writes bytes in JSON.
* An **envelope** is a JSON array of records; for events that is the CloudEvents *JSON Batch Format* (JSON Event Format 1.0.2 §4).
  :func:`records` reads an envelope and a single record alike, so that a reader never has to know which of the two a producer sent.
* Whatever cannot be read raises :class:`cior_core.errors.PayloadRejected` with code ``codec.malformed``; the message names the kind and the
  decoder's complaint (a path and a type), never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from types import GenericAlias
from typing import Any, cast

import msgspec

from cior_core import cloudevents
from cior_core.errors import PayloadRejected
from cior_core.model import (
    Action,
    ActionItem,
    Alert,
    Command,
    DeadLetter,
    Event,
    EventItem,
    Item,
    RawRecord,
    Receipt,
    ReceiptItem,
    TickItem,
    Transition,
)


class Kind(StrEnum):
    """What a topic carries."""

    RAW = "raw"
    EVENT = "event"
    ITEM = "item"
    ALERT = "alert"
    TRANSITION = "transition"
    ACTION = "action"
    COMMAND = "command"
    RECEIPT = "receipt"
    DEAD = "dead"


Wire = (
    RawRecord
    | Event
    | EventItem
    | ActionItem
    | ReceiptItem
    | TickItem
    | Alert
    | Transition
    | Action
    | Command
    | Receipt
    | DeadLetter
)

_TYPES: dict[Kind, Any] = {
    Kind.RAW: RawRecord,
    Kind.ITEM: Item,
    Kind.ALERT: Alert,
    Kind.TRANSITION: Transition,
    Kind.ACTION: Action,
    Kind.COMMAND: Command,
    Kind.RECEIPT: Receipt,
    Kind.DEAD: DeadLetter,
}
_ENCODER = msgspec.json.Encoder()
_ONE: dict[Kind, Callable[[bytes], Any]] = {
    kind: msgspec.json.Decoder(of).decode for kind, of in _TYPES.items()
}
_MANY: dict[Kind, Callable[[bytes], Any]] = {
    kind: msgspec.json.Decoder(GenericAlias(list, of)).decode for kind, of in _TYPES.items()
}
_SPLIT = msgspec.json.Decoder(list[msgspec.Raw]).decode
_WHITESPACE = b" \t\r\n"


def _rejected(kind: Kind, why: str) -> PayloadRejected:
    return PayloadRejected(
        "codec.malformed",
        f"not a readable {kind.value}: {why}",
        cure="look at the dead letter's bytes; fix or update its producer",
    )


def encode(record: Wire) -> bytes:
    """One record as bytes; events through :mod:`cior_core.cloudevents`."""
    if isinstance(record, Event):
        return cloudevents.encode(record)
    return _ENCODER.encode(record)


def decode(kind: Kind, value: bytes | None) -> Wire:
    """One record of ``kind``. Raises ``PayloadRejected`` (``codec.malformed``, ``codec.empty``)."""
    if not value:
        raise PayloadRejected("codec.empty", f"an empty message instead of a {kind.value}")
    return cast("Wire", _events(value) if kind is Kind.EVENT else _call(kind, _ONE[kind], value))


def envelope(kind: Kind, records_: Iterable[Wire]) -> bytes:
    """Records of one kind as one message (a JSON array, in order)."""
    parts = [encode(record) for record in records_]
    if kind is not Kind.EVENT and not parts:
        return b"[]"
    return join(parts)


def join(parts: Sequence[bytes]) -> bytes:
    """Already encoded records as one envelope, without reading them again."""
    return b"[" + b",".join(parts) + b"]"


def records(kind: Kind, value: bytes | None) -> list[Any]:
    """The records of a message, whether it is an envelope or a single record; order kept. Raises ``PayloadRejected`` for the whole message."""
    if not value:
        raise PayloadRejected("codec.empty", f"an empty message instead of a {kind.value}")
    if not is_envelope(value):
        return [decode(kind, value)]
    if kind is Kind.EVENT:
        return [_events(bytes(part)) for part in split(kind, value)]
    return cast("list[Any]", _call(kind, _MANY[kind], value))


def split(kind: Kind, value: bytes) -> list[msgspec.Raw]:
    """The undecoded records of a message: lets a reader keep the good ones of an envelope and dead-letter the bad one with *its* bytes."""
    if not is_envelope(value):
        return [msgspec.Raw(value)]
    return cast("list[msgspec.Raw]", _call(kind, _SPLIT, value))


def is_envelope(value: bytes) -> bool:
    """Whether the message is a JSON array."""
    return value[:1] == b"[" or value.lstrip(_WHITESPACE)[:1] == b"["


def _events(value: bytes) -> Event:
    return cast("Event", _call(Kind.EVENT, cloudevents.decode, value))


def _call(kind: Kind, read: Callable[[bytes], Any], value: bytes) -> Any:
    try:
        return read(value)
    except PayloadRejected:
        raise
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:
        raise _rejected(kind, f"{type(error).__name__}: {str(error)[:200]}") from error
