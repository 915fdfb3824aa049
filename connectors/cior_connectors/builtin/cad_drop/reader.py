"""A whole file as records: chooses the cutter, takes the CSV header, and sends what is no text of this kind to evidence
in chunks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from cior_connectors.builtin.cad_drop import rows, xml_text
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.json_records import read_json
from cior_connectors.builtin.cad_drop.records import UTF16_BOMS, CsvCutter, Record, broken, head, read_lines
from cior_connectors.builtin.cad_drop.xml_records import read_xml
from cior_core.errors import PayloadRejected

_SNIFF_BYTES = 4_096
_LOOK_AHEAD = 64
_SEPARATOR_LINE = re.compile(rb"\"?sep=(.)\1*\"?[\s;,\t]*", re.IGNORECASE)


class Reading(msgspec.Struct, frozen=True):
    """``records`` in order, and what all of them need to be read alone (text facts, stored with each): ``header`` (the
    raw CSV header line, as Latin-1 so that no byte is lost), ``delimiter`` (that a ``sep=`` line names), ``surplus``
    (empty columns that every row has beyond the header), ``encoding`` and ``encoding_note`` of XML.
    """

    records: Iterator[Record]
    details: dict[str, str] = {}


def read(stream: BinaryIO, config: CadDropConfig) -> Reading:
    """Records of ``stream`` from its start.

    Never raises for content: a file that cannot be read becomes problem records.
    """
    if config.format == "xml":
        return _xml(stream, config)
    start = stream.read(_SNIFF_BYTES)
    stream.seek(0)
    if start.startswith(UTF16_BOMS):
        return Reading(broken(stream, start=0, number=0, problem="cad_drop.utf16"))
    if b"\0" in start:
        return Reading(broken(stream, start=0, number=0, problem="cad_drop.not_text"))
    head(stream)
    match config.format:
        case "csv":
            return _csv(stream, config)
        case "ndjson":
            return Reading(read_lines(stream, max_bytes=config.max_record_bytes))
        case "json":
            return Reading(read_json(stream, path=config.records_at, max_bytes=config.max_record_bytes))


def _xml(stream: BinaryIO, config: CadDropConfig) -> Reading:
    encoding = xml_text.encoding_of(stream, config.encoding)
    stream.seek(encoding.mark_bytes)
    records = read_xml(
        stream, element=config.records_at, max_bytes=config.max_record_bytes, encoding=encoding
    )
    details = {"encoding": encoding.name} | ({"encoding_note": encoding.note} if encoding.note else {})
    return Reading(records, details)


def _csv(stream: BinaryIO, config: CadDropConfig) -> Reading:
    delimiter = _told_delimiter(stream)
    details = {"delimiter": delimiter} if delimiter and delimiter != config.csv.delimiter else {}
    told = (delimiter or config.csv.delimiter).encode()
    cutter = CsvCutter(
        stream, delimiter=told, quote=config.csv.quote.encode(), max_bytes=config.max_record_bytes
    )
    records = iter(cutter)
    names: list[str] = []
    if config.csv.header:
        first = next(records, None)
        if first is None:
            return Reading(iter(()))
        names = _names(first, config, delimiter)
        if not names:
            return Reading(broken(stream, start=0, number=0, problem="cad_drop.header"))
        details["header"] = first.raw.decode("latin-1")
        records = _without(records, first.raw.strip())
    blank = told + config.csv.quote.encode() + b" \t\r\n"
    full = (record for record in records if record.problem or record.raw.strip(blank))
    ahead = list(islice(full, _LOOK_AHEAD))
    width = len(names) or config.csv.columns or 0
    if surplus := _surplus(ahead, config, delimiter, width=width):
        details["surplus"] = str(surplus)
    return Reading(_numbered(chain(ahead, full)), details)


def _told_delimiter(stream: BinaryIO) -> str:
    """The separator that a first line ``sep=;`` names (spreadsheets write and read it); "" leaves the stream alone."""
    here = stream.tell()
    line = stream.readline(64)
    if (found := _SEPARATOR_LINE.fullmatch(line)) is not None and line.endswith((b"\n", b"\r")):
        return found[1].decode("latin-1")
    stream.seek(here)
    return ""


def _names(first: Record, config: CadDropConfig, delimiter: str) -> list[str]:
    """Column names of the header; none when it is no header that names each mapped column exactly once."""
    try:
        text = rows.text_of(first.raw, config.encoding).strip("\r\n")
        names = [name.strip() for name in rows.split_line(text, config, delimiter)]
    except PayloadRejected:
        return []
    wanted = [column for column in rows.mapped(config) if isinstance(column, str)]
    return names if not first.problem and all(names.count(column) == 1 for column in wanted) else []


def _surplus(ahead: list[Record], config: CadDropConfig, delimiter: str, *, width: int) -> int:
    """How many empty columns more than the header most rows have, as far as the first rows tell; 0 when they do not.

    Told only with a row whose last own column is filled: elsewhere a separator inside a text may have moved all values.
    """
    rows_seen, sure = Counter[int](), set[int]()
    for record in ahead:
        try:
            text = rows.text_of(record.raw, config.encoding).rstrip("\r\n")
            fields = rows.split_line(text, config, delimiter)
        except PayloadRejected:
            continue
        extra = len(fields) - width
        rows_seen[extra] += 1
        if width and extra > 0 and not any(fields[width:]) and fields[width - 1].strip():
            sure.add(extra)
    usual, count = rows_seen.most_common(1)[0] if rows_seen else (0, 0)
    return usual if usual in sure and count * 2 > rows_seen.total() else 0


def _without(records: Iterator[Record], header: bytes) -> Iterator[Record]:
    """Records without the header where it comes again (files put one behind the other)."""
    return (record for record in records if record.problem or record.raw.strip() != header)


def _numbered(records: Iterator[Record]) -> Iterator[Record]:
    return (msgspec.structs.replace(record, number=number) for number, record in enumerate(records))
