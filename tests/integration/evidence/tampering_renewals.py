"""Tamperings of the yearly renewals of the time-stamp."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import timedelta
from pathlib import Path

from integration.evidence.authorities import (
    SEALED_AT,
    STAMPING,
    Sealing,
    Wish,
    issue,
    pki,
    seal,
    stamp,
    stamper,
)
from integration.evidence.package_rig import draft, put
from integration.evidence.renewal_rig import FIRST, RENEWALS, SECOND, renew, renewed
from integration.evidence.tampering_kit import P7S, TAGS, TSR, Made, Outside, edit, flip, of_all

ONE, TWO = f"{RENEWALS}/2027", f"{RENEWALS}/2028"


def _both(folder: Path) -> Path:
    return renewed(folder, FIRST, SECOND)


@of_all
def control_renewed(folder: Path) -> Made:
    """Two renewals, each by an authority of its own."""
    return _both(folder), Outside()


@of_all
def control_act_came_back(folder: Path) -> Made:
    """The act signed by a person lies there since the second renewal; the first one knew nothing of it."""
    top = renewed(folder, FIRST)
    shutil.copy(top / "sello/acta.pdf", top / "sello/acta-firmada.pdf")
    renew(top, SECOND)
    return top, Outside()


@of_all
def renewal_dropped(folder: Path) -> Made:
    top = _both(folder)
    shutil.rmtree(top / ONE)
    return top, Outside()


@of_all
def renewals_swapped(folder: Path) -> Made:
    top = _both(folder)
    (top / ONE).rename(top / "x")
    (top / TWO).rename(top / ONE)
    (top / "x").rename(top / TWO)
    return top, Outside()


@of_all
def renewal_of_foreign_authority(folder: Path) -> Made:
    root = issue(Wish("AC ajena", is_authority=True))
    return renewed(folder, dataclasses.replace(FIRST, issuer=root)), Outside()


@of_all
def renewal_too_late(folder: Path) -> Made:
    """The first authority's certificate ended before the second stamp."""
    first = dataclasses.replace(FIRST, until=FIRST.at + timedelta(days=30))
    return renewed(folder, first, SECOND), Outside()


@of_all
def first_renewal_too_late(folder: Path) -> Made:
    """The seal's own time-stamp was proven by nobody any more."""
    return renewed(folder, SECOND), Outside()


@of_all
def renewal_before_the_seal(folder: Path) -> Made:
    return renewed(folder, dataclasses.replace(FIRST, at=SEALED_AT - timedelta(days=1))), Outside()


@of_all
def renewal_of_another_list(folder: Path) -> Made:
    """A sound time-stamp over something else."""
    top = _both(folder)
    by = stamper(issue(STAMPING, pki().root), SECOND.at)
    put(top / TWO / "lista.txt.tsr", stamp(b"otra", by))
    return top, Outside()


@of_all
def renewal_list_edited(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    flip(top / ONE / "lista.txt", 3)
    return top, Outside()


@of_all
def renewal_list_junk(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    put(top / ONE / "lista.txt", b"\xff\x00 nada")
    return top, Outside()


@of_all
def renewal_list_reordered(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    rows = (top / ONE / "lista.txt").read_bytes().splitlines(keepends=True)
    put(top / ONE / "lista.txt", b"".join(reversed(rows)))
    return top, Outside()


@of_all
def renewal_token_removed(folder: Path) -> Made:
    top = _both(folder)
    (top / TWO / "lista.txt.tsr").unlink()
    return top, Outside()


@of_all
def renewal_token_bit(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    flip(top / ONE / "lista.txt.tsr")
    return top, Outside()


@of_all
def renewal_names_too_little(folder: Path) -> Made:
    """The seal's signature left out of what was stamped."""
    return renewed(folder, dataclasses.replace(FIRST, left_out=[P7S])), Outside()


@of_all
def resealed_under_a_renewal(folder: Path) -> Made:
    """Whoever has the key seals again, soundly, below a renewal that was made before."""
    top = renewed(folder, FIRST)
    ours = pki()
    by = stamper(ours.stamper, SEALED_AT + timedelta(seconds=2), beside=[ours.middle])
    signature = seal((top / TAGS).read_bytes(), Sealing(ours.signer, by, beside=[ours.middle]))
    put(top / P7S, signature)
    put(top / TSR, stamp(signature, by))
    return top, Outside()


@of_all
def revocation_list_swapped_under_a_renewal(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    shutil.copy(top / "sello/crl/0001.crl", top / "sello/crl/0002.crl")
    return top, Outside()


@of_all
def file_beside_a_renewal(folder: Path) -> Made:
    top = renewed(folder, FIRST)
    put(top / ONE / "nota.txt", b"x\n")
    return top, Outside()


@of_all
def renewal_in_no_year(folder: Path) -> Made:
    return renewed(folder, dataclasses.replace(FIRST, name="viejo")), Outside()


@of_all
def renewal_overdue(folder: Path) -> Made:
    """The last authority's certificate has ended, and nobody stamped since."""
    whole = draft()
    stamping = dataclasses.replace(STAMPING, until=SEALED_AT + timedelta(days=2))
    whole.pki = dataclasses.replace(whole.pki, stamper=issue(stamping, whole.pki.middle))
    return whole.write(folder), Outside()


@of_all
def renewal_names_itself(folder: Path) -> Made:
    """A list that claims to cover a renewal that came after it."""
    top = _both(folder)
    edit(top / ONE / "lista.txt", b"  sello/tagmanifest.p7s\n", b"  sello/renovaciones/2028/lista.txt\n")
    rows = (top / ONE / "lista.txt").read_text().splitlines(keepends=True)
    put(top / ONE / "lista.txt", "".join(sorted(rows, key=lambda row: row.split("  ")[1])).encode())
    return top, Outside()
