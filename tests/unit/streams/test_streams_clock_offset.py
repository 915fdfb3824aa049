"""A clock that was measured: from a panel's heartbeats in one worker to the window of its press in the other."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_city import packs
from cior_core import codec, devices
from cior_core.catalogue import Kind
from cior_core.correlate import matching
from cior_core.device_state import DeviceState
from cior_core.identity import event_id
from cior_core.model import Alert, AlertStatus, ClockQuality, Event, Place, PlaceMethod, TypeCode
from cior_streams.area_memory import AreaMemory
from cior_streams.bulk import Bulk
from cior_streams.correlating import Correlation
from cior_streams.device_table import DeviceTable, Registry
from cior_streams.domain import AlertFilter, Areas, CoreCorrelator
from cior_streams.guard import Guard
from cior_streams.pressing import Pressing
from cior_streams.sequencing import Sequencer
from doubles.bus import MemoryBus, record_in
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock

SLOW_S = 900
"""More than the window of a press and what is assumed of an unknown clock; less than what a window may be widened by.
"""

TYPES = packs.taxonomy()
HERE = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.66, accuracy_m=10.0)


@pytest.fixture(scope="module")
def correlator() -> CoreCorrelator:
    return CoreCorrelator(packs.rule_pack())


class City:
    """The bodies of both workers over one bus; what one publishes for the other is handed over by the test."""

    def __init__(self, correlator: CoreCorrelator) -> None:
        self.bus, self.clock, metrics = MemoryBus(), FakeClock(), Metrics()
        sequencer = Sequencer(self.bus, clock=self.clock, areas=Areas(), partitions=4)
        guard = Guard(self.bus, clock=self.clock, metrics=metrics)
        self.bulk = Bulk(
            self._table(),
            settings=devices.DEFAULT_SETTINGS,
            alert_filter=AlertFilter(TYPES),
            bus=self.bus,
            sequencer=sequencer,
            guard=guard,
            clock=self.clock,
            metrics=metrics,
        )
        self.pressing = Pressing(
            self._table(),
            settings=devices.DEFAULT_SETTINGS,
            bus=self.bus,
            sequencer=sequencer,
            metrics=metrics,
        )
        memory = AreaMemory({}, correlator)
        self.correlation = Correlation(self.bus, memory, clock=self.clock, metrics=metrics, guard=guard)
        self._read = 0

    def _table(self) -> DeviceTable:
        return DeviceTable({}, registry=Registry(), clock=self.clock, on_reset=lambda: None)

    async def hears(self, event: Event) -> None:
        """``event`` on its lane, now."""
        self.clock.at_ms = event.received_ms
        sent = MessageOut.of(event)
        await self.bus.publish([sent])
        await self.settle()

    async def settle(self) -> None:
        """Hand over what lies on the topics, in order, until nothing more comes of it."""
        while self._read < len(self.bus.sent):
            sent, offset = self.bus.sent[self._read], self._read
            self._read += 1
            handle = {
                topics.URGENT.name: self.pressing.press,
                topics.EVENTS.name: self.bulk.envelope,
                topics.TELEMETRY.name: self.bulk.envelope,
                topics.AREA.name: self.correlation.apply,
            }.get(sent.topic)
            if handle is not None:
                at_ms = self.clock.now_ms()
                await handle(
                    record_in(
                        sent.value, topic=sent.topic, offset=offset, key=sent.key, timestamp_ms=at_ms + offset
                    )
                )

    def alerts(self) -> list[Alert]:
        newest: dict[str, Alert] = {}
        for sent in self.bus.on(topics.ALERTS.name):
            alert = cast("Alert", codec.decode(Kind.ALERT, sent.value))
            newest[alert.id] = alert
        return [each for each in newest.values() if each.status is not AlertStatus.MERGED]


def said(
    subject: str, at_s: float, kind: str, *, slow_s: float = 0, clock: ClockQuality = ClockQuality.SYNCED
) -> Event:
    """What ``subject`` says at ``at_s``, by its own clock ``slow_s`` earlier."""
    received_ms = T0 + round(at_s * 1000)
    lane = TYPES[TypeCode(kind)].lane
    return Event(
        id=event_id(subject, f"{kind}-{at_s}"),
        source=f"urn:test:{subject}",
        type=TypeCode(kind),
        subject=subject,
        occurred_ms=received_ms - round(slow_s * 1000),
        received_ms=received_ms,
        clock=clock,
        lane=lane,
        life_safety=kind.startswith("panic"),
        place=HERE if kind.startswith("panic") else Place(method=PlaceMethod.UNKNOWN),
    )


@pytest.mark.parametrize(("heartbeats", "alerts"), [(6, 1), (0, 2)], ids=["measured", "never measured"])
async def test_a_press_by_a_clock_that_was_measured_finds_its_incident(
    correlator: CoreCorrelator, heartbeats: int, alerts: int
) -> None:
    """A bus and a panel press at one corner in one minute; the panel's clock is a quarter of an hour slow."""
    city = City(correlator)
    for n in range(heartbeats):
        await city.hears(said("panel-1", n * 60, "heartbeat", slow_s=SLOW_S))
    await city.hears(said("bus-1", 1_000, "panic.bus"))
    await city.hears(said("panel-1", 1_020, "panic.bus", slow_s=SLOW_S, clock=ClockQuality.UNKNOWN))
    found = city.alerts()
    assert len(found) == alerts
    errors = {each.subject: each.clock_error_s for alert in found for each in alert.members}
    assert errors == {"bus-1": None, "panel-1": SLOW_S if heartbeats else None}
    told = [codec.decode(Kind.ITEM, each.value) for each in city.bus.on(topics.AREA.name)]
    assert not [item for item in told if getattr(item, "event", None) and devices.is_offset(item.event)]


