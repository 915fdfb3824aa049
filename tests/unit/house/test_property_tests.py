"""Property tests judge what is true, not how fast a shared machine is: no Hypothesis deadline anywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import hypothesis

from engines.source_tree import ROOT

TESTS = ROOT / "tests"


def deadlines(text: str) -> list[int]:
    """Lines of the calls that set a deadline."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "deadline" and ast.unparse(node.func).endswith(("settings", "register_profile"))
    ]


def test_the_profile_in_use_has_no_deadline() -> None:
    assert hypothesis.settings().deadline is None


def test_no_test_sets_a_deadline_of_its_own() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != TESTS / "conftest.py"
        for line in deadlines(path.read_text(encoding="utf-8"))
    ]
    assert not found, "the profile of tests/conftest.py is enough: take the deadline out"


def test_a_deadline_is_found_however_it_is_written(tmp_path: Path) -> None:
    assert deadlines("@settings(max_examples=3, deadline=200)\ndef test(): ...") == [1]
    assert deadlines("@hypothesis.settings(deadline=None)\ndef test(): ...") == [1]
    assert deadlines("wait(deadline=3)") == []
