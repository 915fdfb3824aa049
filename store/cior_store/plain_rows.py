"""Rows of a kind that needs no mapping of its own: every field that is text, number, instant or a list of texts becomes
a column.

Column names: ``id`` is ``<kind>_id``, an instant loses its ``_ms`` (it is a DateTime64(3)), every other field keeps its
name; then ``body``, ``topic``, ``part`` and ``pos``. Nested structs and maps of anything are in ``body`` only. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from cior_core.catalogue import RecordKind
from cior_core.errors import PayloadRejected
from cior_core.model import DataClass
from cior_store.kinds import Entry

Row = tuple[Any, ...]
Column = tuple[str, str, Callable[[Any], Any]]
_WHENCE = ("body", "topic", "part", "pos")
_TEXTS = (msgspec.inspect.StrType, msgspec.inspect.EnumType, msgspec.inspect.LiteralType)
_NUMBERS = (msgspec.inspect.IntType, msgspec.inspect.BoolType, msgspec.inspect.BytesType)


def plain_row(kind: RecordKind) -> tuple[tuple[str, ...], Callable[[Entry], Row]]:
    """The columns of ``kind``'s table and the function that fills them; both are worked out once."""
    columns = _columns(kind)

    def row(entry: Entry) -> Row:
        record, origin = entry.record, entry.origin
        # Only a kind's own mapping knows what of a sealed record may stand in an open table.
        if getattr(record, "data_class", None) is DataClass.SEALED:
            raise PayloadRejected(
                "store.sealed_unmapped",
                f"a sealed {kind.kind.value} has no table of its own",
                cure="give the kind its own mapping in cior_store.rows",
            )
        cells = (convert(getattr(record, field)) for _, field, convert in columns)
        return (*cells, entry.body, origin.topic, origin.partition, origin.offset)

    return (*(name for name, _, _ in columns), *_WHENCE), row


def _columns(kind: RecordKind) -> tuple[Column, ...]:
    shape = msgspec.inspect.type_info(kind.record)
    assert isinstance(shape, msgspec.inspect.StructType), "a union needs a mapping of its own"
    found = ((_name(kind, field.name), field.name, _converter(field.type)) for field in shape.fields)
    return tuple((name, field, convert) for name, field, convert in found if convert is not None)


def _name(kind: RecordKind, field: str) -> str:
    return f"{kind.kind.value}_id" if field == "id" else field.removesuffix("_ms")


def _converter(of: msgspec.inspect.Type) -> Callable[[Any], Any] | None:
    """How a cell is made of a field; None: the field stays in ``body``."""
    match of:
        case msgspec.inspect.UnionType(types=(one, msgspec.inspect.NoneType())):
            return _text_or_empty if isinstance(one, _TEXTS) else _converter(one)
        case msgspec.inspect.VarTupleType(item_type=item) if isinstance(item, _TEXTS):
            return _texts
        case msgspec.inspect.FloatType():
            return _finite
        case _ if isinstance(of, _TEXTS):
            return str
        case _ if isinstance(of, _NUMBERS):
            return _same
        case _:
            return None


def _same(value: Any) -> Any:
    return value


def _text_or_empty(value: Any) -> str:
    return "" if value is None else str(value)


def _texts(values: tuple[Any, ...]) -> list[str]:
    return [str(value) for value in values]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
