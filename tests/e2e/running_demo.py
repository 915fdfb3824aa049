"""The demo as a newcomer starts it: ``cior demo --keep`` in an empty home, known by nothing but what it prints."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from cior_bus import readiness
from cior_core.geo import City
from cior_demo import roster, script
from cior_demo.roster import Actor, Roster
from cior_demo.wires import Sent, TraccarWire
from e2e.running_centre import now_ms, until

START_S, PLAY_S, STOP_S = 240.0, 300.0, 120.0
_ACCOUNT = re.compile(r"^  (\w+) +(\S+)   (\w+)$", re.MULTILINE)
_ADDRESS = re.compile(r"^console: (http\S+)$", re.MULTILINE)
_SECRET = re.compile(r"Traccar secret +(\S+)")
_KEPT = "left running"


class Account(msgspec.Struct, frozen=True):
    """One of those that the demo printed."""

    login: str
    password: str
    role: str


class RunningDemo:
    """Use as a context manager: ready when people can sign in, while the city's night still plays."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home, self._said_file = home, home / "said.txt"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.roster: Roster = roster.build(
            City.demo(), seed=script.load(script.bundled_text("viernes"), file="viernes.toml").seed
        )

    def __enter__(self) -> Self:
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True)
        known = {
            name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SSL_CERT_FILE")
        }
        with self._said_file.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cior", "demo", "--keep", *self._arguments],
                cwd=self.home,
                env={**known, "HOME": str(self.home), "TMPDIR": str(temporary)},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(
                lambda: _ADDRESS.search(self.said) is not None, START_S, "the console's address is printed"
            )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._said_file.read_text(encoding="utf-8", errors="replace")

    def account(self, role: str) -> Account:
        """The printed account of a role."""
        found = [Account(*each) for each in _ACCOUNT.findall(self.said)]
        return next(each for each in found if each.role == role)

    @property
    def console(self) -> str:
        """The printed address of the console."""
        found = _ADDRESS.search(self.said)
        assert found is not None
        return found[1]

    def wait_played(self) -> None:
        """Until the night is over and the centre is left to whoever looks."""
        self._wait(lambda: _KEPT in self.said, PLAY_S, "the demo has played and leaves the centre up")

    def press(self, number: int) -> Actor:
        """The driver of a registered bus presses, on the wire; nothing else happened near it."""
        actor = self._alone()[number]
        sent = asyncio.run(self._press(actor))
        assert sent.acked_ms is not None, "the centre took the press"
        return actor

    async def _press(self, actor: Actor) -> Sent:
        found = _SECRET.search(self.said)
        assert found is not None
        port = tomllib.loads((self._folder / "vehicles.toml").read_text(encoding="utf-8"))["config"]["port"]
        wire = TraccarWire(f"http://127.0.0.1:{port}/traccar", found[1], now_ms=now_ms)
        try:
            return await wire.position(actor, actor.lat, actor.lon, alarm="sos")
        finally:
            await wire.close()

    def _alone(self) -> list[Actor]:
        """Buses that the script does not use, the farthest from all that it uses first, and far from each other."""
        play = script.load(script.bundled_text("viernes"), file="viernes.toml")
        used = {
            name
            for step in play.step
            for name in (step.who, step.near, step.about)
            if name in self.roster.actors
        }
        taken = [self.roster.actors[name] for name in used]
        free = [actor for actor in self.roster.kind("bus") if actor.name not in used]
        found: list[Actor] = []
        for _ in range(10):
            best = max(free, key=lambda bus: min(_apart(bus, other) for other in (*taken, *found)))
            free.remove(best)
            found.append(best)
        return found

    def hang_console(self) -> None:
        """SIGSTOP: its connections stay open and nothing is answered, until :meth:`kill_console`."""
        os.kill(self._console_facts()["pid"], signal.SIGSTOP)

    def kill_console(self) -> None:
        """SIGKILL for the process that serves the pages; the demo's supervisor starts it again."""
        os.kill(self._console_facts()["pid"], signal.SIGKILL)

    def wait_console(self, *, not_pid: int | None = None) -> int:
        """The process id of the console, once it is ready."""
        self._wait(
            lambda: self._console_facts().get("pid") not in (None, not_pid), 90.0, "the console is ready"
        )
        return int(self._console_facts()["pid"])

    def _console_facts(self) -> dict[str, Any]:
        return readiness.facts(self._folder / "data" / "run" / "sink-console.ready")

    @property
    def _folder(self) -> Path:
        return next((self.home / "tmp").glob("cior-demo-*"))

    def stop(self) -> str:
        """As Ctrl-C does; what it said in all."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        return self.said

    def _wait(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        def happened() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, f"the demo ended: {self.said[-3000:]}"
            return condition()

        until(happened, within_s=within_s, what=what)


def _apart(one: Actor, other: Actor) -> float:
    return (one.lat - other.lat) ** 2 + (one.lon - other.lon) ** 2
