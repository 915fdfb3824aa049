"""The supervisor with real processes: killed, flapping, deaf to SIGTERM, orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cior.supervisor import Limits, PartSpec, PartState, Supervisor
from cior_core.errors import SourceUnavailable

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(
        log_dir=tmp_path / "log",
        limits=Limits(restarts=3, window_s=30, first_pause_s=0.05, slow_pause_s=60),
        poll_s=0.02,
    )
    yield one
    one.stop()


def test_a_killed_part_is_back_with_a_new_pid(supervisor: Supervisor) -> None:
    part = supervisor.start(PartSpec(name="sleeper", argv=SLEEPER))
    killed = supervisor.kill("sleeper")
    until(lambda: part.pid not in (None, killed) and part.state is PartState.READY)
    assert part.restarts == 1


def test_a_part_that_dies_at_once_is_flapping_and_keeps_its_output(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    part = supervisor.start(
        PartSpec(name="broken", argv=[sys.executable, "-c", "print('no such port'); raise SystemExit(3)"]),
        wait=False,
    )
    until(lambda: part.state is PartState.FLAPPING)
    assert part.restarts == 3
    assert (tmp_path / "log" / "broken.log").read_text().count("no such port") == 4


def test_a_part_that_is_never_ready_is_said_so(supervisor: Supervisor) -> None:
    with pytest.raises(SourceUnavailable, match=r"part_not_ready.*deaf\.log"):
        supervisor.start(PartSpec(name="deaf", argv=SLEEPER, ready=lambda _pid: False, ready_timeout_s=0.3))


def test_stop_ends_even_what_ignores_sigterm(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "up"
    code = (
        f"import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"
    )
    part = supervisor.start(
        PartSpec(
            name="stubborn",
            argv=[sys.executable, "-c", code],
            ready=lambda _pid: mark.exists(),
            stop_timeout_s=0.3,
        )
    )
    pid = part.pid
    supervisor.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_children_of_a_killed_supervisor_do_not_stay(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib, "
        "structlog\nstructlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))\nfrom "
        "cior.supervisor import PartSpec, Supervisor\n"
        f"s = Supervisor(log_dir=pathlib.Path({str(tmp_path)!r}))\n"
        "p = s.start(PartSpec(name='orphan', argv=[sys.executable, '-c', 'import time; "
        "time.sleep(600)']))\nprint(p.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = next(int(line) for line in parent.stdout if line.strip().isdigit())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
