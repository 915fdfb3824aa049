"""How the clocks of the devices of one instance went so far: labels for ``decode``, kept with each raw record, so that
replay sees the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cior_core import clock
from cior_core.clock import NO_HISTORY, NO_TRAIL, ClockHistory, ClockReading, ClockTrail

MAX_DEVICES = 50_000
STORED_AS = "~clocks"


class DeviceClocks(Mapping[str, ClockHistory]):
    """Subject → history. Bounded: who was silent longest leaves first.

    Forgets at restart, as a device without history is judged too.
    """

    def __init__(self, *, max_devices: int = MAX_DEVICES) -> None:
        self._max_devices = max_devices
        self._trails: OrderedDict[str, ClockTrail] = OrderedDict()
        # Asked twice a payload, by decode and for the record's facts: worked out once, until the next reading.
        self._told: dict[str, ClockHistory] = {}

    def __getitem__(self, subject: str) -> ClockHistory:
        if (told := self._told.get(subject)) is None:
            told = self._told[subject] = clock.history(self._trails[subject])
        return told

    def __iter__(self) -> Iterator[str]:
        return iter(self._trails)

    def __len__(self) -> int:
        return len(self._trails)

    def seen(self, readings: Sequence[ClockReading]) -> dict[str, ClockHistory]:
        """What ``decode`` was told about the devices of these readings; devices without a history are left out."""
        known = {reading.subject: self.get(reading.subject, NO_HISTORY) for reading in readings}
        return {subject: history for subject, history in known.items() if history != NO_HISTORY}

    def follow(self, readings: Sequence[ClockReading], *, received_ms: int) -> None:
        """Learn from one payload, after it was decoded: nothing is judged by its own reading."""
        for reading in readings:
            self._told.pop(reading.subject, None)
            trail = self._trails.get(reading.subject, NO_TRAIL)
            self._trails[reading.subject] = clock.followed(trail, reading, received_ms)
            self._trails.move_to_end(reading.subject)
        while len(self._trails) > self._max_devices:
            self._told.pop(self._trails.popitem(last=False)[0], None)


def as_facts(clocks: Mapping[str, ClockHistory]) -> dict[str, str]:
    """The histories as one fact beside the bytes; none when nothing is known."""
    return {STORED_AS: msgspec.json.encode(clocks).decode()} if clocks else {}


def from_facts(stored: Mapping[str, str]) -> dict[str, ClockHistory]:
    """The histories that :func:`as_facts` stored. One that cannot be read counts as none: replay goes on."""
    try:
        return msgspec.json.decode(stored.get(STORED_AS, "{}"), type=dict[str, ClockHistory])
    except msgspec.MsgspecError:
        return {}
