"""CMS SignedData with one signer (RFC 5652) and the attributes that CAdES asks for (ETSI EN 319 122-1)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from cior_evidence.verifier.certificates import MOST_CERTIFICATES, Certificate
from cior_evidence.verifier.der import (
    OCTET_STRING,
    SET,
    Malformed,
    Node,
    int_of,
    oid_of,
    read_der,
    tagged,
    time_of,
)
from cior_evidence.verifier.signing_algorithms import Unknown, Weak, digest_name, digest_of, is_signed

SIGNED_DATA, DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (
    "1.2.840.113549.1.9.3",
    "1.2.840.113549.1.9.4",
    "1.2.840.113549.1.9.5",
)
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TIME = "1.2.840.113549.1.9.16.2.14"


class SignedData:
    """A CMS signature taken apart; nothing is verified yet."""

    def __init__(self, raw: bytes) -> None:
        kind, wrapped = read_der(raw).sequence(2, 2)
        if oid_of(kind) != SIGNED_DATA:
            raise Malformed("CMS: not SignedData")
        fields = wrapped.want(0xA0).child.sequence(4, 6)
        inside = fields[2].sequence(1, 2)
        self.content_type = oid_of(inside[0])
        self.content = inside[1].want(0xA0).child.want(OCTET_STRING).body if len(inside) == 2 else None
        bag = tagged(fields[3:-1], 0)
        held = [part.raw for part in bag.children if part.tag == 0x30] if bag is not None else []
        if len(held) > MOST_CERTIFICATES:
            raise Malformed("CMS: too many certificates")
        self.certificates = [Certificate(each) for each in held]
        lists = tagged(fields[3:-1], 1)
        self.lists = [part.raw for part in lists.children][:MOST_CERTIFICATES] if lists is not None else []
        signers = fields[-1].want(SET).children
        if len(signers) != 1:
            raise Malformed(f"CMS: {len(signers)} signers")
        self._take_signer(signers[0].sequence(5, 7))

    def _take_signer(self, fields: list[Node]) -> None:
        self._named_by = fields[1]
        self.digest_name_oid = oid_of(fields[2].sequence(1, 2)[0])
        rest = fields[3:]
        signed = rest[0]
        if signed.tag != 0xA0 or len(rest) < 3:
            raise Malformed("CMS: no signed attributes")
        self.signed_attributes = b"\x31" + signed.raw[1:]
        self.attributes = attributes_of(signed)
        self.algorithm, signature = rest[1], rest[2]
        self.signature = signature.want(OCTET_STRING).body
        unsigned = tagged(rest[3:], 1)
        self.unsigned = attributes_of(unsigned) if unsigned is not None else {}

    def signer(self, others: list[Certificate]) -> Certificate | None:
        """The certificate that the signer is named by, among its own and ``others``."""
        return next((each for each in self.certificates + others if self._is_named(each)), None)

    def _is_named(self, certificate: Certificate) -> bool:
        if self._named_by.tag == 0x30:
            issuer, serial = self._named_by.sequence(2, 2)
            return issuer.raw == certificate.issuer and int_of(serial) == certificate.serial
        return bool(certificate.subject_id) and self._named_by.want(0x80).body == certificate.subject_id

    @property
    def signing_time(self) -> datetime | None:
        """What the signer's own clock said."""
        value = self.attributes.get(SIGNING_TIME)
        return time_of(value) if value is not None else None

    def is_over(self, content: bytes) -> bool:
        """Whether the digest that was signed is that of ``content``."""
        value = self.attributes.get(MESSAGE_DIGEST)
        kind = self.attributes.get(CONTENT_TYPE)
        if value is None or kind is None or oid_of(kind) != self.content_type:
            return False
        hashed = hashlib.new(digest_name(self.digest_name_oid), content).digest()
        return hmac.compare_digest(value.want(OCTET_STRING).body, hashed)

    def is_signed_by(self, certificate: Certificate) -> bool:
        """Whether the signature over the attributes is of this certificate's key."""
        digest = digest_name(self.digest_name_oid)
        return is_signed(
            certificate.key, self.algorithm, self.signature, self.signed_attributes, digest=digest
        )

    def names(self, certificate: Certificate) -> bool:
        """Whether the signed attributes hold this certificate's digest (RFC 5035, RFC 2634)."""
        second, first = self.attributes.get(SIGNING_CERTIFICATE_V2), self.attributes.get(SIGNING_CERTIFICATE)
        if second is not None:
            fields = second.sequence(1, 2)[0].sequence(1)[0].sequence(1, 3)
            is_named = fields[0].tag == 0x30
            if is_named and len(fields) == 1:
                raise Malformed("CMS: certificate identifier")
            digest, value = (digest_of(fields[0]), fields[1]) if is_named else ("sha256", fields[0])
        elif first is not None:  # SHA-1 by its definition; the signature itself is not
            digest, value = "sha1", first.sequence(1, 2)[0].sequence(1)[0].sequence(1, 2)[0]
        else:
            return False
        return value.want(OCTET_STRING).body == hashlib.new(digest, certificate.raw).digest()


def attributes_of(node: Node) -> dict[str, Node]:
    """Identifier to its one value; an attribute twice or of several values is refused."""
    found: dict[str, Node] = {}
    for part in node.children:
        kind, values = part.sequence(2, 2)
        name, inside = oid_of(kind), values.want(SET).children
        if name in found or len(inside) != 1:
            raise Malformed("CMS: attribute " + name)
        found[name] = inside[0]
    return found


def weakness(signed: SignedData) -> str:
    """The digest's name when it is one that is forged today, else nothing."""
    try:
        digest_name(signed.digest_name_oid)
    except Weak as why:
        return str(why)
    except Unknown:  # said where its value is needed
        return ""
    return ""
