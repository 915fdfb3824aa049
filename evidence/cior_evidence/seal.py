"""The seal over a closed bag: CAdES-T (ETSI EN 319 122-1) over the exact bytes of its tag manifest, and an RFC 3161
token over that signature. Both verify with plain openssl.

Nothing comes out of here that does not verify at once against the roots that will be handed to others.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from asn1crypto import cms, crl, pem, x509
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

from cior_core.errors import ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_evidence.seal_settings import SealSettings
from cior_evidence.time_stamping import Stamp, Tsa, time_of, trusting


class Seal(Struct, frozen=True):
    """The files of ``sello/`` that are the signature. ``sealed_ms``: by the authority's clock."""

    p7s: bytes
    tsr: bytes
    chain: bytes
    crls: tuple[bytes, ...]
    sealed_ms: int


def sealed(tag_manifest: bytes, settings: SealSettings, signer: Signer, tsa: Tsa, *, now_ms: int) -> Seal:
    """Seal these bytes. ``now_ms``: this machine's clock.

    Raises ``SourceUnavailable`` (``seal.tsa_away``, ``seal.tsa_refused``, ``seal.hsm_away``), ``ConfigInvalid`` and
    ``IntegrityBroken`` (``seal.*``).
    """
    first = asyncio.run(_cades_t(tag_manifest, signer, tsa))
    inner = _inner_token(first)
    in_time(time_of(inner), now_ms, settings)
    p7s = first.dump()
    stamp = tsa.stamp(p7s)
    in_time(stamp.at_ms, now_ms, settings)
    asyncio.run(_checked(tag_manifest, first, settings))
    _not_revoked(settings, stamp)
    return Seal(
        p7s=p7s, tsr=stamp.response, chain=chain_of(settings, stamp), crls=tuple(each.dump() for each in settings.crls),
        sealed_ms=stamp.at_ms,
    )  # fmt: skip


async def _cades_t(content: bytes, signer: Signer, tsa: Tsa) -> cms.ContentInfo:
    try:
        return await signer.async_sign_general_data(
            content, "sha256", detached=True, use_cades=True, timestamper=tsa
        )
    except (SourceUnavailable, ConfigInvalid):
        raise
    except (SigningError, OSError, ValueError) as error:
        raise SourceUnavailable(
            "seal.signing",
            f"the seal could not be made: {error}",
            cure="look at the key and the authority, then again",
        ) from error


def _inner_token(content: cms.ContentInfo) -> cms.ContentInfo:
    for attribute in content["content"]["signer_infos"][0]["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            token: cms.ContentInfo = attribute["values"][0]
            return token
    raise IntegrityBroken(
        "seal.no_time", "the signature carries no time-stamp", cure="report this as a defect of CIOR"
    )


def in_time(stamped_ms: int, now_ms: int, settings: SealSettings) -> None:
    """Refuse (``ConfigInvalid``, ``seal.clock``) when the authority's clock and ours do not agree."""
    apart_s = abs(stamped_ms - now_ms) / 1000
    if apart_s > settings.file.clock_tolerance_s:
        raise ConfigInvalid(
            "seal.clock",
            f"this machine's clock and the time-stamp are {apart_s:.0f} s apart",
            cure="set the clock (chronyc tracking), then run the same command again",
        )


async def _checked(content: bytes, signature: cms.ContentInfo, settings: SealSettings) -> None:
    """What was made verifies, with chain and revocation, now."""
    try:
        status: Any = await async_validate_detached_cms(
            content, signature["content"], trusting(settings), trusting(settings)
        )
    except SignatureValidationError as error:
        raise _untrue(str(error)) from error
    stamp = status.timestamp_validity
    if not (status.intact and status.valid and status.trusted and stamp is not None and stamp.trusted):
        raise _untrue(str(status.trust_problem_indic or "the time-stamp's certificate"))


def _untrue(why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "seal.untrusted",
        f"the seal just made would not be believed: {why}",
        cure="renew the seal's certificate, or correct root, intermediates and crls in the seal's file",
    )


def _not_revoked(settings: SealSettings, stamp: Stamp) -> None:
    """By the lists that go with the package, whether or not a certificate says where its list is."""
    revoked = {(each.issuer.hashable, number) for each in settings.crls for number in _numbers(each)}
    tsa = (x509.Certificate.load(der) for der in stamp.certificates)
    for each in (settings.certificate, *settings.intermediates, *tsa, *settings.tsa_chain):
        if (each.issuer.hashable, each.serial_number) in revoked:
            raise _untrue(f"the certificate of {each.subject.human_friendly} is revoked")


def _numbers(revoked: crl.CertificateList) -> Iterator[int]:
    entries = revoked["tbs_cert_list"]["revoked_certificates"]
    return (each["user_certificate"].native for each in entries)


def chain_of(settings: SealSettings, stamp: Stamp) -> bytes:
    """``cadena.pem``: the seal's certificate, intermediates and the authority's, never a root."""
    tsa = (x509.Certificate.load(der) for der in stamp.certificates)
    found = (settings.certificate, *settings.intermediates, *tsa, *settings.tsa_chain)
    return b"".join(pem.armor("CERTIFICATE", der) for der in _unique(found))


def _unique(certificates: Iterable[x509.Certificate]) -> Iterator[bytes]:
    seen: set[bytes] = set()
    for each in certificates:
        der = each.dump()
        if der not in seen and each.self_signed == "no":
            seen.add(der)
            yield der


def fingerprint(certificate: x509.Certificate) -> str:
    """Hex SHA-256 of a certificate, as openssl's ``-fingerprint -sha256`` without colons."""
    return hashlib.sha256(certificate.dump()).hexdigest()
