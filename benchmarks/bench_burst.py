"""How long after a press its alert shows what a camera saw: device, alert, command, look, answer, open page.

    python benchmarks/bench_burst.py [--broker tansu kafka] [--presses 60] [--per-s 0.5] [--quick]

A whole centre of processes runs with one camera: a clip that we draw, over RTSP, watched by motion (no model is part of
the repository, and the camera's network would be the same either way). Every button is a bus of its own whose
registration names the camera, so each press is a P1 of its own and asks it for a look. Nothing is changed for the
measurement but how many looks go on at once (64, so that none gives way to the next press); the first answer comes
after the 1.5 s that the book of protocols says. Afterwards the topics are read from their beginning: the legs are

* ``press → page``: from before the first byte until an open page has the alert;
* ``press → accepted``: until the vision worker's receipt for the command;
* ``accepted → answer``: the look itself, until the worker makes its first answer;
* ``answer → page``: the answer's way through the log, until an open page has the alert with it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench_press_legs import messages
from cior_bus import topics
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Alert, CommandKind, Event, Receipt
from cior_core.watching import BURST_TYPE
from cior_vision.synthetic import encode, loiterer
from engines.rtsp_street import Street
from measured import Clocked, Row, Table, latency, markdown, now_ms, write
from press_rig import GridCentre, Presser, Spot, Wall

CAMERA = "camera-plaza"
AIM_MS = 3_000.0
LEGS = ("press → page", "press → accepted", "accepted → answer", "answer → page")


class LookedAt(GridCentre):
    """Buses only, each registered with the camera in view; the camera is ours, on ``stream``."""

    def __init__(self, folder: Path, *, stream: str, seed: int, broker: str) -> None:
        bus = f'[bus]\ndsn = "{broker}"\n\n[centre]'
        super().__init__(
            folder, seed=seed, with_camera=True,
            edit=lambda text: text.replace("[centre]", bus, 1) if broker else text,
        )  # fmt: skip
        self.grid = [actor for actor in self.grid if actor.kind == "bus"]
        registry, catalogue, watched = (folder / f"{name}.toml" for name in ("registry", "cameras", "camera"))
        named = registry.read_text(encoding="utf-8")
        for actor in self.grid:
            row = f'id = "{actor.subject}"\n'
            assert row in named
            named = named.replace(row, f'{row}cameras = ["{CAMERA}"]\n', 1)
        registry.write_text(named, encoding="utf-8")
        cameras = catalogue.read_text(encoding="utf-8").replace(self.world.rtsp_url, stream)
        catalogue.write_text(cameras, encoding="utf-8")
        watched.write_text(
            watched.read_text(encoding="utf-8").replace("[worker]\n", "[worker]\nbursts = 64\n", 1),
            encoding="utf-8",
        )


class Page(Wall):
    """An open page that remembers when it had each version of each alert."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.had_ms: dict[str, list[tuple[int, int]]] = {}

    def _note(self, alert: dict[str, Any]) -> None:
        super()._note(alert)
        self.had_ms.setdefault(alert["id"], []).append((alert["version"], now_ms()))

    def since(self, alert_id: str, version: int) -> int | None:
        """When it first had that version or a later one."""
        return min((at_ms for had, at_ms in self.had_ms.get(alert_id, ()) if had >= version), default=None)


class Looked(msgspec.Struct, frozen=True):
    """One press, UTC ms: pressed, its alert on the page, the command accepted, the first answer, that on the page."""

    pressed_ms: int
    page_ms: int
    accepted_ms: int
    answer_ms: int
    shown_ms: int

    @property
    def legs_ms(self) -> tuple[int, ...]:
        """In the order of :data:`LEGS`; the second begins with the press as the first does."""
        return (
            self.page_ms - self.pressed_ms,
            self.accepted_ms - self.pressed_ms,
            self.answer_ms - self.accepted_ms,
            self.shown_ms - self.answer_ms,
        )


async def pressed(centre: LookedAt, options: argparse.Namespace) -> tuple[Presser, Page]:
    """The presses, with one open page, until the last answer must have come."""
    page = Page(centre.stack.wall_url)
    watching = asyncio.ensure_future(page.run())
    await asyncio.wait_for(page.connected.wait(), 15)
    presser = Presser(centre, page)
    try:
        await asyncio.sleep(10)  # the camera is connected, its epoch has begun
        await presser.warm_up()
        await presser.poisson(options.presses, per_s=options.per_s, seed=23)
        await presser.settled(within_s=20)
        await asyncio.sleep(6)
    finally:
        watching.cancel()
        await presser.close()
    return presser, page


