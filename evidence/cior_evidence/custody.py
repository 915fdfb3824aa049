"""The chain of custody inside a package: who did what to it, each line naming the one before, up to ``armado``.

The hash of the last line is the package's leaf in the ledger of packages (:mod:`cior_evidence.package_ledger`), so a
tail that was cut is found. The form is in docs/paquete.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from cior_core.canonical import canonical
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.order import PROFILE

ASSEMBLED: Final = "armado"


class Deed(Struct, frozen=True):
    """One act. ``nonce``: 16 random bytes in hex, so that its hash tells nothing to who guesses its words."""

    at_ms: int
    act: str
    who: str
    detail: str
    nonce: str


def beginning(package: str) -> str:
    """What the first line names as the one before it."""
    return hashlib.sha256(f"{PROFILE}\n{package}\n".encode()).hexdigest()


def chained(package: str, deeds: Iterable[Deed]) -> tuple[dict[str, Any], ...]:
    """The lines of ``custodia.jsonl``, in the order of ``deeds``."""
    lines: list[dict[str, Any]] = []
    previous = beginning(package)
    for number, deed in enumerate(deeds, start=1):
        line = {
            "seq": number, "previo": previous, "momento": to_rfc3339(deed.at_ms), "acto": deed.act, "quien": deed.who,
            "detalle": deed.detail, "nonce": deed.nonce,
        }  # fmt: skip
        previous = hashlib.sha256(canonical(line)).hexdigest()
        lines.append({**line, "hash": previous})
    return tuple(lines)
