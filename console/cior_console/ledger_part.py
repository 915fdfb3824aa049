"""The ledger's copy in the store: sent by who owns the register, and sent again when it was lost on the way.

The register remembers how far it was sent. A broker that lost its memory, a store from an older backup: then rows are
missing below one that stands in the copy, which proves that nothing is on its way any more (the topic has one
partition, and the sink keeps its order). From there the ledger goes out again; a row that comes twice is one row.
"""

from __future__ import annotations

from collections import Counter
from threading import Event
from typing import Protocol

import structlog

from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_console import metrics as m
from cior_core.errors import CiorError
from cior_core.ledger_copy import LedgerCopy
from cior_register.following import Follower, Publishing
from cior_register.register import Register
from cior_store.answers import LedgerThere

log = structlog.get_logger("cior_console.ledger_part")
SPAN = 65_536
MOST_TRIES = 3
"""A row that the store refuses is a dead letter each time: then it is told, and not sent for ever."""
_FROM_THE_BEGINNING = 60


class CopyQuestions(Protocol):
    """What the store knows of the copy."""

    def ledger_there(self, *, after: int, until: int) -> LedgerThere:
        """Of the numbers above ``after`` up to ``until``."""
        ...


def whole_until(copy: CopyQuestions, *, after: int) -> LedgerThere:
    """How far the copy is whole, as ``entries``, and its highest number. Whole up to ``after`` it is known to be."""
    while (found := copy.ledger_there(after=after, until=after + SPAN)).entries == SPAN:
        after += SPAN
    sure, beyond = 0, found.entries + 1
    step = found.entries
    while sure + 1 < beyond:
        if copy.ledger_there(after=after, until=after + step).entries == step:
            sure = step
        else:
            beyond = step
        step = (sure + beyond) // 2
    return LedgerThere(entries=after + sure, highest=found.highest)


class LedgerWay:
    """Sends the ledger, and looks whether its copy is whole."""

    def __init__(self, register: Register, bus: Bus, copy: CopyQuestions, metrics: Metrics) -> None:
        self._bus, self._copy, self._metrics = bus, copy, metrics
        self._publishing = Publishing(register, self._publish)
        self._grown = register.writer.grown
        self._whole = self._looks = 0
        self._tries: Counter[int] = Counter()

    def followers(self) -> tuple[Follower, ...]:
        """The two threads."""
        return (
            Follower("register-publisher", self.send, self._grown, every_s=5.0),
            Follower("register-copy", self.mend, Event(), every_s=60.0),
        )

    def _publish(self, rows: list[LedgerCopy]) -> None:
        self._bus.publish_sync([MessageOut.of(row) for row in rows])

    def send(self) -> None:
        """What is not on the bus."""
        try:
            self._publishing.look()
        finally:
            self._count()

    def _count(self) -> None:
        try:
            self._metrics.set(m.LEDGER_WAITING, value=self._publishing.waiting)
        except CiorError:
            return  # the register is away: the last figure stands, and who signs in hears of it

    def mend(self) -> None:
        """See how far the copy is whole; what was lost goes out again."""
        self._looks += 1
        if self._looks % _FROM_THE_BEGINNING == 0:
            self._whole = 0
        found = whole_until(self._copy, after=self._whole)
        self._whole = found.entries if found.highest >= found.entries else 0
        missing = max(0, found.highest - self._whole)
        self._metrics.set(m.LEDGER_MISSING, value=missing)
        if missing and self._tries[self._whole] < MOST_TRIES:
            self._tries[self._whole] += 1
            self._metrics.add(m.LEDGER_AGAIN)
            log.warning("ledger_copy_has_a_hole", after=self._whole, highest=found.highest)
            self._publishing.again(self._whole)
