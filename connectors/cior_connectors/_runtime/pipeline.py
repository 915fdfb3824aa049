"""The way of a payload: receive → stamp → decode under guard → raw, events and dead letters durable *together* →
answer. In that order, always (law 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count

import msgspec
import structlog

from cior_bus.message import DurableSink
from cior_bus.metrics import Metrics
from cior_bus.spool import REFUSING, SpoolClass
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.accounting import WORDS, Accounting
from cior_connectors._runtime.chains import Chains
from cior_connectors._runtime.clocks import DeviceClocks
from cior_connectors._runtime.guard import DecodeResult, guarded
from cior_connectors._runtime.records import Channel, Publication, publication_of
from cior_connectors._runtime.resends import Resends
from cior_connectors._runtime.signs import Signs
from cior_connectors.contract import Identity, Manifest, Outcome, Received, Refused, Source
from cior_core.errors import CiorError, PayloadRejected, SourceUnavailable
from cior_core.identity import payload_sha256, raw_id

_LOG = structlog.get_logger(__name__)


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A payload on its way to durability."""

    received: Received
    publication: Publication


class Pipeline:
    """One instance's way.

    ``on_refusal`` hears whether life-safety input is being refused (True) or taken again (False).
    """

    def __init__(  # noqa: PLR0913  each is a collaborator, all are named
        self,
        source: Source,
        *,
        manifest: Manifest,
        channel: Channel,
        sink: DurableSink,
        now_ms: Callable[[], int],
        metrics: Metrics,
        accounting: Accounting,
        boot: str,
        chains: Chains,
        on_refusal: Callable[[bool], None] = lambda _refusing: None,
    ) -> None:
        self._source = source
        self._manifest = manifest
        self._channel = channel
        self._sink = sink
        self._now_ms = now_ms
        self._metrics = metrics
        self._accounting = accounting
        self._instance = channel.context.producer.instance
        self._boot = boot
        self._chains = chains
        self._ordinals = count()
        self._resends = Resends(window_s=manifest.resend_window_s)
        self._clocks = DeviceClocks()
        self._on_refusal = on_refusal
        self._refusing: set[SpoolClass] = set()
        self._signs = channel.signs or Signs(key=channel.sealer.pseudonym)

    def stamp(self, received: Received) -> Received:
        """Receipt instant, raw id and decode context: set here, once, at the edge (law 6)."""
        facts, now_ms = received.facts, self._now_ms()
        windowed = self._manifest.identity is Identity.WINDOW
        self._accounting.received(len(received.payload))
        stamped = msgspec.structs.replace(
            facts,
            received_ms=now_ms,
            raw_id=raw_id(
                facts.source,
                self._channel.sealer.pseudonym("raw", payload_sha256(received.payload)),
                received_ms=now_ms,
                instance=f"{self._instance}/{self._boot}",
                ordinal=next(self._ordinals),
            ),
            first_received_ms=self._resends.first_received_ms(
                facts.source, received.payload, received_ms=now_ms
            )
            if windowed
            else now_ms,
            context=self._channel.context,
        )
        return msgspec.structs.replace(received, facts=stamped)

    async def ingest(self, batch: Sequence[Received]) -> None:
        """Bring stamped payloads to durability and answer each; order is kept within a spool class, and no class waits
        for another. Never raises for what a payload holds; may raise ``CancelledError``.
        """
        decoded = self._chained([self._decode(received) for received in batch])
        groups = [
            [ready for ready in decoded if ready.publication.spool_class is spool_class]
            for spool_class in SpoolClass
        ]
        await asyncio.gather(*(self._group(group) for group in groups if group))

    def _decode(self, received: Received) -> _Ready:
        facts = msgspec.structs.replace(received.facts, clocks=self._clocks)
        decoded = guarded(self._source.decode, received.payload, facts)
        if decoded.trace_id is not None:
            self._metrics.add(m.BUGS, self._instance)
        seen = msgspec.structs.replace(facts, clocks=self._clocks.seen(decoded.clocks))
        self._clocks.follow(decoded.clocks, received_ms=facts.received_ms)
        return self._prepared(msgspec.structs.replace(received, facts=seen), decoded)

    def _prepared(self, received: Received, decoded: DecodeResult) -> _Ready:
        publication = publication_of(self._channel, received.payload, received.facts, decoded)
        return _Ready(received=received, publication=publication)

    def _chained(self, batch: Sequence[_Ready]) -> list[_Ready]:
        """Each with its place in the chain of its kind, in the order of receipt (law 15)."""
        records = self._chains.placed([ready.publication.record for ready in batch])
        return [
            msgspec.structs.replace(
                ready, publication=msgspec.structs.replace(ready.publication, record=record)
            )
            for ready, record in zip(batch, records, strict=True)
        ]

    async def _group(self, group: Sequence[_Ready]) -> None:
        """One publish for the group; if it cannot be taken as a whole, one for each payload, so that what still fits
        goes through.
        """
        try:
            await self._sink.publish([message for ready in group for message in ready.publication.messages])
        except (SourceUnavailable, PayloadRejected) as error:
            await self._one_by_one(group, error)
            return
        self._chains.settled([ready.publication.record for ready in group])
        for ready in group:
            self._accounting.durable(ready.publication, received_ms=ready.received.facts.received_ms)
            for sign in ready.publication.signs:
                self._signs.heard(sign, now_ms=ready.received.facts.received_ms)
            await self._answer(ready.received, ready.publication.outcome)
        if group[0].publication.spool_class in self._refusing:
            self._refusing.discard(group[0].publication.spool_class)
            self._on_refusal(bool(self._refusing))

    async def _one_by_one(self, group: Sequence[_Ready], error: CiorError) -> None:
        """What is too large for the bus as decoded becomes a dead letter with its bytes; the next time, refused."""
        if len(group) > 1:
            for ready in group:
                await self._group([ready])
        elif isinstance(error, PayloadRejected) and group[0].publication.dead_codes != (
            "received.unpublishable",
        ):
            dead = DecodeResult(
                code="received.unpublishable", reason="the bus cannot carry what it decodes to"
            )
            self._chains.abandoned([group[0].publication.record])
            await self._group(self._chained([self._prepared(group[0].received, dead)]))
        else:
            await self._refuse(group[0], error)

    async def _refuse(self, ready: _Ready, error: CiorError) -> None:
        """Not durable, so not acknowledged: the far side keeps it. Life-safety that is refused is an alarm; what cannot
        be read and found no room is counted as dropped, and said in the line's shared word.
        """
        self._chains.abandoned([ready.publication.record])
        spool_class = ready.publication.spool_class
        if spool_class is SpoolClass.UNREAD:
            self._accounting.dropped(1, reason="unread_room_full")
            if self._channel.unread is not None:
                self._channel.unread.not_kept()
        elif spool_class in REFUSING:
            self._refusing.add(spool_class)
            self._on_refusal(True)  # noqa: FBT003  a callback's one fact
        await self._answer(ready.received, Refused(code=error.code))

    async def refuse(self, received: Received, code: str) -> None:
        """Refuse a payload that was never decoded (we are stopping)."""
        await self._answer(received, Refused(code=code))

    async def _answer(self, received: Received, outcome: Outcome) -> None:
        self._accounting.answered(outcome)
        try:
            await received.ack(outcome)
            self._metrics.observe(
                m.ANSWER_LATENCY,
                self._instance,
                WORDS[type(outcome)],
                value_s=(self._now_ms() - received.facts.received_ms) / 1000,
            )
        except (TimeoutError, OSError, SourceUnavailable):
            self._metrics.add(m.UNANSWERED, self._instance)
        except Exception as error:  # noqa: BLE001  an author's bug must not cost the next its way
            self._metrics.add(m.UNANSWERED, self._instance)
            _LOG.error("answer_failed", instance=self._instance, error=type(error).__name__)
