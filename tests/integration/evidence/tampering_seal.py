"""Tamperings of the seal: signatures, certificates, revocation, time-stamps."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import cms, tsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from integration.evidence.authorities import (
    SEALED_AT,
    SEALING,
    STAMPING,
    Sealing,
    Wish,
    issue,
    pki,
    revocation_list,
    seal,
    stamp,
    stamper,
)
from integration.evidence.old_certificates import sha1_signed
from integration.evidence.package_rig import (
    Draft,
    draft,
    put,
    sha,
    written,
)
from integration.evidence.tampering_kit import (
    CHAIN,
    P7S,
    TAGS,
    TSR,
    Made,
    Outside,
    edit,
    of_all,
    of_disk,
    of_draft,
)


def _sealed_again(top: Path, how: Sealing) -> None:
    signature = seal((top / TAGS).read_bytes(), how)
    put(top / P7S, signature)
    put(top / TSR, stamp(signature, _clock(2)))


def _clock(seconds: float) -> Any:
    ours = pki()
    return stamper(ours.stamper, SEALED_AT + timedelta(seconds=seconds), beside=[ours.middle])


@of_disk
def other_root_same_name(top: Path) -> None:
    root = issue(Wish("AC Raíz de Prueba", is_authority=True, key_name="impostor"))
    middle = issue(Wish("AC de Prueba", is_authority=True, key_name="impostor 2"), root)
    signer = issue(dataclasses.replace(SEALING, key_name="impostor 3"), middle)
    _sealed_again(top, Sealing(signer, _clock(1), beside=[middle]))
    put(top / CHAIN, signer.pem + middle.pem + pki().stamper.pem + pki().middle.pem)


@of_disk
def other_key_same_authority(top: Path) -> None:
    other = issue(Wish("Otro del mismo municipio"), pki().middle)
    _sealed_again(top, Sealing(other, _clock(1), beside=[pki().middle]))
    put(top / CHAIN, other.pem + pki().stamper.pem + pki().middle.pem)


def _signer(whole: Draft, wish: Wish, **more: Any) -> None:
    """Seal with a certificate of another make, declared as such."""
    ours = whole.pki
    signer = issue(wish, ours.middle)
    whole.pki = dataclasses.replace(ours, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[ours.middle], **more)


def of_signature(folder: Path, wish: Wish, *, is_bent: bool, **how: Any) -> Path:
    """A package sealed with this kind of key and digest; ``is_bent``: one bit of the signature is turned over."""
    whole = draft()
    _signer(whole, wish, **how)
    top = whole.write(folder)
    if is_bent:
        signature_bit(top)
    return top


@of_draft
def signer_expired(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, until=SEALED_AT - timedelta(days=1)))


@of_draft
def signer_early(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, since=SEALED_AT + timedelta(days=1)))


@of_disk
def signature_removed(top: Path) -> None:
    (top / P7S).unlink()


@of_disk
def signature_of_another(top: Path) -> None:
    ours = pki()
    signature = seal(b"otro\n", Sealing(ours.signer, _clock(1), beside=[ours.middle]))
    put(top / P7S, signature)
    put(top / TSR, stamp(signature, _clock(2)))


@of_disk
def signature_bit(top: Path) -> None:
    """In the signature's own value, found by asn1crypto; stamped anew."""
    raw = (top / P7S).read_bytes()
    value = cms.ContentInfo.load(raw)["content"]["signer_infos"][0]["signature"].native
    put(top / P7S, raw.replace(value, value[:-1] + bytes([value[-1] ^ 1])))
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(2)))


@of_disk
def signature_trailing(top: Path) -> None:
    put(top / P7S, (top / P7S).read_bytes() + b"x")


@of_disk
def signature_cut(top: Path) -> None:
    put(top / P7S, (top / P7S).read_bytes()[:-50])


