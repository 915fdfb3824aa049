"""Canonical JSON: one byte string for one value, after RFC 8785 (JCS), restricted to values that every reader
understands alike.

Digests, signatures and byte-for-byte replays (law 5) are taken over these bytes. Members are sorted by UTF-16 code
units, numbers are written as ECMAScript writes them (``1.0`` and ``1`` are the same number and the same bytes),
strings escape only what they must.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from math import isfinite
from typing import Any, Final

import msgspec

from cior_core.errors import PayloadRejected

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""RFC 7493 §2.2: beyond it two readers may disagree about the number."""

MAX_DEPTH: Final = 64

_WORDS: Final[dict[bool | None, str]] = {None: "null", True: "true", False: "false"}


def canonical(value: object) -> bytes:
    """The canonical UTF-8 JSON of ``value``: structs, dicts with text keys, lists, tuples, text, numbers, bools,
    None; bytes become base64.

    Raises :class:`PayloadRejected` for what has no single canonical form: ``canonical.not_finite``,
    ``canonical.int_range``, ``canonical.depth``, ``canonical.key``, ``canonical.encoding``, ``canonical.type``.
    """
    parts: list[str] = []
    try:
        _write(value, parts, MAX_DEPTH)
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise PayloadRejected(
            "canonical.encoding", "a text holds half of a surrogate pair", cure="send valid Unicode"
        ) from None


def _write(value: object, parts: list[str], depth: int) -> None:
    match value:
        case str():
            parts.append(encode_basestring(value))
        case None | bool():
            parts.append(_WORDS[value])
        case int():
            parts.append(_integer(int(value)))
        case float():
            parts.append(_number(value))
        case dict():
            _write_object(value, parts, _deeper(depth))
        case list() | tuple():
            _write_array(value, parts, _deeper(depth))
        case _:
            _write(_plain(value), parts, _deeper(depth))


def _write_object(members: dict[Any, Any], parts: list[str], depth: int) -> None:
    if not all(isinstance(key, str) for key in members):
        raise PayloadRejected("canonical.key", "an object has a key that is not text")
    mark = "{"
    for key in sorted(members, key=_utf16):
        parts.append(f"{mark}{encode_basestring(key)}:")
        _write(members[key], parts, depth)
        mark = ","
    parts.append("}" if members else "{}")


def _write_array(items: list[Any] | tuple[Any, ...], parts: list[str], depth: int) -> None:
    mark = "["
    for item in items:
        parts.append(mark)
        _write(item, parts, depth)
        mark = ","
    parts.append("]" if items else "[]")


def _utf16(key: str) -> bytes:
    """RFC 8785 §3.2.3: the order of UTF-16 code units is that of their big-endian bytes."""
    return key.encode("utf-16-be")


def _deeper(depth: int) -> int:
    if depth == 0:
        raise PayloadRejected("canonical.depth", f"more than {MAX_DEPTH} levels of nesting")
    return depth - 1


def _integer(value: int) -> str:
    if abs(value) > MAX_SAFE_INTEGER:
        raise PayloadRejected("canonical.int_range", "an integer beyond 2^53 - 1", cure="send it as text")
    return str(value)


def _plain(value: object) -> object:
    try:
        plain: object = msgspec.to_builtins(value)
    except (TypeError, msgspec.MsgspecError) as error:
        raise PayloadRejected("canonical.type", f"no JSON form for {type(value).__name__}") from error
    return plain


def _number(value: float) -> str:
    """``value`` as ECMAScript's Number::toString writes it (ECMA-262 §6.1.6.1.20), from Python's shortest round-trip
    digits.
    """
    if not isfinite(value):
        raise PayloadRejected("canonical.not_finite", "NaN and infinity are no JSON numbers")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _placed(digits.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    """``0.digits`` times ten to ``point``, in ECMAScript's choice of plain or exponent form."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    head = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{head}e{point - 1:+d}"
