"""Puts records into a bag: raw bytes as they were received, events as they travelled, alerts with every reason.

What is reserved (law 17) never comes this way: it is counted and left where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from cior_core.errors import IntegrityBroken
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.bag import Bag


class RawBytes(Struct, frozen=True):
    """A received record. ``sha256``: as it was computed at receipt."""

    id: str
    source: str
    received_ms: int
    sha256: str
    content_type: str
    payload: bytes


class EventBytes(Struct, frozen=True):
    """An event; ``body`` is its JSON exactly as it travelled, ``raws`` the records that carried it."""

    id: str
    type: str
    source: str
    occurred_ms: int
    received_ms: int
    body: bytes
    raws: tuple[str, ...]


class Records(Protocol):
    """Where the records of the order's interval come from, one at a time; what may not be shown is not among them."""

    @property
    def reserved(self) -> int:
        """How many reserved ones were left out."""
        ...

    def raws(self) -> Iterator[RawBytes]:
        """In order of receipt."""
        ...

    def events(self) -> Iterator[EventBytes]:
        """In order of receipt."""
        ...

    def alerts(self) -> Iterator[dict[str, Any]]:
        """Lines of ``alertas.jsonl``, in order of opening."""
        ...


def put_records(bag: Bag, records: Records) -> None:
    """Put them all in; memory holds names only. Raises ``IntegrityBroken`` (``package.raw_changed``)."""
    files: dict[str, str] = {}
    _put_lines(bag, "data/crudo/indice.jsonl", _raws(bag, records, files))
    _put_lines(bag, "data/eventos/indice.jsonl", _events(bag, records, files))
    _put_lines(bag, "data/eventos/alertas.jsonl", records.alerts())


def _put_lines(bag: Bag, path: str, lines: Iterable[dict[str, Any]]) -> None:
    """A file of lines, if there are any."""
    first = next(iterator := iter(lines), None)
    if first is not None:
        bag.put_lines(path, _again(first, iterator))


def _again(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _raws(bag: Bag, records: Records, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    for number, raw in enumerate(records.raws(), start=1):
        path = f"data/crudo/{number:06d}.bin"
        digests = bag.put(path, raw.payload)
        if digests.sha256 != raw.sha256:
            raise IntegrityBroken(
                "package.raw_changed",
                "a raw record is not what was received",
                cure="run cior verify-log and tell the auditor: no package is made of it",
            )
        files[raw.id] = path
        yield {
            "archivo": path, "sha256": digests.sha256, "registro": raw.id, "fuente": raw.source,
            "recibido": to_rfc3339(raw.received_ms), "tipo_contenido": raw.content_type,
            "sha256_recibido": raw.sha256,
        }  # fmt: skip


def _events(bag: Bag, records: Records, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(records.events(), start=1):
        path = f"data/eventos/{number:06d}.json"
        digests = bag.put(path, event.body)
        yield {
            "archivo": path, "sha256": digests.sha256, "evento": event.id, "tipo": event.type, "fuente": event.source,
            "ocurrido": to_rfc3339(event.occurred_ms), "recibido": to_rfc3339(event.received_ms),
            "crudos": [files[each] for each in event.raws if each in files],
        }  # fmt: skip
