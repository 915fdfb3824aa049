"""What the page must know of the rules of this release, as a module of its sources: ``web/src/api/tables.ts``.

Names, who may ask and act, words of core: the page writes none of them itself, and its type checker finds whatever no
longer fits. ``cior docs`` writes the module; a test refuses a stale one. What a centre may change, its rule pack above
all, is no part of it: the page asks for that (``rules.read``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from cior_console.acts import act_rules
from cior_console.endpoints import Endpoint
from cior_core import bundled
from cior_core.cameras import CameraState, Sight
from cior_core.footage import GapCause
from cior_core.model import ActionKind, AgencyStage, AlertStatus, CommandKind, Disposition, Level
from cior_core.people import LedgerOutcome
from cior_core.privacy import Role
from cior_core.sentences import SentenceBook
from cior_core.taxonomy import Government

_HEAD: Final = """\
// Written by `make docs` out of the tables of the console and of core (cior_console/page_tables.py): change those.
"""
_NAMES: Final[Mapping[str, type[StrEnum]]] = {
    "Level": Level,
    "Status": AlertStatus,
    "Role": Role,
    "ActKind": ActionKind,
    "Disposition": Disposition,
    "Stage": AgencyStage,
    "Government": Government,
    "CameraState": CameraState,
    "Sight": Sight,
    "CommandKind": CommandKind,
    "LedgerOutcome": LedgerOutcome,
    "GapCause": GapCause,
}
_WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "status": AlertStatus,
    "disposition": Disposition,
    "stage": AgencyStage,
    "act": ActionKind,
}


def tables_module(endpoints: Iterable[Endpoint]) -> str:
    """The module as TypeScript."""
    return "\n".join((_HEAD, *map(_names, _NAMES, _NAMES.values()), _acts(), _asked(endpoints), _words()))


def _names(name: str, kind: type[StrEnum]) -> str:
    values = ", ".join(f'"{each.value}"' for each in kind)
    many = _many(name)
    return (
        f"// prettier-ignore\nexport const {many} = [{values}] as const;\n"
        f"export type {name} = (typeof {many})[number];\n"
    )


def _many(name: str) -> str:
    """``CameraState`` → ``CAMERA_STATES``."""
    split = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).lstrip("_")
    return f"{split}ES" if split.endswith("S") else f"{split}S"


def _acts() -> str:
    lines = (
        f"  {kind.value}: {{ roles: {_roles(rule.roles)}, sealed: {_roles(rule.sealed & rule.roles)}, "
        f"needs: {json.dumps(rule.needs)} }},"
        for kind, rule in act_rules().items()
    )
    return (
        "/** Who may take which act, on a sealed alert too, and what it needs (`data/acts.toml`). */\n"
        "export const ACT_RULES: Readonly<\n"
        "  Record<ActKind, { roles: readonly Role[]; sealed: readonly Role[]; needs: readonly string[] }>\n"
        "> = {\n" + "\n".join(lines) + "\n};\n"
    )


def _asked(endpoints: Iterable[Endpoint]) -> str:
    lines = (f'  "{each.name}": {_roles(each.roles)},' for each in endpoints if each.roles)
    return (
        "/** Who may ask which endpoint, by its name in the one table (docs/roles.md). */\n"
        "export const ASKED_BY = {\n" + "\n".join(lines) + "\n} satisfies Record<string, readonly Role[]>;\n"
    )


def _roles(roles: frozenset[Role]) -> str:
    return json.dumps([role.value for role in Role if role in roles])


def _words() -> str:
    sentences = SentenceBook.load(bundled.text("sentences.toml")).sentences
    codes = [f"{prefix}_{each.value}" for prefix, kind in _WORDS.items() for each in kind]
    said = [(code, sentences[f"word_{code}"]) for code in codes]
    return (
        "/** What core calls them in the history of an alert; the screens say the same. */\n"
        "export const CORE_WORDS = {\n" + "\n".join(
            f"  {code}: {{ es: {_text(words.es)}, en: {_text(words.en)} }}," for code, words in said
        ) + "\n} as const;\n"
    )  # fmt: skip


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)
