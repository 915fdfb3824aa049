"""Threads that follow the ledger: to a signed page outside the database, and to the bus, from which the copy in the
store comes. Neither can hold up an act.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import structlog

from cior_core.chain import Head
from cior_core.errors import CiorError
from cior_core.ledger_copy import LedgerCopy
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
        self._told = ""
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
                self._tell(error.code)
            else:
                self._tell("")

    def _tell(self, code: str) -> None:
        """Once when it begins and once when it is over: an outage of a night is two lines."""
        if code != self._told:
            if code:
                log.warning("ledger_not_followed", what=self._name, code=code)
            else:
                log.info("ledger_followed_again", what=self._name)
            self._told = code


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


class Publishing:
    """The ledger's way to the bus: from the position that the register keeps, in order, each row at least once.

    ``publish`` raises what keeps rows from being durable; then they wait in the register, and nothing is lost.
    """

    def __init__(self, register: Register, publish: Callable[[list[LedgerCopy]], object]) -> None:
        self._register, self._publish = register, publish

    @property
    def waiting(self) -> int:
        """Entries that are not on the bus. Raises ``SourceUnavailable`` (``register.away``)."""
        return self._register.read_now(ledger.waiting)

    def look(self) -> None:
        """Publish what is there."""
        after = self._register.read_now(ledger.published)
        while fresh := self._register.read_now(partial(ledger.copies, after=after, limit=_BATCH)):
            self._publish(fresh)
            self._register.keep_published(fresh[-1].seq, was=after)
            after = fresh[-1].seq

    def again(self, after: int) -> None:
        """What is above ``after`` goes out again: the copy lost it. Copies of one row are one."""
        was = self._register.read_now(ledger.published)
        if after < was:
            self._register.keep_published(after, was=was)
            self._register.writer.grown.set()
