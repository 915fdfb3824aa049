"""A mapping tried on a file: whether its columns are there, and what its records would become. Reads, keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

import msgspec

from cior_connectors.builtin.cad_drop import labelling, reader, rows
from cior_connectors.builtin.cad_drop.config import CadDropConfig, Column
from cior_connectors.builtin.cad_drop.state import DropState
from cior_core.errors import PayloadRejected

_SAMPLE_RECORDS = 200


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a file with its facts for ``decode``; ``absent``: mapped columns that it does not have (None: it is
    no record).
    """

    raw: bytes
    details: dict[str, str]
    absent: frozenset[Column] | None = None


def tried(stream: BinaryIO, config: CadDropConfig, *, now_ms: int) -> Iterator[Tried]:
    """The records of ``stream``, labelled as a drop folder labels them that never saw a file before."""
    reading = reader.read(stream, config)
    state = DropState(None, now_ms=now_ms, remember_days=config.remember_days, keyed=str)
    try:
        for record in reading.records:
            details = reading.details | {"record": str(record.number)}
            if record.problem:
                yield Tried(raw=record.raw, details=details | {"problem": record.problem})
                continue
            absent = None
            with suppress(PayloadRejected):
                row = rows.read(record.raw, config, reading.details)
                absent = frozenset(column for column in rows.mapped(config) if not row.has(column))
            told = labelling.labels(record.raw, reading.details, config=config, state=state, now_ms=now_ms)
            yield Tried(raw=record.raw, details=details | told.labels, absent=absent)
    finally:
        state.close()


def missing(records: list[Tried], config: CadDropConfig) -> tuple[Column, ...]:
    """Mapped columns that no readable record has: a misspelt path, as a misspelt header is."""
    lists = [each.absent for each in records if each.absent is not None]
    if not lists:
        return ()
    return tuple(column for column in rows.mapped(config) if all(column in absent for absent in lists))


def fault_in(stream: BinaryIO, config: CadDropConfig) -> str:
    """What is wrong with ``config`` as far as the first records of a file tell; "" when nothing is."""
    records = list(islice(tried(stream, config, now_ms=0), _SAMPLE_RECORDS))
    if records and (problem := records[0].details.get("problem")):
        return problem
    if lost := missing(records, config):
        return f"no record of it has {', '.join(map(str, lost))}: correct the columns"
    return ""
