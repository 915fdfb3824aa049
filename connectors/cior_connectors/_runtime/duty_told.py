"""Who is on duty, as the register keeps it: read from ``cior.duty.v1`` by the families that may.

A directory chooses who is rung, so it counts only signed by the part that keeps the register, and an older one does not
come back (law 13). One that is refused is a dead letter and an integrity event; what was told before stays in force.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import structlog

from cior_bus import dead_letters, topics
from cior_bus.message import MessageOut
from cior_bus.rights import Rights
from cior_bus.settings import BusSettings
from cior_bus.topic_reader import TopicReader
from cior_core.catalogue import Kind
from cior_core.duty import DutyBook, PublishedDuty
from cior_core.errors import CiorError, PayloadRejected
from cior_core.model import ClockQuality, Event, Producer
from cior_core.signatures import OpensActions
from cior_core.system_events import system_event

_LOG = structlog.get_logger(__name__)
_SOURCE: Final = "urn:cior:connectors"
_PRODUCER: Final = Producer(connector="cior.connectors", version="1")
_EVERY_MS = 60_000


class Publishes(Protocol):
    """A bus that keeps what it takes."""

    def publish_sync(self, messages: Sequence[MessageOut]) -> object:
        """Durable when it returns."""
        ...


class DutyTold:
    """Use as a context manager. ``book``: the newest directory; None before one came, and for a family that may not
    read it. It stays as it was told while the console, the register or the broker is away.
    """

    def __init__(
        self,
        broker: BusSettings,
        rights: Rights,
        *,
        opens: OpensActions,
        bus: Publishes,
        now_ms: Callable[[], int],
        drill: bool = False,
    ) -> None:
        self.book: DutyBook | None = None
        self._opens, self._bus, self._now_ms, self._drill = opens, bus, now_ms, drill
        self._at_ms = 0
        self._told_ms: dict[str, int] = {}
        self._reader = (
            TopicReader(
                broker, Kind.DUTY, PublishedDuty, self.take, group=f"{rights.group}duty-", patient=True
            )
            if topics.DUTY in rights.reads
            else None
        )

    def take(self, told: PublishedDuty, body: bytes) -> None:
        """A directory from the topic, with its bytes."""
        try:
            self._opens(told, at_ms=None)
            book = told.book
        except PayloadRejected as error:
            _LOG.error("duty_refused", code=error.code)
            self._refused(error, body)
            return
        if told.at_ms >= self._at_ms:  # an older one that is told again is true, and over
            # A console whose clock ran ahead once does not shut out what it tells when it is right again.
            self.book, self._at_ms = book, min(told.at_ms, self._now_ms())

    def _refused(self, error: PayloadRejected, body: bytes) -> None:
        now_ms = self._now_ms()
        letter = dead_letters.dead_letter(
            stage="topic", error=error, payload=body, at_ms=now_ms, source=_SOURCE, topic=topics.DUTY.name
        )
        # Whoever can write to the topic can write a thousand: a reason is told once a minute.
        said_ms = self._told_ms.get(error.code)
        is_new = said_ms is None or now_ms - said_ms >= _EVERY_MS
        told = [MessageOut.of(letter), *([MessageOut.of(self._event(error.code, now_ms))] if is_new else [])]
        try:
            self._bus.publish_sync(told)
        except CiorError as failed:  # said in the log before, and read again at the next start
            _LOG.warning("duty_refusal_not_told", code=failed.code)
            return
        if is_new:
            self._told_ms[error.code] = now_ms

    def _event(self, code: str, now_ms: int) -> Event:
        return system_event(
            "integrity.action",
            source=_SOURCE,
            subject="bus:duty",
            key=f"{code}:{now_ms // _EVERY_MS}",
            at_ms=now_ms,
            clock=ClockQuality.SYNCED,
            producer=_PRODUCER,
            drill=self._drill,
            attributes={"reason": code, "actions": 1, "at": topics.DUTY.name},
        )

    def __enter__(self) -> Self:
        if self._reader is not None:
            self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.stop()
