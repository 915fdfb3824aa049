"""Native clips: packets of recorded segments copied into one MP4, cut at whole groups of pictures (law 8).

Nothing is decoded, so nothing can be coded again. There is never an edit list: a player shows all that the file holds,
and an expert's tools find no more than what is declared (docs/paquete.md). Memory holds one group of pictures. Where
the camera signs, a clip ends one group later: the signature of a group stands in the next (ADR 68).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from cior_core.camera_signing import PacketReader, Scheme
from cior_core.errors import IntegrityBroken, PayloadRejected
from cior_core.footage import FootageClock
from cior_core.model import Struct
from cior_core.spans import Span

LONGEST_CLIP_MS: Final = 900_000
_MUXING: Final = {"use_editlist": "0", "movflags": "+faststart", "fflags": "+bitexact"}


class Origin(Struct, frozen=True):
    """What the recorder wrote of a segment when it was recorded, and where in its chain. Not ``omit_defaults``: an
    absent fact is a stated one.
    """

    path: str
    sha256: str
    payload_sha256: str | None = None
    chain: str | None = None
    seq: int | None = None
    link: str | None = None


class Recorded(Struct, frozen=True):
    """A recorded segment: its file, the instants of its pictures, and its place on the camera's own line of time.

    ``line``: segments of one line join without a seam; ``first_s``: where on it this one begins, in seconds.
    """

    camera: str
    number: int
    file: Path
    start_ms: int
    end_ms: int
    line: str
    first_s: float
    clock: FootageClock
    origin: Origin


class Part(Struct, frozen=True):
    """What a clip has of one segment. ``payload_sha256``: of those packets' bytes, in decoding order."""

    recorded: Recorded
    start_ms: int
    end_ms: int
    frames: int
    payload_sha256: str
    is_whole: bool


class Clip(Struct, frozen=True):
    """A written clip: what it shows, in UTC ms, and what it is made of. ``signed``: in how many packets there is a
    signature of each scheme; ``spare_ms``: where the group begins that is there for the signature alone, of
    ``spare_frames``.
    """

    start_ms: int
    end_ms: int
    frames: int
    payload_sha256: str
    codec: str
    width_px: int
    height_px: int
    time_base: tuple[int, int]
    parts: tuple[Part, ...]
    signed: dict[Scheme, int]
    spare_ms: int | None = None
    spare_frames: int = 0


class Wish(Struct, frozen=True):
    """What is asked for, and what of the same camera no spare group may show: it was refused, or is in another file.
    ``held``: what files of the same package show already; a group that stands in one of them is in no other.
    """

    span: Span
    closed: tuple[Span, ...] = ()
    held: tuple[Span, ...] = ()


class Group(Struct, frozen=True):
    """A group of pictures: packets from a key picture to the next.

    ``key_ms``: when its key picture is shown. Pictures that refer to the group before are shown before that, from
    ``first_ms`` on, and only with that group in front of it; ``end_ms`` is where the next group's begin, ``needed_ms``
    its key picture. Where no picture refers across a key, which is what cameras send, both pairs are the same.
    """

    packets: tuple[Packet[VideoStream], ...]
    key_ms: int
    first_ms: int
    end_ms: int
    needed_ms: int

    def touches(self, span: Span) -> bool:
        """Whether anything of ``span`` cannot be shown without it."""
        return self.first_ms < span[1] and self.needed_ms > span[0]

    def is_in(self, span: Span) -> bool:
        """Whether a file that shows ``span`` has it, and pictures after it are shown without it."""
        return span[0] <= self.key_ms < span[1] and self.needed_ms == self.end_ms


def runs(segments: Sequence[Recorded]) -> Iterator[tuple[Recorded, ...]]:
    """Neighbours of one line of time, at most :data:`LONGEST_CLIP_MS` long: a clip each."""
    run: list[Recorded] = []
    for each in sorted(segments, key=lambda one: (one.start_ms, one.number)):
        joins = run and each.line == run[-1].line and each.start_ms == run[-1].end_ms
        if run and (not joins or each.end_ms - run[0].start_ms > LONGEST_CLIP_MS):
            yield tuple(run)
            run = []
        run.append(each)
    if run:
        yield tuple(run)


After = Callable[[Recorded], Recorded | None]
"""The segment that begins where this one ends, if there is one."""


def nothing_after(_recorded: Recorded) -> None:
    """Of a recording that is known whole."""


