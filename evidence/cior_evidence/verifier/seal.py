"""The seal: a CAdES-T signature over ``tagmanifest-sha256.txt``, and a second time-stamp over the signature's file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from cior_evidence.verifier.bag import MOST_MANIFEST_BYTES, TAGS
from cior_evidence.verifier.certificates import (
    COMMITS,
    MOST_CERTIFICATES,
    SIGNS,
    Certificate,
    RevocationList,
    Trust,
    check_chain,
    pem_blocks,
)
from cior_evidence.verifier.cms import SIGNATURE_TIME, SignedData, weakness
from cior_evidence.verifier.der import Malformed, Trailing
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, TooLarge
from cior_evidence.verifier.signing_algorithms import Weak
from cior_evidence.verifier.time_stamps import check_stamp, readable_lists

SIGNATURE, TOKEN, CHAIN, LISTS = (
    "sello/tagmanifest.p7s",
    "sello/tagmanifest.p7s.tsr",
    "sello/cadena.pem",
    "sello/crl/",
)
MOST_SEAL_BYTES = 4 * 1024 * 1024
TWO_CLOCKS_S, LATEST_S = 5, 86_400
# Any purpose, client sign-in, mail, documents (RFC 9336), Microsoft's documents.
SIGNING_PURPOSES = {
    "2.5.29.37.0",
    "1.3.6.1.5.5.7.3.2",
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.36",
    "1.3.6.1.4.1.311.10.3.12",
}


class Sealed(NamedTuple):
    """When the package was sealed, as far as that is proven, and by which certificate."""

    at: datetime | None
    signer: Certificate | None


def small(folder: Files, path: str, report: Report) -> bytes | None:
    """A file of the seal; None when it is not there or too large to be one."""
    if path not in folder.sizes:
        return None
    try:
        return folder.read(path, MOST_SEAL_BYTES)
    except (OSError, TooLarge):
        report.say("file.unreadable", path)
        return None


def gather(folder: Files, roots: list[Certificate], report: Report) -> Trust:
    """What the package brings for its chains, and the roots from outside."""
    others: list[Certificate] = []
    try:
        raws = pem_blocks(small(folder, CHAIN, report) or b"", "CERTIFICATE")
        others = [Certificate(raw) for raw in raws[:MOST_CERTIFICATES]]
    except Malformed as why:
        report.say("cert.malformed", CHAIN, str(why))
    if not others:
        report.say("cert.nochain", CHAIN)
    lists: list[RevocationList] = []
    for path in [path for path in sorted(folder.sizes) if path.startswith(LISTS)][:MOST_CERTIFICATES]:
        lists += _lists_of(small(folder, path, report) or b"", path, report)
    if not roots:
        report.say("cert.noroot")
        roots = [each for each in others if each.is_authority]
    return Trust(roots, others, lists)


def _lists_of(content: bytes, path: str, report: Report) -> list[RevocationList]:
    try:
        return [RevocationList(raw) for raw in pem_blocks(content, "X509 CRL")]
    except Malformed as why:
        report.say("crl.malformed", path, str(why))
        return []


def check_seal(folder: Files, trust: Trust, report: Report, at: datetime | None) -> Sealed:
    """Check signature, stamps and chains. ``at``: judge certificates at this instant, not at the stamp's."""
    raw = small(folder, SIGNATURE, report)
    response = small(folder, TOKEN, report)
    if raw is None:
        report.say("sig.missing", SIGNATURE)
    if response is None:
        report.say("time.missing", TOKEN)
    if raw is None:
        return Sealed(None, None)
    signed = _read_seal(raw, report)
    more = trust.with_more(
        signed.certificates if signed else [], readable_lists(signed.lists) if signed else []
    )
    stamped = check_stamp(response, raw, more, report.say, path=TOKEN) if response is not None else None
    signer = _check_signature(folder, signed, more, report) if signed is not None else None
    inner = _check_inner(signed, more, report) if signed is not None else None
    if signed is not None:
        _check_order(signed, inner, stamped, report)
    judged_at = at or stamped or inner or datetime.now(timezone.utc)
    if signer is not None:
        check_chain(signer, more, judged_at, report.say, path=SIGNATURE)
    return Sealed(stamped or inner, signer)


