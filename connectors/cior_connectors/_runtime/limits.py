"""Limits of rate, placed *after* decoding, so that what is life-safety is known first (law 2): telemetry that is too
much is dropped and counted (law 11); what a desk sends by the file gives way to presses, and nothing of it is dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from cior_core.attributes import PACED
from cior_core.model import Event, Lane

MAX_DEVICES = 20_000


DESK_PER_S = 10.0
"""Records a second of one desk on the urgent lane: an operator room of a million people takes about one."""
DESK_BURST_S = 4.0


class _Buckets:
    """A token bucket for each sender: ``rate_per_s``, with a burst of ``burst_s`` seconds."""

    def __init__(self, rate_per_s: float, burst_s: float) -> None:
        self._rate = rate_per_s
        self._burst = max(1.0, rate_per_s * burst_s)
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, subject: str, now_ms: int) -> bool:
        """Whether ``subject`` has a token left; it is taken."""
        tokens, at_ms = self._left.pop(subject, (self._burst, now_ms))
        tokens = min(self._burst, tokens + max(0, now_ms - at_ms) / 1000 * self._rate)
        allowed = tokens >= 1.0
        self._left[subject] = (tokens - 1.0 if allowed else tokens, now_ms)
        while len(self._left) > MAX_DEVICES:
            self._left.popitem(last=False)
        return allowed


class DeskPace:
    """Records of a desk, which speaks for many, beyond its pace: a file of them goes beside the urgent lane.

    Presses of devices are never moved, however many come: thirty thousand rows of one desk must not stand before one
    press (law 16), thirty presses are thirty calls for help.
    """

    def __init__(self) -> None:
        self._buckets = _Buckets(DESK_PER_S, DESK_BURST_S)

    def paced(self, events: Sequence[Event], *, now_ms: int) -> tuple[Event, ...]:
        """The events, those beyond the pace marked and on the lane of what may wait; order kept."""
        return tuple(
            self._beside(event)
            if _is_of_a_desk(event) and not self._buckets.allow(event.subject, now_ms)
            else event
            for event in events
        )

    def _beside(self, event: Event) -> Event:
        return msgspec.structs.replace(event, lane=Lane.NORMAL, attributes={**event.attributes, PACED: True})


def _is_of_a_desk(event: Event) -> bool:
    return event.lane is Lane.URGENT and event.independence not in {None, event.subject}


class TelemetryLimit:
    """A token bucket for each device: ``rate_per_s``, with a burst of ``burst_s`` seconds. None: no limit."""

    def __init__(self, *, rate_per_s: float | None, burst_s: float = 10.0) -> None:
        self._buckets = None if rate_per_s is None else _Buckets(rate_per_s, burst_s)

    def keep(self, events: Sequence[Event], *, now_ms: int) -> tuple[Event, ...]:
        """The events to publish. Only telemetry that is not life-safety can be missing; order kept."""
        buckets = self._buckets
        if buckets is None:
            return tuple(events)
        return tuple(
            event
            for event in events
            if event.life_safety or event.lane is not Lane.TELEMETRY or buckets.allow(event.subject, now_ms)
        )
