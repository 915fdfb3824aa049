"""What people do, wired: the register that has them in its ledger, the key that signs, the bus that carries, and the
stories that tell what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from cior_bus.message import DurableSink, MessageOut
from cior_bus.metrics import Metrics
from cior_bus.settings import BusSettings
from cior_bus.topic_reader import TopicReader
from cior_console.acting import BOOK, ActBook
from cior_console.acts_elsewhere import ActsElsewhere
from cior_console.desk import DESK
from cior_console.discretion import DiscreetSigner, Signs, Silent
from cior_console.drills import DRILLS, DrillRoom
from cior_console.duty_keeping import DutyKeeping, SignsDuty
from cior_console.duty_pages import DUTY
from cior_console.feed import AlertFeed
from cior_console.feed_reader import GROUP
from cior_console.judicial_desk import JURISDICTION, JudicialDesk, PackageRoom
from cior_console.judicial_pages import JUDICIAL
from cior_console.outcomes import Outcomes
from cior_console.register_pages import ARCHIVE, Archive
from cior_console.sealed_boxes import SEALED, SealedRoom, SealedStore
from cior_console.silences import SILENCES, SilenceBoard
from cior_console.under_agreement import AGREEMENTS, AgreementBook
from cior_core.catalogue import Kind
from cior_core.errors import CiorError
from cior_core.model import Action, Silence, Transition
from cior_core.protocols import ProtocolBook
from cior_core.rules import PostureRule
from cior_core.signatures import OpensActions
from cior_register.register import Register


class Signer(Signs, SignsDuty, Protocol):
    """The console's key: people's acts, and who is on duty."""


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What acts need besides the register. ``boxes`` None: this console may not read sealed boxes.
    ``jurisdiction``: whose rules judicial requests follow; ``packages``: where their packages and recordings are.

    ``types``: which of them are silent; ``district``: that of a point; ``zone``: the city's time, of shifts. ``opens``:
    whose signatures count, for what people decided elsewhere; None: nobody decides elsewhere. ``origin``: where the
    pages are, for who is told of a request on a telephone.
    """

    signer: Signer
    types: Mapping[str, Silent]
    district: Callable[[float, float], str | None]
    bus: DurableSink
    protocols: ProtocolBook
    postures: tuple[PostureRule, ...] = ()
    boxes: SealedStore | None = None
    zone: ZoneInfo = ZoneInfo("America/Argentina/Cordoba")
    jurisdiction: str = JURISDICTION
    packages: PackageRoom | None = None
    opens: OpensActions | None = None
    origin: str = ""


class Handling:
    """Takes acts while it runs. ``failure`` tells why the stories ended; acts go on then, without their outcome."""

    def __init__(
        self,
        app: web.Application,
        feed: AlertFeed,
        register: Register,
        hands: Hands,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self.outcomes = Outcomes()
        self._hands, self._register, self._metrics = hands, register, metrics
        self.silences = SilenceBoard()
        self._elsewhere: ActsElsewhere | None = None
        self._readers: tuple[TopicReader[Transition], TopicReader[Silence]] | None = None
        self.book = ActBook(
            register,
            DiscreetSigner(hands.signer, types=hands.types, district=hands.district, current=feed.current),
            self._publish,
            self.outcomes,
            current=feed.current,
            now_ms=now_ms,
            metrics=metrics,
        )
        app[DRILLS] = DrillRoom(types=hands.types, current=feed.current)
        app[BOOK], app[ARCHIVE], app[SEALED] = (
            self.book,
            Archive(register),
            SealedRoom(register.pinned, hands.boxes),
        )
        app[SILENCES] = self.silences
        self.duty = DutyKeeping(register, hands.bus, signer=hands.signer, zone=hands.zone, now_ms=now_ms)
        app[DUTY] = self.duty
        app[AGREEMENTS] = AgreementBook(
            register, cameras=lambda: app[DESK].cameras.catalogue, zone=hands.zone, now_ms=now_ms
        )
        self.requests = JudicialDesk(
            register,
            hands.jurisdiction,
            hands.bus,
            now_ms=now_ms,
            packages=hands.packages,
            origin=hands.origin,
        )
        app[JUDICIAL] = self.requests.room
        feed.listeners.append(self.outcomes.alert_came)

    async def _publish(self, action: Action) -> None:
        await self._hands.bus.publish([MessageOut.of(action)])

    @property
    def failure(self) -> CiorError | None:
        """Why the stories, the silences or what people decided elsewhere are not read any more."""
        ended = (each.failure for each in (*(self._readers or ()), self._elsewhere) if each is not None)
        return next((failure for failure in ended if failure is not None), None)

    @asynccontextmanager
    async def running(self, bus: BusSettings) -> AsyncIterator[None]:
        """Read stories and silences, and send what could not be sent."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def came(line: Transition, _body: bytes) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.outcomes.transition_came, line)

        # Silences are compacted: the beginning of their topic is how they stand.
        self._readers = (
            TopicReader(bus, Kind.TRANSITION, Transition, came, group=GROUP, only_news=True),
            TopicReader(bus, Kind.SILENCE, Silence, self.silences.apply, group=GROUP),
        )
        for each in self._readers:
            each.start()
        if self._hands.opens is not None:
            self._elsewhere = ActsElsewhere(bus, self._register, self._hands.opens, metrics=self._metrics)
            self._elsewhere.start()
        following = self.requests.following(loop)
        for thread in following:
            thread.start()
        sending = [asyncio.create_task(self.book.run(stop)), asyncio.create_task(self.duty.run(stop))]
        try:
            yield
        finally:
            stop.set()
            for thread in following:
                await asyncio.to_thread(thread.stop)
            for each in self._readers:
                await asyncio.to_thread(each.stop)
            if self._elsewhere is not None:
                await asyncio.to_thread(self._elsewhere.stop)
            await asyncio.gather(*sending)
