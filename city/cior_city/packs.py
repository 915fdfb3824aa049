"""The data that the pure core needs, read once, here: taxonomy, rule packs with their protocols."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cior_core import bundled, rule_loading, strict_toml
from cior_core.errors import ConfigInvalid
from cior_core.protocols import ProtocolBook
from cior_core.rule_loading import PROTOCOLS_FILE
from cior_core.rules import PostureRule, RuleFile, RulePack
from cior_core.taxonomy import Taxonomy


@cache
def taxonomy() -> Taxonomy:
    """The bundled taxonomy."""
    return Taxonomy.load(bundled.text("taxonomy.toml"))


def rules_folder(override: str | Path = "") -> Path:
    """The folder of rule packs: the given one, else ``streams/rules`` of a checkout, else the copy inside the wheel."""
    if override:
        return Path(override)
    spec = find_spec("cior_streams")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigInvalid(
            "rules.absent",
            "the streams room is not installed",
            cure="pip install 'cior[streams]', or name a rules folder",
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    wheel, checkout = package / "_rules", package.parent / "rules"
    return wheel if wheel.is_dir() else checkout


def protocols(override: str | Path = "") -> ProtocolBook:
    """The protocols alone, with their agencies: the rules around them are proven where they are obeyed."""
    path = rules_folder(override) / PROTOCOLS_FILE
    return ProtocolBook.load(path.read_text(encoding="utf-8"), taxonomy(), file=path.name)


def postures(override: str | Path = "") -> tuple[PostureRule, ...]:
    """The postures that the pack knows, unproven as :func:`protocols`."""
    files = (path for path in sorted(rules_folder(override).glob("*.toml")) if path.name != PROTOCOLS_FILE)
    packs = (strict_toml.parse(path.read_text(encoding="utf-8"), RuleFile, file=path.name) for path in files)
    return tuple(posture for pack in packs for posture in pack.posture)


def rule_pack(override: str | Path = "") -> RulePack:
    """All ``*.toml`` of the folder as one pack. Raises ``ConfigInvalid`` with file, line, code and cure."""
    folder = rules_folder(override)
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.toml"))}
    if not texts:
        raise ConfigInvalid(
            "rules.none", f"no rule pack in {folder.name}", cure="name a folder with *.toml rule packs"
        )
    return rule_loading.load(texts, types=taxonomy())
