"""The observatory's months: counted in the sink, suppressed there, and only then written where people may look.

Only closed months are told, ``SETTLE_DAYS`` after their end, and never the month that runs: two looks at a running
sum, taken a day apart, differ by that day's alerts. A month is told once more, ``REVISED_DAYS`` after its end, and only
when late data changed it by ``K`` or more; ``cior_core.suppression.revise`` hides in that second edition what the first
one would give away. Then it stands, so whoever keeps both learns of no group smaller than ``K``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import structlog

from cior_core.suppression import TOTAL, Key, revise, suppress
from cior_core.taxonomy import Taxonomy
from cior_sink.periodic import Periodic
from cior_store import month_statistics as months
from cior_store.centre_facts import CentreFacts
from cior_store.engine import Store
from cior_store.month_statistics import Month

log = structlog.get_logger("cior_sink.statistics")

K = 5
"""No count from 1 to 4 is told."""
SETTLE_DAYS = 3
"""A month is told so many days after its end: most alerts of its last night are closed by then."""
REVISED_DAYS = 33
DAY_MS = 86_400_000
TOP_SHARE = 0.05
MEASURED_MIN = 2 * K
"""Percentiles of fewer alerts would tell the times of single ones."""
LOCATED_MIN = 20 * K
SECONDS_STEP = 10
UNKNOWN = "unknown"
"""The district of an alert whose place nobody knows."""

STATISTICS = {"alerts", "judged", "reserved"}
ALL = (TOTAL, TOTAL)

Told = dict[Key, int | None]


class Statistics:
    """``thread`` looks after ``first_s``, then each ``every_s``. Months are of the centre's time zone."""

    def __init__(
        self,
        store: Store,
        *,
        facts: CentreFacts,
        taxonomy: Taxonomy,
        now_ms: Callable[[], int],
        first_s: float = 120.0,
        every_s: float = 3_600.0,
    ) -> None:
        self._store, self._facts, self._taxonomy, self._now_ms = store, facts, taxonomy, now_ms
        self._zone = ZoneInfo(facts.timezone)
        self._settled: set[date] = set()
        self.thread = Periodic("statistics", self.look, every_s=every_s, first_s=first_s)

    def look(self) -> tuple[date, ...]:
        """Tell what is to be told; the months of which something new was told. Raises ``SourceUnavailable``."""
        first_ms = months.first_alert_ms(self._store)
        if first_ms is None:
            return ()
        now_ms, new = self._now_ms(), []
        for month in self._closed(first_ms, now_ms):
            if self.thread.stopping.is_set():
                break
            if month not in self._settled and self._tell(month, now_ms):
                new.append(month)
        if new:
            log.info("months_told", months=[f"{month:%Y-%m}" for month in new])
        return tuple(new)

    def _closed(self, first_ms: int, now_ms: int) -> Iterator[date]:
        """The first days of the months that ended ``SETTLE_DAYS`` ago or earlier."""
        month = datetime.fromtimestamp(first_ms / 1000, self._zone).date().replace(day=1)
        while self._start_ms(_next(month)) + SETTLE_DAYS * DAY_MS <= now_ms:
            yield month
            month = _next(month)

    def _start_ms(self, month: date) -> int:
        return round(datetime(month.year, month.month, 1, tzinfo=self._zone).timestamp() * 1000)

    def _tell(self, month: date, now_ms: int) -> bool:
        before, until_ms = months.told(self._store, month), self._start_ms(_next(month))
        revised_ms = until_ms + REVISED_DAYS * DAY_MS
        if now_ms >= revised_ms:
            self._settled.add(month)
        standing = {name for name, each in before.items() if now_ms < revised_ms or each.at_ms >= revised_ms}
        if standing == STATISTICS:
            return False
        found = months.read_month(self._store, since_ms=self._start_ms(month), until_ms=until_ms)
        tables = {"alerts": self._alerts(found), "judged": _judged(found), "reserved": {ALL: found.reserved}}
        new = {
            name: cells
            for name, counts in tables.items()
            if name not in standing
            if (cells := _edition(name, counts, before[name].cells if name in before else None)) is not None
        }
        if "alerts" in new:
            hidden = {column for (row, column), n in new["alerts"].items() if row == TOTAL and n is None}
            figures = [*self._response(found, hidden), *_concentration(found.cells)]
            # Before the counts: they are what says that the month is told, and a crash between must not leave it bare.
            months.tell_figures(self._store, month, figures, edition_ms=now_ms)
        for name, cells in new.items():
            months.tell(self._store, month, name, cells, edition_ms=now_ms)
        return bool(new)

    def _alerts(self, found: Month) -> Counter[Key]:
        alerts: Counter[Key] = Counter()
        for each in found.typed:
            alerts[self._family(each.type), each.district or UNKNOWN] += each.n
        return alerts

    def _family(self, code: str) -> str:
        known = self._taxonomy.get(code)
        return code.partition(".")[0] if known is None else known.family

    def _response(self, found: Month, hidden: set[str]) -> Iterator[tuple[str, str, float]]:
        """Of each district whose alerts are told, and of the city: rounded, so that no total can be taken from it."""
        by_district = {each.district or UNKNOWN: sorted(each.seconds) for each in found.responses}
        by_district[TOTAL] = sorted(second for each in found.responses for second in each.seconds)
        for district, seconds in by_district.items():
            if len(seconds) < MEASURED_MIN or district in hidden:
                continue
            in_target = sum(second <= self._facts.response_target_s for second in seconds)
            yield "measured", district, _rounded(len(seconds), K)
            yield "in_target", district, _rounded(in_target, K)
            yield "response_p50_s", district, _rounded(_percentile(seconds, 0.5), SECONDS_STEP)
            yield "response_p90_s", district, _rounded(_percentile(seconds, 0.9), SECONDS_STEP)


def _judged(found: Month) -> dict[Key, int]:
    return {(each.kind, each.disposition): each.n for each in found.judged}


def _edition(name: str, counts: Mapping[Key, int], before: Told | None) -> Told | None:
    if name == "reserved":
        return _reserved(counts[ALL], None if before is None else before[ALL], is_first=before is None)
    return suppress(counts, k=K) if before is None else revise(counts, before, k=K)


def _reserved(n: int, before: int | None, *, is_first: bool) -> Told | None:
    """Silent and sealed alerts: one number for the whole city, hidden below ``K`` with zero among them."""
    if is_first:
        return {ALL: n if n >= K else None}
    return {ALL: n} if n >= K and abs(n - (before or 0)) >= K else None


def _concentration(cells: Sequence[int]) -> Iterator[tuple[str, str, float]]:
    """Percent of the located alerts in the busiest cells; nothing while they are too few to mean anything."""
    located = sum(cells)
    yield "located", TOTAL, _rounded(located, K)
    if located >= LOCATED_MIN:
        busiest = sorted(cells, reverse=True)[: ceil(len(cells) * TOP_SHARE)]
        yield "top_cells_percent", TOTAL, round(100 * sum(busiest) / located)


def _percentile(ordered: Sequence[int], share: float) -> int:
    """Nearest rank (1-based rank ``ceil(share * n)``)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _rounded(value: int, step: int) -> float:
    return float(round(value / step) * step)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
