"""Strict TOML to a frozen struct, with errors that name file, line, code and cure. Pure: the caller reads the file.

Every configuration file of every room is read through :func:`parse`, so that an unknown key, a wrong type and a
syntax error look the same everywhere. Models must set ``forbid_unknown_fields=True``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cior_core.errors import ConfigInvalid

T = TypeVar("T")
Tree = dict[str, Any]

_SYNTAX_LINE = re.compile(r"at line (\d+)")
_PATH = re.compile(r"at `\$(?P<path>[^`]*)`")
_UNKNOWN = re.compile(r"unknown field `(?P<key>[^`]+)`")
_MISSING = re.compile(r"missing required field `(?P<key>[^`]+)`")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*(?P<key>[A-Za-z0-9_\-\"'.]+)\s*=")


class ConfigFault(ConfigInvalid):
    """A configuration error with its place: ``file``, ``line`` (1-based; 0 when the file as a whole is meant)."""

    def __init__(self, code: str, sentence: str, *, file: str, line: int, cure: str) -> None:
        super().__init__(code, f"{file}:{line}: {sentence}", cure=cure)
        self.file = file
        self.line = line


def parse(
    text: str, model: type[T], *, file: str, strict: bool = True, expand: Callable[[Tree], Tree] | None = None
) -> T:
    """Return ``text`` as ``model``, after ``expand`` has put in what the text only refers to.

    Raises :class:`ConfigFault` (codes ``config.syntax``, ``config.unknown_key``, ``config.missing_key``,
    ``config.wrong_value``) and what ``expand`` raises.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise ConfigFault(
            "config.syntax", str(error), file=file, line=line, cure="correct the TOML syntax on that line"
        ) from error
    if expand is not None:
        tree = expand(tree)
    try:
        return msgspec.convert(tree, model, strict=strict)
    except msgspec.ValidationError as error:
        raise _fault(str(error), text, file) from error


def _fault(message: str, text: str, file: str) -> ConfigFault:
    at = _PATH.search(message)
    path = _segments(at.group("path") if at else "")
    sentence = message.split(" - at ", maxsplit=1)[0]
    if unknown := _UNKNOWN.search(message):
        key = unknown.group("key")
        line = locate(text, (*path, key))
        return ConfigFault(
            "config.unknown_key",
            f"unknown key '{key}'",
            file=file,
            line=line,
            cure="remove it or correct its spelling",
        )
    if missing := _MISSING.search(message):
        key = missing.group("key")
        line = locate(text, path)
        where = ".".join(str(part) for part in path) or "the top level"
        return ConfigFault(
            "config.missing_key",
            f"key '{key}' is missing in {where}",
            file=file,
            line=line,
            cure=f"add '{key} = ...'",
        )
    return ConfigFault(
        "config.wrong_value",
        f"{'.'.join(str(p) for p in path)}: {sentence}",
        file=file,
        line=locate(text, path),
        cure="give a value of the expected kind",
    )


def _segments(path: str) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path):
        if name:
            parts.append(name)
        elif index != "...":
            parts.append(int(index))
    return tuple(parts)


def locate(text: str, path: tuple[str | int, ...]) -> int:
    """The 1-based line where ``path`` (keys and array indexes) is written; the line of its nearest parent when it is
    not; 0 for none.
    """
    wanted = list(path)
    counts: dict[str, int] = {}
    table: list[str | int] = []
    best_length, best_line = 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = header.group(2)
            table = list(name.replace('"', "").split("."))
            if header.group(1) == "[[":
                counts[name] = counts.get(name, -1) + 1
                table.append(counts[name])
            candidate = table
        elif key := _KEY.match(line):
            candidate = table + list(key.group("key").replace('"', "").split("."))
        else:
            continue
        length = _common(candidate, wanted)
        if length == len(candidate) and length > best_length:
            best_length, best_line = length, number
    return best_line


def _common(left: list[str | int], right: list[str | int]) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length
