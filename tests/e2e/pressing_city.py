"""People who press while the system breaks: each press has a device of its own, so that it can be found again, and
remembers whether it was acknowledged. Some are registered neighbours, whose block has a siren.
"""

from __future__ import annotations

import asyncio
import random
import threading
from types import TracebackType
from typing import Self

import msgspec

from cior_demo.roster import Actor, city_point
from cior_demo.wires import PanelWire, Sent, TraccarWire
from e2e.running_centre import RunningCentre


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """One press: the device's subject in events, and what its device heard."""

    subject: str
    sent: Sent

    @property
    def acknowledged(self) -> bool:
        return self.sent.acked_ms is not None


class Presser:
    """Presses every ``every_s`` from a thread of its own, bus and panel in turn, until the block ends; then waits for
    the last answers.
    """

    def __init__(self, centre: RunningCentre, *, first: int, every_s: float = 0.4) -> None:
        self._centre, self._next, self._every_s = centre, first, every_s
        self._dice = random.Random(first)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.pressed: list[Pressed] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=120)
        assert not self._thread.is_alive(), "a press is still waiting for its answer"

    async def _run(self) -> None:
        traccar, panels = self._centre.traccar(), self._centre.panels()
        waiting: set[asyncio.Task[None]] = set()
        try:
            while not self._stop.is_set():
                number, self._next = self._next, self._next + 1
                lat, lon = city_point(self._centre.city, self._dice)
                work = self._bus(traccar, number, lat, lon) if number % 2 else self._panel(panels, number)
                waiting.add(asyncio.create_task(work))
                await asyncio.sleep(self._every_s)
            await asyncio.gather(*waiting)
        finally:
            await traccar.close()
            await panels.close()

    async def _bus(self, traccar: TraccarWire, number: int, lat: float, lon: float) -> None:
        native = f"bus-e2e-{number:05d}"
        actor = Actor(name=native, kind="bus", native=native, subject=f"vehicle:{native}", lat=lat, lon=lon)
        sent = await traccar.position(actor, lat, lon, alarm="sos")
        self.pressed.append(Pressed(subject=actor.subject, sent=sent))

    async def _panel(self, panels: PanelWire, number: int) -> None:
        actor = next(self._centre.neighbours, None) if number % 10 == 0 else None
        if actor is None:
            native = f"{0xA000 + number:04X}"
            actor = Actor(
                name=native, kind="panel", native=native, subject=f"panel:{native}", lat=0.0, lon=0.0
            )
        sent = await panels.alarm(actor, "120")
        self.pressed.append(Pressed(subject=actor.subject, sent=sent))
