"""Visibility classes: what of an alert may be seen (the row's view), and by whom (the scope), decided on the server.

Rows are encoded once a view and shared by all who have it; a scope only chooses rows. So narrowing costs nothing a
page, and no page is ever sent what it then hides (law 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from cior_core.model import Alert, Struct
from cior_core.people import Scope
from cior_core.privacy import Decision
from cior_core.taxonomy import EventType

_VISION = "vision/"


class View(StrEnum):
    """Which columns: ``PLAIN`` says what and where, never who; ``FULL`` what those need who handle it."""

    PLAIN = "plain"
    FULL = "full"


class Sight(Struct, frozen=True):
    """What decides who sees an alert: where it is, whose competence it is, and the cameras, if only these told it."""

    district: str | None
    agencies: frozenset[str] = frozenset()
    cameras: frozenset[str] = frozenset()


class Visibility(Struct, frozen=True):
    """One class. Hashable: all pages of a class share their bytes."""

    view: View
    scope: Scope = Scope()

    def sees(self, sight: Sight | None) -> bool:
        """Whether an alert of that sight is in the class. What has no district is in every one: nobody else would see
        it (law 16)."""
        if sight is None:
            return False
        scope = self.scope
        if scope.districts and sight.district is not None and sight.district not in scope.districts:
            return False
        if scope.agencies and sight.agencies.isdisjoint(scope.agencies):
            return False
        return not (scope.cameras and sight.cameras) or not sight.cameras.isdisjoint(scope.cameras)


def visibility_of(decision: Decision, scope: Scope) -> Visibility:
    """The class that a decision of the privacy table gives: what redacts who handles an alert gives the plain view."""
    is_plain = decision.outcome != "allow" or "assignee" in decision.fields
    return Visibility(View.PLAIN if is_plain else View.FULL, scope)


Jurisdictions = Mapping[str, frozenset[str]]
"""Type of alert → who is competent: levels of government and the service that answers."""


def jurisdictions(taxonomy: Mapping[str, EventType]) -> dict[str, frozenset[str]]:
    """Whose each type is."""
    return {
        code: frozenset({kind.lead.value, *(each.value for each in kind.supporting), kind.route.value})
        for code, kind in taxonomy.items()
    }


def sight_of(alert: Alert, competent: Jurisdictions) -> Sight:
    """Who sees ``alert``."""
    return Sight(
        district=alert.place.district,
        agencies=competent.get(alert.type, frozenset()),
        cameras=_cameras(alert) if not alert.silent else frozenset(),
    )


def _cameras(alert: Alert) -> frozenset[str]:
    """The cameras that told it, when nothing else did."""
    if not alert.members or not all(_is_camera(each.source) for each in alert.members):
        return frozenset()
    return frozenset(each.subject for each in alert.members)


def _is_camera(source: str) -> bool:
    return source.removeprefix("urn:cior:").startswith(_VISION)
