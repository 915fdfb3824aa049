#!/usr/bin/env python3
"""Verifica un paquete de evidencia CIOR-Bag-1 sin instalar nada: Python 3.8 o posterior, sin red, solo lectura.

    python3 verify.py CARPETA-O-ZIP --root raiz.pem

La raíz debe venir de AFUERA del paquete (docs/perito.md). Sale con 0 sin defectos, 1 con defectos, 2 si algo no se
pudo probar. Verifies a CIOR-Bag-1 evidence package: standard library only, no network, read-only.

AGPL-3.0-or-later. Generated from cior_evidence/verifier by its build.py: change the parts, not this file.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import sys
import unicodedata
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Iterator, NamedTuple, NoReturn


# === der: DER as X.690 writes it, and nothing laxer: definite minimal lengths, low tags, limits on depth and number.


MOST_DEPTH = 32
MOST_NODES = 200_000
MOST_DER_BYTES = 16 * 1024 * 1024

INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


class Malformed(Exception):
    """Bytes that are not what their place asks for."""


class Trailing(Malformed):
    """A whole value, and bytes behind it."""


class Node:
    """One value: its tag, where it lies in ``data``, its content. Children are read when asked for."""

    __slots__ = ("_children", "body_start", "data", "depth", "end", "start", "tag")

    def __init__(self, data: bytes, start: int, limit: int, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise Malformed("DER: too deep")
        if limit - start < 2:
            raise Malformed("DER: cut")
        tag = data[start]
        if tag & 0x1F == 0x1F:
            raise Malformed("DER: high tag")
        length, body_start = _length(data, start + 1, limit)
        if length > limit - body_start:
            raise Malformed("DER: cut")
        self.data, self.start, self.body_start, self.end = data, start, body_start, body_start + length
        self.tag, self.depth = tag, depth
        self._children: list[Node] | None = None

    @property
    def raw(self) -> bytes:
        """Tag, length and content."""
        return self.data[self.start : self.end]

    @property
    def body(self) -> bytes:
        """The content."""
        return self.data[self.body_start : self.end]

    @property
    def children(self) -> list[Node]:
        """The values inside; of a value that has none by its tag, ``Malformed``."""
        if self._children is None:
            if not self.tag & 0x20:
                raise Malformed("DER: a primitive value has no parts")
            self._children = self._read_children()
        return self._children

    @property
    def child(self) -> Node:
        """The first value inside."""
        if not self.children:
            raise Malformed("DER: empty")
        return self.children[0]

    def _read_children(self) -> list[Node]:
        found: list[Node] = []
        at = self.body_start
        while at < self.end:
            if len(found) >= MOST_NODES:
                raise Malformed("DER: too many values")
            child = Node(self.data, at, self.end, self.depth + 1)
            found.append(child)
            at = child.end
        return found

    def want(self, tag: int) -> Node:
        """This value, when it carries ``tag``."""
        if self.tag != tag:
            raise Malformed(f"DER: tag {self.tag:#x} where {tag:#x} belongs")
        return self

    def sequence(self, least: int = 0, most: int = MOST_NODES) -> list[Node]:
        """The parts of a SEQUENCE that has between ``least`` and ``most``."""
        parts = self.want(SEQUENCE).children
        if not least <= len(parts) <= most:
            raise Malformed(f"DER: a SEQUENCE of {len(parts)}")
        return parts


def _length(data: bytes, at: int, limit: int) -> tuple[int, int]:
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > limit:
        raise Malformed("DER: length")
    value = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if value < 0x80 or value >> (8 * (count - 1)) == 0:
        raise Malformed("DER: length not minimal")
    return value, at + 1 + count


def read_der(data: bytes) -> Node:
    """The one value that ``data`` is. ``Trailing`` when bytes follow it."""
    if len(data) > MOST_DER_BYTES:
        raise Malformed("DER: too large")
    node = Node(data, 0, len(data), 0)
    if node.end != len(data):
        raise Trailing(f"DER: {len(data) - node.end} bytes behind the value")
    return node


def oid_of(node: Node) -> str:
    """Dotted form."""
    body = node.want(OID).body
    if not body or body[-1] & 0x80 or len(body) > 64:
        raise Malformed("DER: object identifier")
    arcs: list[int] = []
    value = 0
    for byte in body:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in [first, arcs[0] - 40 * first] + arcs[1:])


def int_of(node: Node) -> int:
    """A signed INTEGER of at most 16,384 bits."""
    body = node.want(INTEGER).body
    if not body or len(body) > 2_048:
        raise Malformed("DER: integer")
    return int.from_bytes(body, "big", signed=True)


def bits_of(node: Node) -> bytes:
    """The whole bytes of a BIT STRING without unused bits."""
    body = node.want(BIT_STRING).body
    if not body or body[0] != 0:
        raise Malformed("DER: bit string")
    return body[1:]


def flags_of(node: Node) -> set[int]:
    """Numbers of the bits that are set, the first being 0 (X.509 KeyUsage)."""
    body = node.want(BIT_STRING).body
    if not body or body[0] > 7 or len(body) > 9:
        raise Malformed("DER: flags")
    return {8 * at + bit for at, byte in enumerate(body[1:]) for bit in range(8) if byte & (0x80 >> bit)}


def time_of(node: Node) -> datetime:
    """UTCTime or GeneralizedTime in UTC (RFC 5280 §4.1.2.5; fractions as RFC 3161 §2.4.2 has them)."""
    try:
        text = node.body.decode("ascii")
        if node.tag == UTC_TIME:
            year = int(text[:2])
            text = ("20" if year < 50 else "19") + text
        elif node.tag != GENERALIZED_TIME:
            raise Malformed("DER: not a time")
        return _generalized(text)
    except (ValueError, OverflowError):
        raise Malformed("DER: time") from None


def _generalized(text: str) -> datetime:
    whole, dot, fraction = text[:-1].partition(".")
    if text[-1:] != "Z" or len(whole) != 14 or not whole.isdigit() or (dot and not fraction.isdigit()):
        raise ValueError(text)
    second = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    return second + timedelta(microseconds=int((fraction + "000000")[:6]))


def tagged(parts: list[Node], number: int) -> Node | None:
    """The part with context tag ``number``, if it is there."""
    return next((part for part in parts if part.tag & 0xDF == 0x80 | number), None)


# === signing_algorithms: Signatures by arithmetic alone: RSA (PKCS #1 v1.5 and PSS, RFC 8017), ECDSA (FIPS 186-5) and Ed25519 (RFC 8032).


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


# === certificates: X.509 certificates, their chains and revocation lists (RFC 5280), as far as a seal and a time-stamp need them.


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


# === cms: CMS SignedData with one signer (RFC 5652) and the attributes that CAdES asks for (ETSI EN 319 122-1).


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


# === time_stamps: RFC 3161 time-stamps: of which bytes, of when, by whom.


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


# === sentences_later: What a verifier says of copies, cameras' signatures, sealed boxes, renewals and a day's root; the form is that of ``sentences.py``.


COPY_SENTENCES = {
    "copy.derived": (
        7,
        "note",
        "Es una copia hecha a partir de otro paquete, recodificada: el original es aquel.",
        "This is a copy made out of another package, encoded again: the original is that one.",
    ),
    "copy.nolink": (
        7,
        "error",
        "La copia no nombra, o nombra de dos maneras, el paquete o el archivo del que salió.",
        "The copy does not name what it was made of, or names it in two ways.",
    ),
    "copy.frames": (
        8,
        "error",
        "La copia tiene otra cantidad de cuadros que su original, y no lo dice.",
        "The copy has another number of pictures than its original, and does not say so.",
    ),
    "copy.unveiled": (
        8,
        "error",
        "La tabla de velos no responde por cada cuadro.",
        "The table of veils does not answer for every picture.",
    ),
}

CAMERA_SENTENCES = {
    "camera.scheme": (
        8,
        "error",
        "Las firmas de la cámara que dice la lista no son las que el video lleva.",
        "The camera's signatures that the list tells of are not those in the video.",
    ),
    "camera.untold": (
        8,
        "note",
        "El video lleva firmas de la cámara y el paquete no dice nada de ellas: júzguelas con su validador.",
        "The video carries its camera's signatures and the package says nothing of them: judge them yourself.",
    ),
    "camera.notauthentic": (
        8,
        "note",
        "Un validador externo dijo que el video no es lo que la cámara firmó: repítalo con el suyo.",
        "An outside validator said that the video is not what the camera signed: repeat that with yours.",
    ),
    "camera.unproven": (
        8,
        "note",
        "La cámara firma, y al armar el paquete nadie respondió por todo lo firmado: júzguelo con su validador.",
        "The camera signs, and nobody vouched for all of it when the package was built: judge it yourself.",
    ),
}

BOX_SENTENCES = {
    "box.digest": (
        7,
        "error",
        "Un sobre no es el que se recibió, falta, o figura dos veces.",
        "A sealed box is not the one that was received, is missing, or is listed twice.",
    ),
    "box.unlisted": (
        7,
        "error",
        "Hay un sobre que ningún renglón nombra.",
        "There is a sealed box that no row names.",
    ),
    "box.key": (
        7,
        "error",
        "El sobre no se abre con la clave que figura para él.",
        "The sealed box does not open with the key that stands for it.",
    ),
    "box.content": (
        7,
        "error",
        "Lo entregado no es lo que estaba en el sobre.",
        "What is delivered is not what was in the sealed box.",
    ),
    "box.opening": (
        7,
        "error",
        "De un sobre abierto no se dice quién lo abrió, cuándo, por qué o quién lo devolvió.",
        "Of an opened box it is not said who opened it, when, why, or who handed it back.",
    ),
    "box.closed": (
        9,
        "note",
        "Un registro va en su sobre cerrado: nadie lo abrió para este pedido.",
        "A record is in its closed box: nobody opened it for this request.",
    ),
    "raw.hidden": (
        9,
        "error",
        "Un suceso se leyó de un registro que no está, ni figura entre lo que falta.",
        "An event was read from a record that is not there, and is not named among what is missing.",
    ),
    "raw.other": (
        9,
        "error",
        "Un suceso se leyó de otros bytes que los que el paquete da como su registro.",
        "An event was read from other bytes than those that the package gives as its record.",
    ),
}

PART_SENTENCES = {
    "part.missing": (
        1,
        "error",
        "Falta una parte del paquete: pídala, o descomprímala junto con las demás.",
        "A part of the package is missing: ask for it, or unpack it together with the others.",
    ),
    "part.foreign": (
        1,
        "error",
        "Este ZIP es de otro paquete.",
        "This ZIP is of another package.",
    ),
    "part.twice": (
        1,
        "error",
        "Dos ZIP traen el mismo archivo: una parte está dos veces, o en lugar de otra.",
        "Two ZIPs bring one file: a part is there twice, or in the place of another.",
    ),
    "part.mixed": (
        1,
        "error",
        "Este ZIP no es ninguna de las partes que el paquete enumera: trae archivos de más o de menos.",
        "This ZIP is none of the parts that the package lists: it brings files too many or too few.",
    ),
    "part.list": (
        1,
        "error",
        "La lista de partes falta, o no reparte cada archivo del paquete una sola vez.",
        "The list of parts is missing, or does not hand out each file of the package once.",
    ),
}

RENEWAL_SENTENCES = {
    "renewal.missing": (
        12,
        "error",
        "A una renovación le falta su lista o su sello de tiempo.",
        "A renewal lacks its list or its time-stamp.",
    ),
    "renewal.malformed": (
        12,
        "error",
        "Una renovación no se puede leer.",
        "A renewal cannot be read.",
    ),
    "renewal.dropped": (
        12,
        "error",
        "Una renovación selló este archivo, y el archivo no está.",
        "A renewal stamped this file, and the file is not there.",
    ),
    "renewal.digest": (
        12,
        "error",
        "Este archivo cambió después de una renovación.",
        "This file was changed after a renewal.",
    ),
    "renewal.uncovered": (
        12,
        "error",
        "Una renovación no nombra este archivo, que debía sellar.",
        "A renewal does not name this file, which it had to stamp.",
    ),
    "renewal.order": (
        12,
        "error",
        "Las renovaciones no están en el orden en que se hicieron.",
        "The renewals do not stand in the order in which they were made.",
    ),
    "renewal.late": (
        12,
        "error",
        "La renovación llegó tarde: el certificado del sello de tiempo anterior ya había vencido.",
        "The renewal came too late: the certificate of the time-stamp before it had ended.",
    ),
    "renewal.overdue": (
        12,
        "note",
        "El certificado del último sello de tiempo venció y nadie lo renovó: pida la renovación a quien lo armó.",
        "The last time-stamp's certificate ended and nobody renewed it: ask the builder for its renewal.",
    ),
}

DAILY_SENTENCES = {
    "inclusion.malformed": (
        10,
        "error",
        "La prueba de inclusión no se puede leer.",
        "The proof of inclusion cannot be read.",
    ),
    "inclusion.page": (
        10,
        "error",
        "La raíz publicada no son tres líneas: nombre con el día, cantidad y raíz.",
        "The published root is not three lines: name with its day, number and root.",
    ),
    "inclusion.day": (
        10,
        "error",
        "La raíz publicada es de otro día.",
        "The published root is of another day.",
    ),
    "inclusion.root": (
        10,
        "error",
        "Ese registro no está bajo la raíz publicada.",
        "That record is not under the published root.",
    ),
    "inclusion.signature": (
        10,
        "error",
        "La raíz publicada no está firmada con esa clave.",
        "The published root is not signed with that key.",
    ),
    "inclusion.unsigned": (
        10,
        "note",
        "No se comprobó firma de la raíz: vale lo que valga el medio en que se publicó.",
        "No signature of the root was checked: it is worth what the medium is worth that published it.",
    ),
}


# === sentences: Every code that a verifier may say: its step, its weight, and a sentence in Spanish and in English.


STEPS = {
    1: ("Qué hay en la carpeta o el ZIP", "What lies in the folder or the ZIP"),
    2: ("Declaración y manifiestos", "Declaration and manifests"),
    3: ("Cada archivo contra su digesto", "Each file against its digest"),
    4: ("Firma del sello", "The seal's signature"),
    5: ("Certificado del sello", "The seal's certificate"),
    6: ("Sellos de tiempo", "Time-stamps"),
    7: ("Datos del pedido", "The request's data"),
    8: ("Video nativo", "Native video"),
    9: ("Huecos, relojes y fechas", "Gaps, clocks and dates"),
    10: ("Cadena de custodia y registro público", "Custody and the public ledger"),
    11: ("Acta en PDF", "The act in PDF"),
    12: ("Renovaciones del sello de tiempo", "Renewals of the time-stamp"),
}

SENTENCES = {
    # --- 1 ---
    "pkg.empty": (1, "error", "Acá no hay ningún paquete.", "There is no package here."),
    "pkg.extra": (
        1,
        "error",
        "Hay un archivo que no es del paquete.",
        "A file that is not the package's lies in it.",
    ),
    "pkg.missing": (
        1,
        "error",
        "Falta un archivo que acompaña al paquete.",
        "A file that travels along is missing.",
    ),
    "dir.empty": (1, "error", "Hay una carpeta vacía.", "There is an empty folder."),
    "path.symlink": (1, "error", "Es un enlace: lleva a otro lado.", "It is a link: it leads elsewhere."),
    "path.special": (1, "error", "No es un archivo común.", "It is not a plain file."),
    "path.hardlink": (
        1,
        "note",
        "El archivo tiene otro nombre en este disco (enlace duro).",
        "The file has another name on this disk (hard link).",
    ),
    "path.stream": (1, "error", "Lleva un flujo de datos oculto.", "It carries a hidden stream of data."),
    "path.deep": (1, "error", "Hay demasiadas carpetas anidadas.", "Folders are nested too deep."),
    "path.many": (1, "error", "Hay demasiados archivos.", "There are too many files."),
    "file.unreadable": (1, "error", "No se puede leer.", "It cannot be read."),
    "verifier.replaced": (
        1,
        "error",
        "Lo que viaja al lado de la bolsa no es lo que se selló: no lo use, consiga otra copia.",
        "What travels beside the bag is not what was sealed: do not use it, get another copy.",
    ),
    "zip.malformed": (1, "error", "El ZIP está roto.", "The ZIP is broken."),
    "zip.bomb": (
        1,
        "error",
        "El ZIP está comprimido o miente sobre tamaños.",
        "The ZIP is compressed or lies about sizes.",
    ),
    "zip.unsafe": (
        1,
        "error",
        "El ZIP tiene un nombre que sale de la carpeta o no corresponde.",
        "The ZIP has a name that leaves the folder or does not belong.",
    ),
    "zip.twice": (1, "error", "El ZIP tiene dos veces el mismo nombre.", "The ZIP has one name twice."),
    "zip.symlink": (1, "error", "El ZIP contiene un enlace.", "The ZIP holds a link."),
    "zip.prefix": (1, "error", "El ZIP tiene algo delante.", "Something stands before the ZIP."),
    "zip.comment": (
        1,
        "error",
        "El ZIP tiene un comentario o algo detrás.",
        "The ZIP has a comment or a tail.",
    ),
    "zip.hidden": (
        1,
        "error",
        "El ZIP tiene bytes entre sus archivos.",
        "The ZIP has bytes between its files.",
    ),
    # --- 2 ---
    "bag.declaration": (
        2,
        "error",
        "bagit.txt no es el de BagIt 1.0.",
        "bagit.txt is not that of BagIt 1.0.",
    ),
    "bag.fetch": (2, "error", "fetch.txt está prohibido.", "fetch.txt is forbidden."),
    "bag.missing": (
        2,
        "error",
        "Falta un archivo que la bolsa exige.",
        "A file that the bag needs is missing.",
    ),
    "bag.oxum": (
        2,
        "error",
        "Payload-Oxum no es la cuenta de bytes y archivos.",
        "Payload-Oxum is not the count of bytes and files.",
    ),
    "manifest.line": (
        2,
        "error",
        "Una línea del manifiesto no se entiende.",
        "A line of the manifest means nothing.",
    ),
    "manifest.format": (2, "error", "El manifiesto está cortado.", "The manifest is cut."),
    "manifest.encoding": (
        2,
        "error",
        "El manifiesto no es UTF-8 con LF y sin BOM.",
        "The manifest is not UTF-8 with LF and no BOM.",
    ),
    "manifest.order": (2, "error", "El manifiesto no está ordenado.", "The manifest is not in order."),
    "manifest.disagree": (
        2,
        "error",
        "Los dos manifiestos no dicen lo mismo.",
        "The two manifests do not say the same.",
    ),
    "path.unsafe": (
        2,
        "error",
        "Un nombre puede salir de la bolsa o significar otra cosa en otro sistema.",
        "A name may leave the bag or mean something else on another system.",
    ),
    "path.twice": (2, "error", "Un nombre está dos veces.", "A name stands twice."),
    # --- 3 ---
    "file.changed": (3, "error", "El contenido cambió.", "The content was changed."),
    "tag.changed": (
        3,
        "error",
        "Un archivo de datos de la bolsa cambió.",
        "A file about the bag was changed.",
    ),
    "file.missing": (3, "error", "Falta el archivo.", "The file is missing."),
    "file.extra": (3, "error", "El archivo no está en ningún manifiesto.", "The file is in no manifest."),
    # --- 4 ---
    "sig.missing": (4, "error", "Falta la firma del sello.", "The seal's signature is missing."),
    "sig.malformed": (
        4,
        "error",
        "La firma no es CMS bien formado.",
        "The signature is not well-formed CMS.",
    ),
    "sig.trailing": (4, "error", "Hay bytes detrás de la firma.", "Bytes stand behind the signature."),
    "sig.weak": (
        4,
        "error",
        "La firma usa un algoritmo que hoy se falsifica.",
        "The signature can be forged today.",
    ),
    "sig.content": (
        4,
        "error",
        "La firma es de otro tagmanifest-sha256.txt.",
        "The signature is of another tagmanifest-sha256.txt.",
    ),
    "sig.signer": (
        4,
        "error",
        "No está el certificado de quien firmó.",
        "The signer's certificate is not there.",
    ),
    "sig.value": (4, "error", "La firma no es de esa clave.", "The signature is not of that key."),
    "sig.cades": (
        4,
        "error",
        "La firma no nombra al certificado que la acompaña (CAdES).",
        "The signature does not name the certificate beside it (CAdES).",
    ),
    "sig.otherkey": (
        4,
        "error",
        "Firmó otro certificado que el que el paquete declara.",
        "Another certificate signed than the one that the package declares.",
    ),
    # --- 5 ---
    "cert.noroot": (
        5,
        "unproven",
        "Falta la raíz, que debe venir de afuera: use --root raiz.pem.",
        "The root is missing, which must come from outside: use --root raiz.pem.",
    ),
    "cert.nochain": (5, "error", "Falta la cadena de certificados.", "The chain of certificates is missing."),
    "cert.malformed": (5, "error", "Un certificado no se puede leer.", "A certificate cannot be read."),
    "cert.untrusted": (
        5,
        "error",
        "El certificado no llega a la raíz que usted trajo.",
        "The certificate does not lead to the root that you brought.",
    ),
    "cert.expired": (5, "error", "El certificado estaba vencido.", "The certificate was expired."),
    "cert.early": (5, "error", "El certificado todavía no valía.", "The certificate was not valid yet."),
    "cert.notauthority": (
        5,
        "error",
        "Quien lo emitió no es una autoridad.",
        "Its issuer is not an authority.",
    ),
    "cert.critical": (
        5,
        "error",
        "Tiene una condición que este programa no conoce.",
        "It has a condition that this program does not know.",
    ),
    "cert.usage": (
        5,
        "error",
        "El certificado no es para firmar documentos.",
        "It is not for signing documents.",
    ),
    "cert.weak": (
        5,
        "error",
        "Un certificado usa un algoritmo que hoy se falsifica.",
        "A certificate can be forged.",
    ),
    "cert.revoked": (5, "error", "El certificado estaba revocado.", "The certificate was revoked."),
    "cert.revokedlater": (
        5,
        "note",
        "Fue revocado después de la fecha del sello de tiempo.",
        "It was revoked after the time-stamp's date.",
    ),
    "crl.missing": (
        5,
        "note",
        "No hay lista de revocación de quien lo emitió: no se sabe si fue revocado.",
        "There is no revocation list of its issuer: whether it was revoked is not known.",
    ),
    "crl.stale": (
        5,
        "note",
        "La lista de revocación había vencido en esa fecha.",
        "The revocation list had run out at that date.",
    ),
    "crl.malformed": (
        5,
        "error",
        "Una lista de revocación no se puede leer.",
        "A revocation list cannot be read.",
    ),
    # --- 6 ---
    "time.missing": (6, "error", "Falta el sello de tiempo.", "The time-stamp is missing."),
    "time.inner": (
        6,
        "error",
        "Falta el sello de tiempo dentro de la firma.",
        "The time-stamp inside the signature is missing.",
    ),
    "time.malformed": (6, "error", "El sello de tiempo no se puede leer.", "The time-stamp cannot be read."),
    "time.trailing": (
        6,
        "error",
        "Hay bytes detrás del sello de tiempo.",
        "Bytes stand behind the time-stamp.",
    ),
    "time.weak": (6, "error", "El sello de tiempo se falsifica hoy.", "The time-stamp can be forged today."),
    "time.imprint": (
        6,
        "error",
        "El sello de tiempo es de otra cosa.",
        "The time-stamp is of something else.",
    ),
    "time.signer": (
        6,
        "error",
        "No está el certificado de la autoridad de tiempo.",
        "The time authority's certificate is not there.",
    ),
    "time.value": (6, "error", "El sello de tiempo fue alterado.", "The time-stamp was altered."),
    "time.eku": (
        6,
        "error",
        "Quien lo emitió no es una autoridad de tiempo.",
        "Its issuer is no time authority.",
    ),
    "time.order": (6, "error", "Las fechas del sello van hacia atrás.", "The seal's dates run backwards."),
    "time.late": (
        6,
        "error",
        "El sello de tiempo llegó más de un día después.",
        "The time-stamp came a day late.",
    ),
    "time.beforeevent": (
        9,
        "error",
        "El paquete habla de algo posterior a su sello de tiempo.",
        "The package tells of something later than its time-stamp.",
    ),
    # --- 7 ---
    "meta.missing": (7, "error", "Falta un archivo de datos.", "A file of data is missing."),
    "meta.malformed": (7, "error", "No es JSON bien formado.", "It is not well-formed JSON."),
    "meta.duplicate": (7, "error", "Un nombre está dos veces en el mismo objeto.", "One key stands twice."),
    "meta.number": (7, "error", "Hay un número que no es un número.", "A number is no number."),
    "meta.field": (7, "error", "Falta un dato o no se entiende.", "A field is missing or means nothing."),
    "id.mixed": (
        7,
        "error",
        "Nombra otro paquete u otra causa.",
        "It names another package or another case.",
    ),
    "request.oneperson": (
        7,
        "error",
        "Aprobó la misma persona que recibió o exportó.",
        "The one who approved also received or exported.",
    ),
    "request.negative": (
        7,
        "error",
        "Una constancia negativa trae video, o no dice qué niega.",
        "A negative certificate holds video, or does not say what it denies.",
    ),
    "index.digest": (
        7,
        "error",
        "El índice no nombra ese archivo con su digesto.",
        "The index names another digest.",
    ),
    "index.unlisted": (7, "error", "Un archivo no está en su índice.", "A file is not in its index."),
    "verifier.unsealed": (
        7,
        "note",
        "El paquete no declara los digestos de los verificadores que viajan con él.",
        "The package does not declare the digests of the verifiers that travel with it.",
    ),
    "copy.asnative": (
        7,
        "error",
        "Una copia (recodificada, velada) se ofrece como original de la cámara.",
        "A copy (encoded again, veiled) is offered as the camera's original.",
    ),
    "digest.other": (
        7,
        "error",
        "No es el paquete del acta o del recibo que usted tiene.",
        "It is not the package of the act or receipt that you hold.",
    ),
    # --- 8 ---
    "segment.digest": (
        8,
        "error",
        "La lista de segmentos dice otro digesto.",
        "The list names another digest.",
    ),
    "segment.order": (
        8,
        "error",
        "La lista de segmentos está desordenada o repetida.",
        "The list of segments is out of order or repeats itself.",
    ),
    "segment.missing": (8, "error", "Un segmento de la lista no está.", "A listed segment is not there."),
    "segment.unlisted": (8, "error", "Un video nativo no está en la lista.", "A native video is not listed."),
    "segment.camera": (8, "error", "Hay video de una cámara no pedida.", "There is video of another camera."),
    "video.malformed": (8, "error", "El MP4 está roto.", "The MP4 is broken."),
    "video.editlist": (
        8,
        "error",
        "El MP4 esconde cuadros (lista de edición).",
        "The MP4 hides frames (edit list).",
    ),
    "video.track": (8, "error", "El MP4 tiene otra pista.", "The MP4 has another track."),
    "video.box": (
        8,
        "error",
        "El MP4 tiene un bloque de nadie.",
        "The MP4 has a box that belongs to nobody.",
    ),
    "video.hidden": (
        8,
        "error",
        "El MP4 tiene bytes que no son de ningún cuadro.",
        "The MP4 has bytes in no packet.",
    ),
    "video.packets": (
        8,
        "error",
        "Los cuadros no son los que la cámara entregó.",
        "The packets are not those that the camera gave.",
    ),
    # --- 9 ---
    "gap.hidden": (
        9,
        "error",
        "Falta un rato que nadie declara.",
        "A stretch is missing that nobody declares.",
    ),
    "clock.mismatch": (
        9,
        "error",
        "El reloj de la cámara figura distinto.",
        "The camera's clock is told differently.",
    ),
    # --- 10 ---
    "custody.end": (
        10,
        "error",
        "La cadena de custodia no llega al armado.",
        "The custody ends before the making.",
    ),
    "custody.link": (10, "error", "Falta un eslabón de la custodia.", "A link of the custody is missing."),
    "custody.hash": (10, "error", "Un eslabón de la custodia cambió.", "A link of the custody was changed."),
    "custody.order": (10, "error", "La custodia va hacia atrás en el tiempo.", "The custody runs backwards."),
    "ledger.missing": (10, "error", "Falta la prueba del registro.", "The ledger's proof is missing."),
    "ledger.malformed": (
        10,
        "error",
        "La prueba del registro no se entiende.",
        "The ledger's proof means nothing.",
    ),
    "ledger.inclusion": (
        10,
        "error",
        "La custodia no está en el registro que el checkpoint firma.",
        "The custody is not in the ledger that the checkpoint signs.",
    ),
    "ledger.signature": (
        10,
        "error",
        "El checkpoint no es de esa clave.",
        "The checkpoint is not of that key.",
    ),
    "ledger.nokey": (
        10,
        "note",
        "Sin la clave del registro (--ledger-key) no se sabe quién firmó el checkpoint.",
        "Without the ledger's key (--ledger-key) nobody knows who signed the checkpoint.",
    ),
    "ledger.kept": (
        10,
        "error",
        "El checkpoint guardado es de otro registro o no está firmado.",
        "The kept checkpoint is another ledger's, or is not signed.",
    ),
    "ledger.rollback": (
        10,
        "error",
        "El checkpoint es más viejo que el que usted guardó antes.",
        "The checkpoint is older than the one that you kept before.",
    ),
    "ledger.split": (
        10,
        "error",
        "El registro muestra dos historias distintas.",
        "The ledger shows two different histories.",
    ),
    "ledger.nolink": (
        10,
        "unproven",
        "El paquete no trae la prueba hasta el checkpoint que usted guardó.",
        "The package holds no proof up to the checkpoint that you kept.",
    ),
    # --- 11 ---
    "act.missing": (11, "error", "Falta el acta.", "The act is missing."),
    "act.malformed": (11, "error", "El acta no se puede leer.", "The act cannot be read."),
    "act.digest": (11, "error", "El acta es de otro paquete.", "The act is of another package."),
    "act.unsigned": (11, "error", "El acta no está firmada.", "The act is not signed."),
    "act.changed": (
        11,
        "error",
        "El acta cambió después de firmada.",
        "The act was changed after it was signed.",
    ),
    "act.coverage": (
        11,
        "error",
        "El acta tiene algo agregado que ninguna firma cubre.",
        "The act has something added that no signature covers.",
    ),
}

SENTENCES.update({**COPY_SENTENCES, **CAMERA_SENTENCES})
SENTENCES.update(BOX_SENTENCES)
SENTENCES.update(PART_SENTENCES)
SENTENCES.update(RENEWAL_SENTENCES)
SENTENCES.update(DAILY_SENTENCES)
# The same questions are asked of the time authority's certificate.
SENTENCES.update(
    {
        "time." + code: (6, row[1], "Autoridad de tiempo: " + row[2], "Time authority: " + row[3])
        for code, row in list(SENTENCES.items())
        if row[0] == 5 and code.startswith(("cert.", "crl."))
    }
)


# === findings: What a verifier says, and how it counts: one list of findings.


MOST_OF_A_CODE = 100
ERROR, UNPROVEN, NOTE = "error", "unproven", "note"


class Finding(NamedTuple):
    """One thing that is wrong, not proven, or worth knowing. ``path`` and ``detail`` are the same in each language."""

    code: str
    path: str
    detail: str

    @property
    def step(self) -> int:
        """The numbered step in which it shows (docs/perito.md)."""
        return SENTENCES[self.code][0]

    @property
    def weight(self) -> str:
        """``error``, ``unproven`` or ``note``."""
        return SENTENCES[self.code][1]

    def sentence(self, language: str) -> str:
        """What it means, in ``es`` or ``en``."""
        _, _, spanish, english = SENTENCES[self.code]
        return spanish if language == "es" else english


class Report:
    """The findings so far; each once, and no code more than ``MOST_OF_A_CODE`` times."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.more: dict[str, int] = {}
        self.facts: dict[str, str] = {}
        self._seen: set[Finding] = set()
        self._counted: dict[str, int] = {}

    def say(self, code: str, path: str = "", detail: str = "") -> None:
        """Add a finding."""
        finding = Finding(code, printable(path), printable(detail))
        if finding in self._seen:
            return
        count = self._counted[code] = self._counted.get(code, 0) + 1
        if count > MOST_OF_A_CODE:
            self.more[code] = count - MOST_OF_A_CODE
            return
        self._seen.add(finding)
        self.findings.append(finding)

    def codes(self, weight: str = ERROR) -> list[str]:
        """Codes of this weight, each once, sorted."""
        return sorted({each.code for each in self.findings if each.weight == weight})

    @property
    def exit_code(self) -> int:
        """0 proven, 1 something is wrong, 2 something could not be proven."""
        if self.codes(ERROR):
            return 1
        return 2 if self.codes(UNPROVEN) else 0


