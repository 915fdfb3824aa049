"""How far behind the log a batch consumer is. Whoever scrapes asks, through a client of its own: the consumer may wait
for its store for minutes, and just then the number matters.
"""

from __future__ import annotations

from concurrent.futures import Future

import structlog
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

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
        self._client: AdminClient | None = None

    def stands(self, topic: str, partition: int, *, handled: int) -> None:
        """Everything before offset ``handled`` is done."""
        self._handled[topic, partition] = max(0, handled)

    def left(self, topic: str, partition: int) -> None:
        """The partition is another's now."""
        self._handled.pop((topic, partition), None)

    def read(self) -> m.Readings:
        """Messages behind, by topic."""
        handled = dict(self._handled)
        behind: dict[m.Series, float] = {}
        if not handled:
            return behind
        self._client = self._client or AdminClient(self._settings.client())
        wanted = {TopicPartition(*where): OffsetSpec.latest() for where in handled}
        try:
            answers: dict[TopicPartition, Future[ListOffsetsResultInfo]] = self._client.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_PATIENCE_S
            )
            ends = {
                (each.topic, each.partition): told.result(_PATIENCE_S).offset
                for each, told in answers.items()
            }
        except (KafkaException, TimeoutError) as error:
            _LOG.warning("lag_unknown", group=self._group, reason=type(error).__name__)
            return behind
        for (topic, partition), end in ends.items():
            series = (m.LAG.name, (self._group, topic))
            behind[series] = behind.get(series, 0.0) + max(0, end - handled[topic, partition])
        return behind
