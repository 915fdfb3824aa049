"""How far behind the log a batch consumer is. Whoever scrapes asks, through a client of its own: the consumer may wait
for its store for minutes, and just then the number matters.
"""

from __future__ import annotations

import threading

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cior_bus import metrics as m
from cior_bus.settings import BusSettings

_LOG = structlog.get_logger(__name__)
_PATIENCE_S = 1.0
Partition = tuple[str, int]


class Lag:
    """The consumer says what it has handled; :meth:`read` asks the broker for the ends. A broker that does not answer
    within a second gives no number, which is not a small one.
    """

    def __init__(self, settings: BusSettings, *, group: str) -> None:
        self._settings, self._group = settings, group
        self._handled: dict[Partition, int] = {}
        self._client: Consumer | None = None
        self._one_at_a_time = threading.Lock()

    def stands(self, topic: str, partition: int, *, handled: int) -> None:
        """Everything before offset ``handled`` is done."""
        self._handled[topic, partition] = max(0, handled)

    def left(self, topic: str, partition: int) -> None:
        """The partition is another's now."""
        self._handled.pop((topic, partition), None)

    def read(self) -> m.Readings:
        """Messages behind, by topic."""
        handled = dict(self._handled)
        if not handled:
            return {}
        behind: dict[m.Series, float] = {}
        try:
            with self._one_at_a_time:
                for (topic, partition), done in handled.items():
                    series = (m.LAG.name, (self._group, topic))
                    behind[series] = behind.get(series, 0.0) + max(0, self._end(topic, partition) - done)
        except KafkaException as error:
            _LOG.warning("lag_unknown", group=self._group, reason=error.args[0].name())
            return {}
        return behind

    def _end(self, topic: str, partition: int) -> int:
        if self._client is None:
            # It subscribes to nothing, so it never joins the group whose name it must have.
            self._client = Consumer(self._settings.consumer(f"{self._group}-lag"))
        ends = self._client.get_watermark_offsets(TopicPartition(topic, partition), timeout=_PATIENCE_S)
        return ends[1]
