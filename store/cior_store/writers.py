"""One writer per table: entries become rows, rows become one insert under one token, and a row that cannot be stored
never takes others with it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from cior_core.catalogue import Kind
from cior_core.errors import CiorError, PayloadRejected
from cior_core.model import Struct
from cior_store.engine import Store
from cior_store.kinds import Entry
from cior_store.rows import TABLES, Row

log = structlog.get_logger(__name__)
UNFIT = (PayloadRejected, TypeError, ValueError, OverflowError, AttributeError, KeyError, struct.error)


class Rejected(Struct, frozen=True):
    """An entry that cannot be stored, and why."""

    entry: Entry
    code: str
    reason: str


class Plan(Struct, frozen=True):
    """The batch a sink was about to write: its offsets (both included) and the digest of its first message."""

    first: int
    last: int
    first_digest: str


class TableWriter:
    """The one writer of ``table``: the only code that inserts into it."""

    def __init__(
        self, store: Store, *, table: str, columns: Sequence[str], rows: Callable[[Entry], Sequence[Row]]
    ) -> None:
        self._store = store
        self.table = table
        self._columns = tuple(columns)
        self._rows = rows

    def write(self, entries: Sequence[Entry], *, token: str) -> tuple[Rejected, ...]:
        """Store all rows of ``entries`` and return those that cannot be.

        The token names the batch; bisecting a poisoned batch appends ``/l`` and ``/r``, so a retry of the same batch
        bisects into the same tokens. Raises ``SourceUnavailable`` when the store is away: nothing is known to be stored
        then and the same call must be made again.
        """
        fitting, rejected = self._convert(entries)
        return (*rejected, *self._insert(fitting, token))

    def _convert(self, entries: Sequence[Entry]) -> tuple[list[tuple[Entry, Sequence[Row]]], list[Rejected]]:
        fitting: list[tuple[Entry, Sequence[Row]]] = []
        rejected: list[Rejected] = []
        for entry in entries:
            try:
                fitting.append((entry, self._rows(entry)))
            except UNFIT as error:
                rejected.append(rejection(entry, error))
        return fitting, rejected

    def _insert(self, fitting: Sequence[tuple[Entry, Sequence[Row]]], token: str) -> tuple[Rejected, ...]:
        rows = [row for _, made in fitting for row in made]
        if not rows:
            return ()
        try:
            self._store.insert(self.table, self._columns, list(zip(*rows, strict=True)), token=token)
        except PayloadRejected as error:
            return self._bisect(fitting, token, error)
        return ()

    def _bisect(
        self, fitting: Sequence[tuple[Entry, Sequence[Row]]], token: str, error: CiorError
    ) -> tuple[Rejected, ...]:
        holding = [pair for pair in fitting if pair[1]]
        if len(holding) == 1:
            log.warning(
                "row_rejected",
                table=self.table,
                code=error.code,
                topic=holding[0][0].origin.topic,
                offset=holding[0][0].origin.offset,
            )
            return (rejection(holding[0][0], error),)
        middle = len(holding) // 2
        return (*self._insert(holding[:middle], f"{token}/l"), *self._insert(holding[middle:], f"{token}/r"))


def rejection(entry: Entry, error: Exception) -> Rejected:
    """Why ``entry`` cannot be stored, without its values."""
    if isinstance(error, CiorError):
        return Rejected(entry=entry, code=error.code, reason=error.sentence)
    return Rejected(
        entry=entry, code="store.row", reason=f"the record does not fit its table ({type(error).__name__})"
    )


class Writers:
    """Every table's writer over one open store, and the durable batch plans."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._by_kind = {
            kind: tuple(
                TableWriter(store, table=table, columns=columns, rows=rows) for table, columns, rows in tables
            )
            for kind, tables in TABLES.items()
        }

    def write(self, kind: Kind, entries: Sequence[Entry], *, token: str) -> tuple[Rejected, ...]:
        """Store entries of one kind in all their tables; what the first table refuses is not tried in the others."""
        rejected: list[Rejected] = []
        left = list(entries)
        for writer in self._by_kind[kind]:
            refused = writer.write(left, token=token)
            if refused:
                rejected.extend(refused)
                gone = {id(each.entry) for each in refused}
                left = [entry for entry in left if id(entry) not in gone]
        return tuple(rejected)

    def plans(self, topic: str, partition: int, *, since: int) -> tuple[Plan, ...]:
        """The batches planned for this partition from offset ``since`` on, finished or not, in order."""
        return self.store.ask(
            Plan,
            """SELECT first, last, first_digest FROM ops.batch_plan FINAL
            WHERE topic = {t:String} AND part = {p:UInt16} AND first >= {s:UInt64} ORDER BY first LIMIT 10000""",
            {"t": topic, "p": partition, "s": since},
        )

    def save_plan(self, topic: str, partition: int, plan: Plan) -> None:
        """Make the plan durable before its batch is written."""
        columns = ("topic", "part", "first", "last", "first_digest")
        row: list[list[Any]] = [[topic], [partition], [plan.first], [plan.last], [plan.first_digest]]
        self.store.insert(
            "ops.batch_plan",
            columns,
            row,
            token=f"plan-{topic}-{partition}-{plan.first}-{plan.last}-{plan.first_digest}",
        )
