"""``--inclusion``: one record of a day under the root that was published of it (RFC 9162 §2.1.3.2), and nothing else.

It takes the record with its proof, and the day's page, of which the three printed lines are enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.ledger import LedgerKey, is_included, proof_of, read_checkpoint
from cior_evidence.verifier.strict_json import NotStrict, parse

PROOF_FORM = "CIOR-Inclusion-1"
_WORD, _NONCE, _DAY = re.compile(r"[a-z]{1,20}"), re.compile(r"[0-9a-f]{32}"), re.compile(r"\d{4}-\d\d-\d\d")


def check_inclusion(proof: bytes, page: bytes, key: LedgerKey | None) -> Report:
    """Check that the proof's record stands under the page's root."""
    report = Report()
    said = _proof(proof, report)
    lines = _printed_lines(page, report)
    if said is None or lines is None:
        return report
    name, size, root = lines
    _check_page(page, key, report)
    record = said["registro"].encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(record).hexdigest()
    leaf = "CIOR-Hoja-1\n{}\n{}\n{}\n{}\n".format(said["tipo"], said["numero"], digest, said["nonce"])
    if name.rpartition("/")[2] != said["dia"]:
        report.say("inclusion.day", "", "{} / {}".format(name, said["dia"]))
    place = (said["indice"], said["tamano"])
    if size != said["tamano"] or not is_included(leaf.encode("ascii"), place, said["prueba"], root):
        report.say("inclusion.root", "", "{} / {}".format(*place))
    report.facts["registro"] = said["registro"]
    report.facts["raiz"] = f"{name} {size} {base64.b64encode(root).decode('ascii')}"
    return report


def _proof(content: bytes, report: Report) -> dict[str, Any] | None:
    """The proof, its values of the kinds that they must be."""
    try:
        value = parse(content)
        wrong = _unsound(value) if isinstance(value, dict) else "{}"
        if not wrong:
            return {**value, "prueba": proof_of(value["prueba"])}
    except (NotStrict, Malformed) as why:
        wrong = str(why)
    report.say("inclusion.malformed", "", wrong)
    return None


def _unsound(value: dict[str, Any]) -> str:
    """The name of the first field that is not what it must be, else nothing."""
    if value.get("formato") != PROOF_FORM:
        return "formato"
    for name in ("numero", "indice", "tamano"):
        if type(value.get(name)) is not int:
            return name
    for name, form in (("tipo", _WORD), ("nonce", _NONCE), ("dia", _DAY)):
        if not isinstance(value.get(name), str) or form.fullmatch(value[name]) is None:
            return name
    return "" if isinstance(value.get("registro"), str) and "prueba" in value else "registro"


def _printed_lines(content: bytes, report: Report) -> tuple[str, int, bytes] | None:
    """Name and day, number of leaves, root: typed from a gazette, or the page's own first lines."""
    try:
        lines = [line.strip() for line in content.decode("utf-8").split("\n")[:3]]
        root = base64.b64decode(lines[2], validate=True)
    except (ValueError, IndexError, binascii.Error):
        lines, root = ["", ""], b""
    if len(root) != 32 or re.fullmatch("[0-9]{1,18}", lines[1]) is None:
        report.say("inclusion.page")
        return None
    return lines[0], int(lines[1]), root


def _check_page(content: bytes, key: LedgerKey | None, report: Report) -> None:
    """Its signature, where page and key are there; what was printed on paper has none."""
    try:
        note = read_checkpoint(content)
    except Malformed:
        report.say("inclusion.unsigned")
        return
    if key is None:
        report.say("inclusion.unsigned", "", note.origin)
    elif not note.is_signed(key):
        report.say("inclusion.signature", "", note.origin)
