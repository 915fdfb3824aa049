"""From a centre file to running processes: which parts, in which order, with which arguments.

Order: broker, topics, sink and console (one process when the store is embedded), stream workers, connectors (one
process a kind, so that a bad vendor library cannot take the others down), vision workers, recorders. Each part is
``python -m cior run <part>``; it learns addresses and secrets from its environment: every user of the machine can read
arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from cior.supervisor import Limits, PartSpec, Supervisor
from cior_bus.admin import Topics
from cior_bus.centre import instance_kinds
from cior_bus.embedded.tansu import PARTITIONS, free_port
from cior_bus.keys import Keys
from cior_bus.readiness import is_ready
from cior_bus.settings import BusSettings
from cior_core.centre_file import EMBEDDED, Centre
from cior_streams.health import read_health
from cior_streams.settings import Role, StreamSettings

log = structlog.get_logger("cior.stack")

ROLES = ("urgent", "bulk")
BROKER = "broker"
SINK, CONSOLE, EVIDENCE = "sink", "console", "evidence"
SINK_AND_CONSOLE = "sink-console"
SUPPLIED_SECRETS = ("CIOR_TRACCAR_SECRET", "CIOR_DC09_KEY")
"""Names that an instance file may use as ``env:NAME``; set for the children from this installation's keys."""


def stream_settings(centre: Centre, bus: BusSettings, role: str) -> StreamSettings:
    """The one worker of a role on this machine."""
    settings = StreamSettings(bus=bus, role=Role(role), state_dir=centre.data / "streams")
    if centre.file.bus.dsn == EMBEDDED:
        settings = msgspec.structs.replace(settings, partitions=PARTITIONS)
    return settings


