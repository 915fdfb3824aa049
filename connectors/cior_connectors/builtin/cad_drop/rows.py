"""One record's bytes as named text values. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cior_connectors.builtin.cad_drop.config import CadDropConfig, Column
from cior_core.errors import PayloadRejected

MAX_COLUMNS = 2_000
_PREFIX = re.compile(r"(</?|\s)[A-Za-z_][\w.\-]*:(?=[A-Za-z_][\w.\-]*[\s=/>])")


class Row:
    """Values of a record by column; ``get`` gives stripped text, "" for what is absent or null."""

    def __init__(self, values: dict[Column, str]) -> None:
        self._values = values

    def get(self, column: Column | None) -> str:
        """Text of one column."""
        return "" if column is None else self._values.get(column, "").strip()

    def joined(self, columns: tuple[Column, ...], separator: str) -> str:
        """Non-empty values of ``columns``."""
        return separator.join(value for column in columns if (value := self.get(column)))


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


def read(raw: bytes, config: CadDropConfig, header: str) -> Row:
    """``raw`` as a row; ``header`` is the CSV header line of its file ("" when the format has none).

    Raises ``PayloadRejected``: ``cad_drop.encoding``, ``cad_drop.columns``, ``cad_drop.csv``, ``cad_drop.json``,
    ``cad_drop.duplicate_key``, ``cad_drop.xml``, ``cad_drop.repeated_header``.
    """
    text = text_of(raw, config.encoding)
    match config.format:
        case "csv":
            return _csv(text, config, header)
        case "json" | "ndjson":
            return _json(text, config)
        case "xml":
            return _xml(text, config)


def split_line(text: str, config: CadDropConfig) -> list[str]:
    """Fields of one CSV record. Raises ``PayloadRejected`` (``cad_drop.csv``)."""
    try:
        rows = list(
            csv.reader(
                io.StringIO(text, newline=""), delimiter=config.csv.delimiter, quotechar=config.csv.quote
            )
        )
    except csv.Error as error:
        raise PayloadRejected("cad_drop.csv", f"not a CSV record: {error}") from error
    if len(rows) != 1:
        raise PayloadRejected("cad_drop.csv", "not one CSV record")
    return rows[0]


def _csv(text: str, config: CadDropConfig, header: str) -> Row:
    fields = split_line(text.rstrip("\r\n"), config)
    names = split_line(header, config) if header else []
    expected = (
        len(names)
        or config.csv.columns
        or max((column for column in mapped(config) if isinstance(column, int)), default=0) + 1
    )
    exact = bool(names or config.csv.columns)
    if (exact and len(fields) != expected) or len(fields) < expected or len(fields) > MAX_COLUMNS:
        raise PayloadRejected("cad_drop.columns", f"{len(fields)} columns where {expected} belong")
    if names and fields == names:
        raise PayloadRejected("cad_drop.repeated_header", "the header again")
    values: dict[Column, str] = dict(enumerate(fields))
    return Row(values | dict(zip((name.strip() for name in names), fields, strict=True)) if names else values)


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
    if not isinstance(tree, dict):
        raise PayloadRejected("cad_drop.json", "a record must be an object")
    return Row({column: _scalar(_descend(tree, str(column))) for column in mapped(config)})


def _descend(tree: dict[str, Any], path: str) -> Any:
    if path in tree:
        return tree[path]
    node: Any = tree
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _scalar(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _xml(text: str, config: CadDropConfig) -> Row:
    try:
        root = fromstring(_undeclared(text), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise PayloadRejected("cad_drop.xml", "not a well-formed element") from error
    return Row({column: _at(root, str(column)) for column in mapped(config)})


def _undeclared(text: str) -> str:
    """Prefixes whose declaration stands outside the record are turned into plain names, so that the record can be read
    alone.
    """
    if ":" not in text or "xmlns" in text.split(">", 1)[0]:
        return text
    return _PREFIX.sub(r"\1", text)


def _at(root: Element, path: str) -> str:
    node: Element | None = root
    for part in path.split("/"):
        if node is None:
            return ""
        if part.startswith("@"):
            return node.get(part[1:]) or ""
        node = next((child for child in node if _local(child.tag) == part), None)
    return "".join(node.itertext()) if node is not None else ""


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def mapped(config: CadDropConfig) -> tuple[Column, ...]:
    """Every column the configuration names, in a fixed order, once."""
    columns = config.columns
    single = (
        columns.occurred,
        columns.type,
        columns.modified,
        columns.lat,
        columns.lon,
        columns.priority,
        columns.status,
        columns.merged_into,
        columns.test,
        columns.verified,
        columns.dispatched,
        columns.on_scene,
    )
    return tuple(
        dict.fromkeys(
            column for column in (*single, *columns.id, *columns.address, *config.keep) if column is not None
        )
    )
