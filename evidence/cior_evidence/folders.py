"""Where a centre's packages, their ledger, their boxes and the history of masks are: for who builds, seals, shows and
proves.
"""

from __future__ import annotations

from pathlib import Path

from cior_core.centre_file import Centre, EvidenceSection


def ledger_folder(centre: Centre) -> Path:
    """The folder of the ledger of packages. Copies of it belong elsewhere."""
    return centre.data / "evidence" / "ledger"


def packages_folder(centre: Centre, section: EvidenceSection) -> Path:
    """Where packages stand, the unfinished ones hidden."""
    return centre.beside(section.out) if section.out else centre.data / "evidence" / "packages"


def boxes_folder(centre: Centre) -> Path:
    """Where the boxes of requests wait to be opened: the console and who builds packages write there."""
    return centre.data / "boxes"


def masks_file(centre: Centre) -> Path:
    """The file of which privacy masks each camera had, and since when."""
    return centre.data / "evidence" / "masks.jsonl"
