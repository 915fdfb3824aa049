"""Which change of role shows more than the role that is worn."""

from __future__ import annotations

import pytest

from cior_console.sign_in.duties import guarded_roles, sees_more
from cior_core import bundled
from cior_core.people import Grant, Scope
from cior_core.privacy import Policy, Role

POLICY = Policy.load(bundled.text("privacy.toml"))
NORTH, BOTH = Scope(districts=("north",)), Scope(districts=("north", "south"))


@pytest.mark.parametrize(
    ("worn", "wanted", "more"),
    [
        (Grant(Role.OPERATOR), Grant(Role.SUPERVISOR), True),
        (Grant(Role.SUPERVISOR), Grant(Role.OPERATOR), False),
        (Grant(Role.OPERATOR), Grant(Role.DISPATCHER), False),
        (Grant(Role.OPERATOR), Grant(Role.RESPONSE_TEAM), True),
        (Grant(Role.RESPONSE_TEAM), Grant(Role.OPERATOR), False),
        (Grant(Role.OPERATOR), Grant(Role.AUDITOR), True),
        (Grant(Role.OPERATOR), Grant(Role.AGENCY), False),
        (Grant(Role.AGENCY), Grant(Role.OPERATOR), True),
        (Grant(Role.OPERATOR, NORTH), Grant(Role.DISPATCHER), True),
        (Grant(Role.OPERATOR, NORTH), Grant(Role.DISPATCHER, BOTH), True),
        (Grant(Role.OPERATOR, BOTH), Grant(Role.DISPATCHER, NORTH), False),
        (Grant(Role.OPERATOR, NORTH), Grant(Role.DISPATCHER, NORTH), False),
        (Grant(Role.OPERATOR), Grant(Role.DISPATCHER, NORTH), False),
    ],
    ids=lambda each: (
        each if isinstance(each, bool) else f"{each.role.value} of {len(each.scope.districts) or 'all'}"
    ),
)
def test_a_class_a_purpose_or_a_place_more_is_more(worn: Grant, wanted: Grant, more: bool) -> None:
    assert sees_more(POLICY, worn=worn, wanted=wanted) is more


def test_whatever_shows_more_of_people_needs_a_second_factor() -> None:
    guarded = guarded_roles(POLICY)
    for role in Role:
        if role is not Role.WALL and sees_more(POLICY, worn=Grant(Role.WALL), wanted=Grant(role)):
            assert role in guarded
