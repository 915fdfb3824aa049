"""A real connector process for tests: files on disk, `cior connector run` in another interpreter, killed by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import aiohttp

# Its stubs forget that it re-exports them.
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from nacl.public import PrivateKey

from cior_bus import topics
from cior_bus.settings import BusSettings
from cior_connectors.builtin.traccar.forwarder import Forwarder

SECRET = "a-secret-for-tests-only"
URL_PATH = "/traccar"


def make_topics(bootstrap: str) -> None:
    """The catalogue with one partition each: tests read by assign."""
    admin = AdminClient(BusSettings(bootstrap=bootstrap).client())
    futures = admin.create_topics(
        [
            NewTopic(each.name, num_partitions=1, config={"retention.ms": "600000"})
            for each in topics.CATALOGUE
        ]
    )
    for future in futures.values():
        with contextlib.suppress(Exception):
            future.result(20)


class ConnectorProcess:
    """One traccar instance in a process of its own. ``start`` waits until the port answers."""

    def __init__(
        self,
        folder: Path,
        *,
        bootstrap: str,
        port: int,
        sealed: bool = False,
        registry: str = "",
        extra: str = "",
        config: str = "",
    ) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}{URL_PATH}"
        self.key = PrivateKey.generate()
        self.log = folder / "connector.log"
        self._child: subprocess.Popen[bytes] | None = None
        (folder / "devices.toml").write_text(registry)
        (folder / "centre.toml").write_text(
            f'team_public_key = "{b64encode(bytes(self.key.public_key)).decode()}"\n'
            f'pseudonym_key = "{b64encode(bytes(range(32))).decode()}"\n'
            f'broker = "kafka://{bootstrap}?profile=tansu"\n'
            f'spool_dir = "{folder / "spool"}"\nstate_dir = "{folder / "state"}"\nregistry = '
            f'"{folder / "devices.toml"}"\n'
        )
        (folder / "norte.toml").write_text(
            f'kind = "traccar"\nname = "norte"\nsealed = {str(sealed).lower()}\n{extra}\n'
            f'[config]\nport = {port}\nshared_secret = "{SECRET}"\n{config}\n'
        )

    def start(self) -> Self:
        command = "from cior_connectors.cli import connector; connector()"
        arguments = ["run", str(self.folder / "norte.toml"), "--centre", str(self.folder / "centre.toml")]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-c", command, *arguments], stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + 30
        while not listens(self.port):
            assert self._child.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """kill -9: nothing in the process gets a chance."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.wait(10)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP while the block runs."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)

    def stop(self) -> float:
        """SIGTERM; the seconds until it ended."""
        assert self._child is not None
        began = time.monotonic()
        self._child.terminate()
        self._child.wait(20)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._child is not None and self._child.poll() is None:
            self.kill()

    def forwarder(self, **options: Any) -> Forwarder:
        return Forwarder(self.url, secret=SECRET, **options)


async def post_until_taken(forwarder: Forwarder, payload: dict[str, Any], *, within_s: float = 40.0) -> int:
    """As Traccar with retry: again until 2xx. Gives the number of attempts."""
    import asyncio

    deadline, attempts = time.monotonic() + within_s, 0
    while time.monotonic() < deadline:
        attempts += 1
        try:
            status, _ = await forwarder.post(payload)
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        if 200 <= status < 300:
            return attempts
        await asyncio.sleep(0.05)
    raise AssertionError("never taken")


def listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
