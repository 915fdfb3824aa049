"""Signatures by arithmetic alone: RSA (PKCS #1 v1.5 and PSS, RFC 8017), ECDSA (FIPS 186-5) and Ed25519 (RFC 8032).

Nothing here is secret, so nothing here takes care to be slow or even.
"""

from __future__ import annotations

import hashlib

from cior_evidence.verifier.der import (
    Malformed,
    Node,
    bits_of,
    int_of,
    oid_of,
    read_der,
    tagged,
)

LEAST_RSA_BITS = 2_048
MOST_RSA_BITS = 8_192

RSA, PSS, EC = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1"
MGF1 = "1.2.840.113549.1.1.8"
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
OLD_DIGESTS = {"1.3.14.3.2.26": "sha1", "1.2.840.113549.2.5": "md5", "2.16.840.1.101.3.4.2.4": "sha224"}
RSA_WITH = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
EC_WITH = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
OLD_WITH = {
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.14",
    "1.2.840.10045.4.1",
    "1.2.840.10045.4.3.1",
}
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class Weak(Malformed):
    """A signature that anyone with enough machines can forge: SHA-1, MD5, RSA below 2,048 bits."""


class Unknown(Malformed):
    """An algorithm that this program does not have."""


class PublicKey:
    """SubjectPublicKeyInfo (RFC 5280 §4.1)."""

    def __init__(self, node: Node) -> None:
        algorithm, key = node.sequence(2, 2)
        parts = algorithm.sequence(1, 2)
        self.kind = oid_of(parts[0])
        self.curve = oid_of(parts[1]) if self.kind == EC and len(parts) == 2 else ""
        self.key = bits_of(key)


def digest_name(oid: str) -> str:
    """``sha256`` … for its identifier."""
    if oid in OLD_DIGESTS:
        raise Weak(OLD_DIGESTS[oid])
    if oid not in DIGESTS:
        raise Unknown("digest " + oid)
    return DIGESTS[oid]


def digest_of(node: Node) -> str:
    """The digest that an AlgorithmIdentifier names."""
    return digest_name(oid_of(node.sequence(1, 2)[0]))


def is_signed(key: PublicKey, algorithm: Node, signature: bytes, message: bytes, *, digest: str = "") -> bool:
    """Whether ``signature`` over ``message`` is of ``key``. ``digest``: what CMS names beside plain rsaEncryption."""
    parts = algorithm.sequence(1, 2)
    name = oid_of(parts[0])
    if name in OLD_WITH:
        raise Weak(name)
    if name in EC_WITH:
        return _ecdsa(key, EC_WITH[name], signature, message)
    if name == PSS:
        if len(parts) != 2:
            raise Weak("PSS with SHA-1")
        return _pss(key, parts[1], signature, message)
    hashed = RSA_WITH.get(name) or (digest if name == RSA else "")
    if not hashed:
        raise Unknown("signature " + name)
    return _pkcs1(key, hashed, signature, message)


# --- RSA ----------------------------------------------------------------------------------------------------


def _rsa_numbers(key: PublicKey) -> tuple[int, int]:
    if key.kind not in (RSA, PSS):
        raise Malformed("the key is not RSA")
    modulus, exponent = (int_of(part) for part in read_der(key.key).sequence(2, 2))
    if (
        modulus <= 0
        or modulus.bit_length() > MOST_RSA_BITS
        or not 3 <= exponent < 1 << 64
        or not exponent & 1
    ):
        raise Malformed("RSA key")
    if modulus.bit_length() < LEAST_RSA_BITS:
        raise Weak(f"RSA-{modulus.bit_length()}")
    return modulus, exponent


def _opened(key: PublicKey, signature: bytes) -> tuple[bytes, int]:
    modulus, exponent = _rsa_numbers(key)
    size = (modulus.bit_length() + 7) // 8
    value = int.from_bytes(signature, "big")
    if len(signature) != size or value >= modulus:
        return b"", modulus.bit_length()
    return pow(value, exponent, modulus).to_bytes(size, "big"), modulus.bit_length()


def _pkcs1(key: PublicKey, digest: str, signature: bytes, message: bytes) -> bool:
    opened, _ = _opened(key, signature)
    tail = _DIGEST_INFO[digest] + hashlib.new(digest, message).digest()
    return opened == b"\x00\x01" + b"\xff" * (len(opened) - len(tail) - 3) + b"\x00" + tail


def _pss(key: PublicKey, parameters: Node, signature: bytes, message: bytes) -> bool:
    parts = parameters.sequence()
    hashed, mask, salt = (tagged(parts, number) for number in range(3))
    if hashed is None or mask is None:
        raise Weak("PSS with SHA-1")
    digest = digest_of(hashed.child)
    mask_parts = mask.child.sequence(2, 2)
    if oid_of(mask_parts[0]) != MGF1:
        raise Unknown("mask")
    salt_size = int_of(salt.child) if salt is not None else 20
    if not 0 <= salt_size <= 1_024:
        raise Malformed("PSS salt")
    opened, bits = _opened(key, signature)
    digests = digest, digest_of(mask_parts[1])
    return _is_pss(opened, bits - 1, hashlib.new(digest, message).digest(), salt_size, digests=digests)


