"""Whether everything that was accepted is stored or dead, and what came from where."""

from __future__ import annotations

from cior_store.answers import BalanceRow, DeadRow, SourceCount
from cior_store.questions.asking import WINDOW, Asking, window


class AccountingQuestions(Asking):
    """Whether everything that was accepted is stored or dead, and what came from where."""

    def signals_by_source(self, *, since_ms: int, until_ms: int) -> tuple[SourceCount, ...]:
        """Raw records by source and what they became; drills are counted in their own column only. A connector all of
        whose records lie in boxes is counted as one line, to the minute and drills included (ADR 20).
        """
        sql = f"""SELECT source, countIf(NOT drill) AS signals, sumIf(events, NOT drill) AS events,
            sumIf(dead, NOT drill) AS dead,
            countIf(drill) AS drills, toUnixTimestamp64Milli(max(received)) AS last_ms
            FROM (SELECT source, drill, events, dead, received FROM ops.raw FINAL WHERE {WINDOW}) GROUP BY source
            UNION ALL
            SELECT concat('urn:cior:', connector, ':boxed') AS source, count() AS signals, sum(o.events) AS events,
            sum(o.dead) AS dead, toUInt64(0) AS drills, toInt64(toUnixTimestamp(max(minute))) * 1000 AS last_ms
            FROM ops.raw_outcomes AS o FINAL
            WHERE sealed AND minute >= toDateTime(intDiv({{since:Int64}}, 1000), 'UTC')
            AND minute < toDateTime(intDiv({{until:Int64}}, 1000), 'UTC')
            AND connector NOT IN (SELECT connector FROM ops.raw WHERE {WINDOW})
            GROUP BY connector
            ORDER BY source"""
        return self._store.ask(SourceCount, sql, window(since_ms, until_ms))

    def dead_letters(self, *, since_ms: int, until_ms: int, limit: int = 500) -> tuple[DeadRow, ...]:
        """What could not be decoded or processed, newest first, without the bytes."""
        sql = """SELECT dead_id, toUnixTimestamp64Milli(at) AS at_ms, stage, code, reason, source, payload_bytes,
            payload_sha256, life_safety, data_class, raw_id
            FROM ops.dead_letters FINAL WHERE at >= fromUnixTimestamp64Milli({since:Int64})
            AND at < fromUnixTimestamp64Milli({until:Int64})
            ORDER BY at DESC, dead_id LIMIT {limit:UInt32}"""
        return self._store.ask(DeadRow, sql, window(since_ms, until_ms, limit=limit))

    def reconciliation(self, *, since_ms: int, until_ms: int) -> tuple[BalanceRow, ...]:
        """Accepted against stored by minute and connector instance, computed now from stored rows alone.

        A press re-sent forty times is forty raw records and one event: outcomes are counted by (raw record, index),
        so that balances too.
        """
        return self._store.ask(
            BalanceRow, _BALANCE, {"since_s": since_ms // 1000, "until_s": until_ms // 1000}
        )


_BALANCE = """
WITH toDateTime({since_s:Int64}, 'UTC') AS since, toDateTime({until_s:Int64}, 'UTC') AS until,
outcomes AS (SELECT minute, connector, instance, raw_id, events, dead FROM ops.raw_outcomes FINAL
             WHERE minute >= since AND minute < until),
landed AS (SELECT raw_id, uniqExact(raw_index) AS n FROM ops.event_links
           WHERE raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id),
buried AS (SELECT raw_id, uniqExact(dead_id) AS n FROM ops.dead_letters
           WHERE stage IN ('decode', 'store') AND raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id),
disputed AS (SELECT DISTINCT raw_id, 1 AS n FROM ops.raw_conflicts WHERE raw_id IN (SELECT raw_id FROM outcomes))
SELECT toUnixTimestamp(minute) * 1000 AS minute_ms, connector, instance,
    if(max(has) = 1, sum(claimed), NULL) AS accepted, sum(raws) AS raw_stored,
    sum(declared) AS outcomes_declared, sum(ev) AS events_stored, sum(de) AS dead_stored, min(is_exact) AS exact,
    sum(other) AS conflicts
FROM
(
    SELECT minute, connector, instance, accepted AS claimed, 1 AS has, 0 AS raws, 0 AS declared, 0 AS ev, 0 AS de,
    exact AS is_exact, 0 AS other
    FROM ops.accounting FINAL WHERE minute >= since AND minute < until
    UNION ALL
    SELECT o.minute, o.connector, o.instance, 0, 0, 1, o.events + o.dead, landed.n, buried.n, true, disputed.n
    FROM outcomes AS o LEFT JOIN landed ON landed.raw_id = o.raw_id LEFT JOIN buried ON buried.raw_id = o.raw_id
    LEFT JOIN disputed ON disputed.raw_id = o.raw_id
)
GROUP BY minute, connector, instance
ORDER BY minute, connector, instance
"""
