"""The quality scale: bronze (accepted), silver (runs in a real centre), gold (life-safety).

Rules are data in ``quality_rules.toml``.

A connector's ``quality.toml`` says for every rule ``done``, ``todo`` or ``exempt`` with a reason. A rule that names a
``check`` is verified by the kit: its file may not say ``done`` while the check fails, so the tier that the runtime
reads from the file is the tier that the tests proved.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from cior_core import strict_toml


class Tier(StrEnum):
    """What a connector has proven; ordered by :data:`ORDER`."""

    NONE = "none"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


ORDER = (Tier.NONE, Tier.BRONZE, Tier.SILVER, Tier.GOLD)


class Status(StrEnum):
    """What a connector says about a rule."""

    DONE = "done"
    TODO = "todo"
    EXEMPT = "exempt"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. ``check`` is the kit's check that proves it; without one a reviewer does.

    ``life_safety_only``: others need not care.
    """

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]+$")]
    tier: Tier
    sentence: str
    reason: str
    example: str
    check: str = ""
    life_safety_only: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connector's word about a rule; ``exempt`` needs a reason, a human rule needs ``proof`` (where a reviewer can
    see it).
    """

    status: Status
    reason: str = ""
    proof: str = ""

    def __post_init__(self) -> None:
        if self.status is Status.EXEMPT and len(self.reason) < 10:
            raise ValueError("an exemption needs a reason")


class QualityFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``quality.toml``. ``checked``: what is said of every rule that a check proves and ``rules`` does not name."""

    rules: dict[str, Claim]
    checked: Status = Status.TODO

    @property
    def tier(self) -> Tier:
        """The highest tier of which nothing is missing."""
        reached = Tier.NONE
        for tier in ORDER[1:]:
            if self.missing(tier):
                break
            reached = tier
        return reached

    def missing(self, tier: Tier) -> tuple[str, ...]:
        """Ids of rules up to ``tier`` that are neither done nor exempt."""
        wanted = [rule for rule in rules() if ORDER.index(rule.tier) <= ORDER.index(tier)]
        return tuple(rule.id for rule in wanted if self.status(rule) is Status.TODO)

    def status(self, rule: Rule) -> Status:
        """What is said of ``rule``."""
        claim = self.rules.get(rule.id)
        return claim.status if claim is not None else self.checked if rule.check else Status.TODO


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    text = files("cior_connectors.kit").joinpath("quality_rules.toml").read_text(encoding="utf-8")
    return strict_toml.parse(text, _Rules, file="quality_rules.toml").rule
