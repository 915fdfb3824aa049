"""Cameras on sockets of their own that can be made to fail: H.264 over RTSP (RFC 2326, RFC 6184) and MJPEG over HTTP
(``multipart/x-mixed-replace``), played from pictures that were coded once.

Each has a port, so that one that is killed is gone and the others are not. Runs in the caller's event loop. All of it
goes by a :class:`Tempo`, which may be faster than time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cior_bus.embedded.tansu import LOOPBACK, free_port
from engines.rtsp_street import REPORT_EVERY_S, Clip, Packer, RtspPort

USUAL = "usual"
"""The scene of a camera that nobody did anything to."""


LATE_S = 2.0


class Form(StrEnum):
    """How it sends."""

    RTSP = "rtsp"
    MJPEG = "mjpeg"


@dataclass(frozen=True)
class Tempo:
    """A clock that runs ``speed`` times as fast as time since ``base_s`` (UTC, s)."""

    base_s: float
    speed: float = 1.0

    def now_s(self) -> float:
        """Its UTC."""
        return self.base_s + (time.time() - self.base_s) * self.speed

    async def until(self, at_s: float) -> None:
        """Sleep until its UTC is ``at_s``."""
        await asyncio.sleep(max(0.0, (at_s - self.now_s()) / self.speed))


@dataclass(frozen=True)
class Footage:
    """What cameras of both forms send, by scene; all scenes are equally long and change at a key picture."""

    clips: Mapping[str, Clip]
    jpegs: Mapping[str, Sequence[bytes]]
    fps: int
    key_every: int


@dataclass
class FaultyCamera:
    """``scene``: what it sees from its next key picture on; ``hangs``: connections stay open and say nothing; ``pace``:
    how fast its own time runs; ``damages``: bits of its pictures are turned over on the way; ``phase``: the picture at
    which it begins, so that cameras of one footage do not see the same at once.
    """

    name: str
    form: Form
    footage: Footage
    tempo: Tempo
    phase: int = 0
    scene: str = USUAL
    hangs: bool = False
    pace: float = 1.0
    damages: bool = False
    late: list[tuple[float, float]] = field(default_factory=list)
    """When this machine sent a picture more than ``LATE_S`` after it was due (UTC of the tempo), and by how much."""
    _port: int = field(default_factory=free_port)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it is watched; the same over a kill."""
        if self.form is Form.MJPEG:
            return f"http://{LOOPBACK}:{self._port}/video.mjpg"
        return f"rtsp://{LOOPBACK}:{self._port}/video"

    async def start(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def kill(self) -> None:
        """Gone: nobody listens, and who was connected is cut off."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self.cut_off()
            while self._open:  # noqa: ASYNC110  (a set, which each connection leaves by itself)
                await asyncio.sleep(0.01)
            await server.wait_closed()

    def note(self, now_s: float, due_s: float) -> None:
        """A picture that was due at ``due_s`` is sent."""
        if now_s - due_s > LATE_S:
            self.late.append((now_s, now_s - due_s))

    def cut_off(self) -> None:
        """Every connection ends, as when a camera restarts its encoder."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.form is Form.RTSP:
                rtsp = RtspPort(self.footage.clips[USUAL], lambda to: _Rtsp(self, to))
                await rtsp.serve(reader, writer)
            else:
                await reader.readuntil(b"\r\n\r\n")
                await _Mjpeg(self, writer).play()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


class _Viewed:
    """One connection: which picture is next, when, and at which second of the camera's own time."""

    def __init__(self, camera: FaultyCamera, writer: asyncio.StreamWriter) -> None:
        self._camera, self._writer = camera, writer
        self._scene, self._own_s = camera.scene, 0.0
        self._rng = random.Random(camera.name)

    async def play(self) -> None:
        """Until the connection ends."""
        camera, footage, number = self._camera, self._camera.footage, self._camera.phase
        began_s, first = camera.tempo.now_s(), number
        while True:
            await camera.tempo.until(began_s + (number - first) / footage.fps)
            if self._writer.is_closing():
                return
            if number % footage.key_every == 0:
                self._scene = camera.scene
            camera.note(camera.tempo.now_s(), began_s + (number - first) / footage.fps)
            if not camera.hangs:
                self._send(self._scene, number)
                await self._writer.drain()
            number += 1
            self._own_s += camera.pace / footage.fps

    def _send(self, scene: str, number: int) -> None:
        raise NotImplementedError

    def _is_spared(self, number: int) -> bool:
        return not self._camera.damages or number % self._camera.footage.key_every == 0


class _Rtsp(_Viewed):
    def __init__(self, camera: FaultyCamera, writer: asyncio.StreamWriter) -> None:
        super().__init__(camera, writer)
        self._packer, self._reported_s = Packer(), -REPORT_EVERY_S

    def _send(self, scene: str, number: int) -> None:
        pictures = self._camera.footage.clips[scene].pictures
        payloads = pictures[number % len(pictures)].payloads
        if not self._is_spared(number):
            payloads = tuple(map(self._damaged, payloads))
        now_s = self._camera.tempo.now_s()
        if now_s - self._reported_s >= REPORT_EVERY_S:
            self._reported_s = now_s
            self._writer.write(self._packer.report(self._own_s, now_s=now_s))
        self._writer.write(self._packer.packed(payloads, self._own_s))

    def _damaged(self, payload: bytes) -> bytes:
        """Some bits behind the head of the slice are others."""
        bent = bytearray(payload)
        for _ in range(max(1, len(bent) // 60)):
            at = self._rng.randrange(min(12, len(bent) - 1), len(bent))
            bent[at] ^= 1 << self._rng.randrange(8)
        return bytes(bent)


class _Mjpeg(_Viewed):
    """Each picture for itself; nobody says when it was taken."""

    async def play(self) -> None:
        self._writer.write(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n"
        )
        await super().play()

    def _send(self, scene: str, number: int) -> None:
        pictures = self._camera.footage.jpegs[scene]
        picture = pictures[number % len(pictures)]
        if not self._is_spared(number):
            picture = picture[: len(picture) // 2]
        head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
        self._writer.write(head.encode() + picture + b"\r\n")