def _is_pss(opened: bytes, bits: int, hashed: bytes, salt_size: int, *, digests: tuple[str, str]) -> bool:
    """EMSA-PSS-VERIFY, RFC 8017 §9.1.2."""
    digest, masking = digests
    size = (bits + 7) // 8
    encoded = opened[len(opened) - size :] if len(opened) >= size else b""
    if (
        not encoded
        or any(opened[: len(opened) - size])
        or size < len(hashed) + salt_size + 2
        or encoded[-1] != 0xBC
    ):
        return False
    masked, seed = encoded[: size - len(hashed) - 1], encoded[size - len(hashed) - 1 : -1]
    spare = 8 * size - bits
    if masked[0] >> (8 - spare):
        return False
    plain = bytearray(a ^ b for a, b in zip(masked, _mgf1(seed, len(masked), masking)))
    plain[0] &= 0xFF >> spare
    at = len(plain) - salt_size - 1
    if any(plain[:at]) or plain[at] != 1:
        return False
    salt = bytes(plain[len(plain) - salt_size :])
    return hashlib.new(digest, bytes(8) + hashed + salt).digest() == seed


def _mgf1(seed: bytes, size: int, digest: str) -> bytes:
    made = b""
    for counter in range(size // hashlib.new(digest).digest_size + 1):
        made += hashlib.new(digest, seed + counter.to_bytes(4, "big")).digest()
    return made[:size]


# --- ECDSA on P-256 and P-384 ---------------------------------------------------------------------------------


class Curve:
    """y² = x³ − 3x + b over p, with a generator of order n (FIPS 186-5, SEC 2)."""

    def __init__(self, p: int, b: int, n: int, generator: tuple[int, int]) -> None:
        self.p, self.b, self.n, self.g = p, b, n, (generator[0], generator[1], 1)
        self.size = (p.bit_length() + 7) // 8

    def has(self, x: int, y: int) -> bool:
        """Whether the point is on the curve."""
        in_field = 0 <= x < self.p and 0 <= y < self.p
        return in_field and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0

    def double(self, a: tuple[int, int, int]) -> tuple[int, int, int]:
        """2a, in Jacobian coordinates; z = 0 is the point at infinity."""
        x, y, z = a
        if not z or not y:
            return 1, 1, 0
        p = self.p
        delta, gamma = z * z % p, y * y % p
        beta, alpha = x * gamma % p, 3 * (x - delta) * (x + delta) % p
        x3 = (alpha * alpha - 8 * beta) % p
        return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % p, ((y + z) * (y + z) - gamma - delta) % p

    def add(self, a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
        """A + b."""
        if not a[2]:
            return b
        if not b[2]:
            return a
        p = self.p
        za, zb = a[2] * a[2] % p, b[2] * b[2] % p
        u, v = a[0] * zb % p, b[0] * za % p
        s, t = a[1] * zb * b[2] % p, b[1] * za * a[2] % p
        if u == v:
            return self.double(a) if s == t else (1, 1, 0)
        h, r = (v - u) % p, (t - s) % p
        hh, hhh = h * h % p, h * h * h % p
        x = (r * r - hhh - 2 * u * hh) % p
        return x, (r * (u * hh - x) - s * hhh) % p, h * a[2] * b[2] % p

    def both(self, k: int, q: tuple[int, int, int], m: int) -> int | None:
        """The x of k·G + m·q, or None at infinity."""
        table = ((1, 1, 0), self.g, q, self.add(self.g, q))
        total = table[0]
        for bit in range(max(k.bit_length(), m.bit_length()) - 1, -1, -1):
            total = self.add(self.double(total), table[(k >> bit & 1) | (m >> bit & 1) << 1])
        if not total[2]:
            return None
        return total[0] * pow(pow(total[2], 2, self.p), -1, self.p) % self.p


CURVES = {
    "1.2.840.10045.3.1.7": Curve(
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        (
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        ),
    ),
    "1.3.132.0.34": Curve(
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        (
            0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
            0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        ),
    ),
}


def _ecdsa(key: PublicKey, digest: str, signature: bytes, message: bytes) -> bool:
    curve = CURVES.get(key.curve) if key.kind == EC else None
    if curve is None:
        raise Unknown("curve " + (key.curve or key.kind))
    size = curve.size
    if len(key.key) != 2 * size + 1 or key.key[0] != 4:
        raise Malformed("EC point")
    x, y = int.from_bytes(key.key[1 : size + 1], "big"), int.from_bytes(key.key[size + 1 :], "big")
    if not curve.has(x, y):
        raise Malformed("EC point")
    r, s = (int_of(part) for part in read_der(signature).sequence(2, 2))
    if not (0 < r < curve.n and 0 < s < curve.n):
        return False
    hashed = hashlib.new(digest, message).digest()
    value = int.from_bytes(hashed, "big") >> max(0, 8 * len(hashed) - curve.n.bit_length())
    inverse = pow(s, -1, curve.n)
    found = curve.both(value * inverse % curve.n, (x, y, 1), r * inverse % curve.n)
    return found is not None and found % curve.n == r


# --- Ed25519 --------------------------------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 §5.1.7, without the cofactor."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = _ed_point(public), _ed_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    base = _ed_point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert base is not None
    left, right = _ed_times(s, base), _ed_add(r, _ed_times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % _P == 0


def _ed_point(raw: bytes) -> tuple[int, int, int, int] | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _ed_add(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    p, q, r, s = f - e, h - g, h + g, f + e
    return p * q % _P, r * s % _P, q * r % _P, p * s % _P


def _ed_times(k: int, point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    total = (0, 1, 1, 0)
    for bit in range(k.bit_length() - 1, -1, -1):
        total = _ed_add(total, total)
        if k >> bit & 1:
            total = _ed_add(total, point)
    return total
