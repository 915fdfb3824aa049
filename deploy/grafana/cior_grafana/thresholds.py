"""Named sets of colours with their shape and text: ``thresholds.toml``.

Colour alone excludes people and dies on bad projectors: each step says a shape and a text too. Two forms: steps by
``at`` (from that number on; the first has none) and steps by ``value`` (exactly that text or code).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from cior_core.model import Struct
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_grafana.words import Language, Word

FILE = Path(__file__).parent / "thresholds.toml"
_HEX = re.compile(r"#[0-9A-F]{6}")


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step: ``at`` in the unit of the column, or ``value``."""

    colour: str
    shape: str
    text: Word
    at: float | None = None
    value: str | int | None = None

    def says(self, language: Language) -> str:
        """Shape and text: what a person sees who sees no colour."""
        return f"{self.shape} {self.text[language]}"


class Thresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A set of steps, in order."""

    steps: tuple[Step, ...]

    @property
    def by_value(self) -> bool:
        """Whether its steps are exact values."""
        return self.steps[0].value is not None

    def step(self, value: str | float) -> Step | None:
        """The step that ``value`` is in; None for a value that no step names."""
        if self.by_value:
            return next((step for step in self.steps if str(step.value) == str(value)), None)
        reached = [
            step
            for step in self.steps
            if step.at is None or (not isinstance(value, str) and step.at <= value)
        ]
        return reached[-1]


def read(text: str, *, file: str) -> dict[str, Thresholds]:
    """The sets in ``text``. Raises :class:`ConfigFault` with file and line."""
    sets = parse(text, dict[str, Thresholds], file=file)
    for name, each in sets.items():
        if wrong := _wrong(each):
            line = locate(text, (name,))
            cure = "see the head of thresholds.toml"
            raise ConfigFault("thresholds.wrong", f"{name}: {wrong}", file=file, line=line, cure=cure)
    return sets


@cache
def load() -> dict[str, Thresholds]:
    """The sets that boards may name."""
    return read(FILE.read_text(encoding="utf-8"), file=FILE.name)


def _wrong(each: Thresholds) -> str:
    steps = each.steps
    if not steps:
        return "it has no steps"
    if any(not _HEX.fullmatch(step.colour) for step in steps):
        return "a colour is not written as #RRGGBB"
    if any(not step.shape.strip() for step in steps):
        return "a step has no shape"
    if each.by_value:
        return (
            ""
            if all(step.value is not None and step.at is None for step in steps)
            else "it mixes at and value"
        )
    limits = [step.at for step in steps[1:] if step.at is not None]
    climbs = steps[0].at is None and len(limits) == len(steps) - 1 and limits == sorted(set(limits))
    return "" if climbs else "its first step has no 'at', the others climb"
