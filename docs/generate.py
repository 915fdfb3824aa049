"""Writes what is generated under docs/: ``python docs/generate.py`` (``make docs``).

``--check`` writes nothing and exits 1 when a file is stale. ``--freeze`` makes today's schemas the baseline of version
1; it refuses when that would break the baseline there is, so a breaking change can only be a version 2. This is the
shell around the pure ``cior_core.schemas``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cior_core import bundled, schemas
from cior_core.model import Phase
from cior_core.taxonomy import AlarmMeaning, EventType, Taxonomy
from cior_evidence.verifier.sentences import SENTENCES

DOCS = Path(__file__).parent
BASELINE = DOCS / "schemas" / "baseline"
TAMPERINGS = DOCS.parent / "tests" / "integration" / "evidence" / "tamperings.toml"


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when all is written or fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what is stale, write nothing")
    parser.add_argument(
        "--freeze", action="store_true", help="take today's schemas as the baseline of version 1"
    )
    chosen = parser.parse_args(arguments)
    if chosen.check:
        return report("stale: {} (run: make docs)", stale())
    if chosen.freeze:
        broken = [
            f"{name}: {breach.path}: {breach.change}"
            for name, found in broken_baseline().items()
            for breach in found
        ]
        if broken:
            return report("breaks version 1: {}", broken)
        write(baseline_files())
    write(files())
    return 0


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    documents: dict[Path, str] = {
        DOCS / "schemas" / f"{name}.v1.json": rendered(tree) for name, tree in schemas.schemas().items()
    }
    documents[DOCS / "schemas" / "asyncapi.json"] = rendered(schemas.asyncapi(version=release()))
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    documents[DOCS / "taxonomy.md"] = taxonomy_page(kinds)
    documents[DOCS / "panel_codes.md"] = panel_codes_page(kinds)
    documents[DOCS / "evidence-tamperings.md"] = tamperings_page(
        tomllib.loads(TAMPERINGS.read_text(encoding="utf-8"))
    )
    return documents


def baseline_files() -> dict[Path, str]:
    """Today's schemas as baseline."""
    return {BASELINE / f"{name}.v1.json": rendered(tree) for name, tree in schemas.schemas().items()}


def broken_baseline() -> dict[str, tuple[schemas.Breach, ...]]:
    """Schema name to the breaches of its committed baseline; empty when all is compatible."""
    found = {}
    for path in sorted(BASELINE.glob("*.v1.json")):
        name = path.name.removesuffix(".v1.json")
        now = schemas.schema(name) if name in schemas.WIRE_FORMS else {}
        found[name] = schemas.breaches(json.loads(path.read_text(encoding="utf-8")), now)
    return {name: breaches for name, breaches in found.items() if breaches}


