"""``make mutants``, or ``PYTHONPATH=tests python -m mutants [words]`` for the rows whose file or reason holds one of
the words.

Two processes, each with its own copy of the checkout. First all named tests must pass on a whole copy. Exit code 1
when a mutant survives, a row is stale, or a test did not pass before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from subprocess import TimeoutExpired

from engines import broken_copy
from mutants.table import Mutant, mutants

PROCESSES = 2
PASSED, FAILED = 0, 1
TELLING = ("-n", str(PROCESSES), "--tb=short", "-rfE")
LAST_CHARACTERS = 6_000
"""Of pytest's own words, when the tests do not pass as they are."""


def main(words: Sequence[str]) -> int:
    """Kill what is asked for (all by default)."""
    chosen = [row for row in mutants() if not words or any(word in row.file + row.what for word in words)]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cior-mutants-") as folder:
        killed = kill_all(chosen, Path(folder))
    print(f"{killed} of {len(chosen)} mutants killed in {time.monotonic() - began_s:.0f} s", flush=True)
    return 0 if chosen and killed == len(chosen) else 1


def kill_all(rows: Sequence[Mutant], folder: Path) -> int:
    """How many of the rows the tests notice; 0 when the tests do not pass as they are."""
    trees: SimpleQueue[Path] = SimpleQueue()
    copies = [folder / f"tree-{number}" for number in range(PROCESSES)]
    for tree in copies:
        broken_copy.copy_checkout(tree)
        trees.put(tree)
    tests = sorted({row.test for row in rows})
    code, printed = broken_copy.told(tests, copies[0], options=TELLING)
    if code != PASSED:
        print(printed[-LAST_CHARACTERS:])
        print(f"pytest ended with {code} on the whole copy: every named test must pass before")
        return 0

    def one(row: Mutant) -> bool:
        mine = trees.get()
        try:
            return killed(row, mine)
        finally:
            trees.put(mine)

    with ThreadPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(one, rows))


def killed(row: Mutant, tree: Path) -> bool:
    """Whether a test fails on the broken copy; says so."""
    told = f"{row.file}: {row.what}"
    if stale := broken_copy.fault(row, tree):
        print(f"STALE     {told} ({stale})", flush=True)
        return False
    with broken_copy.broken(row, tree):
        try:
            code = broken_copy.run([row.test], tree)
        except TimeoutExpired:
            code = -1
    verdict = "killed  " if code == FAILED else f"SURVIVED (pytest {code})" if code else "SURVIVED"
    print(f"{verdict}  {told}", flush=True)
    return code == FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
