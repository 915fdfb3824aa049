"""Where the seal's key, certificates and time-stamping authority are: one TOML file, its paths beside it.

certificate = "sello.pem"        # the seal's certificate first, then its intermediates
root = "raiz.pem"                # trusted: both chains must end here; several roots may follow each other
tsa_url = "http://tsa.example/"  # RFC 3161 over HTTP
tsa_chain = "tsa-chain.pem"      # optional: what its tokens leave out
crls = ["ca.crl"]                # optional: DER or PEM
renew_after_days = 365           # optional: a yearly time-stamp is due so long after the last one, and at the latest
renew_before_end_days = 60       # optional: so long before the certificate of the last one ends
key = "sello.key"                # a file of PKCS#8 that nobody else may read, or:
[hsm]
module = "/usr/lib/softhsm/libsofthsm2.so"
token = "cior"
label = "sello"
pin_file = "pin"
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
from asn1crypto import crl, pem, x509

from cior_core import strict_toml
from cior_core.errors import ConfigInvalid

CLOCK_TOLERANCE_S: Final = 60.0


class Hsm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key inside a security module (PKCS#11)."""

    module: str
    token: str
    label: str
    pin_file: str


class SealFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it is written. ``clock_tolerance_s``: how far the authority's time may be from this machine's;
    ``renew_*``: when a sealed package's next time-stamp is due (:mod:`cior_evidence.renewal`).
    """

    certificate: str
    root: str
    tsa_url: str
    tsa_chain: str = ""
    crls: tuple[str, ...] = ()
    key: str = ""
    hsm: Hsm | None = None
    clock_tolerance_s: float = CLOCK_TOLERANCE_S
    tsa_timeout_s: float = 20.0
    renew_after_days: Annotated[float, msgspec.Meta(gt=0)] = 365.0
    renew_before_end_days: Annotated[float, msgspec.Meta(ge=0)] = 60.0


class SealSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The same with everything read but the key."""

    file: SealFile
    folder: Path
    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    tsa_chain: tuple[x509.Certificate, ...]
    crls: tuple[crl.CertificateList, ...]


def load_seal(path: Path) -> SealSettings:
    """Read it and what it names. Raises ``ConfigInvalid`` (``seal.*``)."""
    said = strict_toml.parse(read(path).decode(), SealFile, file=path.name)
    if bool(said.key) == bool(said.hsm):
        raise ConfigInvalid(
            "seal.key", f"{path.name} must name a key file or a security module", cure="give one of both"
        )
    folder = path.parent
    own = certificates(folder / said.certificate)
    return SealSettings(
        file=said, folder=folder, certificate=own[0], intermediates=own[1:], roots=certificates(folder / said.root),
        tsa_chain=certificates(folder / said.tsa_chain) if said.tsa_chain else (),
        crls=tuple(_crl(folder / each) for each in said.crls),
    )  # fmt: skip


def read(path: Path) -> bytes:
    """A file that a human named. Raises ``ConfigInvalid`` (``seal.file``)."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(
            "seal.file",
            f"{path.name} cannot be read: {error.strerror}",
            cure="check the path in the seal's file",
        ) from None


def certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, one at least, in its order."""
    data = read(path)
    try:
        found = tuple(
            x509.Certificate.load(der, strict=True) for _, _, der in pem.unarmor(data, multiple=True)
        )
        for each in found:
            _ = each.public_key, each.subject.native
    except (ValueError, TypeError) as error:
        raise ConfigInvalid(
            "seal.certificate", f"{path.name} holds no PEM certificates", cure="convert it with openssl x509"
        ) from error
    return found


def _crl(path: Path) -> crl.CertificateList:
    data = read(path)
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
        found: crl.CertificateList = crl.CertificateList.load(der, strict=True)
        _ = found.issuer.native
    except (ValueError, TypeError) as error:
        raise ConfigInvalid(
            "seal.crl", f"{path.name} is no revocation list", cure="give a DER or PEM list"
        ) from error
    return found
