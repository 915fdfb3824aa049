"""What was tried on the running system, and the test that holds each line: ``python docs/attacks.py`` writes
``docs/attacks.md`` (``make docs`` does it too).

``docs/attacks.toml`` lists the lines, ``docs/attacks.d/<part>.toml`` the rows: what was seen, the kind that was mended,
the tests. A line without a row is open and stands first on the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import msgspec

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "attacks.md"
WIDTH = 118


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that was tried. ``id`` begins the ids of its rows."""

    id: str
    said: str


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row: what was seen, the kind that was mended, and the tests (``path::name``) that fail without that."""

    id: str
    was: str
    kind: str
    tests: tuple[str, ...]


class Tried(msgspec.Struct, frozen=True):
    """All of both files."""

    lines: tuple[Line, ...]
    attacks: tuple[Attack, ...]

    def line_of(self, attack: Attack) -> str | None:
        """The id of the line that ``attack`` belongs to: the longest that its own begins with."""
        return max((line.id for line in self.lines if _of(attack.id, line.id)), key=len, default=None)

    @property
    def open(self) -> tuple[Line, ...]:
        """Lines that no row holds."""
        held = {self.line_of(attack) for attack in self.attacks}
        return tuple(line for line in self.lines if line.id not in held)


class _Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: tuple[Line, ...]


class _Attacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    attack: tuple[Attack, ...]


def tried(folder: Path = DOCS) -> Tried:
    """``attacks.toml`` and ``attacks.d`` below ``folder``. Raises ``msgspec.ValidationError`` for a field unknown."""
    lines = msgspec.toml.decode((folder / "attacks.toml").read_bytes(), type=_Lines).line
    parts = sorted((folder / "attacks.d").glob("*.toml"))
    rows = [row for part in parts for row in msgspec.toml.decode(part.read_bytes(), type=_Attacks).attack]
    return Tried(lines=lines, attacks=tuple(rows))


def page(known: Tried) -> str:
    """docs/attacks.md."""
    lines = [
        "# Attacks and real inputs",
        "",
        "What was tried on the running system, the kind behind it, and the tests that fail without its cure.",
        "Generated from `docs/attacks.toml` and `docs/attacks.d/` by `make docs`; a test keeps it fresh.",
        "",
        "## Open: no test is named for these",
        "",
        "| line | was |",
        "|---|---|",
        *(f"| `{line.id}` | {line.said} |" for line in known.open),
    ]
    for line in known.lines:
        lines += _section(f"`{line.id}`", line.said, _rows(known, line.id))
    lines += _section("More of the same kinds", "Tried besides.", _rows(known, None))
    return "\n".join(lines) + "\n"


def _rows(known: Tried, line: str | None) -> list[Attack]:
    return [attack for attack in known.attacks if known.line_of(attack) == line]


def _section(title: str, said: str, rows: Sequence[Attack]) -> Iterator[str]:
    """A line with its rows; nothing for an open one, which stands above."""
    if not rows:
        return
    yield from (
        "",
        f"## {title}",
        "",
        *wrap(said, WIDTH),
        "",
        "| row | was | kind | tests |",
        "|---|---|---|---|",
    )
    for row in rows:
        cells = (f"`{row.id}`", row.was, row.kind, "<br>".join(f"`{test}`" for test in row.tests))
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _of(row: str, line: str) -> bool:
    """Whether ``row`` is ``line`` or of it; ``H10`` is not of ``H1``."""
    return row.startswith(line) and not row[len(line) : len(line) + 1].isdigit()


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(tried()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
