"""Threads that follow the ledger: to a signed page outside the database, and to the bus, from which ClickHouse's copy
comes. Neither can hold up an act.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import structlog

from cior_core.chain import Head
from cior_core.errors import CiorError
from cior_core.people import LedgerRow
from cior_register import ledger
from cior_register.register import Register

log = structlog.get_logger("cior_register.following")
_BATCH = 500


class Follower:
    """A thread that calls ``look`` when ``wanted`` is set, and every ``every_s`` anyway."""

    def __init__(
        self, name: str, look: Callable[[], object], wanted: threading.Event, *, every_s: float
    ) -> None:
        self._name, self._look, self._wanted, self._every_s = name, look, wanted, every_s
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, then end the thread; idempotent."""
        self._is_stopping = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._is_stopping:
            self._wanted.wait(self._every_s)
            self._wanted.clear()
            try:
                self._look()
            except CiorError as error:
                log.warning("ledger_not_followed", what=self._name, code=error.code)


def checkpoints(register: Register, keep: Callable[[Head], object], *, every_s: float = 60.0) -> Follower:
    """Have ``keep`` sign the end of the ledger each minute in which it moved, and at once after a sealed read or a
    hold. What is newer than the last page is protected by the database alone.
    """
    kept: list[Head] = []

    def look() -> None:
        head = register.head
        if head is not None and head.seq > 0 and kept[-1:] != [head]:
            try:
                keep(head)
            except CiorError as fault:
                register.pins.failed(fault)
                raise
            kept[:] = [head]
            register.pins.kept(head.seq)

    return Follower("register-checkpoints", look, register.writer.pin_wanted, every_s=every_s)


def publisher(
    register: Register, publish: Callable[[list[LedgerRow]], object], *, every_s: float = 5.0
) -> Follower:
    """Hand every new entry to ``publish``, in order, at least once; it raises what keeps it from being durable."""

    def look() -> None:
        after = register.read_now(ledger.published)
        while fresh := register.read_now(partial(ledger.rising, after=after, limit=_BATCH)):
            publish(fresh)
            after = fresh[-1].place.seq
            register.keep_published(after)

    return Follower("register-publisher", look, register.writer.grown, every_s=every_s)
