"""The audit trail of one item: every row of the ledger about a request, or about a camera's footage of an interval, as
CSV and as PDF, with the end of the chain under which the rows stand.

The register's rows, told once: what a package carries (``accesos.jsonl``, ``custodia.jsonl``) is what was known when it
was made, and this is what is known today.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from cior_core.canonical import canonical
from cior_core.chain import Head
from cior_core.model import Struct
from cior_core.people import LedgerRow
from cior_core.rfc3339 import to_rfc3339
from cior_evidence import drawing

MOST_PRINTED: Final = 5_000
"""Rows of one PDF, some 400 pages: who has more reads the CSV."""
COLUMNS: Final = (
    "seq", "at", "at_local", "actor", "name", "role", "act", "subject", "purpose", "outcome", "rule", "reason",
    "detail", "previous", "hash", "head_seq", "head_hash",
)  # fmt: skip
_TEMPLATE: Final = "trail.typ"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell (OWASP, CSV injection)."""
STEPS: Final = (
    "cior evidence inclusion --config centro.toml --access {seq} --out prueba.json",
    "python3 verify.py --inclusion prueba.json --root-note raiz.txt",
)
"""How a third party proves one row (docs/registro.md)."""


class Trail(Struct, frozen=True):
    """``subject``: a request's id, or a camera's; ``span``: UTC ms of its footage, None for a request. ``rows``: oldest
    first; ``head``: the end of the chain when they were read; ``names``: people by id, those who may be named.
    ``written_for``, ``written_ms``: whose copy this is, and when it was made; ``zone``: the jurisdiction's (IANA).
    """

    subject: str
    rows: tuple[LedgerRow, ...]
    head: Head
    zone: str
    centre: str
    written_for: str
    written_ms: int
    span: tuple[int, int] | None = None
    names: Mapping[str, str] = {}


def trail_csv(trail: Trail) -> bytes:
    """RFC 4180, CRLF; a cell that a spreadsheet would compute has an apostrophe before it."""
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(COLUMNS)
    for row in trail.rows:
        writer.writerow([f"'{each}" if each.startswith(_FORMULA) else each for each in _cells(row, trail)])
    return told.getvalue().encode()


def _cells(row: LedgerRow, trail: Trail) -> tuple[str, ...]:
    entry = row.entry
    return (
        str(row.place.seq), to_rfc3339(entry.at_ms), drawing.both_clocks(entry.at_ms, trail.zone).partition(" (")[0],
        entry.actor, trail.names.get(entry.actor, ""), entry.role.value if entry.role else "", entry.act,
        entry.subject, entry.purpose.value if entry.purpose else "", entry.outcome.value, entry.rule, entry.reason,
        _detail(row), row.place.previous, row.hash, str(trail.head.seq), trail.head.hash,
    )  # fmt: skip


def _detail(row: LedgerRow) -> str:
    return "; ".join(f"{name}={value}" for name, value in sorted(row.entry.detail.items()))


def trail_pdf(trail: Trail) -> bytes:
    """The same rows for a court: PDF/A-3a and PDF/UA-1, unsigned. Raises what :func:`cior_evidence.drawing.drawn` does.

    The CSV of the same rows travels inside, so that nobody types them.
    """
    files = {"registro.json": canonical(_said(trail)), "registro.csv": trail_csv(trail)}
    return drawing.drawn(_TEMPLATE, files, at_ms=trail.written_ms)


def _said(trail: Trail) -> dict[str, Any]:
    last = trail.rows[-1].place.seq if trail.rows else trail.head.seq
    return {
        "item": drawing.drawable(trail.subject),
        "tramo": [drawing.both_clocks(each, trail.zone) for each in trail.span or ()],
        "centro": drawing.drawable(trail.centre),
        "zona": trail.zone,
        "hecho": drawing.both_clocks(trail.written_ms, trail.zone),
        "para": drawing.drawable(trail.names.get(trail.written_for, trail.written_for)),
        "final": {"numero": trail.head.seq, "hash": drawing.grouped(trail.head.hash)},
        "pasos": [each.format(seq=last) for each in STEPS],
        "asientos": [_line(each, trail) for each in trail.rows],
    }


def _line(row: LedgerRow, trail: Trail) -> dict[str, Any]:
    entry = row.entry
    words = {
        "quien": trail.names.get(entry.actor, entry.actor),
        "acto": entry.act,
        "sobre": entry.subject if entry.subject != trail.subject else "",
        "regla": entry.rule,
        "motivo": entry.reason,
        "detalle": _detail(row),
    }
    return {name: drawing.drawable(text) for name, text in words.items()} | {
        "numero": row.place.seq,
        "momento": drawing.both_clocks(entry.at_ms, trail.zone),
        "rol": entry.role.value if entry.role else "",
        "finalidad": entry.purpose.value if entry.purpose else "",
        "resultado": entry.outcome.value,
        "hash": drawing.grouped(row.hash),
    }
