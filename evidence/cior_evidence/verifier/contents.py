"""What the files of ``meta/`` say must agree with each other and with what lies in ``data/`` (docs/paquete.md)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

from cior_evidence.verifier.bag import info
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import TOP_FILES, Files
from cior_evidence.verifier.strict_json import canonical, instant, read_lines, read_object

META = "bag/meta/"
REQUEST, HEALTH, CUSTODY, READS, TOOLS = (
    META + name
    for name in ("solicitud.json", "salud.jsonl", "custodia.jsonl", "accesos.jsonl", "herramientas.json")
)
PROFILE = "CIOR-Bag-1"
NEGATIVE, DELIVERY = "constancia_negativa", "entrega"
VIEW, REDACTED = "copia_de_vista", "copia_velada"
NATIVE = "data/nativo/"
# An index, the folder that it lists, and its field that tells when a thing reached the centre.
INDEXES = (
    ("bag/data/eventos/indice.jsonl", "data/eventos/", ".json", "recibido"),
    ("bag/data/crudo/indice.jsonl", "data/crudo/", ".bin", "recibido"),
)
LAST_ACT = "armado"


class Contents(NamedTuple):
    """What later steps need of the metadata."""

    request: dict[str, Any]
    tools: dict[str, Any]
    last_custody: str
    latest: datetime | None


def check_contents(folder: Files, payload: dict[str, str], report: Report) -> Contents:
    """Check ``meta/`` and the indexes; ``payload`` is ``path → SHA-256`` of the manifest."""
    request = read_object(folder, REQUEST, report)
    if request:
        _check_request(request, payload, report)
        _check_identity(folder, request, report)
    last, times = _check_custody(folder, request, report)
    times += [_time_of(row, "momento", READS, report) for _, row in read_lines(folder, READS, report)]
    times += [_time_of(row, "desde", HEALTH, report) for _, row in read_lines(folder, HEALTH, report)]
    times.append(instant(request.get("creado")))
    for where, below, ending, name in INDEXES:
        times += _check_index(folder, payload, (where, below, ending), name=name, report=report)
    tools = read_object(folder, TOOLS, report)
    _check_tools(folder, tools, report)
    return Contents(request, tools, last, max((each for each in times if each is not None), default=None))


def _time_of(row: dict[str, Any], name: str, where: str, report: Report) -> datetime | None:
    found = instant(row.get(name))
    if found is None:
        report.say("meta.field", where, name)
    return found


# --- who asked for what ---------------------------------------------------------------------------------------


def _check_request(request: dict[str, Any], payload: dict[str, str], report: Report) -> None:
    for name in ("paquete", "cuij"):
        if not isinstance(request.get(name), str):
            report.say("meta.field", REQUEST, name)
    if request.get("formato") != PROFILE or request.get("tipo") not in (DELIVERY, NEGATIVE, VIEW, REDACTED):
        report.say("meta.field", REQUEST, "formato, tipo")
    report.facts.update({name: str(request.get(name)) for name in ("paquete", "cuij", "tipo")})
    approver, asker, maker = (_person(request, name) for name in ("aprobada_por", "pedida_por", "armada_por"))
    if not approver or approver in (asker, maker):
        report.say("request.oneperson", REQUEST, approver)
    is_negative = request.get("tipo") == NEGATIVE
    if is_negative and (not request.get("negativas") or any(path.startswith(NATIVE) for path in payload)):
        report.say("request.negative", REQUEST)


def _person(request: dict[str, Any], name: str) -> str:
    row = request.get(name)
    return str(row.get("id") or "") if isinstance(row, dict) else ""


def _check_identity(folder: Files, request: dict[str, Any], report: Report) -> None:
    """The bag's labels name the same case and the same package."""
    labels = info(folder)
    for label, wanted in (
        ("BagIt-Profile-Identifier", PROFILE),
        ("External-Identifier", request.get("cuij")),
        ("Internal-Sender-Identifier", request.get("paquete")),
    ):
        if labels.get(label) != [wanted]:
            report.say("id.mixed", "bag/bag-info.txt", label)


# --- custody --------------------------------------------------------------------------------------------------


def first_previous(package: str) -> str:
    """What the first entry of a package's custody names as the one before it."""
    return hashlib.sha256(f"{PROFILE}\n{package}\n".encode("utf-8", "surrogatepass")).hexdigest()


def _check_custody(
    folder: Files, request: dict[str, Any], report: Report
) -> tuple[str, list[datetime | None]]:
    """The hash of the last entry, and every entry's time."""
    last, acts = first_previous(str(request.get("paquete"))), []
    times: list[datetime | None] = []
    for number, row in read_lines(folder, CUSTODY, report):
        where = f"{CUSTODY}:{number}"
        if row.get("previo") != last or row.get("seq") != number:
            report.say("id.mixed" if number == 1 and row.get("seq") == 1 else "custody.link", where)
        made = hashlib.sha256(canonical({name: row[name] for name in row if name != "hash"})).hexdigest()
        last = str(row.get("hash"))
        if last != made:
            report.say("custody.hash", where)
        at = _time_of(row, "momento", where, report)
        known = [each for each in times if each is not None]
        if at is not None and known and at < known[-1]:
            report.say("custody.order", where)
        times.append(at)
        acts.append(row.get("acto"))
    if not acts or acts[-1] != LAST_ACT:
        report.say("custody.end", CUSTODY)
    return last, times


# --- events, raw records, tools -------------------------------------------------------------------------------


def _check_index(
    folder: Files, payload: dict[str, str], places: tuple[str, str, str], *, name: str, report: Report
) -> list[datetime | None]:
    """Every file of a folder is listed once with its digest; when each reached the centre."""
    where, below, ending = places
    files = {path for path in payload if path.startswith(below) and path.endswith(ending)}
    if where not in folder.sizes:
        for path in sorted(files):
            report.say("index.unlisted", "bag/" + path)
        return []
    listed: set[str] = set()
    times = []
    for number, row in read_lines(folder, where, report):
        path = str(row.get("archivo"))
        if path in listed or path not in payload or row.get("sha256") != payload[path]:
            report.say("index.digest", f"{where}:{number}", path)
        listed.add(path)
        times.append(_time_of(row, name, where, report))
    for path in sorted(files - listed):
        report.say("index.unlisted", "bag/" + path)
    return times


def _check_tools(folder: Files, tools: dict[str, Any], report: Report) -> None:
    """What travels beside the bag is what was sealed into it."""
    sealed = tools.get("verificadores")
    if not isinstance(sealed, dict):
        report.say("verifier.unsealed", TOOLS)
        return
    for name in TOP_FILES:
        if name in folder.sizes and sealed.get(name) != folder.digests(name)[0]:
            report.say("verifier.replaced", name)
