"""What a copy of a running store holds only in part, taken out. A restore calls it; a store in use never does.

The raw tables are copied first, and the rest once all that was on its way then had arrived: a raw record of the copy
has all that it became. What is left are signals that came during the copy: raw records above a number of their chain
that is not there, and what became of raw records that are not there. Only what was received since the copy began is
touched: a hole below that is for ``cior verify-log`` to name, not for us to tidy away.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from cior_core.chain import Head, Seen, climb, genesis
from cior_store import chain_rows
from cior_store.chain_rows import CLEAR, SEALED
from cior_store.engine import Store

_SINCE = "fromUnixTimestamp64Milli({since:Int64})"
_BECAME = {
    "ops.raw_digests": "tupleElement(first, 1)",
    "ops.raw_outcomes": "minute + INTERVAL 59 SECOND",
    "ops.event_links": "received",
    "ops.events": "received",
    "ops.dead_letters": "at",
}
"""What a raw record becomes, and since when it is there. A minute of outcomes counts whole."""
_FOLLOWS = (
    (
        "ops.observations",
        "received",
        "event_id NOT IN (SELECT event_id FROM ops.events WHERE received >= {})",
    ),
    ("sealed.dead_payloads", "at", "dead_id NOT IN (SELECT dead_id FROM ops.dead_letters WHERE at >= {})"),
    ("ops.accounting", "at", "1"),
)
"""What follows from those; and statements of what was accepted since, which may name what is not here."""


def take_out(store: Store, *, since_ms: int, waiting: Mapping[str, Sequence[Seen]]) -> int:
    """How many signals were there in part and are not any more. ``waiting``: by raw table, what a spool still holds."""
    gone: set[str] = set()
    for table in (CLEAR, SEALED):
        for chain in chain_rows.names(store, table, since_ms=since_ms):
            top = _top(store, table, chain, since_ms=since_ms, waiting=waiting.get(table, ()))
            where = f"chain = {{chain:String}} AND chain_seq > {{top:UInt64}} AND received >= {_SINCE}"
            gone |= _deleted(store, table, where, {"chain": chain, "top": top, "since": since_ms})
    for table, at in _BECAME.items():
        of = f"raw_id != '' AND {at} >= {_SINCE}"
        ids = f"SELECT raw_id FROM {table} WHERE {of}"
        known = " UNION ALL ".join(
            f"SELECT raw_id FROM {raw} WHERE raw_id IN ({ids})" for raw in (CLEAR, SEALED)
        )
        gone |= _deleted(store, table, f"{of} AND raw_id NOT IN ({known})", {"since": since_ms})
    for table, at, where in _FOLLOWS:
        _delete(store, table, f"{at} >= {_SINCE} AND {where.format(_SINCE)}", {"since": since_ms})
    return len(gone)


def _top(store: Store, table: str, chain: str, *, since_ms: int, waiting: Sequence[Seen]) -> int:
    """The highest number that follows without a break from what came before ``since_ms``."""
    last = _before(store, table, chain, since_ms=since_ms)
    here = sorted((each for each in waiting if each.place.chain == chain), key=_number)
    while True:
        entries = heapq.merge(chain_rows.rising(store, table, last), here, key=_number)
        reached = max(climb(last, entries), key=lambda head: head.seq, default=last)
        if reached == last:
            return last.seq
        last = reached


def _number(entry: Seen) -> int:
    return entry.place.seq


def _before(store: Store, table: str, chain: str, *, since_ms: int) -> Head:
    of = f"FROM {table} WHERE chain = {{chain:String}}"
    told = {"chain": chain, "since": since_ms}
    first = store.value(f"SELECT min(chain_seq) {of} AND received >= {_SINCE}", told)
    rows = store.rows(
        f"SELECT chain_seq, digest {of} AND chain_seq < {{first:UInt64}} ORDER BY chain_seq DESC, stored LIMIT 1",
        {**told, "first": first},
    )
    return (
        Head(chain, int(rows[0]["chain_seq"]), str(rows[0]["digest"]))
        if rows
        else Head(chain, 0, genesis(chain))
    )


def _deleted(store: Store, table: str, where: str, told: Mapping[str, object]) -> set[str]:
    """The raw ids of the rows that are gone now."""
    rows = store.rows(f"SELECT DISTINCT raw_id FROM {table} WHERE {where}", told)
    if rows:
        _delete(store, table, where, told)
    return {str(row["raw_id"]) for row in rows}


def _delete(store: Store, table: str, where: str, told: Mapping[str, object]) -> None:
    store.command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2", told)