async def test_a_clock_that_was_set_right_narrows_the_window_again(correlator: CoreCorrelator) -> None:
    city = City(correlator)
    for n in range(6):
        await city.hears(said("panel-1", n * 60, "heartbeat", slow_s=SLOW_S))
    for n in range(6, 30):
        await city.hears(said("panel-1", n * 60, "heartbeat"))
    await city.hears(said("panel-1", 3_000, "panic.bus", slow_s=1))
    [alert] = city.alerts()
    assert [member.clock_error_s for member in alert.members] == [None]


async def test_law_2_a_press_that_claims_to_be_a_measurement_rings(correlator: CoreCorrelator) -> None:
    city = City(correlator)
    forged = msgspec.structs.replace(said("bus-1", 0, "panic.bus"), source=devices.OFFSETS)
    worse = msgspec.structs.replace(forged, id=event_id("x", "worse"), type=TypeCode(devices.OFFSET))
    await city.hears(forged)
    await city.hears(worse)
    members = {member.event_id for alert in city.alerts() for member in alert.members}
    assert members == {forged.id, worse.id}


@given(
    offset_s=st.floats(-90_000, 90_000),
    declared_s=st.none() | st.floats(allow_nan=True),
    clock=st.sampled_from(ClockQuality),
    ago_s=st.sampled_from([0, 1, 500]),
)
def test_a_measured_offset_never_narrows_what_the_correlator_takes_for_the_clock(
    correlator: CoreCorrelator, offset_s: float, declared_s: float | None, clock: ClockQuality, ago_s: int
) -> None:
    event = msgspec.structs.replace(
        said("bus-1", 1_000, "panic.bus", slow_s=ago_s, clock=clock), clock_error_s=declared_s
    )
    state = DeviceState(subject="bus-1", seen_ms=T0, told_offset_ms=round(offset_s * 1000))
    rule = correlator.rules.merge
    before = matching._believed(event, rule, event.received_ms)
    after = matching._believed(devices.widened(event, state), rule, event.received_ms)
    assert after[0] == before[0]
    assert after[1] >= before[1]
