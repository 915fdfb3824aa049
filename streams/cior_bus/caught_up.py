"""Whether consumer groups have done what lay in their topics at an instant: before a backup, what has left the spools
must be in the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cior_bus.log_epoch import epoch_of, name_in
from cior_bus.settings import BusSettings

_LOG = structlog.get_logger(__name__)
_PATIENCE_S, _PAUSE_S = 5.0, 0.2
SILENCE_S = 12.0
"""A broker that answers nothing for so long hangs: waiting on would only make the backup later. A busy one misses an
answer, not three.
"""
_REFUSALS = frozenset(
    {
        "TOPIC_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "SASL_AUTHENTICATION_FAILED",
        "_AUTHENTICATION",
    }
)
"""What asking again does not change."""
_Ends = dict[tuple[str, int], int]


def caught_up(
    settings: BusSettings, groups: Mapping[str, Sequence[str]], *, rounds: int, within_s: float
) -> bool:
    """Wait until every group has committed all that its topics held when a round began. A signal that is handed on
    from topic to topic needs a round a hand-over. False: not within the time, the broker answers nothing for
    :data:`SILENCE_S`, or it refuses.

    A busy broker that misses one answer is asked again, from the first round on.
    """
    deadline_s, heard = time.monotonic() + within_s, _Heard(time.monotonic())
    while True:
        try:
            return _rounds(settings, groups, heard, rounds=rounds, deadline_s=deadline_s)
        except KafkaException as error:
            reason, now_s = error.args[0].name(), time.monotonic()
            if reason in _REFUSALS or now_s > min(deadline_s, heard.at_s + SILENCE_S):
                _LOG.warning("not_known_to_be_caught_up", reason=reason)
                return False
            time.sleep(_PAUSE_S)


class _Heard(msgspec.Struct):
    """When the broker last answered anything (monotonic seconds)."""

    at_s: float

    def now(self) -> None:
        self.at_s = time.monotonic()


def _rounds(
    settings: BusSettings,
    groups: Mapping[str, Sequence[str]],
    heard: _Heard,
    *,
    rounds: int,
    deadline_s: float,
) -> bool:
    clients: dict[str, Consumer] = {}
    try:
        epoch = _epoch(settings, groups)
        heard.now()
        # Each subscribes to nothing, so it never joins the group whose name it must have.
        for group in groups:
            clients[group] = Consumer(settings.consumer(name_in(epoch, group)))
        return all(_round(clients, groups, heard, deadline_s=deadline_s) for _ in range(rounds))
    finally:
        for client in clients.values():
            client.close()


def _epoch(settings: BusSettings, groups: Mapping[str, Sequence[str]]) -> str:
    asking = Consumer(settings.consumer("cior-backup"))
    try:
        return epoch_of(asking, settings, topic=next(iter(groups.values()))[0], timeout_s=_PATIENCE_S)
    finally:
        asking.close()


def _round(
    clients: Mapping[str, Consumer], groups: Mapping[str, Sequence[str]], heard: _Heard, *, deadline_s: float
) -> bool:
    waiting: dict[str, _Ends] = {}
    for group, client in clients.items():
        waiting[group] = _ends(client, groups[group])
        heard.now()
    while True:
        for group, ends in list(waiting.items()):
            if _is_past(clients[group], ends):
                del waiting[group]
            heard.now()
        if not waiting or time.monotonic() > deadline_s:
            return not waiting
        time.sleep(_PAUSE_S)


def _ends(client: Consumer, topics: Sequence[str]) -> _Ends:
    """Where each partition that holds anything ends now."""
    ends: _Ends = {}
    for topic in topics:
        for partition in client.list_topics(topic, timeout=_PATIENCE_S).topics[topic].partitions:
            low, high = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=_PATIENCE_S)
            if high > low:
                ends[topic, partition] = high
    return ends


def _is_past(client: Consumer, ends: _Ends) -> bool:
    if not ends:
        return True
    committed = client.committed([TopicPartition(*where) for where in ends], timeout=_PATIENCE_S)
    return all(each.offset >= ends[each.topic, each.partition] for each in committed)
