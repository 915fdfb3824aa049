"""What a verifier says, and how it counts: one list of findings."""

from __future__ import annotations

from typing import NamedTuple

from cior_evidence.verifier.sentences import SENTENCES

MOST_OF_A_CODE = 100
ERROR, UNPROVEN, NOTE = "error", "unproven", "note"


class Finding(NamedTuple):
    """One thing that is wrong, not proven, or worth knowing. ``path`` and ``detail`` are the same in each language."""

    code: str
    path: str
    detail: str

    @property
    def step(self) -> int:
        """The numbered step in which it shows (docs/perito.md)."""
        return SENTENCES[self.code][0]

    @property
    def weight(self) -> str:
        """``error``, ``unproven`` or ``note``."""
        return SENTENCES[self.code][1]

    def sentence(self, language: str) -> str:
        """What it means, in ``es`` or ``en``."""
        _, _, spanish, english = SENTENCES[self.code]
        return spanish if language == "es" else english


class Report:
    """The findings so far; each once, and no code more than ``MOST_OF_A_CODE`` times."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.more: dict[str, int] = {}
        self.facts: dict[str, str] = {}
        self._seen: set[Finding] = set()
        self._counted: dict[str, int] = {}

    def say(self, code: str, path: str = "", detail: str = "") -> None:
        """Add a finding."""
        finding = Finding(code, printable(path), printable(detail))
        if finding in self._seen:
            return
        count = self._counted[code] = self._counted.get(code, 0) + 1
        if count > MOST_OF_A_CODE:
            self.more[code] = count - MOST_OF_A_CODE
            return
        self._seen.add(finding)
        self.findings.append(finding)

    def codes(self, weight: str = ERROR) -> list[str]:
        """Codes of this weight, each once, sorted."""
        return sorted({each.code for each in self.findings if each.weight == weight})

    @property
    def exit_code(self) -> int:
        """0 proven, 1 something is wrong, 2 something could not be proven."""
        if self.codes(ERROR):
            return 1
        return 2 if self.codes(UNPROVEN) else 0


def printable(text: str) -> str:
    """``text`` cut to 300 characters, with what a terminal would obey written as its number."""
    cut = text[:300]
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)
