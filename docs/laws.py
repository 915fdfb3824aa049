"""The laws and their tests: ``python docs/laws.py show [law|words ...]`` breaks each law on a copy of the checkout and
runs its test there.

``write`` writes ``docs/laws.md`` from ``docs/laws.toml`` and the tests named ``test_law_<n>_...`` (``make docs`` does
it too).

``show`` never touches the checkout: the copy lies in a temporary folder and goes first on ``PYTHONPATH``. For each
``[[break]]``: the test must pass on the untouched copy, and fail once ``old`` is ``new``. Exit code 1 when one does
not.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from queue import SimpleQueue

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from engines import broken_copy  # noqa: E402 - the tests' own folder is on no path outside them
from engines.warm_pytest import WarmPytest  # noqa: E402

PAGE = ROOT / "docs" / "laws.md"
NAMED = re.compile(r"test_law_(\d+)(?:_and_(\d+))?_")
USAGE = "usage: laws.py show [law|words ...] | write"
PROCESSES = 2


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When all breaks were last run, and what it printed."""

    on: str
    result: str


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One law."""

    number: int
    title: str
    text: str


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

    shown: Shown
    laws: tuple[Law, ...] = msgspec.field(name="law")
    breaks: tuple[Break, ...] = msgspec.field(name="break")


class LawTest(msgspec.Struct, frozen=True, order=True):
    """A test named after laws. ``path`` is relative to the checkout."""

    path: str
    name: str

    @property
    def laws(self) -> tuple[int, ...]:
        """The laws in its name."""
        found = NAMED.match(self.name)
        return tuple(int(each) for each in found.groups() if each) if found else ()

    @property
    def story(self) -> str:
        """Its name as words."""
        return NAMED.sub("", self.name).replace("_", " ")


def table() -> Table:
    """``docs/laws.toml``, read."""
    return msgspec.toml.decode((ROOT / "docs" / "laws.toml").read_bytes(), type=Table)


@cache
def law_tests() -> tuple[LawTest, ...]:
    """Every test of the tree that is named after a law; the tree is read once."""
    return tuple(sorted(set(_law_tests())))


def _law_tests() -> Iterator[LawTest]:
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if "def test_law_" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and NAMED.match(node.name):
                yield LawTest(path.relative_to(ROOT).as_posix(), node.name)


def page() -> str:
    """docs/laws.md."""
    known = table()
    lines = [
        "# Laws",
        "",
        (
            "Every change keeps these. Each has tests that fail when it is broken; the tests carry its number in "
            "their names."
        ),
        "",
        "Generated from `docs/laws.toml` and the tests by `make docs`; a test keeps it fresh.",
        "",
        (
            "To see the tests fail: `.venv/bin/python docs/laws.py show` (all), or `show 4 7` (some). It breaks "
            "a copy, never the checkout."
        ),
        (
            f"Last run of all, {known.shown.on}: {known.shown.result} tests passed on the copy and failed on the "
            f"broken one."
        ),
    ]
    for law in known.laws:
        lines += ["", f"## {law.number}. {law.title}", "", law.text, "", *_of(law.number, known.breaks)]
    return "\n".join(lines) + "\n"


def _of(number: int, breaks: Sequence[Break]) -> Iterator[str]:
    """The tables of one law."""
    yield from ("| test | where |", "|---|---|")
    yield from (
        f"| {each.story} | `{each.path}::{each.name}` |" for each in law_tests() if number in each.laws
    )
    yield from ("", "| broken like this | this fails |", "|---|---|")
    for each in breaks:
        if each.law == number:
            yield f"| {each.what} (`{each.file}`) | `{each.test.rpartition('::')[2]}` |"


def main(arguments: Sequence[str]) -> int:
    """Run a command."""
    match list(arguments):
        case ["write"]:
            PAGE.write_text(page(), encoding="utf-8")
            return 0
        case ["show", *laws]:
            return show_all(laws)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


def show_all(words: Sequence[str]) -> int:
    """Break what is asked for (all by default), two at a time."""
    chosen = [each for each in table().breaks if not words or any(asked(each, word) for word in words)]
    with tempfile.TemporaryDirectory(prefix="cior-laws-") as folder, ExitStack() as stack:
        free: SimpleQueue[WarmPytest] = SimpleQueue()
        for number in range(PROCESSES):
            tree = Path(folder) / f"tree-{number}"
            broken_copy.copy_checkout(tree)
            free.put(stack.enter_context(broken_copy.warm(tree)))

        def one(row: Break) -> bool:
            ready = free.get()
            try:
                return show(row, ready)
            finally:
                free.put(ready)

        with ThreadPoolExecutor(PROCESSES) as pool:
            good = sum(pool.map(one, chosen))
    print(f"{good} of {len(chosen)} tests passed on the copy and failed on the broken one")
    return 0 if chosen and good == len(chosen) else 1


def asked(one: Break, word: str) -> bool:
    """Whether a word of the command line means this break: the number of its law, or a part of its text."""
    return word == str(one.law) if word.isdigit() else word in f"{one.what} {one.file} {one.test}"


def show(one: Break, ready: WarmPytest) -> bool:
    """Whether the test passes on the copy and fails on the broken copy; the copy is whole again afterwards."""
    if stale := broken_copy.fault(one, ready.tree):
        print(f"law {one.law:2}  STALE ROW: {stale}", flush=True)
        return False
    before = broken_copy.run([one.test], ready)
    with broken_copy.broken(one, ready.tree):
        after = broken_copy.run([one.test], ready)
    good = before == 0 and after == 1
    verdict = (
        "fails as it must" if good else f"NOT SHOWN (pytest {before} on the copy, {after} on the broken one)"
    )
    print(f"law {one.law:2}  {verdict}: {one.what}  [{one.test.rpartition('::')[2]}]", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
