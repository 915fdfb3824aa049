"""Reading and answering messages: published vectors, field sins, keys."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.dc09 import contact_id, crypto, reply, sia_dcs
from cior_connectors.builtin.dc09.frame import FrameKind, Framer, classify
from cior_connectors.builtin.dc09.message import Message, instant_ms, parse, stamp
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.model import Phase

NOW_MS = 1_790_000_000_000
LETTERS = b"AAAAAAAAAAAAAAAA"


def body_of(frame: bytes) -> bytes:
    assert classify(frame) is FrameKind.FRAME
    return frame[9:-1]


def plain(text: str) -> Message:
    return parse(text.encode(), lambda _account: ())


def test_receiver_line_and_account_of_the_standards_example() -> None:
    found = plain('"ADM-CID"9876R579BDFL789ABC#12345A[#12345A|1110 00 129]')
    assert (found.receiver, found.line, found.account, found.data) == (
        "579BDF",
        "789ABC",
        "12345A",
        "1110 00 129",
    )


def test_leading_zeros_of_an_account_stay() -> None:
    assert plain('"NULL"0000L0#008312[]').account == "008312"
    assert plain('"NULL"0000L0#8312[]').account == "8312"


def test_a_missing_line_and_an_account_only_in_the_data_are_read() -> None:
    assert plain('"SIA-DCS"0001#1234[#1234|NRR]').line is None
    found = plain('"SIA-DCS"4738R0001L0001[#006969|Nri04/OP001]')
    assert (found.account, found.line) == ("006969", "0001")


def test_the_key_block_is_dropped_and_the_link_is_text() -> None:
    found = plain(
        '"SIA-DCS"6002L0#AAA[#AAA|Nri1/BA501][KAAAAAAAAAAAAAAAA][Vhttp://evil/<script>][M0026B9E4268B]'
    )
    assert found.carried_key
    assert found.blocks == (("V", "http://evil/<script>"), ("M", "0026B9E4268B"))
    assert b"AAAAAAAAAAAAAAAA" not in reply.ack(found, now_ms=NOW_MS)


def test_json_with_brackets_inside_is_one_block() -> None:
    found = plain('"SIA-DCS"0001L0#1234[#1234|NBA1][J{"a":[1,[2]],"b":"]"}][Mff]_12:00:00,01-02-2026')
    assert found.block("J") == '{"a":[1,[2]],"b":"]"}'
    assert found.block("M") == "ff"
    assert found.timestamp_ms is not None


def test_text_is_read_as_utf8_or_cp1252() -> None:
    assert parse('"SIA-DCS"0001L0#1234[#1234|NBA1^Balcón^]'.encode(), lambda _a: ()).data == "NBA1^Balcón^"
    assert (
        parse('"SIA-DCS"0001L0#1234[#1234|NBA1^Balcón^]'.encode("cp1252"), lambda _a: ()).data
        == "NBA1^Balcón^"
    )


def test_the_published_encrypted_null_opens_with_sixteen_letters_and_no_bar() -> None:
    frame = (
        b'\n76D80055"*NULL"0000R0L0#AAAB[B4BC8B40D0E6D959D6BEA78E88CC0B2155741A3C44FBB96D476A3E557CAD64D9\r'
    )
    found = parse(body_of(frame), lambda _account: crypto.keys_of("A" * 16))
    assert (found.account, found.timestamp, found.data) == ("AAAB", "18:24:52,07-05-2020", "")


@pytest.mark.parametrize(
    "text", ["A" * 16, "b" * 24, "key of thirty-two letters, no hex", "00" * 16, "ab" * 24, "0F" * 32]
)
def test_every_key_length_opens_what_it_closed(text: str) -> None:
    text = text[:32] if text.startswith("key") else text
    for key in crypto.keys_of(text):
        settings_ = PanelSettings(account="1234", port=1, key=key)
        frame = encode(
            settings_, token="SIA-DCS", sequence=7, data="#1234|NRR", blocks=("Mff",), at_ms=NOW_MS
        )
        found = parse(body_of(frame), lambda _account: crypto.keys_of(text))
        assert (found.data, found.blocks, found.key, found.timestamp_ms) == (
            "NRR",
            (("M", "ff"),),
            key,
            NOW_MS,
        )
        assert b"NRR" not in frame


def test_thirty_two_hex_digits_are_tried_as_hex_and_as_letters() -> None:
    assert crypto.keys_of("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb") == (
        b"\xaa" * 8 + b"\xbb" * 8,
        b"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
    )


def test_a_wrong_key_no_key_and_half_a_block_are_told_apart() -> None:
    frame = encode(
        PanelSettings(account="1234", port=1, key=LETTERS),
        token="ADM-CID",
        sequence=7,
        data="#1234|1120 00 007",
        at_ms=NOW_MS,
    )
    codes = []
    for keys, body in (
        ((b"B" * 16,), body_of(frame)),
        ((), body_of(frame)),
        ((LETTERS,), body_of(frame)[:-3]),
    ):

        def known(_account: str, keys: tuple[bytes, ...] = keys) -> tuple[bytes, ...]:
            return keys

        with pytest.raises(PayloadRejected) as caught:
            parse(body, known)
        codes.append(caught.value.code)
    assert codes == ["dc09.wrong_key", "dc09.no_key", "dc09.cipher_text"]


def test_a_key_of_fifteen_letters_is_a_configuration_error() -> None:
    with pytest.raises(ConfigInvalid):
        crypto.keys_of("A" * 15)


def test_acknowledgement_echoes_sequence_receiver_line_and_account() -> None:
    found = plain('"SIA-DCS"0001RF3L77#1234[#1234|NRR|Atest]')
    assert body_of(reply.ack(found, now_ms=NOW_MS)) == b'"ACK"0001RF3L77#1234[]'
    assert body_of(reply.duh(found, now_ms=NOW_MS)) == b'"DUH"0001RF3L77#1234[]'


def test_an_encrypted_message_gets_an_encrypted_acknowledgement_with_our_time() -> None:
    frame = encode(
        PanelSettings(account="1234", port=1, key=LETTERS),
        token="ADM-CID",
        sequence=7,
        data="#1234|1120 00 007",
        at_ms=NOW_MS,
    )
    answer = body_of(reply.ack(parse(body_of(frame), lambda _a: (LETTERS,)), now_ms=NOW_MS))
    assert answer.startswith(b'"*ACK"0007L0#1234[')
    assert parse(answer, lambda _a: (LETTERS,)).timestamp_ms == NOW_MS


def test_nak_is_the_published_one_and_never_encrypted() -> None:
    assert reply.nak(now_ms=1_758_730_801_999) == b'\nE4410025"NAK"0000R0L0A0[]_16:20:01,09-24-2025\r'


@pytest.mark.parametrize(
    ("offset_s", "timely"), [(-40, True), (-41, False), (20, True), (21, False), (0, True), (-86_400, False)]
)
def test_encrypted_timestamps_are_good_from_minus_40_to_plus_20_seconds(offset_s: int, timely: bool) -> None:
    frame = encode(
        PanelSettings(account="1", port=1, key=LETTERS),
        token="NULL",
        sequence=0,
        data="",
        at_ms=NOW_MS + offset_s * 1000,
    )
    assert reply.timely(parse(body_of(frame), lambda _a: (LETTERS,)), NOW_MS) is timely


def test_a_resend_has_the_identity_of_the_press_though_its_time_padding_and_key_text_differ() -> None:
    panel = PanelSettings(account="1", port=1, key=LETTERS)
    first, again = (
        parse(
            body_of(encode(panel, token="ADM-CID", sequence=7, data="#1|1120 00 007", at_ms=NOW_MS + late)),
            lambda _a: (LETTERS,),
        )
        for late in (0, 9000)
    )
    other = parse(
        body_of(encode(panel, token="ADM-CID", sequence=8, data="#1|1120 00 008", at_ms=NOW_MS)),
        lambda _a: (LETTERS,),
    )
    assert first.identity() == again.identity() != other.identity()


def test_law_14_who_has_no_key_cannot_send_what_a_copy_of_an_encrypted_message_is() -> None:
    """The receiver's window takes equal identities for resends: a plain forgery must not begin one."""
    sealed, forged = (
        parse(
            body_of(
                encode(
                    PanelSettings(account="1", port=1, key=key),
                    token="ADM-CID",
                    sequence=7,
                    data="#1|1120 00 007",
                    at_ms=NOW_MS,
                )
            ),
            lambda _a: (LETTERS,),
        )
        for key in (LETTERS, None)
    )
    assert sealed.identity() != forged.identity()


