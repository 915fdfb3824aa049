"""When two boards are the same for a person."""

from __future__ import annotations

from typing import Any

import pytest

from cior_grafana.comparing import canonical, differences, digest, mark, marked

BOARD: dict[str, Any] = {
    "uid": "cior-muro",
    "title": "Muro",
    "tags": ["wall", "cior"],
    "panels": [
        {
            "id": 1,
            "title": "Uno",
            "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
            "targets": [{"rawSql": "SELECT 1"}],
        },
        {"id": 2, "title": "Dos", "gridPos": {"x": 6, "y": 0, "w": 6, "h": 4}, "options": {"limit": 3}},
    ],
}


def changed(**change: Any) -> dict[str, Any]:
    return {**BOARD, **change}


SAME: dict[str, dict[str, Any]] = {
    "numbers of the server": changed(id=7, version=4, iteration=1, schemaVersion=43),
    "defaults written out": changed(
        editable=True, graphTooltip=0, weekStart="", links=[], timepicker={}, gnetId=None
    ),
    "its own annotation query": changed(
        annotations={"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]}
    ),
    "panels sorted otherwise": changed(panels=BOARD["panels"][::-1]),
    "a panel's defaults": changed(
        panels=[{**one, "transparent": False, "links": []} for one in BOARD["panels"]]
    ),
    "our own mark, and tags in another order": changed(tags=["cior", "wall", "cior:0123456789abcdef"]),
    "whole numbers as fractions": changed(
        panels=[BOARD["panels"][0], {**BOARD["panels"][1], "options": {"limit": 3.0}}]
    ),
}
EDITS: dict[str, dict[str, Any]] = {
    "another title": changed(title="Otro"),
    "a panel less": changed(panels=BOARD["panels"][:1]),
    "another query": changed(
        panels=[{**BOARD["panels"][0], "targets": [{"rawSql": "SELECT 2"}]}, BOARD["panels"][1]]
    ),
    "an option more": changed(
        panels=[BOARD["panels"][0], {**BOARD["panels"][1], "options": {"limit": 3, "all": True}}]
    ),
    "a panel moved": changed(
        panels=[BOARD["panels"][0], {**BOARD["panels"][1], "gridPos": {"x": 6, "y": 4, "w": 6, "h": 4}}]
    ),
    "another tag": changed(tags=["wall", "cior", "mine"]),
    "an annotation of somebody": changed(annotations={"list": [{"name": "shifts"}]}),
    "not editable": changed(editable=False),
}


@pytest.mark.parametrize("theirs", SAME.values(), ids=SAME)
def test_what_a_server_writes_into_a_board_changes_nothing(theirs: dict[str, Any]) -> None:
    assert differences(BOARD, theirs) == ()
    assert digest(BOARD) == digest(theirs)


@pytest.mark.parametrize("theirs", EDITS.values(), ids=EDITS)
def test_what_a_person_changes_is_seen(theirs: dict[str, Any]) -> None:
    assert differences(BOARD, theirs)
    assert digest(BOARD) != digest(theirs)


def test_a_mark_holds_the_digest_of_the_board_without_it() -> None:
    board = marked(BOARD)
    assert mark(board) == digest(BOARD) == digest(board)
    assert marked(board)["tags"] == board["tags"]
    assert mark(BOARD) == ""


def test_a_difference_names_the_panel_and_both_sides() -> None:
    theirs = changed(panels=[BOARD["panels"][0], {**BOARD["panels"][1], "options": {"limit": 4}}])
    assert differences(BOARD, theirs) == ("panels.Dos#2.options.limit: here 3, there 4",)


def test_a_board_that_is_compared_stays_as_it_was() -> None:
    before = repr(BOARD)
    canonical(BOARD)
    marked(BOARD)
    assert repr(BOARD) == before
