"""Buckets of device states in a Faust table, cached, each with the source offsets it has applied.

Shared by the bulk agents and the presses agent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping

import msgspec

from cior_bus.lanes import device_bucket
from cior_bus.message import RecordIn
from cior_core import device_state, devices
from cior_core.device_state import Bucket, DeviceState
from cior_core.identity import is_pseudonym
from cior_core.model import DataClass, Device
from cior_core.ports import Clock


class Registry:
    """The registered devices by bucket, so that one which never spoke is found silent too."""

    def __init__(self, known: Iterable[Device] = ()) -> None:
        self._by_bucket: dict[bytes, list[Device]] = {}
        for device in known:
            # A sealed device comes here as ``sealed_devices`` made it. By its registered name it would stand in a
            # changelog, and be called silent for ever under a name that never speaks (law 17).
            if device.enabled and (device.data_class is not DataClass.SEALED or is_pseudonym(device.id)):
                self._by_bucket.setdefault(device_bucket(device.id), []).append(device)

    def of(self, bucket: bytes) -> list[Device]:
        """The devices of one bucket."""
        return self._by_bucket.get(bucket, [])


class DeviceTable:
    """``table`` is a Faust table (or a dict in tests); ``on_reset`` is told when a source log has started over."""

    def __init__(
        self,
        table: MutableMapping[bytes, bytes],
        *,
        registry: Registry,
        clock: Clock,
        on_reset: Callable[[], None],
    ) -> None:
        self._table, self._registry, self._clock, self._on_reset = table, registry, clock, on_reset
        self._buckets: dict[bytes, Bucket] = {}

    def forget(self) -> None:
        """The table may have changed behind the cache (rebalance)."""
        self._buckets.clear()

    def load(self, name: bytes) -> Bucket:
        """One bucket, with what the registry knows on its first load since the start: silence counts from there on."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = device_state.decode_bucket(self._table.get(name))
            now_ms = self._clock.now_ms()
            known = {
                each.id: devices.enroll(each, now_ms, bucket.states.get(each.id))
                for each in self._registry.of(name)
            }
            bucket = self._buckets[name] = bucket.applied(known) if known else bucket
        return bucket

    def is_new(self, bucket: Bucket, record: RecordIn) -> bool:
        """Not applied yet.

        An old offset with a new time means that the log has started over (data loss of the broker): that is new.
        """
        if bucket.fresh(record.topic, record.partition, record.offset):
            return True
        if record.timestamp_ms <= bucket.offsets.get(_newest(record), 0):
            return False
        self._on_reset()
        return True

    def keep(
        self, name: bytes, bucket: Bucket, states: dict[str, DeviceState], record: RecordIn | None
    ) -> None:
        """One write.

        Only inside the iteration of the source message, after everything derived from it is confirmed. ``record`` None:
        time passed.
        """
        offsets = bucket.offsets
        if record is not None:
            newest_ms = max(record.timestamp_ms, offsets.get(_newest(record), 0))
            offsets = {
                **offsets,
                f"{record.topic}-{record.partition}": record.offset,
                _newest(record): newest_ms,
            }
        after = msgspec.structs.replace(bucket, offsets=offsets, states={**bucket.states, **states})
        self._table[name] = device_state.encode_bucket(after)
        self._buckets[name] = after


def _newest(record: RecordIn) -> str:
    return f"{record.topic}-{record.partition}@ms"
