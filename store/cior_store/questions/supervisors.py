"""What supervisors and analysts ask: statistics, drills left out."""

from __future__ import annotations

from cior_store.answers import FalseAlarmRow, LatencyRow, LevelCount, MinuteCount
from cior_store.questions.asking import WINDOW, Asking, window


class SupervisorQuestions(Asking):
    """What supervisors and analysts ask: statistics, drills left out."""

    def events_by_minute(
        self, *, since_ms: int, until_ms: int, source: str | None = None
    ) -> tuple[MinuteCount, ...]:
        """Events a minute by source and type, copies collapsed, drills left out."""
        sql = f"""SELECT toUnixTimestamp(toStartOfMinute(toDateTime(received, 'UTC'))) * 1000 AS minute_ms, source,
            type, count() AS events
            FROM ops.events FINAL WHERE {WINDOW} AND NOT drill
            AND ({{source:String}} = '' OR source = {{source:String}})
            GROUP BY minute_ms, source, type ORDER BY minute_ms, source, type"""
        return self._store.ask(MinuteCount, sql, window(since_ms, until_ms, source=source or ""))

    def alerts_by_level(self, *, since_ms: int, until_ms: int) -> tuple[LevelCount, ...]:
        """Alerts opened in the window by level, with each level's reasons by frequency; drills left out."""
        sql = """SELECT level, count() AS alerts, countIf(status NOT IN ('closed', 'merged')) AS open,
            arrayReverseSort(x -> (x.2, x.1),
                arrayZip((sumMap(reason_codes, arrayMap(x -> toUInt64(1), reason_codes)) AS tally).1, tally.2)
            ) AS reasons
            FROM ops.alert_current FINAL WHERE NOT drill AND opened >= fromUnixTimestamp64Milli({since:Int64})
            AND opened < fromUnixTimestamp64Milli({until:Int64}) GROUP BY level ORDER BY level"""
        return self._store.ask(LevelCount, sql, window(since_ms, until_ms))

    def drill_alerts(self, *, since_ms: int, until_ms: int) -> int:
        """How many alerts of the window were drills: what the statistics leave out."""
        sql = """SELECT count() FROM ops.alert_current FINAL WHERE drill
            AND opened >= fromUnixTimestamp64Milli({since:Int64})
            AND opened < fromUnixTimestamp64Milli({until:Int64})"""
        return int(self._store.value(sql, window(since_ms, until_ms)))

    def p1_latency(self, *, since_ms: int, until_ms: int) -> LatencyRow:
        """How long alerts that reached P1 took; exact quantiles, zeros when there was none."""
        columns = ", ".join(
            f"ifNotFinite(quantileExact({q})({name}_ms), 0) AS {name}_p{label}_ms"
            for name in ("decide", "visible") for q, label in ((0.5, 50), (0.95, 95), (0.99, 99))
        )  # fmt: skip
        return self._store.ask(
            LatencyRow,
            f"SELECT count() AS alerts, {columns} FROM ops.v_p1_latency WHERE {WINDOW}",
            window(since_ms, until_ms),
        )[0]

    def false_alarms(self) -> tuple[FalseAlarmRow, ...]:
        """The false-alarm ledger by source and type, worst share first."""
        names = ", ".join(FalseAlarmRow.__struct_fields__)
        return self._store.ask(
            FalseAlarmRow,
            f"SELECT {names} FROM ops.v_false_alarms ORDER BY false_share DESC NULLS LAST, source, type",
        )
