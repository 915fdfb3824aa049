"""X.509 certificates, their chains and revocation lists (RFC 5280), as far as a seal and a time-stamp need them."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from typing import Callable

from cior_evidence.verifier.der import (
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    UTC_TIME,
    Malformed,
    Node,
    bits_of,
    flags_of,
    int_of,
    oid_of,
    read_der,
    tagged,
    time_of,
)
from cior_evidence.verifier.signing_algorithms import PublicKey, Unknown, Weak, is_signed

MOST_CERTIFICATES = 64
MOST_SIGNATURES = 256
LONGEST_CHAIN = 8
BASIC, USAGE, EXTENDED, SUBJECT_ID = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.14"
NAME_LIMITS, POLICY_LIMITS, POLICIES = "2.5.29.30", "2.5.29.36", "2.5.29.32"
STAMPING = "1.3.6.1.5.5.7.3.8"
SIGNS, COMMITS, SIGNS_CERTIFICATES, SIGNS_LISTS = 0, 1, 5, 6
REASON, INVALIDITY = "2.5.29.21", "2.5.29.24"
LIST_NUMBER, AUTHORITY_ID = "2.5.29.20", "2.5.29.35"

Say = Callable[[str, str, str], None]
"""Takes a code, a path and a detail."""


def extensions_of(node: Node | None) -> dict[str, tuple[bool, bytes]]:
    """Identifier to (critical, value)."""
    found: dict[str, tuple[bool, bytes]] = {}
    for part in node.sequence() if node is not None else []:
        fields = part.sequence(2, 3)
        name = oid_of(fields[0])
        if name in found:
            raise Malformed("an extension twice")
        is_critical = len(fields) == 3 and fields[1].body == b"\xff"
        found[name] = (is_critical, fields[-1].want(OCTET_STRING).body)
    return found


class Certificate:
    """What a chain asks of one certificate."""

    def __init__(self, raw: bytes) -> None:
        whole, self.algorithm, signature = read_der(raw).sequence(3, 3)
        self.raw, self.signed, self.signature = raw, whole.raw, bits_of(signature)
        fields = whole.sequence(6, 10)
        if fields[0].tag == 0xA0:
            fields = fields[1:]
        if len(fields) < 6:
            raise Malformed("certificate")
        self.serial, self.issuer, self.subject = int_of(fields[0]), fields[2].raw, fields[4].raw
        self.subject_node = fields[4]
        if fields[1].raw != self.algorithm.raw:
            raise Malformed("certificate: two algorithms")
        self.since, self.until = (time_of(part) for part in fields[3].sequence(2, 2))
        self.key = PublicKey(fields[5])
        wrapped = tagged(fields[6:], 3)
        self.extensions = extensions_of(
            wrapped.children[0] if wrapped is not None and wrapped.children else None
        )
        self._read_extensions()

    def _read_extensions(self) -> None:
        basic = list(self._extension(BASIC).sequence(0, 2)) if BASIC in self.extensions else []
        self.is_authority = bool(basic) and basic[0].tag == 0x01 and basic[0].body == b"\xff"
        self.most_below = int_of(basic[1]) if len(basic) == 2 else None
        self.usage = flags_of(self._extension(USAGE)) if USAGE in self.extensions else None
        self.purposes = (
            [oid_of(part) for part in self._extension(EXTENDED).sequence()]
            if EXTENDED in self.extensions
            else None
        )

    def _extension(self, name: str) -> Node:
        return read_der(self.extensions[name][1])

    @property
    def subject_id(self) -> bytes:
        """The subject key identifier, or nothing."""
        return self._extension(SUBJECT_ID).want(OCTET_STRING).body if SUBJECT_ID in self.extensions else b""

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the certificate."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def name(self) -> str:
        """The common name, else the last part of the subject; for people only."""
        said = ""
        for group in self.subject_node.sequence():
            for pair in group.children:
                kind, value = pair.sequence(2, 2)
                said = value.body.decode("utf-8", "replace")
                if oid_of(kind) == "2.5.4.3":
                    return said
        return said

    def may(self, *uses: int) -> bool:
        """Whether its key usage, where it has one, allows any of these."""
        return self.usage is None or bool(self.usage & set(uses))

    def issued(self, other: Certificate) -> bool:
        """Whether ``other`` names this one as its issuer and carries its signature."""
        return other.issuer == self.subject and is_signed(
            self.key, other.algorithm, other.signature, other.signed
        )


class RevocationList:
    """A CRL: whose, of when, and which serial numbers it takes back."""

    def __init__(self, raw: bytes) -> None:
        whole, self.algorithm, signature = read_der(raw).sequence(3, 3)
        self.signed, self.signature = whole.raw, bits_of(signature)
        fields = whole.sequence(3, 7)
        if fields[0].tag == INTEGER:
            fields = fields[1:]
        if len(fields) < 3:
            raise Malformed("revocation list")
        self.issuer, self.since = fields[1].raw, time_of(fields[2])
        rest = fields[3:]
        self.until = None
        if rest and rest[0].tag in (UTC_TIME, GENERALIZED_TIME):
            self.until, rest = time_of(rest[0]), rest[1:]
        rows = rest[0].sequence() if rest and rest[0].tag == 0x30 else []
        self.revoked = {int_of(row.sequence(2, 3)[0]): time_of(row.children[1]) for row in rows}
        wrapped = tagged(rest, 0)
        extensions = extensions_of(wrapped.children[0] if wrapped is not None and wrapped.children else None)
        for name, (is_critical, _) in extensions.items():
            if is_critical and name not in (LIST_NUMBER, AUTHORITY_ID):
                raise Unknown("a revocation list of a part only")


def pem_blocks(content: bytes, label: str) -> list[bytes]:
    """The DER of each PEM block with this label; a file that is DER itself is one."""
    if content[:1] == b"\x30":
        return [content]
    text = content.decode("ascii", "replace")
    found = re.findall(f"-----BEGIN {label}-----([A-Za-z0-9+/=\\s]*)-----END {label}-----", text)
    try:
        return [
            base64.b64decode("".join(body.split()), validate=True) for body in found[: MOST_CERTIFICATES + 1]
        ]
    except ValueError:
        raise Malformed("PEM") from None


class Trust:
    """What a chain may be built of: roots from outside, certificates and lists out of the package.

    Signatures are checked once each, and at most ``MOST_SIGNATURES`` of them: nobody is kept busy for days.
    """

    def __init__(
        self, roots: list[Certificate], others: list[Certificate], lists: list[RevocationList]
    ) -> None:
        self.roots, self.others, self.lists = roots, others, lists
        self._known: dict[tuple[bytes, bytes], str] = {}

    def with_more(self, others: list[Certificate], lists: list[RevocationList]) -> Trust:
        """This, and what a token brought along."""
        return Trust(self.roots, self.others + others, self.lists + lists)

    def judged(self, issuer: Certificate, other: Certificate) -> str:
        """``yes``, ``no``, or why the signature counts for nothing."""
        pair = issuer.raw, other.raw
        if pair not in self._known:
            self._known[pair] = self._judge(issuer, other) if len(self._known) < MOST_SIGNATURES else "no"
        return self._known[pair]

    @staticmethod
    def _judge(issuer: Certificate, other: Certificate) -> str:
        try:
            return "yes" if issuer.issued(other) else "no"
        except Weak as why:
            return str(why)
        except Malformed:
            return "no"


def chain_of(leaf: Certificate, trust: Trust) -> list[Certificate] | None:
    """The shortest chain from ``leaf`` to a root, both included; None when there is none."""
    waiting = [[leaf]]
    tried = 0
    while waiting:
        chain = waiting.pop(0)
        tried += 1
        if any(chain[-1].raw == root.raw for root in trust.roots):
            return chain
        if len(chain) >= LONGEST_CHAIN or tried > 4 * MOST_CERTIFICATES:
            continue
        for issuer in trust.roots + trust.others:
            is_new = issuer.subject == chain[-1].issuer and all(issuer.raw != each.raw for each in chain)
            if is_new and trust.judged(issuer, chain[-1]) == "yes":
                waiting.append(chain + [issuer])
    return None


def check_chain(
    leaf: Certificate, trust: Trust, at: datetime, say: Say, *, path: str, prefix: str = ""
) -> None:
    """Say what is wrong with ``leaf`` at ``at``: no chain, out of time, no authority, weak, revoked."""
    say_here: Say = lambda code, where, detail: say(prefix + code, where, detail)  # noqa: E731
    _check_signatures(leaf, trust, say_here, path)
    chain = chain_of(leaf, trust)
    if chain is None:
        say_here("cert.untrusted", path, leaf.name)
        chain = [leaf]
    for place, certificate in enumerate(chain):
        _check_one(certificate, place, at, say_here, path=path)
    for below, issuer in zip(chain, chain[1:]):
        _check_revoked(below, issuer, trust.lists, at=at, say=say_here)


def _check_signatures(leaf: Certificate, trust: Trust, say: Say, path: str) -> None:
    """A chain that only a weak or unknown algorithm would join is named as such."""
    for certificate in [leaf] + trust.others:
        for issuer in trust.roots + trust.others:
            verdict = trust.judged(issuer, certificate) if certificate.issuer == issuer.subject else "no"
            if verdict not in ("yes", "no"):
                say("cert.weak", path, f"{certificate.name}: {verdict}")


def _check_one(certificate: Certificate, place: int, at: datetime, say: Say, *, path: str) -> None:
    when = f"{certificate.name}: {certificate.since:%Y-%m-%d} - {certificate.until:%Y-%m-%d}, {at:%Y-%m-%d}"
    if at > certificate.until:
        say("cert.expired", path, when)
    if at < certificate.since:
        say("cert.early", path, when)
    if place and not (certificate.is_authority and certificate.may(SIGNS_CERTIFICATES)):
        say("cert.notauthority", path, certificate.name)
    if place and certificate.most_below is not None and place - 1 > certificate.most_below:
        say("cert.notauthority", path, certificate.name)
    known = (BASIC, USAGE, EXTENDED, POLICIES, POLICY_LIMITS)
    for name, (is_critical, _) in certificate.extensions.items():
        if is_critical and name not in known:
            say("cert.critical", path, f"{certificate.name}: {name}")


def _check_revoked(
    below: Certificate, issuer: Certificate, lists: list[RevocationList], *, at: datetime, say: Say
) -> None:
    sound = [each for each in lists if each.issuer == issuer.subject and _is_of(each, issuer)]
    if not sound:
        say("crl.missing", "sello/crl", below.name)
        return
    newest = max(sound, key=lambda each: each.since)
    when = min((each.revoked[below.serial] for each in sound if below.serial in each.revoked), default=None)
    if when is not None:
        code = "cert.revoked" if when <= at else "cert.revokedlater"
        say(code, "sello/crl", f"{below.name}: {when:%Y-%m-%d %H:%M:%S}")
    if newest.until is not None and newest.until < at:
        say("crl.stale", "sello/crl", f"{below.name}: {newest.until:%Y-%m-%d}")


def _is_of(found: RevocationList, issuer: Certificate) -> bool:
    try:
        return issuer.may(SIGNS_LISTS) and is_signed(
            issuer.key, found.algorithm, found.signature, found.signed
        )
    except Malformed:
        return False
