"""The rows: ``tests/mutants/*.toml``, written like those of ``docs/laws.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault: ``old`` becomes ``new`` in ``file``, and ``test`` must fail.

    ``what`` says what that would do to the city.
    """

    what: str
    file: str
    old: str
    new: str
    test: str


class Equivalent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change that no test can notice, since nothing that anyone sees changes; ``reason`` says why. Not run."""

    reason: str
    file: str
    old: str
    new: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of rows."""

    breaks: tuple[Mutant, ...] = msgspec.field(name="break")
    equivalents: tuple[Equivalent, ...] = msgspec.field(name="equivalent", default=())


def tables(folder: Path = FOLDER) -> Iterator[tuple[Path, Table]]:
    """Every file of rows, read."""
    for path in sorted(folder.glob("*.toml")):
        yield path, msgspec.toml.decode(path.read_bytes(), type=Table)


def mutants(folder: Path = FOLDER) -> list[Mutant]:
    """All rows that are run."""
    return [row for _, table in tables(folder) for row in table.breaks]