def looked(centre: LookedAt, presser: Presser, page: Page) -> list[Looked]:
    """Every press whose alert showed what the camera saw."""
    shown: dict[Spot, Alert] = {}
    for message in messages(centre, topics.ALERTS):
        alert = codec.decode(Kind.ALERT, message.value() or b"null")
        if (
            isinstance(alert, Alert)
            and alert.place.lat is not None
            and any(w.event_id for w in alert.watchings)
        ):
            shown.setdefault((round(alert.place.lat, 6), round(alert.place.lon or 0.0, 6)), alert)
    accepted = {
        receipt.command_id: receipt.at_ms
        for message in messages(centre, topics.RECEIPTS)
        for receipt in codec.records(Kind.RECEIPT, message.value())
        if isinstance(receipt, Receipt) and receipt.outcome == "accepted"
    }
    answers = {
        event.attributes["command"]: event.received_ms
        for message in messages(centre, topics.URGENT)
        if isinstance(event := codec.decode(Kind.EVENT, message.value() or b""), Event)
        and event.type == BURST_TYPE and event.attributes["sequence"] == 0
    }  # fmt: skip
    found = []
    for press in presser.presses:
        alert = shown.get(press.spot)
        command = next((w.command for w in alert.watchings if w.event_id), "") if alert else ""
        at_ms = page.since(alert.id, alert.version) if alert else None
        if press.feed_ms is not None and at_ms is not None and command in accepted and command in answers:
            found.append(Looked(press.at_ms, press.feed_ms, accepted[command], answers[command], at_ms))
    return found


@contextlib.contextmanager
def running(broker: str, folder: Path) -> Iterator[LookedAt]:
    """A centre on the embedded broker, or on an Apache Kafka of its own, with a camera in its street."""
    with contextlib.ExitStack() as stack:
        clip = encode(loiterer(arrives_s=1.0, stays_s=60.0), folder / "street.mp4")
        street = stack.enter_context(Street(clip, folder / "rtsp.log"))
        dsn = ""
        if broker == "kafka":
            from engines.apache_kafka import ApacheKafka

            (folder / "kafka").mkdir()
            dsn = f"kafka://{stack.enter_context(ApacheKafka(folder / 'kafka')).bootstrap}?profile=kafka"
        centre = LookedAt(folder / "centre", stream=street.url(CAMERA), seed=23, broker=dsn)
        yield stack.enter_context(centre)


def measure(broker: str, options: argparse.Namespace) -> tuple[Table, str]:
    """One fresh centre on one broker."""
    with tempfile.TemporaryDirectory(prefix="cior-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "centre").mkdir()
        with running(broker, folder) as centre:
            presser, page = asyncio.run(pressed(centre, options))
            found = looked(centre, presser, page)
    note = (
        f"{broker}: {len(presser.presses)} presses, each asked for a look ({CommandKind.BURST.value}); of "
        f"{len(found)} the page showed what the camera saw."
    )
    return Table(title=broker, rows=tuple(rows(found))), note


def rows(found: list[Looked]) -> list[Row]:
    """The legs, and the whole with its aim."""
    legs = [latency(leg, [each.legs_ms[n] for each in found]) for n, leg in enumerate(LEGS)]
    whole = [each.shown_ms - each.pressed_ms for each in found]
    return [*legs, latency("press → what the camera saw, on the page", whole, p95_aim=AIM_MS)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", nargs="+", choices=("tansu", "kafka"), default=["tansu"])
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--per-s", type=float, default=0.5)
    parser.add_argument("--quick", action="store_true", help="12 presses; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.presses = 12
    clocked = Clocked("burst", "A press until its alert shows what a camera saw", quick=options.quick)
    measured = [measure(broker, options) for broker in options.broker]
    said = [note for _, note in measured]
    said.append(
        "The first answer waits for a second of watching, as the book of protocols says; the rest is the way."
    )
    result = clocked.result([table for table, _ in measured], said)
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
