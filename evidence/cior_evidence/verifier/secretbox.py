"""A sealed box opened with its own key: ``crypto_secretbox`` of NaCl (XSalsa20-Poly1305) and MessagePack, read only."""

from __future__ import annotations

import struct
from typing import Any

from cior_evidence.verifier.der import Malformed

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
