"""``cior watch``: the dead man's switch. Looks at a centre from another machine, rings over the same channels, tells
the centre that it lives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Literal

import aiohttp
import msgspec
import structlog
from msgspec import Meta

from cior_connectors.builtin.notify.building import channels_of
from cior_connectors.builtin.notify.channels import Message, key_of
from cior_connectors.builtin.notify.config import PushSection, SmtpSection, WatcherSection, WebhookSection
from cior_connectors.builtin.notify.decode import Beat
from cior_connectors.builtin.notify.delivery import Line
from cior_connectors.builtin.notify.http_channels import trusting
from cior_connectors.builtin.notify.notice import sentences
from cior_connectors.builtin.notify.page import BEAT_SIGNATURE, beat_signature
from cior_connectors.builtin.notify.watch_state import Bounds, Call, CentreWatch, Look, Trouble
from cior_connectors.contract import ConnectorConfig

_LOG = structlog.get_logger(__name__)
_GAUGE = b"cior_streams_oldest_waiting_milliseconds"
_READ_BYTES = 4_000_000
_CALL_LASTS_MS = 600_000
_BEL = "\a"


class RingSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to ring: a channel of this file and an address on it."""

    channel: str
    address: str


class BeatSection(WatcherSection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to say that this watcher lives: the public address of the centre's ``notify``."""

    url: Annotated[str, Meta(pattern="^https?://")]


class WatchSettings(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A watcher's file. It holds addresses: its owner alone may read it.

    ``url``: the console. ``metrics``: where the workers of presses serve ``/metrics`` (``streams-urgent``), each asked
    for the age of the oldest press.
    """

    centre: str
    url: Annotated[str, Meta(pattern="^https?://")]
    metrics: tuple[str, ...] = ()
    authority: str = ""
    every_s: Annotated[float, Meta(gt=0)] = 5.0
    misses: Annotated[int, Meta(ge=2)] = 2
    waiting_s: Annotated[float, Meta(gt=0)] = 30.0
    clock_s: Annotated[float, Meta(gt=0)] = 5.0
    again_s: Annotated[float, Meta(gt=0)] = 300.0
    language: Literal["es", "en"] = "es"
    sound: bool = True
    webhook: tuple[WebhookSection, ...] = ()
    smtp: tuple[SmtpSection, ...] = ()
    ntfy: tuple[PushSection, ...] = ()
    matrix: tuple[PushSection, ...] = ()
    ring: tuple[RingSection, ...] = ()
    beat: BeatSection | None = None

    def __post_init__(self) -> None:
        known = {each.name for each in (*self.webhook, *self.smtp, *self.ntfy, *self.matrix)}
        if unknown := [each.channel for each in self.ring if each.channel not in known]:
            raise ValueError(f"ring names a channel that is not here: {unknown[0]}")

    @property
    def bounds(self) -> Bounds:
        """When it rings."""
        return Bounds(
            misses=self.misses, waiting_s=self.waiting_s, clock_s=self.clock_s, again_s=self.again_s
        )


class Watcher:
    """``run`` until cancelled. ``say``: a line for whoever sits there; a bell goes with it."""

    def __init__(
        self,
        settings: WatchSettings,
        *,
        say: Callable[[str], None],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        steady_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._settings, self._say, self._now_ms, self._steady_s = settings, say, now_ms, steady_s
        self.state = CentreWatch(settings.bounds)
        self._channels = channels_of(settings)
        self._lines = {
            name: Line(channel, now_ms=now_ms, ended=self._ended) for name, channel in self._channels.items()
        }
        self._tls = trusting(settings.authority)

    async def run(self) -> None:
        """Look, ring, beat. Raises ``ConfigInvalid`` for an authority that cannot be read."""
        try:
            async with self._session() as session, asyncio.TaskGroup() as tasks:
                for line in self._lines.values():
                    tasks.create_task(line.run())
                tasks.create_task(_every(self._settings.every_s, lambda: self._turn(session)))
                if (beat := self._settings.beat) is not None:
                    tasks.create_task(_every(beat.every_s, lambda: self._beat(session, beat)))
        finally:
            for channel in self._channels.values():
                await channel.close()

    async def well_now(self) -> bool:
        """As many looks as it takes to be sure; whether the centre is well. Nobody is rung."""
        async with self._session() as session:
            for turn in range(self._settings.misses):
                await asyncio.sleep(self._settings.every_s if turn else 0)
                call = self.state.looked(await self._look(session))
                if call is not None and call.troubles:
                    self._tell(call)
        return not self.state.reasons

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=max(1.0, self._settings.every_s * 0.9)),
            connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
        )

    async def _turn(self, session: aiohttp.ClientSession) -> None:
        call = self.state.looked(await self._look(session))
        if call is None:
            return
        title, body = self._tell(call)
        started = f"watch:{self._settings.centre}:{self._now_ms()}"
        for n, each in enumerate(self._settings.ring):
            message = Message(
                key=key_of(started, f"{n}", each.channel),
                address=each.address,
                rank=1,
                title=title,
                body=body,
                language=self._settings.language,
                until_ms=self._now_ms() + _CALL_LASTS_MS,
            )
            self._lines[each.channel].put(message)

    def _tell(self, call: Call) -> tuple[str, str]:
        if call.is_over:
            title = self._text("watch_back_title", centre=self._settings.centre)
            body = self._text("watch_back", seconds=round(call.lasted_s))
        else:
            title = self._text("watch_title", centre=self._settings.centre)
            body = "\n".join(self._trouble(each) for each in call.troubles)
        bell = _BEL * 3 if self._settings.sound and not call.is_over else ""
        self._say(f"{bell}{title}\n{body}")
        _LOG.warning("centre_watched", well=call.is_over, reasons=[each.code for each in call.troubles])
        return title, body

    def _trouble(self, trouble: Trouble) -> str:
        code = f"watch_{trouble.code}"
        needs = sentences().sentences[code].arguments
        return self._text(code, **({"seconds": round(trouble.seconds)} if needs else {}))

    def _text(self, code: str, **arguments: object) -> str:
        said: str = getattr(sentences().text(code, arguments), self._settings.language)
        return said

    async def _ended(self, message: Message, code: str) -> None:
        _LOG.info("watch_rang", key=message.key, code=code)

    # --- what a look sees ---

    async def _look(self, session: aiohttp.ClientSession) -> Look:
        health, waiting = await asyncio.gather(
            self._health(session),
            asyncio.gather(*(self._oldest_s(session, url) for url in self._settings.metrics)),
        )
        ages = [age for age in waiting if age is not None]
        return Look(
            at_s=self._steady_s(),
            centre_s=None if health is None else health.now_ms / 1000,
            is_late=health is not None and health.status != "ok",
            waiting_s=max(ages, default=None),
            has_metrics=len(ages) == len(self._settings.metrics),
        )

    async def _health(self, session: aiohttp.ClientSession) -> _Health | None:
        body = await _read(session, f"{self._settings.url.rstrip('/')}/healthz")
        if body is None:
            return None
        try:
            return msgspec.json.decode(body, type=_Health)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # something answers there, and it is no centre
            return None

    async def _oldest_s(self, session: aiohttp.ClientSession, url: str) -> float | None:
        """The age that one worker tells; None when it does not answer or does not tell."""
        body = await _read(session, url) or b""
        for line in body.splitlines():
            if line.startswith(_GAUGE):
                with suppress(ValueError):
                    return float(line.rsplit(b" ", 1)[1]) / 1000
        return None

    async def _beat(self, session: aiohttp.ClientSession, section: BeatSection) -> None:
        beat = Beat(
            watcher=section.name,
            at_ms=self._now_ms(),
            reasons=tuple(f"watch.{code}" for code in self.state.reasons),
        )
        body = msgspec.json.encode(beat)
        headers = {BEAT_SIGNATURE: beat_signature(section.secret.reveal(), body)}
        try:
            async with session.post(
                f"{section.url.rstrip('/')}/beat/{section.name}", data=body, headers=headers
            ) as answer:
                if answer.status != 202:
                    _LOG.warning("watch_beat_refused", status=answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _LOG.warning("watch_beat_lost", reason=type(error).__name__)


class _Health(msgspec.Struct):
    """What ``/healthz`` of a console says."""

    status: str
    now_ms: int


async def _read(session: aiohttp.ClientSession, url: str) -> bytes | None:
    """The body of a 200; None for everything else."""
    try:
        async with session.get(url, allow_redirects=False) as answer:
            return await _bounded(answer) if answer.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        body += part
        if len(body) > _READ_BYTES:
            break
    return bytes(body)


async def _every(interval_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Again and again; the time that it takes is part of the interval."""
    while True:
        began_s = time.monotonic()
        await work()
        await asyncio.sleep(max(0.0, interval_s - (time.monotonic() - began_s)))
