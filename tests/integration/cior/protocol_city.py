"""A small centre for the stories of the protocols: every part a real process, every word over a real wire; and what
was commanded afterwards.

Broker, sink, both stream workers, DC-09, Traccar and file-drop connectors; a vision worker on a synthetic clip.
Panels send DC-09 frames, vehicles Traccar's JSON over HTTP, the desk a CSV file, the camera pictures. One story has
no wire: a gap in the accounts is told by the reconciler's own event, since the real one takes minutes to be sure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec
from confluent_kafka import Consumer, TopicPartition

from cior.stack import Stack
from cior_bus import topics
from cior_bus.centre import load
from cior_bus.embedded.tansu import free_port
from cior_bus.keys import open_keys
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.spool import Spool
from cior_core import bundled, codec
from cior_core.cameras import Camera, Cameras
from cior_core.catalogue import Kind
from cior_core.identity import payload_sha256
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    Alert,
    Command,
    Producer,
    RawId,
    RawRecord,
    TickItem,
)
from cior_core.taxonomy import Taxonomy
from cior_demo.wires import PanelWire, TraccarWire
from cior_sink.reconciling import gap_event
from cior_store.reconcile import Gap
from cior_vision.settings import parse_settings
from cior_vision.synthetic import encode, loiterer
from cior_vision.worker import VisionWorker
from integration.cior.protocol_stories import Story, cameras_toml, registry_toml
from integration.vision.shirts import ShirtDetector

ZONE = "America/Argentina/Cordoba"
TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))

_FILES = {
    "centre.toml": """registry = "registry.toml"
cameras = "cameras.toml"
[centre]
name = "Historias"
test_mode = true
[[connector]]
file = "panels.toml"
[[connector]]
file = "vehicles.toml"
[[connector]]
file = "calls.toml"
""",
    # The sealed buttons of this city report to the vehicles' line: what a panel says unreadably is no sealed matter
    # here.
    "panels.toml": """kind = "dc09"
name = "panels"
carries_sealed = false
[config]
port = {dc09}
default_key = "env:CIOR_DC09_KEY"
""",
    "vehicles.toml": """kind = "traccar"
name = "vehicles"
[config]
port = {traccar}
shared_secret = "env:CIOR_TRACCAR_SECRET"
""",
    "calls.toml": """kind = "cad_drop"
name = "calls"
[config]
folder = {inbox}
pattern = "*.csv"
ready = "rename"
poll_s = 0.2
format = "csv"
zone = "America/Argentina/Cordoba"
datetime_formats = ["%d/%m/%Y %H:%M:%S"]
default_type = "call.other"
[config.columns]
id = ["numero"]
occurred = "creado"
type = "tipo"
lat = "lat"
lon = "lon"
merged_into = "unificado_en"
""",
}


_CAMERA_FILE = """[worker]
name = "plaza"
[detector]
engine = "none"
[[camera]]
id = "camera-plaza"
[camera.source]
pace = "fast"
file_start_ms = {start_ms}
[[zone]]
id = "acera"
camera = "camera-plaza"
polygon = [[0.3, 0.6], [0.7, 0.6], [0.7, 0.97], [0.3, 0.97]]
[[rule]]
kind = "intrusion"
id = "nadie"
zone = "acera"
"""
_CLIP_MS = 60_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Poll; whether it came true."""
    deadline_s = time.monotonic() + within_s
    while not (happened := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return happened


class Heard:
    """Alerts (the newest of each) and commands, read from their topics as they come."""

    def __init__(self, bootstrap: str) -> None:
        self.alerts: dict[str, Alert] = {}
        self.commands: dict[str, Command] = {}
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "stories", "enable.auto.commit": False}
        )
        names = (topics.ALERTS.name, topics.COMMANDS.name)
        known = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign(
            [TopicPartition(name, each, 0) for name in names for each in known[name].partitions]
        )

    def listen(self) -> None:
        """Take what has come."""
        while batch := self._consumer.consume(500, timeout=0.3):
            for message in batch:
                if message.error() is None:
                    self._take(str(message.topic()), message.value())

    def _take(self, topic: str, value: Any) -> None:
        if topic == topics.COMMANDS.name:
            command: Command = codec.decode(Kind.COMMAND, value)
            self.commands[command.id] = command
            return
        alert: Alert = codec.decode(Kind.ALERT, value)
        known = self.alerts.get(alert.id)
        if known is None or known.version < alert.version:
            self.alerts[alert.id] = alert

    def of(self, story: Story) -> list[Command]:
        """What was commanded by the story's protocol for alerts of its type."""
        alerts = {alert.id for alert in self.alerts_of(story.type) if story.may_be(alert)}
        return [
            each
            for each in self.commands.values()
            if each.alert_id in alerts and each.protocol == story.protocol
        ]

    def alerts_of(self, type_code: str) -> list[Alert]:
        """The alerts of a type, the oldest first."""
        found = [alert for alert in self.alerts.values() if alert.type == type_code]
        return sorted(found, key=lambda alert: (alert.opened_ms, alert.id))

    def close(self) -> None:
        self._consumer.close()


def _record(said: bytes) -> RawRecord:
    """A raw record, always under the same id."""
    return RawRecord(
        id=RawId("0f0f0f0f-0f0f-8f0f-8f0f-0f0f0f0f0f0f"),
        source="urn:cior:dc09:panels",
        subject="panel:5000",
        received_ms=now_ms(),
        payload=said,
        sha256=payload_sha256(said),
        producer=Producer(connector="dc09", version="1", instance="panels"),
    )


