"""What people decided elsewhere than at this console, into the one ledger (law 13): an acknowledgement by a link that
rang somebody's phone is signed by its own part, comes over the log of actions, and gets its row here.

From a position that the broker keeps, at least once; a row has the act's id, so it stands there once. While the
register is away the position does not move: nothing is skipped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

import structlog

from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.metrics import Metrics
from cior_bus.rights import Part
from cior_bus.settings import BusSettings
from cior_console import metrics as m
from cior_core import signatures
from cior_core.catalogue import KINDS, Kind
from cior_core.errors import CapacityExhausted, CiorError, PayloadRejected, SourceUnavailable
from cior_core.model import Action
from cior_core.people import LedgerEntry
from cior_core.proof import Proof
from cior_core.signatures import OpensActions
from cior_register import ledger, people

log = structlog.get_logger("cior.console")
GROUP = "cior-feed-ledger"
_WRITTEN = "ledger.written"
_PATIENCE_S = 10.0


class TakesEntries(Protocol):
    """The register, for who has no event loop."""

    def submit(self, entry: LedgerEntry, work: Callable[[Any], Any], /) -> Future[Any]:
        """The entry with its work, in one transaction."""
        ...

    def read_now(self, query: Callable[[Any], Any], /) -> Any:
        """A question."""
        ...


class ActsElsewhere:
    """Writes the rows, in a thread. ``failure`` tells why it ended."""

    def __init__(
        self, bus: BusSettings, register: TakesEntries, opens: OpensActions, *, metrics: Metrics
    ) -> None:
        self._register, self._opens, self._metrics = register, opens, metrics
        self._consumer = BatchConsumer(
            bus, group=GROUP, topics=[KINDS[Kind.ACTION].topics[0].name], metrics=metrics
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: CiorError | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._run, name="acts-elsewhere", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._consumer.run(self.take, stop=self._stop)
            except SourceUnavailable as error:
                log.warning("acts_elsewhere_interrupted", code=error.code)
                self._stop.wait(0.5)
            except CiorError as error:
                self.failure = error
                return

    def take(self, batch: Batch) -> None:
        """The rows of these actions. Raises ``SourceUnavailable``: then the same batch comes again."""
        for record in batch.records:
            try:
                action = signatures.read(record.value)
                proof = self._opens(action, at_ms=None)
            except PayloadRejected as error:  # the core makes a dead letter of it: it acts on nothing
                log.warning("action_not_opened", code=error.code, offset=record.offset)
                continue
            if proof.signer != Part.CONSOLE:
                self._write(action, proof)

    def _write(self, action: Action, proof: Proof) -> None:
        entry = LedgerEntry(
            at_ms=action.at_ms,
            actor=self._who(action.actor),
            act=f"alert.{action.kind.value}",
            subject=action.alert_id or "",
            reason=action.reason,
            detail={"signer": proof.signer, "key": proof.key, "said": action.actor},
            id=action.id,
        )
        try:
            self._register.submit(entry, _refuse_known(action.id)).result(_PATIENCE_S)
        except (TimeoutError, CapacityExhausted) as error:
            raise SourceUnavailable("register.slow", "the register did not answer in time") from error
        except PayloadRejected as error:
            if error.code == _WRITTEN:
                return
            # What no ledger can hold (a reason of a mile) must not hold up those behind it.
            log.warning("act_elsewhere_not_written", code=error.code, signer=proof.signer)
            self._metrics.add(m.UNRECORDED, "elsewhere")
        else:
            self._metrics.add(m.ELSEWHERE, proof.signer)

    def _who(self, said: str) -> str:
        """The person of that login in the register; what was said, where nobody here has it."""
        found = self._register.read_now(lambda connection: people.credentials(connection, said))
        return found.person.id if found is not None else said


def _refuse_known(act: str) -> Callable[[Any], None]:
    """The work of such a row: nothing, unless the row is there; then it is undone."""

    def work(connection: Any) -> None:
        if ledger.seq_of(connection, act) is not None:
            raise PayloadRejected(_WRITTEN, "this act is in the ledger")

    return work
