"""Which program judges videos that cameras sign, as the centre file says it.

[[evidence.camera_validator]]           # one for each scheme
command = "/opt/cior/onvif-validator"
rules = "onvif"
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cior_core import bundled
from cior_core.camera_signing import Rules, Scheme, read_rules
from cior_core.centre_file import ValidatorSection
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

_SHIPPED: Final = frozenset(Scheme)


class Validator(Struct, frozen=True, kw_only=True):
    """One of them, with its rules read. ``rules_sha256``: of their text."""

    name: str
    command: Path
    version: str
    arguments: tuple[str, ...]
    timeout_s: float
    rules: Rules
    rules_sha256: str


def load_validator(section: ValidatorSection, folder: Path) -> Validator:
    """With its rules, relative to ``folder``. Raises ``ConfigInvalid`` (``config.*``, ``validator.rules``)."""
    path = folder / section.rules
    try:
        if section.rules in _SHIPPED:
            text = bundled.text(f"camera_signing/{section.rules}.toml")
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "validator.rules",
            f"{path.name} cannot be read",
            cure="name onvif, axis, or a TOML file that is there",
        ) from error
    rules = read_rules(text, file=path.name)
    arguments = section.arguments or rules.arguments
    if "{file}" not in arguments:
        raise ConfigInvalid(
            "validator.arguments", "the validator's arguments name no file", cure='add "{file}" to arguments'
        )
    return Validator(
        name=section.rules if section.rules in _SHIPPED else path.stem, command=Path(section.command),
        version=section.version, arguments=arguments, timeout_s=section.timeout_s, rules=rules,
        rules_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
