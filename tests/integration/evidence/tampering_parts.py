"""Tamperings of a package that came in several ZIPs, unpacked into one folder; the ZIPs themselves are in
test_evidence_parts.py.
"""

from __future__ import annotations

from pathlib import Path

from integration.evidence.package_rig import Draft, draft, line
from integration.evidence.tampering_kit import TAMPERINGS, Made, Outside, of_draft


def _in_two_parts(whole: Draft) -> list[list[str]]:
    """Nothing in the first, the videos in the second, the rest in the third."""
    videos = sorted(path for path in whole.payload if path.endswith(".mp4"))
    return [[], videos, sorted(set(whole.payload) - set(videos))]


def _listed(parts: object) -> dict[str, bytes]:
    return {"partes.json": line({"partes": parts})}


@of_draft
def parts_all_there(whole: Draft) -> None:
    whole.raw_meta |= _listed(_in_two_parts(whole))


def part_not_there(folder: Path) -> Made:
    whole = draft()
    whole.raw_meta |= _listed(_in_two_parts(whole))
    top = whole.write(folder)
    for path in (top / "bag/data").rglob("*.mp4"):
        path.unlink()
    for path in sorted((top / "bag/data").rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return top, Outside()


TAMPERINGS[part_not_there.__name__] = part_not_there


@of_draft
def part_list_leaves_a_file_out(whole: Draft) -> None:
    parts = _in_two_parts(whole)
    whole.raw_meta |= _listed([*parts[:2], parts[2][1:]])


@of_draft
def part_list_twice(whole: Draft) -> None:
    parts = _in_two_parts(whole)
    whole.raw_meta |= _listed([*parts, parts[1]])


@of_draft
def part_list_of_numbers(whole: Draft) -> None:
    whole.raw_meta |= _listed([1, 2, {"archivos": []}])


@of_draft
def part_list_bottomless(whole: Draft) -> None:
    whole.raw_meta |= {"partes.json": b'{"partes":' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"}
