"""The in-memory twin: the same book and the same answers as the database, for fast tests of other rooms.

It passes the same contract tests.

It keeps what ReplacingMergeTree would keep after merging, and remembers tokens as the deduplication window does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import structs

from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.model import Struct
from cior_store.answers import AlertRow, BalanceRow, DeadRow, EventRow, MinuteCount, RawRow, StoryLine
from cior_store.kinds import Entry
from cior_store.migrate import Migration, bundled
from cior_store.rows import TABLES
from cior_store.writers import UNFIT, Plan, Rejected, rejection

_Named = dict[str, Any]
_MINUTE_MS = 60_000

_TABLE = re.compile(
    r"CREATE TABLE IF NOT EXISTS (\S+).*ENGINE = ReplacingMergeTree(?:\((\w+)\))?\s.*ORDER BY ([^\n]+)",
    re.DOTALL,
)
_ORDERED = re.compile(r"ALTER TABLE (\S+)\s.*MODIFY ORDER BY ([^\n]+)", re.DOTALL)
_COLUMN = re.compile(r"\b\w+\b(?!\()")


class _Table(Struct, frozen=True):
    """What a migration says of a table: the columns that make a row the same row, and the one that says which copy is
    newer.
    """

    key: tuple[str, ...]
    version: str | None


def _declared(migrations: Iterable[Migration]) -> dict[str, _Table]:
    declared: dict[str, _Table] = {}
    for statement in (each for migration in migrations for each in migration.statements):
        if (made := _TABLE.match(statement)) is not None:
            declared[made[1]] = _Table(key=tuple(_COLUMN.findall(made[3])), version=made[2])
        if (ordered := _ORDERED.match(statement)) is not None:
            declared[ordered[1]] = structs.replace(
                declared[ordered[1]], key=tuple(_COLUMN.findall(ordered[2]))
            )
    return declared


class MemoryStore:
    """A book and its answers in dictionaries. ``away`` makes every write fail as an absent server does.

    ``clock`` stamps ``stored``.
    """

    def __init__(self, *, clock: Callable[[], int] | None = None) -> None:
        self._declared = _declared(bundled())
        self.tables: dict[str, dict[tuple[Any, ...], _Named]] = {
            table: {} for tables in TABLES.values() for table, _, _ in tables
        }
        self.links: dict[tuple[str, int], str] = {}
        self.away = False
        self._tokens: set[tuple[str, str]] = set()
        self._plans: dict[tuple[str, int, int], Plan] = {}
        self._clock = clock or (lambda: 0)

    def write(self, kind: Kind, entries: Sequence[Entry], *, token: str) -> tuple[Rejected, ...]:
        """As :meth:`cior_store.writers.Writers.write`."""
        self._answer()
        rejected: list[Rejected] = []
        left = list(entries)
        for table, columns, make in TABLES[kind]:
            fitting = []
            for entry in left:
                try:
                    fitting.append((entry, make(entry)))
                except UNFIT as error:
                    rejected.append(rejection(entry, error))
            left = [entry for entry, _ in fitting]
            self._put(
                table, [dict(zip(columns, row, strict=True)) for _, made in fitting for row in made], token
            )
        return tuple(rejected)

    def _put(self, table: str, found: Iterable[_Named], token: str) -> None:
        if (table, token) in self._tokens:
            return
        self._tokens.add((table, token))
        declared = self._declared[table]
        version = declared.version
        for row in found:
            row["stored"] = self._clock()
            key = tuple(row[name] for name in declared.key)
            old = self.tables[table].get(key)
            if old is None or version is None or row[version] >= old[version]:
                self.tables[table][key] = row
            if table == "ops.events" and row["raw_id"]:
                self.links[row["raw_id"], row["raw_index"]] = row["event_id"]

    def plans(self, topic: str, partition: int, *, since: int) -> tuple[Plan, ...]:
        """As :meth:`cior_store.writers.Writers.plans`."""
        self._answer()
        mine = (
            plan
            for (name, part, _), plan in self._plans.items()
            if (name, part) == (topic, partition) and plan.first >= since
        )
        return tuple(sorted(mine, key=lambda plan: plan.first))

    def save_plan(self, topic: str, partition: int, plan: Plan) -> None:
        """As :meth:`cior_store.writers.Writers.save_plan`."""
        self._answer()
        self._plans[topic, partition, plan.first] = plan

    def _answer(self) -> None:
        if self.away:
            raise SourceUnavailable(
                "store.away", "the store in memory was told to be away", retry_after_s=0.01
            )

    def _rows(self, table: str) -> list[_Named]:
        return list(self.tables[table].values())

    def open_alerts(
        self, *, level: str | None = None, district: str | None = None, drills: bool = True, limit: int = 500
    ) -> tuple[AlertRow, ...]:
        """As :meth:`cior_store.questions.Questions.open_alerts`."""
        found = [
            row
            for row in self._rows("ops.alert_current")
            if row["status"] not in {"closed", "merged"}
            and level in {None, row["level"]}
            and district in {None, row["district"]}
            and (drills or not row["drill"])
        ]
        found.sort(
            key=lambda row: (
                row["level"],
                row["status"] != "open",
                -row["score"],
                row["opened"],
                row["alert_id"],
            )
        )
        return tuple(_alert(row) for row in found[:limit])

    def alert_story(self, alert_id: str) -> tuple[StoryLine, ...]:
        """As :meth:`cior_store.questions.Questions.alert_story`."""
        found = [row for row in self._rows("ops.alert_log") if row["alert_id"] == alert_id]
        found.sort(key=lambda row: (row["version"], row["at"], row["transition_id"]))
        return tuple(
            StoryLine(
                at_ms=row["at"],
                reason_codes=tuple(row["reason_codes"]),
                **_pick(row, StoryLine, without=("at_ms", "reason_codes")),
            )
            for row in found
        )

    def event(self, event_id: str) -> EventRow | None:
        """As :meth:`cior_store.questions.Questions.event`."""
        for row in self._rows("ops.events"):
            if row["event_id"] == event_id:
                times = {
                    "occurred_ms": row["occurred"],
                    "received_ms": row["received"],
                    "stored_ms": row["stored"],
                }
                return EventRow(**times, **_pick(row, EventRow, without=times))
        return None

    def raw(self, raw_id: str) -> RawRow | None:
        """As :meth:`cior_store.questions.Questions.raw`."""
        found = [row for row in self._rows("ops.raw") if row["raw_id"] == raw_id]
        if not found:
            return None
        more = {"received_ms": found[0]["received"], "others": len(found) - 1}
        return RawRow(**more, **_pick(found[0], RawRow, without=more))

    def events_by_minute(
        self, *, since_ms: int, until_ms: int, source: str | None = None
    ) -> tuple[MinuteCount, ...]:
        """As :meth:`cior_store.questions.Questions.events_by_minute`."""
        counts: dict[tuple[int, str, str], int] = {}
        for row in self._rows("ops.events"):
            if (
                since_ms <= row["received"] < until_ms
                and not row["drill"]
                and source in {None, row["source"]}
            ):
                key = row["received"] // _MINUTE_MS * _MINUTE_MS, row["source"], row["type"]
                counts[key] = counts.get(key, 0) + 1
        return tuple(
            MinuteCount(minute_ms=minute, source=where, type=kind, events=n)
            for (minute, where, kind), n in sorted(counts.items())
        )

    def dead_letters(self, *, since_ms: int, until_ms: int, limit: int = 500) -> tuple[DeadRow, ...]:
        """As :meth:`cior_store.questions.Questions.dead_letters`."""
        found = [row for row in self._rows("ops.dead_letters") if since_ms <= row["at"] < until_ms]
        found.sort(key=lambda row: (-row["at"], row["dead_id"]))
        return tuple(
            DeadRow(at_ms=row["at"], **_pick(row, DeadRow, without=("at_ms",))) for row in found[:limit]
        )

    def reconciliation(self, *, since_ms: int, until_ms: int) -> tuple[BalanceRow, ...]:
        """As :meth:`cior_store.questions.Questions.reconciliation`."""
        found: dict[tuple[int, str, str], list[int | None]] = {}
        disputed = self._disputed()
        for row in self._rows("ops.accounting"):
            minute = row["minute"] * 1000
            if since_ms <= minute < until_ms:
                claim = found.setdefault(
                    (minute, row["connector"], row["instance"]), [0, 0, 0, 0, 0, True, 0]
                )
                claim[0] = (claim[0] or 0) + row["accepted"]
                claim[5] = bool(claim[5] and row["exact"])
        for row in (*self._rows("ops.raw"), *self._rows("sealed.raw")):
            minute = row["received"] // _MINUTE_MS * _MINUTE_MS
            if since_ms <= minute < until_ms:
                counts = found.setdefault(
                    (minute, row["connector"], row["instance"]), [None, 0, 0, 0, 0, True, 0]
                )
                counts[6] = (counts[6] or 0) + (row["raw_id"] in disputed)
                for index, value in enumerate(self._outcome(row), start=1):
                    counts[index] = (counts[index] or 0) + value
        return tuple(
            BalanceRow(
                minute_ms=key[0],
                connector=key[1],
                instance=key[2],
                accepted=n[0],
                raw_stored=n[1] or 0,
                outcomes_declared=n[2] or 0,
                events_stored=n[3] or 0,
                dead_stored=n[4] or 0,
                exact=bool(n[5]),
                conflicts=n[6] or 0,
            )
            for key, n in sorted(found.items())
        )

    def _disputed(self) -> set[str]:
        """Ids under which two different records stand."""
        counts = Counter(row["raw_id"] for row in (*self._rows("ops.raw"), *self._rows("sealed.raw")))
        return {raw_id for raw_id, n in counts.items() if n > 1}

    def _outcome(self, raw: _Named) -> tuple[int, int, int, int]:
        events = sum(1 for raw_id, _ in self.links if raw_id == raw["raw_id"])
        buried = sum(
            1
            for row in self._rows("ops.dead_letters")
            if row["raw_id"] == raw["raw_id"] and row["stage"] in {"decode", "store"}
        )
        return 1, raw["events"] + raw["dead"], events, buried


def _pick(row: _Named, kind: type[Any], *, without: Iterable[str]) -> _Named:
    left_out = set(without)
    return {name: row[name] for name in kind.__struct_fields__ if name in row and name not in left_out}


def _alert(row: _Named) -> AlertRow:
    lists: _Named = {
        name: tuple(row[name])
        for name in ("sources", "reason_codes", "reason_points", "reasons_es", "reasons_en")
    }
    made: _Named = {
        "opened_ms": row["opened"],
        "updated_ms": row["updated"],
        "suppressed": bool(row["suppressed_by"]),
        "members": len(row["member_ids"]),
    }
    return AlertRow(**made, **lists, **_pick(row, AlertRow, without=(*made, *lists)))
