"""What a role demands of a sign-in."""

from __future__ import annotations

from collections.abc import Iterable

from cior_core.model import DataClass
from cior_core.people import Grant, Scope
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


def sees_more(policy: Policy, *, worn: Grant, wanted: Grant) -> bool:
    """Whether ``wanted`` shows what ``worn`` does not: guarded data, for a purpose, or a place beyond its own."""
    is_wider = any(_is_wider(*each) for each in zip(_parts(worn.scope), _parts(wanted.scope), strict=True))
    return is_wider or not _shown(policy, wanted.role) <= _shown(policy, worn.role)


def _shown(policy: Policy, role: Role) -> frozenset[tuple[str, str]]:
    return frozenset(
        (each.value, purpose.value)
        for rule in policy.rule
        if role in rule.roles
        for each in rule.classes & _GUARDED
        for purpose in rule.purposes
    )


def _parts(scope: Scope) -> tuple[tuple[str, ...], ...]:
    return scope.districts, scope.agencies, scope.cameras


def _is_wider(worn: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Of one part of a scope; an empty one is all of it."""
    return bool(worn) and (not wanted or not set(wanted) <= set(worn))
