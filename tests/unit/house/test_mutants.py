"""The rows of ``make mutants`` still fit the code and the tests; tests/integration/house tries the runner."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engines import broken_copy, source_tree
from mutants.table import Equivalent, Mutant, mutants, tables

ROWS: list[Mutant] = mutants()
SAME: list[Equivalent] = [row for _, table in tables() for row in table.equivalents]


def ids(row: Mutant | Equivalent) -> str:
    return f"{Path(row.file).stem}-{row.what if isinstance(row, Mutant) else row.reason}"[:60]


def test_core_guard_and_spool_have_their_mutants() -> None:
    files = {row.file for row in ROWS}
    assert len(ROWS) >= 25
    assert {"streams/cior_streams/guard.py", "streams/cior_bus/spool.py"} <= files
    assert sum(file.startswith("core/") for file in files) >= 8


@pytest.mark.parametrize("row", [*ROWS, *SAME], ids=ids)
def test_a_row_still_fits_the_code(row: Mutant | Equivalent) -> None:
    assert not broken_copy.fault(row), f"correct the row in tests/mutants: {row.file}"
    broken_copy.check_readable(row)


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_a_row_names_a_test_that_is_there(row: Mutant) -> None:
    path, _, name = row.test.partition("::")
    tree = source_tree.tree(source_tree.ROOT / path)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name.partition("[")[0] in names, row.test


def test_no_mutant_is_listed_twice() -> None:
    rows: list[Mutant | Equivalent] = [*ROWS, *SAME]
    assert len({(row.file, row.old, row.new) for row in rows}) == len(rows)
