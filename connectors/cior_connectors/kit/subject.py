"""What a check examines: one connector with its samples, a stamped view of them, and the peer that talks to its real
socket.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import msgspec
from nacl.public import PrivateKey

from cior_bus.metrics import Metrics
from cior_connectors import registry
from cior_connectors._runtime.backoff import Backoff
from cior_connectors._runtime.guard import DecodeResult, guarded
from cior_connectors._runtime.instance import Instance
from cior_connectors._runtime.process import load_taxonomy
from cior_connectors._runtime.seal import Sealer
from cior_connectors._runtime.settings import InstanceSettings, read_config
from cior_connectors._runtime.surroundings import Surroundings
from cior_connectors.contract import ConnectorConfig, DecodeContext, Facts, Source, Taxonomy
from cior_connectors.kit import samples
from cior_connectors.kit.memory import MemorySink
from cior_connectors.kit.samples import Sample
from cior_connectors.papers import RECEIVED_MS
from cior_core.identity import payload_sha256, raw_id
from cior_core.model import Device, Event, Producer


class CheckFailed(AssertionError):
    """The connector breaks a rule; the message says which and how."""


class NotApplicable(Exception):
    """The check does not concern this connector; the message says why (shown as a skip)."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a device heard. ``accepted``: it may forget its bytes now. ``detail``: the reply, for messages."""

    accepted: bool
    detail: str = ""


class Peer(Protocol):
    """The far side, written by the author: makes a config for tests and plays one device on the real socket."""

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:
        """The example config on a free port, or in ``folder``."""

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:
        """Deliver ``payload`` as a device does and wait for the reply; no reply within ``within_s`` is
        ``accepted=False``.
        """


class Subject:
    """A connector under examination."""

    def __init__(self, package: str, *, peer: Peer | None = None) -> None:
        self.package = package
        self._peer = peer
        self.key = PrivateKey.generate()
        self.hmac_key = secrets.token_bytes(32)

    @cached_property
    def kind(self) -> registry.Kind:
        """The loaded connector."""
        return registry.load_package(self.package)

    @cached_property
    def peer(self) -> Peer | None:
        """What plays its far side: as given, or as its manifest names it."""
        found: Peer | None = self._peer or self.kind.peer()
        return found

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """Its golden samples."""
        papers = self.kind.papers
        return samples.read(self.package) if papers is None else samples.of_papers(papers)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The bundled taxonomy."""
        return load_taxonomy()

    @property
    def source_urn(self) -> str:
        """The channel that samples come from."""
        return f"urn:cior:{self.kind.manifest.name}:kit"

    @cached_property
    def config(self) -> ConnectorConfig:
        """``config.example.toml``."""
        return read_config(
            self.kind.text("config.example.toml"), self.kind.config_model, file="config.example.toml"
        )

    def source(self, config: ConnectorConfig | None = None) -> Source:
        """A fresh source."""
        return self.kind.source(config or self.config)

    def context(
        self, devices: Sequence[Device] = (), *, config: ConnectorConfig | None = None
    ) -> DecodeContext:
        """A decode context with ``devices`` registered."""
        manifest = self.kind.manifest
        producer = Producer(connector=manifest.name, version=manifest.version, instance="kit")
        return DecodeContext(
            config=config or self.config,
            taxonomy=self.taxonomy,
            producer=producer,
            registry={device.id: device for device in devices},
        )

    def stamped(
        self, sample: Sample, *, after_ms: int = 0, first_ms: int | None = None, ordinal: int = 0
    ) -> Facts:
        """The sample's facts as the runtime stamps them, ``after_ms`` later than the sample's receipt."""
        received_ms = sample.provenance.received_ms + after_ms
        return msgspec.structs.replace(
            sample.facts(self.source_urn),
            received_ms=received_ms,
            first_received_ms=received_ms if first_ms is None else first_ms,
            raw_id=raw_id(
                self.source_urn,
                payload_sha256(sample.raw),
                received_ms=received_ms,
                instance="kit",
                ordinal=ordinal,
            ),
            context=self.context(sample.provenance.device_registry),
        )

    def decode(self, payload: bytes, facts: Facts) -> DecodeResult:
        """Through the guard, as live."""
        return guarded(self.source().decode, payload, facts)

    def events(self, sample: Sample) -> tuple[Event, ...]:
        """What the sample decodes to."""
        return self.decode(sample.raw, self.stamped(sample)).events

    def life_safety_samples(self) -> tuple[Sample, ...]:
        """Samples with at least one life-safety event."""
        return tuple(
            sample for sample in self.samples if any(event.life_safety for event in self.events(sample))
        )

    def first_decodable(self) -> Sample:
        """A sample that decodes to events. Raises :class:`CheckFailed` when there is none."""
        for sample in (*self.life_safety_samples(), *self.samples):
            if self.events(sample):
                return sample
        raise CheckFailed("no sample decodes to any event")

    @contextmanager
    def bench(
        self,
        source: Source,
        *,
        config: ConnectorConfig | None = None,
        now_ms: Callable[[], int] | None = None,
        devices: Sequence[Device] = (),
        **settings: object,
    ) -> Iterator[Bench]:
        """An instance of the real runtime around ``source``, on an in-memory bus."""
        with TemporaryDirectory(prefix="cior-kit-") as folder:
            sink, metrics = MemorySink(), Metrics()
            sealer = Sealer(team_key=bytes(self.key.public_key), hmac_key=self.hmac_key)
            clock = now_ms or (lambda: RECEIVED_MS)
            around = Surroundings(
                sink=sink, sealer=sealer, metrics=metrics, state_dir=Path(folder), now_ms=clock
            )
            given: dict[str, Any] = {
                "kind": self.kind.manifest.name,
                "name": "kit",
                "config": config or self.config,
                **settings,
            }
            chosen = InstanceSettings(**given)
            manifest = self.kind.manifest
            context = self.context(devices, config=config)
            backoff = Backoff(
                life_safety=manifest.life_safety, base_s=0.005, cap_s=0.05, life_safety_cap_s=0.05
            )
            instance = Instance(
                source, manifest=manifest, settings=chosen, context=context, around=around, backoff=backoff
            )
            yield Bench(instance=instance, sink=sink, metrics=metrics)


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of a running examination."""

    instance: Instance
    sink: MemorySink
    metrics: Metrics
