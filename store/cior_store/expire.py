"""Retention by the table of ``cior_core.privacy``. A hold outranks it, and when in doubt nothing is deleted (law 7).

Tables are expired by whole days of receipt, so a hold that touches one minute keeps that whole day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, cast

import structlog

from cior_core.errors import CiorError
from cior_core.model import DataClass, Struct
from cior_core.privacy import Policy, may_expire
from cior_store.engine import Store

log = structlog.get_logger(__name__)

_OPEN = (DataClass.PUBLIC, DataClass.RESTRICTED)
RETAINED: dict[str, tuple[str, tuple[DataClass, ...]]] = {
    "ops.raw": ("raw", _OPEN),
    "ops.events": ("event", tuple(DataClass)),
    "ops.observations": ("telemetry", _OPEN),
    "ops.event_links": ("event", tuple(DataClass)),
    "ops.raw_outcomes": ("raw", _OPEN),
    "ops.dead_letters": ("raw", _OPEN),
    "sealed.raw": ("raw", (DataClass.SEALED,)),
    "sealed.dead_payloads": ("raw", (DataClass.SEALED,)),
}
"""Tables with a retention, all partitioned by UTC day of receipt: the kind and the classes of what lies in them.

Alerts, their story, actions and ledgers have none.
"""


_FACTS_OF_TIME = "ops.events"
"""The table that knows when the facts of a day of receipt happened; its days go last."""


class Hold(Struct, frozen=True):
    """A judicial or internal order to keep: a span of time (``until_ms`` None: open end) and, for media, digests."""

    id: str
    since_ms: int
    until_ms: int | None = None
    media: tuple[str, ...] = ()


class HoldSource(Protocol):
    """Tells every hold in force.

    An implementation raises when it is not sure; returning less than all would destroy evidence.
    """

    def holds(self) -> Sequence[Hold]:
        """All of them, or an exception."""
        ...


class Outcome(Struct, frozen=True):
    """What became of one table's or media object's expiry: ``deleted``, ``held`` (by ``holds``) or ``refused``
    (``reason``).
    """

    target: str
    day: str
    done: str
    holds: tuple[str, ...] = ()
    reason: str = ""


class Due(Struct, frozen=True):
    """A day of a table that is past its retention, holds not asked."""

    table: str
    day: date
    rows: int


def due(store: Store, policy: Policy, *, now_ms: int) -> tuple[Due, ...]:
    """Every day that the policy would let go if no hold kept it, the events' days last. Changes nothing."""
    sql = """SELECT concat(database, '.', table) AS name, partition, sum(rows) AS n FROM system.parts
        WHERE active AND name IN {names:Array(String)} GROUP BY name, partition ORDER BY name, partition"""
    found = [
        Due(table=str(row["name"]), day=_day_of(str(row["partition"])), rows=int(row["n"]))
        for row in store.rows(sql, {"names": list(RETAINED)})
    ]
    past = [each for each in found if past_retention(each.table, each.day, policy=policy, now_ms=now_ms)]
    return tuple(sorted(past, key=lambda each: (each.table == _FACTS_OF_TIME, each.table, each.day)))


def past_retention(table: str, day: date, *, policy: Policy, now_ms: int) -> bool:
    """Whether everything of a table's day may go when no hold keeps it: every class that may lie there."""
    kind, classes = RETAINED[table]
    age_s = now_ms / 1000 - _starts_s(day + timedelta(days=1))
    return all(
        may_expire(kind=kind, data_class=each, age_s=age_s, held=False, policy=policy)[0] for each in classes
    )


def _day_of(partition: str) -> date:
    return datetime.strptime(partition, "%Y%m%d").replace(tzinfo=UTC).date()


def _starts_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


class Removable(Protocol):
    """A media store whose objects the deleter may remove."""

    def remove(self, sha256: str) -> None:
        """Remove one object."""
        ...


OnDecision = Callable[[Outcome], None]
"""Called *before* a deletion is carried out, and for each one held or refused: it goes to the ledger.

If it raises, nothing is deleted; a ``CiorError`` is told again as the reason why it was refused.
"""


