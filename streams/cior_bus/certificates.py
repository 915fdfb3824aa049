"""X.509 certificates from an authority of our own (RFC 5280): P-256, SHA-256, names and addresses of RFC 6125."""

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

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
_ADDRESS: Final = (ipaddress.IPv4Address, ipaddress.IPv6Address)
_EARLIER: Final = dt.timedelta(hours=1)
"""Valid from an hour ago: clocks differ."""


class Authority:
    """An authority's key and certificate. What it signs ends with it, or after ``days``."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key, self.certificate = key, certificate

    @classmethod
    def new(cls, name: str, at: dt.datetime, *, days: int, only: Sequence[str] = ()) -> Authority:
        """A new one. ``only``: it may vouch for these hosts and nothing else (RFC 5280 §4.2.1.10), so that its key is
        worth nothing elsewhere.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        builder = (
            _begun(subject, subject, key.public_key(), (at - _EARLIER, at + dt.timedelta(days=days)))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if only:
            permitted = [_constraint(host) for host in only]
            builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @classmethod
    def read(cls, key: bytes, certificate: bytes) -> Authority:
        """One that was kept. Raises ``ValueError`` or ``TypeError`` for what is none."""
        private = serialization.load_pem_private_key(key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("not an elliptic-curve key")
        return cls(private, x509.load_pem_x509_certificate(certificate))

    @property
    def pem(self) -> bytes:
        """The certificate, which everybody may have."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key (PKCS #8), without a passphrase."""
        return _private(self._key)

    @property
    def only(self) -> tuple[str, ...]:
        """The hosts that it may vouch for; empty: all."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return ()
        return tuple(_host(each) for each in found.permitted_subtrees or ())

    def sign(
        self,
        name: str,
        at: dt.datetime,
        *,
        hosts: Sequence[str],
        usages: Sequence[x509.ObjectIdentifier],
        days: int,
    ) -> bytes:
        """A new key and its certificate, as PEM: key (PKCS #8) first."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(at + dt.timedelta(days=days), self.certificate.not_valid_after_utc)
        builder = (
            _begun(_named(name), self.certificate.subject, key.public_key(), (at - _EARLIER, until))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return _private(key) + signed.public_bytes(serialization.Encoding.PEM)


def ends(path: Path) -> dt.datetime | None:
    """When the first certificate of a file ends; None where there is no file."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc if path.exists() else None


def general_name(host: str) -> x509.GeneralName:
    """A host as a certificate names it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _constraint(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(host))  # of one address
    except ValueError:
        return x509.DNSName(host)


def _host(constraint: x509.GeneralName) -> str:
    if isinstance(constraint, x509.IPAddress):
        value = constraint.value
        return str(value if isinstance(value, _ADDRESS) else value.network_address)
    return str(constraint.value)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    valid: tuple[dt.datetime, dt.datetime],
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=valid[0],
        not_valid_after=valid[1],
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
