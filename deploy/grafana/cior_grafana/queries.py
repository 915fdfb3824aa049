"""The named queries of the boards: ``sql/<board>.sql``.

A query begins with ``-- @query <name> <audience> <format>`` and ``-- @columns <name>:<kind> …``; it may say
``-- @bounded state`` (it reads only what is open now) or ``-- @bounded rollup`` (a small rollup) where no time bounds
it. Whole-line comments explain and are taken away: they never reach a board's JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeVar

from cior_core.model import Struct
from cior_core.strict_toml import ConfigFault
from cior_grafana.words import SHARED

FOLDER = Path(__file__).parent / "sql"
_TAG = re.compile(r"--\s*@(?P<tag>\w+)\s*(?P<text>.*)")


class Audience(StrEnum):
    """Who may see it: one data source, one database user and one set of grants each."""

    WALL = "wall"
    SUPERVISOR = "supervisor"
    OBSERVATORY = "observatory"

    @property
    def source_uid(self) -> str:
        """The uid of its data source."""
        return f"cior-{self.value}"

    def covers(self, other: Audience) -> bool:
        """Whether who may see this may see ``other`` too."""
        return other is self or (self is Audience.SUPERVISOR and other is Audience.WALL)


class Format(StrEnum):
    """The shape of the answer; a series has its ``time`` first."""

    TABLE = "table"
    SERIES = "series"

    @property
    def code(self) -> int:
        """The plugin's number for it."""
        return 0 if self is Format.SERIES else 1


class Kind(StrEnum):
    """What a column holds."""

    TIME = "time"
    NUMBER = "number"
    STRING = "string"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"


class Bound(StrEnum):
    """Why a query stays small."""

    TIME = "time"
    STATE = "state"
    ROLLUP = "rollup"


class Column(Struct, frozen=True, kw_only=True):
    """A column of the answer, in its order."""

    name: str
    kind: Kind


class Query(Struct, frozen=True, kw_only=True):
    """One named query with what its answer looks like. ``file`` and ``line`` say where it is written."""

    name: str
    sql: str
    audience: Audience
    format: Format
    columns: tuple[Column, ...]
    bound: Bound = Bound.TIME
    file: str = ""
    line: int = 0

    def named(self, *kinds: Kind) -> tuple[str, ...]:
        """The names of its columns of these kinds."""
        return tuple(column.name for column in self.columns if column.kind in kinds)


class PromQuery(Struct, frozen=True, kw_only=True):
    """A question to Prometheus, written in the board's module: ``expr`` in PromQL, ``legend`` as ``{{label}}``."""

    name: str
    expr: str
    legend: str = ""


@dataclass
class _Block:
    """The lines of one query while they are read."""

    file: str
    line: int
    head: str
    tags: dict[str, tuple[int, str]] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)

    def fault(self, code: str, sentence: str, *, cure: str, line: int = 0) -> ConfigFault:
        return ConfigFault(f"sql.{code}", sentence, file=self.file, line=line or self.line, cure=cure)


def read(text: str, *, file: str) -> dict[str, Query]:
    """The queries in ``text`` by name. Raises :class:`ConfigFault` with file and line (codes ``sql.*``)."""
    found: dict[str, Query] = {}
    for block in _blocks(text, file):
        query = _query(block)
        if query.name in found:
            raise block.fault("twice", f"query {query.name} is written twice", cure="give it another name")
        found[query.name] = query
    return found


@cache
def load(board: str) -> dict[str, Query]:
    """The queries of ``board`` over those that all boards share."""
    return {**_file(SHARED), **_file(board)}


def boards() -> list[str]:
    """The boards that have a file of queries."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def _file(board: str) -> dict[str, Query]:
    path = FOLDER / f"{board}.sql"
    if not path.is_file():
        sentence = f"board {board} has no queries"
        raise ConfigFault("sql.missing_file", sentence, file=f"sql/{path.name}", line=0, cure="write it")
    return read(path.read_text(encoding="utf-8"), file=f"sql/{path.name}")


def _blocks(text: str, file: str) -> Iterator[_Block]:
    block: _Block | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        tag = _TAG.match(line)
        if tag and tag["tag"] == "query":
            if block:
                yield block
            block = _Block(file, number, tag["text"])
        elif block is None:
            _outside(line, file, number)
        else:
            _take(block, line, number, tag)
    if block:
        yield block


def _outside(line: str, file: str, number: int) -> None:
    if line.strip() and (not line.startswith("--") or _TAG.match(line)):
        cure = "write '-- @query <name> <audience> <format>' above it"
        raise ConfigFault("sql.orphan", "this line belongs to no query", file=file, line=number, cure=cure)


def _take(block: _Block, line: str, number: int, tag: re.Match[str] | None) -> None:
    if tag is None:
        if not line.lstrip().startswith("--"):
            block.body.append(line.rstrip())
        return
    if tag["tag"] not in {"columns", "bounded"}:
        sentence = f"unknown tag @{tag['tag']}"
        raise block.fault(
            "unknown_tag", sentence, cure="there are @query, @columns and @bounded", line=number
        )
    _, before = block.tags.get(tag["tag"], (number, ""))
    block.tags[tag["tag"]] = (number, f"{before} {tag['text']}".strip())


def _query(block: _Block) -> Query:
    words = block.head.split()
    if len(words) != 3:
        cure = "write '-- @query <name> <audience> <format>'"
        raise block.fault("header", f"'{block.head}' is not a name, an audience and a format", cure=cure)
    sql = "\n".join(block.body).strip().removesuffix(";").rstrip()
    if not sql:
        raise block.fault("empty", f"query {words[0]} has no text", cure="write its SELECT below the header")
    kind = _one_of(Format, words[2], block, block.line)
    return Query(
        name=words[0],
        sql=sql,
        audience=_one_of(Audience, words[1], block, block.line),
        format=kind,
        columns=_columns(block, kind),
        bound=_bound(block),
        file=block.file,
        line=block.line,
    )


def _bound(block: _Block) -> Bound:
    line, text = block.tags.get("bounded", (0, Bound.TIME.value))
    return _one_of(Bound, text, block, line)


def _columns(block: _Block, form: Format) -> tuple[Column, ...]:
    line, text = block.tags.get("columns", (block.line, ""))
    columns = tuple(_column(word, block, line) for word in text.split())
    if not columns:
        raise block.fault("no_columns", "its columns are not said", cure="add '-- @columns name:kind …'")
    if len({column.name for column in columns}) < len(columns):
        raise block.fault("column_twice", "a column is named twice", cure="name each once", line=line)
    if form is Format.SERIES and columns[0] != Column(name="time", kind=Kind.TIME):
        raise block.fault(
            "no_time", "a series begins with time:time", cure="put it first, or say table", line=line
        )
    return columns


def _column(word: str, block: _Block, line: int) -> Column:
    name, colon, kind = word.partition(":")
    if not (name and colon):
        raise block.fault(
            "column", f"'{word}' is not name:kind", cure="write for example alerts:number", line=line
        )
    return Column(name=name, kind=_one_of(Kind, kind, block, line))


T = TypeVar("T", bound=StrEnum)


def _one_of(kind: type[T], text: str, block: _Block, line: int) -> T:
    try:
        return kind(text)
    except ValueError:
        sentence = f"'{text}' is no {kind.__name__.lower()}"
        known = ", ".join(each.value for each in kind)
        raise block.fault(
            f"unknown_{kind.__name__.lower()}", sentence, cure=f"one of {known}", line=line
        ) from None
