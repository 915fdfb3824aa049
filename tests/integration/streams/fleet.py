"""Worker processes and what a city sends them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec

from cior_bus import signing, topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core import codec, identity
from cior_core.catalogue import Kind
from cior_core.model import Event, Lane, Place, PlaceMethod, TypeCode
from cior_streams.health import Health, read_health
from cior_streams.settings import Role, StreamSettings
from doubles.signing import RING
from integration.bus.brokers import Broker

WORKER = Path(__file__).with_name("worker_process.py")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def press(
    number: int, *, subject: str | None = None, kind: str = "panic.bus", lat: float | None = None
) -> Event:
    """A press each in its own corner of the city, so that each is an incident of its own."""
    at = now_ms()
    subject = subject or f"bus-{number}"
    return Event(
        id=identity.event_id("test", f"{subject}-{number}"),
        source="test",
        type=TypeCode(kind),
        subject=subject,
        occurred_ms=at,
        received_ms=at,
        lane=Lane.URGENT,
        life_safety=True,
        place=Place(method=PlaceMethod.GPS, lat=lat or -32.9 + number * 0.05, lon=-60.7, accuracy_m=10.0),
    )


def message(event: Event) -> MessageOut:
    return MessageOut(topic=topics.URGENT.name, key=event.subject.encode(), value=codec.encode(event))


class Fleet:
    """Starts workers, waits for them, kills them, reads what they published."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker, self.folder = broker, folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / signing.RING).write_bytes(msgspec.json.encode(RING))
        Topics(broker.settings).ensure()

    def settings(self, role: Role, worker: str = "1") -> StreamSettings:
        return StreamSettings(bus=self.broker.settings, role=role, state_dir=self.folder, worker=worker)

    def start(
        self,
        role: Role = Role.URGENT,
        worker: str = "1",
        *,
        workers: int = 1,
        ready: bool = True,
        stall_s: float = 20,
        table_delay_s: float = 0,
        slow_s: float = 0,
        step_s: float = 0,
    ) -> None:
        name = f"{role}-{worker}"
        with (self.folder / f"{name}.log").open("ab") as log:
            argv = [
                sys.executable,
                str(WORKER),
                self.broker.settings.dsn,
                role.value,
                str(self.folder),
                worker,
                str(workers),
            ]
            env = {**os.environ, "STALL_S": str(stall_s)}
            if table_delay_s:
                env["TABLE_DELAY_S"] = str(table_delay_s)
            if slow_s:
                env["SLOW_S"] = str(slow_s)
            if step_s:
                env["STEP_S"] = str(step_s)
            self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, env=env)
        if ready:
            self.wait_ready(role, worker)

    def health(self, role: Role = Role.URGENT, worker: str = "1") -> Health | None:
        health = read_health(self.settings(role, worker))
        process = self.processes[f"{role}-{worker}"]
        return health if health is not None and health.pid == process.pid else None

    def metrics(self, role: Role = Role.URGENT, worker: str = "1") -> str:
        """What the worker's own ``/metrics`` says."""
        health = self.health(role, worker)
        if health is None:
            return ""
        with urlopen(health.metrics_url, timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def wait_ready(self, role: Role = Role.URGENT, worker: str = "1", *, timeout_s: float = 60) -> None:
        def ready() -> bool:
            code = self.processes[f"{role}-{worker}"].poll()
            assert code is None, f"ended with {code}: {self.log(role, worker)}"
            health = self.health(role, worker)
            return health is not None and health.ready

        until(ready, timeout_s=timeout_s, why=lambda: f"not ready: {self.log(role, worker)}")

    def log(self, role: Role = Role.URGENT, worker: str = "1") -> str:
        return (self.folder / f"{role}-{worker}.log").read_text(errors="replace")[-6_000:]

    def kill(self, role: Role = Role.URGENT, worker: str = "1") -> None:
        process = self.processes.pop(f"{role}-{worker}")
        process.kill()
        process.wait()

    def end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def send(self, messages: Sequence[MessageOut]) -> None:
        with Bus(self.broker.patient) as bus:
            bus.publish_sync(messages)

    def read(
        self, topic: topics.TopicSpec, kind: Kind, *, at_least: int = 0, timeout_s: float = 20
    ) -> list[Any]:
        rows = self.broker.values(topic.name, at_least=at_least, timeout_s=timeout_s)
        return [record for _, value in rows for record in codec.records(kind, value)]

    def alerts(self, *, at_least: int = 1, timeout_s: float = 20) -> dict[str, Any]:
        """The newest version of each alert; waits for ``at_least`` different ones."""
        newest: dict[str, Any] = {}

        def enough() -> bool:
            for alert in self.read(topics.ALERTS, Kind.ALERT, timeout_s=5):
                if alert.id not in newest or newest[alert.id].version <= alert.version:
                    newest[alert.id] = alert
            return len(newest) >= at_least

        until(
            enough,
            timeout_s=timeout_s,
            why=lambda: f"{len(newest)} alerts instead of {at_least}; {self.logs()}",
        )
        return newest

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3_000:] for path in self.folder.glob("*.log"))


def until(done: Callable[[], bool], *, timeout_s: float, why: Callable[[], str] = lambda: "in time") -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def assert_every_press_once(fleet: Fleet, events: list[Event]) -> None:
    """Zero lost, zero doubled: each press is a member of exactly one alert, and no alert or command id stands for two
    things.
    """
    wanted = {event.id for event in events}

    def members(alerts: dict[str, Any]) -> Counter[str]:
        return Counter(
            member.event_id
            for alert in alerts.values()
            if alert.merged_into is None
            for member in alert.members
        )

    until(
        lambda: wanted <= members(fleet.alerts(at_least=1)).keys(),
        timeout_s=60,
        why=lambda: f"lost; {fleet.logs()}",
    )
    time.sleep(1.0)
    found = members(fleet.alerts())
    assert {event: count for event, count in found.items() if count != 1} == {}
    copies: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for alert in fleet.read(topics.ALERTS, Kind.ALERT):
        copies[alert.id, alert.version].add(codec.encode(alert))
    assert [name for name, bodies in copies.items() if len(bodies) > 1] == [], (
        "one version of one alert, told in two ways"
    )
    commands: dict[str, set[bytes]] = defaultdict(set)
    for command in fleet.read(topics.COMMANDS, Kind.COMMAND):
        commands[command.id].add(codec.encode(command))
    assert [name for name, bodies in commands.items() if len(bodies) > 1] == []
    steps = Counter(
        (c.alert_id, c.kind, c.target, c.step, tuple(sorted(map(str, c.parameters.items()))))
        for c in {c.id: c for c in fleet.read(topics.COMMANDS, Kind.COMMAND)}.values()
    )
    assert {step: count for step, count in steps.items() if count > 1} == {}, "one step, two commands"
