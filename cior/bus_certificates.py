"""Certificates for the broker and its administrator, from an authority that signs these two and is forgotten.

The authority's key is never written: nobody can sign a third one. Renewing makes a new authority, and everything that
talks to the broker starts again with it. Each folder below the given one holds what one service needs, and no more:
``ca`` (everybody), ``broker``, ``admin``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cior_bus import durable_file
from cior_bus.credentials import ADMIN_FILE, AUTHORITY_FILE, BROKER_FILE
from cior_bus.rights import ADMIN

LIFE_DAYS: Final = 825
RENEW_BEFORE_DAYS: Final = 60
_BROKER: Final = "broker"
_BOTH_ENDS: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def make_certificates(folder: Path, *, broker_hosts: Sequence[str], now: dt.datetime | None = None) -> bool:
    """Write them where there are none, or where they end within 60 days. False: nothing was to be done.

    ``broker_hosts``: the names and addresses under which clients reach the broker (RFC 6125).
    """
    at = now or dt.datetime.now(dt.UTC)
    if _is_good(folder / "ca" / AUTHORITY_FILE, at):
        return False
    authority = _Authority(at)
    broker = authority.sign(_BROKER, hosts=broker_hosts)
    admin = authority.sign(ADMIN, hosts=())
    for service, own in (("broker", {BROKER_FILE: broker}), ("admin", {ADMIN_FILE: admin})):
        _write(folder / service, own | {AUTHORITY_FILE: authority.pem})
    _write(folder / "ca", {AUTHORITY_FILE: authority.pem})  # last: it says that the others are there
    return True


class _Authority:
    """A key that lives as long as this object."""

    def __init__(self, at: dt.datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CIOR bus")])
        self._from, self._to = at - dt.timedelta(hours=1), at + dt.timedelta(days=LIFE_DAYS)
        made = (
            self._begun(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = made.public_bytes(serialization.Encoding.PEM)

    def sign(self, name: str, *, hosts: Sequence[str]) -> bytes:
        """A new key and its certificate, as PEM: key (PKCS #8) first."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            self._begun(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_BOTH_ENDS if hosts else _BOTH_ENDS[1:]), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signed = builder.sign(self._key, hashes.SHA256())
        return private + signed.public_bytes(serialization.Encoding.PEM)

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=self._from,
            not_valid_after=self._to,
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_good(path: Path, at: dt.datetime) -> bool:
    if not path.exists():
        return False
    ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return ends - at > dt.timedelta(days=RENEW_BEFORE_DAYS)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Keys for the owner and the folder's group (the broker's container is in it), the certificate for everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        durable_file.replace(path, content)
        path.chmod(0o444 if name == AUTHORITY_FILE else 0o440)
