"""One engine process of the tests: start, wait until it answers, stop by pid, kill, show the end of its log."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class EngineFailed(RuntimeError):
    """The engine ended or never answered; the message holds the end of its log."""


class EngineProcess:
    """A child process with its output in a file. Starting it again after stop or kill is allowed."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str],
        farewell: bytes | None = None,
    ) -> None:
        """With ``farewell`` the engine reads its standard input until it ends, so it also ends when these tests die."""
        self.name = name
        self._argv = list(argv)
        self._log_path = log_path
        self._env = dict(env)
        self._farewell = farewell
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Start and poll ``ready`` until it is true."""
        with self._log_path.open("ab") as output:
            stdin = subprocess.DEVNULL if self._farewell is None else subprocess.PIPE
            self._process = subprocess.Popen(
                self._argv, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, env=self._env
            )
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None:
                raise EngineFailed(
                    f"{self.name} ended with code {self._process.returncode}\n{self.log_tail()}"
                )
            if time.monotonic() > deadline_s:
                self.kill()
                raise EngineFailed(f"{self.name} did not answer in {timeout_s:g} s\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self, *, timeout_s: float) -> None:
        """Its farewell, or SIGTERM; then SIGKILL when it does not end in time."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        if self._farewell is None or process.stdin is None:
            process.terminate()
        else:
            with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
                process.communicate(self._farewell, timeout=timeout_s)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()

    def kill(self) -> None:
        """SIGKILL, as the kernel or an operator's mistake would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its output."""
        text = self._log_path.read_text(errors="replace") if self._log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