def printable(text: str) -> str:
    """``text`` cut to 300 characters, with what a terminal would obey written as its number."""
    cut = text[:300]
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)


# === folder: The package as a folder: what lies in it, read without following a link and without leaving it.


MOST_ENTRIES = 200_000
MOST_FOLDERS_DEEP = 16
SLICE = 1 << 20
TOP_FILES = ("LEEME.txt", "verificar.html", "verify.py")
SEAL_FILES = (
    "tagmanifest.p7s",
    "tagmanifest.p7s.tsr",
    "cadena.pem",
    "checkpoint.txt",
    "inclusion.json",
    "acta.pdf",
)
SEAL_MAY = ("acta-firmada.pdf",)
RENEWALS = "sello/renovaciones/"
SEAL_FOLDERS = re.compile(
    r"crl/[^/]+|renovaciones/[0-9]{4}(-[0-9]{2})?/(lista\.txt|lista\.txt\.tsr|cadena\.pem|[0-9]{4}\.crl)"
)


Read = Callable[[int, int], bytes]
"""Takes an offset and a number of bytes; fewer come back only at the end."""


class TooLarge(Exception):
    """A file that is larger than what its place may hold."""


class Files:
    """A package's files by their path from its top, with ``/``; sizes in bytes. Where they lie is a subclass's."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._digests: dict[str, tuple[str, str]] = {}

    def place(self, path: str) -> tuple[int, int]:
        """An open descriptor, which is the caller's to close, and where in it the file begins."""
        raise NotImplementedError

    def slices(self, path: str) -> Iterator[bytes]:
        """The file, a slice at a time, exactly as long as it was found."""
        descriptor, start = self.place(path)
        try:
            read, size, at = reader_of(descriptor, start), self.sizes[path], 0
            while at < size:
                part = read(at, min(SLICE, size - at))
                if not part:
                    raise OSError("shorter than it was")
                yield part
                at += len(part)
        finally:
            os.close(descriptor)

    def read(self, path: str, most: int) -> bytes:
        """A whole small file. ``TooLarge`` above ``most`` bytes."""
        if path not in self.sizes:
            raise FileNotFoundError(path)
        if self.sizes[path] > most:
            raise TooLarge(path)
        return b"".join(self.slices(path))

    def digests(self, path: str) -> tuple[str, str]:
        """Hex SHA-256 and SHA-512, computed once."""
        if path not in self._digests:
            short, long = hashlib.sha256(), hashlib.sha512()
            for part in self.slices(path):
                short.update(part)
                long.update(part)
            self._digests[path] = short.hexdigest(), long.hexdigest()
        return self._digests[path]


