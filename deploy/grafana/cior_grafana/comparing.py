"""Whether two boards are the same for a person, whatever Grafana itself writes into them.

Grafana migrates and completes a board when it reads it: it fills in defaults, takes out nulls and empty things, adds
its own annotation query, sorts panels and raises ``schemaVersion`` (``apps/dashboard/pkg/migration/
frontend_defaults.go`` of grafana/grafana). None of that is somebody's edit, so both sides are brought to one
canonical form before they are compared, and a digest is taken over that form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cior_grafana.port import BoardJson

MARK = "cior:"
"""Start of the tag that holds the digest of the board as it was last applied."""
_OWN_TO_THE_SERVER = ("id", "version", "iteration", "meta", "schemaVersion", "gnetId")
_BOARD_DEFAULTS: Mapping[str, Any] = {
    "editable": True,
    "graphTooltip": 0,
    "fiscalYearStartMonth": 0,
    "time": {"from": "now-6h", "to": "now"},
}
_PANEL_DEFAULTS: Mapping[str, Any] = {"transparent": False, "collapsed": False}
_SHOWN = 60


def canonical(board: BoardJson) -> BoardJson:
    """The board as people made it: without what a server adds, and without our mark."""
    kept = {key: value for key, value in board.items() if key not in _OWN_TO_THE_SERVER}
    kept["tags"] = sorted(tag for tag in board.get("tags") or () if not str(tag).startswith(MARK))
    kept["annotations"] = [
        one for one in _listed(board, "annotations") if not (isinstance(one, dict) and one.get("builtIn"))
    ]
    kept["templating"] = _listed(board, "templating")
    kept["panels"] = _panels(board.get("panels") or ())
    return _bare(_without(kept, _BOARD_DEFAULTS))  # type: ignore[no-any-return]


def digest(board: BoardJson) -> str:
    """Sixteen hexadecimal digits over the canonical form."""
    text = json.dumps(canonical(board), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def marked(board: BoardJson) -> BoardJson:
    """The board with its own digest in a tag, which Grafana keeps whatever is edited."""
    return {**board, "tags": [*_unmarked(board), f"{MARK}{digest(board)}"]}


def mark(board: BoardJson) -> str:
    """The digest of the board as it was last applied; empty when it never was."""
    marks = [str(tag) for tag in board.get("tags") or () if str(tag).startswith(MARK)]
    return marks[0].removeprefix(MARK) if marks else ""


def differences(ours: BoardJson, theirs: BoardJson) -> tuple[str, ...]:
    """What differs, one line each: where, ours, theirs. Empty when the boards are the same for a person."""
    return tuple(_differences("", canonical(ours), canonical(theirs)))


def _unmarked(board: BoardJson) -> list[Any]:
    return [tag for tag in board.get("tags") or () if not str(tag).startswith(MARK)]


def _listed(board: BoardJson, name: str) -> list[Any]:
    found = board.get(name)
    return list(found.get("list") or ()) if isinstance(found, dict) else []


def _panels(panels: Sequence[Any]) -> list[Any]:
    plain = [_without(panel, _PANEL_DEFAULTS) if isinstance(panel, dict) else panel for panel in panels]
    return sorted(plain, key=_place)


def _place(panel: Any) -> tuple[float, float]:
    place = panel.get("gridPos") if isinstance(panel, dict) else None
    return (place.get("y") or 0, place.get("x") or 0) if isinstance(place, dict) else (0, 0)


def _without(thing: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key not in defaults or defaults[key] != value}


def _bare(value: Any) -> Any:
    """Without keys whose value says nothing; whole numbers are written as such."""
    match value:
        case dict():
            bare = {key: _bare(one) for key, one in value.items()}
            return {key: one for key, one in bare.items() if one is not None and one not in ("", [], {})}
        case list() | tuple():
            return [_bare(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _differences(where: str, ours: Any, theirs: Any) -> Iterator[str]:
    match ours, theirs:
        case dict(), dict():
            for key in sorted({*ours, *theirs}):
                yield from _differences(f"{where}.{key}" if where else key, ours.get(key), theirs.get(key))
        case list(), list() if _named(ours) and _named(theirs):
            yield from _differences(where, _by_name(ours), _by_name(theirs))
        case list(), list() if len(ours) == len(theirs):
            for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                yield from _differences(f"{where}[{place}]", one, other)
        case _ if ours != theirs:
            yield f"{where}: here {_shown(ours)}, there {_shown(theirs)}"
        case _:
            return


def _named(things: Sequence[Any]) -> bool:
    """Whether a list's things can be told apart by title and number, as panels can."""
    names = [_name(one) for one in things]
    return bool(names) and all(names) and len(set(names)) == len(names)


def _name(thing: Any) -> str:
    return (
        f"{thing.get('title', '')}#{thing.get('id', '')}"
        if isinstance(thing, dict) and "gridPos" in thing
        else ""
    )


def _by_name(things: Sequence[Any]) -> dict[str, Any]:
    return {_name(one): one for one in things}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