@of_disk
def signature_without_cades(top: Path) -> None:
    """As ``openssl cms -sign`` makes it when nobody asks for ``-cades``."""
    ours = pki()
    for name, content in {"signer.pem": ours.signer.pem, "key.der": ours.signer.asn1_key.dump()}.items():
        put(top.parent / name, content)
    subprocess.run(
        ["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-in", str(top / TAGS), "-outform", "DER",
         "-signer", "signer.pem", "-inkey", "key.der", "-keyform", "DER", "-out", str(top / P7S)],
        cwd=top.parent, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    put(
        top / TSR,
        stamp((top / P7S).read_bytes(), stamper(ours.stamper, datetime.now(UTC), beside=[ours.middle])),
    )


@of_disk
def token_removed(top: Path) -> None:
    (top / TSR).unlink()


@of_disk
def inner_token_missing(top: Path) -> None:
    _sealed_again(top, Sealing(pki().signer, None, beside=[pki().middle]))


@of_disk
def token_of_another(top: Path) -> None:
    put(top / TSR, stamp(b"otro", _clock(2)))


@of_disk
def token_bit(top: Path) -> None:
    raw = (top / TSR).read_bytes()
    value = tsp.TimeStampResp.load(raw)["time_stamp_token"]["content"]["signer_infos"][0]["signature"].native
    put(top / TSR, raw.replace(value, bytes([value[0] ^ 1]) + value[1:]))


@of_disk
def token_time_rewritten(top: Path) -> None:
    edit(top / TSR, b"20261120150002Z", b"20261120150003Z")


@of_disk
def resealed_old_token(top: Path) -> None:
    old = (top / TSR).read_bytes()
    _sealed_again(
        top, Sealing(pki().signer, _clock(1), at=SEALED_AT + timedelta(seconds=1), beside=[pki().middle])
    )
    put(top / TSR, old)


def _stamped_by(top: Path, wish: Wish, **more: Any) -> None:
    holder = issue(wish, more.pop("issuer", pki().middle))
    by = stamper(holder, SEALED_AT + timedelta(seconds=2), beside=[pki().middle])
    put(top / TSR, stamp((top / P7S).read_bytes(), by))


@of_disk
def token_not_of_an_authority(top: Path) -> None:
    _stamped_by(top, Wish("Cualquiera"))


@of_disk
def token_of_two_purposes(top: Path) -> None:
    _stamped_by(
        top, Wish("Dos fines", purposes=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING))
    )


@of_disk
def token_of_foreign_authority(top: Path) -> None:
    root = issue(Wish("AC ajena", is_authority=True))
    _stamped_by(top, Wish("TSA ajena", purposes=STAMPING.purposes), issuer=root)


@of_disk
def token_expired_authority(top: Path) -> None:
    _stamped_by(top, dataclasses.replace(STAMPING, until=SEALED_AT - timedelta(days=1)))


@of_disk
def token_before_signing(top: Path) -> None:
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(-600)))


@of_disk
def token_a_month_late(top: Path) -> None:
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(30 * 86_400)))


@of_all
def control_years_later(folder: Path) -> Made:
    """Sound, looked at after everything ended: what counts is the stamp's instant."""
    return written(folder), Outside()


@of_draft
def revoked_before(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.signer, when)]), revocation_list(ours.root)]


@of_draft
def revoked_after(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT + timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.signer, when)]), revocation_list(ours.root)]


@of_draft
def time_authority_revoked(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.stamper, when)]), revocation_list(ours.root)]


@of_draft
def authority_revoked(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle), revocation_list(ours.root, [(ours.middle, when)])]


@of_disk
def revocation_list_junk(top: Path) -> None:
    put(top / "sello/crl/0001.crl", b"\x30\x03\x02\x01\x01")


@of_draft
def signed_with_sha1(whole: Draft) -> None:
    _signer(whole, SEALING, digest="sha1")


@of_draft
def signed_with_rsa_1024(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, kind="rsa1024"))


@of_draft
def certificate_with_sha1(whole: Draft) -> None:
    """By a library that still makes them: the DER of another one, its algorithm and signature replaced."""
    signer = sha1_signed(pki().signer, pki().middle)
    whole.pki = dataclasses.replace(whole.pki, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[whole.pki.middle])


@of_draft
def key_usage_of_another_kind(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, usage=("key_encipherment",)))


@of_draft
def purpose_of_a_server(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)))


@of_draft
def issued_by_no_authority(whole: Draft) -> None:
    ours = whole.pki
    person = issue(Wish("Una persona"), ours.middle)
    signer = issue(SEALING, person)
    whole.pki = dataclasses.replace(ours, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[ours.middle, person])


@of_all
def looked_at_without_a_stamp(folder: Path) -> Made:
    """Certificates judged at an instant after their end, as ``openssl -attime`` does."""
    return written(folder), Outside(at="2031-01-01T00:00:00Z")
