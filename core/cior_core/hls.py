"""Playlists of HTTP Live Streaming (RFC 8216) for footage: what a player asks one after the other. Pure.

Addresses are relative to the playlist: ``init-<digest>.mp4`` and ``<number>-<part>.mp4``, or ``<number>.mp4`` for a
whole segment. Every stretch of time that follows from the one before is of one *line*; where the line changes, the
player is told of a discontinuity, and of the instant at which it goes on (EXT-X-PROGRAM-DATE-TIME).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339

MEDIA_TYPE: Final = "application/vnd.apple.mpegurl"
PIECE_S: Final = 0.9
"""Length of a live piece at least: a player stays some pieces behind, so short ones keep it near."""
_LEAST_TARGET_S: Final = 2


class Piece(Struct, frozen=True, kw_only=True):
    """Some pictures of one segment. ``part`` None: all of it. ``line``: the connection and its unbroken stretch."""

    number: int
    part: int | None = None
    start_ms: int
    length_s: float
    line: tuple[int, int]
    init: str

    @property
    def name(self) -> str:
        """Its address beside the playlist."""
        return f"{self.number}.mp4" if self.part is None else f"{self.number}-{self.part}.mp4"

    @property
    def end_ms(self) -> int:
        """Where its last picture ends."""
        return self.start_ms + round(self.length_s * 1000)


def live(pieces: Sequence[Piece], *, first: int, breaks: int) -> str:
    """A playlist that goes on. ``first``: the number of the first piece since somebody watches; ``breaks``: how many
    discontinuities were before it (RFC 8216 §4.3.3.2, §4.3.3.3).
    """
    head = (*_head(pieces), f"#EXT-X-MEDIA-SEQUENCE:{first}", f"#EXT-X-DISCONTINUITY-SEQUENCE:{breaks}")
    return "\n".join((*head, *_body(pieces), ""))


def whole(pieces: Sequence[Piece]) -> str:
    """A playlist that is over."""
    return "\n".join((*_head(pieces), "#EXT-X-PLAYLIST-TYPE:VOD", *_body(pieces), "#EXT-X-ENDLIST", ""))


def _head(pieces: Sequence[Piece]) -> tuple[str, ...]:
    longest_s = max((each.length_s for each in pieces), default=0.0)
    return "#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{max(_LEAST_TARGET_S, ceil(longest_s))}"


def _body(pieces: Sequence[Piece]) -> Iterator[str]:
    before: Piece | None = None
    for each in pieces:
        is_broken = before is not None and before.line != each.line
        if is_broken:
            yield "#EXT-X-DISCONTINUITY"
        if before is None or is_broken or before.init != each.init:
            yield f'#EXT-X-MAP:URI="init-{each.init}.mp4"'
        yield f"#EXT-X-PROGRAM-DATE-TIME:{to_rfc3339(each.start_ms)}"
        yield f"#EXTINF:{each.length_s:.5f},"
        yield each.name
        before = each
