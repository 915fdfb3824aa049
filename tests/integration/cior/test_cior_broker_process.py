"""The broker part: one process id, its topics with its port, and no stranger's broker taken for its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cior_bus import topics
from cior_bus.admin import Topics, TopicState
from cior_bus.embedded.tansu import LOOPBACK, PARTITIONS, free_port
from cior_bus.readiness import is_ready
from cior_bus.settings import BusSettings

pytestmark = pytest.mark.tansu


class Started:
    def __init__(self, folder: Path) -> None:
        self.port, self.ready = free_port(), folder / "broker.ready"
        self.bus = BusSettings(bootstrap=f"{LOOPBACK}:{self.port}")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "cior_bus.embedded.broker_process", str(self.port), str(self.ready)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        return self.process

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline_s = time.monotonic() + 20
        while not is_ready(self.ready, self.process.pid):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path)
    yield started
    started.end()


def test_it_is_ready_with_its_topics_under_the_pid_that_was_started(broker: Started) -> None:
    broker.start()
    broker.wait_ready()
    assert {each.state for each in Topics(broker.bus).check(partitions=PARTITIONS)} == {TopicState.OK}
    assert set(Topics(broker.bus).existing()) == {spec.name for spec in topics.CATALOGUE}


def test_each_start_is_a_life_of_its_own(broker: Started) -> None:
    lives = set()
    for _ in range(2):
        broker.start()
        broker.wait_ready()
        lives.add(Topics(broker.bus).epoch())
        broker.end()
    assert len(lives) == 2


def test_a_taken_port_is_said_and_nobody_is_called_ready(broker: Started) -> None:
    with socket.create_server((LOOPBACK, broker.port)):
        process = broker.start()
        _, said = process.communicate(timeout=20)
    broker.process = None
    assert process.returncode == 1
    assert b"tansu-port-taken" in said
    assert not broker.ready.exists()