def reader_of(descriptor: int, start: int) -> Read:
    """Reads of an open file, counted from ``start``."""

    def read(offset: int, size: int) -> bytes:
        os.lseek(descriptor, start + offset, os.SEEK_SET)
        parts, missing = [], size
        while missing > 0:
            part = os.read(descriptor, min(missing, SLICE))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    return read


class Folder(Files):
    """A package unpacked: walked once, following no link."""

    def __init__(self, top: str, report: Report) -> None:
        super().__init__()
        self.top, self._report = top, report
        self._entries = 0
        self._walk("", 0)

    def _walk(self, below: str, depth: int) -> None:
        if depth > MOST_FOLDERS_DEEP:
            self._report.say("path.deep", below)
            return
        try:
            entries = sorted(os.scandir(self._real(below)), key=lambda entry: os.fsencode(entry.name))
        except OSError as why:
            self._report.say("file.unreadable", below, type(why).__name__)
            return
        if not entries and below:
            self._report.say("dir.empty", below)
        for entry in entries:
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                self._report.say("path.many", below, str(MOST_ENTRIES))
                return
            self._take(entry, below + entry.name, depth)

    def _take(self, entry: os.DirEntry[str], path: str, depth: int) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError as why:
            self._report.say("file.unreadable", path, type(why).__name__)
            return
        # On Windows a junction is a reparse point and no symbolic link.
        if stat.S_ISLNK(found.st_mode) or getattr(found, "st_file_attributes", 0) & 0x400:
            self._report.say("path.symlink", path)
        elif stat.S_ISDIR(found.st_mode):
            self._walk(path + "/", depth + 1)
        elif stat.S_ISREG(found.st_mode):
            self._take_file(path, found)
        else:
            self._report.say("path.special", path)

    def _take_file(self, path: str, found: os.stat_result) -> None:
        if found.st_nlink > 1:
            self._report.say("path.hardlink", path, str(found.st_nlink))
        if self._has_stream(path):
            self._report.say("path.stream", path)
        self.sizes[path] = found.st_size

    def _has_stream(self, path: str) -> bool:
        """Whether extended attributes of a user hang on it: NTFS streams, as Linux shows them."""
        if not hasattr(os, "listxattr"):
            return False
        try:
            return any(
                name.startswith("user.") for name in os.listxattr(self._real(path), follow_symlinks=False)
            )
        except OSError:
            return False

    def _real(self, path: str) -> str:
        return os.path.join(self.top, *path.split("/")) if path else self.top

    def place(self, path: str) -> tuple[int, int]:
        """Never of a link, never waiting for a pipe."""
        flags = (
            os.O_RDONLY
            | getattr(os, "O_NOFOLLOW", 0)
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_BINARY", 0)
        )
        return os.open(self._real(path), flags), 0


def check_places(folder: Files, report: Report) -> None:
    """What may lie beside the bag, and in ``sello/``."""
    for path in folder.sizes:
        if path.startswith("bag/") or path in TOP_FILES:
            continue
        inside = path[len("sello/") :] if path.startswith("sello/") else ""
        if inside not in SEAL_FILES + SEAL_MAY and SEAL_FOLDERS.fullmatch(inside) is None:
            report.say("pkg.extra", path)


# === bag: The strict bag profile ``CIOR-Bag-1``: BagIt 1.0 (RFC 8493) with every liberty taken away.


MOST_MANIFEST_BYTES = 128 * 1024 * 1024
LONGEST_PATH = 180
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD = (("manifest-sha256.txt", 64, 0), ("manifest-sha512.txt", 128, 1))
TAGS = "tagmanifest-sha256.txt"
TAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$")
SOUND_PART = re.compile(r"[a-z0-9_-][a-z0-9._-]*$")
_LINE = re.compile(r"([0-9a-f]+)  (.+)$")


def is_sound_path(path: str) -> bool:
    """Lower-case ASCII, no part that leaves, hides, ends in a dot or means a device; 180 characters at most."""
    if len(path) > LONGEST_PATH:
        return False
    return all(
        SOUND_PART.match(part) is not None and part[-1] != "." and RESERVED.match(part) is None
        for part in path.split("/")
    )


def read_manifest(folder: Files, name: str, size: int, report: Report) -> dict[str, str] | None:
    """Path to digest of the sound lines; None when the manifest is not there or not to be read."""
    where = "bag/" + name
    if where not in folder.sizes:
        report.say("bag.missing", where)
        return None
    try:
        content = folder.read(where, MOST_MANIFEST_BYTES)
    except (OSError, TooLarge):
        report.say("file.unreadable", where)
        return None
    return _entries(content, where, size, report)


def _entries(content: bytes, where: str, size: int, report: Report) -> dict[str, str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        report.say("manifest.encoding", where)
        text = content.decode("latin-1")
    if text.startswith("\ufeff") or "\r" in text:
        report.say("manifest.encoding", where)
        text = text.lstrip("\ufeff").replace("\r\n", "\n")
    if not text:
        report.say("manifest.line", where, "0")
    elif not text.endswith("\n"):
        report.say("manifest.format", where)
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    return _sound_lines(lines if text else [], where, size, report)


def _sound_lines(lines: list[str], where: str, size: int, report: Report) -> dict[str, str]:
    found: dict[str, str] = {}
    folded: set[str] = set()
    last = ""
    for number, line in enumerate(lines, start=1):
        match = _LINE.match(line)
        if match is None or len(match.group(1)) != size:
            report.say("manifest.line", where, str(number))
            continue
        digest, path = match.groups()
        same = unicodedata.normalize("NFC", path).casefold()
        if same in folded:
            report.say("path.twice", path, f"{where}:{number}")
        elif path <= last:
            report.say("manifest.order", where, str(number))
        folded.add(same)
        last = max(last, path)
        if not is_sound_path(path):
            report.say("path.unsafe", path, f"{where}:{number}")
            continue
        found.setdefault(path, digest)
    return found


def check_bag(folder: Files, report: Report) -> dict[str, str]:
    """Check the bag whole; gives the payload's ``path → SHA-256`` as ``manifest-sha256.txt`` has it."""
    _check_declaration(folder, report)
    manifests = [read_manifest(folder, name, size, report) for name, size, _ in PAYLOAD]
    tags = read_manifest(folder, TAGS, 64, report)
    payload = manifests[0] or {}
    if manifests[0] is not None and manifests[1] is not None:
        for path in sorted(manifests[0].keys() ^ manifests[1].keys()):
            report.say("manifest.disagree", path)
    _check_listing(folder, manifests, tags, report)
    for path, digest in (tags or {}).items():
        _check_digest(folder, path, digest, place=0, report=report)
    _check_payload(folder, manifests, report)
    return payload


def _check_declaration(folder: Files, report: Report) -> None:
    for name in ("bagit.txt", "bag-info.txt"):
        if "bag/" + name not in folder.sizes:
            report.say("bag.missing", "bag/" + name)
    if "bag/fetch.txt" in folder.sizes:
        report.say("bag.fetch", "bag/fetch.txt")
    try:
        if "bag/bagit.txt" in folder.sizes and folder.read("bag/bagit.txt", 1_024) != DECLARATION:
            report.say("bag.declaration", "bag/bagit.txt")
    except (OSError, TooLarge):
        report.say("bag.declaration", "bag/bagit.txt")


def _check_listing(
    folder: Files, manifests: list[dict[str, str] | None], tags: dict[str, str] | None, report: Report
) -> None:
    """Nothing unlisted, nothing listed that is not there, each list naming its own half only."""
    payload = [each for each in manifests if each is not None]
    listed = set().union(*payload) if payload else None
    present = {path[len("bag/") :] for path in folder.sizes if path.startswith("bag/")}
    for path in sorted(present - {TAGS, "fetch.txt"}):
        names = listed if path.startswith("data/") else tags
        if names is not None and path not in names:
            report.say("file.extra", "bag/" + path)
    for path in sorted((listed or set()) | set(tags or {})):
        if path not in present:
            report.say("file.missing", "bag/" + path)
    for path in sorted(listed or set()):
        if not path.startswith("data/"):
            report.say("path.unsafe", path, "manifest")
    for path in sorted(tags or {}):
        if path.startswith("data/") or path == TAGS:
            report.say("path.unsafe", path, TAGS)
    for name in TAG_FILES:
        if tags is not None and name not in tags and name in present:
            report.say("file.extra", "bag/" + name)


def _check_payload(folder: Files, manifests: list[dict[str, str] | None], report: Report) -> None:
    short, long = manifests
    for path, digest in (short or {}).items():
        is_sound = _check_digest(folder, path, digest, place=0, report=report)
        other = (long or {}).get(path)
        if (
            is_sound
            and other is not None
            and "bag/" + path in folder.sizes
            and _digest_at(folder, path, 1) != other
        ):
            report.say("manifest.disagree", "bag/" + path)
    if short is None:
        for path, digest in (long or {}).items():
            _check_digest(folder, path, digest, place=1, report=report)
    files = [size for path, size in folder.sizes.items() if path.startswith("bag/data/")]
    said = info(folder).get("Payload-Oxum")
    found = f"{sum(files)}.{len(files)}"
    if said != [found]:
        report.say("bag.oxum", "bag/bag-info.txt", "{} / {}".format(" ".join(said or []), found))


def _digest_at(folder: Files, path: str, place: int) -> str:
    try:
        return folder.digests("bag/" + path)[place]
    except OSError:
        return ""


def _check_digest(folder: Files, path: str, digest: str, *, place: int, report: Report) -> bool:
    """True when the file is there and is what the digest says."""
    if "bag/" + path not in folder.sizes:
        return False
    found = _digest_at(folder, path, place)
    if found == "":
        report.say("file.unreadable", "bag/" + path)
    elif found != digest:
        code = "file.changed" if path.startswith("data/") else "tag.changed"
        report.say(code, "bag/" + path, f"{digest[:16]} / {found[:16]}")
    return found == digest


def info(folder: Files) -> dict[str, list[str]]:
    """``bag-info.txt``: label to its values."""
    try:
        text = folder.read("bag/bag-info.txt", 1 << 20).decode("utf-8", "replace")
    except (OSError, TooLarge):
        return {}
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        label, colon, value = line.partition(": ")
        if colon:
            found.setdefault(label, []).append(value)
    return found


# === stored_zip: A package in a ZIP: checked before anything is read, and read where it lies. Nothing is unpacked.


_END, _END64, _LOCATOR, _CENTRAL, _LOCAL = (
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"PK\x01\x02",
    b"PK\x03\x04",
)
MOST_DIRECTORY_BYTES = 128 * 1024 * 1024
_UTF8_NAME = 0x800
NEWEST_ZIP = 45
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


class BadZip(Exception):
    """Why a ZIP is not one of ours: a code and a detail."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Member(NamedTuple):
    """One row of the central directory."""

    name: str
    flags: int
    method: int
    sizes: tuple[int, int]
    offset: int
    mode: int
    end: int


class StoredZip(Files):
    """The package in a ZIP; an unsound one has no files, and why is said. ``top``: the folder that all of it is in."""

    def __init__(self, path: str, report: Report) -> None:
        super().__init__()
        self._path = path
        self.top = ""
        self._starts: dict[str, int] = {}
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            self._take(reader_of(descriptor, 0), size)
        except BadZip as why:
            self.sizes.clear()
            report.say(why.code, os.path.basename(path), why.detail)
        finally:
            os.close(descriptor)

    def place(self, path: str) -> tuple[int, int]:
        """The ZIP itself, where this member's bytes begin."""
        return os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), self._starts[path]

    def _take(self, read: Read, size: int) -> None:
        start, length, count = _directory(read, size)
        directory = read(start, length)
        members = _members(directory, count)
        _check_member_names(members)
        self.top = members[0].name.partition("/")[0]
        expected = 0
        for member in sorted(members, key=lambda each: each.offset):
            if member.offset != expected:
                raise BadZip("zip.prefix" if not expected else "zip.hidden", member.name)
            begins = _local(read, member)
            expected = begins + member.sizes[1]
            if expected > start:
                raise BadZip("zip.malformed", member.name)
            inside = member.name.partition("/")[2]
            self.sizes[inside], self._starts[inside] = member.sizes[1], begins
        if expected != start:
            raise BadZip("zip.hidden", str(expected))


def _directory(read: Read, size: int) -> tuple[int, int, int]:
    """(start, bytes, members) of the central directory, which must end where the end record begins."""
    tail = read(max(0, size - 22), 22)
    if len(tail) != 22 or tail[:4] != _END:
        head = read(max(0, size - 65_557), 65_557)
        raise BadZip("zip.comment" if _END in head else "zip.malformed")
    disk, disk_of, here, count, length, start, comment = struct.unpack("<4H2IH", tail[4:])
    end = size - 22
    if comment or disk or disk_of or here != count:
        raise BadZip("zip.comment" if comment else "zip.malformed")
    if count == 0xFFFF or 0xFFFFFFFF in (length, start):
        start, length, count, end = _directory64(read, end)
    if length > MOST_DIRECTORY_BYTES or count > MOST_ENTRIES:
        raise BadZip("zip.bomb", str(count))
    if start + length != end:
        raise BadZip("zip.prefix" if start + length < end else "zip.malformed", str(start))
    return start, length, count


def _directory64(read: Read, end: int) -> tuple[int, int, int, int]:
    locator = read(max(0, end - 20), 20)
    if len(locator) != 20 or locator[:4] != _LOCATOR:
        raise BadZip("zip.malformed", "ZIP64")
    at = struct.unpack("<IQI", locator[4:])[1]
    record = read(at, 56) if at < end else b""
    if len(record) != 56 or record[:4] != _END64 or at + 56 + 20 != end:
        raise BadZip("zip.malformed", "ZIP64")
    count, length, start = struct.unpack("<3Q", record[32:56])
    return start, length, count, at


def _members(directory: bytes, count: int) -> list[Member]:
    found, at = [], 0
    while at < len(directory):
        member = _member(directory, at)
        found.append(member)
        at = member.end
        if len(found) > count:
            break
    if len(found) != count:
        raise BadZip("zip.malformed", str(count))
    return found


def _member(directory: bytes, at: int) -> Member:
    row = directory[at : at + 46]
    if len(row) != 46 or row[:4] != _CENTRAL:
        raise BadZip("zip.malformed", f"@{at}")
    _, needed, flags, method = struct.unpack("<4H", row[4:12])
    packed, whole, name_size, extra_size, comment_size = struct.unpack("<2I3H", row[20:34])
    outside, offset = struct.unpack("<2I", row[38:46])
    end = at + 46 + name_size + extra_size + comment_size
    raw = directory[at + 46 : at + 46 + name_size]
    if end > len(directory) or comment_size or needed > NEWEST_ZIP:
        raise BadZip("zip.comment" if comment_size else "zip.malformed", f"@{at}")
    extra = directory[at + 46 + name_size : at + 46 + name_size + extra_size]
    whole, packed, offset = _wide(extra, [whole, packed, offset])
    name = raw.decode("utf-8", "replace")
    return Member(name, flags, method, (packed, whole), offset, outside >> 16, end)


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """ZIP64's own numbers in place of those that are all ones."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack("<2H", extra[at : at + 4])
        if kind == 1:
            body = extra[at + 4 : at + 4 + size]
            for place, value in enumerate(values):
                if value == 0xFFFFFFFF and len(body) >= 8:
                    values[place], body = int.from_bytes(body[:8], "little"), body[8:]
        at += 4 + size
    return values


def _check_member_names(members: list[Member]) -> None:
    folders, seen = set(), set()
    for member in members:
        top, slash, inside = member.name.partition("/")
        if stat.S_ISLNK(member.mode):
            raise BadZip("zip.symlink", member.name)
        is_sound = inside in TOP_FILES or is_sound_path(inside)
        if not slash or _FOLDER_NAME.match(top) is None or not is_sound:
            raise BadZip("zip.unsafe", member.name)
        if member.name.casefold() in seen:
            raise BadZip("zip.twice", member.name)
        if member.method or member.sizes[0] != member.sizes[1]:
            raise BadZip("zip.bomb", "{}: {} / {}".format(member.name, *member.sizes))
        if member.flags & ~_UTF8_NAME:
            raise BadZip("zip.malformed", f"{member.name}: {member.flags:#x}")
        folders.add(top)
        seen.add(member.name.casefold())
    if len(folders) != 1:
        raise BadZip("zip.unsafe", f"{len(folders)} folders")


def _local(read: Read, member: Member) -> int:
    """Where the member's bytes begin; its own header must say what the directory says."""
    head = read(member.offset, 30)
    if len(head) != 30 or head[:4] != _LOCAL:
        raise BadZip("zip.malformed", member.name)
    _, flags, method, _, _, _, packed, whole, name_size, extra_size = struct.unpack("<5H3I2H", head[4:])
    rest = read(member.offset + 30, name_size + extra_size)
    whole, packed = _wide(rest[name_size:], [whole, packed])
    same = rest[:name_size].decode("utf-8", "replace") == member.name
    if not same or (flags, method) != (member.flags, member.method) or (packed, whole) != member.sizes:
        raise BadZip("zip.twice" if not same else "zip.bomb", member.name)
    return member.offset + 30 + len(rest)