def _read_seal(raw: bytes, report: Report) -> SignedData | None:
    try:
        return SignedData(raw)
    except Trailing as why:
        report.say("sig.trailing", SIGNATURE, str(why))
    except Malformed as why:
        report.say("sig.malformed", SIGNATURE, str(why))
    return None


def _check_signature(folder: Files, signed: SignedData, trust: Trust, report: Report) -> Certificate | None:
    """The certificate that the seal is of, sound or not."""
    if weakness(signed):
        report.say("sig.weak", SIGNATURE, weakness(signed))
        return None
    try:
        content = folder.read("bag/" + TAGS, MOST_MANIFEST_BYTES)
    except (OSError, TooLarge):
        content = b""
    try:
        if signed.content is not None or not signed.is_over(content):
            report.say("sig.content", SIGNATURE)
        signer = signed.signer(trust.others)
        if signer is None:
            report.say("sig.signer", SIGNATURE)
            return None
        _check_key(signed, signer, report)
    except Weak as why:
        report.say("sig.weak", SIGNATURE, str(why))
        return None
    except Malformed as why:
        report.say("sig.malformed", SIGNATURE, str(why))
        return None
    return signer


def _check_key(signed: SignedData, signer: Certificate, report: Report) -> None:
    if not signed.is_signed_by(signer):
        report.say("sig.value", SIGNATURE)
    if not signed.names(signer):
        report.say("sig.cades", SIGNATURE, signer.name)
    purposes = signer.purposes
    is_for_it = purposes is None or bool(SIGNING_PURPOSES & set(purposes))
    if not signer.may(SIGNS, COMMITS) or not is_for_it or signer.is_authority:
        report.say("cert.usage", SIGNATURE, signer.name)


def _check_inner(signed: SignedData, trust: Trust, report: Report) -> datetime | None:
    token = signed.unsigned.get(SIGNATURE_TIME)
    if token is None:
        report.say("time.inner", SIGNATURE)
        return None
    return check_stamp(token.raw, signed.signature, trust, report.say, path=SIGNATURE)


def _check_order(
    signed: SignedData, inner: datetime | None, stamped: datetime | None, report: Report
) -> None:
    try:
        said = signed.signing_time
    except Malformed as why:
        report.say("sig.malformed", SIGNATURE, str(why))
        return
    allowed, latest = timedelta(seconds=TWO_CLOCKS_S), timedelta(seconds=LATEST_S)
    for before, after, path in ((said, inner, SIGNATURE), (said, stamped, TOKEN), (inner, stamped, TOKEN)):
        if before is None or after is None:
            continue
        if before - after > allowed:
            report.say("time.order", path, f"{after:%Y-%m-%d %H:%M:%S} < {before:%Y-%m-%d %H:%M:%S}")
        if after - before > latest:
            report.say("time.late", path, f"{after:%Y-%m-%d %H:%M:%S} > {before:%Y-%m-%d %H:%M:%S}")


def check_declared(folder: Files, sealed: Sealed, tools: dict[str, Any], report: Report) -> None:
    """The package itself says which certificate seals it; where it does not, ``cadena.pem`` begins with it."""
    declared = tools.get("sello")
    wanted = declared.get("certificado_sha256") if isinstance(declared, dict) else None
    try:
        chain = [
            Certificate(raw) for raw in pem_blocks(small(folder, CHAIN, report) or b"", "CERTIFICATE")[:1]
        ]
    except Malformed:
        chain = []
    expected = [wanted] if wanted is not None else []
    expected += [each.fingerprint for each in chain]
    if sealed.signer is not None and any(each != sealed.signer.fingerprint for each in expected):
        report.say("sig.otherkey", SIGNATURE, sealed.signer.name)
