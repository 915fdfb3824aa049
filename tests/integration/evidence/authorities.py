"""Certificates of every kind that a seal may carry, sound and unsound, made with cryptography; signed with pyhanko."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Literal

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KeyKind = Literal["rsa", "rsa1024", "p256", "p384"]
SEALED_AT = datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC)
SINCE, UNTIL = SEALED_AT - timedelta(days=400), SEALED_AT + timedelta(days=400)


@cache
def key(name: str, kind: KeyKind = "rsa") -> Key:
    """One key for each name and kind, made once a run."""
    match kind:
        case "rsa" | "rsa1024":
            return rsa.generate_private_key(65_537, 1_024 if kind == "rsa1024" else 2_048)
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())


def name_of(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "AR"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


@dataclass(frozen=True)
class Holder:
    """A certificate, its key, and what is embedded beside it."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        return asn1_keys.PrivateKeyInfo.load(
            self.key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


@dataclass(frozen=True)
class Wish:
    """What a certificate shall be."""

    common: str
    kind: KeyKind = "rsa"
    since: datetime = SINCE
    until: datetime = UNTIL
    digest: Any = field(default_factory=hashes.SHA256)
    is_authority: bool = False
    usage: Sequence[str] = ("digital_signature", "content_commitment")
    purposes: Sequence[x509.ObjectIdentifier] = ()
    key_name: str = ""
    pss: bool = False


_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def issue(wish: Wish, issuer: Holder | None = None) -> Holder:
    """A certificate by ``issuer``, or by itself."""
    own = key(wish.key_name or wish.common, wish.kind)
    signing = issuer.key if issuer is not None else own
    uses = ("key_cert_sign", "crl_sign") if wish.is_authority else wish.usage
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(wish.common))
        .issuer_name(issuer.certificate.subject if issuer is not None else name_of(wish.common))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wish.since)
        .not_valid_after(wish.until)
        .add_extension(x509.BasicConstraints(ca=wish.is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{each: each in uses for each in _USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    )
    if wish.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(wish.purposes)), critical=True)
    how = padding.PSS(padding.MGF1(wish.digest), 32) if wish.pss else None
    return Holder(builder.sign(signing, wish.digest, rsa_padding=how), own)


@dataclass(frozen=True)
class Pki:
    """A root, its intermediate authority, a sealing certificate and a time authority."""

    root: Holder
    middle: Holder
    signer: Holder
    stamper: Holder

    @property
    def chain(self) -> bytes:
        """``cadena.pem``: the signer first, never the root."""
        return self.signer.pem + self.stamper.pem + self.middle.pem


STAMPING = Wish("Autoridad de Tiempo de Prueba", purposes=(ExtendedKeyUsageOID.TIME_STAMPING,))
SEALING = Wish("Sello de Prueba")


@cache
def pki() -> Pki:
    root = issue(Wish("AC Raíz de Prueba", is_authority=True, until=UNTIL + timedelta(days=4_000)))
    middle = issue(Wish("AC de Prueba", is_authority=True), root)
    return Pki(root, middle, issue(SEALING, middle), issue(STAMPING, middle))


def revocation_list(
    issuer: Holder, revoked: Sequence[tuple[Holder, datetime]] = (), *, until: datetime = UNTIL
) -> bytes:
    """A CRL of this issuer in DER."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(SINCE)
        .next_update(until)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for holder, at in revoked:
        row = (
            x509.RevokedCertificateBuilder()
            .serial_number(holder.certificate.serial_number)
            .revocation_date(at)
            .build()
        )
        builder = builder.add_revoked_certificate(row)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def stamper(holder: Holder, at: datetime, *, beside: Sequence[Holder] = ()) -> DummyTimeStamper:
    """A time authority whose clock says ``at``."""
    store = SimpleCertificateStore()
    store.register_multiple([each.asn1 for each in beside])
    return DummyTimeStamper(holder.asn1, holder.asn1_key, certs_to_embed=store, fixed_dt=at)


def stamp(content: bytes, by: DummyTimeStamper) -> bytes:
    """A whole TimeStampResp over these bytes."""
    _, request = by.request_cms(hashlib.sha256(content).digest(), "sha256")
    return bytes(by.request_tsa_response(request).dump())


@dataclass(frozen=True)
class Sealing:
    """How a seal is made."""

    signer: Holder
    by: DummyTimeStamper | None
    at: datetime = SEALED_AT
    digest: str = "sha256"
    is_pss: bool = False
    is_cades: bool = True
    beside: Sequence[Holder] = ()


def seal(content: bytes, how: Sealing) -> bytes:
    """CAdES-T over these bytes, as pyhanko makes it."""
    store = SimpleCertificateStore()
    store.register_multiple([each.asn1 for each in how.beside])
    signer = SimpleSigner(
        how.signer.asn1, how.signer.asn1_key, store, prefer_pss=how.is_pss, embed_roots=False
    )
    make = partial(
        signer.async_sign_general_data,
        content,
        how.digest,
        use_cades=how.is_cades,
        timestamper=how.by,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=how.at),
    )
    return bytes(asyncio.run(make()).dump())
