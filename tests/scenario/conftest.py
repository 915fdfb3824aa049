"""The default pack, loaded (and so proven) once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_core import bundled, rule_loading
from cior_core.rules import RulePack
from cior_core.taxonomy import Taxonomy

RULES = Path(__file__).parents[2] / "streams" / "rules"


@pytest.fixture(scope="session")
def pack() -> RulePack:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.toml"))}
    return rule_loading.load(texts, types=Taxonomy.load(bundled.text("taxonomy.toml")))
