"""A process that converts segments for looking (:mod:`cior_video.converting`), as its owner holds it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Final

import structlog

from cior_core.errors import ConfigInvalid, PayloadRejected, SourceUnavailable
from cior_video.converting import LENGTH_BYTES, Kind, message

log = structlog.get_logger("cior.video.converter")
ARGV: Final = (sys.executable, "-m", "cior_video.converting")
STARTS_S: Final = 30.0
"""It comes after everything else on the machine, so its start may take long where that is busy."""
_ENDS_S: Final = 2.0
_ENDED: Final = (asyncio.IncompleteReadError, ConnectionError, ValueError)


class Converter:
    """One such process. Owned by one task at a time; :meth:`close` may come at any time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.codec = ""

    @classmethod
    async def start(cls, argv: tuple[str, ...] = ARGV) -> Converter:
        """Running and able. Raises ``ConfigInvalid`` (``conversion.*``: what is missing, and its cure) and
        ``SourceUnavailable`` (``conversion.ended``).
        """
        pipe = asyncio.subprocess.PIPE
        made = cls(await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe))
        try:
            async with asyncio.timeout(STARTS_S):
                kind, content = await made._answer()
        except TimeoutError:
            await made.close()
            raise _ended("it did not start in time") from None
        except BaseException:
            await made.close()
            raise
        if kind is not Kind.READY:
            await made.close()
            code, sentence, cure = content.decode().split("\n")
            raise ConfigInvalid(code, sentence, cure=cure)
        made.codec = content.decode()
        log.info("converter_started", pid=made.pid)
        return made

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def convert(self, native: bytes) -> tuple[bytes, bool]:
        """The conversion of ``native``, and whether it is blank. Raises ``PayloadRejected`` (``conversion.unreadable``)
        and, when the process ended over it, ``SourceUnavailable`` (``conversion.ended``).
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(message(Kind.SEGMENT, native))
            await self._process.stdin.drain()
        except _ENDED as error:
            raise _ended("it took no more") from error
        kind, content = await self._answer()
        if kind is Kind.FAILED:
            raise PayloadRejected("conversion.unreadable", content.decode(), cure="watch the native file")
        return content, kind is Kind.BLANK

    async def _answer(self) -> tuple[Kind, bytes]:
        assert self._process.stdout is not None
        try:
            head = await self._process.stdout.readexactly(1 + LENGTH_BYTES)
            content = await self._process.stdout.readexactly(int.from_bytes(head[1:], "big"))
            return Kind(head[:1]), content
        except _ENDED as error:
            raise _ended("it ended") from error

    async def close(self) -> None:
        """It is over, whatever it was doing."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.transport.abort()  # no signal: one to what just ended is reported as a fault
        try:
            async with asyncio.timeout(_ENDS_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def _ended(how: str) -> SourceUnavailable:
    return SourceUnavailable(
        "conversion.ended", f"the process that converts is gone: {how}", cure="ask again", retry_after_s=2
    )
