"""What stands in a ring, read as a stranger reads it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import av

from cior_core import footage
from cior_core.footage import Entry, Record, Segment


def entries(ring: Path, camera: str = "plaza") -> list[Entry]:
    """Every entry of a camera; the chain of each day holds and names the day before."""
    found: list[Entry] = []
    for path in sorted((ring / camera).glob(f"*/{footage.INDEX}")):
        index = footage.read_index(path.read_bytes())
        assert (index.faults, footage.defects(index.entries)) == ((), ())
        found += index.entries
    return found


def records(ring: Path, camera: str = "plaza") -> list[Record]:
    return [each.record for each in entries(ring, camera)]


def segments(ring: Path, camera: str = "plaza") -> list[Segment]:
    return [each for each in records(ring, camera) if isinstance(each, Segment)]


def gaps(ring: Path, camera: str = "plaza") -> list[footage.Gap]:
    return [each for each in records(ring, camera) if isinstance(each, footage.Gap)]


def checked(ring: Path, segment: Segment) -> list[bytes]:
    """The packets of a segment's file, which is as its record says, and whose every picture can be decoded."""
    content = (ring / segment.path).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (segment.size_bytes, segment.sha256)
    assert b"elst" not in content, "no edit list"
    with av.open(str(ring / segment.path)) as container:
        stream = container.streams.video[0]
        packets = [bytes(each) for each in container.demux(stream) if each.size]
    with av.open(str(ring / segment.path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert len(packets) == pictures == segment.frames
    assert hashlib.sha256(b"".join(packets)).hexdigest() == segment.payload_sha256
    return packets


def slices(packets: list[bytes]) -> Iterator[str]:
    """Digests of the coded pictures alone (NAL units 1 and 5 of H.264, ITU-T H.264 §7.4.1), in length-prefixed
    packets: parameter sets may be said in the stream or beside it.
    """
    for packet in packets:
        at = 0
        while at < len(packet):
            size = int.from_bytes(packet[at : at + 4], "big")
            unit = packet[at + 4 : at + 4 + size]
            at += 4 + size
            if unit[0] & 0x1F in {1, 5}:
                yield hashlib.sha256(unit).hexdigest()


def played(content: bytes) -> list[av.Packet[av.VideoStream]]:
    """What a player has of header and pieces joined, packet for packet."""
    with av.open(io.BytesIO(content), "r") as container:
        return [each for each in container.demux(container.streams.video[0]) if each.size]


def packets_of(clip: Path) -> list[bytes]:
    with av.open(str(clip)) as container:
        return [bytes(each) for each in container.demux(container.streams.video[0]) if each.size]


def length_ms(ring: Path, segment: Segment) -> float:
    """From the first picture of a segment's file to its last one, by the file's own times."""
    with av.open(str(ring / segment.path)) as container:
        stream = container.streams.video[0]
        times = [float(each.pts * each.time_base) for each in container.demux(stream) if each.pts is not None]
    return (max(times) - min(times)) * 1000
