"""The broker as a part of a centre: it is back with its topics, not only with its port.

The embedded broker starts empty, and clients that outlived the crash call it at once (what it does to them:
:mod:`cior_bus.log_epoch`), so the time between port and topics must be as short as it can be. This process first lets
a helper load what it needs, then *becomes* the broker (same process id for the supervisor); the helper asks for the
port every few milliseconds, creates the catalogue, announces the broker and ends. Without its topics the broker must
not stay: then the helper ends it.

Run as ``python -m cior_bus.embedded.broker_process PORT READY_FILE``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cior_bus.embedded.tansu import (
    LOOPBACK,
    PARTITIONS,
    TansuSettings,
    answers,
    command,
    environment,
    refuse_taken_port,
)
from cior_core.errors import CiorError, SourceUnavailable

_READY_WITHIN_S = 15.0


def become_broker(port: int, arguments: list[str]) -> None:
    """Start the helper, then replace this process by the broker. Returns never."""
    refuse_taken_port(LOOPBACK, port)
    argv = [sys.executable, "-m", "cior_bus.embedded.broker_process", *arguments, str(os.getpid())]
    helper = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert helper.stdout is not None
    if not helper.stdout.readline():
        raise SystemExit("the helper that creates the topics did not start: see the lines above")
    program = command(TansuSettings(port=port), port)
    os.execve(program[0], program, environment())  # noqa: S606  no shell: that is wanted


def bring_topics(port: int, ready: Path, *, broker_pid: int) -> int:
    """The helper: wait for the port, create the topics, announce ``broker_pid``. Exit code 0 or 1."""
    from cior_bus.admin import Topics
    from cior_bus.readiness import announce
    from cior_bus.settings import BusSettings, Profile

    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while not answers(LOOPBACK, port):
        if time.monotonic() > deadline_s or os.getppid() != broker_pid:
            return _end(broker_pid)
        time.sleep(0.003)
    try:
        bus = BusSettings(bootstrap=f"{LOOPBACK}:{port}", profile=Profile.TANSU)
        Topics(bus).ensure(partitions=PARTITIONS)
    except CiorError as error:
        sys.stderr.write(f"{error}\n")
        return _end(broker_pid)
    announce(ready, pid=broker_pid)
    return 0


def _end(broker_pid: int) -> int:
    """Only ever our own parent: a broker that already ended has left us to somebody else."""
    if os.getppid() == broker_pid:
        os.kill(broker_pid, signal.SIGKILL)
    return 1


def main(arguments: list[str]) -> int:
    """Two arguments: become the broker; 1 when the port is taken. Three: help the process named by the last."""
    port, ready = int(arguments[0]), Path(arguments[1])
    if len(arguments) > 2:
        return bring_topics(port, ready, broker_pid=int(arguments[2]))
    try:
        become_broker(port, arguments)
    except SourceUnavailable as taken:
        sys.stderr.write(f"{taken}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
