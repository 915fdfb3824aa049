"""Retention. A hold outranks it, and when in doubt nothing is deleted (law 7).

The deleter asks for the holds at every run, immediately before deleting. No answer, an error, a hold it cannot read, a
hold without an end, or a table it does not know: it deletes nothing of that kind and says so. Tables are expired by
whole days of receipt, so a hold that touches one minute keeps that whole day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, cast

import structlog

from cior_core.errors import CiorError
from cior_core.model import Struct
from cior_store.engine import Store

log = structlog.get_logger(__name__)

EXPIRABLE = (
    "ops.raw",
    "ops.events",
    "ops.observations",
    "ops.event_links",
    "ops.raw_outcomes",
    "ops.dead_letters",
    "sealed.raw",
    "sealed.dead_payloads",
)
"""Tables with a retention, all partitioned by UTC day. Alerts, their story, actions and ledgers have none."""


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


class Removable(Protocol):
    """A media store whose objects the deleter may remove."""

    def remove(self, sha256: str) -> None:
        """Remove one object."""
        ...


OnDecision = Callable[[Outcome], None]
"""Called *before* a deletion is carried out, and for each one held or refused: it goes to the ledger.

If it raises, nothing is deleted.
"""


class Expirer:
    """Deletes what is older than its retention and under no hold."""

    def __init__(self, store: Store, *, holds: HoldSource, on_decision: OnDecision) -> None:
        self._store = store
        self._holds = holds
        self._on_decision = on_decision

    def expire_days(self, table: str, *, keep_days: int, now_ms: int) -> tuple[Outcome, ...]:
        """Drop the days of ``table`` that ended more than ``keep_days`` days ago and that no hold touches."""
        if table not in EXPIRABLE or keep_days < 1:
            return (
                self._decided(Outcome(target=table, day="*", done="refused", reason="expire.unknown_table")),
            )
        due = self._due(table, keep_days=keep_days, now_ms=now_ms)
        return tuple(self._expire_day(table, day) for day in due)

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
        decided = self._decided(Outcome(target=sha256, day="", done="deleted"))
        media.remove(sha256)
        return decided

    def _due(self, table: str, *, keep_days: int, now_ms: int) -> tuple[date, ...]:
        limit = datetime.fromtimestamp(now_ms / 1000, UTC).date() - timedelta(days=keep_days)
        database, name = table.split(".")
        rows = self._store.rows(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = {d:String} AND table = {t:String} ORDER BY partition",
            {"d": database, "t": name},
        )
        days = (datetime.strptime(str(row["partition"]), "%Y%m%d").replace(tzinfo=UTC).date() for row in rows)
        return tuple(day for day in days if day < limit)

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
        decided = self._decided(Outcome(target=table, day=shown, done="deleted"))
        self._store.command(f"ALTER TABLE {table} DROP PARTITION {day:%Y%m%d}")
        return decided

    def _touches(self, hold: Hold, day: date) -> bool:
        """Whether a hold spans any moment of the day of receipt, or any fact received that day *happened* inside it (a
        buffered press hours late).
        """
        start_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        if _spans(hold, start_ms, start_ms + 86_400_000):
            return True
        late = f"""SELECT count() FROM {_FACTS_OF_TIME} WHERE toYYYYMMDD(received) = {day:%Y%m%d}
            AND toUnixTimestamp64Milli(occurred) >= {{since:Int64}} AND toUnixTimestamp64Milli(occurred) <= {{until:Int64}}"""
        until_ms = hold.until_ms if hold.until_ms is not None else 2**62
        return bool(self._store.value(late, {"since": hold.since_ms, "until": until_ms}))

    def _others_stand(self, day: date) -> bool:
        """Whether other tables still have this day: they need the events to know what happened when."""
        sql = """SELECT count() FROM system.parts WHERE active AND partition = {day:String}
            AND concat(database, '.', table) IN {others:Array(String)}"""
        others = [table for table in EXPIRABLE if table != _FACTS_OF_TIME]
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

    def _decided(self, outcome: Outcome) -> Outcome:
        self._on_decision(outcome)
        return outcome


def _readable(hold: object) -> bool:
    return isinstance(hold, Hold) and (hold.until_ms is None or hold.until_ms >= hold.since_ms)


def _spans(hold: Hold, start_ms: int, end_ms: int) -> bool:
    return hold.since_ms < end_ms and (hold.until_ms is None or hold.until_ms >= start_ms)
