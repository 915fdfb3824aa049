"""The CRC dialects that panels really send: told apart by the frame, answered in kind, and no damage let through."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.dc09 import reply
from cior_connectors.builtin.dc09.frame import (
    STANDARD,
    Dialect,
    Frame,
    FrameKind,
    Framer,
    body_of,
    classify,
    crc16,
    dialect_of,
    pack,
)
from cior_connectors.builtin.dc09.message import parse
from cior_connectors.builtin.dc09.panel import PanelSettings, encode

NOW_MS = 1_790_000_000_000
KEY = b"0123456789ABCDEF"
LIMIT = 1024
DIALECTS = tuple(
    Dialect(raw_crc=raw_crc, counts_cr=counts_cr, lower=lower)
    for raw_crc, counts_cr, lower in itertools.product((False, True), repeat=3)
)
RAW = Dialect(raw_crc=True)
ELDES = Dialect(counts_cr=True)

# Frames of public reports, byte for byte where the report shows them (accounts invented or replaced there already).
PUBLISHED = {
    "bypass": (  # pysiaalarm 64: a DSC panel
        b'\n\x43\x81002C"SIA-DCS"9832L000000#2511[#2511|Nri01/BB026]\r',
        RAW,
    ),
    "periodic test": (  # pysiaalarm 52: a Trikdis communicator
        b'\n0n003D"ADM-CID"0002R1L1#9413[#9413|1602 99 999]_23:05:30,08-30-2023\r',
        RAW,
    ),
    "panic": (b'\n\xff\xac0029"ADM-CID"0003R1L1#9413[#9413|1120 01 007]\r', RAW),  # the same, a press
    "CR in the CRC": (b'\n\r\xe80029"ADM-CID"0070R1L1#9413[#9413|1120 01 007]\r', RAW),
    "CR in another CRC": (b'\n\r\xef0029"ADM-CID"0030R1L1#9413[#9413|1120 01 007]\r', RAW),
    "Lupus": (  # ioBroker.sia 111: the reporter's own length is right
        b'\n\xad\xff0040"SIA-DCS"0049L0#AFFE[#AFFE|Nri1CL0001^user^]_14:06:21,05-17-2026\r',
        None,
    ),
    "ELDES close": (  # pysiaalarm 17: its log shows body and CRC
        b'\nAA1A0030"ADM-CID"0227R4F39L4F39#4F39[#4F39|3401 01 057]\r',
        ELDES,
    ),
    "ELDES next": (b'\n155A0030"ADM-CID"0228R4F39L4F39#4F39[#4F39|3401 01 057]\r', ELDES),
    "ELDES other": (b'\nBCD30028"ADM-CID"1533L0#4F39[#4F39|1412 00 000]\r', ELDES),  # pysiaalarm 28
    "no account in the header": (b'\n9F0D001A"SIA-DCS"0001L[#9999|NBA2]\r', STANDARD),  # ioBroker.sia 4
    "NULL": (b'\nBB86002C"NULL"0001L#7303658550[]_15:39:38,06-07-2019\r', STANDARD),  # ioBroker.sia 11
}


def frames_of(stream: bytes, step: int = 0) -> list[Frame]:
    framer = Framer(max_bytes=LIMIT)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    return [framed for piece in pieces for framed in framer.feed(piece)] + framer.flush()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_a_published_frame_is_cut_whole_in_any_split(name: str, step: int) -> None:
    raw, dialect = PUBLISHED[name]
    (found,) = frames_of(raw, step)
    assert found.raw == raw
    if dialect is None:  # its report says itself that the CRC is wrong
        assert found.kind is FrameKind.BAD_CRC
    else:
        assert (found.kind, found.dialect) == (FrameKind.FRAME, dialect)
        assert parse(found.body, lambda _account: ()).account


def test_several_frames_of_several_dialects_in_one_segment() -> None:
    good = [raw for raw, dialect in PUBLISHED.values() if dialect is not None]
    stream = b"\r\n\0\n".join(good) + b"\r\n"
    assert frames_of(stream) == [Frame(FrameKind.FRAME, raw) for raw in good]


def press(dialect: Dialect, sequence: int = 1, key: bytes | None = None) -> bytes:
    panel = PanelSettings(account="77AA", port=1, key=key, dialect=dialect)
    return encode(panel, token="ADM-CID", sequence=sequence, data="#77AA|1120 00 007", at_ms=NOW_MS)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("key", [None, KEY])
def test_a_dialect_is_told_from_the_frame_alone_and_answered_in_kind(
    dialect: Dialect, key: bytes | None
) -> None:
    (found,) = frames_of(press(dialect, sequence=175, key=key))
    told = found.dialect
    assert (found.kind, told.raw_crc, told.counts_cr) == (
        FrameKind.FRAME,
        dialect.raw_crc,
        dialect.counts_cr,
    )
    assert told.pack(found.body) == found.raw, "letters of the digits too"
    message = parse(found.body, lambda _account: (KEY,))
    for answer in (
        reply.ack(message, now_ms=NOW_MS, dialect=dialect),
        reply.duh(message, now_ms=NOW_MS, dialect=dialect),
        reply.nak(now_ms=NOW_MS, dialect=dialect),
    ):
        (heard,) = frames_of(answer)
        assert heard.kind is FrameKind.FRAME
        assert dialect.pack(heard.body) == answer


def test_digits_without_letters_say_no_case_and_mixed_ones_are_upper() -> None:
    assert dialect_of(b'\n12340010"') == STANDARD
    assert dialect_of(b'\n12aB0010"') == STANDARD
    assert dialect_of(b'\n12ab0010"') == Dialect(lower=True)
    assert dialect_of(b"no frame") == STANDARD
    assert body_of(b"no frame") == b""


def raw_crc_frames() -> dict[bytes, bytes]:
    """Frames whose raw CRC looks like something else: line ends, NUL, a quote, hex digits."""
    looks = (0x0A, 0x0D, 0x00, 0x22, 0x30, 0x41, 0x5B)
    found: dict[bytes, bytes] = {}
    for sequence in range(10_000):
        for code in range(100, 200):
            body = b'"ADM-CID"%04dL0#9413[#9413|1%d 01 007]' % (sequence, code)
            crc = crc16(body)
            if crc >> 8 in looks and crc & 0xFF in looks:
                found.setdefault(crc.to_bytes(2, "big"), RAW.pack(body))
        if len(found) == len(looks) ** 2:
            break
    return found


LOOKALIKES = raw_crc_frames()


@pytest.mark.parametrize("crc", sorted(LOOKALIKES), ids=bytes.hex)
@pytest.mark.parametrize(
    "before", [b"", b"\n", b"\r\n", b"\n\n\r\0\n", b"noise", b"\nxy", b"\n0AB90027", b"\n\r"]
)
def test_a_raw_crc_that_looks_like_line_ends_or_digits_cuts_nothing(crc: bytes, before: bytes) -> None:
    raw = LOOKALIKES[crc]
    assert len(LOOKALIKES) == 49
    for step in (0, 1, 2, 5):
        assert frames_of(before + raw + raw, step)[-2:] == [Frame(FrameKind.FRAME, raw)] * 2


_GARBAGE = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                b"\n",
                b"\r",
                b"\0",
                b'"',
                b"\n0",
                b"\n0AB9",
                b'\n0AB90027"',
                b'\n\r\n0029"',
                b'\nab0029"AD',
                b"0029",
            ]
        ),
        st.sampled_from(sorted(LOOKALIKES.values())).flatmap(
            lambda raw: st.integers(1, len(raw) - 1).map(lambda cut: raw[:cut])
        ),
    ),
    max_size=8,
).map(b"".join)


@given(_GARBAGE, st.sampled_from(DIALECTS), st.integers(0, 9999), st.integers(1, 9))
@settings(max_examples=300)
def test_garbage_never_blocks_the_next_frame(
    garbage: bytes, dialect: Dialect, sequence: int, step: int
) -> None:
    """The frame is there when its CR is, without waiting for anything that follows."""
    raw = press(dialect, sequence)
    stream = garbage + raw
    framer = Framer(max_bytes=LIMIT)
    cut = [framed for at in range(0, len(stream), step) for framed in framer.feed(stream[at : at + step])]
    assert cut[-1:] == [Frame(FrameKind.FRAME, raw)]
    kept = b"".join(framed.raw for framed in cut)
    assert kept.translate(None, b"\r\n\0") == stream.translate(None, b"\r\n\0")


def test_a_claimed_length_holds_nobody_up() -> None:
    liar = b'\n\x01\x02FFFF"NULL"0000L0#1[]\r'
    assert [framed.kind for framed in frames_of(liar + press(RAW))] == [FrameKind.BAD_LENGTH, FrameKind.FRAME]
    assert [framed.kind for framed in frames_of(liar[:-1] + press(ELDES))] == [
        FrameKind.TRUNCATED,
        FrameKind.FRAME,
    ]


def test_line_ends_behind_a_frame_are_nothing_unfinished() -> None:
    framer = Framer(max_bytes=LIMIT)
    assert len(framer.feed(press(STANDARD) + b"\n\r")) == 1
    assert framer.pending_bytes == 0, "a connection that only waits is idle, not in the middle of a frame"
    framer.feed(b"\x41")
    assert framer.pending_bytes > 0


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_no_flipped_bit_makes_another_message(dialect: Dialect) -> None:
    raw = press(dialect, sequence=175)
    body = body_of(raw)
    for at, bit in itertools.product(range(len(raw)), range(8)):
        hurt = raw[:at] + bytes((raw[at] ^ (1 << bit),)) + raw[at + 1 :]
        for found in frames_of(hurt):
            assert found.kind is not FrameKind.FRAME or found.body == body, (at, bit)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_no_burst_of_sixteen_bits_in_a_body_is_accepted(dialect: Dialect) -> None:
    """CRC-16 finds every one of them; having four dialects must not take that away."""
    raw = press(dialect, sequence=175)
    start = raw.index(b'"')
    chance = random.Random(9)
    for _ in range(3_000):
        at = chance.randrange(start, len(raw) - 2)
        hurt = bytearray(raw)
        hurt[at] ^= chance.randrange(1, 256)
        hurt[at + 1] ^= chance.randrange(256)
        for found in frames_of(bytes(hurt)):
            assert found.kind is not FrameKind.FRAME


def test_random_damage_passes_as_rarely_as_one_crc_lets_it() -> None:
    """16,000 pieces with a header of each shape and a right length, body at random: 0.24 are expected to pass by chance
    (2⁻¹⁶ each, as one CRC is compared for each); a receiver that compared four would let one pass.
    """
    chance = random.Random(4)
    passed = 0
    for n in range(16_000):
        dialect = DIALECTS[n % len(DIALECTS)]
        body = b'"ADM-CID"0001L0#1234[#1234|' + bytes(chance.choices(b"0123456789 ABCDEF", k=12)) + b"]"
        other = b'"ADM-CID"0001L0#1234[#1234|' + bytes(chance.choices(b"0123456789 ABCDEF", k=12)) + b"]"
        hurt = dialect.pack(body).replace(body, other)
        passed += body != other and classify(hurt) is FrameKind.FRAME
    assert passed == 0


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_crc_that_is_right_over_another_span_is_right_in_no_dialect(dialect: Dialect) -> None:
    """CRC over the length digits too, or counting the CR where the length does not: refused, whatever the encoding."""
    body = body_of(press(STANDARD))
    digits = dialect.cased(b"%04X" % len(body))
    for wrong in (crc16(digits + body), crc16(body + b"\r"), crc16(body[1:]), crc16(b"\n" + body)):
        crc = wrong.to_bytes(2, "big") if dialect.raw_crc else dialect.cased(b"%04X" % wrong)
        assert classify(b"\n" + crc + digits + body + b"\r") is FrameKind.BAD_CRC


def test_bytes_the_wrong_way_round_are_no_dialect() -> None:
    raw = press(RAW, sequence=175)
    assert classify(raw[:1] + raw[2:3] + raw[1:2] + raw[3:]) is FrameKind.BAD_CRC


def test_the_standard_packs_as_it_always_did() -> None:
    assert pack(b'"NULL"0000L0#008312[]') == b'\nD3440015"NULL"0000L0#008312[]\r'


def test_the_shared_files_are_these_bytes(test_data: Path) -> None:
    real = test_data / "real" / "dc09"
    if not real.is_dir():
        pytest.skip("this copy of the test data has no real/dc09")
    kept = {path.name: path.read_bytes() for path in real.glob("bincrc_*.bin")}
    assert set(kept.values()) <= {raw for raw, _ in PUBLISHED.values()}
    assert kept
