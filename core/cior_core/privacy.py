"""Who may see what: ``decide`` over a table that is data. Default deny (law 9); the table can only ever allow by a row
that names role, purpose and class.

Pure: the age of a record and the number of approvers are given; nothing is read. Every decision carries a reason code
for the ledger, allowed or not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from cior_core import strict_toml
from cior_core.errors import ConfigInvalid
from cior_core.model import DataClass

DAY_S = 86_400


class Role(StrEnum):
    """Who asks."""

    WALL = "wall"
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    SUPERVISOR = "supervisor"
    RESPONSE_TEAM = "response_team"
    PROSECUTOR = "prosecutor"
    DEFENDER = "defender"
    CUSTODIAN = "custodian"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ENGINEER = "engineer"
    AGENCY = "agency"
    PARTNER = "partner"


class Purpose(StrEnum):
    """What for."""

    LIVE_OPERATION = "live_operation"
    DISPATCH = "dispatch"
    INVESTIGATION = "investigation"
    JUDICIAL_REQUEST = "judicial_request"
    REQUEST_HANDLING = "request_handling"
    STATISTICS = "statistics"
    AUDIT = "audit"
    MAINTENANCE = "maintenance"
    VICTIM_SUPPORT = "victim_support"
    AGREEMENT_HANDLING = "agreement_handling"
    SHARED_ALERTS = "shared_alerts"
    SHARED_FOOTAGE = "shared_footage"


class Share(StrEnum):
    """What an agreement may share (:mod:`cior_core.agreements`)."""

    ALERTS = "alerts"
    LIVE = "live"
    CLIPS = "clips"


class LegalBasis(StrEnum):
    """By which authority, when one is needed."""

    NONE = "none"
    PROSECUTOR_ORDER = "prosecutor_order"
    COURT_ORDER = "court_order"


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """One request to see one record. ``age_s`` is the record's age; ``approvers`` counts people other than the one who
    asks. ``shares``: what this would be a share of, any of them; ``agreed``: what the agreement that is open for who
    asks shares."""

    role: Role
    purpose: Purpose
    data_class: DataClass
    legal_basis: LegalBasis = LegalBasis.NONE
    age_s: float = 0.0
    approvers: int = 0
    reason: str = ""
    shares: frozenset[Share] = frozenset()
    agreed: frozenset[Share] = frozenset()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown. ``fields`` must be removed when ``outcome`` is ``redact``; ``rule`` is None for the default
    deny."""

    outcome: Literal["allow", "redact", "deny"]
    code: str
    fields: frozenset[str] = frozenset()
    rule: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table."""

    id: str
    classes: frozenset[DataClass]
    roles: frozenset[Role]
    purposes: frozenset[Purpose]
    outcome: Literal["allow", "redact"]
    owner: str
    reason: str
    redact: frozenset[str] = frozenset()
    legal_basis: frozenset[LegalBasis] = frozenset()
    approvers: int = 0
    needs_reason: bool = False
    needs_agreement: bool = False
    max_age_days: float | None = None

    def concerns(self, asking: Asking) -> bool:
        """Whether role, purpose and class are named here."""
        return (
            asking.role in self.roles
            and asking.purpose in self.purposes
            and asking.data_class in self.classes
        )

    def unmet(self, asking: Asking) -> str | None:
        """Code of the first condition that is not met, None when all are."""
        if self.legal_basis and asking.legal_basis not in self.legal_basis:
            return "deny.legal_basis"
        if asking.approvers < self.approvers:
            return "deny.approvers"
        if self.needs_agreement and asking.shares.isdisjoint(asking.agreed):
            return "deny.agreement"
        if self.needs_reason and not asking.reason.strip():
            return "deny.reason_missing"
        if (
            self.max_age_days is not None and not asking.age_s <= self.max_age_days * DAY_S
        ):  # NaN is refused too
            return "deny.too_old"
        return None


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days that a kind of record is kept when nothing holds it."""

    kind: str
    classes: frozenset[DataClass]
    days: float


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    version: int
    rule: tuple[Rule, ...]
    retention: tuple[Retention, ...]

    @staticmethod
    def load(text: str, *, file: str = "privacy.toml") -> Policy:
        """Read the table. Raises ``ConfigInvalid`` when a row redacts nothing, opens sealed data without reason, team
        or court, or shows a partner anything without an agreement."""
        policy = strict_toml.parse(text, Policy, file=file)
        for rule in policy.rule:
            _lint(rule, file)
        return policy


def _lint(rule: Rule, file: str) -> None:
    if rule.outcome == "redact" and not rule.redact:
        raise ConfigInvalid(
            "privacy.redacts_nothing",
            f"{file}: rule {rule.id} redacts nothing",
            cure="name the fields, or say allow",
        )
    if Role.PARTNER in rule.roles and DataClass.PUBLIC not in rule.classes and not rule.needs_agreement:
        raise ConfigInvalid(
            "privacy.partner_unbound",
            f"{file}: rule {rule.id} shows a partner what no agreement shares",
            cure="say needs_agreement = true",
        )
    opens_sealed = DataClass.SEALED in rule.classes
    guarded = (rule.needs_reason and rule.roles == {Role.RESPONSE_TEAM}) or (
        rule.legal_basis == {LegalBasis.COURT_ORDER} and rule.approvers >= 2
    )
    if opens_sealed and not guarded:
        raise ConfigInvalid(
            "privacy.sealed_too_open",
            f"{file}: rule {rule.id} opens sealed data too easily",
            cure="only the response team with a reason, or a court order with two approvers",
        )


def decide(asking: Asking, policy: Policy) -> Decision:
    """The decision of the first row that concerns the request and whose conditions are met; deny otherwise."""
    refusal = "deny.default"
    for rule in policy.rule:
        if not rule.concerns(asking):
            continue
        unmet = rule.unmet(asking)
        if unmet is None:
            return Decision(
                outcome=rule.outcome, code=f"{rule.outcome}.{rule.id}", fields=rule.redact, rule=rule.id
            )
        refusal = unmet
    return Decision(outcome="deny", code=refusal)


def may_expire(
    *, kind: str, data_class: DataClass, age_s: float, held: bool | None, policy: Policy
) -> tuple[bool, str]:
    """Whether a record may be deleted, with the reason. ``held`` None means the hold store could not answer: fails
    closed (law 7)."""
    if held is None:
        return False, "keep.hold_unknown"
    if held:
        return False, "keep.held"
    for row in policy.retention:
        if row.kind == kind and data_class in row.classes:
            return (True, "expire.retention") if age_s > row.days * DAY_S else (False, "keep.young")
    return False, "keep.no_rule"
