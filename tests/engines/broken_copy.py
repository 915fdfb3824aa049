"""A copy of the checkout that is broken on purpose, one line at a time, and the tests that must notice.

Used by ``docs/laws.py show`` and ``make mutants``. The checkout itself is never touched: the copy lies elsewhere and
goes first on ``PYTHONPATH``. Compiled modules come along and are kept in it from run to run, and a run is a fork of a
process that has imported other people's: the rest is most of what a run would cost.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from engines import source_tree
from engines.warm_pytest import WarmPytest

BESIDE = ("deploy", "docs", "tests", "requirements")
# Installed, not written: the copy is led to them.
INSTALLED = Path("console/web/node_modules")
FILES = ("pyproject.toml", "Makefile", "LICENSE", "README.md", "docker-compose.yml")
TIMEOUT_S = 300.0
# Properties draw the same examples each time, so that what is noticed today is noticed tomorrow.
QUIET = (
    "-q",
    "-x",
    "--no-header",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "--durations=1",
    "--hypothesis-seed=1",
)


# A compiled module is taken for its source's while size and whole seconds of mtime are the same (PEP 3147): each broken
# file gets seconds that none had before.
_SECONDS = itertools.count(1)


class Row(Protocol):
    """One break: ``old`` becomes ``new`` in ``file``."""

    @property
    def file(self) -> str: ...
    @property
    def old(self) -> str: ...
    @property
    def new(self) -> str: ...


def fault(row: Row, root: Path = source_tree.ROOT) -> str:
    """Why a row no longer fits the code, empty when it does."""
    path = root / row.file
    if not path.is_file():
        return f"there is no {row.file}"
    if (found := path.read_text(encoding="utf-8").count(row.old)) != 1:
        return f"`old` occurs {found} times in {row.file}"
    return "" if row.old != row.new else f"`new` is `old` in {row.file}"


def copy_checkout(tree: Path) -> None:
    """What tests need, compiled modules too: they name size and time of their sources, which are kept."""
    tree.mkdir()
    rooms = (folder.relative_to(source_tree.ROOT).parts[0] for folder in source_tree.package_folders())
    for name in dict.fromkeys((*rooms, *BESIDE)):
        shutil.copytree(source_tree.ROOT / name, tree / name, ignore=shutil.ignore_patterns(INSTALLED.name))
    for name in FILES:
        if (source_tree.ROOT / name).exists():
            shutil.copy2(source_tree.ROOT / name, tree / name)
    if (source_tree.ROOT / INSTALLED).is_dir():
        (tree / INSTALLED).symlink_to(source_tree.ROOT / INSTALLED)


@contextmanager
def broken(row: Row, tree: Path) -> Iterator[None]:
    """The copy with this one break in it; whole again afterwards."""
    path = tree / row.file
    whole, stood = path.read_text(encoding="utf-8"), path.stat()
    try:
        path.write_text(whole.replace(row.old, row.new), encoding="utf-8")
        os.utime(path, (stood.st_atime, int(stood.st_mtime) + next(_SECONDS)))
        yield
    finally:
        path.write_text(whole, encoding="utf-8")
        os.utime(path, ns=(stood.st_atime_ns, stood.st_mtime_ns))


@contextmanager
def warm(tree: Path) -> Iterator[WarmPytest]:
    """What runs tests in the copy; one thread at a time."""
    with WarmPytest(tree, _environment(tree)) as ready:
        yield ready


def run(tests: Sequence[str], ready: WarmPytest) -> int:
    """Pytest's exit code over these tests in the copy: 0 passed, 1 failed; others are not about the break, -1 is that
    it took too long.
    """
    ran = ready.run((*tests, *QUIET), timeout_s=TIMEOUT_S)
    return -1 if ran.code is None else ran.code


def told(tests: Sequence[str], tree: Path, *, options: Sequence[str] = ()) -> tuple[int, str]:
    """The same in a process of its own, with what pytest printed."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, *QUIET, *options],
        cwd=tree,
        env=_environment(tree),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def _environment(tree: Path) -> dict[str, str]:
    packages = (
        tree / folder.parent.relative_to(source_tree.ROOT) for folder in source_tree.package_folders()
    )
    path = os.pathsep.join(dict.fromkeys(str(folder) for folder in packages))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}


def check_readable(row: Row) -> None:
    """Raises ``SyntaxError`` when the broken file is no program any more: that would fail any test and show nothing.

    Of what is not Python only the brackets are counted.
    """
    if row.file.endswith(".py"):
        text = (source_tree.ROOT / row.file).read_text(encoding="utf-8")
        compile(text.replace(row.old, row.new), row.file, "exec")
        return
    for opening, closing in ("()", "[]", "{}"):
        if row.old.count(opening) - row.old.count(closing) != row.new.count(opening) - row.new.count(closing):
            raise SyntaxError(f"{row.file}: {opening}{closing} do not match")
