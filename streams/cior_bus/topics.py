"""The topic catalogue: names, keys, partitions, retention, compaction, all in one table (design §4).

``docs/topics.md`` is generated from it. Bulk lanes and raw may carry *envelopes* (``cior_bus.codec``): 20-100 records a message, keyed by device bucket.
"""

from __future__ import annotations

from cior_core.model import Lane, Struct

DAY_S = 86_400


class TopicSpec(Struct, frozen=True, kw_only=True):
    """One topic. ``retention_s`` None with ``compacted`` means kept for ever by key. ``partitions`` is the default; a centre may raise
    it once, for all topics that share a Faust table at the same time."""

    name: str
    key: str
    value: str
    partitions: int
    retention_s: int | None
    compacted: bool = False
    purpose: str
    max_message_bytes: int = 1_048_576


RAW = TopicSpec(
    name="cior.raw.v1",
    key="source",
    value="RawRecord or envelope",
    partitions=4,
    retention_s=7 * DAY_S,
    purpose="bytes as received; evidence and replay source",
    max_message_bytes=2_097_152,
)
SEALED = TopicSpec(
    name="cior.sealed.v1",
    key="pseudonym",
    value="RawRecord (sealed box)",
    partitions=4,
    retention_s=30 * DAY_S,
    purpose="identity and exact place of sealed events, readable by the response team only",
    max_message_bytes=2_097_152,
)
URGENT = TopicSpec(
    name="cior.events.urgent.v1",
    key="subject",
    value="Event (CloudEvents JSON), one a message",
    partitions=4,
    retention_s=7 * DAY_S,
    purpose="presses, alarms, 911, confirmed vision incidents",
)
EVENTS = TopicSpec(
    name="cior.events.v1",
    key="device bucket",
    value="envelope of Events",
    partitions=4,
    retention_s=7 * DAY_S,
    purpose="events that may wait a second",
)
TELEMETRY = TopicSpec(
    name="cior.telemetry.v1",
    key="device bucket",
    value="envelope of Events",
    partitions=4,
    retention_s=2 * DAY_S,
    purpose="positions, heartbeats, health, accounting",
)
AREA = TopicSpec(
    name="cior.area.v1",
    key="area",
    value="Item, one a message",
    partitions=4,
    retention_s=30 * DAY_S,
    purpose="the correlator's only input, in order: events, actions, receipts, ticks; replaying it replays the city",
)
ALERTS = TopicSpec(
    name="cior.alerts.v1",
    key="alert id",
    value="Alert",
    partitions=4,
    retention_s=None,
    compacted=True,
    purpose="current state of every alert",
)
TRANSITIONS = TopicSpec(
    name="cior.transitions.v1",
    key="alert id",
    value="Transition",
    partitions=4,
    retention_s=30 * DAY_S,
    purpose="append-only story of every alert, with reasons",
)
ACTIONS = TopicSpec(
    name="cior.actions.v1",
    key="area",
    value="Action",
    partitions=4,
    retention_s=30 * DAY_S,
    purpose="operators' decisions",
)
COMMANDS = TopicSpec(
    name="cior.commands.v1",
    key="target",
    value="Command",
    partitions=4,
    retention_s=2 * DAY_S,
    purpose="idempotent requests to sirens, cameras and services",
)
RECEIPTS = TopicSpec(
    name="cior.receipts.v1",
    key="area",
    value="Receipt",
    partitions=4,
    retention_s=7 * DAY_S,
    purpose="device answers to commands",
)
DEAD = TopicSpec(
    name="cior.dead.v1",
    key="source",
    value="DeadLetter",
    partitions=4,
    retention_s=30 * DAY_S,
    purpose="what could not be decoded or processed, with bytes and reason",
    max_message_bytes=2_097_152,
)

CATALOGUE: tuple[TopicSpec, ...] = (
    RAW,
    SEALED,
    URGENT,
    EVENTS,
    TELEMETRY,
    AREA,
    ALERTS,
    TRANSITIONS,
    ACTIONS,
    COMMANDS,
    RECEIPTS,
    DEAD,
)

LANE_TOPIC: dict[Lane, TopicSpec] = {Lane.URGENT: URGENT, Lane.NORMAL: EVENTS, Lane.TELEMETRY: TELEMETRY}

BY_NAME: dict[str, TopicSpec] = {spec.name: spec for spec in CATALOGUE}


def max_message_bytes(topic: str) -> int:
    """The largest message a topic takes; topics outside the catalogue (tests, changelogs) get the catalogue's largest."""
    spec = BY_NAME.get(topic)
    return spec.max_message_bytes if spec is not None else max(each.max_message_bytes for each in CATALOGUE)
