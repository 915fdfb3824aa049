"""Which agent reads which topic, with what in its hands: the two applications of the room."""

from __future__ import annotations

from collections.abc import Iterable

import faust
import msgspec

from cior_bus import topics
from cior_bus.message import DurableSink, MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_core.devices import DEFAULT_SETTINGS, DeviceSettings
from cior_core.model import DEFAULT_AREA, AreaId, Device
from cior_core.ports import Clock
from cior_core.rules import RulePack
from cior_core.signatures import OpensActions, nobody_signs
from cior_core.taxonomy import Taxonomy
from cior_streams import app as edge
from cior_streams import metrics as s
from cior_streams.admission import Admission
from cior_streams.area_memory import AreaMemory
from cior_streams.bulk import Bulk
from cior_streams.correlating import Correlation
from cior_streams.device_table import DeviceTable, Registry
from cior_streams.domain import AlertFilter, Areas, CoreCorrelator, Correlator
from cior_streams.guard import Guard
from cior_streams.partitions import partition_of
from cior_streams.pressing import Pressing
from cior_streams.refusals import Refusals
from cior_streams.sequencing import Sequencer
from cior_streams.settings import Role, StreamSettings


class Domain(msgspec.Struct, frozen=True):
    """What the composition root gives a worker."""

    correlator: Correlator
    areas: Areas
    alert_filter: AlertFilter
    registry: Registry
    devices: DeviceSettings = DEFAULT_SETTINGS
    drill: bool = False
    opens: OpensActions = nobody_signs

    @classmethod
    def of(
        cls,
        rules: RulePack,
        types: Taxonomy,
        *,
        known: Iterable[Device] = (),
        area: AreaId = DEFAULT_AREA,
        drill: bool = False,
        opens: OpensActions = nobody_signs,
    ) -> Domain:
        """From a centre's rule pack, taxonomy, registered devices and keys; ``drill``: all of it is an exercise."""
        known = tuple(msgspec.structs.replace(device, drill=drill or device.drill) for device in known)
        by_subject = {device.id: device.area for device in known if device.area != area}
        return cls(
            correlator=CoreCorrelator(rules, opens=opens),
            areas=Areas(by_subject, default=area),
            alert_filter=AlertFilter(types),
            registry=Registry(known),
            drill=drill,
            opens=opens,
        )


class Parts(msgspec.Struct, frozen=True):
    """What the agents of one worker share."""

    app: faust.App
    settings: StreamSettings
    domain: Domain
    bus: DurableSink
    guard: Guard
    sequencer: Sequencer
    clock: Clock
    metrics: Metrics


def build(
    settings: StreamSettings,
    domain: Domain,
    bus: DurableSink,
    *,
    guard: Guard,
    clock: Clock,
    metrics: Metrics,
) -> faust.App:
    """The application of ``settings.role`` with its agents, all under ``guard``. Inside the running loop."""
    app = edge.create_app(settings)
    sequencer = Sequencer(
        bus,
        clock=clock,
        areas=domain.areas,
        partitions=settings.partitions,
        drill=domain.drill,
        opens=domain.opens,
    )
    add = _add_urgent if settings.role is Role.URGENT else _add_bulk
    add(Parts(app, settings, domain, bus, guard, sequencer, clock, metrics))
    return app


def _add_urgent(parts: Parts) -> None:
    app, settings, guard = parts.app, parts.settings, parts.guard
    memory = AreaMemory(edge.bytes_table(app, "areas", settings), parts.domain.correlator)
    admission = Admission(parts.bus, clock=parts.clock, metrics=parts.metrics)
    sequencer = parts.sequencer
    refusals = Refusals(sequencer, clock=parts.clock, drill=parts.domain.drill)

    def degrade(record: RecordIn, error: BaseException) -> list[MessageOut]:
        return [*correlation.degrade(record, error), *refusals.told(record, error)]

    correlation = Correlation(
        parts.bus,
        memory,
        clock=parts.clock,
        metrics=parts.metrics,
        guard=guard,
        applied=admission.applied,
        rescue=degrade,
    )
    table = _device_table(parts, "press_devices", Registry())
    pressing = Pressing(
        table, settings=parts.domain.devices, bus=parts.bus, sequencer=sequencer, metrics=parts.metrics
    )
    edge.add_agent(app, topics.URGENT, pressing.press, name="presses", guard=guard, rescue=pressing.rescue)
    edge.add_agent(app, topics.ACTIONS, sequencer.action, name="actions", guard=guard, rescue=refusals.told)
    edge.add_agent(app, topics.RECEIPTS, sequencer.receipt, name="receipts", guard=guard)
    edge.add_agent(app, topics.WAITING, admission.admit, name="admit", guard=guard)
    edge.add_agent(app, topics.AREA, correlation.apply, name="correlate", guard=guard, rescue=degrade)
    edge.on_assigned(app, _forgetting(memory, table, admission, metrics=parts.metrics))

    async def tick() -> None:
        if edge.is_ready(app):
            mine = edge.owned_partitions(app, topics.AREA.name)
            areas = sorted({*parts.domain.areas.all, *memory.areas})
            await sequencer.tick(
                area for area in areas if partition_of(area.encode(), settings.partitions) in mine
            )

    edge.add_timer(app, tick, every_s=settings.tick_s, guard=guard)


def _add_bulk(parts: Parts) -> None:
    app, settings, guard, domain = parts.app, parts.settings, parts.guard, parts.domain
    table = _device_table(parts, "devices", domain.registry)
    bulk = Bulk(
        table,
        settings=domain.devices,
        alert_filter=domain.alert_filter,
        bus=parts.bus,
        sequencer=parts.sequencer,
        guard=guard,
        clock=parts.clock,
        metrics=parts.metrics,
    )
    edge.add_agent(app, topics.EVENTS, bulk.envelope, name="normal", guard=guard)
    edge.add_agent(app, topics.TELEMETRY, bulk.envelope, name="telemetry", guard=guard)
    edge.on_assigned(app, _forgetting(table, metrics=parts.metrics))

    async def tick() -> None:
        if edge.is_ready(app):
            await bulk.tick(edge.owned_partitions(app, topics.TELEMETRY.name))

    edge.add_timer(app, tick, every_s=settings.tick_s * 5, guard=guard)


def _device_table(parts: Parts, name: str, registry: Registry) -> DeviceTable:
    table = edge.bytes_table(parts.app, name, parts.settings)
    return DeviceTable(
        table, registry=registry, clock=parts.clock, on_reset=lambda: parts.metrics.add(s.RESETS, name)
    )


def _forgetting(*caches: AreaMemory | DeviceTable | Admission, metrics: Metrics) -> edge.OnRebalance:
    def forget() -> None:
        for cache in caches:
            cache.forget()
        metrics.add(s.REBALANCES)

    return forget
