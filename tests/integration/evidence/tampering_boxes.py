"""Tamperings of raw records in sealed boxes, by somebody who may seal the package again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integration.evidence.package_rig import (
    CLOSED_BOX,
    FRAME,
    OPEN_BOX,
    OPENED,
    Draft,
    at,
    box,
    line,
    lines,
    sha,
)
from integration.evidence.tampering_kit import of_draft

RAWS = "data/crudo/indice.jsonl"


def of_row(whole: Draft, record: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change one row of the index of raw records."""
    rows = [json.loads(each) for each in whole.payload[RAWS].splitlines()]
    change(next(each for each in rows if each["registro"] == record))
    whole.payload[RAWS] = lines(rows)


@of_draft
def box_key_of_another(whole: Draft) -> None:
    of_row(whole, "r2", lambda row: row["sobre"].update(clave=box(2)[1].hex()))


@of_draft
def box_bit_turned(whole: Draft) -> None:
    changed = bytearray(whole.payload[OPEN_BOX])
    changed[-1] ^= 1
    whole.payload[OPEN_BOX] = bytes(changed)
    of_row(whole, "r2", lambda row: row["sobre"].update(sha256=sha(bytes(changed))))


@of_draft
def opened_bytes_changed(whole: Draft) -> None:
    other = FRAME.replace(b"4711", b"4712")
    whole.payload[OPENED] = other
    of_row(whole, "r2", lambda row: row.update(sha256=sha(other), sha256_recibido=sha(other)))


@of_draft
def opening_by_nobody(whole: Draft) -> None:
    of_row(whole, "r2", lambda row: row["apertura"].update(quien=" "))


@of_draft
def opening_removed(whole: Draft) -> None:
    of_row(whole, "r2", lambda row: row.pop("apertura"))


@of_draft
def opening_after_token(whole: Draft) -> None:
    of_row(whole, "r2", lambda row: row["apertura"].update(entregada=at(20_000)))


@of_draft
def boxes_exchanged(whole: Draft) -> None:
    of_row(whole, "r2", lambda row: row["sobre"].update(archivo=CLOSED_BOX))


@of_draft
def closed_box_exchanged(whole: Draft) -> None:
    whole.payload[CLOSED_BOX] = box(3)[0]


@of_draft
def closed_box_not_named(whole: Draft) -> None:
    whole.closed = []


@of_draft
def closed_record_dropped(whole: Draft) -> None:
    whole.closed = []
    del whole.payload[CLOSED_BOX]


@of_draft
def closed_without_cause(whole: Draft) -> None:
    whole.closed[0]["causa"] = "lost"


@of_draft
def record_exchanged(whole: Draft) -> None:
    other = b"\x02PANIC 43\x03"
    whole.payload["data/crudo/000001.bin"] = other
    of_row(whole, "r1", lambda row: row.update(sha256=sha(other)))


@of_draft
def closed_box_told(_whole: Draft) -> None:
    """Nothing: a box that nobody opened is worth knowing, and is no defect."""


@of_draft
def boxes_of_before(whole: Draft) -> None:
    """A package from before boxes travelled: no list of them, and what they held is counted as reserved."""
    whole.raw_meta["huecos.json"] = line({"camaras": whole.gaps})
    del whole.payload[CLOSED_BOX]
    whole.request["reservado"] = 1