def cut(run: Sequence[Recorded], wish: Wish, target: Path, *, after: After = nothing_after) -> Clip | None:
    """Write the groups of ``run`` that touch what is asked for to ``target``; None, and no file, when none does.

    ``after`` is asked once, where the camera signs and the next group is not in ``run``. Raises ``PayloadRejected``
    (``clip.unreadable``) and ``IntegrityBroken`` (``clip.changed``) when a segment's packets are not those that were
    recorded.
    """
    writer = _Writer(target, wish)
    try:
        parts = [part for each in run if (part := writer.take(each)) is not None]
        is_end = run[-1].end_ms >= wish.span[1]  # else the rest of what was asked for is in another file
        if parts and is_end and writer.lacks_spare and (following := _joined(run[-1], after)) is not None:
            parts += [part] if (part := writer.take_spare(following)) is not None else []
        return writer.done(tuple(parts)) if parts else None
    except av.FFmpegError as error:
        raise PayloadRejected(
            "clip.unreadable", f"recorded video cannot be read: {error}", cure="look at the recorder's volume"
        ) from error
    finally:
        writer.close()


def _joined(last: Recorded, after: After) -> Recorded | None:
    found = after(last)
    is_next = found is not None and found.line == last.line and found.start_ms == last.end_ms
    return found if is_next else None