@pytest.mark.parametrize(
    "text", ["25:00:00,01-01-2026", "00:00:00,02-30-2026", "12:00:00,01-01-26", "", "noon"]
)
def test_a_time_that_is_none_is_none(text: str) -> None:
    assert instant_ms(text) is None


def test_stamps_read_back() -> None:
    assert instant_ms(stamp(NOW_MS)) == NOW_MS


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("1120 00 007", ("1", "120", "00", "007", Phase.NEW)),
        ("3130 01 12", ("3", "130", "01", "012", Phase.RESTORE)),
        ("6137 1 1", ("6", "137", "01", "001", Phase.STILL)),
        ("1110 00 129|text", ("1", "110", "00", "129", Phase.NEW)),
        ("18113101015", None),
        ("181131010151", None),
    ],
)
def test_contact_id(data: str, expected: tuple[str, str, str, str, Phase] | None) -> None:
    if expected is None:
        with pytest.raises(PayloadRejected):
            contact_id.parse("x" + data)
        return
    found = contact_id.parse(data)
    assert (found.qualifier, found.code, found.partition, found.point, found.phase) == expected


@pytest.mark.parametrize(
    ("data", "codes", "modifiers", "name"),
    [
        ("NRR|Atest", ["RR"], {}, ""),
        ("Nri1/CL501", ["CL"], {"ri": "1"}, ""),
        ("Nti20:50:26RP99", ["RP"], {"ti": "20:50:26"}, ""),
        ("Nri1CL0^VX FRONTE ^", ["CL"], {"ri": "1"}, "VX FRONTE"),
        ("Nri04/OP001NM", ["OP"], {"ri": "04"}, ""),
        ("NFA129", ["FA"], {}, ""),
        (
            "Nri2^Boven^id14^Jan^ti12:00:01OP14",
            ["OP"],
            {"ri": "2", "ri_name": "Boven", "id": "14", "id_name": "Jan", "ti": "12:00:01"},
            "",
        ),
        ("Oid7/ti12:00/ri01/BA1/BA2", ["BA", "BA"], {"id": "7", "ti": "12:00", "ri": "01"}, ""),
    ],
)
def test_sia_content_of_five_vendors(
    data: str, codes: list[str], modifiers: dict[str, str], name: str
) -> None:
    found = sia_dcs.parse(data)
    assert [event.code for event in found.events] == codes
    assert found.events[0].modifiers == modifiers
    assert found.events[0].name == name
    assert found.events[0].new is data.startswith("N")


@given(st.text(max_size=120))
@settings(max_examples=400)
def test_any_content_is_read_or_rejected(text: str) -> None:
    for reader in (contact_id.parse, sia_dcs.parse):
        try:
            reader(text)
        except PayloadRejected as error:
            assert error.code.startswith("dc09.")  # noqa: PT017


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=400)
def test_any_body_is_read_or_rejected(noise: bytes, with_head: bool) -> None:
    body = b'"*SIA-DCS"0001L0#1234[' + noise if with_head else noise
    try:
        parse(body, lambda _account: (LETTERS,))
    except PayloadRejected as error:
        assert error.code.startswith("dc09.")  # noqa: PT017


def test_framer_and_panel_agree_on_a_long_message() -> None:
    frame = encode(
        PanelSettings(account="1234", port=1),
        token="SIA-DCS",
        sequence=1,
        data="#1234|NBA1",
        blocks=("J" + '{"x":"' + "y" * 9000 + '"}',),
    )
    assert Framer(max_bytes=16_384).feed(frame)[0].kind is FrameKind.FRAME
