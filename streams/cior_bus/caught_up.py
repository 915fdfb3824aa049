"""Whether consumer groups have done what lay in their topics at an instant: before a backup, what has left the spools
must be in the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cior_bus.log_epoch import epoch_of, name_in
from cior_bus.settings import BusSettings

_LOG = structlog.get_logger(__name__)
_PATIENCE_S, _PAUSE_S = 5.0, 0.2
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
    from topic to topic needs a round a hand-over. False: not within the time, the broker did not answer, or it refuses.

    A busy broker that misses one answer is asked again, from the first round on.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            return _rounds(settings, groups, rounds=rounds, deadline_s=deadline_s)
        except KafkaException as error:
            reason = error.args[0].name()
            if reason in _REFUSALS or time.monotonic() > deadline_s:
                _LOG.warning("not_known_to_be_caught_up", reason=reason)
                return False
            time.sleep(_PAUSE_S)


def _rounds(
    settings: BusSettings, groups: Mapping[str, Sequence[str]], *, rounds: int, deadline_s: float
) -> bool:
    clients: dict[str, Consumer] = {}
    try:
        epoch = _epoch(settings, groups)
        # Each subscribes to nothing, so it never joins the group whose name it must have.
        for group in groups:
            clients[group] = Consumer(settings.consumer(name_in(epoch, group)))
        return all(_round(clients, groups, deadline_s) for _ in range(rounds))
    finally:
        for client in clients.values():
            client.close()


def _epoch(settings: BusSettings, groups: Mapping[str, Sequence[str]]) -> str:
    asking = Consumer(settings.consumer("cior-backup"))
    try:
        return epoch_of(asking, settings, topic=next(iter(groups.values()))[0], timeout_s=_PATIENCE_S)
    finally:
        asking.close()


def _round(clients: Mapping[str, Consumer], groups: Mapping[str, Sequence[str]], deadline_s: float) -> bool:
    waiting = {group: _ends(client, groups[group]) for group, client in clients.items()}
    while True:
        for group, ends in list(waiting.items()):
            if _is_past(clients[group], ends):
                del waiting[group]
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
