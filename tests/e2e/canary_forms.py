"""Canaries: invented people with a stem in everything that is theirs, and the ways in which a stem can be written.

One stem a kind of value, so that ten thousand identities are looked for as quickly as ten. A digest has no stem: every
run of hex or base64 in what is searched is held against the digests of all values.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import urllib.parse
from collections.abc import Iterable, Iterator

import msgspec
from h3 import latlng_to_cell

NAME, ACCOUNT, PHONE, LAT, LON = "Zqvexjy", "CA9A5EA17B", "9931778426", "-32.94271", "-60.63183"
"""The stems. A place is ``LAT`` and ``LON`` with two more digits: within a metre or two of one corner of the city."""
STEMS = (NAME, ACCOUNT, PHONE, LAT[1:], LON[1:], LAT[1:].replace(".", ","), LON[1:].replace(".", ","))
_DIGESTS = ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s")
_PREFIX = 24
"""Hex digits by which a digest is known: ids are often cut."""
_HEX = re.compile(rb"[0-9a-fA-F]{24,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{22,}")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who presses in silence."""

    number: int

    @property
    def name(self) -> str:
        return f"María {NAME}{self.number:05d} Núñez"

    @property
    def account(self) -> str:
        return f"{ACCOUNT}{self.number:05X}"

    @property
    def phone(self) -> str:
        return f"+54 9 341 {PHONE}{self.number:05d}"

    @property
    def address(self) -> str:
        return f"Pasaje {NAME}{self.number:05d} 1234, 2° B"

    @property
    def lat(self) -> float:
        return float(f"{LAT}{self.number % 90 + 10}")

    @property
    def lon(self) -> float:
        return float(f"{LON}{self.number // 90 % 90 + 10}")

    @property
    def values(self) -> tuple[str, ...]:
        """Whatever a careless part would hash."""
        names = (self.name, self.phone, self.address, f"{self.lat}", f"{self.lon}", f"{self.lat},{self.lon}")
        tracker = f"tracker-{self.account}"
        return (*names, self.account, f"panel:{self.account}", tracker, f"vehicle:{tracker}")


class Canaries:
    """What must be nowhere, in every way of writing it."""

    def __init__(self, people: Iterable[Person]) -> None:
        known = tuple(people)
        self.needles = tuple(
            sorted({form for stem in STEMS for form in _forms(stem)} | set(_cells()) | set(_numbers(known)))
        )
        self._digests = {
            digest
            for person in known
            for value in person.values
            for word in (value.encode(), value.upper().encode())
            for digest in _digests_of(word)
        }

    def found(self, content: bytes) -> list[str]:
        """What stands in these bytes: the needle, or the digest."""
        small = content.lower()
        hits = [needle.decode("latin-1") for needle in self.needles if needle in small or needle in content]
        return hits + [f"digest {one}" for one in self._digests_in(content)]

    def _digests_in(self, content: bytes) -> Iterator[str]:
        for run in _HEX.findall(content):
            if (said := run[:_PREFIX].decode().lower()) in self._digests:
                yield said
        for run in _BASE64.findall(content):
            whole = run.translate(bytes.maketrans(b"-_", b"+/"))
            try:
                opened = base64.b64decode(whole[: len(whole) // 4 * 4]).hex()
            except binascii.Error:
                continue
            if opened[:_PREFIX] in self._digests:
                yield opened[:_PREFIX]


def _forms(stem: str) -> Iterator[bytes]:
    """One stem, in lower case where case does not matter."""
    text = stem.encode()
    for raw in {text, text.lower(), text.upper()}:
        for coded in (raw, raw.decode().encode("utf-16-le"), raw.decode().encode("utf-16-be")):
            yield coded.lower()
            yield coded.hex().encode()
            yield from _base64_forms(coded)
        yield "".join(f"%{byte:02x}" for byte in raw).encode()
        yield "".join(f"\\u{byte:04x}" for byte in raw).encode()
        yield "".join(f"&#{byte};" for byte in raw).encode()
        yield base64.b32encode(raw)[: len(raw) * 8 // 5].lower()
        yield raw[::-1].lower()
    yield urllib.parse.quote(stem).lower().encode()


def _base64_forms(text: bytes) -> Iterator[bytes]:
    """The signs that depend on ``text`` alone, for each of the three places where it may begin in a group."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text).rstrip(b"=")
        yield coded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]


def _cells() -> Iterator[bytes]:
    """The cells of the corner in which all live, finer than a district."""
    for resolution in (9, 10, 11, 12):
        for lat in ("10", "55", "99"):
            cell = latlng_to_cell(float(LAT + lat), float(LON + "50"), resolution)
            yield cell.encode()
            yield str(int(cell, 16)).encode()


def _numbers(people: Iterable[Person]) -> Iterator[bytes]:
    """Their places as a machine writes them."""
    for number in {each for person in people for each in (person.lat, person.lon)}:
        yield struct.pack("<d", number)
        yield struct.pack(">d", number)


def _digests_of(word: bytes) -> Iterator[str]:
    for name in _DIGESTS:
        yield hashlib.new(name, word).hexdigest()[:_PREFIX]
