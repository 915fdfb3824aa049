"""The ledger of packages: a leaf each, in the order in which they were assembled, and signed checkpoints over all.

A tree as RFC 6962 has it, a checkpoint as C2SP has it (:mod:`cior_core.checkpoint`): who keeps one proves later that no
package before it was left out, changed or moved. The file is a line a leaf, append only, synced; a line that a kill cut
is not there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from cior_bus import durable_file
from cior_core import checkpoint, integrity
from cior_core.canonical import canonical
from cior_core.errors import IntegrityBroken
from cior_core.model import Struct

LEAVES: Final = "paquetes.jsonl"
CHECKPOINT: Final = "checkpoint.txt"


class Signing(Struct, frozen=True):
    """Who signs checkpoints: an origin, its Ed25519 public key, and what signs with the private one."""

    origin: str
    public: bytes
    sign: Callable[[bytes], bytes]


class _Leaf(msgspec.Struct, frozen=True, rename={"leaf": "hoja", "package": "paquete"}):
    leaf: str
    package: str


class Inclusion(Struct, frozen=True):
    """A leaf under a checkpoint. ``proof``: hex, from the leaf up (RFC 9162 §2.1.3)."""

    leaf: str
    index: int
    size: int
    proof: tuple[str, ...]
    note: str

    @property
    def stated(self) -> dict[str, Any]:
        """``inclusion.json``."""
        return {"hoja": self.leaf, "indice": self.index, "tamano": self.size, "prueba": list(self.proof)}


class PackageLedger:
    """The ledger in a folder that is copied elsewhere. Safe for several processes."""

    def __init__(self, folder: Path, signing: Signing) -> None:
        self._folder = folder
        self._signing = signing
        folder.mkdir(parents=True, exist_ok=True)

    def enter(self, package: str, leaf: str, *, at_ms: int) -> Inclusion:
        """Put ``leaf`` in, unless it is there, and prove it under a fresh checkpoint of the same instant."""
        with self._locked():
            leaves = self._leaves()
            if leaf not in leaves:
                self._append(_Leaf(leaf, package))
                leaves = [*leaves, leaf]
            contents = [each.encode() for each in leaves]
            index = leaves.index(leaf)
            proof = integrity.inclusion_proof(contents, index)
            note = self._note(contents, at_ms=at_ms)
            durable_file.replace(self._folder / CHECKPOINT, note.encode())
        return Inclusion(leaf, index, len(leaves), tuple(each.hex() for each in proof), note)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / f".{LEAVES}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _leaves(self) -> list[str]:
        """All leaves; what a kill left of a line is cut off first."""
        path = self._folder / LEAVES
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.truncate(path, len(whole))
        try:
            return [msgspec.json.decode(line, type=_Leaf).leaf for line in whole.splitlines()]
        except msgspec.MsgspecError as error:
            raise IntegrityBroken(
                "ledger.unreadable",
                "the ledger of packages has a line that is none",
                cure="restore it from its copy: nothing is sealed meanwhile",
            ) from error

    def _append(self, leaf: _Leaf) -> None:
        path = self._folder / LEAVES
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, canonical({"hoja": leaf.leaf, "paquete": leaf.package}) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        durable_file.sync_folder(self._folder)

    def _note(self, contents: list[bytes], *, at_ms: int) -> str:
        text = checkpoint.text_of(self._signing.origin, contents, at_ms=at_ms)
        signature = self._signing.sign(text.encode())
        return checkpoint.signed(
            text, name=self._signing.origin, public=self._signing.public, signature=signature
        )
