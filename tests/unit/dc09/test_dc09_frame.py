"""Cutting the wire: every byte leaves once, frames survive any split, nothing grows without bound."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.dc09.frame import Frame, FrameKind, Framer, classify, crc16, pack

PRESS = b'\n0AB90027"ADM-CID"0001L0#1234[#1234|1120 00 007]\r'
NULL = b'\nD3440015"NULL"0000L0#008312[]\r'
LIMIT = 1024


def frames_of(*pieces: bytes, limit: int = LIMIT) -> list[Frame]:
    framer = Framer(max_bytes=limit)
    return [framed for piece in pieces for framed in framer.feed(piece)] + framer.flush()


def test_crc_is_arc() -> None:
    assert crc16(b"123456789") == 0xBB3D


def test_one_frame_in_three_reads() -> None:
    assert frames_of(PRESS[:3], PRESS[3:20], PRESS[20:]) == [Frame(FrameKind.FRAME, PRESS)]


def test_three_frames_in_one_read() -> None:
    assert frames_of(PRESS + NULL + PRESS) == [
        Frame(FrameKind.FRAME, PRESS),
        Frame(FrameKind.FRAME, NULL),
        Frame(FrameKind.FRAME, PRESS),
    ]


def test_one_byte_at_a_time() -> None:
    assert frames_of(*(bytes((byte,)) for byte in PRESS + NULL)) == [
        Frame(FrameKind.FRAME, PRESS),
        Frame(FrameKind.FRAME, NULL),
    ]


def test_garbage_between_frames_is_kept_and_costs_no_frame() -> None:
    assert frames_of(PRESS + b"GET / HTTP/1.1" + NULL) == [
        Frame(FrameKind.FRAME, PRESS),
        Frame(FrameKind.NOISE, b"GET / HTTP/1.1"),
        Frame(FrameKind.FRAME, NULL),
    ]


def test_a_frame_that_breaks_off_does_not_take_the_next_one_along() -> None:
    assert frames_of(PRESS[:20] + NULL) == [
        Frame(FrameKind.TRUNCATED, PRESS[:20]),
        Frame(FrameKind.FRAME, NULL),
    ]


def test_line_ends_and_nul_between_frames_are_filler() -> None:
    assert [framed.kind for framed in frames_of(b"\r\n\0\r\n" + PRESS + b"\n\r\0" + NULL + b"\r\n")] == [
        FrameKind.FRAME,
        FrameKind.FRAME,
    ]


def test_one_flipped_bit_is_a_bad_crc() -> None:
    assert frames_of(PRESS.replace(b"1120", b"1121"))[0].kind is FrameKind.BAD_CRC


def test_a_decimal_length_is_a_bad_length() -> None:
    assert classify(PRESS.replace(b"0AB90027", b"0AB90039")) is FrameKind.BAD_LENGTH


def test_a_crc_over_the_length_too_is_refused() -> None:
    """Eldes panels (pysiaalarm 17, 28) compute over another span."""
    body = PRESS[9:-1]
    assert classify(b"\n%04X%04X%b\r" % (crc16(b"0027" + body), len(body), body)) is FrameKind.BAD_CRC


def test_a_frame_without_end_is_cut_at_the_limit_and_the_next_one_lives() -> None:
    found = frames_of(b"\n" + b"A" * (3 * LIMIT) + PRESS)
    assert found[0].kind is FrameKind.OVERSIZE
    assert len(found[0].raw) == LIMIT
    assert found[-1] == Frame(FrameKind.FRAME, PRESS)


def test_twenty_megabytes_of_noise_never_hold_more_than_the_limit() -> None:
    framer, total, held = Framer(max_bytes=LIMIT), 0, 0
    for _ in range(320):
        total += sum(len(framed.raw) for framed in framer.feed(b"\xff\x00zz" * 16_384))
        held = max(held, framer.pending_bytes)
    assert held <= LIMIT
    assert total + held == 320 * 65_536


@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.just(PRESS), st.just(NULL), st.just(b"\n"), st.just(b"\r")),
        max_size=12,
    ),
    st.integers(1, 40),
)
@settings(max_examples=400)
def test_any_stream_in_any_split_gives_the_same_cuts_and_loses_no_byte(
    pieces: list[bytes], step: int
) -> None:
    stream = b"".join(pieces)
    whole = frames_of(stream)
    split = frames_of(*(stream[at : at + step] for at in range(0, len(stream), step)))
    assert split == whole
    kept = b"".join(framed.raw for framed in whole)
    assert kept.translate(None, b"\r\n\0") == stream.translate(None, b"\r\n\0")


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_what_is_packed_is_a_frame(noise: bytes) -> None:
    body = b'"SIA-DCS"0001L0#1234[' + noise.translate(None, b"\r\n") + b"]"
    assert frames_of(pack(body)) == [Frame(FrameKind.FRAME, pack(body))]
