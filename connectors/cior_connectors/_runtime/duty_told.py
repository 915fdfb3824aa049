"""Who is on duty, as the register keeps it: read from ``cior.duty.v1`` by the families that may."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import structlog

from cior_bus import topics
from cior_bus.rights import Rights
from cior_bus.settings import BusSettings
from cior_bus.topic_reader import TopicReader
from cior_core.catalogue import Kind
from cior_core.duty import DutyBook, PublishedDuty
from cior_core.errors import PayloadRejected

_LOG = structlog.get_logger(__name__)


class DutyTold:
    """Use as a context manager. ``book``: the newest directory; None before one came, and for a family that may not
    read it. It stays as it was told while the console, the register or the broker is away.
    """

    def __init__(self, broker: BusSettings, rights: Rights) -> None:
        self.book: DutyBook | None = None
        self._reader = (
            TopicReader(broker, Kind.DUTY, PublishedDuty, self._take, group=f"{rights.group}duty-")
            if topics.DUTY in rights.reads
            else None
        )

    def _take(self, told: PublishedDuty, _body: bytes) -> None:
        try:
            self.book = told.book
        except PayloadRejected as error:  # what was told before stays in force
            _LOG.warning("duty_unreadable", code=error.code)

    def __enter__(self) -> Self:
        if self._reader is not None:
            self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.stop()
