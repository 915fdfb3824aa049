"""Nothing in docs/ is stale, and what it points at is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cior import docs_command
from cior_core.errors import ConfigInvalid

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("core", "streams", "store", "vision", "connectors", "evidence", "console", "cior", "deploy")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work)/")


def _pages() -> list[Path]:
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    found += [path for room in ROOMS for path in (ROOT / room).rglob("README.md")]
    assert len(found) > 25
    return sorted(page for page in found if "node_modules" not in page.parts)


@pytest.mark.parametrize("name", sorted(docs_command.pages()))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == docs_command.pages()[name](), (
        "run: make docs"
    )


@pytest.mark.parametrize("name", sorted(docs_command.modules()))
def test_no_rule_is_written_twice_a_generated_module_of_the_page_is_what_the_tables_say(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == docs_command.modules()[name](), "run: make docs"


def test_schemas_and_taxonomy_are_what_the_code_says() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stdout) == (0, "")


def test_docs_are_written_in_a_checkout_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"docs\.no_checkout"):
        list(docs_command.write_docs(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is(room: str) -> None:
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.split()) > 20


def test_the_front_page_names_every_room() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if f"({room}/README.md)" not in text] == []


def test_every_decision_has_a_status_a_context_and_a_decision() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert sorted(set(numbers)) == numbers, "each number is given once; a gap is a page under way"
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for word in ("**Status** ", "**Context.**", "**Decision.**"):
            assert word in text, f"{page.name} has no {word}"
        assert f"({page.name})" in index, f"{page.name} is not in the index"


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _pages()
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_make_target_that_a_page_names_exists() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in _pages():
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)(?=`|$| *#|[A-Z_]+=)", text, re.MULTILINE):
            assert set(line.split()) <= known, f"{page.relative_to(ROOT)}: make {line}"


def test_no_page_holds_a_path_of_a_machine() -> None:
    assert [page.name for page in _pages() if MACHINE_PATH.search(page.read_text(encoding="utf-8"))] == []


def test_the_picture_of_the_wall_is_a_small_png() -> None:
    picture = (ROOT / "docs" / "img" / "muro.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1600, 900)
    assert len(picture) < 400_000
