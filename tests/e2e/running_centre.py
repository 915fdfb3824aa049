"""A whole centre for a test: every part a real process, wires on loopback, and the questions a test asks of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

import msgspec

from cior.stack import Stack
from cior.supervisor import PartState
from cior_bus.centre import load
from cior_bus.keys import Keys, open_keys
from cior_console.summary import Summary
from cior_core.geo import City
from cior_demo import roster, script
from cior_demo.town import drawn_town
from cior_demo.wires import PanelWire, TraccarWire
from cior_demo.world import World, write_world


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class RunningCentre:
    """Use as a context manager.

    ``edit`` may change the centre file's text before the start (another broker, another store).
    """

    def __init__(
        self, folder: Path, *, edit: Callable[[str], str] = lambda text: text, with_camera: bool = False
    ) -> None:
        self.script = script.load(script.bundled_text("viernes"), file="viernes.toml")
        self.city = City.demo()
        self.roster = roster.build(self.city, seed=self.script.seed)
        # Each presses once: panels of blocks that the registry knows. panel-corner would share its neighbour's alert.
        self.neighbours = iter(
            [actor for actor in self.roster.kind("panel") if actor.block and actor.name != "panel-corner"]
        )
        self.world: World = write_world(folder, roster=self.roster, town=drawn_town(), model=None)
        text = self.world.centre_file.read_text(encoding="utf-8")
        if not with_camera:
            text = text.replace('[[vision]]\nfile = "camera.toml"\n', "")
        self.world.centre_file.write_text(edit(text), encoding="utf-8")
        centre = load(self.world.centre_file, folder / "data")
        self.keys: Keys = open_keys(centre.data / "keys", own_team=True).keys
        self.stack = Stack(centre, self.keys)

    def __enter__(self) -> Self:
        try:
            self.stack.start()
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.stop()

    def traccar(self) -> TraccarWire:
        """A new Traccar server that forwards to us."""
        return TraccarWire(
            f"http://127.0.0.1:{self.world.traccar_port}/traccar", self.keys.traccar_secret, now_ms=now_ms
        )

    def panels(self) -> PanelWire:
        """The panels of the city."""
        return PanelWire(
            "127.0.0.1", self.world.dc09_port, key=bytes.fromhex(self.keys.dc09_key), now_ms=now_ms
        )

    def ask(self, path: str) -> Any:
        """JSON of a wall path such as ``/api/wall``."""
        url = self.stack.wall_url.split("/?")[0] + path
        with urlopen(
            Request(url, headers={"Authorization": f"Bearer {self.keys.wall_token}"}), timeout=10
        ) as answer:
            return msgspec.json.decode(answer.read())

    def summary(self) -> Summary:
        """The whole period so far, from the store."""
        return msgspec.convert(self.ask("/api/ask/summary"), Summary)

    def pid(self, part: str) -> int:
        """Process id of a part; waits until it runs."""
        until(lambda: self.stack.supervisor.parts[part].pid is not None, within_s=60, what=f"{part} runs")
        return int(self.stack.supervisor.parts[part].pid or 0)

    def kill(self, part: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        self.stack.supervisor.kill(part)

    def pause(self, part: str) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        os.kill(self.pid(part), signal.SIGSTOP)

    def resume(self, part: str) -> None:
        """SIGCONT."""
        os.kill(self.pid(part), signal.SIGCONT)

    def wait_ready(self, *parts: str, within_s: float = 60.0) -> None:
        """Until the parts are ready again."""
        until(
            lambda: all(self.stack.supervisor.parts[part].state is PartState.READY for part in parts),
            within_s=within_s,
            what=f"{parts} ready",
        )


def until(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Poll; fail with ``what`` when it does not come true."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"did not happen within {within_s:.0f} s: {what}"
        time.sleep(0.1)
