"""The local supervisor: starts the parts in order, restarts what ends, stops everything cleanly.

Restart intensity: at most ``Limits.restarts`` in ``Limits.window_s`` with growing pauses; above that a part is
retried slowly and shown as *flapping* (an operator's alarm), for ever: a life-safety part never stops trying and
never fails quietly. A supervisor that is killed takes its children with it (parent-death signal), so no orphan holds
a port or a store.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog

from cior_core.errors import SourceUnavailable

log = structlog.get_logger("cior.supervisor")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Restart intensity. Pauses in seconds."""

    restarts: int = 5
    window_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0
    slow_pause_s: float = 30.0


class PartState(StrEnum):
    """What the supervisor knows of a part."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FLAPPING = "flapping"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """One process. ``ready`` is polled with the running pid until true (None: ready as soon as it runs); it must
    return quickly and never raise. It gets the pid so that a file left by a killed predecessor cannot make its
    successor look ready.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[int], bool] | None = None
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    life_safety: bool = False


def pause_before_restart(deaths_s: Sequence[float], now_s: float, limits: Limits) -> tuple[float, bool]:
    """Seconds until the next start and whether the part is flapping, from the monotonic times of its deaths."""
    recent = [at for at in deaths_s if now_s - at <= limits.window_s]
    if len(recent) > limits.restarts:
        return limits.slow_pause_s, True
    pause = limits.first_pause_s * 2 ** max(0, len(recent) - 1)
    return min(pause, limits.longest_pause_s), False


def _tied(argv: Sequence[str]) -> list[str]:
    """``argv`` under util-linux ``setpriv``: SIGTERM from the kernel when we die, same pid."""
    # Code run between fork and exec instead would not be safe in a process with threads.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *argv] if setpriv else list(argv)


class Part:
    """One supervised process and its history. Only the supervisor's thread touches it."""

    def __init__(self, spec: PartSpec, *, log_dir: Path, limits: Limits) -> None:
        self.spec = spec
        self.limits = limits
        self.state = PartState.WAITING
        self.restarts = 0
        self.deaths_s: list[float] = []
        self.next_start_s = 0.0
        self.started_s = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._log_path = log_dir / f"{spec.name}.log"

    @property
    def pid(self) -> int | None:
        """The running process id, None when it does not run."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        """Start the process with its output appended to its log file."""
        with self._log_path.open("ab") as output:
            self.process = subprocess.Popen(
                _tied(self.spec.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.spec.env},
            )
        self.started_s = time.monotonic()
        self.state = PartState.STARTING
        log.info("part_started", part=self.spec.name, pid=self.process.pid)

    def poll(self, now_s: float) -> None:
        """Advance the state machine by one look."""
        if self.process is None or self.process.poll() is not None:
            self._when_down(now_s)
        elif (
            self.state in (PartState.STARTING, PartState.RESTARTING, PartState.FLAPPING) and self._is_ready()
        ):
            self.state = PartState.READY
            log.info("part_ready", part=self.spec.name, after_s=round(now_s - self.started_s, 2))

    def _is_ready(self) -> bool:
        return self.spec.ready is None or (self.pid is not None and self.spec.ready(self.pid))

    def _when_down(self, now_s: float) -> None:
        if self.process is not None:
            self.deaths_s.append(now_s)
            pause_s, flapping = pause_before_restart(self.deaths_s, now_s, self.limits)
            self.next_start_s = now_s + pause_s
            self.state = PartState.FLAPPING if flapping else PartState.RESTARTING
            report = log.error if flapping or self.spec.life_safety else log.warning
            report(
                "part_ended",
                part=self.spec.name,
                exit_code=self.process.returncode,
                pause_s=pause_s,
                flapping=flapping,
            )
            self.process = None
        elif now_s >= self.next_start_s:
            self.restarts += 1
            self.start()

    def stop(self) -> None:
        """SIGTERM, wait, and only then SIGKILL."""
        if self.process is None:
            self.state = PartState.STOPPED
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self.spec.stop_timeout_s)
            except subprocess.TimeoutExpired:
                log.warning("part_killed", part=self.spec.name, waited_s=self.spec.stop_timeout_s)
                self.process.kill()
                self.process.wait()
        self.state = PartState.STOPPED
        self.process = None


class Supervisor:
    """Runs parts in order, each when the one before is ready; watches them in a thread, stops them in reverse."""

    def __init__(self, *, log_dir: Path, limits: Limits | None = None, poll_s: float = 0.1) -> None:
        self.limits = limits or Limits()
        self.parts: dict[str, Part] = {}
        self._log_dir = log_dir
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, spec: PartSpec, *, wait: bool = True) -> Part:
        """Add and start a part; with ``wait`` return only when it is ready.

        Raises ``SourceUnavailable`` when it never becomes so.
        """
        part = Part(spec, log_dir=self._log_dir, limits=self.limits)
        with self._lock:
            self.parts[spec.name] = part
            part.start()
        self._ensure_thread()
        if wait:
            self.wait_ready(spec.name)
        return part

    def wait_ready(self, *names: str) -> None:
        """Block until the parts are ready.

        Raises ``SourceUnavailable`` with the place of the log when one is not in time.
        """
        for name in names:
            part = self.parts[name]
            deadline_s = time.monotonic() + part.spec.ready_timeout_s
            while part.state is not PartState.READY:
                if time.monotonic() > deadline_s or self._stopping.is_set():
                    raise SourceUnavailable(
                        "supervisor.part_not_ready",
                        f"{name} was not ready within {part.spec.ready_timeout_s:.0f} s",
                        cure=f"read {name}.log in the log folder",
                    )
                time.sleep(0.02)

    def kill(self, name: str) -> int:
        """SIGKILL a part (fault drills); the supervisor restarts it. Returns the pid that was killed."""
        with self._lock:
            pid = self.parts[name].pid
            if pid is None:
                raise SourceUnavailable(
                    "supervisor.part_not_running", f"{name} does not run", cure="wait for its restart"
                )
            os.kill(pid, signal.SIGKILL)
            return pid

    def dismiss(self, name: str) -> PartSpec:
        """Stop one part for good; its specification, to start it again with."""
        with self._lock:
            part = self.parts.pop(name)
            part.stop()
        return part.spec

    def status(self) -> dict[str, tuple[PartState, int | None, int]]:
        """State, pid and restarts of every part."""
        return {name: (part.state, part.pid, part.restarts) for name, part in self.parts.items()}

    def stop(self) -> None:
        """Stop everything in reverse order of start. Idempotent."""
        self._stopping.set()
        with self._lock:
            for part in reversed(list(self.parts.values())):
                part.stop()
        self._released.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_s):
            with self._lock:
                for part in self.parts.values():
                    if not self._stopping.is_set():
                        self._poll_one(part)
        # The kernel ties a child to the *thread* that started it: this one must outlive the children it restarted.
        self._released.wait()

    def _poll_one(self, part: Part) -> None:
        try:
            part.poll(time.monotonic())
        except OSError:  # fork or exec refused: counts as a death, so the pause grows
            part.deaths_s.append(time.monotonic())
            part.next_start_s = (
                time.monotonic() + pause_before_restart(part.deaths_s, time.monotonic(), self.limits)[0]
            )
            log.exception("part_start_failed", part=part.spec.name)