class Expirer:
    """Deletes what is past its retention and under no hold.

    The holds are asked at every run, immediately before deleting. No answer, an error, a hold that cannot be read, a
    hold without an end, or a table without a retention: nothing of that kind is deleted, and that is said.
    """

    def __init__(self, store: Store, *, policy: Policy, holds: HoldSource, on_decision: OnDecision) -> None:
        self._store, self._policy = store, policy
        self._holds = holds
        self._on_decision = on_decision

    def expire(self, *, now_ms: int) -> tuple[Outcome, ...]:
        """Everything that is due, in an order that never takes the events of a day before what asks them."""
        found = due(self._store, self._policy, now_ms=now_ms)
        return tuple(self._expire_day(each.table, each.day) for each in found)

    def expire_table(self, table: str, *, now_ms: int) -> tuple[Outcome, ...]:
        """The days of one table that are due; refused for a table without a retention."""
        if table not in RETAINED:
            return (
                self._decided(Outcome(target=table, day="*", done="refused", reason="expire.unknown_table")),
            )
        found = due(self._store, self._policy, now_ms=now_ms)
        return tuple(self._expire_day(each.table, each.day) for each in found if each.table == table)

    def expire_media(self, media: Removable, *, sha256: str, taken_ms: int) -> Outcome:
        """Remove one media object that the caller found to be past its retention, unless a hold names it or spans its
        time.
        """
        holds = self._known_holds()
        if holds is None:
            return self._decided(
                Outcome(target=sha256, day="", done="refused", reason="expire.holds_unknown")
            )
        touching = tuple(
            hold.id for hold in holds if sha256 in hold.media or _spans(hold, taken_ms, taken_ms + 1)
        )
        if touching:
            return self._decided(Outcome(target=sha256, day="", done="held", holds=touching))
        decided = self._claimed(Outcome(target=sha256, day="", done="deleted"))
        if decided.done == "deleted":
            media.remove(sha256)
        return decided

    def _expire_day(self, table: str, day: date) -> Outcome:
        shown = day.isoformat()
        holds = self._known_holds()
        if holds is None:
            return self._decided(
                Outcome(target=table, day=shown, done="refused", reason="expire.holds_unknown")
            )
        if table == _FACTS_OF_TIME and self._others_stand(day):
            return self._decided(
                Outcome(target=table, day=shown, done="refused", reason="expire.events_last")
            )
        touching = tuple(hold.id for hold in holds if self._touches(hold, day))
        if touching:
            return self._decided(Outcome(target=table, day=shown, done="held", holds=touching))
        decided = self._claimed(Outcome(target=table, day=shown, done="deleted"))
        if decided.done == "deleted":
            self._store.command(f"ALTER TABLE {table} DROP PARTITION {day:%Y%m%d}")
        return decided

    def _touches(self, hold: Hold, day: date) -> bool:
        """Whether a hold spans any moment of the day of receipt, or any fact received that day *happened* inside it (a
        buffered press hours late).
        """
        start_ms = int(_starts_s(day) * 1000)
        if _spans(hold, start_ms, start_ms + 86_400_000):
            return True
        late = f"""SELECT count() FROM {_FACTS_OF_TIME} WHERE toYYYYMMDD(received) = {day:%Y%m%d}
            AND toUnixTimestamp64Milli(occurred) >= {{since:Int64}}
            AND toUnixTimestamp64Milli(occurred) <= {{until:Int64}}"""
        until_ms = hold.until_ms if hold.until_ms is not None else 2**62
        return bool(self._store.value(late, {"since": hold.since_ms, "until": until_ms}))

    def _others_stand(self, day: date) -> bool:
        """Whether other tables still have this day: they need the events to know what happened when."""
        sql = """SELECT count() FROM system.parts WHERE active AND partition = {day:String}
            AND concat(database, '.', table) IN {others:Array(String)}"""
        others = [table for table in RETAINED if table != _FACTS_OF_TIME]
        return bool(self._store.value(sql, {"day": f"{day:%Y%m%d}", "others": others}))

    def _known_holds(self) -> tuple[Hold, ...] | None:
        """Every hold in force, or None when that is not certain."""
        try:
            found = cast(
                "object", self._holds.holds()
            )  # what a source of holds really returned is not taken on trust
        except (CiorError, OSError, RuntimeError, ValueError, TypeError, KeyError, LookupError) as error:
            log.warning("expiry_refused", reason=type(error).__name__)
            return None
        if not isinstance(found, Sequence) or not all(_readable(hold) for hold in found):
            log.warning("expiry_refused", reason="unreadable_hold")
            return None
        return tuple(found)

    def _claimed(self, outcome: Outcome) -> Outcome:
        """The deletion, once it is written down where holds are; refused when it could not be."""
        try:
            return self._decided(outcome)
        except CiorError as error:
            log.warning("expiry_refused", reason=error.code)
            return self._decided(
                Outcome(target=outcome.target, day=outcome.day, done="refused", reason=error.code)
            )

    def _decided(self, outcome: Outcome) -> Outcome:
        self._on_decision(outcome)
        return outcome


def _readable(hold: object) -> bool:
    return isinstance(hold, Hold) and (hold.until_ms is None or hold.until_ms >= hold.since_ms)


def _spans(hold: Hold, start_ms: int, end_ms: int) -> bool:
    return hold.since_ms < end_ms and (hold.until_ms is None or hold.until_ms >= start_ms)
