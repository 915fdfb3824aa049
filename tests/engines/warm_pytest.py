"""Pytest again and again in one folder, without most of its start: a process that has imported what others wrote and
forks itself for each run.

Nothing of CIOR and no test is imported before the fork, so that each run sees the files as they are then. A run is as
alone as a process of its own: its draws, its output, its end.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import pytest

# What tests/conftest.py and pytest's plugins import of other people's: four fifths of a start.
READY = (
    "alembic.command",
    "anyio",
    "asyncio",
    "confluent_kafka",
    "cryptography.x509",
    "hypothesis.strategies",
    "psycopg",
    "schemathesis",
    "schemathesis.graphql",
    "schemathesis.python.asgi",
    "selenium.webdriver.chrome.webdriver",
    "sqlalchemy",
    "structlog",
    "trio",
    "urllib3",
)
# Pytest would have read some of them itself, to make their assertions speak: nobody listens.
_UNREAD = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_LOOK_EVERY_S = 0.01


class Asked(msgspec.Struct, frozen=True):
    """One run: pytest's arguments, and how long it may take."""

    arguments: tuple[str, ...]
    timeout_s: float


class Ran(msgspec.Struct, frozen=True):
    """Its exit code, None when it took too long; what it printed."""

    code: int | None
    printed: str


class WarmPytest:
    """Runs pytest in ``tree`` with ``env``; use it as a context, from one thread."""

    def __init__(self, tree: Path, env: Mapping[str, str]) -> None:
        self.tree = tree
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            cwd=tree,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, arguments: Sequence[str], *, timeout_s: float) -> Ran:
        """One run. Raises ``RuntimeError`` when the process is gone."""
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        asks.write(msgspec.json.encode(Asked(tuple(arguments), timeout_s)) + b"\n")
        asks.flush()
        if not (line := answers.readline()):
            raise RuntimeError(f"the process that forks for pytest ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=Ran)


def serve() -> int:
    """Fork for each line of standard input. Returns pytest's exit code in a fork, 0 when the input ends."""
    for name in READY:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError(f"a thread would not live in a fork: {threading.enumerate()}")
    gc.collect()
    gc.freeze()
    sys.path[0] = str(Path.cwd())  # as `python -m pytest` has it, in place of this file's folder
    for line in sys.stdin.buffer:
        asked = msgspec.json.decode(line, type=Asked)
        with tempfile.TemporaryFile() as printed:
            if (pid := os.fork()) == 0:
                return _alone(asked, printed)
            code = _end_of(pid, asked.timeout_s)
            printed.seek(0)
            ran = Ran(code, printed.read().decode(errors="replace"))
        sys.stdout.buffer.write(msgspec.json.encode(ran) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _alone(asked: Asked, printed: IO[bytes]) -> int:
    """In the fork."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor in (1, 2):
        os.dup2(printed.fileno(), descriptor)
    random.seed()
    return int(pytest.main([*_UNREAD, *asked.arguments]))


def _end_of(pid: int, timeout_s: float) -> int | None:
    """The fork's exit code; with all that it started it is killed when it takes too long."""
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_EVERY_S)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    sys.exit(serve())
