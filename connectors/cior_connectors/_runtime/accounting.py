"""What an instance took and what became of it, a minute at a time: the connector's side of *accepted = stored + dead +
in flight*.
"""

from __future__ import annotations

from cior_bus.metrics import Metrics
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.records import Publication
from cior_connectors.contract import Accepted, Outcome, Refused, Rejected
from cior_core.model import Lane

MINUTE_MS = 60_000
COUNTS = (
    "received",
    "accepted",
    "rejected",
    "refused",
    "events",
    "dead",
    "dropped",
    "unregistered",
    "sealed",
)
WORDS: dict[type[Outcome], str] = {Accepted: "accepted", Rejected: "rejected", Refused: "refused"}
"""The outcomes of a unit as metrics and statements name them."""


class Accounting:
    """Counters of one instance: since its start in ``metrics``, and for the running minute in :meth:`close_minute`."""

    def __init__(self, *, instance: str, metrics: Metrics) -> None:
        self._instance = instance
        self._metrics = metrics
        self._minute = dict.fromkeys(COUNTS, 0)
        self._durable: dict[int, int] = {}

    def received(self, size_bytes: int) -> None:
        """A payload came in."""
        self._minute["received"] += 1
        self._metrics.add(m.RECEIVED, self._instance)
        self._metrics.add(m.RECEIVED_BYTES, self._instance, amount=size_bytes)

    def durable(self, publication: Publication, *, received_ms: int) -> None:
        """A payload and all it became are durable.

        Counted by its minute of *receipt*, the minute by which the store counts its raw record.
        """
        minute_ms = received_ms // MINUTE_MS * MINUTE_MS
        self._durable[minute_ms] = self._durable.get(minute_ms, 0) + 1
        for lane in Lane:
            if count := publication.lanes.count(lane):
                self._metrics.add(m.EVENTS, self._instance, lane.value, amount=count)
        for code in publication.dead_codes:
            self._metrics.add(m.DEAD, self._instance, code)
        self._minute["events"] += len(publication.lanes)
        self._minute["dead"] += len(publication.dead_codes)
        self._minute["unregistered"] += publication.unregistered
        self._metrics.add(m.UNREGISTERED, self._instance, amount=publication.unregistered)
        if publication.sealed:
            self._minute["sealed"] += 1
            self._metrics.add(m.SEALED, self._instance)

    def answered(self, outcome: Outcome) -> None:
        """The source was told."""
        word = WORDS[type(outcome)]
        self._minute[word] += 1
        self._metrics.add(m.ANSWERED, self._instance, word)

    def dropped(self, count: int, *, reason: str) -> None:
        """Events given up on purpose (law 11)."""
        self._minute["dropped"] += count
        self._metrics.add(m.DROPPED, self._instance, reason, "true", amount=count)

    def close_minute(self) -> dict[str, int]:
        """The counts since the last call, and start again."""
        minute, self._minute = self._minute, dict.fromkeys(COUNTS, 0)
        return minute

    def close_receipts(self) -> dict[str, int]:
        """Raw records made durable since the last call, by minute of receipt (ms as text); statements add up in the
        store.
        """
        counts, self._durable = self._durable, {}
        return {str(minute_ms): count for minute_ms, count in sorted(counts.items())}
