"""A certificate signed with SHA-1, which cryptography no longer makes: the same fields, signed by hand."""

from __future__ import annotations

from asn1crypto import algos, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integration.evidence.authorities import Holder


def sha1_signed(holder: Holder, issuer: Holder) -> Holder:
    """``holder``'s certificate as ``issuer`` would have signed it in 2005."""
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    made = asn1_x509.Certificate.load(holder.der)
    algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha1_rsa"})
    made["tbs_certificate"]["signature"] = algorithm
    made["signature_algorithm"] = algorithm
    body = made["tbs_certificate"].dump(force=True)
    made["signature_value"] = core.OctetBitString(issuer.key.sign(body, padding.PKCS1v15(), hashes.SHA1()))
    return Holder(x509.load_der_x509_certificate(made.dump(force=True)), holder.key)
