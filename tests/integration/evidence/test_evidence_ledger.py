"""The ledger of packages: each leaf proven, no earlier one movable, a cut line no leaf, a foreign line a stop."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from cior_core import checkpoint, integrity
from cior_core.errors import IntegrityBroken
from cior_evidence.package_ledger import LEAVES, PackageLedger
from doubles.packages import signing


def leaf(number: int) -> str:
    return f"{number:064x}"


def test_every_leaf_is_proven_and_later_trees_grow_out_of_earlier_ones(tmp_path: Path) -> None:
    ledger = PackageLedger(tmp_path, signing())
    notes = [ledger.enter(f"p-{number}", leaf(number), at_ms=number) for number in range(1, 12)]
    leaves = [leaf(number).encode() for number in range(1, 12)]
    for number, found in enumerate(notes):
        note = checkpoint.read_note(found.note)
        proof = [bytes.fromhex(each) for each in found.proof]
        assert integrity.verify_inclusion(
            leaves[number], index=found.index, size=note.size, proof=proof, root=note.root
        )
        assert integrity.verify_consistency(
            old_size=note.size, old_root=note.root, size=11, root=integrity.merkle_root(leaves),
            proof=integrity.consistency_proof(leaves, note.size),
        )  # fmt: skip


def test_the_same_leaf_again_is_the_same_place_under_a_newer_checkpoint(tmp_path: Path) -> None:
    ledger = PackageLedger(tmp_path, signing())
    first = ledger.enter("p-1", leaf(1), at_ms=1)
    ledger.enter("p-2", leaf(2), at_ms=2)
    again = PackageLedger(tmp_path, signing()).enter("p-1", leaf(1), at_ms=3)
    assert (again.index, again.size) == (first.index, 2)
    assert (tmp_path / LEAVES).read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_line_that_a_kill_cut_is_no_leaf_and_is_written_anew(tmp_path: Path, cut: int) -> None:
    ledger = PackageLedger(tmp_path, signing())
    ledger.enter("p-1", leaf(1), at_ms=1)
    ledger.enter("p-2", leaf(2), at_ms=2)
    path = tmp_path / LEAVES
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert PackageLedger(tmp_path, signing()).enter("p-2", leaf(2), at_ms=3).size == 2
    assert path.read_bytes() == whole
    assert PackageLedger(tmp_path, signing()).enter("p-3", leaf(3), at_ms=4).size == 3


def test_a_line_that_is_none_stops_every_seal(tmp_path: Path) -> None:
    ledger = PackageLedger(tmp_path, signing())
    ledger.enter("p-1", leaf(1), at_ms=1)
    path = tmp_path / LEAVES
    path.write_bytes(b"rubbish\n" + path.read_bytes())
    with pytest.raises(IntegrityBroken) as refusal:
        ledger.enter("p-2", leaf(2), at_ms=2)
    assert refusal.value.code == "ledger.unreadable"


def test_openssl_takes_the_signature_of_a_checkpoint(tmp_path: Path) -> None:
    found = checkpoint.read_note(PackageLedger(tmp_path, signing()).enter("p-1", leaf(1), at_ms=1).note)
    # RFC 8410: the fixed beginning of an Ed25519 public key.
    der = bytes.fromhex("302a300506032b6570032100") + signing().public
    (tmp_path / "key.pem").write_text(
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    )
    (tmp_path / "text").write_text(found.text)
    (tmp_path / "signature").write_bytes(found.signature)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "text"]
    subprocess.run(
        [*command, "-sigfile", "signature"], cwd=tmp_path, check=True, capture_output=True, timeout=60
    )
