"""The wire form of every record: what :mod:`cior_core.catalogue` says of its kind, alone or in an envelope.

* An **envelope** is a JSON array of records; for events that is the CloudEvents *JSON Batch Format* (JSON Event Format
  1.0.2 §4). :func:`records` reads an envelope and a single record alike, so that a reader never has to know which of
  the two was sent.
* Whatever cannot be read raises :class:`cior_core.errors.PayloadRejected` with code ``codec.malformed``; the message
  names the kind and the decoder's complaint (a path and a type), never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cior_core.catalogue import KINDS, Kind, kind_of
from cior_core.errors import PayloadRejected

_SPLIT = msgspec.json.Decoder(list[msgspec.Raw]).decode
_WHITESPACE = b" \t\r\n"
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, TypeError, KeyError)


def encode(record: Any) -> bytes:
    """One record as bytes. Raises ``KeyError`` for what is no record of the catalogue."""
    return kind_of(record).codec.encode(record)


def decode(kind: Kind, value: bytes | None) -> Any:
    """One record of ``kind``.

    Raises ``PayloadRejected`` (``codec.malformed``, ``codec.empty``; for events also ``event.*``).
    """
    if not value:
        raise _empty(kind)
    return _call(kind, KINDS[kind].codec.decode, value)


def join(parts: Sequence[bytes]) -> bytes:
    """Already encoded records as one envelope, without reading them again."""
    return b"[" + b",".join(parts) + b"]"


def records(kind: Kind, value: bytes | None) -> list[Any]:
    """The records of a message, envelope or single; order kept. Raises ``PayloadRejected`` for the whole message."""
    if not value:
        raise _empty(kind)
    if not is_envelope(value):
        return [decode(kind, value)]
    many = KINDS[kind].codec.decode_many
    if many is None:
        return [decode(kind, bytes(part)) for part in split(kind, value)]
    found: list[Any] = _call(kind, many, value)
    return found


def split(kind: Kind, value: bytes) -> list[msgspec.Raw]:
    """The undecoded records of a message: a reader keeps the good ones of an envelope and dead-letters the bad one with
    *its* bytes.
    """
    if not is_envelope(value):
        return [msgspec.Raw(value)]
    parts: list[msgspec.Raw] = _call(kind, _SPLIT, value)
    return parts


def is_envelope(value: bytes) -> bool:
    """Whether the message is a JSON array."""
    return value[:1] == b"[" or value.lstrip(_WHITESPACE)[:1] == b"["


def _empty(kind: Kind) -> PayloadRejected:
    return PayloadRejected("codec.empty", f"an empty message instead of a {kind.value}")


def _call(kind: Kind, read: Callable[[bytes], Any], value: bytes) -> Any:
    try:
        return read(value)
    except PayloadRejected:
        raise
    except _UNREADABLE as error:
        raise PayloadRejected(
            "codec.malformed",
            f"not a readable {kind.value}: {type(error).__name__}: {str(error)[:200]}",
            cure="look at the dead letter's bytes; fix or update its producer",
        ) from error
