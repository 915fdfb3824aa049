"""Evidence never changes: chains, trees and manifests find every change, and never raise on garbage."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import integrity

LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=33)

# RFC 6962 test vectors as published with the reference implementation (Certificate Transparency): the seven-leaf tree
# of these inputs.
CT_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize(("size", "root"), CT_ROOTS.items())
def test_the_published_merkle_roots(size: int, root: str) -> None:
    assert integrity.merkle_root(CT_INPUTS[:size]).hex() == root


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert integrity.merkle_root([]) == hashlib.sha256(b"").digest()


@given(LEAVES, st.data())
def test_inclusion_holds_for_every_leaf_and_for_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = integrity.merkle_root(leaves), integrity.inclusion_proof(leaves, index)
    assert integrity.verify_inclusion(leaves[index], index=index, size=len(leaves), proof=proof, root=root)
    assert not integrity.verify_inclusion(
        leaves[index] + b"!", index=index, size=len(leaves), proof=proof, root=root
    )
    if proof:
        broken = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
        assert not integrity.verify_inclusion(
            leaves[index], index=index, size=len(leaves), proof=broken, root=root
        )
        assert not integrity.verify_inclusion(
            leaves[index], index=index, size=len(leaves), proof=proof[:-1], root=root
        )


@given(LEAVES, st.data())
def test_a_log_that_only_grew_is_consistent_and_one_that_was_edited_is_not(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    proof = integrity.consistency_proof(leaves, old)
    old_root, root = integrity.merkle_root(leaves[:old]), integrity.merkle_root(leaves)
    assert integrity.verify_consistency(
        old_size=old, old_root=old_root, size=len(leaves), root=root, proof=proof
    )
    edited = [leaves[0] + b"x", *leaves[1:]]
    assert not integrity.verify_consistency(
        old_size=old,
        old_root=old_root,
        size=len(edited),
        root=integrity.merkle_root(edited),
        proof=integrity.consistency_proof(edited, old),
    )


def test_a_proof_that_stops_before_the_root_proves_nothing() -> None:
    alone = integrity.leaf_hash(b"a")
    assert not integrity.verify_inclusion(b"a", index=0, size=4, proof=[], root=alone)


PATHS = st.from_regex(r"\A[a-z]{1,6}(/[a-z]{1,6}){0,2}\.txt\Z").filter(
    lambda path: not integrity.unsafe_path(path)
)


@given(st.dictionaries(PATHS, st.binary(max_size=9), min_size=1, max_size=6))
def test_a_manifest_round_trips_and_names_each_change(files: dict[str, bytes]) -> None:
    digests = {path: integrity.digest(content) for path, content in files.items()}
    text = integrity.manifest(digests)
    assert integrity.verify_manifest(text, digests) == []
    victim = min(files)
    assert integrity.verify_manifest(text, digests | {victim: integrity.digest(files[victim] + b"!")}) == [
        integrity.Finding(6, "manifest.altered_file", victim)
    ]
    assert integrity.verify_manifest(text, {p: d for p, d in digests.items() if p != victim}) == [
        integrity.Finding(4, "manifest.missing_file", victim)
    ]
    assert integrity.verify_manifest(text, digests | {"more.bin": "00" * 32}) == [
        integrity.Finding(5, "manifest.unlisted_file", "more.bin")
    ]


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/../../b",
        "C:/x",
        "a\\b",
        "a//b",
        "./a",
        "nul",
        "data/CON.txt",
        "a/b ",
        "a\x00b",
        "~/x",
        "",
    ],
)
def test_a_path_that_could_leave_the_bag_is_refused(path: str) -> None:
    assert integrity.unsafe_path(path)


def test_two_names_that_are_one_file_on_another_system_are_refused() -> None:
    value = "0" * 64
    text = (
        f"{value}  data/caf\u00e9.txt\n{value}  data/cafe\u0301.txt\n{value}  data/A.txt\n{value}  "
        f"data/a.txt\n"
    ).encode()
    codes = [finding.code for finding in integrity.parse_manifest(text)[1]]
    assert codes == ["manifest.duplicate_path", "manifest.duplicate_path"]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_that_can_be_judged(text: bytes) -> None:
    integrity.verify_manifest(text, {"data/a": "0" * 64})
