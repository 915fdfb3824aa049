"""A process of connectors: one bus, one spool, one taxonomy, any number of instances. Composition only."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from cior_bus.access import as_tried_part
from cior_bus.message import DurableSink
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.rights import Part, user_of
from cior_bus.settings import BusSettings
from cior_bus.signing import ActionSigner
from cior_bus.spool import Spool, SpoolLimits
from cior_connectors import registry as kinds
from cior_connectors._runtime.duty_told import DutyTold
from cior_connectors._runtime.instance import Instance
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.settings import (
    CentreSettings,
    InstanceSettings,
    kind_of,
    read_instance,
    read_registry,
    read_text,
)
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors.contract import DecodeContext, Taxonomy
from cior_core import bundled
from cior_core import taxonomy as core_taxonomy
from cior_core.duty import DutyBook
from cior_core.errors import ConfigInvalid
from cior_core.model import Device, Place, Producer
from cior_core.signatures import OpensActions, nobody_signs
from cior_core.vicinity import UNSURVEYED, Surveyed, Vicinity

_LOG = structlog.get_logger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that is checked and ready to be built."""

    kind: kinds.Kind
    settings: InstanceSettings


def plan(path: Path, *, test_mode: bool) -> Plan:
    """Read and check an instance file. Raises ``ConfigInvalid`` with file, line, code and cure."""
    text = read_text(path)
    kind = kinds.load(kind_of(text, file=str(path)))
    settings = read_instance(text, kind.config_model, file=str(path))
    kinds.refuse_below_gold(kind, test_mode=test_mode)
    return Plan(kind=kind, settings=settings)


def refuse_conflicts(plans: Sequence[Plan]) -> None:
    """Names and exclusive resources must be claimed once. Raises ``ConfigInvalid``."""
    owners: dict[str, str] = {}
    for each in plans:
        name = each.settings.name
        for thing in (f"name:{name}", *resources(each)):
            if thing in owners:
                raise ConfigInvalid(
                    "connector.conflict",
                    f"{thing} is claimed by {owners[thing]} and by {name}",
                    cure="give one of them another",
                )
            owners[thing] = name


def resources(each: Plan) -> tuple[str, ...]:
    """The exclusive resources of an instance, with its configuration filled in; a port 0 is nobody's."""
    values = {name: getattr(each.settings.config, name) for name in each.settings.config.__struct_fields__}
    filled = [template.format(**values) for template in each.kind.manifest.resources]
    return tuple(thing for thing in filled if not thing.endswith(":0"))


def load_taxonomy() -> Taxonomy:
    """The bundled taxonomy."""
    return core_taxonomy.Taxonomy.load(bundled.text("taxonomy.toml"))


def context_for(
    each: Plan, *, taxonomy: Taxonomy, registry: Mapping[str, Device], zone: str, drill: bool = False
) -> DecodeContext:
    """The frozen context of an instance's decoding. ``drill``: the whole centre is an exercise."""
    manifest = each.kind.manifest
    return DecodeContext(
        config=each.settings.config,
        taxonomy=taxonomy,
        registry=registry,
        zone=zone,
        drill=drill or each.settings.drill,
        producer=Producer(connector=manifest.name, version=manifest.version, instance=each.settings.name),
    )


def build(each: Plan, *, context: DecodeContext, around: Surroundings) -> Instance:
    """The instance, not yet running. Raises ``ConfigInvalid``."""
    source = each.kind.source(each.settings.config)
    return Instance(
        source, manifest=each.kind.manifest, settings=each.settings, context=context, around=around
    )


def surroundings(  # noqa: PLR0913  a composition: what a process lends, all named
    centre: CentreSettings,
    *,
    sink: DurableSink,
    broker: BusSettings,
    metrics: Metrics,
    registry: Mapping[str, Device],
    surveyed: Surveyed = UNSURVEYED,
    signer: ActionSigner | None = None,
    duty: Callable[[], DutyBook | None] = lambda: None,
) -> Surroundings:
    """What all instances of a process share. Without a city no place has a district."""
    city, cameras = surveyed
    placed = _as_it_is if city is None else city.placed
    sealer = Sealer(
        team_key=centre.team_key,
        repair_key=centre.repair_key,
        keeper_key=centre.keeper_key,
        retired=centre.retired,
        hmac_key=centre.hmac_key,
        district_of=lambda place: placed(place).district,
    )
    return Surroundings(
        sink=sink,
        sealer=sealer,
        metrics=metrics,
        state_dir=Path(centre.state_dir),
        accounting_every_s=centre.accounting_every_s,
        placed=placed,
        broker=broker,
        vicinity=Vicinity(registry, city, cameras),
        signer=signer,
        duty=duty,
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _as_it_is(place: Place) -> Place:
    return place


async def run(  # noqa: PLR0913  a composition: what a process has, all named
    centre: CentreSettings,
    paths: Sequence[Path],
    *,
    stop: asyncio.Event,
    family: str = "connectors",
    surveyed: Surveyed = UNSURVEYED,
    limits: SpoolLimits | None = None,
    metrics: Metrics | None = None,
    signer: ActionSigner | None = None,
    opens: OpensActions = nobody_signs,
) -> None:
    """Run the instances of ``paths`` until ``stop``. ``signer``: for a family that takes people's decisions; ``opens``:
    whose directory of duty counts.

    Raises ``ConfigInvalid`` before anything is opened, ``CredentialsRefused`` when the broker refuses this family.
    """
    plans = [plan(path, test_mode=centre.test_mode) for path in paths]
    refuse_conflicts(plans)
    registry: Mapping[str, Device] = (
        read_registry(Path(centre.registry), surveyed.cameras) if centre.registry else {}
    )
    metrics = metrics or Metrics()
    spool = Spool.open(Path(centre.spool_dir) / family, limits=limits, metrics=metrics)
    user = user_of(Part.CONNECTORS, family=family)
    broker, rights = as_tried_part(centre.broker, user, client_id=f"cior-{family}")
    bus = Bus(broker, spool=spool, metrics=metrics)
    told = DutyTold(broker, user.rights, opens=opens, bus=bus, now_ms=_wall_ms, drill=centre.drill)
    try:
        around = surroundings(
            centre,
            sink=bus,
            broker=broker,
            metrics=metrics,
            registry=registry,
            surveyed=surveyed,
            signer=signer,
            duty=lambda: told.book,
        )
        taxonomy = load_taxonomy()
        built = [
            build(
                each,
                context=context_for(
                    each, taxonomy=taxonomy, registry=registry, zone=centre.zone, drill=centre.drill
                ),
                around=around,
            )
            for each in plans
        ]
        async with rights.guarding(stop):
            with told:
                await run_until(built, stop=stop)
    finally:
        bus.close()
        spool.close()


async def run_until(instances: Sequence[Instance], *, stop: asyncio.Event) -> None:
    """Run until ``stop`` is set; each instance then ends within two seconds.

    An instance cannot end by itself: its supervisor goes on.
    """
    tasks = [asyncio.ensure_future(instance.run()) for instance in instances]
    waiter = asyncio.ensure_future(stop.wait())
    _LOG.info("connectors_started", instances=[instance.instance for instance in instances])
    try:
        done, _ = await asyncio.wait({waiter, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiter}:
            task.result()
    finally:
        waiter.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT end the process in order."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
