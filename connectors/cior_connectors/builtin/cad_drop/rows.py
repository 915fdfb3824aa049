"""One record's bytes as named text values. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cior_connectors.builtin.cad_drop import xml_text
from cior_connectors.builtin.cad_drop.config import CadDropConfig, Column
from cior_core.errors import PayloadRejected

MAX_COLUMNS = 2_000
_INDEX = re.compile(r"\[(\d+)\]")
_WRAPPERS = ("attributes", "properties", "fields")
"""Where ESRI, GeoJSON and other exports put a record's own columns."""
_MAX_REFERENCES = 8


class Row:
    """Values of a record by column; ``get`` gives stripped text, "" for what is absent or null."""

    def __init__(self, values: Mapping[Column, str]) -> None:
        self._values = values

    def has(self, column: Column) -> bool:
        """Whether the record has the column at all, be it empty."""
        return column in self._values

    def get(self, column: Column | None) -> str:
        """Text of one column."""
        return "" if column is None else self._values.get(column, "").strip()

    def parts(self, columns: tuple[Column, ...]) -> tuple[str, ...]:
        """Text of each of ``columns``."""
        return tuple(self.get(column) for column in columns)

    def joined(self, columns: tuple[Column, ...], separator: str) -> str:
        """Non-empty values of ``columns``."""
        return separator.join(value for value in self.parts(columns) if value)


def text_of(raw: bytes, encoding: str) -> str:
    """``raw`` as text by the configured policy. Raises ``PayloadRejected`` (``cad_drop.encoding``)."""
    tries = ("utf-8", "cp1252", "latin-1") if encoding == "detect" else (encoding,)
    for name in tries:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    raise PayloadRejected(
        "cad_drop.encoding",
        f"the record is not {encoding}",
        cure="set encoding to what the CAD writes, or to detect",
    )


def read(raw: bytes, config: CadDropConfig, details: Mapping[str, str]) -> Row:
    """``raw`` as a row; ``details`` is what the reader found out about its file (``header``, ``delimiter``,
    ``surplus``, ``encoding``).

    Raises ``PayloadRejected``: ``cad_drop.encoding``, ``cad_drop.columns``, ``cad_drop.csv``, ``cad_drop.json``,
    ``cad_drop.duplicate_key``, ``cad_drop.xml``, ``cad_drop.repeated_header``.
    """
    match config.format:
        case "csv":
            return _csv(text_of(raw, config.encoding), config, details)
        case "json" | "ndjson":
            return _json(text_of(raw, config.encoding), config)
        case "xml":
            return _xml(raw, config, details)


def split_line(text: str, config: CadDropConfig, delimiter: str = "") -> list[str]:
    """Fields of one CSV record. Raises ``PayloadRejected`` (``cad_drop.csv``)."""
    return _fields(text, delimiter or config.csv.delimiter, config.csv.quote)


def _fields(text: str, delimiter: str, quote: str) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote))
    except csv.Error as error:
        raise PayloadRejected("cad_drop.csv", f"not a CSV record: {error}") from error
    if len(rows) != 1:
        raise PayloadRejected("cad_drop.csv", "not one CSV record")
    return rows[0]


def _csv(text: str, config: CadDropConfig, details: Mapping[str, str]) -> Row:
    delimiter, header = details.get("delimiter", ""), details.get("header", "")
    fields = split_line(text.rstrip("\r\n"), config, delimiter)
    names = _names(header, delimiter or config.csv.delimiter, config.csv.quote) if header else ()
    if names and tuple(field.strip() for field in fields) == names:
        raise PayloadRejected("cad_drop.repeated_header", "the header again")
    _refuse_width(fields, names, config, surplus=int(details.get("surplus", "0")))
    values: dict[Column, str] = dict(enumerate(fields))
    for name, field in zip(names, fields, strict=False):
        if name:
            values.setdefault(name, field)
    return Row(values)


@lru_cache(maxsize=64)
def _names(header: str, delimiter: str, quote: str) -> tuple[str, ...]:
    """The column names of a header line: the same for all rows of a file."""
    return tuple(name.strip() for name in _fields(header, delimiter, quote))


