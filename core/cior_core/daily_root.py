"""The root of a day: one signed page over each entry of the ledger and each package, of which a stranger can be proven
one record without seeing another (RFC 6962 tree, C2SP checkpoint). Pure.

A leaf is five lines that anybody makes with ``printf`` and ``sha256sum``: form, kind, number, SHA-256 of the record,
and a nonce that only who has the centre's key can make, so that no record can be guessed from a proof beside it. The
first leaf is the page before it: who kept one page holds all pages before it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from cior_core import checkpoint, integrity
from cior_core.chain import netstrings
from cior_core.errors import PayloadRejected
from cior_core.model import Struct


class RecordKind(StrEnum):
    """``BEFORE``: the page of the day before. ``ACCESS``: an entry of the register's ledger (acts, reads, searches).
    ``PACKAGE``: a line of the ledger of packages.
    """

    BEFORE = "anterior"
    ACCESS = "acceso"
    PACKAGE = "paquete"


class Record(Struct, frozen=True):
    """What a leaf is about: its place in its own ledger, and the SHA-256 (hex) of its bytes there."""

    kind: RecordKind
    number: int
    sha256: str

    @property
    def line(self) -> str:
        """As it is kept beside the page."""
        return f"{self.kind.value} {self.number} {self.sha256}\n"

    @staticmethod
    def of_line(line: str) -> Record:
        """Raises ``PayloadRejected`` (``daily.line``)."""
        parts = line.split(" ")
        try:
            return Record(RecordKind(parts[0]), int(parts[1]), parts[2].strip())
        except (ValueError, IndexError):
            raise PayloadRejected("daily.line", "this is no record of a day") from None


class DailyKey(Struct, frozen=True):
    """``origin``: who signs; ``secret``: of the nonces."""

    origin: str
    secret: bytes

    def nonce(self, day: date, record: Record) -> str:
        """32 hex digits for this record of this day (HMAC-SHA256, cut)."""
        told = netstrings(
            "cior.daily.v1", day.isoformat(), record.kind.value, str(record.number), record.sha256
        )
        return hmac.new(self.secret, told, "sha256").hexdigest()[:32]

    def leaf(self, day: date, record: Record) -> bytes:
        """The leaf's bytes: five lines."""
        nonce = self.nonce(day, record)
        return f"CIOR-Hoja-1\n{record.kind.value}\n{record.number}\n{record.sha256}\n{nonce}\n".encode()


def page_text(key: DailyKey, day: date, records: Sequence[Record], *, at_ms: int) -> str:
    """The text to sign. Its first three lines (name and day, number of leaves, root) are those that are printed."""
    leaves = [key.leaf(day, each) for each in records]
    return checkpoint.text_of(f"{key.origin}/{day.isoformat()}", leaves, at_ms=at_ms)


def proof(
    key: DailyKey, day: date, records: Sequence[Record], *, index: int, content: bytes
) -> dict[str, Any]:
    """What a third party needs beside the page, to be sure that ``content`` is record ``index`` of the day.

    Raises ``PayloadRejected`` (``daily.record``) when these are not the bytes that were noted on that day.
    """
    record = records[index]
    if integrity.digest(content) != record.sha256:
        raise PayloadRejected(
            "daily.record", "the record is not what it was on its day: it was changed since"
        )
    leaves = [key.leaf(day, each) for each in records]
    return {
        "formato": "CIOR-Inclusion-1", "dia": day.isoformat(), "tipo": record.kind.value, "numero": record.number,
        "registro": content.decode(), "nonce": key.nonce(day, record), "indice": index, "tamano": len(leaves),
        "prueba": [each.hex() for each in integrity.inclusion_proof(leaves, index)],
    }  # fmt: skip
