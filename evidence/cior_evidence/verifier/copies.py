"""A copy made out of another package says which one and of which files, and never stands where originals stand."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cior_evidence.verifier.contents import DELIVERY, META, NATIVE, NEGATIVE, REDACTED, REQUEST, VIEW
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files
from cior_evidence.verifier.strict_json import read_lines, read_object

COPY, VEILS = META + "copia.json", META + "velos.jsonl"
VIEWS = "data/vista/"
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


class Expected(NamedTuple):
    """Of what class the files of a package are, and where they lie."""

    of_class: str
    folder: str


EXPECTED = {
    DELIVERY: Expected("nativo", NATIVE),
    NEGATIVE: Expected("nativo", NATIVE),
    VIEW: Expected("vista", VIEWS),
    REDACTED: Expected("velada", VIEWS),
}
OF_COPIES = ("vista", "velada")
# What stands in velos.jsonl: whether a picture was looked at, or all of it was veiled for want of that.
LOOKED, VEILED_WHOLE = "mirado", "sin_deteccion"


def expected(request: dict[str, Any]) -> Expected:
    """What the package says that it is; what it does not say is taken for a delivery."""
    return EXPECTED.get(str(request.get("tipo")), EXPECTED[DELIVERY])


def is_copy(request: dict[str, Any]) -> bool:
    """Whether it says that it is a copy."""
    return request.get("tipo") in (VIEW, REDACTED)


def check_copy(folder: Files, request: dict[str, Any], rows: list[dict[str, Any]], report: Report) -> None:
    """Check what a copy says of the package it was made of; ``rows``: of ``segmentos.jsonl``."""
    if not is_copy(request):
        return
    report.say("copy.derived", REQUEST, str(request.get("deriva_de")))
    origin = request.get("deriva_de")
    if not isinstance(origin, str) or not HEX_DIGEST.fullmatch(origin):
        report.say("copy.nolink", REQUEST, "deriva_de")
    told = read_object(folder, COPY, report)
    named = told.get("deriva_de")
    if not isinstance(named, dict) or named.get("tagmanifest_sha256") != origin:
        report.say("copy.nolink", COPY, "deriva_de")
    if told.get("clase") != expected(request).of_class:
        report.say("copy.asnative", COPY, str(told.get("clase")))
    for row in rows:
        _check_origin_of_copy(row, report)
    if request.get("tipo") == REDACTED:
        _check_veils(folder, rows, report)


def _check_origin_of_copy(row: dict[str, Any], report: Report) -> None:
    where, native = "bag/" + str(row.get("archivo")), row.get("nativo")
    if not isinstance(native, dict):
        report.say("copy.nolink", where, "nativo")
        return
    path, frames = native.get("archivo"), native.get("cuadros")
    digests = [native.get("sha256"), native.get("carga_sha256")]
    is_named = isinstance(path, str) and path.startswith(NATIVE + str(row.get("camara")) + "/")
    if not is_named or not all(isinstance(each, str) and HEX_DIGEST.fullmatch(each) for each in digests):
        report.say("copy.nolink", where, str(path))
    shown, unread = row.get("cuadros"), row.get("sin_decodificar")
    if type(shown) is not int or type(unread) is not int or shown + unread != frames:
        report.say("copy.frames", where, f"{shown} + {unread} / {frames}")


def _check_veils(folder: Files, rows: list[dict[str, Any]], report: Report) -> None:
    """Of each picture it is said that it was looked at, or that all of it was veiled."""
    judged: dict[str, list[tuple[int, int]]] = {}
    for number, row in read_lines(folder, VEILS, report):
        first, last = row.get("desde_cuadro"), row.get("hasta_cuadro")
        if type(first) is not int or type(last) is not int:
            report.say("meta.field", f"{VEILS}:{number}", "desde_cuadro, hasta_cuadro")
        elif row.get("motivo") in (LOOKED, VEILED_WHOLE):
            judged.setdefault(str(row.get("archivo")), []).append((first, last))
    for row in rows:
        path, reached = str(row.get("archivo")), 0
        for first, last in sorted(judged.get(path, [])):
            if first > reached:
                break
            reached = max(reached, last)
        frames = row.get("cuadros")
        if type(frames) is not int or reached < frames:
            report.say("copy.unveiled", "bag/" + path, f"{reached} / {frames}")
