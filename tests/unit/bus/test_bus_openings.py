"""The record of openings: nothing is shown before it stands there, and nothing in it is changed unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus.openings import Opening, Openings
from cior_core.errors import ConfigInvalid, IntegrityBroken


def _opening(n: int) -> Opening:
    return Opening(at_ms=n, who="Ana Paz", reason="decoder", record=f"raw-{n}", box="ab" * 32, key="cd" * 8)


def _written(path: Path, count: int = 4) -> None:
    openings = Openings.open(path)
    for n in range(count):
        openings.note(_opening(n))
    openings.close()


def test_the_chain_goes_on_where_it_ended_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "openings.ndjson"
    _written(path)
    again = Openings.open(path)
    assert again.head.seq == 4
    again.note(_opening(9))
    again.close()
    assert Openings.open(path).head.seq == 5
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("done", ["changed", "removed", "first_removed", "reordered", "inserted", "garbage"])
def test_what_somebody_did_to_the_record_is_refused(tmp_path: Path, done: str) -> None:
    path = tmp_path / "openings.ndjson"
    _written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    match done:
        case "changed":
            lines[1] = lines[1].replace(b"decoder", b"decode!")
        case "removed":
            del lines[1]
        case "first_removed":
            del lines[0]
        case "reordered":
            lines[1], lines[2] = lines[2], lines[1]
        case "inserted":
            lines.insert(1, lines[1])
        case _:
            lines.insert(1, b"{}\n")
    path.write_bytes(b"".join(lines))
    with pytest.raises(IntegrityBroken, match=r"openings\.changed"):
        Openings.open(path)


def test_a_kill_in_the_middle_of_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "openings.ndjson"
    _written(path)
    path.write_bytes(path.read_bytes()[:-5])
    openings = Openings.open(path)
    assert openings.head.seq == 3
    openings.note(_opening(3))
    openings.close()
    assert Openings.open(path).head.seq == 4


def test_two_cannot_write_it_at_once(tmp_path: Path) -> None:
    first = Openings.open(tmp_path / "openings.ndjson")
    with pytest.raises(ConfigInvalid, match=r"openings\.busy"):
        Openings.open(tmp_path / "openings.ndjson")
    first.close()
