"""The broker as a part of a centre: it is back with its topics, not only with its port.

The embedded broker starts empty. A stream client that outlived the crash writes at once into topics that are not there, and gets an
acknowledgement for it (see :mod:`cior_streams.changelogs`), so the time between port and topics must be as short as it can be. This process first
lets a helper load what it needs, then *becomes* the broker (same process id for the supervisor); the helper asks for the port every few
milliseconds, creates the catalogue, announces the broker and ends. Without its topics the broker must not stay: then the helper ends it.

Run as ``python -m cior.embedded.broker_process PORT READY_FILE PARTITIONS``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cior.embedded.tansu import LOOPBACK, TansuSettings, answers, command, environment

_READY_WITHIN_S = 15.0


def become_broker(port: int, arguments: list[str]) -> None:
    """Start the helper, then replace this process by the broker. Returns never."""
    argv = [sys.executable, "-m", "cior.embedded.broker_process", *arguments, str(os.getpid())]
    helper = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert helper.stdout is not None
    if not helper.stdout.readline():
        raise SystemExit("the helper that creates the topics did not start: see the lines above")
    program = command(TansuSettings(port=port), port)
    os.execve(program[0], program, environment())  # noqa: S606  no shell: that is wanted


def bring_topics(port: int, ready: Path, *, partitions: int, broker_pid: int) -> int:
    """The helper: wait for the port, create the topics, announce ``broker_pid``. Exit code 0 or 1."""
    from cior.readiness import announce
    from cior_bus.admin import Topics
    from cior_bus.settings import BusSettings, Profile
    from cior_core.errors import CiorError

    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while not answers(LOOPBACK, port):
        if time.monotonic() > deadline_s or os.getppid() != broker_pid:
            return _end(broker_pid)
        time.sleep(0.003)
    try:
        bus = BusSettings(bootstrap=f"{LOOPBACK}:{port}", profile=Profile.TANSU)
        Topics(bus).ensure(partitions=partitions)
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
    """Three arguments: become the broker. Four: help the process named by the last."""
    port, ready, partitions = int(arguments[0]), Path(arguments[1]), int(arguments[2])
    if len(arguments) > 3:
        return bring_topics(port, ready, partitions=partitions, broker_pid=int(arguments[3]))
    become_broker(port, arguments)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
