"""What the city's provider says of a person, as roles of this centre.

The rules are data: ``[[console.openid.role]]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cior_core.people import Grant, RoleRule, Scope
from cior_core.privacy import Role

_SECOND: Final = frozenset({"mfa", "otp", "hwk", "swk", "sc", "fpt", "face", "iris", "retina", "pop"})
"""Authentication methods (RFC 8176) that are more than a password."""
_LONGEST: Final = 200


def grants(claims: Mapping[str, Any], rules: Sequence[RoleRule]) -> tuple[Grant, ...]:
    """The roles that the rules give, each once; what two rules give for one role is joined (everywhere wins)."""
    found: dict[Role, Scope] = {}
    for rule in rules:
        if rule.value in _values(claims, rule.claim):
            scope = Scope(districts=rule.districts, agencies=rule.agencies)
            found[rule.role] = _joined(found.get(rule.role), scope)
    return tuple(Grant(role, scope) for role, scope in found.items())


def is_two_factors(factors: Sequence[str], context: str, *, contexts: Sequence[str]) -> bool:
    """Whether the provider proved more than a password: by ``amr`` (RFC 8176), or by an ``acr`` that the centre
    trusts.
    """
    return context in contexts or not _SECOND.isdisjoint(factors)


def text(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is text, short enough to be shown; else empty."""
    given = claims.get(name)
    return given.strip()[:_LONGEST] if isinstance(given, str) else ""


def _joined(one: Scope | None, other: Scope) -> Scope:
    if one is None:
        return other
    return Scope(
        districts=_wider(one.districts, other.districts), agencies=_wider(one.agencies, other.agencies)
    )


def _wider(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other))) if one and other else ()


def _values(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    at: Any = claims.get(path)
    if at is None:
        at = claims
        for name in path.split("."):
            at = at.get(name) if isinstance(at, Mapping) else None
    for each in at if isinstance(at, list) else (at,):
        if isinstance(each, str):
            yield each
