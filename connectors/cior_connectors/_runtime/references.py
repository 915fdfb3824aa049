"""``$ref`` in instance and mapping files: what several of them share is written once, in a file beside them.

::

    [columns]
    "$ref" = "comun.toml#/columns"      # a TOML or JSON file, and a JSON pointer in it (RFC 6901 §6)
    id = ["numero"]                     # keys beside it win

    [[types]]
    "$ref" = "comun.toml#/types"        # a list among lists: all of its rows come here

``#/columns`` alone is a part of the same file. A path is relative to the file that it stands in and stays in the folder
of the first one; what is shared may refer further. A value that only contains the letters ``$ref`` is a value.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cior_core.errors import ConfigInvalid

KEY = "$ref"
MAX_FILE_BYTES = 1_000_000
MAX_STEPS = 32
MAX_VALUES = 100_000
_Place = tuple[Path, str]


def expanded(tree: dict[str, Any], path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """``tree``, read from ``path``, with what its references name in their places, and the names of the files used.

    Raises ``ConfigInvalid``: ``reference.wrong``, ``.outside``, ``.unreadable``, ``.nowhere``, ``.cycle``,
    ``.too_much``.
    """
    library = _Library(path, tree)
    found = library.resolved(tree, library.first, ())
    if not isinstance(found, dict):
        raise _fault("wrong", f"{path.name}: a {KEY} at the top must name a table", "put it into a section")
    return found, library.used


class _Library:
    """The files that one mapping may refer to: those in its folder."""

    def __init__(self, path: Path, tree: dict[str, Any]) -> None:
        self.first = Path(os.path.realpath(path))
        # The folder of the path as it was given: in a mounted ConfigMap the file itself is a link into a folder below.
        self._root = Path(os.path.realpath(path.parent))
        self._trees: dict[Path, Any] = {self.first: tree}
        self._values = 0

    @property
    def used(self) -> tuple[str, ...]:
        """Files besides the first one, by their names in the folder."""
        return tuple(str(path.relative_to(self._root)) for path in self._trees if path != self.first)

    def resolved(self, node: Any, file: Path, way: tuple[_Place, ...]) -> Any:
        """``node`` of ``file`` without references; ``way``: the places whose references led here."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise _fault("too_much", f"references make more than {MAX_VALUES} values", "share less at once")
        match node:
            case {"$ref": reference}:
                beside = {key: value for key, value in node.items() if key != KEY}
                return self._joined(reference, beside, file, way)
            case dict():
                return {key: self.resolved(value, file, way) for key, value in node.items()}
            case list():
                return self._listed(node, file, way)
            case _:
                return node

    def _listed(self, rows: list[Any], file: Path, way: tuple[_Place, ...]) -> list[Any]:
        found: list[Any] = []
        for row in rows:
            value = self.resolved(row, file, way)
            if isinstance(row, dict) and KEY in row and isinstance(value, list):
                found.extend(value)
            else:
                found.append(value)
        return found

    def _joined(self, reference: Any, beside: dict[str, Any], file: Path, way: tuple[_Place, ...]) -> Any:
        if not isinstance(reference, str):
            raise _fault("wrong", f"{file.name}: a {KEY} is a text", 'write it as "file.toml#/part"')
        name, _, pointer = reference.partition("#")
        place = (self._located(name, file, reference) if name else file, unquote(pointer))
        if place in way or len(way) >= MAX_STEPS:
            raise _fault(
                "cycle", f"{file.name}: {KEY} {reference!r} leads back to itself", "take one of them out"
            )
        value = self.resolved(self._part(place, reference), place[0], (*way, place))
        if not beside:
            return value
        if not isinstance(value, dict):
            raise _fault(
                "wrong",
                f"{file.name}: {KEY} {reference!r} is no table, so no keys can stand beside it",
                "remove them",
            )
        return value | {key: self.resolved(each, file, way) for key, each in beside.items()}

    def _located(self, name: str, file: Path, reference: str) -> Path:
        """The file, which must lie in the folder. Raises ``ConfigInvalid`` (``reference.outside``)."""
        told = file.relative_to(self._root).parent if file != self.first else Path()
        is_name = not ("\0" in name or "\\" in name or Path(name).is_absolute())
        path = Path(os.path.realpath(self._root / told / name)) if is_name else Path("/")
        if not path.is_relative_to(self._root):
            raise _fault(
                "outside",
                f"{KEY} {reference!r} leaves the folder of {self.first.name}",
                "keep shared files in it",
            )
        return path

    def _part(self, place: _Place, reference: str) -> Any:
        """What a JSON pointer names in a file."""
        path, pointer = place
        node = self._tree(path, reference)
        if pointer and not pointer.startswith("/"):
            raise _fault(
                "wrong", f"{KEY} {reference!r}: a pointer begins with #/", "write it as file.toml#/part"
            )
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(node):
                node = node[int(key)]
            else:
                raise _fault(
                    "nowhere", f"{KEY} {reference!r}: there is no {key!r} in {path.name}", "correct it"
                )
        return node

    def _tree(self, path: Path, reference: str) -> Any:
        if path not in self._trees:
            try:
                self._trees[path] = _read(path)
            except (OSError, ValueError, RecursionError) as error:
                raise _fault(
                    "unreadable",
                    f"{KEY} {reference!r}: {path.name} cannot be read ({error})",
                    "it must be a TOML or JSON file in UTF-8",
                ) from error
        return self._trees[path]


def _read(path: Path) -> Any:
    """A file as values. Raises ``OSError``, ``ValueError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_FILE_BYTES:
            raise ValueError(f"no file of at most {MAX_FILE_BYTES} bytes")
        text = stream.read(MAX_FILE_BYTES).decode("utf-8")
    if path.suffix == ".json":
        return json.loads(text, object_pairs_hook=_unique)
    return tomllib.loads(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return found


def _fault(code: str, sentence: str, cure: str) -> ConfigInvalid:
    return ConfigInvalid(f"reference.{code}", sentence, cure=cure)
