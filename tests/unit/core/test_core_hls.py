"""Playlists as a player reads them (RFC 8216)."""

from __future__ import annotations

from typing import Any

from cior_core.hls import Piece, live, whole

START_MS = 1_795_780_800_000  # 2026-11-27T12:00:00Z


def piece(number: int, **facts: Any) -> Piece:
    values: dict[str, Any] = {
        "start_ms": START_MS + number * 2_000,
        "length_s": 2.0,
        "line": (1, 0),
        "init": "aa",
    }
    return Piece(**({"number": number} | values | facts))


def test_a_clip_names_its_header_once_each_piece_with_its_instant_and_is_over() -> None:
    assert whole([piece(1), piece(2)]).splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        '#EXT-X-MAP:URI="init-aa.mp4"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-27T12:00:02.000Z",
        "#EXTINF:2.00000,",
        "1.mp4",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-27T12:00:04.000Z",
        "#EXTINF:2.00000,",
        "2.mp4",
        "#EXT-X-ENDLIST",
    ]


def test_another_connection_is_a_discontinuity_and_another_header_is_named() -> None:
    lines = whole([piece(1), piece(2, line=(2, 0)), piece(3, line=(2, 0), init="bb")]).splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines.index("#EXT-X-DISCONTINUITY") < lines.index("2.mp4")
    assert [line for line in lines if "MAP" in line] == [
        '#EXT-X-MAP:URI="init-aa.mp4"',
        '#EXT-X-MAP:URI="init-aa.mp4"',
        '#EXT-X-MAP:URI="init-bb.mp4"',
    ], "after a discontinuity the header is said again"


def test_a_live_playlist_says_what_went_before_it_and_is_not_over() -> None:
    lines = live([piece(7, part=3, length_s=0.96)], first=41, breaks=2).splitlines()
    assert "#EXT-X-MEDIA-SEQUENCE:41" in lines
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:2" in lines
    assert "7-3.mp4" in lines
    assert "#EXT-X-ENDLIST" not in lines


def test_no_piece_is_longer_than_the_target_says() -> None:
    assert "#EXT-X-TARGETDURATION:5" in whole([piece(1, length_s=4.2)]).splitlines()