def _refuse_width(fields: list[str], names: tuple[str, ...], config: CadDropConfig, *, surplus: int) -> None:
    """A row may lack columns without a name at the end, and have as many empty ones more as all rows of its file.

    Any other width is a separator inside a text: its values may have moved. Raises ``PayloadRejected``.
    """
    width = len(names) or config.csv.columns
    if width is None:
        least = max((column for column in mapped(config) if isinstance(column, int)), default=0) + 1
        fits = len(fields) >= least
    else:
        least = len(names) or width
        while names and least > 1 and not names[least - 1]:
            least -= 1
        extra = fields[width:] if len(fields) > width else fields[least:] if len(fields) < width else []
        fits = (
            least <= len(fields) and len(fields) - width in {*range(1 - width, 1), surplus} and not any(extra)
        )
    if not fits or len(fields) > MAX_COLUMNS:
        raise PayloadRejected("cad_drop.columns", f"{len(fields)} columns where {width or least} belong")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PayloadRejected("cad_drop.duplicate_key", "a key appears twice in one object")
    return found


def _constant(name: str) -> Any:
    raise PayloadRejected("cad_drop.json", f"{name} is not JSON")


def _json(text: str, config: CadDropConfig) -> Row:
    try:
        tree = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=str, parse_int=str
        )
    except (ValueError, RecursionError) as error:
        raise PayloadRejected("cad_drop.json", "not a JSON value") from error
    if not isinstance(tree, dict | list) or (isinstance(tree, list) and not _by_index(config)):
        raise PayloadRejected("cad_drop.json", "a record must be an object")
    found = {column: _at_path(tree, str(column)) for column in mapped(config)}
    return Row({column: _scalar(value) for column, value in found.items() if value is not _NOTHING})


def _by_index(config: CadDropConfig) -> bool:
    """Whether the mapping speaks of records that are lists."""
    return all(str(column).split(".")[0].isdigit() for column in mapped(config))


_NOTHING: Any = object()


def _at_path(tree: Any, path: str) -> Any:
    """The value at ``path``, also inside the wrapper of an export; :data:`_NOTHING` when there is none."""
    parts = tuple(_INDEX.sub(r".\1", path).strip(".").split("."))
    found = _descend(tree, parts, tree, _MAX_REFERENCES)
    if found is _NOTHING and isinstance(tree, dict) and parts[0] not in tree:
        wrapped = (tree[name] for name in _WRAPPERS if isinstance(tree.get(name), dict))
        return next(
            (
                inner
                for each in wrapped
                if (inner := _descend(each, parts, tree, _MAX_REFERENCES)) is not _NOTHING
            ),
            _NOTHING,
        )
    return found


def _descend(node: Any, parts: tuple[str, ...], root: Any, references: int) -> Any:
    if not parts:
        return node
    if isinstance(node, list):
        index = int(parts[0]) if parts[0].isdigit() and len(parts[0]) < 6 else -1
        return _descend(node[index], parts[1:], root, references) if 0 <= index < len(node) else _NOTHING
    if not isinstance(node, dict):
        return _NOTHING
    for count in range(len(parts), 0, -1):  # a key may hold dots itself
        key = ".".join(parts[:count])
        if key in node:
            return _descend(node[key], parts[count:], root, references)
    target = _referred(node, root) if references else None
    return _NOTHING if target is None else _descend(target, parts, root, references - 1)


def _referred(node: dict[str, Any], root: Any) -> Any:
    """What ``{"$ref": …}`` means in the record: the object whose ``$id`` or ``@id`` it names (EIDO, NENA-STA-021), or a
    JSON pointer (RFC 6901).
    """
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return None
    if reference.startswith("#/"):
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/"))
        found = _descend(root, steps, root, 0)
        return None if found is _NOTHING else found
    waiting, name = [root], reference.removeprefix("#")
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each is not node and name in (each.get("$id"), each.get("@id"), each.get("id")):
                return each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return None


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _xml(raw: bytes, config: CadDropConfig, details: Mapping[str, str]) -> Row:
    encoding = details.get("encoding") or xml_text.encoding_of(io.BytesIO(raw), config.encoding).name
    root = xml_text.element(raw, encoding)
    found = {column: xml_text.at(root, str(column)) for column in mapped(config)}
    return Row({column: value for column, value in found.items() if value is not None})


def several(columns: Column | tuple[Column, ...] | None) -> tuple[Column, ...]:
    """One column, several or none, as a tuple."""
    return columns if isinstance(columns, tuple) else () if columns is None else (columns,)


def mapped(config: CadDropConfig) -> tuple[Column, ...]:
    """Every column the configuration names, in a fixed order, once."""
    columns = config.columns
    named = (
        *several(columns.occurred),
        columns.type,
        columns.modified,
        columns.lat,
        columns.lon,
        columns.priority,
        columns.status,
        columns.merged_into,
        columns.test,
        columns.verified,
        *several(columns.dispatched),
        *several(columns.on_scene),
        *columns.id,
        *columns.address,
        *config.keep,
        columns.place,
        *(column for rule in config.seal for column in rule.columns),
    )
    return tuple(dict.fromkeys(column for column in named if column is not None))
