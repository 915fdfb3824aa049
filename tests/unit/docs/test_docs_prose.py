"""Prose that people write is read in a terminal too: no paragraph has a line of more than 120 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.source_tree import ROOT

LONGEST_LINE = 120
# Pages that a command writes, from tables, results and comments that have limits of their own.
GENERATED = {
    "benchmarks.md",
    "connectors.md",
    "laws.md",
    "metrics.md",
    "settings.md",
    "taxonomy.md",
    "topics.md",
    "views.md",
}
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in page.relative_to(ROOT).parts)
    and not (page.parent == ROOT / "docs" and page.name in GENERATED)
)


def longer(text: str) -> list[int]:
    """Numbers of the prose lines that are too long. Tables, code and pictures cannot be broken."""
    found, is_code = [], False
    for number, line in enumerate(text.splitlines(), start=1):
        is_code ^= line.lstrip().startswith("```")
        breakable = not is_code and not line.lstrip().startswith(("|", "![", "#"))
        if breakable and len(line) > LONGEST_LINE:
            found.append(number)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_of_prose_is_longer_than_a_person_reads(page: Path) -> None:
    assert longer(page.read_text(encoding="utf-8")) == []


def test_a_long_line_is_found_where_it_can_be_broken_and_nowhere_else() -> None:
    long = "word " * 30
    assert longer(f"{long}\n\n- {long}\n") == [1, 3]
    assert longer(f"| {long} |\n```\n{long}\n```\n![{long}](x.png)\n") == []
