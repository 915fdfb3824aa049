"""A street of cameras in one process: H.264 over RTSP, interleaved in TCP (RFC 2326 §10.12, RTP payload RFC 6184), from
packets that were cut once, so that it can feed dozens of recorders and hardly be seen in a measurement.

``python -m engines.rtsp_street CLIP PORT [--no-parameter-sets] [--join-at SECONDS]``. Every path is the same clip, told
again and again with times that go on. ``--no-parameter-sets``: its description does not tell how the pictures are
coded, they do; ``--join-at``: who connects comes into the clip there, as into any stream that is under way.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import av
from av.bitstream import BitStreamFilterContext

from cior_bus.embedded.tansu import LOOPBACK, free_port
from engines.process import EngineProcess

RATE_HZ = 90_000
PAYLOAD_BYTES = 1_400
PAYLOAD_TYPE = 96
REPORT_EVERY_S = 5.0
_PARAMETER_SETS = (7, 8)
_NTP_EPOCH_S = 2_208_988_800


@dataclass(frozen=True)
class Picture:
    """When it is due, from the clip's beginning, and the payloads that carry it."""

    at_s: float
    payloads: tuple[bytes, ...]


@dataclass(frozen=True)
class Clip:
    """All pictures of a clip, how long it lasts, and its parameter sets."""

    pictures: tuple[Picture, ...]
    lasts_s: float
    parameter_sets: tuple[bytes, ...]


def cut(path: Path) -> Clip:
    """The clip as payloads."""
    pictures: list[Picture] = []
    parameter_sets: dict[int, bytes] = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        annexb = BitStreamFilterContext("h264_mp4toannexb", in_stream=stream)
        tick_s, step_s = float(stream.time_base), 1 / float(stream.average_rate or 25)
        for packet in container.demux(stream):
            for whole in annexb.filter(packet) if packet.size else ():
                units = list(_units(bytes(whole)))
                parameter_sets |= {unit[0] & 31: unit for unit in units if unit[0] & 31 in _PARAMETER_SETS}
                payloads = tuple(part for unit in units for part in _payloads(unit))
                pictures.append(Picture((whole.pts or 0) * tick_s, payloads))
    return Clip(tuple(pictures), pictures[-1].at_s + step_s, tuple(parameter_sets.values()))


def _units(annexb: bytes) -> Iterator[bytes]:
    """The NAL units between start codes."""
    for part in annexb.split(b"\x00\x00\x01"):
        if unit := part.rstrip(b"\x00"):
            yield unit


def _payloads(unit: bytes) -> Iterator[bytes]:
    """One unit, whole or as fragments (FU-A, RFC 6184 §5.8)."""
    if len(unit) <= PAYLOAD_BYTES:
        yield unit
        return
    head, kind = unit[0] & 0xE0 | 28, unit[0] & 31
    parts = [unit[at : at + PAYLOAD_BYTES] for at in range(1, len(unit), PAYLOAD_BYTES)]
    for number, part in enumerate(parts):
        edge = 0x80 if number == 0 else 0x40 if number == len(parts) - 1 else 0
        yield bytes((head, edge | kind)) + part


class Packer:
    """Payloads as RTP packets inside the RTSP connection, and the sender's reports about them."""

    def __init__(self) -> None:
        self._source = int.from_bytes(os.urandom(4), "big")
        self._sequence, self._packets, self._bytes = 0, 0, 0

    def packed(self, payloads: Sequence[bytes], at_s: float) -> bytes:
        """One picture of the stream's second ``at_s``."""
        out, last = bytearray(), len(payloads) - 1
        stamp = round(at_s * RATE_HZ) & 0xFFFFFFFF
        for number, payload in enumerate(payloads):
            marked = PAYLOAD_TYPE | (0x80 if number == last else 0)
            out += struct.pack(
                ">cBHBBHII", b"$", 0, 12 + len(payload), 0x80, marked, self._sequence, stamp, self._source
            )
            out += payload
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._packets += 1
            self._bytes += len(payload)
        return bytes(out)

    def report(self, at_s: float, *, now_s: float) -> bytes:
        """A sender report (RFC 3550 §6.4.1): the stream's second ``at_s`` is ``now_s`` of UTC."""
        now_s += _NTP_EPOCH_S
        second, fraction = int(now_s), int(now_s % 1 * 2**32)
        stamp = round(at_s * RATE_HZ) & 0xFFFFFFFF
        body = struct.pack(
            ">BBHIIIIII", 0x80, 200, 6, self._source, second, fraction, stamp,
            self._packets & 0xFFFFFFFF, self._bytes & 0xFFFFFFFF,
        )  # fmt: skip
        return struct.pack(">cBH", b"$", 1, len(body)) + body


