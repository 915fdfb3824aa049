"""Every picture that a page shows is there and the other way round; the guide's are those that its story takes."""

from __future__ import annotations

import re

from engines.source_tree import ROOT

IMAGES = ROOT / "docs" / "img"
STORY = ROOT / "tests" / "e2e" / "test_e2e_console_story.py"
_SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?img/([\w-]+)\.(?:png|jpg)\)")
_TAKEN = re.compile(r"\.picture\(\"([\w-]+)\"\)")


def shown(page: str) -> set[str]:
    return set(_SHOWN.findall((ROOT / page).read_text(encoding="utf-8")))


def test_what_is_shown_is_there_and_what_is_there_is_shown() -> None:
    pages = [str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")]
    assert set().union(*(shown(page) for page in ["README.md", *pages])) == {
        one.stem for one in IMAGES.iterdir()
    }


def test_the_guides_pictures_are_those_that_its_story_takes() -> None:
    taken = set(_TAKEN.findall(STORY.read_text(encoding="utf-8")))
    assert len(taken) > 12
    assert shown("docs/operador.md") - {"muro"} == taken
