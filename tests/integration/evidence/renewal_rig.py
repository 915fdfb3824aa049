"""A renewal as the verifiers want it, made by hand: sha512sum's lines and a time-stamp over them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from integration.evidence.authorities import (
    SEALED_AT,
    STAMPING,
    Holder,
    issue,
    pki,
    revocation_list,
    stamp,
    stamper,
)
from integration.evidence.package_rig import Draft, draft, put

RENEWALS = "sello/renovaciones"
A_YEAR = timedelta(days=365)
LATER = SEALED_AT + timedelta(days=4_000)


@dataclass(frozen=True)
class Renewal:
    """``until``: when the certificate of the time authority that made it ends. ``left_out``: of its list."""

    name: str
    at: datetime
    until: datetime = LATER
    left_out: Sequence[str] = ()
    issuer: Holder | None = None

    def authority(self) -> Holder:
        wish = dataclasses.replace(STAMPING, common=f"Autoridad de Tiempo {self.name}", until=self.until)
        return issue(wish, self.issuer or pki().root)


FIRST = Renewal("2027", SEALED_AT + timedelta(days=360), until=SEALED_AT + timedelta(days=800))
SECOND = Renewal("2028", SEALED_AT + timedelta(days=720))


def listing(top: Path, left_out: Sequence[str] = ()) -> bytes:
    """Everything of the bag but its payload, everything of the seal, as ``sha512sum`` prints it."""
    paths = sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
    kept = [
        path for path in paths if path.startswith(("bag/", "sello/")) and not path.startswith("bag/data/")
    ]
    rows = [f"{hashlib.sha512((top / path).read_bytes()).hexdigest()}  {path}\n" for path in kept]
    return "".join(row for row, path in zip(rows, kept, strict=True) if path not in left_out).encode()


def renew(top: Path, how: Renewal) -> None:
    """Add this renewal to the package."""
    here = top / RENEWALS / how.name
    put(here / "0001.crl", revocation_list(pki().root))
    rows = listing(top, how.left_out)
    authority = how.authority()
    put(here / "lista.txt", rows)
    put(here / "lista.txt.tsr", stamp(rows, stamper(authority, how.at)))
    put(here / "cadena.pem", authority.pem)


def renewed(folder: Path, *renewals: Renewal, whole: Draft | None = None) -> Path:
    """A sealed package, and these renewals of it."""
    top = (whole or draft()).write(folder)
    for each in renewals:
        renew(top, each)
    return top
