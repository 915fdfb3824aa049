"""The five verbs and ``act``: commands for teams out to phones; acknowledgements and beats of watchers in.

What a page answers is in :mod:`cior_connectors.builtin.notify.page`. A beat hears 202 once it is durable, 401 without
its watcher's key, 409 when its clock is five minutes off, 503 when nothing is durable.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from cior_connectors.builtin.notify import decode as decoding
from cior_connectors.builtin.notify.book import NoticeBook
from cior_connectors.builtin.notify.building import channels_of
from cior_connectors.builtin.notify.channels import Channel
from cior_connectors.builtin.notify.config import NotifyConfig
from cior_connectors.builtin.notify.decode import Lost, Trouble
from cior_connectors.builtin.notify.directory import (
    Contacts,
    Directory,
    WatchedFile,
    contacts_file,
    duty_file,
    zone_of,
)
from cior_connectors.builtin.notify.links import open_links
from cior_connectors.builtin.notify.notice import notice_of
from cior_connectors.builtin.notify.page import Pages
from cior_connectors.builtin.notify.ringing import Files, LinkSettings, Ringer
from cior_connectors.builtin.notify.watchers import MISSED_BEATS, Watchers
from cior_connectors.contract import (
    Accepted,
    ActingContext,
    Decoded,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
)
from cior_connectors.crowd import Crowd
from cior_connectors.http_edge import HttpEdge
from cior_core.duty import DutyBook
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.model import Command, Receipt, Target, TargetKind

WAITING_PAYLOADS = 256
CONNECTIONS, STRANGERS = 256, 32
HEAD_TIMEOUT_S, BODY_TIMEOUT_S, ANSWER_WITHIN_S = 10.0, 10.0, 8.0
_encode = msgspec.json.Encoder().encode


class NotifySource:
    """Rings people. ``port`` is the bound port while open."""

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self._ctx: ActingContext | None = None
        self._queue: asyncio.Queue[Received] = asyncio.Queue(WAITING_PAYLOADS)
        self._troubled: dict[str, str] = {}
        self._parts: _Open | None = None
        self._watchers = _watchers(config, self._lost)
        self._targets = Told(contacts_file(Path(config.contacts), faulty=self._file_faulty))
        self.port = 0

    async def open(self, ctx: OpenContext) -> None:
        """Read the files, go on with what was left, listen.

        Raises ``ConfigInvalid``, ``SourceUnavailable`` (``notify.bind``, ``notify.book``).
        """
        await self.close()
        if not isinstance(ctx, ActingContext):
            raise ConfigInvalid(
                "notify.context", "this runtime lends no answers", cure="run it with `cior up`"
            )
        self._ctx, self._queue = ctx, asyncio.Queue(WAITING_PAYLOADS)
        config, files = self._config, self._files()
        links = LinkSettings(
            links=open_links(ctx.state_dir / "links.key"),
            base=config.public_url,
            valid_ms=config.link_valid_s * 1000,
        )
        channels = channels_of(config)
        book = _book(ctx)
        ringer = Ringer(
            book, channels.values(), files=files, links=links, ctx=ctx, alarm=self._alarm, calm=self._calm
        )
        pages = Pages(
            ringer,
            links.links,
            watchers={each.name: each.secret.reveal() for each in config.watcher},
            hand=self._hand,
            now_ms=ctx.now_ms,
            zone=files.zone,
        )
        self._watchers = _watchers(config, self._lost)
        self._parts = _Open(book, ringer, channels.values(), pages, watching=self._watchers.run())
        self.port = await self._parts.start(config, instance=ctx.instance)

    async def receive(self) -> AsyncIterator[Received]:
        """Beats and our own troubles as they come; ends by an error when ringing ends."""
        assert self._parts is not None
        ringing = self._parts.ringing
        while True:
            waiting = asyncio.ensure_future(self._queue.get())
            try:
                await asyncio.wait({waiting, ringing}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():
                    ringing.result()
                    return
                yield waiting.result()
            finally:
                waiting.cancel()

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """See :mod:`cior_connectors.builtin.notify.decode`."""
        return decoding.decode(raw, facts)

    async def close(self) -> None:
        """Stop ringing and listening; what is under way goes on after the next ``open``."""
        while not self._queue.empty():
            await self._queue.get_nowait().ack(Refused(code="connector.stopping"))
        parts, self._parts = self._parts, None
        if parts is not None:
            await parts.stop()

    async def probe(self) -> ProbeReport:
        """Whether the files can be read and everybody on duty has a channel. Nobody is rung."""
        try:
            files = self._files()
            book, contacts = files.directory.now, files.contacts.now
        except CiorError as error:
            return ProbeReport(ok=False, detail=f"{error.code}: {error.sentence}")
        known = channels_of(self._config)
        mute = sum(1 for person in book.person if not known.keys() & contacts.get(person.id, {}).keys())
        if mute:
            return ProbeReport(ok=False, detail=f"{mute} of {len(book.person)} people have no channel")
        return ProbeReport(
            ok=True,
            detail=f"{len(book.team)} teams, {len(book.person)} people, {len(known)} channels; nobody was rung",
        )

    # --- commands ---

    @property
    def targets(self) -> Collection[Target]:
        """Every team, those that no directory knows too: that nobody can be told is said, never silence. Of devices
        those whose people have an address.
        """
        return self._targets

    async def act(self, command: Command, /) -> Receipt:
        """Begin to tell whoever is on duty; the last word comes as a further receipt."""
        if self._parts is None:
            raise SourceUnavailable("connector.down", "the connector is not open")
        return self._parts.ringer.take(notice_of(command))

    # --- watchers ---

    def expected_every_s(self, subject: str, /) -> float | None:
        """Heartbeating: so many beats of a watcher may be missed."""
        return next(
            (
                MISSED_BEATS * each.every_s
                for each in self._config.watcher
                if decoding.subject_of(each.name) == subject
            ),
            None,
        )

    async def _hand(self, watcher: str, body: bytes) -> Outcome:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        facts = self._facts(via="beat", subject=decoding.subject_of(watcher))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._queue.put(Received(payload=body, facts=facts, ack=partial(_settle, answer)))
                outcome = await answer
        except TimeoutError:
            return Refused(code="notify.answer_late")
        if isinstance(outcome, Accepted):
            self._watchers.heard(watcher)
        return outcome

    # --- what cannot be told ---

    def _alarm(self, team: str, code: str) -> None:
        if self._troubled.get(team) != code:
            self._troubled[team] = code
            self._tell(team, code)

    def _calm(self, team: str) -> None:
        if self._troubled.pop(team, None) is not None:
            self._tell(team, "")

    def _tell(self, team: str, code: str) -> None:
        assert self._ctx is not None
        if not self._say(Trouble(team=team, at_ms=self._ctx.now_ms(), code=code)):
            self._troubled.pop(team, None)  # it is told with the next notice

    def _lost(self, watcher: str, is_lost: bool) -> None:  # noqa: FBT001  a callback's one fact
        if self._ctx is not None:
            self._say(Lost(watcher=watcher, at_ms=self._ctx.now_ms(), is_back=not is_lost))

    def _say(self, told: Trouble | Lost) -> bool:
        """On the log, as what this connector found itself; False when there is no room."""
        if self._queue.full():
            return False
        self._queue.put_nowait(Received(payload=_encode(told), facts=self._facts(via="own"), ack=_unanswered))
        return True

    def _facts(self, *, via: str, subject: str = "") -> Facts:
        instance = self._ctx.instance if self._ctx is not None else ""
        return Facts(
            source=f"urn:cior:notify:{instance}",
            peer=via,
            subject=subject,
            content_type="application/json",
            details={"via": via},
            authenticated=True,
        )

    def _files(self) -> Files:
        """The city's files, read once now. Raises ``ConfigInvalid``."""
        config = self._config
        files = Files(
            directory=Directory(duty_file(Path(config.directory), faulty=self._file_faulty), kept=self._kept),
            contacts=contacts_file(Path(config.contacts), faulty=self._file_faulty),
            zone=zone_of(config.zone),
        )
        _ = files.directory.now, files.contacts.now
        return files

    def _kept(self) -> DutyBook | None:
        return self._ctx.duty if self._ctx is not None else None

    def _file_faulty(self, fault: ConfigInvalid | None) -> None:
        if self._ctx is None:
            return
        if fault is None:
            self._ctx.recovered()
        else:
            self._ctx.degraded(fault.code)


