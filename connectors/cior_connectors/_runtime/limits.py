"""Rate limits for telemetry, placed *after* decoding, so that what is life-safety is known first (law 2) and what is
dropped is counted (law 11).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from cior_core.model import Event, Lane

MAX_DEVICES = 20_000


class TelemetryLimit:
    """A token bucket for each device: ``rate_per_s``, with a burst of ``burst_s`` seconds. None: no limit."""

    def __init__(self, *, rate_per_s: float | None, burst_s: float = 10.0) -> None:
        self._rate = rate_per_s
        self._burst = max(1.0, (rate_per_s or 0.0) * burst_s)
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def keep(self, events: Sequence[Event], *, now_ms: int) -> tuple[Event, ...]:
        """The events to publish. Only telemetry that is not life-safety can be missing; order kept."""
        if self._rate is None:
            return tuple(events)
        return tuple(
            event
            for event in events
            if event.life_safety or event.lane is not Lane.TELEMETRY or self._allow(event.subject, now_ms)
        )

    def _allow(self, subject: str, now_ms: int) -> bool:
        assert self._rate is not None
        tokens, at_ms = self._buckets.pop(subject, (self._burst, now_ms))
        tokens = min(self._burst, tokens + max(0, now_ms - at_ms) / 1000 * self._rate)
        allowed = tokens >= 1.0
        self._buckets[subject] = (tokens - 1.0 if allowed else tokens, now_ms)
        while len(self._buckets) > MAX_DEVICES:
            self._buckets.popitem(last=False)
        return allowed
