"""No two files of the product import each other, on whatever way round: not under TYPE_CHECKING, not inside a
function.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import source_tree
from unit.house import import_graph

# Being opened; shrinks to nothing. Take a file out once it is in no circle; none is ever added.
STILL_IN_A_CIRCLE: frozenset[str] = frozenset()


def test_no_circle_of_files() -> None:
    edges = import_graph.graph(source_tree.package_folders())
    assert len(edges) > 200
    circles = [group for group in import_graph.circles(edges) if not STILL_IN_A_CIRCLE.issuperset(group)]
    assert not circles, [import_graph.way_round(group, edges) for group in circles]


def test_the_list_of_files_still_in_a_circle_only_shrinks() -> None:
    circles = import_graph.circles(import_graph.graph(source_tree.package_folders()))
    opened = STILL_IN_A_CIRCLE - {module for group in circles for module in group}
    assert not opened, f"in no circle any more: take them out of the list in {Path(__file__).name}"


HIDDEN = {
    "openly": "from planted.back import LATER",
    "for types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from planted import back",
    "inside a function": "def late() -> None:\n    import planted.back",
    "with dots": "from .back import LATER",
    "over a third": "from planted.third import OTHER",
}


@pytest.mark.parametrize("line", HIDDEN.values(), ids=HIDDEN)
def test_a_circle_is_found_however_it_hides(line: str, tmp_path: Path) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    for name, text in {
        "__init__": "",
        "there": line,
        "third": "from planted.back import LATER as OTHER",
        "back": "from planted import there\nLATER = 1",
        "apart": "import planted.there",
    }.items():
        (folder / f"{name}.py").write_text(text)
    edges = import_graph.graph([folder])
    (group,) = import_graph.circles(edges)
    assert (
        {"planted.there", "planted.back"} <= set(group) <= {"planted.there", "planted.back", "planted.third"}
    )
    assert "planted.back -> planted.there" in import_graph.way_round(group, edges)
