"""Where a centre's ledger of packages is: for who seals, for who owns the register, and for who proves."""

from __future__ import annotations

from pathlib import Path

from cior_core.centre_file import Centre


def ledger_folder(centre: Centre) -> Path:
    """The folder of the ledger of packages. Copies of it belong elsewhere."""
    return centre.data / "evidence" / "ledger"
