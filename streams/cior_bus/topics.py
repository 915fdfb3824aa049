"""The topics by name, as :mod:`cior_core.catalogue` has them; what is spoken of by name in this room and above it."""

from __future__ import annotations

from cior_core.catalogue import KINDS, LANE_TOPIC, TOPICS, Kind, TopicSpec
from cior_core.model import Lane

__all__ = ["BY_NAME", "CATALOGUE", "LANE_TOPIC", "TopicSpec", "max_message_bytes"]

CATALOGUE = TOPICS
BY_NAME: dict[str, TopicSpec] = {spec.name: spec for spec in CATALOGUE}
URGENT, EVENTS, TELEMETRY = (LANE_TOPIC[lane] for lane in Lane)
(
    RAW,
    SEALED,
    AREA,
    WAITING,
    ALERTS,
    TRANSITIONS,
    SILENCES,
    DUTY,
    ACTIONS,
    COMMANDS,
    RECEIPTS,
    REQUESTS,
    LEDGER,
    DEAD,
) = (
    KINDS[kind].topics[0]
    for kind in (
        Kind.RAW,
        Kind.SEALED,
        Kind.ITEM,
        Kind.WAITING,
        Kind.ALERT,
        Kind.TRANSITION,
        Kind.SILENCE,
        Kind.DUTY,
        Kind.ACTION,
        Kind.COMMAND,
        Kind.RECEIPT,
        Kind.REQUEST,
        Kind.LEDGER,
        Kind.DEAD,
    )
)
NOTICES = KINDS[Kind.COMMAND].topics[1]
"""Commands that only ring people, by who may do nothing else."""
_LARGEST_BYTES = max(spec.max_message_bytes for spec in CATALOGUE)


def max_message_bytes(topic: str) -> int:
    """The largest message a topic takes, in bytes; one outside the catalogue (a changelog) gets the largest of all."""
    spec = BY_NAME.get(topic)
    return spec.max_message_bytes if spec is not None else _LARGEST_BYTES