def stale() -> list[str]:
    """Generated files that are missing or differ."""
    return [
        str(path.relative_to(DOCS.parent))
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def write(documents: dict[Path, str]) -> None:
    """Write each document, making its folder."""
    for path, text in documents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def report(line: str, found: Iterable[str]) -> int:
    """Print one line for each; 1 when there was any."""
    listed = list(found)
    for each in listed:
        print(line.format(each))
    return 1 if listed else 0


def rendered(tree: dict[str, Any]) -> str:
    """JSON for people and diffs."""
    return json.dumps(tree, ensure_ascii=False, indent=1) + "\n"


def release() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def taxonomy_page(kinds: Taxonomy) -> str:
    """docs/taxonomy.md."""
    head = (
        (
            "| code | español | English | family | level | class | alerts | lane | route | competence | protocol "
            "| reach | APCO | Contact ID | SIA |"
        ),
        "|" + "---|" * 15,
    )
    return "\n".join(
        (
            "# Taxonomy",
            "",
            "Generated from `core/cior_core/data/taxonomy.toml` by `docs/generate.py`; edit the data, not this page.",
            f"{len(kinds)} types. Class: **L** life-safety, **S** silent and sealed, **N** a siren may sound,",
            "**G** a guess: it lifts nothing above P4 (or the level named) until a person confirms,",
            "**C** connector only: no program of ours makes it.",
            "Competence: lead, then supporting levels. Reach: metres / seconds before widening.",
            "SIA: (restore), verified+; each panel code by itself: [panel_codes.md](panel_codes.md).",
            "",
            *head,
            *map(taxonomy_row, kinds.values()),
            "",
        )
    )


def taxonomy_row(kind: EventType) -> str:
    """One type."""
    marks = "".join(
        mark
        for mark, on in (
            ("L", kind.life_safety),
            ("S", kind.silent),
            ("N", kind.siren),
            (
                f"G{'' if kind.unconfirmed_ceiling == 'P4' else kind.unconfirmed_ceiling}",
                kind.unconfirmed_ceiling,
            ),
            ("C", kind.connector_only),
        )
        if on
    )
    cells = (
        f"`{kind.code}`",
        kind.name_es,
        kind.name_en,
        kind.family,
        kind.level,
        marks,
        kind.alerting,
        kind.lane,
        kind.route,
        " + ".join((kind.lead, *kind.supporting)),
        kind.protocol,
        f"{kind.radius_m:g} / {kind.window_s:g}",
        " ".join(kind.apco),
        " ".join(kind.contact_id),
        " ".join(
            (*kind.sia, *(f"{code}+" for code in kind.sia_verified), *(f"({c})" for c in kind.sia_restore))
        ),
    )
    return f"| {' | '.join(cells)} |"


def panel_codes_page(kinds: Taxonomy) -> str:
    """docs/panel_codes.md: each code of the two published tables, as a panel's message becomes it."""
    contact_id = sorted(code for kind in kinds.values() for code in kind.contact_id)
    sia = sorted(
        code for kind in kinds.values() for code in (*kind.sia, *kind.sia_restore, *kind.sia_verified)
    )
    head = ("| code | says | type | family | level | life-safety |", "|" + "---|" * 6)
    return "\n".join(
        (
            "# Panel codes",
            "",
            "Generated from `core/cior_core/data/taxonomy.toml` by `docs/generate.py`; edit the data, not this page.",
            "A code that stands here in no table is `alarm.unclassified`, life-safety while in doubt; Contact ID codes",
            "of a class that the standard names (2 to 5, and the services of 6 and 9) take the class's type, and say",
            "that their code is unknown.",
            "",
            f"## SIA DC-03 ({len(sia)} codes)",
            "",
            *head,
            *(panel_code_row(code, kinds.map_sia(code), kinds) for code in sia),
            "",
            f"## Contact ID, SIA DC-05 ({len(contact_id)} codes)",
            "",
            "With qualifier 1; 3 is the restore or the closing of the same, 6 says that it is still so.",
            "",
            *head,
            *(panel_code_row(code, kinds.map_contact_id("1", code), kinds) for code in contact_id),
            "",
        )
    )


_SAYS = {
    "integrity": "tamper",
    "maintenance": "trouble",
    "supervision": "trouble",
    "access": "access",
    "test": "test",
}
_SAYS_TYPE = {"device.bypass": "bypass", "device.notice": "notice", "alarm.cancel": "cancel"}


def panel_code_row(code: str, meaning: AlarmMeaning | None, kinds: Taxonomy) -> str:
    """One code: alarm, verified alarm, restore, trouble, bypass, test, cancel, access or notice."""
    if meaning is None:
        raise ValueError(f"{code} has no meaning")
    kind = kinds[meaning.type]
    says = _SAYS_TYPE.get(kind.code) or _SAYS.get(kind.family, "alarm")
    if meaning.phase is Phase.RESTORE:
        says = "closing" if kind.family == "access" else f"restore of {says}"
    if meaning.verified or kind.code.endswith(".verified"):
        says = "verified alarm"
    cells = (code, says, f"`{kind.code}`", kind.family, kind.level, "yes" if kind.life_safety else "no")
    return f"| {' | '.join(cells)} |"


def tamperings_page(rows: dict[str, dict[str, Any]]) -> str:
    """docs/evidence-tamperings.md: what the tests do to a package, and what the verifiers say to it."""
    unseen = [row for row in rows.values() if row.get("browser")]
    return "\n".join(
        (
            "# What is done to a package, and how it is named",
            "",
            "Generated from `tests/integration/evidence/tamperings.toml` by `docs/generate.py`; edit the data, not",
            "this page. A test does each of these to a sound package and asks `verify.py` and, where a browser can",
            "see it, `verificar.html`: all codes of the row must be said, and a control must pass. Numbers are those",
            "of the research's list, `W` its list of what was to be written, `R` renewals, `B` sealed boxes, `C` own",
            "signatures of cameras, `+` more.",
            "",
            f"{len(rows)} rows; {len(unseen)} of them are for `verify.py` alone, each with its reason.",
            "",
            "| no. | what is done | codes | what the reader is told | browser |",
            "|" + "---|" * 5,
            *(tampering_row(row) for row in rows.values()),
            "",
        )
    )


def tampering_row(row: dict[str, Any]) -> str:
    """One tampering."""
    codes = [str(code) for code in row["codes"]]
    cells = (
        str(row["number"]),
        str(row["was"]),
        " ".join(f"`{code}`" for code in codes) or "passes",
        " ".join(SENTENCES[code][2] for code in codes),
        str(row.get("browser", "the same")),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