class ProtocolCity:
    """Use as a context manager: a running centre, its wires, and what is heard of it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._inbox = folder, folder / "inbox"
        self._inbox.mkdir(parents=True)
        self._ports = {"dc09": free_port(), "traccar": free_port()}
        self._files = 0
        encode(loiterer(arrives_s=1.0, stays_s=10.0), folder / "loiterer.mp4")
        self._write()
        centre = load(folder / "centre.toml", folder / "data")
        self.keys = open_keys(centre.data / "keys", own_team=True).keys
        self.stack = Stack(centre, self.keys)

    def _write(self) -> None:
        words = {**self._ports, "inbox": json.dumps(str(self._inbox))}
        texts = {name: text.format(**words) if "{" in text else text for name, text in _FILES.items()}
        texts["calls.toml"] += "".join(
            f"[[config.types]]\ncode = {json.dumps(code)}\nequals = [{json.dumps(kind.name_es)}]\n"
            for code, kind in TAXONOMY.items()
        )
        for name, text in (
            *texts.items(),
            ("registry.toml", registry_toml()),
            ("cameras.toml", cameras_toml()),
        ):
            (self._folder / name).write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        try:
            self.stack.start()
            self.heard = Heard(self.stack.bus.bootstrap)
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heard.close()
        self.stack.stop()

    def tell(self, stories: Iterable[Story]) -> None:
        """Every story's signal over its wire. Returns when each device has its answer."""
        told = list(stories)
        self.drop([(each.protocol, each, "") for each in told if each.wire == "desk"])
        if any(each.wire == "accounts" for each in told):
            gap = Gap(
                connector="dc09",
                instance="panels",
                minute_ms=now_ms() // 60_000 * 60_000,
                missing_raw=1,
                missing_outcomes=0,
                accepted=1,
            )
            self.publish(MessageOut.of(gap_event(gap, now_ms=now_ms())))
        if any(each.wire == "forger" for each in told):
            for said in (b"the panel said: 130", b"the panel said: 602"):
                self.publish(MessageOut.of(_record(said)))
        if any(each.wire == "intruder" for each in told):
            note = Action(id="forged", kind=ActionKind.NOTE, actor="somebody", at_ms=now_ms(), reason="x")
            key, value = DEFAULT_AREA.encode(), msgspec.json.encode(note)
            self.publish(MessageOut(topic=topics.ACTIONS.name, key=key, value=value))
        asyncio.run(self._devices([each for each in told if each.wire in {"panel", "vehicle"}]))
        for each in told:
            if each.wire == "camera":
                self._watch(each)

    def _watch(self, story: Story) -> None:
        """A vision worker on the clip, as if it had been filmed a minute ago; its detector knows our figures by their
        shirts and needs no model.
        """
        lat, lon = story.at
        text = _CAMERA_FILE.format(start_ms=now_ms() - _CLIP_MS)
        clip = Camera(id="camera-plaza", lat=lat, lon=lon, stream="loiterer.mp4")
        settings = parse_settings(text, file="camera.toml", folder=self._folder, cameras=Cameras([clip]))
        with self.bus() as bus:
            asyncio.run(VisionWorker(settings, bus, detector=ShirtDetector()).run())

    async def _devices(self, stories: list[Story]) -> None:
        panels = PanelWire(
            "127.0.0.1", self._ports["dc09"], key=bytes.fromhex(self.keys.dc09_key), now_ms=now_ms
        )
        url = f"http://127.0.0.1:{self._ports['traccar']}/traccar"
        vehicles = TraccarWire(url, self.keys.traccar_secret, now_ms=now_ms)
        try:
            for story in stories:
                await (_panel(panels, story) if story.wire == "panel" else _vehicle(vehicles, story))
        finally:
            await panels.close()
            await vehicles.close()

    def drop(self, rows: list[tuple[str, Story, str]]) -> None:
        """One file of the desk: number, story, number of the record that it was merged into."""
        created = datetime.now(ZoneInfo(ZONE)).strftime("%d/%m/%Y %H:%M:%S")
        lines = ["numero,creado,tipo,lat,lon,unificado_en"]
        lines += [
            f'{number},{created},"{TAXONOMY[story.type].name_es}",{story.at[0]:.6f},{story.at[1]:.6f},{merged}'
            for number, story, merged in rows
        ]
        self._files += 1
        part = self._inbox / f"calls-{self._files}.part"
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.rename(part.with_suffix(".csv"))

    def tick(self, at_ms: int) -> None:
        """Time, as data: one tick at ``at_ms`` in the area log."""
        self.publish(MessageOut.of(TickItem(id=f"tick-{at_ms}", area=DEFAULT_AREA, at_ms=at_ms)))

    def publish(self, message: MessageOut) -> None:
        """A message on the centre's broker, confirmed."""
        with self.bus() as bus:
            bus.publish_sync([message])

    @contextmanager
    def bus(self) -> Iterator[Bus]:
        """A producer on the centre's broker."""
        spool = Spool.open(self._folder / "spool")
        bus = Bus(self.stack.bus, spool=spool)
        try:
            yield bus
        finally:
            bus.close()
            spool.close()


async def _panel(wire: PanelWire, story: Story) -> None:
    if story.says == "wrong crc":
        await wire.wrong_crc(story.actor)
        return
    sent = await wire.alarm(story.actor, story.says)
    assert sent.acked_ms is not None, f"{story.protocol}: the panel heard no answer"


async def _vehicle(wire: TraccarWire, story: Story) -> None:
    word, _, times = story.says.partition(" ")
    for _ in range(20 if times else 1):
        sent = await wire.position(story.actor, *story.at, alarm=word)
        assert sent.acked_ms is not None, f"{story.protocol}: the vehicle's server heard no answer"
