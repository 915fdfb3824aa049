"""Puts records into a bag: raw bytes as they were received, events as they travelled, alerts with every reason.

What is reserved (law 17) comes this way by a judge's order for it alone, and says so; else it is counted and left where
it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from cior_core.errors import IntegrityBroken
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.bag import Bag, Digests


class Opening(Struct, frozen=True, kw_only=True):
    """How a record came out of its sealed box. ``box``: as it was stored; ``key``: the key of that box alone, with
    which anybody sees that ``payload`` was in it; ``who`` opened it, when (``opened_ms``, by the clock there) and why;
    handed back by ``by`` at ``at_ms``.
    """

    box: bytes
    key: bytes
    who: str
    reason: str
    opened_ms: int
    by: str
    at_ms: int


class RawBytes(Struct, frozen=True):
    """A received record. ``sha256``: as it was computed at receipt."""

    id: str
    source: str
    received_ms: int
    sha256: str
    content_type: str
    payload: bytes
    opening: Opening | None = None


class ClosedRaw(Struct, frozen=True):
    """A record whose box nobody opened. ``box``: as it was stored, ``sha256`` of it; ``events``: what it carried."""

    id: str
    received_ms: int
    sha256: str
    box: bytes
    events: tuple[str, ...]


class EventBytes(Struct, frozen=True):
    """An event; ``body`` is its JSON exactly as it travelled, ``raws`` the records that carried it. ``reserved``: it is
    of a sealed alert; ``tells``: the id of the sealed event that this one, out of its box, tells who and where of.
    """

    id: str
    type: str
    source: str
    occurred_ms: int
    received_ms: int
    body: bytes
    raws: tuple[str, ...]
    reserved: bool = False
    tells: str = ""


class Records(Protocol):
    """Where the records of the order's interval come from, one at a time; what may not be shown is not among them."""

    @property
    def reserved(self) -> int:
        """How many reserved ones were left out."""
        ...

    def raws(self) -> Iterator[RawBytes]:
        """In order of receipt."""
        ...

    def closed(self) -> Iterator[ClosedRaw]:
        """Those that the order covers and nobody opened."""
        ...

    def events(self) -> Iterator[EventBytes]:
        """In order of receipt."""
        ...

    def alerts(self) -> Iterator[dict[str, Any]]:
        """Lines of ``alertas.jsonl``, in order of opening."""
        ...


RAWS: Final = "data/crudo/indice.jsonl"
EVENTS: Final = "data/eventos/indice.jsonl"
ALERTS: Final = "data/eventos/alertas.jsonl"
NOT_OPENED: Final = "sealed_not_opened"
"""The cause of a gap: the bytes are there, in their closed box, and nobody opened it."""


def put_records(bag: Bag, records: Records) -> list[dict[str, Any]]:
    """Put them all in; memory holds names only. What is missing of them: rows of ``crudos`` in ``huecos.json``.

    Raises ``IntegrityBroken`` (``package.raw_changed``).
    """
    files: dict[str, str] = {}
    _put_lines(bag, RAWS, _raws(bag, records, files))
    _put_lines(bag, EVENTS, _events(bag, records, files))
    _put_lines(bag, ALERTS, records.alerts())
    return list(_closed(bag, records, first=len(files) + 1))


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
        _check(digests, raw.sha256)
        files[raw.id] = path
        yield {
            "archivo": path, "sha256": digests.sha256, "registro": raw.id, "fuente": raw.source,
            "recibido": to_rfc3339(raw.received_ms), "tipo_contenido": raw.content_type,
            "sha256_recibido": raw.sha256, **(_opened(bag, number, raw.opening) if raw.opening else {}),
        }  # fmt: skip


def _opened(bag: Bag, number: int, opening: Opening) -> dict[str, Any]:
    """Its box beside it, the key of that box, and who opened it."""
    path = f"data/crudo/{number:06d}.sobre"
    return {
        "sobre": {"archivo": path, "sha256": bag.put(path, opening.box).sha256, "clave": opening.key.hex()},
        "apertura": {
            "quien": opening.who, "motivo": opening.reason, "momento": to_rfc3339(opening.opened_ms),
            "entregada": to_rfc3339(opening.at_ms), "entregada_por": opening.by,
        },
    }  # fmt: skip


def _closed(bag: Bag, records: Records, *, first: int) -> Iterator[dict[str, Any]]:
    """The boxes that stay closed go in as they are: what is opened later can be held against them."""
    for number, raw in enumerate(records.closed(), start=first):
        path = f"data/crudo/{number:06d}.sobre"
        digests = bag.put(path, raw.box)
        _check(digests, raw.sha256)
        yield {
            "registro": raw.id, "recibido": to_rfc3339(raw.received_ms), "archivo": path, "sha256": digests.sha256,
            "eventos": list(raw.events), "causa": NOT_OPENED,
        }  # fmt: skip


def _check(digests: Digests, received: str) -> None:
    if digests.sha256 != received:
        raise IntegrityBroken(
            "package.raw_changed",
            "a raw record is not what was received",
            cure="run cior verify-log and tell the auditor: no package is made of it",
        )


def _events(bag: Bag, records: Records, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(records.events(), start=1):
        path = f"data/eventos/{number:06d}.json"
        digests = bag.put(path, event.body)
        yield {
            "archivo": path, "sha256": digests.sha256, "evento": event.id, "tipo": event.type, "fuente": event.source,
            "ocurrido": to_rfc3339(event.occurred_ms), "recibido": to_rfc3339(event.received_ms),
            "crudos": [files[each] for each in event.raws if each in files],
            **({"reservado": True} if event.reserved else {}), **({"identidad_de": event.tells} if event.tells else {}),
        }  # fmt: skip
