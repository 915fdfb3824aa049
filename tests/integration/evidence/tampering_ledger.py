"""Tamperings of the custody and of the public ledger."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cior_core import integrity
from integration.evidence.package_rig import (
    PACKAGE,
    Draft,
    checkpoint_note,
    custody_of,
    draft,
    line,
    put,
)
from integration.evidence.tampering_kit import (
    Made,
    Outside,
    edit,
    of_all,
    of_disk,
    of_draft,
)


@of_draft
def custody_of_another(whole: Draft) -> None:
    whole.custody = custody_of("SF-2026-000999")
    whole.last_custody = whole.custody[-1]["hash"]


@of_draft
def custody_entry_removed(whole: Draft) -> None:
    del whole.custody[2]


@of_draft
def custody_entry_rewritten(whole: Draft) -> None:
    whole.custody[2]["quien"] = "otra"


@of_draft
def custody_tail_dropped(whole: Draft) -> None:
    whole.custody.pop()


@of_draft
def custody_chained_anew(whole: Draft) -> None:
    """A whole new chain, without an entry: only the ledger knows."""
    whole.custody = custody_of(PACKAGE, ("recibida", "exportada", "armado"))


@of_disk
def proof_changed(top: Path) -> None:
    path = top / "sello/inclusion.json"
    said = json.loads(path.read_bytes())
    said["prueba"][0] = "0" * 64
    put(path, line(said))


@of_disk
def checkpoint_changed(top: Path) -> None:
    edit(top / "sello/checkpoint.txt", b"\n8\n", b"\n9\n")


@of_disk
def checkpoint_of_another_key(top: Path) -> None:
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    put(top / "sello/checkpoint.txt", checkpoint_note(leaves, key=Ed25519PrivateKey.generate()))


@of_all
def ledger_rolled_back(folder: Path) -> Made:
    """The package's checkpoint is older than one that a court kept before."""
    whole = draft()
    kept = checkpoint_note([*whole.ledger_before, whole.last_custody.encode(), b"f" * 64, b"g" * 64])
    return whole.write(folder), Outside(kept=kept)


@of_all
def split_view(folder: Path) -> Made:
    """Two checkpoints of one size and two roots, both signed."""
    whole = draft()
    kept = checkpoint_note([*whole.ledger_before, b"otra", b"f" * 64])
    return whole.write(folder), Outside(kept=kept)


@of_all
def history_rewritten(folder: Path) -> Made:
    """An older checkpoint that was kept is no beginning of the package's tree."""
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    whole.consistency = {"4": [each.hex() for each in integrity.consistency_proof(leaves, 4)]}
    kept = checkpoint_note([*whole.ledger_before[:3], b"otra"])
    return whole.write(folder), Outside(kept=kept)


@of_all
def control_kept_checkpoint(folder: Path) -> Made:
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    whole.consistency = {"4": [each.hex() for each in integrity.consistency_proof(leaves, 4)]}
    return whole.write(folder), Outside(kept=checkpoint_note(leaves[:4]))


@of_all
def kept_checkpoint_unlinked(folder: Path) -> Made:
    whole = draft()
    return whole.write(folder), Outside(kept=checkpoint_note(whole.ledger_before[:4]))
