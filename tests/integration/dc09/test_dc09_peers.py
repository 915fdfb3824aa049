"""Other people's implementations: their dialler against our receiver, our frames and answers against their decoders.

Peers: my-dc09-spt 0.2.2 (Apache-2.0), siadc09 1.0.1 (Unlicense), pysiaalarm 3.2.2 (MIT). Each is skipped by name when
it is not installed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cior_connectors.builtin.dc09 import reply
from cior_connectors.builtin.dc09.message import parse
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_core.model import Phase

KEY = b"0123456789ABCDEF"
NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize("transport", ["TCP", "UDP"])
@pytest.mark.parametrize(("account", "key"), [("1234", None), ("77AA", KEY)])
@pytest.mark.parametrize(
    ("token", "params", "expected"),
    [
        ("ADM-CID", {"code": "120", "q": 1, "zone": 7}, ("panic.alarm", Phase.NEW)),
        ("ADM-CID", {"code": "130", "q": 3, "zone": 7}, ("burglary.alarm", Phase.RESTORE)),
        (
            "SIA-DCS",
            {"code": "BA", "zone": 3, "area": 2, "areaname": "Planta alta", "text": "puerta"},
            ("burglary.alarm", Phase.NEW),
        ),
        ("SIA-DCS", {"code": "OP", "user": 14, "username": "Juan"}, ("access.open_close", Phase.NEW)),
        ("NULL", {}, None),
    ],
)
async def test_their_dialler_is_understood_and_understands_our_answer(
    station: Any,
    transport: str,
    account: str,
    key: bytes | None,
    token: str,
    params: dict[str, Any],
    expected: tuple[str, Phase] | None,
) -> None:
    peer = pytest.importorskip("my_dc09_spt.msg.dc09_msg", reason="my-dc09-spt is not installed")
    from my_dc09_spt.comm.transpathtcp import TransPathTCP
    from my_dc09_spt.comm.transpathudp import TransPathUDP
    from my_dc09_spt.msg.dc03_msg import dc03_msg
    from my_dc09_spt.msg.dc05_msg import dc05_msg

    dialler = peer.dc09_msg(account, key=key, receiver=None, line=0)
    body = (
        {"ADM-CID": dc05_msg.dc05event, "SIA-DCS": dc03_msg.dc03event}[token](account, params)
        if token != "NULL"
        else "]"
    )
    frame = dialler.dc09block(7, token, body).encode("ascii")

    def talk() -> bytes:
        path = (TransPathTCP if transport == "TCP" else TransPathUDP)("127.0.0.1", station.port)
        path.connect()
        answer: bytes = path.sendAndReceive(frame)
        path.disconnect()
        return answer

    async with station.running():
        answer = await asyncio.to_thread(talk)
    verdict, offset = dialler.dc09answer(7, answer.decode("ascii"))
    assert verdict == "ACK"
    assert offset is None or abs(offset) < 5
    assert station.sink.raws()[0].payload == frame
    if expected is not None:
        (event,) = station.presses()
        assert (event.type, event.phase, event.subject) == (*expected, f"panel:{account}")


@pytest.mark.parametrize("key", [None, KEY, bytes(range(24)), bytes(range(32))])
def test_their_decoder_reads_our_frames_and_our_answers_as_we_do(key: bytes | None) -> None:
    siadc09 = pytest.importorskip("siadc09.message", reason="siadc09 is not installed")
    panel = PanelSettings(account="77AA", port=1, key=key, receiver="1F", line="2")
    frame = encode(panel, token="ADM-CID", sequence=42, data="#77AA|1120 00 007", at_ms=NOW_MS)
    ours = parse(frame[9:-1], lambda _account: (key,) if key else ())
    theirs = siadc09.parse_frame(frame, keys=key)
    assert theirs.seq == int(ours.sequence) == 42
    assert theirs.account.acct == int(ours.account, 16)
    assert theirs.account.rcvr == 0x1F
    assert theirs.account.pref == 2
    for answer, kind in ((reply.ack(ours, now_ms=NOW_MS), "Ack"), (reply.duh(ours, now_ms=NOW_MS), "Duh")):
        read = siadc09.parse_frame(answer, keys=key)
        assert kind.lower() in type(read).__name__.lower() or kind.upper() in repr(read).upper()
        assert read.seq == 42


def test_a_third_decoder_reads_our_frames() -> None:
    pysiaalarm = pytest.importorskip(
        "pysiaalarm",
        reason="pysiaalarm 3.2.2 (MIT) is not installed: pip install pysiaalarm to run this peer",
    )
    frame = encode(
        PanelSettings(account="77AA", port=1), token="ADM-CID", sequence=42, data="#77AA|1110 00 129"
    )
    event = pysiaalarm.SIAEvent.from_line(frame.decode().strip())
    assert (event.account, event.code, event.sequence, event.valid_message) == ("77AA", "FA", "0042", True)
