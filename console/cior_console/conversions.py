"""Segments as every browser can show them: converted when somebody asks for one, by processes that end with who looks.

Each is converted once for as many as ask, by the digest of its bytes, and kept in memory for a short time: no copy of
footage comes to lie on a disk, where it would outlive the rules of its ring. There is an end to how many are made and
wait at once; who comes then is told when to come again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from cior_bus.metrics import Metrics
from cior_console import metrics as m
from cior_console.problems import Refused
from cior_core.errors import ConfigInvalid, PayloadRejected, SourceUnavailable
from cior_core.fragments import fragments_of, head_of, retimed
from cior_core.model import Struct

log = structlog.get_logger("cior.console.conversions")
AGAIN_S: Final = 2


class Converting(Protocol):
    """A process that converts (``cior_video.converter.Converter``)."""

    codec: str

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        ...

    async def convert(self, native: bytes, /) -> tuple[bytes, bool]:
        """The conversion, and whether it is blank. Raises ``PayloadRejected``, ``SourceUnavailable``."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


Start = Callable[[], Awaitable[Converting]]


class ConversionLimits(Struct, frozen=True, kw_only=True):
    """``at_once``: processes; ``waiting``: segments that wait for one. ``kept_bytes`` and ``kept_s``: of what is made.
    ``longest_s``: of one conversion; what takes longer is given up.
    """

    at_once: int = 1
    waiting: int = 6
    kept_bytes: int = 64 * 2**20
    kept_s: float = 60.0
    longest_s: float = 20.0


class Converted(Struct, frozen=True, kw_only=True):
    """A segment for a player: header, and pictures in the camera's own time. ``is_blank``: it is black, since no
    picture of it could be decoded.
    """

    init: bytes
    body: bytes
    is_blank: bool


class Conversions:
    """All of this console. ``start`` None: this centre converts nothing."""

    def __init__(
        self,
        start: Start | None,
        *,
        metrics: Metrics,
        limits: ConversionLimits | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._metrics, self._limits = start, metrics, limits or ConversionLimits()
        self._monotonic_s = monotonic_s
        self._turns = asyncio.Semaphore(self._limits.at_once)
        self._idle: list[Converting] = []
        self._busy: set[Converting] = set()
        self._making: dict[str, asyncio.Task[Converted]] = {}
        self._kept: OrderedDict[str, tuple[float, Converted]] = OrderedDict()
        self._used_s = monotonic_s()
        self.codec = ""

    @property
    def is_offered(self) -> bool:
        """Whether this centre converts at all."""
        return self._start is not None and self._limits.at_once > 0

    @property
    def unused_s(self) -> float | None:
        """For how long nobody asked for anything; None: nothing is running or kept."""
        is_awake = self._idle or self._busy or self._making or self._kept
        return self._monotonic_s() - self._used_s if is_awake else None

    async def ready(self) -> None:
        """There is a process that can convert. Raises ``Refused`` (``footage.not_converted``: none can;
        ``footage.converting``: all have enough to do).
        """
        if not self.is_offered:
            raise Refused("footage.not_converted")
        self._used_s = self._monotonic_s()
        self._refuse_when_full()
        if not self._idle and not self._busy:
            async with self._turns:
                if not self._idle:  # nobody else was quicker
                    self._idle.append(await self._awake())

    async def of(self, native: bytes) -> Converted:
        """The conversion of a segment's header and whole pictures. Raises what :meth:`ready` raises, and
        ``footage.unreadable``.
        """
        self._used_s = now_s = self._monotonic_s()
        key = hashlib.sha256(native).hexdigest()
        while self._kept and now_s - next(iter(self._kept.values()))[0] > self._limits.kept_s:
            self._kept.popitem(last=False)
        if (kept := self._kept.get(key)) is not None:
            self._metrics.add(m.CONVERSIONS, "kept")
            return kept[1]
        task = self._making.get(key)
        if task is None:
            self._refuse_when_full()
            task = self._making[key] = asyncio.create_task(self._make(key, native))
            task.add_done_callback(_heard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asked = asyncio.current_task()
            if task.cancelled() and asked is not None and not asked.cancelling():
                raise Refused("footage.no_view") from None  # it was let go with the last view
            raise

    def _refuse_when_full(self) -> None:
        if len(self._making) >= self._limits.at_once + self._limits.waiting:
            raise self._busy_now()

    def _busy_now(self) -> Refused:
        self._metrics.add(m.CONVERSIONS, "busy")
        return Refused("footage.converting", retry_after_s=AGAIN_S)

    async def _make(self, key: str, native: bytes) -> Converted:
        try:
            async with self._turns:
                content, is_blank = await self._tried(native)
            made = _cut(content, is_blank=is_blank)
        except PayloadRejected as error:
            self._metrics.add(m.CONVERSIONS, "failed")
            log.warning("conversion_failed", code=error.code)
            raise Refused("footage.unreadable") from None
        finally:
            del self._making[key]
        self._metrics.add(m.CONVERSIONS, "blank" if is_blank else "made")
        self._keep(key, made)
        return made

    async def _tried(self, native: bytes) -> tuple[bytes, bool]:
        """By one that is idle; when it had ended, by a new one. What kills a new one too is unreadable."""
        while True:
            is_new = not self._idle
            converter = self._idle.pop() if self._idle else await self._awake()
            if not is_new and not converter.is_running:
                continue
            self._busy.add(converter)
            is_well = False
            try:
                async with asyncio.timeout(self._limits.longest_s):
                    made = await converter.convert(native)
                is_well = True
                return made
            except PayloadRejected:
                is_well = True
                raise
            except TimeoutError:
                log.warning("conversion_given_up", after_s=self._limits.longest_s)
                raise self._busy_now() from None
            except SourceUnavailable as error:
                log.warning("converter_ended", code=error.code)
                if is_new:
                    raise PayloadRejected(
                        "conversion.fatal", "it ended the process that converts", cure="watch the native file"
                    ) from error
            finally:
                self._busy.discard(converter)
                if is_well:
                    self._idle.append(converter)
                else:
                    await converter.close()

    async def _awake(self) -> Converting:
        """A new one."""
        assert self._start is not None
        try:
            made = await self._start()
        except ConfigInvalid as error:
            log.error("conversion_unable", code=error.code, told=str(error))  # noqa: TRY400  (its words say all)
            raise Refused("footage.no_converter") from None
        except (SourceUnavailable, OSError) as error:
            log.warning("converter_not_started", error=type(error).__name__)
            raise self._busy_now() from None
        self.codec = made.codec
        return made

    def _keep(self, key: str, made: Converted) -> None:
        self._kept[key] = self._monotonic_s(), made
        while sum(len(each.body) for _, each in self._kept.values()) > self._limits.kept_bytes:
            self._kept.popitem(last=False)

    async def rest(self) -> None:
        """Nobody looks any more: what is being made is let go, the processes end, nothing is kept."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        if making:
            await asyncio.wait(making)
        self._kept.clear()
        while self._idle:
            await self._idle.pop().close()


def _heard(task: asyncio.Task[Converted]) -> None:
    """Whoever asked may be gone before it failed."""
    if not task.cancelled():
        task.exception()


def _cut(content: bytes, *, is_blank: bool) -> Converted:
    """As a player gets it. Raises ``PayloadRejected``."""
    head = head_of(content)
    found = fragments_of(content, head.size) if head is not None else ()
    if head is None or not found:
        raise PayloadRejected("conversion.form", "a conversion is not whole", cure="watch the native file")
    return Converted(init=head.init, body=retimed(content, found, head.shift), is_blank=is_blank)
