"""A press, the correlator's own command over a real broker, the worker that watches a real RTSP stream and looks, its
receipt and its answers, and the alert that shows what the camera saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.obeying import Obeyer
from cior_bus.producer import Bus
from cior_bus.settings import Profile
from cior_core import codec, correlate
from cior_core.cameras import Cameras
from cior_core.catalogue import Kind
from cior_core.model import (
    DEFAULT_AREA,
    Alert,
    Command,
    CommandKind,
    Effect,
    Event,
    EventItem,
    IssueCommand,
    Item,
    Receipt,
    ReceiptItem,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal, make_event
from cior_core.watching import Watching
from cior_video.clock import SystemClock
from cior_vision.settings import parse_settings
from cior_vision.synthetic import Scene, Walker, encode
from cior_vision.worker import VisionWorker
from engines.rtsp_street import Street
from integration.bus.brokers import Broker
from integration.vision.shirts import ShirtDetector
from unit.correlate.conftest import pack

__all__ = ["pack"]

SETTINGS = """
[worker]
health_every_s = 1
bursts = 2
[detector]
engine = "none"
[[camera]]
id = "plaza"
source = { stall_s = 3.0, backoff_s = 0.2, backoff_max_s = 1.0 }
[[camera]]
id = "dark"
source = { stall_s = 3.0, backoff_s = 0.2, backoff_max_s = 1.0 }
"""
CATALOGUE = """
[[camera]]
id = "{id}"
name = "{id}"
place = {{ lat = -32.95, lon = -60.64 }}
azimuth_deg = 0.0
stream = "{url}"
"""
PRESS = Signal(at_s=0, event="panic.stop", source="stop-9", attributes={"in_view": ["plaza", "dark"]})


class Correlator:
    """The area's log and what has come out of it: items in, effects out."""

    def __init__(self, pack: RulePack) -> None:
        self._pack, self._states = pack, {DEFAULT_AREA: correlate.initial(DEFAULT_AREA)}
        self.items: list[Item] = []
        self.effects: list[Effect] = []

    def hear(self, record: Event | Receipt) -> tuple[Effect, ...]:
        """One more item, stamped now."""
        name, at_ms = f"item-{len(self.items)}", SystemClock().now_ms()
        item: Item = (
            EventItem(id=name, area=DEFAULT_AREA, at_ms=at_ms, event=record)
            if isinstance(record, Event)
            else ReceiptItem(id=name, area=DEFAULT_AREA, at_ms=at_ms, receipt=record)
        )
        self.items.append(item)
        effects = tuple(correlate.play([item], self._pack, states=self._states))
        self.effects += effects
        return effects

    def replayed(self) -> list[Effect]:
        """What the same log gives again."""
        return list(
            correlate.play(self.items, self._pack, states={DEFAULT_AREA: correlate.initial(DEFAULT_AREA)})
        )

    @property
    def alert(self) -> Alert:
        return [each.alert for each in self.effects if isinstance(each, UpsertAlert)][-1]

    def look(self, camera: str) -> Watching:
        return next(each for each in self.alert.watchings if each.camera == camera)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A camera that looks north: one stays in the middle, one walks to the right again and again."""
    folder = tmp_path_factory.mktemp("street")
    walkers = (
        Walker(path=((0.0, 0.3, 0.9), (30.0, 0.3, 0.9))),
        Walker(path=((0.0, 0.45, 0.95), (6.0, 0.9, 0.95)), height=0.5),
    )
    encode(Scene(walkers=walkers, duration_s=6.0), folder / "street.mp4")
    with Street(folder / "street.mp4", folder / "rtsp.log") as running:
        yield running


@asynccontextmanager
async def watched(broker: Broker, street: Street, folder: Path) -> AsyncIterator[tuple[Bus, VisionWorker]]:
    """The worker with who obeys for it, on the broker; ``dark`` is a camera that nobody reaches."""
    urls = {"plaza": street.url("plaza"), "dark": "rtsp://127.0.0.1:9/none"}
    cameras = Cameras.load("".join(CATALOGUE.format(id=name, url=url) for name, url in urls.items()))
    settings = parse_settings(SETTINGS, file="c.toml", folder=folder, cameras=cameras)
    stop = asyncio.Event()
    with Bus(broker.patient) as bus:
        worker = VisionWorker(settings, bus, detector=ShirtDetector())
        obeyer = Obeyer(
            worker.looks, name="vision.prueba", broker=broker.settings, bus=bus, folder=folder,
            now_ms=SystemClock().now_ms, metrics=Metrics(), kinds=[CommandKind.BURST],
        )  # fmt: skip
        tasks = [asyncio.create_task(worker.run(stop)), asyncio.create_task(obeyer.run())]
        try:
            yield bus, worker
        finally:
            stop.set()
            await tasks[0]
            tasks[1].cancel()
            with suppress(asyncio.CancelledError):
                await tasks[1]


async def records(broker: Broker, topic: str, kind: Kind, *, at_least: int = 1) -> list[Any]:
    rows = await asyncio.to_thread(broker.values, topic, at_least=at_least, timeout_s=60)
    return [each for _, value in rows for each in codec.records(kind, value)]


async def heard(broker: Broker, topic: str, kind: Kind, wanted: Any) -> list[Any]:
    """What is in a topic once it holds what is wanted."""
    async with asyncio.timeout(60):
        while not wanted(found := await records(broker, topic, kind)):  # noqa: ASYNC110  (a broker is asked)
            await asyncio.sleep(0.2)
    return found


def commands(effects: tuple[Effect, ...]) -> list[Command]:
    issued = [each.command for each in effects if isinstance(each, IssueCommand)]
    return [each for each in issued if each.kind is CommandKind.BURST]


def _flows(event: Event) -> bool:
    health = event.type == "camera.health" and event.subject == "plaza"
    return health and event.attributes["watched_fps"] > 1


def _shortened(command: Command) -> Command:
    """A look of four seconds: a test does not wait a minute. It may wait for a busy machine to begin."""
    parameters = command.parameters | {"for_s": 4.0, "every_s": 2.0}
    return msgspec.structs.replace(command, parameters=parameters, expires_ms=command.issued_ms + 60_000)


async def test_a_press_asks_the_cameras_and_the_alert_shows_what_the_one_that_works_saw(
    street: Street, tansu: Tansu, tmp_path: Path, pack: RulePack
) -> None:
    broker = Broker(tansu, Profile.TANSU)
    Topics(broker.settings).ensure()
    async with watched(broker, street, tmp_path) as (bus, _):
        lost = await heard(
            broker, topics.EVENTS.name, Kind.EVENT,
            lambda found: any(each.type == "camera.signal_loss" for each in found),
        )  # fmt: skip
        await heard(
            broker, topics.TELEMETRY.name, Kind.EVENT,
            lambda found: any(_flows(each) for each in found),
        )  # fmt: skip
        centre = Correlator(pack)
        now_ms = SystemClock().now_ms()
        press = msgspec.structs.replace(make_event(PRESS), occurred_ms=now_ms, received_ms=now_ms)
        asked = commands(centre.hear(press))
        assert [each.target for each in asked] == ["camera:plaza", "camera:dark"]
        await bus.publish([MessageOut.of(_shortened(each)) for each in asked])
        receipts = await records(broker, topics.RECEIPTS.name, Kind.RECEIPT, at_least=2)
        for receipt in sorted(receipts, key=lambda each: each.device):
            centre.hear(receipt)
        answers = await heard(
            broker, topics.URGENT.name, Kind.EVENT,
            lambda found: any(each.attributes.get("is_last") for each in found),
        )  # fmt: skip
    for answer in (each for each in answers if each.type == "vision.burst"):
        centre.hear(answer)
    assert {each.device: each.outcome for each in receipts} == {"plaza": "accepted", "dark": "refused"}
    assert (centre.look("dark").state, centre.look("dark").text_es) == (
        "not_watched",
        "No se miró: sin señal.",
    )
    seen = centre.look("plaza")
    assert (seen.state, seen.sequence > 0) == ("ended", True), "told while it went on, and at the end"
    assert seen.counts.get("person", 0) >= 2, seen
    assert "persona" in seen.text_es
    assert "cameras.saw" in {each.code for each in centre.alert.reasons}
    first = min(
        (each for each in answers if each.type == "vision.burst"),
        key=lambda each: each.attributes["sequence"],
    )
    assert first.attributes["command"] == asked[0].id
    assert first.raw is not None, "it points to the stretch of the stream that was watched"
    assert centre.replayed() == centre.effects, "the same log gives the same alerts"
    dark = next(each for each in lost if each.type == "camera.signal_loss")
    later = Correlator(pack)
    later.hear(dark)
    assert [each.target for each in commands(later.hear(press))] == ["camera:plaza"], (
        "known to be dark: not asked"
    )
