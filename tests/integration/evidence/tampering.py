"""What is done to a package: one function for each row of ``tamperings.toml``, by its name, in files by subject."""

from __future__ import annotations

from integration.evidence import (  # noqa: F401  # each enters its functions into TAMPERINGS
    tampering_boxes,
    tampering_contents,
    tampering_copies,
    tampering_files,
    tampering_ledger,
    tampering_parts,
    tampering_renewals,
    tampering_signatures,
    tampering_video,
    tampering_zips,
)
from integration.evidence.tampering_kit import TAMPERINGS, Outside
from integration.evidence.tampering_seal import of_signature

__all__ = ["TAMPERINGS", "Outside", "of_signature"]
