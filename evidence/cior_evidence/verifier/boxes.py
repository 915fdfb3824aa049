"""Raw records in sealed boxes: opened ones hold what is delivered, closed ones are named, none is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, TooLarge
from cior_evidence.verifier.footage import GAPS
from cior_evidence.verifier.secretbox import MOST_SEALED_BYTES, open_box
from cior_evidence.verifier.strict_json import NotStrict, instant, parse, read_lines, read_object

RAW_ROWS, EVENT_ROWS = "bag/data/crudo/indice.jsonl", "bag/data/eventos/indice.jsonl"
BOXES, BOX_ENDING = "data/crudo/", ".sobre"
NOT_OPENED = "sealed_not_opened"
STRETCH = "application/vnd.cior.camera-stretch+json"
MOST_EVENT_BYTES = 4 * 1024 * 1024


def check_boxes(
    folder: Files, request: dict[str, Any], payload: dict[str, str], report: Report
) -> datetime | None:
    """Check every box; when the latest opening was handed back."""
    rows = [row for _, row in read_lines(folder, RAW_ROWS, report)] if RAW_ROWS in folder.sizes else []
    gaps = _read_closed(folder, report)
    known: dict[str, set[str]] = {}
    named: list[str] = []
    times = []
    for row in rows:
        opened = "sobre" in row or "apertura" in row
        digest = (
            _check_opened(folder, payload, row, named=named, report=report) if opened else row.get("sha256")
        )
        known.setdefault(str(row.get("registro")), set()).update({str(digest), *_of_stretch(folder, row)})
        times.append(_when(row, report) if opened else None)
    for row in gaps:
        known.setdefault(str(row.get("registro")), set()).add(str(row.get("sha256")))
        _check_closed(payload, row, named=named, report=report)
    there = {path for path in payload if path.startswith(BOXES) and path.endswith(BOX_ENDING)}
    for path in sorted(there - set(named)):
        report.say("box.unlisted", "bag/" + path)
    for path in sorted({each for each in named if named.count(each) > 1}):
        report.say("box.digest", "bag/" + path)
    _check_events(folder, request, known, report)
    report.facts["sobres"] = f"{len(named) - len(gaps)} + {len(gaps)}"
    return max((each for each in times if each is not None), default=None)


def _read_closed(folder: Files, report: Report) -> list[dict[str, Any]]:
    """``crudos`` of ``huecos.json``; a package from before has none."""
    rows = read_object(folder, GAPS, report).get("crudos", []) if GAPS in folder.sizes else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        report.say("meta.field", GAPS, "crudos")
        return []
    return rows


def _check_opened(
    folder: Files, payload: dict[str, str], row: dict[str, Any], *, named: list[str], report: Report
) -> str:
    """The box opens with its key to the very bytes that are delivered; the digest of the box."""
    where, box = f"bag/{row.get('archivo')}", row.get("sobre")
    told = box if isinstance(box, dict) else {}
    path, digest = str(told.get("archivo")), str(told.get("sha256"))
    named.append(path)
    if payload.get(path) != digest:
        report.say("box.digest", where, path)
        return digest
    try:
        found = open_box(folder.read("bag/" + path, MOST_SEALED_BYTES), bytes.fromhex(str(told.get("clave"))))
        delivered = folder.read(where, MOST_SEALED_BYTES)
    except (Malformed, ValueError, OSError, TooLarge) as why:
        report.say("box.key", where, str(why))
        return digest
    if found.get("payload") != delivered or found.get("sha256") != row.get("sha256_recibido"):
        report.say("box.content", where, path)
    return digest


def _when(row: dict[str, Any], report: Report) -> datetime | None:
    """When the opening was handed back; it has a name and a reason too."""
    told = row.get("apertura")
    said = told if isinstance(told, dict) else {}
    handed = instant(said.get("entregada"))
    words = [str(said.get(name) or "").strip() for name in ("quien", "motivo", "entregada_por")]
    if handed is None or instant(said.get("momento")) is None or not all(words):
        report.say("box.opening", f"bag/{row.get('archivo')}")
    return handed


def _check_closed(payload: dict[str, str], row: dict[str, Any], *, named: list[str], report: Report) -> None:
    path = str(row.get("archivo"))
    named.append(path)
    if payload.get(path) != row.get("sha256") or not path.startswith(BOXES) or not path.endswith(BOX_ENDING):
        report.say("box.digest", GAPS, path)
    elif row.get("causa") != NOT_OPENED or instant(row.get("recibido")) is None:
        report.say("meta.field", GAPS, "crudos: causa, recibido")
    else:
        report.say("box.closed", "bag/" + path)


def _check_events(folder: Files, request: dict[str, Any], known: dict[str, set[str]], report: Report) -> None:
    """Each event names the raw record that it was read from: it is delivered, closed, or counted as reserved."""
    if EVENT_ROWS not in folder.sizes:
        return
    for _, row in read_lines(folder, EVENT_ROWS, report):
        where = f"bag/{row.get('archivo')}"
        record, digest = _raw_of(folder, where)
        if record is None:
            continue
        if record in known:
            if digest not in known[record]:
                report.say("raw.other", where, record)
        elif request.get("reservado") == 0:
            report.say("raw.hidden", where, record)


def _of_stretch(folder: Files, row: dict[str, Any]) -> set[str]:
    """A camera's event names the digest of what had come until then: its stretch lists each."""
    if row.get("tipo_contenido") != STRETCH:
        return set()
    try:
        stretch = parse(folder.read(f"bag/{row.get('archivo')}", MOST_EVENT_BYTES))
    except (NotStrict, OSError, TooLarge):
        return set()
    events = stretch.get("events") if isinstance(stretch, dict) else None
    listed = events if isinstance(events, list) else []
    return {str(each.get("sha256")) for each in listed if isinstance(each, dict)}


def _raw_of(folder: Files, where: str) -> tuple[str | None, str]:
    """Id and digest of the record that an event was read from; None: it names none."""
    try:
        event = parse(folder.read(where, MOST_EVENT_BYTES))
    except (NotStrict, OSError, TooLarge):
        return None, ""
    data = event.get("data") if isinstance(event, dict) else None
    raw = data.get("raw") if isinstance(data, dict) else None
    if not isinstance(raw, dict) or not isinstance(raw.get("raw_id"), str):
        return None, ""
    return raw["raw_id"], str(raw.get("sha256"))
