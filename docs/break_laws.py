"""Shows that the tests of the laws can fail: ``python docs/break_laws.py [law ...]`` breaks each law on a copy and runs its test there.

The checkout is never touched: the copy lies in a temporary folder and goes first on ``PYTHONPATH``. For each row of ``docs/laws.toml``: the test must pass on
the untouched copy, and fail once ``old`` is ``new``. Exit code 1 when one does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "streams", "store", "vision", "connectors", "evidence", "console")
TOP = (
    *ROOMS,
    "cior",
    "deploy",
    "docs",
    "tests",
    "pyproject.toml",
    "Makefile",
    "LICENSE",
    "README.md",
    "requirements",
    "docker-compose.yml",
)
TIMEOUT_S = 300.0


class Break(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to break a law: ``old`` becomes ``new`` in ``file``, and ``test`` must fail."""

    law: int
    what: str
    file: str
    old: str
    new: str
    test: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``docs/laws.toml``."""

    breaks: tuple[Break, ...] = msgspec.field(name="break")


def table() -> tuple[Break, ...]:
    """The rows of ``docs/laws.toml``."""
    return msgspec.toml.decode((ROOT / "docs" / "laws.toml").read_bytes(), type=Table).breaks


def main(laws: Sequence[str]) -> int:
    """Break what is asked for (all by default), one after the other."""
    chosen = [each for each in table() if not laws or str(each.law) in laws]
    with tempfile.TemporaryDirectory(prefix="cior-laws-") as folder:
        tree = Path(folder) / "tree"
        copy_checkout(tree)
        silent = [each for each in chosen if not show(each, tree)]
    print(
        f"{len(chosen) - len(silent)} of {len(chosen)} tests passed on the copy and failed on the broken one"
    )
    return 1 if silent else 0


def copy_checkout(tree: Path) -> None:
    """What tests need, without caches."""
    tree.mkdir()
    for name in TOP:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            shutil.copy2(source, tree / name)


def show(one: Break, tree: Path) -> bool:
    """Whether the test passes on the copy and fails on the broken copy; the copy is whole again afterwards."""
    path = tree / one.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(one.old) != 1:
        print(
            f"law {one.law:2}  STALE ROW: `old` occurs {whole.count(one.old)} times in {one.file}", flush=True
        )
        return False
    before = run(one.test, tree)
    try:
        path.write_text(whole.replace(one.old, one.new), encoding="utf-8")
        after = run(one.test, tree)
    finally:
        path.write_text(whole, encoding="utf-8")
    good = before == 0 and after == 1
    verdict = (
        "fails as it must" if good else f"NOT SHOWN (pytest {before} on the copy, {after} on the broken one)"
    )
    print(f"law {one.law:2}  {verdict}: {one.what}  [{one.test.rpartition('::')[2]}]", flush=True)
    return good


def run(test: str, tree: Path) -> int:
    """Pytest's exit code: 0 passed, 1 failed, others are not about the law."""
    path = os.pathsep.join(str(tree / room) for room in (*ROOMS, "."))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        test,
        "-q",
        "-x",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "--tb=no",
    ]
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
