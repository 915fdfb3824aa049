"""``cior connector new``: a folder that works as it is, by the words of its own README.

Templates are files with ``@words@``; what differs between the kinds of connector is in ``templates/kinds.toml``.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import msgspec

from cior_connectors import registry
from cior_core import strict_toml
from cior_core.errors import ConfigInvalid

KINDS = ("listener", "poller", "subscriber", "file")
MAX_NAME = 41
_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")
_WORD = re.compile(r"@([a-zA-Z_]+)@")
_BOTH, _ONLY = "project", {"broker.yaml.tmpl": "subscriber"}


class KindWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind fills into the templates. ``terminal``: what keeps running for its far side."""

    module: str
    base: str
    mode: str
    resources: str
    resources_python: str
    peer: str
    title: str
    protocol: str
    spoken: str
    answers: str
    line_end: str
    recovered: str
    example: str
    invalid: str
    terminal: str
    send: str


def name_of(text: str, into: Path) -> str:
    """The name of the connector, its folder, its module and its kind: ``text`` in small letters without accents, with
    ``_`` for what stands between words. Raises ``ConfigInvalid`` (``connector.name``) for one that cannot be used.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if text.isidentifier() and text == text.lower() and text.isascii():
        name = text
    if fault := _fault(name, text, into):
        raise ConfigInvalid("connector.name", fault, cure="choose another, such as sirenas_norte")
    return name


def _fault(name: str, text: str, into: Path) -> str:
    """What is wrong with a name; "" for nothing."""
    target = into / name
    if any(sign in text for sign in "/\\") or text.startswith("."):
        return f"{text!r} is a path; --into says where"
    if not _NAME.fullmatch(name):
        return (
            f"{text!r} makes no name of 2 to {MAX_NAME} Latin letters, digits and _ that begins with a letter"
        )
    if keyword.iskeyword(name):
        return f"{name} is a word of Python itself"
    if target.exists() or target.is_symlink():
        return f"{target} exists"
    return _taken(name)


def _taken(name: str) -> str:
    """Who has a name already; "" for nobody."""
    if name in registry.names():
        return f"a connector {name} is installed already"
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        return f"a Python package {name} is there already, and one would hide the other"
    return ""


def write(name: str, into: Path, *, kind: str, one_file: bool) -> list[Path]:
    """Write the project's folder ``into / name``; returns what was written. Raises ``OSError``."""
    words = _words(name, kind, one_file=one_file)
    written = []
    for template, text in _templates("one_file" if one_file else "folder"):
        if _ONLY.get(template.name, kind) != kind:
            continue
        path = into / name / _filled(str(template.with_suffix("")), words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(text, words), encoding="utf-8")
        written.append(path)
    if kind == "file":  # the drop folder of its centre
        inbox = into / name / "centre" / "inbox"
        inbox.mkdir()
        (inbox / ".gitkeep").touch()
    return written


def _templates(shape: str) -> Iterator[tuple[Path, str]]:
    root = Path(str(files("cior_connectors").joinpath("templates")))
    for folder in (root / _BOTH, root / shape):
        for path in sorted(folder.rglob("*.tmpl")):
            yield path.relative_to(folder), path.read_text(encoding="utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    """``text`` with its words; a word may hold others. A word that nobody gives is left, as an address would be."""
    return _WORD.sub(lambda found: _filled(words[found[1]], words) if found[1] in words else found[0], text)


def _words(name: str, kind: str, *, one_file: bool) -> dict[str, str]:
    kinds = strict_toml.parse(
        registry.package_text("cior_connectors", "templates/kinds.toml"),
        dict[str, KindWords],
        file="kinds.toml",
    )
    told = kinds[kind]
    found: dict[str, str] = {key: value.strip("\n") for key, value in msgspec.structs.asdict(told).items()}
    found |= {
        "name": name,
        "Name": "".join(part.capitalize() for part in name.split("_")),
        "dashed": name.replace("_", "-").strip("-"),
        "line_end": told.line_end,
        "end": told.line_end.replace("\n", "\\n"),
        "recovered": told.recovered,
        "packages": f'only-include = ["{name}.py"]' if one_file else f'packages = ["{name}"]',
        "decode": _part("decode.py"),
        "far_side": _part("far_side.md") + "\n\n" if told.terminal else "",
        "centre": _part("centre.md"),
        "yours": _part("yours_one_file.md" if one_file else "yours_folder.md"),
    }
    return found


def _part(name: str) -> str:
    """A piece that several templates hold."""
    return registry.package_text("cior_connectors", f"templates/{name}.tmpl").rstrip("\n")
