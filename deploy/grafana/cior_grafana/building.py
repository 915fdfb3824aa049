"""From boards to files: rendered, judged by the house rules, written the same way every time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from cior_core.errors import ConfigInvalid
from cior_grafana import house_rules
from cior_grafana.board import TIMEZONE, zone
from cior_grafana.boards import BOARDS
from cior_grafana.rendering import Rendered, render
from cior_grafana.words import Language


def boards(language: Language, *, timezone: str = TIMEZONE) -> list[Rendered]:
    """All boards in ``language``. Raises :class:`ConfigInvalid` with every broken house rule."""
    zone(timezone)
    made = [render(board, language=language, timezone=timezone) for board in BOARDS]
    if found := house_rules.lint(made):
        raise ConfigInvalid("board.rules", f"{len(found)} broken house rules:\n{house_rules.told(found)}")
    return made


def files(languages: Iterable[Language], *, timezone: str = TIMEZONE) -> dict[Path, str]:
    """Path below the folder of boards → what it holds. Grafana reads a folder an audience (provisioning.py)."""
    return {
        Path(language.value) / made.board.audience.value / f"{made.board.name}.json": text(made)
        for language in languages
        for made in boards(language, timezone=timezone)
    }


def text(made: Rendered) -> str:
    """The board's file: keys in order, one final line break."""
    return json.dumps(made.body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def stale(folder: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """What is not in ``folder`` as ``wanted`` has it, and boards there that nothing makes any more."""
    languages = {path.parts[0] for path in wanted}
    there = {
        path.relative_to(folder) for language in languages for path in (folder / language).rglob("*.json")
    }
    differing = {path for path, body in wanted.items() if path not in there or body != _read(folder / path)}
    return sorted(differing | (there - set(wanted)))


def write(folder: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Bring ``folder`` to what ``wanted`` has; the paths that changed."""
    changed = stale(folder, wanted)
    for path in changed:
        if path in wanted:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(wanted[path], encoding="utf-8")
        else:
            (folder / path).unlink()
    return changed


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
