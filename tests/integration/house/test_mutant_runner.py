"""``make mutants`` tells a fault that is noticed from one that is not, names a row that no longer fits, and leaves
the copy whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import broken_copy, source_tree
from mutants import __main__ as runner
from mutants.table import Mutant

FILE = "core/cior_core/strict_toml.py"
TEST = "tests/unit/core/test_core_strict_toml.py::test_each_fault_names_its_line"
NOTICED = Mutant(
    what="no line", file=FILE, old="{file}:{line}: {sentence}", new="{file}: {sentence}", test=TEST
)
UNNOTICED = Mutant(what="a word", file=FILE, old='"""Strict TOML', new='"""Severe TOML', test=TEST)
AS_LONG = Mutant(
    what="as long", file=FILE, old="{file}:{line}: {sentence}", new="{line}:{file}: {sentence}", test=TEST
)
STALE = Mutant(what="gone", file=FILE, old="no such line", new="", test=TEST)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("copy") / "tree"
    broken_copy.copy_checkout(tree)
    return tree


@pytest.mark.parametrize(
    ("row", "killed", "told"),
    [(NOTICED, True, "killed"), (UNNOTICED, False, "SURVIVED"), (STALE, False, "STALE")],
    ids=lambda value: value.what if isinstance(value, Mutant) else "",
)
def test_a_mutant_is_killed_only_by_a_test_that_fails(
    row: Mutant, killed: bool, told: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.killed(row, tree) is killed
    assert capsys.readouterr().out.startswith(told)
    assert (tree / FILE).read_bytes() == (source_tree.ROOT / FILE).read_bytes()


def test_a_break_of_the_same_length_is_seen_though_compiled_modules_are_kept(tree: Path) -> None:
    for _ in range(2):
        assert broken_copy.run([TEST], tree) == 0
        assert list((tree / FILE).parent.glob("__pycache__/strict_toml.*.pyc"))
        for row in (AS_LONG, NOTICED, AS_LONG):
            with broken_copy.broken(row, tree):
                assert broken_copy.run([TEST], tree) == 1, row.what


def test_nothing_is_killed_while_the_tests_do_not_pass_as_they_are(tmp_path: Path) -> None:
    nowhere = Mutant(what="no line", file=FILE, old=NOTICED.old, new=NOTICED.new, test=f"{TEST}_and_none")
    assert runner.kill_all([nowhere], tmp_path) == 0


def test_a_test_that_does_not_pass_as_it_is_is_named(tree: Path) -> None:
    with broken_copy.broken(NOTICED, tree):
        code, printed = broken_copy.told([TEST], tree, options=runner.TELLING)
    assert code not in {0, 5}
    assert f"FAILED {TEST}" in printed
