"""Which epoch of the broker's log answers.

The embedded broker keeps its log in memory: every start begins an empty one, an epoch.

Whatever belongs to a log carries its epoch's name there: consumer groups and the changelogs of stream tables. A client
that outlived the crash may still commit offsets of the old log, or write to a topic that is gone (Tansu 0.6.0
acknowledges both): under the old name that harms nobody, under the same name its successor would skip presses or wait
for records that do not exist. Apache Kafka keeps its cluster id on disk with its records, so there an epoch never ends
and has no name.
"""

from __future__ import annotations

from typing import Any, Protocol

from cior_bus.settings import BusSettings, Profile


class _Asking(Protocol):
    def list_topics(self, topic: str, timeout: float) -> Any: ...


def epoch_of(client: _Asking, settings: BusSettings, *, topic: str, timeout_s: float) -> str:
    """The epoch's name; empty on Apache Kafka (nobody is asked).

    One metadata request for ``topic``, which need not exist.

    Raises ``KafkaException`` when the broker does not answer.
    """
    if settings.profile is not Profile.TANSU:
        return ""
    return str(client.list_topics(topic, timeout=timeout_s).cluster_id).rpartition("-")[2]


def name_in(epoch: str, name: str) -> str:
    """A group's or table set's name within an epoch."""
    return f"{name}-{epoch}" if epoch else name
