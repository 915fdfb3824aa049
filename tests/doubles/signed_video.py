"""Videos with the messages that a camera that signs puts into them, to the published form (ITU-T H.264 §7.3.2.3.1 and
H.265 §7.3.2.4: SEI of type 5 that begin with their scheme's UUID). What follows the UUID is nobody's signature.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import av
from av.packet import Packet
from av.video.stream import VideoStream

from doubles.packages import segment_file

ONVIF = UUID("005bc93f-2d71-5e95-ada4-796f90877a6f")
AXIS = UUID("5369676e-6564-2056-6964-656f2e2e2e30")
HEADERS = {"h264": b"\x06", "hevc": b"\x4e\x01"}
SUFFIX = b"\x50\x01"
"""Of an H.265 message that stands after its pictures (type 40)."""
BODY = b"\x00\x00\x01 not a signature \x00\x00\x00\x03" + bytes(range(256)) * 3


def message(uuid: UUID, header: bytes, *, before: bytes = b"", body: bytes = BODY) -> bytes:
    """A unit with one message of ``uuid``, behind the bytes of other messages; emulation prevented (H.264 §7.4.1)."""
    content = uuid.bytes + body
    size = b"\xff" * (len(content) // 255) + bytes([len(content) % 255])
    return header + _escaped(before + b"\x05" + size + content + b"\x80")


def _escaped(payload: bytes) -> bytes:
    made, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            made.append(3)
            zeros = 0
        made.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(made)


def framed(*units: bytes, width: int = 4) -> bytes:
    """Units as packets of MP4 hold them: each behind its length."""
    return b"".join(len(each).to_bytes(width, "big") + each for each in units)


def sign(source: Path, target: Path, uuid: UUID = ONVIF, *, fragments: bool = True) -> None:
    """The same video with a message at the head of each group of pictures."""
    flags = "frag_keyframe+empty_moov" if fragments else "faststart"
    options = {"movflags": flags, "fflags": "+bitexact", "use_editlist": "0"}
    with av.open(str(source)) as whole, av.open(str(target), "w", format="mp4", options=options) as out:
        video = whole.streams.video[0]
        stream = out.add_stream_from_template(video)
        header = HEADERS[video.codec_context.codec.canonical_name]
        for packet in whole.demux(video):
            if packet.size:
                out.mux(_with_message(packet, stream, message(uuid, header)))


def _with_message(packet: Packet[VideoStream], stream: VideoStream, unit: bytes) -> Packet[Any]:
    content = bytes(packet)
    made: Packet[Any] = Packet((framed(unit) if packet.is_keyframe else b"") + content)
    made.pts, made.dts, made.time_base, made.duration = (
        packet.pts,
        packet.dts,
        packet.time_base,
        packet.duration,
    )
    made.is_keyframe, made.stream = packet.is_keyframe, stream
    return made


def drawing(uuid: UUID = ONVIF) -> Callable[[Path, int], tuple[int, int]]:
    """Noise of a camera that signs, for :func:`doubles.packages.ring`."""

    def draw(path: Path, number: int) -> tuple[int, int]:
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.mp4"
            segment_file(plain, seed=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            sign(plain, path, uuid)
        return 64, 48

    return draw
