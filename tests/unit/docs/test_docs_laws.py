"""docs/laws.md lists every test of a law, nothing else, and what breaks a law can still be shown."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engines import broken_copy

ROOT = Path(__file__).resolve().parents[3]


def _laws() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_laws", ROOT / "docs" / "laws.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec looks annotations up here
    spec.loader.exec_module(module)
    return module


LAWS = _laws()
TABLE = LAWS.table()
NUMBERS = [law.number for law in TABLE.laws]
TESTS = LAWS.law_tests()
NUMBERS = [law.number for law in TABLE.laws]
PAGE = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")


def test_the_page_is_fresh() -> None:
    assert LAWS.page() == PAGE, "run: make docs"


def test_every_test_of_a_law_is_on_the_page_and_every_listed_test_exists() -> None:
    there = {f"{each.path}::{each.name}" for each in TESTS}
    listed = {
        cell.strip("`| ") for line in PAGE.splitlines() for cell in line.split(" | ") if "`tests/" in cell
    }
    assert len(there) > 80
    assert listed == there


def test_no_test_names_a_law_that_is_not_there() -> None:
    assert sorted(NUMBERS) == NUMBERS
    assert set(range(1, 13)) < set(NUMBERS)
    for each in TESTS:
        assert set(each.laws) <= set(NUMBERS), each.name
        assert each.laws, each.name


@pytest.mark.parametrize("number", NUMBERS)
def test_every_law_has_a_test_and_was_seen_to_fail(number: int) -> None:
    assert [each for each in TESTS if number in each.laws]
    assert [each for each in TABLE.breaks if each.law == number]


@pytest.mark.parametrize("one", TABLE.breaks, ids=lambda one: f"{one.law}-{one.what}"[:60])
def test_a_break_still_fits_the_code_and_names_a_test_of_its_law(one: Any) -> None:
    law, file, test = one.law, one.file, one.test
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text.count(one.old) == 1, f"`old` must occur once in {file}: correct docs/laws.toml"
    assert one.old != one.new
    broken_copy.check_readable(one)
    assert any(f"{each.path}::{each.name}" == test and law in each.laws for each in TESTS), test
