"""kill -9 while a package is built: what is left is begun anew or gone on with; half a package is never there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from cior_evidence.act import STEPS
from cior_evidence.packing import Packing
from doubles.authorities import Authorities
from doubles.packages import place, read, sources
from engines.long_runs import often
from engines.source_tree import ROOT

CHILD = Path(__file__).with_name("packing_child.py")
LIMIT_S = 300


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


def child(folder: Path, authority: Authorities, ring: Path, left: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHILD, folder, authority.folder, ring, str(left)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


def standing(folder: Path, authority: Authorities) -> int:
    """How many things stand under the package's own name; each of them verifies by hand."""
    found = [path for path in (folder / "paquetes").glob("*") if not path.name.startswith(".")]
    for path in found:
        if path.suffix == ".new":
            continue
        target = path
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archived:
                archived.extractall(folder / "unpacked")
            target = folder / "unpacked" / path.stem
        for step in STEPS:
            ran = subprocess.run(
                step.removeprefix("cd bag && ").replace("raiz.pem", str(authority.folder / "raiz.pem")),
                shell=True, cwd=target / "bag", capture_output=True, text=True, check=False, timeout=LIMIT_S,
            )  # fmt: skip
            assert ran.returncode == 0, (path.name, step, ran.stderr)
        assert (target / "sello/acta.pdf").read_bytes().startswith(b"%PDF")
    return len(found)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_before_any_step_on_the_disk_it_is_whole_or_not_there(
    tmp_path: Path, authority: Authorities, footage_ring: Path
) -> None:
    lived = child(tmp_path / "whole", authority, footage_ring, 10_000)
    assert lived.returncode == 0, lived.stderr
    steps = int(lived.stdout.split()[-1])
    assert steps > 40
    # While it is filled, while it is sealed, and at the very end; under `make long` at every step.
    for left in (steps // 3, 3 * steps // 4, steps - 1, *range(often(0, long=steps))):
        folder = Path(tempfile.mkdtemp(prefix=f"killed-{left}-", dir=tmp_path))
        assert child(folder, authority, footage_ring, left).returncode == -signal.SIGKILL
        standing(folder, authority)
        Packing(place(folder, authority), read(), sources(footage_ring)).run()
        assert standing(folder, authority) == 2
        assert (folder / "libro/paquetes.jsonl").read_bytes().count(b"\n") <= 2
