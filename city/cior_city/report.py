"""What an import tells a person: a line a file, then what was found, the worst first, in one language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cior_city.finding import Finding, Findings, Severity
from cior_city.importing import Imported

TOLD = 8
"""So many findings of one code and file are printed; the rest is counted (``--all`` prints them)."""

_WORDS = {
    "es": {
        "error": "ERROR", "warning": "ATENCIÓN", "note": "nota", "more": "… y {n} más iguales (--all las muestra)",
        "not_taken": "no se tomó", "sum": "{error} errores, {warning} para mirar, {note} notas",
    },
    "en": {
        "error": "ERROR", "warning": "LOOK", "note": "note", "more": "… and {n} more of these (--all shows them)",
        "not_taken": "not taken", "sum": "{error} errors, {warning} to look at, {note} notes",
    },
}  # fmt: skip


def lines(imported: Imported, language: str, *, whole: bool) -> Iterator[str]:
    """The report, line by line."""
    words = _WORDS[language]
    for read, kind in imported.layers:
        taken = words["not_taken"] if kind is None else f"→ {kind.value}"
        yield f"{read.file:<40} {len(read.features):>7}  {taken}"
    if imported.manifest is not None:
        counts = ", ".join(f"{layer.features} {layer.kind.value}" for layer in imported.manifest.layers)
        yield f"{imported.manifest.name}: {counts}"
    yield from finding_lines(imported.findings, language, whole=whole)


def finding_lines(findings: Findings, language: str, *, whole: bool) -> Iterator[str]:
    """The findings, the worst first, those of one code and file together."""
    words = _WORDS[language]
    for severity in Severity:
        groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for each in findings.of(severity):
            groups[each.file, each.code].append(each)
        for group in groups.values():
            shown = group if whole else group[:TOLD]
            yield from (_line(each, words[severity], language) for each in shown)
            if len(shown) < len(group):
                yield f"    {words['more'].format(n=len(group) - len(shown))}"
    counts = {severity.value: len(findings.of(severity)) for severity in Severity}
    yield words["sum"].format(**counts)


def _line(finding: Finding, severity: str, language: str) -> str:
    at = "" if finding.at is None else f" ({finding.at[0]:.5f}, {finding.at[1]:.5f})"
    where = " ".join(each for each in (finding.file, finding.feature) if each)
    return f"{severity:<9}{where}{at}{': ' if where or at else ''}{getattr(finding.text, language)} [{finding.code}]"
