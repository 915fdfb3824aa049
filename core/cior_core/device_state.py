"""What is remembered of each device, as frozen structs, and the one table value that holds a bucket of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cior_core.attributes import UNBELIEVED
from cior_core.errors import IntegrityBroken
from cior_core.model import DataClass, Event, Place

SCHEMA_VERSION: Final = 1
CONFLICT: Final = "source.conflict"


class Reputation(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How this device's closed alerts ended (drills and tests do not count)."""

    confirmed: int = 0
    false: int = 0


class Press(msgspec.Struct, frozen=True, array_like=True):
    """A press kept in mind: its event id, when it was received, how often (one press may be sent many times), and how
    its alert ended so far."""

    id: str
    received_ms: int
    copies: int = 1
    ending: str = ""


class DeviceState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that is remembered of one device. Later versions append fields only, so older bytes still read.

    ``seen_ms``: latest receipt. ``occurred_ms``: latest believable event time. ``silent_since_ms``: deadline that
    passed unheard, None while alive. ``offsets_ms``: recent received - device. ``high_since_ms``: when the pressed
    level began, None when released. ``watched_ms``: since when somebody listens again (a start of ours); silence is
    counted from there, so that our own absence is not blamed on the device.
    ``told_offset_ms``: received - device as another worker measured it, who hears more of the device than we do.
    """

    subject: str
    seen_ms: int
    occurred_ms: int = 0
    last_type: str = ""
    expected_every_s: float | None = None
    silent_since_ms: int | None = None
    place: Place | None = None
    place_ms: int = 0
    offsets_ms: tuple[int, ...] = ()
    offset_at_ms: int = 0
    clock_bad: bool = False
    device_ms: int | None = None
    high_since_ms: int | None = None
    stuck_since_ms: int | None = None
    presses: tuple[Press, ...] = ()
    press_count: int = 0
    reputation: Reputation = Reputation()
    data_class: DataClass = DataClass.RESTRICTED
    drill: bool = False
    watched_ms: int = 0
    told_offset_ms: int | None = None


class Bucket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All devices of one bucket, and the last source offset applied per ``topic-partition``: one table value, written
    once per envelope."""

    version: int = SCHEMA_VERSION
    offsets: dict[str, int] = {}
    states: dict[str, DeviceState] = {}

    def fresh(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the message at ``offset`` has not been applied yet; a redelivered one must be skipped."""
        return offset > self.offsets.get(f"{topic}-{partition}", -1)

    def applied(
        self,
        states: Mapping[str, DeviceState],
        *,
        topic: str = "",
        partition: int = 0,
        offset: int | None = None,
    ) -> Bucket:
        """The bucket with ``states`` put in and, unless a sweep changed them (``offset`` None), the offset moved up,
        never down."""
        moved = self.offsets
        if offset is not None:
            key = f"{topic}-{partition}"
            moved = {**moved, key: max(offset, moved.get(key, -1))}
        return Bucket(offsets=moved, states={**self.states, **states})


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Bucket).decode


def encode_bucket(bucket: Bucket) -> bytes:
    """The table value of ``bucket`` (MessagePack arrays; internal to the device table, never on a shared topic)."""
    return _encode(bucket)


def decode_bucket(value: bytes | None) -> Bucket:
    """The bucket in a table value; an empty one for None. Raises :class:`IntegrityBroken` ``devices.bucket`` for
    foreign or newer bytes."""
    if value is None:
        return Bucket()
    try:
        bucket = _decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityBroken(
            "devices.bucket",
            "a device bucket cannot be read",
            cure="rebuild the device table from its topics",
        ) from error
    if bucket.version > SCHEMA_VERSION:
        raise IntegrityBroken(
            "devices.bucket",
            f"a device bucket is of version {bucket.version}",
            cure="run the newer release or rebuild the table",
        )
    return bucket


def may_be_forged(event: Event) -> bool:
    """What anybody could have sent in a device's name, and what we found wrong about its name, say nothing of it: it is
    not heard, its clock not measured, its button not stuck.
    """
    return event.type == CONFLICT or event.attributes.get(UNBELIEVED) is True
