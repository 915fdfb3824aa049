"""``make mutants``, or ``PYTHONPATH=tests python -m mutants [words]`` for the rows whose file or reason holds one of
the words.

Three processes, each with its own copy of the checkout. First all named tests must pass on a whole copy. Exit code 1
when a mutant survives, a row is stale, or a test did not pass before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from engines import broken_copy
from engines.warm_pytest import WarmPytest
from mutants.table import Mutant, mutants

# On two cores: some faults show by a wait.
PROCESSES = 3
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
    trees = [folder / f"tree-{number}" for number in range(PROCESSES)]
    broken_copy.copy_checkout(trees[0])
    tests = sorted({row.test for row in rows})
    code, printed = broken_copy.told(tests, trees[0], options=TELLING)
    if code != PASSED:
        print(printed[-LAST_CHARACTERS:])
        print(f"pytest ended with {code} on the whole copy: every named test must pass before")
        return 0
    free: SimpleQueue[WarmPytest] = SimpleQueue()

    def one(row: Mutant) -> bool:
        mine = free.get()
        try:
            return killed(row, mine)
        finally:
            free.put(mine)

    for tree in trees[1:]:
        broken_copy.copy_checkout(tree)
    with ExitStack() as stack:
        for tree in trees:
            free.put(stack.enter_context(broken_copy.warm(tree)))
        with ThreadPoolExecutor(PROCESSES) as pool:
            # First those that wait for engines, so that none of them is the last.
            return sum(pool.map(one, sorted(rows, key=lambda row: row.test.startswith("tests/unit/"))))


def killed(row: Mutant, ready: WarmPytest) -> bool:
    """Whether a test fails on the broken copy; says so."""
    told = f"{row.file}: {row.what}"
    if stale := broken_copy.fault(row, ready.tree):
        print(f"STALE     {told} ({stale})", flush=True)
        return False
    with broken_copy.broken(row, ready.tree):
        code = broken_copy.run([row.test], ready)
    verdict = "killed  " if code == FAILED else f"SURVIVED (pytest {code})" if code else "SURVIVED"
    print(f"{verdict}  {told}", flush=True)
    return code == FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