class _Signs:
    """Which groups to take: those that were asked for and, where the camera signs, the one after them."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._seen: set[Scheme] = set()
        self._is_open = False
        self.is_asked = True
        """Whether groups that were asked for may still come."""
        self.inside: Counter[Scheme] = Counter()
        self.spare_ms: int | None = None
        self.spare_frames = 0

    @property
    def lacks_spare(self) -> bool:
        """Whether the camera signs and the last group that was asked for is the last one so far."""
        return self._is_open and bool(self._seen)

    def takes(self, group: Group, reader: PacketReader) -> bool:
        """Whether the clip gets it. Groups come in their order, each once."""
        found = Counter(scheme for packet in group.packets for scheme in reader.schemes(bytes(packet)))
        self._seen |= set(found)
        if any(group.is_in(each) for each in self._wish.held):
            self._is_open = False
            return False
        if self.is_asked and group.touches(self._wish.span):
            self._is_open = True
        elif self.lacks_spare and not any(group.touches(each) for each in self._wish.closed):
            self.spare_ms, self.spare_frames, self._is_open = group.key_ms, len(group.packets), False
        else:
            self._is_open = False
            return False
        self.inside += found
        return True


class _Writer:
    """An MP4 that grows by whole groups."""

    def __init__(self, target: Path, wish: Wish) -> None:
        self._target = target
        self._signs = _Signs(wish)
        self._out: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._whole = hashlib.sha256()
        self._begins_s: float | None = None
        self._last_dts: int | None = None

    @property
    def lacks_spare(self) -> bool:
        """See :class:`_Signs`."""
        return self._signs.lacks_spare

    def take(self, recorded: Recorded) -> Part | None:
        """Copy what is wanted of one segment."""
        with av.open(str(recorded.file)) as source:
            return self._copy(source, recorded)

    def take_spare(self, recorded: Recorded) -> Part | None:
        """Copy the first group of the segment behind all that was asked for, if that may be shown."""
        self._signs.is_asked = False
        return self.take(recorded)

    def _copy(self, source: InputContainer, recorded: Recorded) -> Part | None:
        stream = _video(source)
        context = stream.codec_context
        reader = PacketReader(context.codec.canonical_name, bytes(context.extradata or b""))
        own, all_of_it = hashlib.sha256(), hashlib.sha256()
        taken: list[tuple[int, int]] = []
        frames = count = 0
        for group in groups(source, stream, recorded):
            count += len(group.packets)
            wanted = self._signs.takes(group, reader)
            frames += len(group.packets) if wanted else 0
            if wanted:
                taken.append((group.key_ms, group.end_ms))
            for packet in group.packets:
                all_of_it.update(packet)
                if wanted:
                    own.update(packet)
                    self._whole.update(packet)
                    self._mux(packet, stream, recorded)
        _as_recorded(recorded, all_of_it.hexdigest())
        if not taken:
            return None
        return Part(
            recorded=recorded, start_ms=taken[0][0], end_ms=taken[-1][1], frames=frames,
            payload_sha256=own.hexdigest(), is_whole=frames == count,
        )  # fmt: skip

    def _mux(self, packet: Packet[VideoStream], source: VideoStream, recorded: Recorded) -> None:
        out, stream = self._opened(source)
        assert packet.time_base is not None
        if self._begins_s is None:
            assert packet.dts is not None
            self._begins_s = recorded.first_s + float(packet.dts * packet.time_base)
        shift = round((recorded.first_s - self._begins_s) / packet.time_base)
        dts, pts = (packet.dts or 0) + shift, (packet.pts or 0) + shift
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
        self._last_dts = dts
        packet.dts, packet.pts, packet.stream = dts, max(pts, dts), stream
        out.mux_one(packet)

    def _opened(self, source: VideoStream) -> tuple[OutputContainer, VideoStream]:
        if self._out is None or self._stream is None:
            self._out = av.open(str(self._target), "w", format="mp4", options=_MUXING)
            self._stream = self._out.add_stream_from_template(source)
        return self._out, self._stream

    def done(self, parts: tuple[Part, ...]) -> Clip:
        """Close the file; what it is."""
        assert self._stream is not None
        context = self._stream.codec_context
        self.close()
        with av.open(str(self._target)) as made:
            base = _video(made).time_base
        assert base is not None
        return Clip(
            start_ms=parts[0].start_ms, end_ms=parts[-1].end_ms, frames=sum(each.frames for each in parts),
            payload_sha256=self._whole.hexdigest(), codec=context.codec.canonical_name, width_px=context.width,
            height_px=context.height, time_base=(base.numerator, base.denominator), parts=parts,
            signed=dict(self._signs.inside), spare_ms=self._signs.spare_ms,
            spare_frames=self._signs.spare_frames,
        )  # fmt: skip

    def close(self) -> None:
        """End the file, if there is one."""
        if self._out is not None:
            self._out.close()
            self._out = None


def groups(source: InputContainer, stream: VideoStream, recorded: Recorded) -> Iterator[Group]:
    """The groups of pictures of a segment, one at a time. What comes before the first key picture is in the first."""
    origin_s: float | None = None
    held: list[Packet[VideoStream]] = []
    for packets in _from_key_to_key(source, stream):
        origin_s = _shown_s(packets[0]) if origin_s is None else origin_s
        if held:
            following = _instants(packets, recorded, origin_s)
            yield _group(held, _instants(held, recorded, origin_s), following)
        held = packets
    if held and origin_s is not None:
        yield _group(held, _instants(held, recorded, origin_s), (recorded.end_ms, recorded.end_ms))


def _group(packets: list[Packet[VideoStream]], own: tuple[int, int], following: tuple[int, int]) -> Group:
    """``own``, ``following``: instants of the key picture and of the earliest one, of it and of the group after it."""
    key_ms, first_ms = own
    needed_ms, end_ms = following
    return Group(packets=tuple(packets), key_ms=key_ms, first_ms=first_ms, end_ms=end_ms, needed_ms=needed_ms)


def _instants(packets: list[Packet[VideoStream]], recorded: Recorded, origin_s: float) -> tuple[int, int]:
    shown = [recorded.start_ms + round((_shown_s(each) - origin_s) * 1000) for each in packets]
    return shown[0], min(shown)


def _shown_s(packet: Packet[VideoStream]) -> float:
    assert packet.pts is not None
    assert packet.time_base is not None
    return float(packet.pts * packet.time_base)


def _from_key_to_key(source: InputContainer, stream: VideoStream) -> Iterator[list[Packet[VideoStream]]]:
    waiting: list[Packet[VideoStream]] = []
    for packet in source.demux(stream):
        if not packet.size:
            continue
        if packet.is_keyframe and waiting:
            yield waiting
            waiting = []
        waiting.append(packet)
    if waiting:
        yield waiting


def _video(source: InputContainer) -> VideoStream:
    if not source.streams.video:
        raise PayloadRejected(
            "clip.no_video", "a recorded file has no video", cure="look at the recorder's volume"
        )
    return source.streams.video[0]


def _as_recorded(recorded: Recorded, payload_sha256: str) -> None:
    known = recorded.origin.payload_sha256
    if known is not None and known != payload_sha256:
        raise IntegrityBroken(
            "clip.changed",
            f"segment {recorded.number} of {recorded.camera} does not hold what was recorded",
            cure="keep the disk, tell the auditor, and build from another copy",
        )