def stream_groups(centre: Centre, bus: BusSettings) -> dict[str, tuple[str, ...]]:
    """What the stream workers read, by group, on the way from a spool to the store."""
    settings = stream_settings(centre, bus, ROLES[0])
    return {settings.app_id: tuple(spec.name for spec in settings.sources)}


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the running parts are. ``broker_port`` is set when the broker is ours."""

    bus_dsn: str
    store_dsn: str
    broker_port: int | None = None


def addresses(centre: Centre) -> Addresses:
    """Choose ports and folders for the embedded parts; others as the file says."""
    port = free_port() if centre.file.bus.dsn == EMBEDDED else None
    bus = f"kafka://127.0.0.1:{port}?profile=tansu" if port else centre.file.bus.dsn
    return Addresses(bus_dsn=bus, store_dsn=centre.store_dsn, broker_port=port)


def child_environment(keys: Keys) -> dict[str, str]:
    """The secrets of this installation, for ``env:NAME`` in instance files.

    The private half of the team's key is not among them.
    """
    return dict(zip(SUPPLIED_SECRETS, (keys.traccar_secret, keys.dc09_key), strict=True))


def addresses_environment(where: Addresses) -> dict[str, str]:
    """The addresses for the children. Not as arguments: they may hold a password, and every user can read those."""
    return {"CIOR_BUS": where.bus_dsn, "CIOR_STORE": where.store_dsn}


class Stack:
    """A centre that runs on this machine."""

    def __init__(
        self, centre: Centre, keys: Keys, *, limits: Limits | None = None, log_level: str = "info"
    ) -> None:
        self.centre, self.keys = centre, keys
        self.addresses = addresses(centre)
        self.run_dir = centre.data / "run"
        self.log_dir = centre.data / "log"
        self._log_level = log_level
        self.supervisor = Supervisor(log_dir=self.log_dir, limits=limits)
        self.run_dir.mkdir(parents=True, exist_ok=True)

    @property
    def bus(self) -> BusSettings:
        """Settings of this centre's bus."""
        return BusSettings.from_dsn(self.addresses.bus_dsn)

    @property
    def console_part(self) -> str:
        """The part that serves the wall: chDB's folder has one owner, so there the sink does it too."""
        return SINK_AND_CONSOLE if self.addresses.store_dsn.startswith("chdb://") else CONSOLE

    @property
    def wall_address(self) -> str:
        """Address of the wall, without its token. Only when the part that serves it is ready."""
        port = msgspec.json.decode(self.ready_file(self.console_part).read_bytes())["port"]
        scheme = "https" if self.centre.file.console.certificate else "http"
        return f"{scheme}://{self.centre.file.console.host}:{port}/"

    @property
    def console_address(self) -> str:
        """Where people sign in: by a name, since a browser makes no passkey for an address."""
        port = self.wall_address.rstrip("/").rpartition(":")[2]
        return f"{self.centre.file.console.origin or f'http://localhost:{port}'}/console/"

    @property
    def wall_url(self) -> str:
        """The same with its token: a secret."""
        return f"{self.wall_address}?token={self.keys.wall_token}"

    def ready_file(self, name: str) -> Path:
        """Where a part says that it is ready."""
        return self.run_dir / f"{name}.ready"

    def start(self, tell: Callable[[str], None] = lambda _text: None) -> None:
        """Start every part; returns when all are ready. Raises ``SourceUnavailable`` naming the part and its log."""
        if self.addresses.broker_port is not None:
            tell("broker")
            self.supervisor.start(self._broker(self.addresses.broker_port))
        if not self.bus.secured:  # there they were made with the administrator's key: cior bus provision
            created = Topics(self.bus).ensure()
            log.info("topics_ready", created=len(created))
        tell("store and wall, streams, connectors, cameras")
        *first, holder = self.store_parts()
        for spec in first:  # only the sink migrates, and what the console asks must be there
            self.supervisor.start(spec)
        specs = [holder, *self._other_parts()]
        for spec in specs:
            self.supervisor.start(spec, wait=False)
        self.supervisor.wait_ready(*(spec.name for spec in specs))

    def stop(self) -> None:
        """Stop everything; connectors first, the broker last."""
        self.supervisor.stop()

    def store_parts(self) -> list[PartSpec]:
        """Who writes the store and who asks it; the last one serves the wall."""
        if self.console_part == SINK_AND_CONSOLE:
            return [self._part(SINK_AND_CONSOLE, ["sink", "--with-console"], ready_timeout_s=120)]
        return [self._part(name, [name], ready_timeout_s=120) for name in (SINK, CONSOLE)]

    def _other_parts(self) -> list[PartSpec]:
        parts = [self._stream(role) for role in ROLES]
        parts += [
            self._part(
                f"connectors-{kind}",
                ["connectors", *(str(path) for path in paths), "--family", kind],
                life_safety=True,
            )
            for kind, paths in instance_kinds(self.centre).items()
        ]
        parts += [
            self._part(f"vision-{number}", ["vision", str(self.centre.beside(section.file))])
            for number, section in enumerate(self.centre.file.vision, start=1)
        ]
        parts += [
            self._part(f"recorder-{number}", ["recorder", str(self.centre.beside(section.file))])
            for number, section in enumerate(self.centre.file.recorder, start=1)
        ]
        if self.centre.file.evidence is not None and self.console_part == CONSOLE:
            parts.append(self._part(EVIDENCE, [EVIDENCE]))  # beside an embedded store its owner builds
        return parts

    def _stream(self, role: str) -> PartSpec:
        """A Faust worker says each second in its health file whether it has recovered and reads."""
        settings = stream_settings(self.centre, self.bus, role)

        def ready(pid: int) -> bool:
            health = read_health(settings)
            return health is not None and health.ready and health.pid == pid

        part = self._part(
            f"streams-{role}", ["streams", "--role", role], ready_timeout_s=120, life_safety=True
        )
        return replace(part, ready=ready)

    def _part(
        self, name: str, arguments: list[str], *, ready_timeout_s: float = 60.0, life_safety: bool = False
    ) -> PartSpec:
        ready = self.ready_file(name)
        ready.unlink(missing_ok=True)
        argv = [
            sys.executable,
            "-m",
            "cior",
            "run",
            *arguments,
            "--config",
            str(self.centre.path),
            "--data",
            str(self.centre.data),
            "--ready",
            str(ready),
            "--log-level",
            self._log_level,
        ]
        return PartSpec(
            name=name,
            argv=argv,
            env={**child_environment(self.keys), **addresses_environment(self.addresses)},
            ready=lambda pid: is_ready(ready, pid),
            ready_timeout_s=ready_timeout_s,
            life_safety=life_safety,
        )

    def _broker(self, port: int) -> PartSpec:
        ready = self.ready_file(BROKER)
        ready.unlink(missing_ok=True)
        return PartSpec(
            name=BROKER,
            argv=[sys.executable, "-m", "cior_bus.embedded.broker_process", str(port), str(ready)],
            ready=lambda pid: is_ready(ready, pid),
            ready_timeout_s=20,
            stop_timeout_s=0.5,
            life_safety=True,
        )
