"""What was drawn of one camera, put into the text of a settings file: only the tables that changed are written anew,
each by itself; everything else, comments and order too, stays byte for byte. Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import tomlkit
from tomlkit.items import AoT

from cior_core.model import Struct
from cior_core.strict_toml import ConfigFault, locate
from cior_video.sources import Strict
from cior_vision.calibration.parameters import PARAMETERS, Value
from cior_vision.rule_settings import LineSettings, MaskSettings, Name, ZoneSettings

DRAWN: Final = ("zone", "line", "mask")
_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_\-.]+)\s*\]\]?\s*(#.*)?$")
Tree = dict[str, Any]


class AddedRule(Strict, frozen=True, kw_only=True):
    """A rule of a place that was drawn; what it is given besides is a :class:`GivenRule`."""

    kind: str
    id: Name
    zone: str = ""
    line: str = ""


class GivenRule(Strict, frozen=True, kw_only=True):
    """What a rule of this camera is given anew, of :data:`PARAMETERS`; ``None``: what it has of itself.

    One that the file had gets its next version with that: what was told before the change is counted apart.
    """

    id: Name
    values: dict[str, Value]


class Drawing(Strict, frozen=True, kw_only=True):
    """All that is drawn of ``camera`` (what is not here is taken out), rules to add, what rules are given, and ids of
    rules to take out.
    """

    camera: Name
    zone: tuple[ZoneSettings, ...] = ()
    line: tuple[LineSettings, ...] = ()
    mask: tuple[MaskSettings, ...] = ()
    rule: tuple[AddedRule, ...] = ()
    given: tuple[GivenRule, ...] = ()
    without: tuple[Name, ...] = ()


class _Block(Struct, frozen=True):
    """A table with its lines; ``name`` is empty before the first header."""

    name: str
    text: str


def redrawn(text: str, drawing: Drawing, *, file: str) -> str:
    """``text`` with the drawing in it; the same text when nothing changed.

    Raises ``ConfigFault``: ``vision.drawn_twice`` (an id of another camera), ``vision.rule_not_here`` and
    ``vision.parameter_unknown``, ``vision.not_tables`` when the file does not write these things as tables of their
    own, so that nothing could be put in safely.
    """
    tree = tomllib.loads(text)
    _refuse_doubles(tree, drawing, text, file)
    _refuse_strange(tree, drawing, text, file)
    made = "".join(_redrawn(block, tree, drawing) for block in _numbered(_blocks(text)))
    new = "".join(_table(kind, row) for kind, row in _new(tree, drawing))
    if new:
        made = made + ("" if not made or made.endswith("\n") else "\n") + new
    if "\r\n" in text:  # as its other lines end
        made = made.replace("\r\n", "\n").replace("\n", "\r\n")
    if not _same(made, _wanted(tree, drawing)):
        where = next((kind for kind in (*DRAWN, "rule") if kind in tree), "")
        raise ConfigFault(
            "vision.not_tables",
            "zones, lines, masks and rules of this file are not tables of their own",
            file=file,
            line=locate(text, (where,)),
            cure="write each as [[zone]], [[line]], [[mask]] or [[rule]] with its keys below, then draw again",
        )
    return made


def _refuse_doubles(tree: Tree, drawing: Drawing, text: str, file: str) -> None:
    for kind in DRAWN:
        mine = {row["id"] for row in _rows_of(drawing, kind)}
        for index, row in enumerate(tree.get(kind, [])):
            if row.get("camera") != drawing.camera and row.get("id") in mine:
                raise ConfigFault(
                    "vision.drawn_twice",
                    f"there is a {kind} '{row['id']}' of another camera",
                    file=file,
                    line=locate(text, (kind, index, "id")),
                    cure="give the drawn one another id",
                )


def _refuse_strange(tree: Tree, drawing: Drawing, text: str, file: str) -> None:
    rules = {row.get("id"): row for row in [*tree.get("rule", []), *map(_row, drawing.rule)]}
    for given in drawing.given:
        row = rules.get(given.id, {})
        known = {parameter.name for parameter in PARAMETERS.get(str(row.get("kind")), ())}
        if not _is_of(row, tree, drawing):
            raise ConfigFault(
                "vision.rule_not_here",
                f"this camera has no rule '{given.id}'",
                file=file,
                line=locate(text, ("rule",)),
                cure="reload the page: somebody took the rule out, or it is another camera's",
            )
        if strange := sorted(set(given.values) - known):
            raise ConfigFault(
                "vision.parameter_unknown",
                f"a rule of kind '{row['kind']}' is not given '{strange[0]}' here",
                file=file,
                line=locate(text, ("rule",)),
                cure=f"give one of {', '.join(sorted(known))}; whatever else there is, is written in the file",
            )


def _is_of(row: Tree, tree: Tree, drawing: Drawing) -> bool:
    """Whether a rule's place is one of this camera."""
    places = {
        (kind, each["id"])
        for kind in ("zone", "line")
        for each in [*tree.get(kind, []), *_rows_of(drawing, kind)]
        if each.get("camera") == drawing.camera
    }
    return any((kind, row.get(kind)) in places for kind in ("zone", "line"))


# --- what shall be there ---------------------------------------------------------------------------------------------