class _Viewer:
    """One connection, from PLAY to its end."""

    def __init__(self, writer: asyncio.StreamWriter, clip: Clip, join_at_s: float) -> None:
        self._writer, self._clip, self._join_at_s = writer, clip, join_at_s
        self._packer = Packer()

    async def play(self) -> None:
        """Until the connection ends."""
        began_s, reported_s, lap = time.monotonic() - self._join_at_s, -REPORT_EVERY_S, 0
        while True:
            for picture in self._clip.pictures:
                at_s = lap * self._clip.lasts_s + picture.at_s
                if at_s < self._join_at_s:
                    continue
                await asyncio.sleep(max(0.0, began_s + at_s - time.monotonic()))
                if at_s - reported_s >= REPORT_EVERY_S:
                    reported_s = at_s
                    self._writer.write(self._packer.report(at_s, now_s=time.time()))
                self._writer.write(self._packer.packed(picture.payloads, at_s))
                await self._writer.drain()
            lap += 1


class Playing(Protocol):
    """What a viewer is sent after PLAY."""

    async def play(self) -> None:
        """Until the connection ends."""
        ...


class RtspPort:
    """The conversation of RTSP about one clip; ``playing`` makes what is sent."""

    def __init__(
        self, clip: Clip, playing: Callable[[asyncio.StreamWriter], Playing], *, tells: bool = True
    ) -> None:
        self._playing = playing
        sets = ",".join(base64.b64encode(each).decode() for each in clip.parameter_sets)
        told = f";sprop-parameter-sets={sets}" if tells else ""
        self._description = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=street\r\nt=0 0\r\n"
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} H264/{RATE_HZ}\r\n"
            f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1{told}\r\na=control:track0\r\n"
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        playing: asyncio.Task[None] | None = None
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                while request[:1] == b"$":  # the receiver's reports
                    length = int.from_bytes(request[2:4], "big")
                    rest = request[4 + length :]
                    request = rest or await reader.readuntil(b"\r\n\r\n")
                method, number = request.split(b" ", 1)[0].decode(), _header(request, b"CSeq")
                writer.write(self._answer(method, number))
                if method == "PLAY":
                    playing = asyncio.create_task(self._playing(writer).play())
                elif method == "TEARDOWN":
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            return
        finally:
            if playing is not None:
                playing.cancel()
            writer.close()

    def _answer(self, method: str, number: str) -> bytes:
        head, body = [f"CSeq: {number}"], ""
        match method:
            case "OPTIONS":
                head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            case "DESCRIBE":
                body = self._description
                head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            case "SETUP":
                head += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
            case _:
                head.append("Session: 1")
        return ("RTSP/1.0 200 OK\r\n" + "\r\n".join(head) + "\r\n\r\n" + body).encode()


def _header(request: bytes, name: bytes) -> str:
    found = next(
        (line for line in request.split(b"\r\n") if line.lower().startswith(name.lower() + b":")), b":0"
    )
    return found.partition(b":")[2].strip().decode()


class Street:
    """The process. ``start`` once, ``stop`` once."""

    def __init__(
        self, clip: Path, log_path: Path, *, tells_parameter_sets: bool = True, join_at_s: float = 0.0
    ) -> None:
        self._port = free_port()
        argv = [
            sys.executable, "-m", "engines.rtsp_street", str(clip), str(self._port), "--join-at", str(join_at_s),
        ]  # fmt: skip
        argv += [] if tells_parameter_sets else ["--no-parameter-sets"]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        self._process = EngineProcess("rtsp-street", argv, log_path=log_path, env=env)

    def url(self, name: str) -> str:
        """Any camera of it."""
        return f"rtsp://{LOOPBACK}:{self._port}/{name}"

    def __enter__(self) -> Self:
        self._process.start(self._answers, timeout_s=30.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(timeout_s=5.0)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=0.5):
                return True
        except OSError:
            return False


async def _main(arguments: argparse.Namespace) -> None:
    clip = cut(arguments.clip)
    server = RtspPort(
        clip, lambda writer: _Viewer(writer, clip, arguments.join_at), tells=arguments.parameter_sets
    )
    async with await asyncio.start_server(server.serve, LOOPBACK, arguments.port) as listening:
        await listening.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--no-parameter-sets", dest="parameter_sets", action="store_false")
    parser.add_argument("--join-at", type=float, default=0.0)
    asyncio.run(_main(parser.parse_args()))