class Told(Collection[Target]):
    """All targets that are teams, and the devices that the file of contacts names (``"device:<id>"``)."""

    def __init__(self, contacts: WatchedFile[Contacts]) -> None:
        self._contacts = contacts

    def __contains__(self, target: object) -> bool:
        if not isinstance(target, Target):
            return False
        return target.kind is TargetKind.TEAM or (
            target.kind is TargetKind.DEVICE and str(target) in self._known()
        )

    def _known(self) -> Contacts:
        try:
            return self._contacts.now
        except ConfigInvalid:  # said when the connector opens
            return {}

    def __iter__(self) -> Iterator[Target]:
        return (
            Target.parse(name) for name in self._known() if name.startswith(f"{TargetKind.DEVICE.value}:")
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Open:
    """What exists while the source is open."""

    def __init__(
        self,
        book: NoticeBook,
        ringer: Ringer,
        channels: Collection[Channel],
        pages: Pages,
        *,
        watching: Coroutine[None, None, None],
    ) -> None:
        self._book, self.ringer, self._channels, self._pages = book, ringer, channels, pages
        self._server: asyncio.Server | None = None
        self._runner: web.ServerRunner | None = None
        self.ringing = asyncio.ensure_future(_both(ringer.run(), watching))

    async def start(self, config: NotifyConfig, *, instance: str) -> int:
        """Listen; the port. Raises ``SourceUnavailable`` (``notify.bind``), ``ConfigInvalid`` (``notify.tls``)."""
        edge = HttpEdge(
            self._answer,
            crowd=Crowd(most=CONNECTIONS, most_strangers=STRANGERS),
            instance=instance,
            head_timeout_s=HEAD_TIMEOUT_S,
        )
        self._runner = web.ServerRunner(edge, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            self._server = await edge.listen(config.host, config.port, _tls(config))
        except OSError as error:
            raise SourceUnavailable(
                "notify.bind", f"cannot listen on port {config.port}", cure="free the port or change it"
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._pages.answer(request)
        except TimeoutError:
            return web.Response(status=408, headers={"Connection": "close"})

    async def stop(self) -> None:
        """Idempotent."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.ringing.cancel()
        await asyncio.gather(self.ringing, return_exceptions=True)
        for channel in self._channels:
            await channel.close()
        self._book.close()


async def _both(*work: Coroutine[None, None, None]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(each)


def _watchers(config: NotifyConfig, lost: Callable[[str, bool], None]) -> Watchers:
    return Watchers({each.name: each.every_s for each in config.watcher}, tell=lost)


def _book(ctx: OpenContext) -> NoticeBook:
    try:
        return NoticeBook(ctx.state_dir / "notices.book", now_ms=ctx.now_ms)
    except OSError as error:
        raise SourceUnavailable(
            "notify.book", f"the book of notices cannot be opened ({error.strerror})", cure="free the disk"
        ) from error


def _tls(config: NotifyConfig) -> ssl.SSLContext | None:
    if not config.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigInvalid(
            "notify.tls",
            f"the certificate cannot be loaded ({type(error).__name__})",
            cure="check tls_certificate and tls_key",
        ) from error
    return context


async def _settle(answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answer.done():
        answer.set_result(outcome)


async def _unanswered(outcome: Outcome) -> None:
    """Nobody asked: what is refused is said again with the next notice of its team."""