def _rows_of(drawing: Drawing, kind: str) -> list[Tree]:
    return [_row(each) for each in getattr(drawing, kind)]


def _row(drawn: msgspec.Struct) -> Tree:
    """Its keys as they are written: no name, axis or figure that was not given."""
    built: Tree = msgspec.json.decode(msgspec.json.encode(drawn))
    return {
        key: value
        for key, value in built.items()
        if value not in (None, "") and not _is_default(drawn, key, value)
    }


def _is_default(drawn: msgspec.Struct, key: str, value: Any) -> bool:
    return isinstance(drawn, LineSettings) and key == "sides" and value == ["A", "B"]


def _wanted(tree: Tree, drawing: Drawing) -> Tree:
    """The tree that the new text must give."""
    wanted = dict(tree)
    for kind in DRAWN:
        drawn = {row["id"]: row for row in _rows_of(drawing, kind)}
        rows = [
            drawn.pop(row["id"]) if row.get("camera") == drawing.camera else row
            for row in tree.get(kind, [])
            if row.get("camera") != drawing.camera or row["id"] in drawn
        ]
        wanted[kind] = [*rows, *drawn.values()]
    rules = [_given(row, drawing) for row in tree.get("rule", []) if row.get("id") not in drawing.without]
    wanted["rule"] = [*rules, *(_given(_row(rule), drawing, is_new=True) for rule in drawing.rule)]
    return {key: value for key, value in wanted.items() if value != []}


def _given(row: Tree, drawing: Drawing, *, is_new: bool = False) -> Tree:
    """A rule's row with what it is given."""
    values = {
        name: value for one in drawing.given if one.id == row.get("id") for name, value in one.values.items()
    }
    made = {name: value for name, value in {**row, **values}.items() if value is not None}
    if made == row or is_new:
        return made
    return made | {"version": int(row.get("version", 1)) + 1}


def _same(text: str, wanted: Tree) -> bool:
    try:
        return {key: value for key, value in tomllib.loads(text).items() if value != []} == wanted
    except tomllib.TOMLDecodeError:
        return False


def _new(tree: Tree, drawing: Drawing) -> Iterator[tuple[str, Tree]]:
    for kind in DRAWN:
        known = {row.get("id") for row in tree.get(kind, [])}
        yield from ((kind, row) for row in _rows_of(drawing, kind) if row["id"] not in known)
    yield from (("rule", _given(_row(rule), drawing, is_new=True)) for rule in drawing.rule)


# --- text ------------------------------------------------------------------------------------------------------------


def _blocks(text: str) -> Iterator[_Block]:
    """The text cut at its headers. A line that looks like one is none while what is above it is unfinished."""
    name, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header and _is_whole("".join(lines)):
            yield _Block(name, "".join(lines))
            name, lines = header.group(2), []
        lines.append(line)
    yield _Block(name, "".join(lines))


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _numbered(blocks: Iterable[_Block]) -> Iterator[tuple[_Block, str, int]]:
    """Each block with the kind that it is of (``rule.patience_s`` is of its rule) and which of that kind."""
    counts: dict[str, int] = {}
    for block in blocks:
        kind = block.name.split(".", maxsplit=1)[0]
        if kind == block.name:
            counts[kind] = counts.get(kind, -1) + 1
        yield block, kind, counts.get(kind, 0)


def _redrawn(numbered: tuple[_Block, str, int], tree: Tree, drawing: Drawing) -> str:
    """The block's text; without its table when that is taken out, what stands behind it stays."""
    block, kind, index = numbered
    rows = tree.get(kind, [])
    if kind not in {*DRAWN, "rule"} or not isinstance(rows, list) or index >= len(rows):
        return block.text
    row = rows[index]
    if kind == "rule":
        return _redrawn_rule(block.text, row, drawing)
    if row.get("camera") != drawing.camera:
        return block.text
    drawn = next((each for each in _rows_of(drawing, kind) if each["id"] == row["id"]), None)
    if drawn is None:
        return _behind(block.text)
    return block.text if drawn == row else _edited(block.text, kind, row, drawn)


def _redrawn_rule(text: str, row: Tree, drawing: Drawing) -> str:
    if row.get("id") in drawing.without:
        return _behind(text)
    given = _given(row, drawing)
    return text if given == row else _edited(text, "rule", row, given)


def _edited(text: str, kind: str, row: Mapping[str, Any], drawn: Mapping[str, Any]) -> str:
    """A new key comes behind the last one, before comments that may be about the next table."""
    behind = _behind(text)
    document = tomlkit.parse(text.removesuffix(behind))
    tables = document[kind]
    if not isinstance(tables, AoT):
        return text
    table = tables[0]
    for key in row:
        if key not in drawn:
            table.remove(key)
    for key, value in drawn.items():
        if row.get(key) != value:
            table[key] = value
    return tomlkit.dumps(document) + behind


def _behind(text: str) -> str:
    """Comments after a table's last key: they may be about what comes next."""
    lines = text.splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
    return "".join(lines[last + 1 :])


def _table(kind: str, row: Tree) -> str:
    table = tomlkit.table()
    for key, value in row.items():
        table[key] = value
    return f"\n[[{kind}]]\n" + tomlkit.dumps(table)
