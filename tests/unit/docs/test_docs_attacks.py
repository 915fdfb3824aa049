"""docs/attacks.md names only tests that exist, is fresh, and shows as open whatever no test is named for."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def _attacks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_attacks", ROOT / "docs" / "attacks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec looks annotations up here
    spec.loader.exec_module(module)
    return module


ATTACKS = _attacks()
KNOWN = ATTACKS.tried()
PAGE = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")


def _tests_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    named = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in named if node.name.startswith("test_")}


def test_the_page_of_attacks_is_fresh() -> None:
    assert ATTACKS.page(KNOWN) == PAGE, "run: make docs"


@pytest.mark.parametrize("attack", KNOWN.attacks, ids=lambda attack: attack.id)
def test_every_test_that_a_row_names_exists(attack: object) -> None:
    row, tests = (getattr(attack, name) for name in ("id", "tests"))
    assert tests, f"{row} names no test: leave the row out, and its line shows as open"
    for each in tests:
        path, _, name = each.partition("::")
        assert (ROOT / path).is_file(), f"{row}: {path} is not there"
        assert name.partition("[")[0].rpartition("::")[2] in _tests_of(path), f"{row}: {each} is not there"


def test_no_id_is_given_twice() -> None:
    for ids in ([line.id for line in KNOWN.lines], [row.id for row in KNOWN.attacks]):
        assert sorted(set(ids)) == sorted(ids)


def test_every_line_that_was_written_down_is_listed() -> None:
    listed = {line.id for line in KNOWN.lines}
    wanted = {"C1a", "C1b", "C1c", "C2", "C3", "C4"}
    wanted |= {f"H{n}" for n in range(1, 11)} | {f"M{n}" for n in range(1, 12)}
    assert wanted <= listed
    assert len([each for each in listed if each.startswith("real/")]) == 39
    assert len([each for each in listed if each.startswith("held/")]) == 8


def test_a_line_is_held_by_its_rows_alone_and_is_open_without_them() -> None:
    row = ATTACKS.Attack(id="H10-plain", was="seen", kind="kind", tests=("tests/x.py::test_x",))
    lines = tuple(ATTACKS.Line(id=each, said=each) for each in ("H1", "H10", "C4"))
    known = ATTACKS.Tried(lines=lines, attacks=(row,))
    assert [line.id for line in known.open] == ["H1", "C4"]
    text = ATTACKS.page(known)
    assert "| `H1` | H1 |" in text
    assert "| `H10` | H10 |" not in text
    assert "| `H10-plain` | seen | kind | `tests/x.py::test_x` |" in text


def test_a_row_of_no_line_is_shown_all_the_same() -> None:
    row = ATTACKS.Attack(id="own-idea", was="seen", kind="kind", tests=("tests/x.py::test_x",))
    assert "## More of the same kinds" in ATTACKS.page(ATTACKS.Tried(lines=(), attacks=(row,)))
