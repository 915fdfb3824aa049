"""What the import found: a code, how bad it is, in which file, at which feature, where, and what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from cior_core import strict_toml
from cior_core.model import Struct
from cior_core.sentences import Sentence, SentenceBook, Text


class Severity(StrEnum):
    """``ERROR``: no pack until somebody decides. ``WARNING``: there is a pack, look at it. ``NOTE``: for the record."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found. ``at`` is (lat, lon); ``feature`` is what a person looks for in the file."""

    code: str
    file: str = ""
    feature: str = ""
    at: tuple[float, float] | None = None
    arguments: dict[str, Any]

    @property
    def severity(self) -> Severity:
        """How bad its kind is."""
        return _kinds()[self.code].severity

    @property
    def text(self) -> Text:
        """What happened and what to do, in both languages."""
        return _book().text(self.code, self.arguments)


class Findings:
    """Collects them, in order of discovery."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    def add(
        self,
        code: str,
        *,
        file: str = "",
        feature: str = "",
        at: tuple[float, float] | None = None,
        **arguments: object,
    ) -> None:
        """Note one."""
        self._found.append(Finding(code=code, file=file, feature=feature, at=at, arguments=arguments))

    def of(self, severity: Severity) -> list[Finding]:
        """Those of one severity."""
        return [each for each in self._found if each.severity is severity]

    def counts(self) -> dict[str, int]:
        """How many of each code, by code."""
        return dict(sorted(Counter(each.code for each in self._found).items()))


class _Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    severity: Severity
    es: str
    en: str


@cache
def _kinds() -> dict[str, _Kind]:
    text = resources.files("cior_city").joinpath("data", "findings.toml").read_text(encoding="utf-8")
    nested = strict_toml.parse(text, dict[str, dict[str, _Kind]], file="findings.toml")
    return {f"{group}.{name}": kind for group, kinds in nested.items() for name, kind in kinds.items()}


@cache
def _book() -> SentenceBook:
    return SentenceBook({code: Sentence(es=kind.es, en=kind.en) for code, kind in _kinds().items()})
