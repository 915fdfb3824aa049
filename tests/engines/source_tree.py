"""The product's own source files, for tests about how it is written."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What `make docs` runs, and what draws the bundled city, calls the packages in production too; tests and benchmarks
# do not count.
SCRIPTS = ("docs", "core/tools")
# Built out of parts that are files of the product themselves: how they are written is judged there.
BUILT = frozenset({"evidence/cior_evidence/verify.py"})


@cache
def package_folders() -> tuple[Path, ...]:
    """Every package of the wheel, from the one list in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return tuple(ROOT / name for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def modules(*packages: str) -> Iterator[Path]:
    """The Python files of these packages, of all when none is named."""
    for folder in package_folders():
        if not packages or folder.name in packages:
            yield from sorted(path for path in folder.rglob("*.py") if name(path) not in BUILT)


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(), str(path))


def name(path: Path) -> str:
    """The path as a person names it."""
    return path.relative_to(ROOT).as_posix()
