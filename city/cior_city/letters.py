"""Letters that broke on the way: text in another encoding than said, UTF-8 that was read as Latin-1 and written again,
invisible characters. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from cior_city.finding import Findings

_LOST = re.compile("\ufffd|(?<=[A-Za-zÁÉÍÓÚÑáéíóúñ])\\?(?=[A-Za-zÁÉÍÓÚÑáéíóúñ])")
_TWICE = re.compile(
    "[ÂÃâ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2010-\u2122]"
)
_UNSEEN = (range(0x200B, 0x2010), range(0x202A, 0x202F), range(0x2060, 0x206A), range(0xFEFF, 0xFF00))
_DIRECTIONS = frozenset(chr(n) for numbers in _UNSEEN for n in numbers)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def utf8_of(data: bytes, *, said: str = "utf-8") -> tuple[str, str]:
    """The text of ``data`` and the encoding that it was read with: the said one, else what every byte fits."""
    tries = (
        ("utf-16",) if data[:2] in _UTF16 else ("utf-8-sig" if said == "utf-8" else said, "cp1252", "latin-1")
    )
    for name in tries:
        try:
            return data.decode(name), name
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1"), "latin-1"


def mended(text: str) -> str:
    """``text`` with what was UTF-8 and was read as Latin-1 or Windows-1252 put right, up to twice; else as it is."""
    for _ in range(2):
        if not _TWICE.search(text):
            break
        try:
            text = bytes(_bytes(text)).decode("utf-8")
        except (UnicodeDecodeError, ValueError):
            break
    return text


def _bytes(text: str) -> Iterator[int]:
    """Windows-1252, and Latin-1 where that has no letter. Raises ``ValueError``: no byte would give this letter."""
    for letter in text:
        try:
            yield letter.encode("cp1252")[0]
        except UnicodeEncodeError:
            if ord(letter) > 0xFF:
                raise ValueError(letter) from None
            yield ord(letter)


def visible(text: str) -> str:
    """``text`` composed (NFC), in one line, without control and direction characters."""
    kept = "".join(
        " " if letter in "\t\r\n\u00a0" else letter
        for letter in unicodedata.normalize("NFC", text)
        if letter in "\t\r\n" or (letter not in _DIRECTIONS and unicodedata.category(letter) != "Cc")
    )
    return " ".join(kept.split())


class Letters(msgspec.Struct):
    """What was found in the texts of one layer."""

    twice: list[tuple[str, str]] = []
    lost: list[str] = []
    invisible: int = 0

    def clean(self, text: str) -> str:
        """``text`` mended and made visible; what was wrong is remembered."""
        after = mended(text)
        if after != text:
            self.twice.append((text, after))
        shown = visible(after)
        if len(shown) < len(" ".join(unicodedata.normalize("NFC", after).split())):
            self.invisible += 1
        if _LOST.search(shown):
            self.lost.append(shown)
        return shown

    def tell(self, findings: Findings, *, file: str) -> None:
        """One finding a kind."""
        if self.twice:
            before, after = self.twice[0]
            findings.add("letters.mended", file=file, count=len(self.twice), before=before, after=after)
        if self.lost:
            findings.add("letters.lost", file=file, count=len(self.lost), example=self.lost[0])
        if self.invisible:
            findings.add("letters.invisible", file=file, count=self.invisible)
