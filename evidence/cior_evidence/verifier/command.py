"""``python3 verify.py``: the command line, and how a report is told."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from cior_evidence.verifier.act import check_acts
from cior_evidence.verifier.bag import TAGS, check_bag
from cior_evidence.verifier.boxes import check_boxes
from cior_evidence.verifier.certificates import Certificate, pem_blocks
from cior_evidence.verifier.contents import check_contents
from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import ERROR, NOTE, UNPROVEN, Report
from cior_evidence.verifier.folder import Files, Folder, check_places
from cior_evidence.verifier.footage import check_footage
from cior_evidence.verifier.inclusion import check_inclusion
from cior_evidence.verifier.ledger import Checkpoint, LedgerKey, read_checkpoint, read_key
from cior_evidence.verifier.parts import ZipParts, check_parts
from cior_evidence.verifier.registering import Kept, check_ledger
from cior_evidence.verifier.renewals import check_renewals
from cior_evidence.verifier.seal import TWO_CLOCKS_S, Sealed, check_declared, check_seal, gather
from cior_evidence.verifier.sentences import STEPS
from cior_evidence.verifier.stored_zip import StoredZip
from cior_evidence.verifier.strict_json import instant

OF_THE_LEDGER = 10
MOST_OUTSIDE_BYTES = 4 * 1024 * 1024
WEIGHTS = {
    "es": {ERROR: "MAL", UNPROVEN: "SIN PROBAR", NOTE: "nota"},
    "en": {ERROR: "WRONG", UNPROVEN: "NOT PROVEN", NOTE: "note"},
}
VERDICTS = {
    "es": (
        "SIN DEFECTOS: todo lo que este programa comprueba concuerda.",
        "CON DEFECTOS: vea cada línea MAL.",
        "NO PROBADO: nada está mal, pero falta algo de afuera (vea SIN PROBAR).",
    ),
    "en": (
        "NO DEFECTS: everything that this program checks agrees.",
        "DEFECTS: see each line marked WRONG.",
        "NOT PROVEN: nothing is wrong, but something from outside is missing (see NOT PROVEN).",
    ),
}


class Unusable(Exception):
    """What was given on the command line cannot be used."""


class Given(NamedTuple):
    """What comes from outside the package."""

    roots: list[Certificate]
    kept: Kept
    at: datetime | None
    digest: str


def verify(path: str, given: Given, *parts: str) -> Report:
    """Every finding about the package at ``path``, a folder or a ZIP; ``parts``: its further ZIPs. Reads only."""
    report = Report()
    folder = opened(path, report, *parts)
    if not folder.sizes:
        report.say("pkg.empty", os.path.basename(path))
        return report
    check_places(folder, report)
    payload = check_bag(folder, report)
    check_parts(folder, payload, report)
    trust = gather(folder, given.roots, report)
    sealed = check_seal(folder, trust, report, given.at)
    contents = check_contents(folder, payload, report)
    last_picture = check_footage(folder, contents.request, payload, report)
    last_opening = check_boxes(folder, contents.request, payload, report)
    check_declared(folder, sealed, contents.tools, report)
    _check_times(sealed, [contents.latest, last_picture, last_opening], report)
    check_ledger(folder, contents, given.kept, report)
    check_acts(folder, report)
    check_renewals(folder, sealed, trust, report)
    _tell_facts(folder, sealed, given, report)
    return report


def check_seals(path: str, given: Given) -> Report:
    """Findings about the seal and its renewals alone: what they cover is digested but for the payload."""
    report = Report()
    folder = opened(path, report)
    check_places(folder, report)
    trust = gather(folder, given.roots, report)
    check_renewals(folder, check_seal(folder, trust, report, given.at), trust, report)
    return report


def opened(path: str, report: Report, *parts: str) -> Files:
    """The package; ``Unusable`` when nothing is there."""
    try:
        if parts:
            return ZipParts([path, *parts], report)
        if os.path.isdir(path):
            return Folder(path, report)
        return StoredZip(path, report)
    except OSError as why:
        raise Unusable(f"{path}: {why.strerror or type(why).__name__}") from None


def _check_times(sealed: Sealed, latest: list[datetime | None], report: Report) -> None:
    """Nothing in the package is later than its stamp."""
    for each in latest:
        if sealed.at is not None and each is not None and each - sealed.at > timedelta(seconds=TWO_CLOCKS_S):
            report.say("time.beforeevent", "bag", f"{each:%Y-%m-%d %H:%M:%S} > {sealed.at:%Y-%m-%d %H:%M:%S}")


def _tell_facts(folder: Files, sealed: Sealed, given: Given, report: Report) -> None:
    if "bag/" + TAGS in folder.sizes:
        found = folder.digests("bag/" + TAGS)[0]
        report.facts["tagmanifest-sha256"] = found
        if given.digest and given.digest != found:
            report.say("digest.other", "bag/" + TAGS, given.digest)
    if sealed.at is not None:
        report.facts["sellado"] = f"{sealed.at:%Y-%m-%dT%H:%M:%SZ}"
    if sealed.signer is not None:
        report.facts["firmante"] = f"{sealed.signer.name} {sealed.signer.fingerprint}"


# --- the command line -----------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.py",
        description="Verifica un paquete de evidencia CIOR-Bag-1. / Verifies an evidence package. "
        "Sale con 0 sin defectos, 1 con defectos, 2 si algo no se pudo probar.",
    )
    parser.add_argument("paquete", nargs="?", default=".", help="carpeta o ZIP del paquete / folder or ZIP")
    parser.add_argument(
        "partes", nargs="*", default=[], help="los demás ZIP, si vino en partes / its other ZIPs"
    )
    parser.add_argument("--root", action="append", default=[], metavar="RAIZ.pem",
                        help="certificado raíz obtenido FUERA del paquete / root from OUTSIDE the package")  # fmt: skip
    parser.add_argument("--at", "-attime", default="", metavar="T",
                        help="juzga los certificados en ese instante (RFC 3339 o segundos Unix)")  # fmt: skip
    parser.add_argument(
        "--ledger-key", default="", metavar="CLAVE", help="clave del registro: nombre+hash+base64"
    )
    parser.add_argument("--kept", action="append", default=[], metavar="CHECKPOINT",
                        help="checkpoint guardado afuera antes de la entrega / kept before the hand-over")  # fmt: skip
    parser.add_argument(
        "--digest", default="", metavar="HEX", help="SHA-256 impreso en el acta o en el recibo"
    )
    parser.add_argument("--inclusion", default="", metavar="PRUEBA.json",
                        help="en vez de un paquete: un registro de un día / one record of a day")  # fmt: skip
    parser.add_argument("--root-note", default="", metavar="RAIZ.txt",
                        help="la raíz publicada de ese día / the published root of that day")  # fmt: skip
    parser.add_argument("--lang", choices=("es", "en"), default="es", help="idioma / language")
    parser.add_argument("--json", action="store_true", help="hallazgos en JSON")
    return parser


def _given(chosen: argparse.Namespace) -> Given:
    roots: list[Certificate] = []
    checkpoints: list[Checkpoint] = []
    key: LedgerKey | None = None
    try:
        for path in chosen.root:
            found = [Certificate(raw) for raw in pem_blocks(_outside(path), "CERTIFICATE")]
            if not found:
                raise Unusable(f"{path}: no hay certificado / no certificate")
            roots += found
        checkpoints = [read_checkpoint(_outside(path)) for path in chosen.kept]
        key = read_key(chosen.ledger_key) if chosen.ledger_key else None
    except Malformed as why:
        raise Unusable(str(why)) from None
    digest = "".join(chosen.digest.split()).lower()
    return Given(roots, Kept(key, checkpoints), _instant(chosen.at), digest)


def included(chosen: argparse.Namespace, given: Given) -> Report:
    """``--inclusion`` with ``--root-note``."""
    if not chosen.root_note:
        raise Unusable("--inclusion: --root-note RAIZ.txt")
    return check_inclusion(_outside(chosen.inclusion), _outside(chosen.root_note), given.kept.key)


def _outside(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_OUTSIDE_BYTES)
    except OSError as why:
        raise Unusable(f"{path}: {why.strerror or type(why).__name__}") from None


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    found = instant(text)
    if found is None and text.isdigit() and len(text) <= 11:
        found = datetime.fromtimestamp(int(text), timezone.utc)
    if found is None:
        raise Unusable(f"--at {text}: 2027-01-31T12:00:00Z")
    return found


def as_json(report: Report) -> dict[str, Any]:
    """The report for programs; the same keys in every language."""
    return {
        "exit": report.exit_code,
        "facts": report.facts,
        "findings": [
            {
                "step": each.step,
                "weight": each.weight,
                "code": each.code,
                "path": each.path,
                "detail": each.detail,
                "es": each.sentence("es"),
                "en": each.sentence("en"),
            }
            for each in report.findings
        ],
        "left_out": report.more,
    }


def as_text(report: Report, language: str, steps: list[int]) -> str:
    """The report for people: what is known, each finding under its step of ``steps``, the verdict last."""
    lines = [f"{name}: {value}" for name, value in sorted(report.facts.items())]
    for step in steps:
        found = [each for each in report.findings if each.step == step]
        bad = [each for each in found if each.weight != NOTE]
        title = STEPS[step][0 if language == "es" else 1]
        lines.append("{}. {}{}".format(step, title, "" if bad else ": OK"))
        for each in found:
            lines.append(f"   [{WEIGHTS[language][each.weight]}] {each.code} {each.path}".rstrip())
            detail = f" ({each.detail})" if each.detail else ""
            lines.append(f"       {each.sentence(language)}{detail}")
    lines += [f"   + {count} {code}" for code, count in sorted(report.more.items())]
    lines.append(VERDICTS[language][report.exit_code])
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Verify and tell; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    chosen = _parser().parse_args(arguments)
    try:
        given = _given(chosen)
        report = (
            included(chosen, given) if chosen.inclusion else verify(chosen.paquete, given, *chosen.partes)
        )
    except Unusable as why:
        print(f"verify.py: {why}", file=sys.stderr)
        return 2
    if chosen.json:
        print(json.dumps(as_json(report), ensure_ascii=False, indent=1))
    else:
        print(as_text(report, chosen.lang, [OF_THE_LEDGER] if chosen.inclusion else sorted(STEPS)))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
