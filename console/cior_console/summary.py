"""What a period amounted to, in one struct: the demo prints it, the executive brief will."""

from __future__ import annotations

import msgspec

from cior_store.answers import DeadCount, FalseAlarmRow, LatencyRow, LevelCount, SourceCount
from cior_store.questions import ConsoleQuestions
from cior_store.reconcile import without_names


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Accepted against stored. ``accepted`` is what the connectors said, ``raw`` and ``outcomes`` what stands in the
    store.

    ``missing_*`` and ``unclaimed_raw`` are sums over minutes and instances, so that two errors cannot cancel.
    """

    accepted: int
    raw: int
    declared: int
    events: int
    dead: int
    missing_raw: int
    unclaimed_raw: int
    missing_outcomes: int

    @property
    def lossless(self) -> bool:
        """Whether everything that was accepted, and everything it became, is stored.

        A killed connector takes its last claim with it, not its records.
        """
        return self.missing_raw == 0 and self.missing_outcomes == 0

    @property
    def even(self) -> bool:
        """Whether accepted = stored and outcomes = events + dead, exactly."""
        return self.lossless and self.unclaimed_raw == 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One period."""

    sources: tuple[SourceCount, ...]
    cameras: int
    dead: tuple[DeadCount, ...]
    levels: tuple[LevelCount, ...]
    latency: LatencyRow
    false_alarms: tuple[FalseAlarmRow, ...]
    balance: Balance
    drill_alerts: int


def balance_of(questions: ConsoleQuestions, *, since_ms: int, until_ms: int) -> Balance:
    """The balance of whole minutes that touch the window, instance by instance."""
    rows = without_names(questions.reconciliation(since_ms=since_ms - since_ms % 60_000, until_ms=until_ms))
    raw_differences = [row.missing_raw for row in rows]
    return Balance(
        accepted=sum(row.accepted or 0 for row in rows),
        raw=sum(row.raw_stored for row in rows),
        declared=sum(row.outcomes_declared for row in rows),
        events=sum(row.events_stored for row in rows),
        dead=sum(row.dead_stored for row in rows),
        missing_raw=sum(each for each in raw_differences if each > 0),
        unclaimed_raw=sum(-each for each in raw_differences if each < 0)
        + sum(row.raw_stored for row in rows if row.accepted is None),
        missing_outcomes=sum(abs(row.missing_outcomes) for row in rows),
    )


def summarise(questions: ConsoleQuestions, *, since_ms: int, until_ms: int) -> Summary:
    """Everything about the window."""
    return Summary(
        sources=questions.signals_by_source(since_ms=since_ms, until_ms=until_ms),
        cameras=questions.camera_events(since_ms=since_ms, until_ms=until_ms),
        dead=questions.dead_codes(since_ms=since_ms, until_ms=until_ms),
        levels=questions.alerts_by_level(since_ms=since_ms, until_ms=until_ms),
        latency=questions.p1_latency(since_ms=since_ms, until_ms=until_ms),
        false_alarms=questions.false_alarms(),
        balance=balance_of(questions, since_ms=since_ms, until_ms=until_ms),
        drill_alerts=questions.drill_alerts(since_ms=since_ms, until_ms=until_ms),
    )
