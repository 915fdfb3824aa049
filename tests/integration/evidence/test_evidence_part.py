"""``cior run evidence`` as a server's centre runs it: a process of its own, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cior_bus.readiness import facts
from cior_core.judicial import acts as a
from cior_core.judicial.copies import CopyKind
from cior_core.requests import RequestStatus
from cior_evidence.shelf import Making, copy_id, package_id
from doubles.authorities import Authorities, tsa_over_http
from doubles.requested import Court

WITHIN_S = 120.0


@pytest.fixture
def centre(tmp_path: Path, authorities: Authorities, footage_ring: Path) -> Iterator[Path]:
    """A centre file that builds, its authority of time running, its store migrated by whoever may."""
    for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl", "sello.key"):
        (tmp_path / name).write_bytes((authorities.folder / name).read_bytes())
    (tmp_path / "sello.key").chmod(0o600)
    path = tmp_path / "centre.toml"
    path.write_text(
        f'[centre]\nname = "Rosario"\n[evidence]\nseal = "sello.toml"\nout = "paquetes"\nrings = ["{footage_ring}"]\n'
        'detector = "detector.toml"\n'
    )
    (tmp_path / "detector.toml").write_text('[detector]\nengine = "none"\n')
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "cior",
        "store",
        "migrate",
        "--config",
        path,
        "--store",
        _store(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S)
    (tmp_path / "data" / "register").mkdir(parents=True)
    with tsa_over_http(authorities) as url:
        said = (authorities.folder / "sello.toml").read_text().replace("http://127.0.0.1:9/", url)
        (tmp_path / "sello.toml").write_text(said)
        yield path


def _store(folder: Path) -> str:
    return f"chdb://{folder / 'store'}"


def started(centre: Path) -> subprocess.Popen[bytes]:
    """The part, ready."""
    ready = centre.parent / "evidence.ready"
    ready.unlink(missing_ok=True)
    command: list[str | Path] = [
        sys.executable, "-m", "cior", "run", "evidence", "--config", centre, "--data", centre.parent / "data",
        "--ready", ready,
    ]  # fmt: skip
    addresses = {"CIOR_BUS": "kafka://127.0.0.1:9?profile=tansu", "CIOR_STORE": _store(centre.parent)}
    with (centre.parent / "said.txt").open("ab") as said:
        part = subprocess.Popen(command, env={**os.environ, **addresses}, stdout=said, stderr=said)
    until(lambda: facts(ready).get("pid") == part.pid, part)
    return part


def until(condition: Callable[[], bool], part: subprocess.Popen[bytes]) -> None:
    """Wait for it, as long as the part lives."""
    ends_s = time.monotonic() + WITHIN_S
    while not condition():
        assert part.poll() is None, "the part ended"
        assert time.monotonic() < ends_s
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.timeout(400)
def test_a_process_of_its_own_builds_what_is_ordered_and_goes_on_after_a_kill(
    centre: Path, authorities: Authorities, footage_ring: Path
) -> None:
    register = centre.parent / "data/register/register.db"
    court = Court(centre.parent, footage_ring, authorities, register=register)
    part = started(centre)
    try:
        court.begin(alerts=())
        court.approved()
        name = package_id(court.request)
        until(lambda: court.shelf.progress(name).state is not Making.ORDERED, part)
        part.send_signal(signal.SIGKILL)
        part.wait(WITHIN_S)
        part = started(centre)
        until(lambda: court.request.state is RequestStatus.SEALED, part)
        assert court.shelf.progress(name).digest == court.request.package
        makes_copies(court, part)
        assert court.is_replayed
        part.send_signal(signal.SIGTERM)
        assert part.wait(WITHIN_S) == 0
    finally:
        part.kill()
        court.register.close()


def makes_copies(court: Court, part: subprocess.Popen[bytes]) -> None:
    """One to look at, behind everything else; a redacted one says what its detector lacks."""
    copies = [
        court.take(a.Derive("p-archivo", court.shop.now_ms(), kind)).copies[-1]
        for kind in (CopyKind.VIEW, CopyKind.REDACTED)
    ]
    names = [copy_id(court.request, each) for each in copies]
    until(lambda: court.shelf.progress(names[0]).state is Making.READY, part)
    until(lambda: bool(court.request.copies[0].digest), part)
    until(lambda: court.shelf.progress(names[1]).code == "vision.no_persons", part)
    tasks = Path(f"/proc/{part.pid}/task").glob("*/stat")
    assert "19" in {each.read_text().rpartition(")")[2].split()[16] for each in tasks}, "proc(5): nice"


def test_a_centre_without_the_table_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Rosario"\n')
    command: list[str | Path] = [
        sys.executable, "-m", "cior", "run", "evidence", "--config", tmp_path / "centre.toml", "--data", tmp_path,
        "--ready", tmp_path / "ready",
    ]  # fmt: skip
    addresses = {"CIOR_BUS": "kafka://127.0.0.1:9?profile=tansu", "CIOR_STORE": f"chdb://{tmp_path}/s"}
    ran = subprocess.run(
        command,
        env={**os.environ, **addresses},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert ran.returncode == 2
    assert "add [evidence]" in ran.stderr
