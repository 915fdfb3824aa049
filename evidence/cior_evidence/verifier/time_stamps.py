"""RFC 3161 time-stamps: of which bytes, of when, by whom."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import NamedTuple

from cior_evidence.verifier.certificates import (
    COMMITS,
    EXTENDED,
    SIGNS,
    STAMPING,
    Certificate,
    RevocationList,
    Say,
    Trust,
    check_chain,
)
from cior_evidence.verifier.cms import TST_INFO, SignedData, weakness
from cior_evidence.verifier.der import (
    INTEGER,
    OCTET_STRING,
    Malformed,
    Trailing,
    int_of,
    oid_of,
    read_der,
    time_of,
)
from cior_evidence.verifier.signing_algorithms import Weak, digest_of

GRANTED = (0, 1)


class Stamp(NamedTuple):
    """What a token says (TSTInfo) and the signature around it."""

    signed: SignedData
    content: bytes
    digest: str
    imprint: bytes
    at: datetime

    def is_of(self, content: bytes) -> bool:
        """Whether it is of these bytes."""
        return hmac.compare_digest(self.imprint, hashlib.new(self.digest, content).digest())


def token_of(response: bytes) -> bytes:
    """The token in a TimeStampResp; a bare token is itself."""
    parts = read_der(response).sequence(1, 2)
    if parts[0].tag != 0x30:
        return response
    if int_of(parts[0].sequence(1, 3)[0].want(INTEGER)) not in GRANTED or len(parts) != 2:
        raise Malformed("TSP: refused")
    return parts[1].raw


def read_stamp(token: bytes) -> Stamp:
    """RFC 3161 §2.4.2."""
    signed = SignedData(token)
    if signed.content_type != TST_INFO or signed.content is None:
        raise Malformed("TSP: no TSTInfo")
    fields = read_der(signed.content).sequence(5, 10)
    algorithm, imprint = fields[2].sequence(2, 2)
    oid_of(fields[1])
    return Stamp(
        signed, signed.content, digest_of(algorithm), imprint.want(OCTET_STRING).body, time_of(fields[4])
    )


def check_stamp(response: bytes, content: bytes, trust: Trust, say: Say, *, path: str) -> datetime | None:
    """The token's time, when it is of ``content`` and soundly signed; else None, and what is wrong is said."""
    try:
        stamp = read_stamp(token_of(response))
    except Trailing as why:
        say("time.trailing", path, str(why))
        return None
    except Weak as why:
        say("time.weak", path, str(why))
        return None
    except Malformed as why:
        say("time.malformed", path, str(why))
        return None
    if not stamp.is_of(content):
        say("time.imprint", path, f"{stamp.digest} {stamp.imprint.hex()[:16]}")
        return None
    return stamp.at if _check_signer(stamp, trust, say, path) else None


def _check_signer(stamp: Stamp, trust: Trust, say: Say, path: str) -> bool:
    signed = stamp.signed
    if weakness(signed):
        say("time.weak", path, weakness(signed))
        return False
    try:
        signer = signed.signer(trust.others)
        if signer is None:
            say("time.signer", path, "")
            return False
        is_sound = signed.is_over(stamp.content) and signed.is_signed_by(signer) and signed.names(signer)
    except Weak as why:
        say("time.weak", path, str(why))
        return False
    except Malformed as why:
        say("time.malformed", path, str(why))
        return False
    if not is_sound:
        say("time.value", path, "")
        return False
    own = trust.with_more(signed.certificates, readable_lists(signed.lists))
    _check_purpose(signer, say, path)
    check_chain(signer, own, stamp.at, say, path=path, prefix="time.")
    return True


def readable_lists(raws: list[bytes]) -> list[RevocationList]:
    """Those that are revocation lists as we know them."""
    found = []
    for raw in raws:
        try:
            found.append(RevocationList(raw))
        except Malformed:
            continue
    return found


def _check_purpose(signer: Certificate, say: Say, path: str) -> None:
    """RFC 3161 §2.3: the one purpose, and critical."""
    is_critical = signer.extensions.get(EXTENDED, (False, b""))[0]
    if signer.purposes != [STAMPING] or not is_critical or not signer.may(SIGNS, COMMITS):
        say("time.eku", path, signer.name)
