"""No line of Python is longer than 120 columns, prose included: reasons that need more belong where they act, in a
comment.
"""

from __future__ import annotations

import pytest

from engines.source_tree import ROOT

LONGEST_LINE = 120
# Lines still longer, by room: never more, and a room that has none is taken out. It ends empty, and ruff's W505 and
# E501 take over.
STILL_LONGER: dict[str, int] = {
    "tests": 256,
}
ROOMS = sorted(
    {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/**/*.py") if ".venv" not in path.parts}
)


def longer(room: str) -> list[str]:
    """File and line of each."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LONGEST_LINE
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_no_line_is_longer_than_a_person_reads(room: str) -> None:
    found = longer(room)
    assert len(found) <= STILL_LONGER.get(room, 0), found


def test_the_list_of_rooms_with_longer_lines_only_shrinks() -> None:
    done = [room for room in STILL_LONGER if not longer(room)]
    assert not done, f"{done}: no longer lines any more; take them out"
