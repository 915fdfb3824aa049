"""The package's entry in the ledger: last custody hash → leaf → root → checkpoint, and checkpoints kept elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

from cior_evidence.verifier.contents import Contents
from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files
from cior_evidence.verifier.ledger import (
    Checkpoint,
    LedgerKey,
    is_continued,
    is_included,
    proof_of,
    read_checkpoint,
)
from cior_evidence.verifier.seal import small
from cior_evidence.verifier.strict_json import read_object

CHECKPOINT, INCLUSION = "sello/checkpoint.txt", "sello/inclusion.json"


class Kept(NamedTuple):
    """What the reader brings from outside: the ledger's key and checkpoints that were kept before the hand-over."""

    key: LedgerKey | None
    checkpoints: list[Checkpoint]


def check_ledger(folder: Files, contents: Contents, kept: Kept, report: Report) -> None:
    """Check inclusion, the checkpoint's signature, and that no history was rewritten."""
    raw = small(folder, CHECKPOINT, report)
    if raw is None or INCLUSION not in folder.sizes:
        report.say("ledger.missing", CHECKPOINT if raw is None else INCLUSION)
        return
    try:
        checkpoint = read_checkpoint(raw)
    except Malformed as why:
        report.say("ledger.malformed", CHECKPOINT, str(why))
        return
    inclusion = read_object(folder, INCLUSION, report)
    _check_inclusion(inclusion, checkpoint, contents, report)
    if kept.key is None:
        report.say("ledger.nokey", CHECKPOINT, checkpoint.origin)
    elif not checkpoint.is_signed(kept.key):
        report.say("ledger.signature", CHECKPOINT, checkpoint.origin)
    report.facts["registro"] = f"{checkpoint.origin} {checkpoint.size}"
    for other in kept.checkpoints:
        _check_kept(other, checkpoint, inclusion, kept=kept, report=report)


def _check_inclusion(
    inclusion: dict[str, Any], checkpoint: Checkpoint, contents: Contents, report: Report
) -> None:
    """The leaf is the last custody hash, as its 64 characters."""
    index, size, leaf = inclusion.get("indice"), inclusion.get("tamano"), inclusion.get("hoja")
    try:
        proof = proof_of(inclusion.get("prueba"))
    except Malformed:
        proof = None
    if proof is None or not isinstance(index, int) or not isinstance(size, int) or not isinstance(leaf, str):
        report.say("ledger.malformed", INCLUSION)
        return
    if leaf != contents.last_custody:
        report.say("ledger.inclusion", INCLUSION, "hoja")
    is_in = is_included(leaf.encode("utf-8", "replace"), (index, size), proof, checkpoint.root)
    if size != checkpoint.size or not is_in:
        report.say("ledger.inclusion", INCLUSION, f"{index} / {size}")


def _check_kept(
    other: Checkpoint, checkpoint: Checkpoint, inclusion: dict[str, Any], *, kept: Kept, report: Report
) -> None:
    """Against a checkpoint that was kept elsewhere before this package was handed over."""
    detail = f"{other.size} / {checkpoint.size}"
    if other.origin != checkpoint.origin or (kept.key is not None and not other.is_signed(kept.key)):
        report.say("ledger.kept", CHECKPOINT, other.origin)
        return
    if other.size == checkpoint.size:
        if other.root != checkpoint.root:
            report.say("ledger.split", CHECKPOINT, detail)
        return
    if other.size > checkpoint.size:
        report.say("ledger.rollback", CHECKPOINT, detail)
        return
    proofs = inclusion.get("consistencia")
    rows = proofs if isinstance(proofs, dict) else {}
    if str(other.size) not in rows:
        report.say("ledger.nolink", CHECKPOINT, detail)
        return
    try:
        is_sound = is_continued(other, checkpoint, proof_of(rows[str(other.size)]))
    except Malformed:
        is_sound = False
    if not is_sound:
        report.say("ledger.split", INCLUSION, detail)
