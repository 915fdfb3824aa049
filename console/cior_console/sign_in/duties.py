"""What a role demands of a sign-in."""

from __future__ import annotations

from collections.abc import Iterable

from cior_core.model import DataClass
from cior_core.people import Grant
from cior_core.privacy import Policy, Role

_GUARDED = frozenset({DataClass.RESTRICTED, DataClass.SEALED})


def guarded_roles(policy: Policy) -> frozenset[Role]:
    """Roles that some row of the privacy table shows restricted or sealed data. Displays are signed in by a code, not
    by a password, and have none.
    """
    found = {role for rule in policy.rule if not _GUARDED.isdisjoint(rule.classes) for role in rule.roles}
    return frozenset(found - {Role.WALL})


def needs_second_factor(grants: Iterable[Grant], guarded: frozenset[Role]) -> bool:
    """Whether a password alone is too little for this person: one of the roles that they may take is guarded."""
    return any(grant.role in guarded for grant in grants)
