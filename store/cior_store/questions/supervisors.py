"""What supervisors and analysts ask: statistics, drills left out."""

from __future__ import annotations

from cior_store.answers import MinuteCount
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