# === strict_json: JSON with nothing that two readers read differently: no key twice, no NaN, no number without end, UTF-8 only.


MOST_JSON_BYTES = 64 * 1024 * 1024
MOST_LINES = 500_000
LONGEST_NUMBER = 24
MOST_JSON_DEPTH = 32
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$", re.ASCII)


class NotStrict(ValueError):
    """JSON that means nothing, or means two things; ``code`` says which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse(content: bytes) -> Any:
    """The value. ``NotStrict`` for whatever is not exactly one."""
    try:
        text = content.decode("utf-8")
        _limit_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_broken,
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError) as why:
        raise NotStrict("meta.malformed", type(why).__name__) from None


def _limit_depth(text: str) -> None:
    """Before a recursive reader sees it. Brackets inside strings count too: nothing of ours has 32."""
    depth = 0
    for mark in re.finditer(r"[\[{\]}]", text):
        depth += 1 if mark.group() in "[{" else -1
        if depth > MOST_JSON_DEPTH:
            raise NotStrict("meta.malformed", "depth")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise NotStrict("meta.duplicate", next(name for name in names if names.count(name) > 1))
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotStrict("meta.number", name)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise NotStrict("meta.number", text[:LONGEST_NUMBER])
    return int(text)


def _broken(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else float("inf")
    if value in (float("inf"), float("-inf")):
        raise NotStrict("meta.number", text[:LONGEST_NUMBER])
    return value


def canonical(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8 as it is: the bytes whose digest a chain holds."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def read_object(folder: Files, path: str, report: Report) -> dict[str, Any]:
    """The JSON object in this file; an empty one when there is none, which is said."""
    found = _read(folder, path, report)
    try:
        value = parse(found) if found is not None else {}
    except NotStrict as why:
        report.say(why.code, path, str(why))
        return {}
    if not isinstance(value, dict):
        report.say("meta.malformed", path, type(value).__name__)
        return {}
    return value


def read_lines(folder: Files, path: str, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of each line; a line that is none is said and left out."""
    found = _read(folder, path, report)
    if not found:
        return
    if not found.endswith(b"\n"):
        report.say("meta.malformed", path, "LF")
    lines = found.rstrip(b"\n").split(b"\n")
    if len(lines) > MOST_LINES:
        report.say("meta.malformed", path, f"> {MOST_LINES}")
        return
    for number, line in enumerate(lines, start=1):
        try:
            value = parse(line)
        except NotStrict as why:
            report.say(why.code, path, f"{number}: {why}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            report.say("meta.malformed", path, str(number))


def _read(folder: Files, path: str, report: Report) -> bytes | None:
    if path not in folder.sizes:
        report.say("meta.missing", path)
        return None
    try:
        return folder.read(path, MOST_JSON_BYTES)
    except (OSError, TooLarge):
        report.say("file.unreadable", path)
        return None


def instant(value: Any) -> datetime | None:
    """RFC 3339 with a zone, as UTC; None for anything else."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    try:
        read = datetime.strptime(whole + (zone if zone != "Z" else "+0000"), "%Y-%m-%dT%H:%M:%S%z")
        return read.astimezone(timezone.utc) + timedelta(microseconds=int(((fraction or "") + "000000")[:6]))
    except (ValueError, OverflowError):
        return None


# === mp4: Native segments: an ISO base media file (ISO/IEC 14496-12) read just far enough to find each packet's bytes.


MOST_BOXES = 400_000
MOST_SAMPLES = 2_000_000
MOST_BOX_BYTES = 64 * 1024 * 1024
MOST_BOX_DEPTH = 12
CONTAINERS = frozenset(
    (
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"dinf",
        b"edts",
        b"mvex",
        b"moof",
        b"traf",
        b"mfra",
        b"udta",
    )
)
TOP = frozenset((b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"mfra", b"free"))
KNOWN = CONTAINERS | TOP | frozenset(
    (b"mvhd", b"tkhd", b"elst", b"mdhd", b"hdlr", b"vmhd", b"smhd", b"nmhd", b"dref", b"stsd", b"stts", b"ctts")
    + (b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"sdtp", b"sgpd", b"sbgp", b"mehd", b"trex", b"mfhd")
    + (b"tfhd", b"tfdt", b"trun", b"tfra", b"mfro", b"meta", b"subs", b"saiz", b"saio", b"cslg", b"stdp", b"padb")
)  # fmt: skip
_BASE, _DEFAULT_SIZE = 0x1, 0x10
_RUN_OFFSET, _RUN_FIRST_FLAGS, _RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION = (
    1,
    4,
    0x100,
    0x200,
    0x400,
    0x800,
)


class Box(NamedTuple):
    """One box: where its content starts and ends, and the names around it."""

    kind: bytes
    start: int
    body: int
    end: int
    inside: tuple[bytes, ...]


class Clip(NamedTuple):
    """What a segment holds: its packets as (offset, size) in decoding order, what is wrong with it, and the content of
    ``stsd``, which says how they are coded.
    """

    samples: list[tuple[int, int]]
    faults: list[tuple[str, str]]
    described: bytes


def boxes_of(read: Read, size: int) -> list[Box]:
    """All boxes, outer ones first, in the order of the file."""
    found: list[Box] = []
    _scan(read, (0, size), (), found)
    return found


def _scan(read: Read, span: tuple[int, int], inside: tuple[bytes, ...], found: list[Box]) -> None:
    at, end = span
    if len(inside) > MOST_BOX_DEPTH:
        raise Malformed("MP4: too deep")
    while at < end:
        box = _box(read, at, end, inside)
        found.append(box)
        if len(found) > MOST_BOXES:
            raise Malformed("MP4: too many boxes")
        if box.kind in CONTAINERS:
            _scan(read, (box.body, box.end), inside + (box.kind,), found)
        at = box.end


def _box(read: Read, at: int, end: int, inside: tuple[bytes, ...]) -> Box:
    head = read(at, 16)
    if end - at < 8 or len(head) < 8:
        raise Malformed(f"MP4: cut at {at}")
    size, kind = struct.unpack(">I4s", head[:8])
    body = at + 8
    if size == 1:
        if len(head) < 16:
            raise Malformed(f"MP4: cut at {at}")
        size, body = struct.unpack(">Q", head[8:])[0], at + 16
    if size == 0 and not inside:
        size = end - at
    if at + size < body or at + size > end:
        raise Malformed(f"MP4: box {named(kind)} at {at}")
    return Box(kind, at, body, at + size, inside)


def named(kind: bytes) -> str:
    """A box's four letters."""
    return kind.decode("latin-1")


def read_clip(read: Read, size: int) -> Clip:
    """Take a segment apart. ``Malformed`` when it is no MP4."""
    boxes = boxes_of(read, size)
    faults = _faults(boxes, read)
    samples = _table_samples(boxes, read) + _fragment_samples(boxes, read)
    if len(samples) > MOST_SAMPLES:
        raise Malformed("MP4: too many packets")
    faults += _uncovered(boxes, samples, size)
    description = _only(boxes, b"stsd")
    return Clip(samples, faults, _content(read, description) if description is not None else b"")


def _faults(boxes: list[Box], read: Read) -> list[tuple[str, str]]:
    found = [
        ("video.editlist", str(box.start)) for box in boxes if box.kind == b"elst" and _full(read, box)[1]
    ]
    tracks = [box for box in boxes if box.kind == b"trak"]
    found += [("video.track", str(box.start)) for box in tracks[1:]]
    if not tracks:
        found.append(("video.malformed", "trak"))
    handlers = [_content(read, box)[8:12] for box in boxes if box.kind == b"hdlr" and b"trak" in box.inside]
    found += [("video.track", named(kind)) for kind in handlers if kind != b"vide"]
    for box in boxes:
        is_place = box.kind in TOP if not box.inside else box.kind in KNOWN
        if not is_place and b"udta" not in box.inside:
            found.append(("video.box", f"{named(box.kind)}@{box.start}"))
        if box.kind == b"free" and any(_content(read, box)):
            found.append(("video.box", f"free@{box.start}"))
        if box.kind == b"udta" and box.inside != (b"moov",):
            found.append(("video.box", f"udta@{box.start}"))
    return found


def _content(read: Read, box: Box) -> bytes:
    size = box.end - box.body
    if size > MOST_BOX_BYTES:
        raise Malformed(f"MP4: box {named(box.kind)} of {size} bytes")
    content = read(box.body, size)
    if len(content) != size:
        raise Malformed("MP4: cut")
    return content


def _full(read: Read, box: Box) -> tuple[bytes, int]:
    """A table's content and the number of its rows (a FullBox that begins with a count)."""
    content = _content(read, box)
    if len(content) < 8:
        raise Malformed(f"MP4: box {named(box.kind)}")
    return content, int.from_bytes(content[4:8], "big")


def _numbers(content: bytes, at: int, count: int, width: int = 4) -> list[int]:
    if count > MOST_SAMPLES or at + count * width > len(content):
        raise Malformed("MP4: table")
    return [int.from_bytes(content[at + n * width : at + (n + 1) * width], "big") for n in range(count)]


# --- packets of a whole file: stsz, stsc, stco ----------------------------------------------------------------


def _only(boxes: list[Box], kind: bytes) -> Box | None:
    return next((box for box in boxes if box.kind == kind and b"stbl" in box.inside), None)


def _table_samples(boxes: list[Box], read: Read) -> list[tuple[int, int]]:
    sizes_box, chunks_box = _only(boxes, b"stsz"), _only(boxes, b"stsc")
    offsets_box = _only(boxes, b"stco") or _only(boxes, b"co64")
    if sizes_box is None or chunks_box is None or offsets_box is None:
        return []
    content, same = _full(read, sizes_box)
    if len(content) < 12:
        raise Malformed("MP4: stsz")
    count = int.from_bytes(content[8:12], "big")
    if count > MOST_SAMPLES:
        raise Malformed("MP4: too many packets")
    sizes = [same] * count if same else _numbers(content, 12, count)
    content, count = _full(read, offsets_box)
    offsets = _numbers(content, 8, count, 4 if offsets_box.kind == b"stco" else 8)
    content, count = _full(read, chunks_box)
    flat = _numbers(content, 8, 3 * count)
    return _laid_out(sizes, offsets, [(flat[n], flat[n + 1]) for n in range(0, len(flat), 3)])


def _laid_out(sizes: list[int], offsets: list[int], runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each packet's place; ``runs`` are (first chunk, packets a chunk)."""
    found: list[tuple[int, int]] = []
    run, taken = -1, 0
    for number, offset in enumerate(offsets, start=1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        a_chunk = runs[run][1] if run >= 0 else 0
        at = offset
        for size in sizes[taken : taken + a_chunk]:
            found.append((at, size))
            at += size
        taken += a_chunk
    if taken != len(sizes):
        raise Malformed(f"MP4: {taken} packets in chunks, {len(sizes)} in all")
    return found


# --- packets of fragments: tfhd, trun -------------------------------------------------------------------------


def _fragment_samples(boxes: list[Box], read: Read) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    default = next(
        (int.from_bytes(_content(read, box)[16:20], "big") for box in boxes if box.kind == b"trex"), 0
    )
    moof, base, size_here, at = 0, 0, 0, 0
    for box in boxes:
        if box.kind == b"moof":
            moof = box.start
        elif box.kind == b"tfhd":
            base, size_here = _track_fragment(_content(read, box), moof, default)
            at = base
        elif box.kind == b"trun":
            at = _run(_content(read, box), (base, at), size_here, found)
    return found


def _track_fragment(content: bytes, moof: int, default: int) -> tuple[int, int]:
    """(base offset, default packet size) of a ``tfhd``."""
    if len(content) < 8:
        raise Malformed("MP4: tfhd")
    flags, at, base = int.from_bytes(content[1:4], "big"), 8, moof
    if flags & _BASE:
        base, at = int.from_bytes(content[at : at + 8], "big"), at + 8
    at += 4 * bool(flags & 0x2) + 4 * bool(flags & 0x8)
    if flags & _DEFAULT_SIZE:
        default = int.from_bytes(content[at : at + 4], "big")
    return base, default


def _run(content: bytes, bases: tuple[int, int], default: int, found: list[tuple[int, int]]) -> int:
    """Add a ``trun``'s packets; where the next one would begin."""
    base, at = bases
    if len(content) < 8:
        raise Malformed("MP4: trun")
    flags, count, place = int.from_bytes(content[1:4], "big"), int.from_bytes(content[4:8], "big"), 8
    if flags & _RUN_OFFSET:
        at, place = base + int.from_bytes(content[8:12], "big", signed=True), 12
    place += 4 * bool(flags & _RUN_FIRST_FLAGS)
    fields = [flag for flag in (_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION) if flags & flag]
    if len(found) + count > MOST_SAMPLES or place + 4 * len(fields) * count > len(content):
        raise Malformed("MP4: trun")
    shift = 4 * fields.index(_RUN_SIZE) if _RUN_SIZE in fields else None
    for _ in range(count):
        size = default if shift is None else int.from_bytes(content[place + shift : place + shift + 4], "big")
        found.append((at, size))
        at += size
        place += 4 * len(fields)
    return at


def _uncovered(boxes: list[Box], samples: list[tuple[int, int]], size: int) -> list[tuple[str, str]]:
    """Packets must lie inside ``mdat``, apart from each other, and fill it."""
    found: list[tuple[str, str]] = []
    data = [(box.body, box.end) for box in boxes if box.kind == b"mdat"]
    ordered = sorted(samples)
    for (start, length), (following, _) in zip(ordered, ordered[1:]):
        if start + length > following:
            found.append(("video.malformed", f"overlap@{following}"))
            break
    if any(start < 0 or start + length > size for start, length in ordered):
        found.append(("video.malformed", "packet beyond the end"))
    held, used = sum(end - start for start, end in data), sum(length for _, length in samples)
    if held != used and not found:
        found.append(("video.hidden", f"{used} / {held}"))
    return found


# === seal: The seal: a CAdES-T signature over ``tagmanifest-sha256.txt``, and a second time-stamp over the signature's file.


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


# === renewals: Renewals: each year a new time-stamp over everything that proves the one before (RFC 4998 §5, in plain files).


LIST, LIST_TOKEN, LIST_CHAIN = "lista.txt", "lista.txt.tsr", "cadena.pem"
NOT_YET = "sello/acta-firmada.pdf"  # may come back from its signer after a renewal
MOST_RENEWALS = 100
LIST_LINE = re.compile(r"([0-9a-f]{128}) {2}([^ ]+)")


class Link(NamedTuple):
    """A time-stamp of the chain: of when, and until when its authority's certificates answer for it."""

    at: datetime
    until: datetime | None


def check_renewals(folder: Files, sealed: Sealed, trust: Trust, report: Report) -> None:
    """Check each renewal against what lies in the package and against the time-stamp before it."""
    names = renewal_names(folder)
    last = _link_of_seal(folder, sealed, trust)
    for place, name in enumerate(names):
        found = _check_one_renewal(folder, names, place, trust=trust, report=report)
        if found is not None:
            if last is not None:
                _check_link(last, found, RENEWALS + name, report)
            report.facts["renovado"] = f"{found.at:%Y-%m-%dT%H:%M:%SZ}"
        last = found or last
    if last is not None and last.until is not None:
        report.facts["renovar-antes-de"] = f"{last.until:%Y-%m-%dT%H:%M:%SZ}"
        if last.until < datetime.now(timezone.utc):
            report.say("renewal.overdue", RENEWALS, f"{last.until:%Y-%m-%d}")


def renewal_names(folder: Files) -> list[str]:
    """Folders below ``sello/renovaciones/``, oldest first."""
    found = {path[len(RENEWALS) :].split("/")[0] for path in folder.sizes if path.startswith(RENEWALS)}
    return sorted(found)[:MOST_RENEWALS]


def _link_of_seal(folder: Files, sealed: Sealed, trust: Trust) -> Link | None:
    path = TOKEN if TOKEN in folder.sizes else SIGNATURE
    if sealed.at is None or path == SIGNATURE:
        return Link(sealed.at, None) if sealed.at is not None else None
    return Link(sealed.at, _until(small(folder, path, Report()) or b"", trust))


def _until(response: bytes, trust: Trust) -> datetime | None:
    """When the first certificate of a sound token's chain ends, its root left aside; None where there is no chain."""
    try:
        signed = read_stamp(token_of(response)).signed
        own = trust.with_more(signed.certificates, [])
        signer = signed.signer(own.others)
        chain = chain_of(signer, own) if signer is not None else None
    except Malformed:
        return None
    ends = [each.until for each in (chain or [])[: max(1, len(chain or []) - 1)]]
    return min(ends) if ends else None


def _check_one_renewal(
    folder: Files, names: list[str], place: int, *, trust: Trust, report: Report
) -> Link | None:
    here = RENEWALS + names[place] + "/"
    content, response = _small_list(folder, here + LIST, report), small(folder, here + LIST_TOKEN, report)
    for path, found in ((here + LIST, content), (here + LIST_TOKEN, response)):
        if found is None:
            report.say("renewal.missing", path)
    if content is None or response is None:
        return None
    _check_list(folder, names, place, content=content, report=report)
    following = [RENEWALS + names[place + 1] + "/"] if place + 1 < len(names) else []
    more = trust.with_more(_certificates(folder, here, report), lists_below(folder, [here] + following))
    at = check_stamp(response, content, more, report.say, path=here + LIST_TOKEN)
    return Link(at, _until(response, more)) if at is not None else None


def _small_list(folder: Files, path: str, report: Report) -> bytes | None:
    try:
        return folder.read(path, MOST_MANIFEST_BYTES) if path in folder.sizes else None
    except (OSError, TooLarge):
        report.say("file.unreadable", path)
        return None


def _certificates(folder: Files, here: str, report: Report) -> list[Certificate]:
    try:
        raws = pem_blocks(small(folder, here + LIST_CHAIN, report) or b"", "CERTIFICATE")
        return [Certificate(raw) for raw in raws[:MOST_CERTIFICATES]]
    except Malformed as why:
        report.say("renewal.malformed", here + LIST_CHAIN, str(why))
        return []


def lists_below(folder: Files, places: list[str]) -> list[RevocationList]:
    """Readable revocation lists in these folders of renewals."""
    paths = [
        path for path in sorted(folder.sizes) if path.endswith(".crl") and path.startswith(tuple(places))
    ]
    raws = [small(folder, path, Report()) or b"" for path in paths[:MOST_CERTIFICATES]] if places else []
    return readable_lists([raw for raw in raws if raw])


def _check_list(folder: Files, names: list[str], place: int, *, content: bytes, report: Report) -> None:
    """It names all that it must, nothing that came later, and every digest is still right."""
    where = RENEWALS + names[place] + "/" + LIST
    listed = _listed(content, where, report)
    if listed is None:
        return
    later = tuple(RENEWALS + name + "/" for name in names[place:])
    own = RENEWALS + names[place] + "/"
    for path in sorted(_to_cover(folder, own, later) - set(listed)):
        if path != NOT_YET:
            report.say("renewal.uncovered", path, where)
    for path, digest in listed.items():
        if path.startswith(later) and not _is_own_list(path, own):
            report.say("renewal.order", where, path)
        elif path not in folder.sizes:
            report.say("renewal.dropped", path, where)
        elif _digest512(folder, path) != digest:
            report.say("renewal.digest", path, where)


def _to_cover(folder: Files, own: str, later: tuple[str, ...]) -> set[str]:
    found = {path for path in folder.sizes if path.startswith("bag/") and not path.startswith("bag/data/")}
    found |= {path for path in folder.sizes if path.startswith("sello/") and not path.startswith(later)}
    return found | {path for path in folder.sizes if _is_own_list(path, own)}


def _is_own_list(path: str, own: str) -> bool:
    """A revocation list that was fetched for this renewal."""
    return path.startswith(own) and path.endswith(".crl")


def _listed(content: bytes, where: str, report: Report) -> dict[str, str] | None:
    found: dict[str, str] = {}
    last = ""
    lines = content.decode("ascii", "replace").split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        match = LIST_LINE.fullmatch(line)
        if match is None or match.group(2) <= last or not is_sound_path(match.group(2)):
            report.say("renewal.malformed", where, str(number))
            return None
        last = match.group(2)
        found[last] = match.group(1)
    if not found or lines[-1]:
        report.say("renewal.malformed", where, "0")
        return None
    return found


def _digest512(folder: Files, path: str) -> str:
    try:
        return folder.digests(path)[1]
    except OSError:
        return ""


def _check_link(before: Link, after: Link, path: str, report: Report) -> None:
    if after.at <= before.at:
        report.say("renewal.order", path, f"{after.at:%Y-%m-%d %H:%M:%S} <= {before.at:%Y-%m-%d %H:%M:%S}")
    if before.until is not None and after.at > before.until:
        report.say("renewal.late", path, f"{after.at:%Y-%m-%d} > {before.until:%Y-%m-%d}")


# === act: The act in PDF: it must hold this package's digest, and its last signature must cover every byte (ISO 32000-2).


ACTS = ("sello/acta.pdf", "sello/acta-firmada.pdf")
MOST_ACT_BYTES = 64 * 1024 * 1024
MOST_STREAMS, MOST_STREAM_BYTES, MOST_SIGNATURES_OF_AN_ACT = 2_000, 16 * 1024 * 1024, 16
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")


def check_acts(folder: Files, report: Report) -> None:
    """Check each act that is there; one must be."""
    if not any(path in folder.sizes for path in ACTS):
        report.say("act.missing", ACTS[0])
    try:
        sealed = folder.read("bag/" + TAGS, MOST_MANIFEST_BYTES)
    except (OSError, TooLarge):
        return
    for path in ACTS:
        if path not in folder.sizes:
            continue
        try:
            content = folder.read(path, MOST_ACT_BYTES)
        except (OSError, TooLarge):
            report.say("file.unreadable", path)
            continue
        _check_act(content, sealed, path, report)


def _check_act(content: bytes, sealed: bytes, path: str, report: Report) -> None:
    if not content.startswith(b"%PDF-"):
        report.say("act.malformed", path)
        return
    digest = hashlib.sha256(sealed).hexdigest().encode("ascii")
    if not any(part == sealed or digest in part for part in _streams(content)):
        report.say("act.digest", path)
    _check_signatures_of(content, path, report)


def _streams(content: bytes) -> Iterator[bytes]:
    """Every stream, inflated where that can be done within limits, and as it is."""
    budget = 8 * MOST_STREAM_BYTES
    for number, match in enumerate(_STREAM.finditer(content)):
        if number >= MOST_STREAMS or budget <= 0:
            return
        end = content.find(b"endstream", match.end())
        if end < 0:
            return
        raw = content[match.end() : end]
        try:
            inflated = zlib.decompressobj().decompress(raw, MOST_STREAM_BYTES)
        except zlib.error:
            inflated = raw
        budget -= len(inflated)
        yield inflated
        if inflated is raw:
            yield raw.rstrip(b"\r\n")
            yield raw[:-1]


def _check_signatures_of(content: bytes, path: str, report: Report) -> None:
    ranges = list(_RANGE.finditer(content))[: MOST_SIGNATURES_OF_AN_ACT + 1]
    if not ranges:
        report.say("act.unsigned", path)
        return
    covered = 0
    for match in ranges:
        start, size, second, rest = (int(number) for number in match.groups())
        if start or second < size or second + rest > len(content):
            report.say("act.coverage", path)
            continue
        covered = max(covered, second + rest)
        _check_one_signature(content, (size, second, rest), path, report)
    if covered != len(content):
        report.say("act.coverage", path, f"{covered} / {len(content)}")


def _check_one_signature(content: bytes, places: tuple[int, int, int], path: str, report: Report) -> None:
    size, second, rest = places
    hexed = content[size:second].strip()
    try:
        is_hex = hexed[:1] == b"<" and hexed[-1:] == b">"
        signed = SignedData(_unpadded(bytes.fromhex(hexed[1:-1].decode("ascii")) if is_hex else b""))
        covered = content[:size] + content[second : second + rest]
        signer = signed.signer([])
        if signer is None or not signed.is_signed_by(signer) or not _is_over(signed, covered):
            report.say("act.changed", path)
        elif signed.content is None:
            report.facts["acta"] = signer.name
    except (ValueError, Malformed) as why:
        report.say("act.malformed", path, type(why).__name__)


def _is_over(signed: SignedData, covered: bytes) -> bool:
    """A signature over the bytes, or a document time-stamp of them (ETSI EN 319 142-1 §5.4.3)."""
    if signed.content_type != TST_INFO or signed.content is None:
        return signed.is_over(covered)
    imprint = read_der(signed.content).sequence(5, 10)[2].sequence(2, 2)[1].body
    digests = (hashlib.new(name, covered).digest() for name in ("sha256", "sha384", "sha512"))
    return signed.is_over(signed.content) and imprint in list(digests)


def _unpadded(raw: bytes) -> bytes:
    """The value at the front of a reserved place that zeros fill up."""
    if len(raw) < 4 or raw[0] != 0x30:
        raise Malformed("CMS")
    count = raw[1] & 0x7F if raw[1] & 0x80 else 0
    size = 2 + count + (int.from_bytes(raw[2 : 2 + count], "big") if count else raw[1])
    if raw[size:].strip(b"\x00"):
        raise Malformed("CMS")
    return raw[:size]


# === contents: What the files of ``meta/`` say must agree with each other and with what lies in ``data/`` (docs/paquete.md).


META = "bag/meta/"
REQUEST, HEALTH, CUSTODY, READS, TOOLS = (
    META + name
    for name in ("solicitud.json", "salud.jsonl", "custodia.jsonl", "accesos.jsonl", "herramientas.json")
)
PROFILE = "CIOR-Bag-1"
NEGATIVE, DELIVERY = "constancia_negativa", "entrega"
VIEW, REDACTED = "copia_de_vista", "copia_velada"
NATIVE = "data/nativo/"
# An index, the folder that it lists, and its field that tells when a thing reached the centre.
INDEXES = (
    ("bag/data/eventos/indice.jsonl", "data/eventos/", ".json", "recibido"),
    ("bag/data/crudo/indice.jsonl", "data/crudo/", ".bin", "recibido"),
)
LAST_ACT = "armado"


class Contents(NamedTuple):
    """What later steps need of the metadata."""

    request: dict[str, Any]
    tools: dict[str, Any]
    last_custody: str
    latest: datetime | None


def check_contents(folder: Files, payload: dict[str, str], report: Report) -> Contents:
    """Check ``meta/`` and the indexes; ``payload`` is ``path → SHA-256`` of the manifest."""
    request = read_object(folder, REQUEST, report)
    if request:
        _check_request(request, payload, report)
        _check_identity(folder, request, report)
    last, times = _check_custody(folder, request, report)
    times += [_time_of(row, "momento", READS, report) for _, row in read_lines(folder, READS, report)]
    times += [_time_of(row, "desde", HEALTH, report) for _, row in read_lines(folder, HEALTH, report)]
    times.append(instant(request.get("creado")))
    for where, below, ending, name in INDEXES:
        times += _check_index(folder, payload, (where, below, ending), name=name, report=report)
    tools = read_object(folder, TOOLS, report)
    _check_tools(folder, tools, report)
    return Contents(request, tools, last, max((each for each in times if each is not None), default=None))


def _time_of(row: dict[str, Any], name: str, where: str, report: Report) -> datetime | None:
    found = instant(row.get(name))
    if found is None:
        report.say("meta.field", where, name)
    return found


# --- who asked for what ---------------------------------------------------------------------------------------


def _check_request(request: dict[str, Any], payload: dict[str, str], report: Report) -> None:
    for name in ("paquete", "cuij"):
        if not isinstance(request.get(name), str):
            report.say("meta.field", REQUEST, name)
    if request.get("formato") != PROFILE or request.get("tipo") not in (DELIVERY, NEGATIVE, VIEW, REDACTED):
        report.say("meta.field", REQUEST, "formato, tipo")
    report.facts.update({name: str(request.get(name)) for name in ("paquete", "cuij", "tipo")})
    approver, asker, maker = (_person(request, name) for name in ("aprobada_por", "pedida_por", "armada_por"))
    if not approver or approver in (asker, maker):
        report.say("request.oneperson", REQUEST, approver)
    is_negative = request.get("tipo") == NEGATIVE
    if is_negative and (not request.get("negativas") or any(path.startswith(NATIVE) for path in payload)):
        report.say("request.negative", REQUEST)


def _person(request: dict[str, Any], name: str) -> str:
    row = request.get(name)
    return str(row.get("id") or "") if isinstance(row, dict) else ""


def _check_identity(folder: Files, request: dict[str, Any], report: Report) -> None:
    """The bag's labels name the same case and the same package."""
    labels = info(folder)
    for label, wanted in (
        ("BagIt-Profile-Identifier", PROFILE),
        ("External-Identifier", request.get("cuij")),
        ("Internal-Sender-Identifier", request.get("paquete")),
    ):
        if labels.get(label) != [wanted]:
            report.say("id.mixed", "bag/bag-info.txt", label)


# --- custody --------------------------------------------------------------------------------------------------


def first_previous(package: str) -> str:
    """What the first entry of a package's custody names as the one before it."""
    return hashlib.sha256(f"{PROFILE}\n{package}\n".encode("utf-8", "surrogatepass")).hexdigest()


def _check_custody(
    folder: Files, request: dict[str, Any], report: Report
) -> tuple[str, list[datetime | None]]:
    """The hash of the last entry, and every entry's time."""
    last, acts = first_previous(str(request.get("paquete"))), []
    times: list[datetime | None] = []
    for number, row in read_lines(folder, CUSTODY, report):
        where = f"{CUSTODY}:{number}"
        if row.get("previo") != last or row.get("seq") != number:
            report.say("id.mixed" if number == 1 and row.get("seq") == 1 else "custody.link", where)
        made = hashlib.sha256(canonical({name: row[name] for name in row if name != "hash"})).hexdigest()
        last = str(row.get("hash"))
        if last != made:
            report.say("custody.hash", where)
        at = _time_of(row, "momento", where, report)
        known = [each for each in times if each is not None]
        if at is not None and known and at < known[-1]:
            report.say("custody.order", where)
        times.append(at)
        acts.append(row.get("acto"))
    if not acts or acts[-1] != LAST_ACT:
        report.say("custody.end", CUSTODY)
    return last, times


# --- events, raw records, tools -------------------------------------------------------------------------------


def _check_index(
    folder: Files, payload: dict[str, str], places: tuple[str, str, str], *, name: str, report: Report
) -> list[datetime | None]:
    """Every file of a folder is listed once with its digest; when each reached the centre."""
    where, below, ending = places
    files = {path for path in payload if path.startswith(below) and path.endswith(ending)}
    if where not in folder.sizes:
        for path in sorted(files):
            report.say("index.unlisted", "bag/" + path)
        return []
    listed: set[str] = set()
    times = []
    for number, row in read_lines(folder, where, report):
        path = str(row.get("archivo"))
        if path in listed or path not in payload or row.get("sha256") != payload[path]:
            report.say("index.digest", f"{where}:{number}", path)
        listed.add(path)
        times.append(_time_of(row, name, where, report))
    for path in sorted(files - listed):
        report.say("index.unlisted", "bag/" + path)
    return times


def _check_tools(folder: Files, tools: dict[str, Any], report: Report) -> None:
    """What travels beside the bag is what was sealed into it."""
    sealed = tools.get("verificadores")
    if not isinstance(sealed, dict):
        report.say("verifier.unsealed", TOOLS)
        return
    for name in TOP_FILES:
        if name in folder.sizes and sealed.get(name) != folder.digests(name)[0]:
            report.say("verifier.replaced", name)


# === parts: A package in several ZIPs: its own sealed list says which file is in which, so that a part that is missing, of another package, given twice or put together otherwise has a name.


PARTS_LIST = "bag/meta/partes.json"
OF_PAYLOAD = "bag/data/"
MOST_PARTS = 999


class ZipParts(Files):
    """The files of all ZIPs together; ``names``: of each, what of the payload is in it."""

    def __init__(self, paths: list[str], report: Report) -> None:
        super().__init__()
        self.names: dict[str, set[str]] = {}
        self._within: dict[str, StoredZip] = {}
        top = ""
        for path in paths[: MOST_PARTS + 1]:
            name, found = os.path.basename(path), StoredZip(path, report)
            if not found.sizes:
                continue  # why was said
            if top and found.top != top:
                report.say("part.foreign", name, f"{found.top} / {top}")
                continue
            top = found.top
            self._take(name, found, report)

    def _take(self, name: str, found: StoredZip, report: Report) -> None:
        twice = sorted(path for path in found.sizes if path in self.sizes)
        if twice:
            report.say("part.twice", name, twice[0])
        self.names[name] = {path for path in found.sizes if path.startswith(OF_PAYLOAD)}
        for path, size in found.sizes.items():
            self.sizes.setdefault(path, size)
            self._within.setdefault(path, found)

    def place(self, path: str) -> tuple[int, int]:
        """In the ZIP that has it."""
        return self._within[path].place(path)


def check_parts(folder: Files, payload: dict[str, str], report: Report) -> None:
    """Check the list of parts, if there is one, against the manifest and against what was given."""
    names = folder.names if isinstance(folder, ZipParts) else {}
    if PARTS_LIST not in folder.sizes:
        if len(names) > 1:
            report.say("part.list", PARTS_LIST)
        return
    listed = _handed_out(read_object(folder, PARTS_LIST, report))
    told = [path for part in listed for path in part]
    if len(listed) < 2 or len(told) != len(set(told)) or set(told) != {"bag/" + path for path in payload}:
        report.say("part.list", PARTS_LIST, f"{len(told)} / {len(payload)}")
        return
    for number, part in enumerate(listed, start=1):
        if part and not any(path in folder.sizes for path in part):
            report.say("part.missing", f"{number}/{len(listed)}", part[0])
    for name, inside in names.items():
        if inside and inside not in [set(part) for part in listed]:
            report.say("part.mixed", name, min(inside))


def _handed_out(found: dict[str, Any]) -> list[list[str]]:
    """The payload of each part, as paths from the package's top."""
    parts = found.get("partes")
    if not isinstance(parts, list) or len(parts) > MOST_PARTS:
        return []
    return [
        ["bag/" + path for path in part if isinstance(path, str)] if isinstance(part, list) else []
        for part in parts
    ]


# === copies: A copy made out of another package says which one and of which files, and never stands where originals stand.


COPY, VEILS = META + "copia.json", META + "velos.jsonl"
VIEWS = "data/vista/"
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


class Expected(NamedTuple):
    """Of what class the files of a package are, and where they lie."""

    of_class: str
    folder: str


EXPECTED = {
    DELIVERY: Expected("nativo", NATIVE),
    NEGATIVE: Expected("nativo", NATIVE),
    VIEW: Expected("vista", VIEWS),
    REDACTED: Expected("velada", VIEWS),
}
OF_COPIES = ("vista", "velada")
# What stands in velos.jsonl: whether a picture was looked at, or all of it was veiled for want of that.
LOOKED, VEILED_WHOLE = "mirado", "sin_deteccion"


def expected(request: dict[str, Any]) -> Expected:
    """What the package says that it is; what it does not say is taken for a delivery."""
    return EXPECTED.get(str(request.get("tipo")), EXPECTED[DELIVERY])


def is_copy(request: dict[str, Any]) -> bool:
    """Whether it says that it is a copy."""
    return request.get("tipo") in (VIEW, REDACTED)


def check_copy(folder: Files, request: dict[str, Any], rows: list[dict[str, Any]], report: Report) -> None:
    """Check what a copy says of the package it was made of; ``rows``: of ``segmentos.jsonl``."""
    if not is_copy(request):
        return
    report.say("copy.derived", REQUEST, str(request.get("deriva_de")))
    origin = request.get("deriva_de")
    if not isinstance(origin, str) or not HEX_DIGEST.fullmatch(origin):
        report.say("copy.nolink", REQUEST, "deriva_de")
    told = read_object(folder, COPY, report)
    named = told.get("deriva_de")
    if not isinstance(named, dict) or named.get("tagmanifest_sha256") != origin:
        report.say("copy.nolink", COPY, "deriva_de")
    if told.get("clase") != expected(request).of_class:
        report.say("copy.asnative", COPY, str(told.get("clase")))
    for row in rows:
        _check_origin_of_copy(row, report)
    if request.get("tipo") == REDACTED:
        _check_veils(folder, rows, report)


def _check_origin_of_copy(row: dict[str, Any], report: Report) -> None:
    where, native = "bag/" + str(row.get("archivo")), row.get("nativo")
    if not isinstance(native, dict):
        report.say("copy.nolink", where, "nativo")
        return
    path, frames = native.get("archivo"), native.get("cuadros")
    digests = [native.get("sha256"), native.get("carga_sha256")]
    is_named = isinstance(path, str) and path.startswith(NATIVE + str(row.get("camara")) + "/")
    if not is_named or not all(isinstance(each, str) and HEX_DIGEST.fullmatch(each) for each in digests):
        report.say("copy.nolink", where, str(path))
    shown, unread = row.get("cuadros"), row.get("sin_decodificar")
    if type(shown) is not int or type(unread) is not int or shown + unread != frames:
        report.say("copy.frames", where, f"{shown} + {unread} / {frames}")


def _check_veils(folder: Files, rows: list[dict[str, Any]], report: Report) -> None:
    """Of each picture it is said that it was looked at, or that all of it was veiled."""
    judged: dict[str, list[tuple[int, int]]] = {}
    for number, row in read_lines(folder, VEILS, report):
        first, last = row.get("desde_cuadro"), row.get("hasta_cuadro")
        if type(first) is not int or type(last) is not int:
            report.say("meta.field", f"{VEILS}:{number}", "desde_cuadro, hasta_cuadro")
        elif row.get("motivo") in (LOOKED, VEILED_WHOLE):
            judged.setdefault(str(row.get("archivo")), []).append((first, last))
    for row in rows:
        path, reached = str(row.get("archivo")), 0
        for first, last in sorted(judged.get(path, [])):
            if first > reached:
                break
            reached = max(reached, last)
        frames = row.get("cuadros")
        if type(frames) is not int or reached < frames:
            report.say("copy.unveiled", "bag/" + path, f"{reached} / {frames}")


# === camera_signing: Signatures that cameras put into their video: what the list says of them, and whether they are there. Nothing here checks one: that is for the validator of whoever made the scheme, and what it said is repeated, never believed.


SIGNED = "firma_camara"
SIGNERS = {
    "onvif": "005bc93f-2d71-5e95-ada4-796f90877a6f",
    "axis": "5369676e-6564-2056-6964-656f2e2e2e30",
}
OF_UUID = {bytes.fromhex(uuid.replace("-", "")): scheme for scheme, uuid in SIGNERS.items()}
NOT_SIGNED, NOT_AUTHENTIC, UNJUDGED = "not_signed", "not_authentic", "unknown"
# The gravest first; what a validator must have said; not signed: no signature is there.
JUDGEMENTS = (NOT_AUTHENTIC, UNJUDGED, "signed_unknown", "authentic")
OF_VALIDATORS = (NOT_AUTHENTIC, "signed_unknown", "authentic")
UNREGISTERED = 5
# Sample entry: bytes of a unit's header, shift and mask of its type, the types that carry messages, the box of the
# decoder's configuration, and where in it the length of lengths stands (ISO/IEC 14496-15).
AVC = (1, 0, 0x1F, (6,), b"avcC", 4)
HEVC = (2, 1, 0x3F, (39, 40), b"hvcC", 21)
CODED = {b"avc1": AVC, b"avc3": AVC, b"hvc1": HEVC, b"hev1": HEVC}


class SignatureReader:
    """Counts the packets that carry a signature. ``described``: the content of ``stsd``."""

    def __init__(self, described: bytes) -> None:
        self.found: dict[str, int] = {}
        self._form = CODED.get(described[12:16])
        self._width = 4
        if self._form is not None:
            at = described.find(self._form[4]) + 4 + self._form[5]
            self._width = (described[at] & 3) + 1 if 4 <= at < len(described) else 4

    def take(self, packet: bytes) -> None:
        """One more packet, in any order."""
        if self._form is None or not any(uuid[-8:] in packet for uuid in OF_UUID):
            return
        for scheme in {scheme for unit in self._units(packet) for scheme in self._signers(unit)}:
            self.found[scheme] = self.found.get(scheme, 0) + 1

    def _units(self, packet: bytes) -> Iterator[bytes]:
        at = 0
        while at + self._width <= len(packet):
            begins = at + self._width
            at = begins + int.from_bytes(packet[at:begins], "big")
            if at > len(packet):
                return
            yield packet[begins:at]

    def _signers(self, unit: bytes) -> Iterator[str]:
        assert self._form is not None
        header, shift, mask, kinds = self._form[:4]
        if len(unit) <= header or (unit[0] >> shift) & mask not in kinds:
            return
        payload, at = unit[header:].replace(b"\0\0\3", b"\0\0"), 0
        while at + 2 < len(payload):
            kind, at = _coded_number(payload, at)
            size, at = _coded_number(payload, at)
            if size > len(payload) - at:
                return
            scheme = OF_UUID.get(payload[at : at + 16]) if size >= 16 else None
            if kind == UNREGISTERED and scheme is not None:
                yield scheme
            at += size


def _coded_number(payload: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(payload) and payload[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return value + (payload[at] if at < len(payload) else 0), at + 1


def check_signatures(row: dict[str, Any], where: str, found: dict[str, int], report: Report) -> None:
    """What a native file's row says of its camera's signatures, against those that were ``found`` in it."""
    told, path = row.get(SIGNED), "bag/" + str(row.get("archivo"))
    if told is None:
        if found:
            report.say("camera.untold", path, ", ".join(sorted(found)))
        return
    rows = told.get("firmas") if isinstance(told, dict) else None
    signatures = [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []
    if (
        not isinstance(told, dict)
        or not isinstance(rows, list)
        or len(signatures) != len(rows)
        or not all(_is_signature(each) for each in signatures)
        or told.get("veredicto") != _gravest(signatures)
        or not _is_spare(row, told.get("gop_agregado_desde"))
    ):
        report.say("meta.field", where, SIGNED)
        return
    counted = {each["esquema"]: each["cuadros"] for each in signatures}
    if counted != found or len(counted) != len(signatures):
        report.say("camera.scheme", path, f"{_told_counts(counted)} / {_told_counts(found)}")
    for each in signatures:
        if each["veredicto"] == NOT_AUTHENTIC:
            report.say("camera.notauthentic", path, "{}: {}".format(each["validador"], each["razon"]))
        elif each["veredicto"] != "authentic":
            report.say("camera.unproven", path, "{}: {}".format(each["esquema"], each["razon"]))


def _told_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{scheme} {counts[scheme]}" for scheme in sorted(counts)) or NOT_SIGNED


def _is_signature(each: dict[str, Any]) -> bool:
    scheme, verdict, by, said = (each.get(name) for name in ("esquema", "veredicto", "validador", "dicho"))
    return (
        isinstance(scheme, str)
        and SIGNERS.get(scheme, "") == each.get("uuid")
        and type(each.get("cuadros")) is int
        and verdict in JUDGEMENTS
        and isinstance(each.get("razon"), str)
        and (isinstance(by, str) or (by is None and verdict not in OF_VALIDATORS))
        and isinstance(said, list)
        and all(isinstance(line, str) for line in said)
    )


def _gravest(signatures: list[dict[str, Any]]) -> str:
    said = [each["veredicto"] for each in signatures]
    return next((each for each in JUDGEMENTS if each in said), NOT_SIGNED)


def _is_spare(row: dict[str, Any], told: Any) -> bool:
    """Where the group begins that is there for a signature: after the beginning, and not after the end."""
    at, since, until = (instant(each) for each in (told, row.get("desde"), row.get("hasta")))
    return told is None or (
        at is not None and since is not None and until is not None and since < at <= until
    )


def check_validators(rows: list[dict[str, Any]], tools: dict[str, Any], report: Report) -> None:
    """Every validator that a row names is described in ``herramientas.json``."""
    listed = tools.get("validadores_de_camara")
    known = (
        [each.get("nombre") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    for row in rows:
        told = row.get(SIGNED)
        signatures = told.get("firmas") if isinstance(told, dict) else None
        for each in signatures if isinstance(signatures, list) else []:
            by = each.get("validador") if isinstance(each, dict) else None
            if by is not None and by not in known:
                report.say("meta.field", TOOLS, "validadores_de_camara")


# === footage: Native video against its list: every file whole and as the camera gave it, every missing stretch declared.


SEGMENTS, GAPS, CLOCKS = META + "segmentos.jsonl", META + "huecos.json", META + "reloj.json"
CLOCK_FIELDS = ("fuente", "calidad", "corrimiento_ms", "error_ms")


class Segment(NamedTuple):
    """One row of ``segmentos.jsonl``, as far as it could be read."""

    line: int
    camera: str
    path: str
    since: datetime
    until: datetime
    row: dict[str, Any]


def check_footage(
    folder: Files, request: dict[str, Any], payload: dict[str, str], report: Report
) -> datetime | None:
    """Check video, gaps and clocks; the end of the latest file."""
    segments = _read_segments(folder, report)
    _check_files(segments, payload, expected(request), report)
    check_copy(folder, request, [segment.row for segment in segments], report)
    _check_sequence(segments, report)
    for segment in segments:
        _check_video(folder, segment, report)
    check_validators([segment.row for segment in segments], read_object(folder, TOOLS, report), report)
    rows = _read_gap_rows(folder, report)
    _check_coverage(request, segments, rows, report)
    _check_clocks(folder, segments, report)
    return max((segment.until for segment in segments), default=None)


# --- the list -------------------------------------------------------------------------------------------------


def _read_segments(folder: Files, report: Report) -> list[Segment]:
    found = []
    for number, row in read_lines(folder, SEGMENTS, report):
        camera, path = row.get("camara"), row.get("archivo")
        since, until = instant(row.get("desde")), instant(row.get("hasta"))
        if not isinstance(camera, str) or not isinstance(path, str) or since is None or until is None:
            report.say("meta.field", f"{SEGMENTS}:{number}", "camara, archivo, desde, hasta")
        else:
            found.append(Segment(number, camera, path, since, until, row))
    report.facts["segmentos"] = str(len(found))
    return found


def _check_files(segments: list[Segment], payload: dict[str, str], wanted: Expected, report: Report) -> None:
    listed = set()
    for segment in segments:
        where = "bag/" + segment.path
        if segment.path in listed:
            report.say("segment.order", where, str(segment.line))
        listed.add(segment.path)
        if segment.path not in payload:
            report.say("segment.missing", where)
        elif segment.row.get("sha256") != payload[segment.path]:
            report.say("segment.digest", where)
        is_there = segment.path.startswith(wanted.folder + segment.camera + "/")
        if segment.row.get("clase") != wanted.of_class or not is_there:
            report.say("copy.asnative", where, str(segment.row.get("clase")))
    for path in sorted(payload):
        if path.startswith((NATIVE, VIEWS)) and path not in listed:
            report.say("segment.unlisted", "bag/" + path)


def _check_sequence(segments: list[Segment], report: Report) -> None:
    for before, segment in zip(segments, segments[1:]):
        is_next = (before.camera, before.since) < (segment.camera, segment.since)
        overlaps = before.camera == segment.camera and segment.since < before.until
        if not is_next or overlaps:
            report.say("segment.order", f"{SEGMENTS}:{segment.line}", segment.camera)
    for segment in segments:
        if segment.until <= segment.since:
            report.say("segment.order", f"{SEGMENTS}:{segment.line}", segment.camera)


# --- the bytes ------------------------------------------------------------------------------------------------


def _check_video(folder: Files, segment: Segment, report: Report) -> None:
    where = "bag/" + segment.path
    if where not in folder.sizes:
        return
    try:
        descriptor, start = folder.place(where)
    except OSError:
        report.say("file.unreadable", where)
        return
    try:
        read = reader_of(descriptor, start)
        clip = read_clip(read, folder.sizes[where])
        for code, detail in clip.faults:
            report.say(code, where, detail)
        signs = SignatureReader(clip.described)
        is_read = _check_packets(read, clip.samples, segment, signs=signs, report=report)
        if is_read and segment.row.get("clase") not in OF_COPIES:
            check_signatures(segment.row, f"{SEGMENTS}:{segment.line}", signs.found, report)
    except Malformed as why:
        report.say("video.malformed", where, str(why))
    except OSError as why:
        report.say("file.unreadable", where, type(why).__name__)
    finally:
        os.close(descriptor)


def _check_packets(
    read: Read, samples: list[tuple[int, int]], segment: Segment, *, signs: SignatureReader, report: Report
) -> bool:
    """The file's packets, and each part's, are as many and the same as the list says; a copy is one part, its own.
    ``signs`` is shown each; false when they are not as many as the list says, and none was read.
    """
    where, row = "bag/" + segment.path, segment.row
    parts = [row] if row.get("clase") in OF_COPIES else row.get("partes")
    rows = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    counts = [part.get("cuadros") for part in rows]
    numbers = [count for count in counts if isinstance(count, int) and count >= 0]
    if len(numbers) != len(counts) or sum(numbers) != len(samples) or row.get("cuadros") != len(samples):
        report.say("video.packets", where, "{} / {}".format(row.get("cuadros"), len(samples)))
        return False
    whole, at = hashlib.sha256(), 0
    for number, (part, count) in enumerate(zip(rows, numbers)):
        own = hashlib.sha256()
        for place, size in samples[at : at + count]:
            content = _packet(read, place, size)
            own.update(content)
            whole.update(content)
            signs.take(content)
        at += count
        if part.get("carga_sha256") != own.hexdigest():
            report.say("video.packets", where, f"partes[{number}]")
        _check_origin(part, where, number, report)
    if row.get("carga_sha256") != whole.hexdigest():
        report.say("video.packets", where, "carga_sha256")
    return True


def _packet(read: Read, place: int, size: int) -> bytes:
    if size > MOST_BOX_BYTES:
        raise Malformed(f"MP4: packet of {size} bytes")
    return read(place, size)


def _check_origin(part: dict[str, Any], where: str, number: int, report: Report) -> None:
    """A part that was taken whole holds what the recorder's index says that the camera gave."""
    origin = part.get("origen")
    recorded = origin.get("carga_sha256") if isinstance(origin, dict) else None
    if part.get("entera") is True and recorded is not None and recorded != part.get("carga_sha256"):
        report.say("copy.asnative", where, f"partes[{number}]")


# --- what is missing, and what the clocks said ----------------------------------------------------------------


def _read_gap_rows(folder: Files, report: Report) -> list[dict[str, Any]]:
    rows = read_object(folder, GAPS, report).get("camaras")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        report.say("meta.field", GAPS, "camaras")
        return []
    return rows


def _check_coverage(
    request: dict[str, Any], segments: list[Segment], rows: list[dict[str, Any]], report: Report
) -> None:
    """For each stretch asked for, files and declared gaps leave nothing unaccounted for."""
    scope = request.get("alcance")
    asked = [row for row in scope if isinstance(row, dict)] if isinstance(scope, list) else []
    if request and (not asked or len(asked) != len(scope or [])):
        report.say("meta.field", REQUEST, "alcance")
    if len(rows) != len(asked):
        report.say("gap.hidden", GAPS, f"{len(rows)} / {len(asked)}")
    gaps = 0
    for wanted, row in zip(asked, rows):
        span = instant(wanted.get("desde")), instant(wanted.get("hasta"))
        told = instant(row.get("pedido_desde")), instant(row.get("pedido_hasta"))
        camera = str(wanted.get("camara"))
        if span[0] is None or span[1] is None or span != told or row.get("camara") != camera:
            report.say("gap.hidden", GAPS, camera)
            continue
        stretches = _gaps_of(row, report)
        gaps += len(stretches)
        stretches += [(each.since, each.until) for each in segments if each.camera == camera]
        _check_stretch(camera, (span[0], span[1]), stretches, report)
    report.facts["huecos"] = str(gaps)
    cameras = {str(row.get("camara")) for row in asked}
    for camera in sorted({segment.camera for segment in segments} - cameras):
        report.say("segment.camera", SEGMENTS, camera)


def _gaps_of(row: dict[str, Any], report: Report) -> list[tuple[datetime, datetime]]:
    found = []
    rows = row.get("huecos")
    for gap in rows if isinstance(rows, list) else []:
        since, until = (
            instant(gap.get(name)) if isinstance(gap, dict) else None for name in ("desde", "hasta")
        )
        if since is None or until is None or not gap.get("causa"):
            report.say("meta.field", GAPS, "huecos")
        else:
            found.append((since, until))
    return found


def _check_stretch(
    camera: str, span: tuple[datetime, datetime], stretches: list[tuple[datetime, datetime]], report: Report
) -> None:
    reached = span[0]
    for since, until in sorted(stretches):
        if since > reached:
            break
        reached = max(reached, until)
    if reached < span[1]:
        report.say("gap.hidden", GAPS, f"{camera}: {reached:%Y-%m-%d %H:%M:%S}")


def _check_clocks(folder: Files, segments: list[Segment], report: Report) -> None:
    """``reloj.json`` tells of each file what ``segmentos.jsonl`` tells."""
    rows = read_object(folder, CLOCKS, report).get("archivos")
    if not isinstance(rows, list):
        report.say("meta.field", CLOCKS, "archivos")
        return
    for place, segment in enumerate(segments):
        row = rows[place] if place < len(rows) and isinstance(rows[place], dict) else {}
        own = segment.row.get("reloj")
        told = own if isinstance(own, dict) else {}
        is_same = row.get("archivo") == segment.path and all(
            name in told and row.get(name) == told[name] for name in CLOCK_FIELDS
        )
        if not is_same:
            report.say("clock.mismatch", "bag/" + segment.path, segment.camera)
    if len(rows) > len(segments):
        report.say("clock.mismatch", CLOCKS, f"{len(rows)} / {len(segments)}")


# === secretbox: A sealed box opened with its own key: ``crypto_secretbox`` of NaCl (XSalsa20-Poly1305) and MessagePack, read only.


BOX_MAGIC = b"cior.box.2\n"
MOST_SEALED_BYTES = 8 * 1024 * 1024
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
# Each: b ^= (a + d) <<< 7, c ^= (b + a) <<< 9, d ^= (c + b) <<< 13, a ^= (d + c) <<< 18.
_QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip
_MASK_32 = 0xFFFFFFFF
_POLY = (1 << 130) - 5
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
_MOST_VALUES = 100_000


def _turned(value: int, by: int) -> int:
    value &= _MASK_32
    return ((value << by) | (value >> (32 - by))) & _MASK_32


def _state(key: bytes, inner: bytes) -> list[int]:
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", inner)
    return [_SIGMA[0], *k[:4], _SIGMA[1], *n, _SIGMA[2], *k[4:], _SIGMA[3]]


def _rounds(state: list[int]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _turned(x[a] + x[d], 7)
            x[c] ^= _turned(x[b] + x[a], 9)
            x[d] ^= _turned(x[c] + x[b], 13)
            x[a] ^= _turned(x[d] + x[c], 18)
    return x


def _stream(key: bytes, nonce: bytes, size: int) -> bytes:
    """XSalsa20."""
    x = _rounds(_state(key, nonce[:16]))
    own = struct.pack("<8I", x[0], x[5], x[10], x[15], *x[6:10])
    blocks = []
    for number in range((size + 63) // 64):
        state = _state(own, nonce[16:] + struct.pack("<Q", number))
        blocks.append(struct.pack("<16I", *((a + b) & _MASK_32 for a, b in zip(state, _rounds(state)))))
    return b"".join(blocks)[:size]


def _poly1305(message: bytes, key: bytes) -> bytes:
    r, s = int.from_bytes(key[:16], "little") & _CLAMP, int.from_bytes(key[16:], "little")
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\x01", "little")) * r % _POLY
    return ((total + s) & ((1 << 128) - 1)).to_bytes(16, "little")


def open_box(box: bytes, key: bytes) -> dict[str, Any]:
    """What was sealed. ``Malformed`` when the box is none, or does not open with this key."""
    sealed = unpacked(box[len(BOX_MAGIC) :]) if box.startswith(BOX_MAGIC) else None
    content = sealed.get("content") if isinstance(sealed, dict) else None
    if not isinstance(content, bytes) or len(content) < 40 or len(key) != 32:
        raise Malformed("box")
    nonce, tag, hidden = content[:24], content[24:40], content[40:]
    stream = _stream(key, nonce, 32 + len(hidden))
    if _poly1305(hidden, stream[:32]) != tag:
        raise Malformed("Poly1305")
    plain = (int.from_bytes(hidden, "big") ^ int.from_bytes(stream[32:], "big")).to_bytes(len(hidden), "big")
    length = int.from_bytes(plain[:4], "big")
    if length > len(plain) - 4:
        raise Malformed("length")
    found = unpacked(plain[4 : 4 + length])
    if not isinstance(found, dict):
        raise Malformed("content")
    return found


class _Packed:
    """MessagePack, one value after another; extension types are not ours."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at, self.values = content, 0, 0

    def take(self, size: int) -> bytes:
        found = self.content[self.at : self.at + size]
        if len(found) != size:
            raise Malformed("MessagePack: cut")
        self.at += size
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def value(self, depth: int = 0) -> Any:
        self.values += 1
        if depth > 16 or self.values > _MOST_VALUES:
            raise Malformed("MessagePack: deep or long")
        kind = self.number(1)
        if kind < 0x80:
            return kind
        if kind >= 0xE0:
            return kind - 0x100
        if kind < 0x90 or kind in (0xDE, 0xDF):
            return self.pairs(kind & 0x0F if kind < 0x90 else self.number(2 << (kind - 0xDE)), depth)
        if kind < 0xA0 or kind in (0xDC, 0xDD):
            count = kind & 0x0F if kind < 0xA0 else self.number(2 << (kind - 0xDC))
            return [self.value(depth + 1) for _ in range(count)]
        if kind < 0xC0 or 0xD9 <= kind <= 0xDB:
            return self.text(kind & 0x1F if kind < 0xC0 else self.number(1 << (kind - 0xD9)))
        return self.plain(kind)

    def plain(self, kind: int) -> Any:
        if kind in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[kind]
        if 0xC4 <= kind <= 0xC6:
            return self.take(self.number(1 << (kind - 0xC4)))
        if kind in (0xCA, 0xCB):
            return struct.unpack(">f" if kind == 0xCA else ">d", self.take(4 if kind == 0xCA else 8))[0]
        if 0xCC <= kind <= 0xD3:
            size = 1 << ((kind - 0xCC) & 3)
            return int.from_bytes(self.take(size), "big", signed=kind >= 0xD0)
        raise Malformed("MessagePack: type")

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("MessagePack: UTF-8") from None

    def pairs(self, count: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for _ in range(count):
            name = self.value(depth + 1)
            if not isinstance(name, str) or name in found:
                raise Malformed("MessagePack: key")
            found[name] = self.value(depth + 1)
        return found


def unpacked(content: bytes) -> Any:
    """The one value. ``Malformed`` for anything else."""
    reader = _Packed(content)
    value = reader.value()
    if reader.at != len(content):
        raise Malformed("MessagePack: tail")
    return value


# === boxes: Raw records in sealed boxes: opened ones hold what is delivered, closed ones are named, none is passed over.


RAW_ROWS, EVENT_ROWS = "bag/data/crudo/indice.jsonl", "bag/data/eventos/indice.jsonl"
BOXES, BOX_ENDING = "data/crudo/", ".sobre"
NOT_OPENED = "sealed_not_opened"
STRETCH = "application/vnd.cior.camera-stretch+json"
MOST_EVENT_BYTES = 4 * 1024 * 1024


def check_boxes(
    folder: Files, request: dict[str, Any], payload: dict[str, str], report: Report
) -> datetime | None:
    """Check every box; when the latest opening was handed back."""
    rows = [row for _, row in read_lines(folder, RAW_ROWS, report)] if RAW_ROWS in folder.sizes else []
    gaps = _read_closed(folder, report)
    known: dict[str, set[str]] = {}
    named: list[str] = []
    times = []
    for row in rows:
        opened = "sobre" in row or "apertura" in row
        digest = (
            _check_opened(folder, payload, row, named=named, report=report) if opened else row.get("sha256")
        )
        known.setdefault(str(row.get("registro")), set()).update({str(digest), *_of_stretch(folder, row)})
        times.append(_when(row, report) if opened else None)
    for row in gaps:
        known.setdefault(str(row.get("registro")), set()).add(str(row.get("sha256")))
        _check_closed(payload, row, named=named, report=report)
    there = {path for path in payload if path.startswith(BOXES) and path.endswith(BOX_ENDING)}
    for path in sorted(there - set(named)):
        report.say("box.unlisted", "bag/" + path)
    for path in sorted({each for each in named if named.count(each) > 1}):
        report.say("box.digest", "bag/" + path)
    _check_events(folder, request, known, report)
    report.facts["sobres"] = f"{len(named) - len(gaps)} + {len(gaps)}"
    return max((each for each in times if each is not None), default=None)


def _read_closed(folder: Files, report: Report) -> list[dict[str, Any]]:
    """``crudos`` of ``huecos.json``; a package from before has none."""
    rows = read_object(folder, GAPS, report).get("crudos", []) if GAPS in folder.sizes else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        report.say("meta.field", GAPS, "crudos")
        return []
    return rows


def _check_opened(
    folder: Files, payload: dict[str, str], row: dict[str, Any], *, named: list[str], report: Report
) -> str:
    """The box opens with its key to the very bytes that are delivered; the digest of the box."""
    where, box = f"bag/{row.get('archivo')}", row.get("sobre")
    told = box if isinstance(box, dict) else {}
    path, digest = str(told.get("archivo")), str(told.get("sha256"))
    named.append(path)
    if payload.get(path) != digest:
        report.say("box.digest", where, path)
        return digest
    try:
        found = open_box(folder.read("bag/" + path, MOST_SEALED_BYTES), bytes.fromhex(str(told.get("clave"))))
        delivered = folder.read(where, MOST_SEALED_BYTES)
    except (Malformed, ValueError, OSError, TooLarge) as why:
        report.say("box.key", where, str(why))
        return digest
    if found.get("payload") != delivered or found.get("sha256") != row.get("sha256_recibido"):
        report.say("box.content", where, path)
    return digest


def _when(row: dict[str, Any], report: Report) -> datetime | None:
    """When the opening was handed back; it has a name and a reason too."""
    told = row.get("apertura")
    said = told if isinstance(told, dict) else {}
    handed = instant(said.get("entregada"))
    words = [str(said.get(name) or "").strip() for name in ("quien", "motivo", "entregada_por")]
    if handed is None or instant(said.get("momento")) is None or not all(words):
        report.say("box.opening", f"bag/{row.get('archivo')}")
    return handed


def _check_closed(payload: dict[str, str], row: dict[str, Any], *, named: list[str], report: Report) -> None:
    path = str(row.get("archivo"))
    named.append(path)
    if payload.get(path) != row.get("sha256") or not path.startswith(BOXES) or not path.endswith(BOX_ENDING):
        report.say("box.digest", GAPS, path)
    elif row.get("causa") != NOT_OPENED or instant(row.get("recibido")) is None:
        report.say("meta.field", GAPS, "crudos: causa, recibido")
    else:
        report.say("box.closed", "bag/" + path)


def _check_events(folder: Files, request: dict[str, Any], known: dict[str, set[str]], report: Report) -> None:
    """Each event names the raw record that it was read from: it is delivered, closed, or counted as reserved."""
    if EVENT_ROWS not in folder.sizes:
        return
    for _, row in read_lines(folder, EVENT_ROWS, report):
        where = f"bag/{row.get('archivo')}"
        record, digest = _raw_of(folder, where)
        if record is None:
            continue
        if record in known:
            if digest not in known[record]:
                report.say("raw.other", where, record)
        elif request.get("reservado") == 0:
            report.say("raw.hidden", where, record)


def _of_stretch(folder: Files, row: dict[str, Any]) -> set[str]:
    """A camera's event names the digest of what had come until then: its stretch lists each."""
    if row.get("tipo_contenido") != STRETCH:
        return set()
    try:
        stretch = parse(folder.read(f"bag/{row.get('archivo')}", MOST_EVENT_BYTES))
    except (NotStrict, OSError, TooLarge):
        return set()
    events = stretch.get("events") if isinstance(stretch, dict) else None
    listed = events if isinstance(events, list) else []
    return {str(each.get("sha256")) for each in listed if isinstance(each, dict)}


def _raw_of(folder: Files, where: str) -> tuple[str | None, str]:
    """Id and digest of the record that an event was read from; None: it names none."""
    try:
        event = parse(folder.read(where, MOST_EVENT_BYTES))
    except (NotStrict, OSError, TooLarge):
        return None, ""
    data = event.get("data") if isinstance(event, dict) else None
    raw = data.get("raw") if isinstance(data, dict) else None
    if not isinstance(raw, dict) or not isinstance(raw.get("raw_id"), str):
        return None, ""
    return raw["raw_id"], str(raw.get("sha256"))


# === ledger: The public ledger: inclusion and consistency (RFC 6962, RFC 9162) and C2SP checkpoints, a signed note's form.


MOST_PROOF = 64
MOST_NOTE_BYTES = 64 * 1024
LARGEST_TREE = 1 << 62


class Checkpoint(NamedTuple):
    """A tree's head as its origin signed it."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list[tuple[str, bytes, bytes]]

    def is_signed(self, key: LedgerKey) -> bool:
        """Whether one of the signatures is of this key (C2SP signed-note)."""
        return any(
            name == key.name and number == key.number and is_ed25519(key.public, signature, self.body)
            for name, number, signature in self.signatures
        )


class LedgerKey(NamedTuple):
    """``name+hash+base64(1 ‖ Ed25519 key)``."""

    name: str
    number: bytes
    public: bytes


def read_key(text: str) -> LedgerKey:
    """A verifier key as C2SP and Go's note package write it. ``Malformed`` otherwise."""
    try:
        name, number, coded = text.strip().split("+", 2)
        raw = base64.b64decode(coded, validate=True)
        found = bytes.fromhex(number)
    except (ValueError, binascii.Error):
        raise Malformed("ledger key") from None
    if len(raw) != 33 or raw[0] != 1 or hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] != found:
        raise Malformed("ledger key")
    return LedgerKey(name, found, raw[1:])


def read_checkpoint(content: bytes) -> Checkpoint:
    """Origin, size, root, maybe more lines; an empty line; signatures."""
    body, gap, tail = content.rpartition(b"\n\n")
    if not gap or len(content) > MOST_NOTE_BYTES:
        raise Malformed("checkpoint")
    try:
        lines = (body + b"\n").decode("utf-8").split("\n")
        size, root = lines[1], base64.b64decode(lines[2], validate=True)
        if not lines[0] or not size.isdigit() or not size.isascii() or (size != "0" and size[0] == "0"):
            raise Malformed("checkpoint")
        signatures = [_signature(line) for line in tail.decode("utf-8").split("\n")[:-1]]
    except (ValueError, IndexError):
        raise Malformed("checkpoint") from None
    if len(root) != 32 or len(size) > 18 or not signatures or not tail.endswith(b"\n"):
        raise Malformed("checkpoint")
    return Checkpoint(lines[0], int(size), root, body + b"\n", signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, coded = line.split(" ")
    raw = base64.b64decode(coded, validate=True)
    if dash != "\u2014" or len(raw) < 5:
        raise ValueError(line)
    return name, raw[:4], raw[4:]


def proof_of(value: Any) -> list[bytes]:
    """Hashes of a proof written as hex."""
    if not isinstance(value, list) or len(value) > MOST_PROOF:
        raise Malformed("proof")
    try:
        found = [bytes.fromhex(each) for each in value]
    except (TypeError, ValueError):
        raise Malformed("proof") from None
    if any(len(each) != 32 for each in found):
        raise Malformed("proof")
    return found


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(leaf: bytes, place: tuple[int, int], proof: list[bytes], root: bytes) -> bool:
    """Whether ``leaf`` stands at ``place`` (index, size) under ``root`` (RFC 9162 §2.1.3.2)."""
    index, size = place
    if not 0 <= index < size <= LARGEST_TREE:
        return False
    last, running = size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            running = _joined(sibling, running)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            running = _joined(running, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and running == root


def is_continued(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> bool:
    """Whether the tree of ``new`` begins with that of ``old`` (RFC 9162 §2.1.4.2)."""
    if not 0 < old.size <= new.size:
        return False
    if old.size == new.size:
        return not proof and old.root == new.root
    path = [old.root] + proof if not old.size & (old.size - 1) else proof
    if not path:
        return False
    first, second = old.size - 1, new.size - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            before, after = _joined(sibling, before), _joined(sibling, after)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            after = _joined(after, sibling)
        first, second = first >> 1, second >> 1
    return second == 0 and before == old.root and after == new.root


# === registering: The package's entry in the ledger: last custody hash → leaf → root → checkpoint, and checkpoints kept elsewhere.


CHECKPOINT, INCLUSION = "sello/checkpoint.txt", "sello/inclusion.json"


class Kept(NamedTuple):
    """What the reader brings from outside: the ledger's key and checkpoints that were kept before the hand-over."""

    key: LedgerKey | None
    checkpoints: list[Checkpoint]


def check_ledger(folder: Files, contents: Contents, kept: Kept, report: Report) -> None:
    """Check inclusion, the checkpoint's signature, and that no history was rewritten."""
    raw = small(folder, CHECKPOINT, report)
    if raw is None or INCLUSION not in folder.sizes:
        report.say("ledger.missing", CHECKPOINT if raw is None else INCLUSION)
        return
    try:
        checkpoint = read_checkpoint(raw)
    except Malformed as why:
        report.say("ledger.malformed", CHECKPOINT, str(why))
        return
    inclusion = read_object(folder, INCLUSION, report)
    _check_inclusion(inclusion, checkpoint, contents, report)
    if kept.key is None:
        report.say("ledger.nokey", CHECKPOINT, checkpoint.origin)
    elif not checkpoint.is_signed(kept.key):
        report.say("ledger.signature", CHECKPOINT, checkpoint.origin)
    report.facts["registro"] = f"{checkpoint.origin} {checkpoint.size}"
    for other in kept.checkpoints:
        _check_kept(other, checkpoint, inclusion, kept=kept, report=report)


def _check_inclusion(
    inclusion: dict[str, Any], checkpoint: Checkpoint, contents: Contents, report: Report
) -> None:
    """The leaf is the last custody hash, as its 64 characters."""
    index, size, leaf = inclusion.get("indice"), inclusion.get("tamano"), inclusion.get("hoja")
    try:
        proof = proof_of(inclusion.get("prueba"))
    except Malformed:
        proof = None
    if proof is None or not isinstance(index, int) or not isinstance(size, int) or not isinstance(leaf, str):
        report.say("ledger.malformed", INCLUSION)
        return
    if leaf != contents.last_custody:
        report.say("ledger.inclusion", INCLUSION, "hoja")
    is_in = is_included(leaf.encode("utf-8", "replace"), (index, size), proof, checkpoint.root)
    if size != checkpoint.size or not is_in:
        report.say("ledger.inclusion", INCLUSION, f"{index} / {size}")


def _check_kept(
    other: Checkpoint, checkpoint: Checkpoint, inclusion: dict[str, Any], *, kept: Kept, report: Report
) -> None:
    """Against a checkpoint that was kept elsewhere before this package was handed over."""
    detail = f"{other.size} / {checkpoint.size}"
    if other.origin != checkpoint.origin or (kept.key is not None and not other.is_signed(kept.key)):
        report.say("ledger.kept", CHECKPOINT, other.origin)
        return
    if other.size == checkpoint.size:
        if other.root != checkpoint.root:
            report.say("ledger.split", CHECKPOINT, detail)
        return
    if other.size > checkpoint.size:
        report.say("ledger.rollback", CHECKPOINT, detail)
        return
    proofs = inclusion.get("consistencia")
    rows = proofs if isinstance(proofs, dict) else {}
    if str(other.size) not in rows:
        report.say("ledger.nolink", CHECKPOINT, detail)
        return
    try:
        is_sound = is_continued(other, checkpoint, proof_of(rows[str(other.size)]))
    except Malformed:
        is_sound = False
    if not is_sound:
        report.say("ledger.split", INCLUSION, detail)


# === inclusion: ``--inclusion``: one record of a day under the root that was published of it (RFC 9162 §2.1.3.2), and nothing else.


PROOF_FORM = "CIOR-Inclusion-1"
_WORD, _NONCE, _DAY = re.compile(r"[a-z]{1,20}"), re.compile(r"[0-9a-f]{32}"), re.compile(r"\d{4}-\d\d-\d\d")


def check_inclusion(proof: bytes, page: bytes, key: LedgerKey | None) -> Report:
    """Check that the proof's record stands under the page's root."""
    report = Report()
    said = _proof(proof, report)
    lines = _printed_lines(page, report)
    if said is None or lines is None:
        return report
    name, size, root = lines
    _check_page(page, key, report)
    record = said["registro"].encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(record).hexdigest()
    leaf = "CIOR-Hoja-1\n{}\n{}\n{}\n{}\n".format(said["tipo"], said["numero"], digest, said["nonce"])
    if name.rpartition("/")[2] != said["dia"]:
        report.say("inclusion.day", "", "{} / {}".format(name, said["dia"]))
    place = (said["indice"], said["tamano"])
    if size != said["tamano"] or not is_included(leaf.encode("ascii"), place, said["prueba"], root):
        report.say("inclusion.root", "", "{} / {}".format(*place))
    report.facts["registro"] = said["registro"]
    report.facts["raiz"] = f"{name} {size} {base64.b64encode(root).decode('ascii')}"
    return report


def _proof(content: bytes, report: Report) -> dict[str, Any] | None:
    """The proof, its values of the kinds that they must be."""
    try:
        value = parse(content)
        wrong = _unsound(value) if isinstance(value, dict) else "{}"
        if not wrong:
            return {**value, "prueba": proof_of(value["prueba"])}
    except (NotStrict, Malformed) as why:
        wrong = str(why)
    report.say("inclusion.malformed", "", wrong)
    return None


def _unsound(value: dict[str, Any]) -> str:
    """The name of the first field that is not what it must be, else nothing."""
    if value.get("formato") != PROOF_FORM:
        return "formato"
    for name in ("numero", "indice", "tamano"):
        if type(value.get(name)) is not int:
            return name
    for name, form in (("tipo", _WORD), ("nonce", _NONCE), ("dia", _DAY)):
        if not isinstance(value.get(name), str) or form.fullmatch(value[name]) is None:
            return name
    return "" if isinstance(value.get("registro"), str) and "prueba" in value else "registro"


def _printed_lines(content: bytes, report: Report) -> tuple[str, int, bytes] | None:
    """Name and day, number of leaves, root: typed from a gazette, or the page's own first lines."""
    try:
        lines = [line.strip() for line in content.decode("utf-8").split("\n")[:3]]
        root = base64.b64decode(lines[2], validate=True)
    except (ValueError, IndexError, binascii.Error):
        lines, root = ["", ""], b""
    if len(root) != 32 or re.fullmatch("[0-9]{1,18}", lines[1]) is None:
        report.say("inclusion.page")
        return None
    return lines[0], int(lines[1]), root


def _check_page(content: bytes, key: LedgerKey | None, report: Report) -> None:
    """Its signature, where page and key are there; what was printed on paper has none."""
    try:
        note = read_checkpoint(content)
    except Malformed:
        report.say("inclusion.unsigned")
        return
    if key is None:
        report.say("inclusion.unsigned", "", note.origin)
    elif not note.is_signed(key):
        report.say("inclusion.signature", "", note.origin)


# === command: ``python3 verify.py``: the command line, and how a report is told.


OF_THE_LEDGER = 10
MOST_OUTSIDE_BYTES = 4 * 1024 * 1024
WEIGHTS = {
    "es": {ERROR: "MAL", UNPROVEN: "SIN PROBAR", NOTE: "nota"},
    "en": {ERROR: "WRONG", UNPROVEN: "NOT PROVEN", NOTE: "note"},
}
VERDICTS = {
    "es": (
        "SIN DEFECTOS: todo lo que este programa comprueba concuerda.",
        "CON DEFECTOS: vea cada línea MAL.",
        "NO PROBADO: nada está mal, pero falta algo de afuera (vea SIN PROBAR).",
    ),
    "en": (
        "NO DEFECTS: everything that this program checks agrees.",
        "DEFECTS: see each line marked WRONG.",
        "NOT PROVEN: nothing is wrong, but something from outside is missing (see NOT PROVEN).",
    ),
}


class Unusable(Exception):
    """What was given on the command line cannot be used."""


class Given(NamedTuple):
    """What comes from outside the package."""

    roots: list[Certificate]
    kept: Kept
    at: datetime | None
    digest: str


def verify(path: str, given: Given, *parts: str) -> Report:
    """Every finding about the package at ``path``, a folder or a ZIP; ``parts``: its further ZIPs. Reads only."""
    report = Report()
    folder = opened(path, report, *parts)
    if not folder.sizes:
        report.say("pkg.empty", os.path.basename(path))
        return report
    check_places(folder, report)
    payload = check_bag(folder, report)
    check_parts(folder, payload, report)
    trust = gather(folder, given.roots, report)
    sealed = check_seal(folder, trust, report, given.at)
    contents = check_contents(folder, payload, report)
    last_picture = check_footage(folder, contents.request, payload, report)
    last_opening = check_boxes(folder, contents.request, payload, report)
    check_declared(folder, sealed, contents.tools, report)
    _check_times(sealed, [contents.latest, last_picture, last_opening], report)
    check_ledger(folder, contents, given.kept, report)
    check_acts(folder, report)
    check_renewals(folder, sealed, trust, report)
    _tell_facts(folder, sealed, given, report)
    return report


def check_seals(path: str, given: Given) -> Report:
    """Findings about the seal and its renewals alone: what they cover is digested but for the payload."""
    report = Report()
    folder = opened(path, report)
    check_places(folder, report)
    trust = gather(folder, given.roots, report)
    check_renewals(folder, check_seal(folder, trust, report, given.at), trust, report)
    return report


def opened(path: str, report: Report, *parts: str) -> Files:
    """The package; ``Unusable`` when nothing is there."""
    try:
        if parts:
            return ZipParts([path, *parts], report)
        if os.path.isdir(path):
            return Folder(path, report)
        return StoredZip(path, report)
    except OSError as why:
        raise Unusable(f"{path}: {why.strerror or type(why).__name__}") from None


def _check_times(sealed: Sealed, latest: list[datetime | None], report: Report) -> None:
    """Nothing in the package is later than its stamp."""
    for each in latest:
        if sealed.at is not None and each is not None and each - sealed.at > timedelta(seconds=TWO_CLOCKS_S):
            report.say("time.beforeevent", "bag", f"{each:%Y-%m-%d %H:%M:%S} > {sealed.at:%Y-%m-%d %H:%M:%S}")


def _tell_facts(folder: Files, sealed: Sealed, given: Given, report: Report) -> None:
    if "bag/" + TAGS in folder.sizes:
        found = folder.digests("bag/" + TAGS)[0]
        report.facts["tagmanifest-sha256"] = found
        if given.digest and given.digest != found:
            report.say("digest.other", "bag/" + TAGS, given.digest)
    if sealed.at is not None:
        report.facts["sellado"] = f"{sealed.at:%Y-%m-%dT%H:%M:%SZ}"
    if sealed.signer is not None:
        report.facts["firmante"] = f"{sealed.signer.name} {sealed.signer.fingerprint}"


# --- the command line -----------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.py",
        description="Verifica un paquete de evidencia CIOR-Bag-1. / Verifies an evidence package. "
        "Sale con 0 sin defectos, 1 con defectos, 2 si algo no se pudo probar.",
    )
    parser.add_argument("paquete", nargs="?", default=".", help="carpeta o ZIP del paquete / folder or ZIP")
    parser.add_argument(
        "partes", nargs="*", default=[], help="los demás ZIP, si vino en partes / its other ZIPs"
    )
    parser.add_argument("--root", action="append", default=[], metavar="RAIZ.pem",
                        help="certificado raíz obtenido FUERA del paquete / root from OUTSIDE the package")  # fmt: skip
    parser.add_argument("--at", "-attime", default="", metavar="T",
                        help="juzga los certificados en ese instante (RFC 3339 o segundos Unix)")  # fmt: skip
    parser.add_argument(
        "--ledger-key", default="", metavar="CLAVE", help="clave del registro: nombre+hash+base64"
    )
    parser.add_argument("--kept", action="append", default=[], metavar="CHECKPOINT",
                        help="checkpoint guardado afuera antes de la entrega / kept before the hand-over")  # fmt: skip
    parser.add_argument(
        "--digest", default="", metavar="HEX", help="SHA-256 impreso en el acta o en el recibo"
    )
    parser.add_argument("--inclusion", default="", metavar="PRUEBA.json",
                        help="en vez de un paquete: un registro de un día / one record of a day")  # fmt: skip
    parser.add_argument("--root-note", default="", metavar="RAIZ.txt",
                        help="la raíz publicada de ese día / the published root of that day")  # fmt: skip
    parser.add_argument("--lang", choices=("es", "en"), default="es", help="idioma / language")
    parser.add_argument("--json", action="store_true", help="hallazgos en JSON")
    return parser


def _given(chosen: argparse.Namespace) -> Given:
    roots: list[Certificate] = []
    checkpoints: list[Checkpoint] = []
    key: LedgerKey | None = None
    try:
        for path in chosen.root:
            found = [Certificate(raw) for raw in pem_blocks(_outside(path), "CERTIFICATE")]
            if not found:
                raise Unusable(f"{path}: no hay certificado / no certificate")
            roots += found
        checkpoints = [read_checkpoint(_outside(path)) for path in chosen.kept]
        key = read_key(chosen.ledger_key) if chosen.ledger_key else None
    except Malformed as why:
        raise Unusable(str(why)) from None
    digest = "".join(chosen.digest.split()).lower()
    return Given(roots, Kept(key, checkpoints), _instant(chosen.at), digest)


def included(chosen: argparse.Namespace, given: Given) -> Report:
    """``--inclusion`` with ``--root-note``."""
    if not chosen.root_note:
        raise Unusable("--inclusion: --root-note RAIZ.txt")
    return check_inclusion(_outside(chosen.inclusion), _outside(chosen.root_note), given.kept.key)


def _outside(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_OUTSIDE_BYTES)
    except OSError as why:
        raise Unusable(f"{path}: {why.strerror or type(why).__name__}") from None


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    found = instant(text)
    if found is None and text.isdigit() and len(text) <= 11:
        found = datetime.fromtimestamp(int(text), timezone.utc)
    if found is None:
        raise Unusable(f"--at {text}: 2027-01-31T12:00:00Z")
    return found


def as_json(report: Report) -> dict[str, Any]:
    """The report for programs; the same keys in every language."""
    return {
        "exit": report.exit_code,
        "facts": report.facts,
        "findings": [
            {
                "step": each.step,
                "weight": each.weight,
                "code": each.code,
                "path": each.path,
                "detail": each.detail,
                "es": each.sentence("es"),
                "en": each.sentence("en"),
            }
            for each in report.findings
        ],
        "left_out": report.more,
    }


def as_text(report: Report, language: str, steps: list[int]) -> str:
    """The report for people: what is known, each finding under its step of ``steps``, the verdict last."""
    lines = [f"{name}: {value}" for name, value in sorted(report.facts.items())]
    for step in steps:
        found = [each for each in report.findings if each.step == step]
        bad = [each for each in found if each.weight != NOTE]
        title = STEPS[step][0 if language == "es" else 1]
        lines.append("{}. {}{}".format(step, title, "" if bad else ": OK"))
        for each in found:
            lines.append(f"   [{WEIGHTS[language][each.weight]}] {each.code} {each.path}".rstrip())
            detail = f" ({each.detail})" if each.detail else ""
            lines.append(f"       {each.sentence(language)}{detail}")
    lines += [f"   + {count} {code}" for code, count in sorted(report.more.items())]
    lines.append(VERDICTS[language][report.exit_code])
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Verify and tell; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    chosen = _parser().parse_args(arguments)
    try:
        given = _given(chosen)
        report = (
            included(chosen, given) if chosen.inclusion else verify(chosen.paquete, given, *chosen.partes)
        )
    except Unusable as why:
        print(f"verify.py: {why}", file=sys.stderr)
        return 2
    if chosen.json:
        print(json.dumps(as_json(report), ensure_ascii=False, indent=1))
    else:
        print(as_text(report, chosen.lang, [OF_THE_LEDGER] if chosen.inclusion else sorted(STEPS)))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
