"""A whole file as records: chooses the cutter, takes the CSV header, and sends what is no text of this kind to evidence
in chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from cior_connectors.builtin.cad_drop import rows
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.builtin.cad_drop.json_records import read_json
from cior_connectors.builtin.cad_drop.records import UTF16_BOMS, CsvCutter, Record, broken, head, read_lines
from cior_connectors.builtin.cad_drop.xml_records import read_xml
from cior_core.errors import PayloadRejected

_SNIFF_BYTES = 4_096


class Reading(msgspec.Struct, frozen=True):
    """``records`` in order, and the raw CSV header line that all of them need ("" when there is none), as Latin-1 text
    so that no byte is lost.
    """

    records: Iterator[Record]
    header: str = ""


def read(stream: BinaryIO, config: CadDropConfig) -> Reading:
    """Records of ``stream`` from its start.

    Never raises for content: a file that cannot be read becomes problem records.
    """
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
        case "xml":
            return Reading(read_xml(stream, element=config.records_at, max_bytes=config.max_record_bytes))


def _csv(stream: BinaryIO, config: CadDropConfig) -> Reading:
    delimiter, quote = config.csv.delimiter.encode(), config.csv.quote.encode()
    cutter = CsvCutter(stream, delimiter=delimiter, quote=quote, max_bytes=config.max_record_bytes)
    if not config.csv.header:
        return Reading(iter(cutter))
    records = iter(cutter)
    first = next(records, None)
    if first is None:
        return Reading(iter(()))
    if first.problem or not _names_all(first.raw, config):
        return Reading(broken(stream, start=0, number=0, problem="cad_drop.header"))
    return Reading(_renumbered(records), first.raw.decode("latin-1"))


def _names_all(line: bytes, config: CadDropConfig) -> bool:
    """Whether the header names every mapped column, and no column twice."""
    try:
        names = [name.strip() for name in header_names(line.decode("latin-1"), config)]
    except PayloadRejected:
        return False
    return len(set(names)) == len(names) and all(
        column in names for column in rows.mapped(config) if isinstance(column, str)
    )


def header_names(header: str, config: CadDropConfig) -> list[str]:
    """Column names of a header line kept as Latin-1 text. Raises ``PayloadRejected``."""
    return rows.split_line(rows.text_of(header.encode("latin-1"), config.encoding).strip("\r\n"), config)


def _renumbered(records: Iterator[Record]) -> Iterator[Record]:
    return (msgspec.structs.replace(record, number=record.number - 1) for record in records)
