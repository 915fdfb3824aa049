"""Visibility classes: what of an alert may be seen (the row's view), and by whom (the scope), decided on the server.

Rows are encoded once a view and shared by all who have it; a scope only chooses rows. So narrowing costs nothing a
page, and no page is ever sent what it then hides (law 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cior_core.agreements import Agreement
from cior_core.model import Alert, DataClass, Struct
from cior_core.people import Scope
from cior_core.privacy import Decision
from cior_core.protocols import Agency
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
    type: str = ""
    is_sealed: bool = False


class Shared(Struct, frozen=True):
    """What an agreement shares of the alerts: those of its districts or told by its cameras, of its types (none named:
    any). What is sealed, or has no district, is in no agreement.
    """

    agreement: str
    districts: frozenset[str]
    cameras: frozenset[str]
    types: frozenset[str]

    @classmethod
    def of(cls, agreement: Agreement) -> Shared:
        """What this one does."""
        terms = agreement.terms
        return cls(agreement.id, frozenset(terms.districts), frozenset(terms.cameras), frozenset(terms.types))

    def has(self, sight: Sight) -> bool:
        """Whether an alert of that sight is shared."""
        if sight.is_sealed or (self.types and sight.type not in self.types):
            return False
        return sight.district in self.districts or not sight.cameras.isdisjoint(self.cameras)


class Visibility(Struct, frozen=True):
    """One class. Hashable: all pages of a class share their bytes. ``shared``: of a partner, instead of the scope."""

    view: View
    scope: Scope = Scope()
    shared: Shared | None = None

    def sees(self, sight: Sight | None) -> bool:
        """Whether an alert of that sight is in the class. What has no district is in every one: nobody else would see
        it (law 16)."""
        if sight is None:
            return False
        if self.shared is not None:
            return self.shared.has(sight)
        scope = self.scope
        if scope.districts and sight.district is not None and sight.district not in scope.districts:
            return False
        if scope.agencies and sight.agencies.isdisjoint(scope.agencies):
            return False
        return not (scope.cameras and sight.cameras) or not sight.cameras.isdisjoint(scope.cameras)


def visibility_of(decision: Decision, scope: Scope, agreement: Agreement | None = None) -> Visibility:
    """The class that a decision of the privacy table gives: what redacts who handles an alert gives the plain view, and
    under an agreement nobody gets another one.
    """
    if agreement is not None:
        return Visibility(View.PLAIN, scope, Shared.of(agreement))
    is_plain = decision.outcome != "allow" or "assignee" in decision.fields
    return Visibility(View.PLAIN if is_plain else View.FULL, scope)


class Competence:
    """Whose an alert is: the levels of government of its type, the agencies whose service and districts it is in, and
    each agency that was asked (``streams/rules/protocols.toml``).
    """

    def __init__(self, types: Mapping[str, EventType], agencies: Iterable[Agency] = ()) -> None:
        self._agencies = {each.id: each for each in agencies}
        self._types = types
        self._governments = {
            code: frozenset({kind.lead.value, *(each.value for each in kind.supporting)})
            for code, kind in types.items()
        }

    def of(self, alert: Alert) -> frozenset[str]:
        """Levels of government and ids of agencies."""
        kind = self._types.get(alert.type)
        asked = frozenset(clock.agency for clock in alert.agencies)
        if kind is None:
            return asked
        route, district = kind.route, alert.place.district
        own = {each.id for each in self._agencies.values() if each.is_competent(route, district)}
        return asked | own | self._governments.get(alert.type, frozenset())

    def districts(self, scope: Scope) -> tuple[str, ...]:
        """To which districts a scope comes down, its own or those of its agencies; empty: no narrower than the city."""
        if scope.districts or not scope.agencies:
            return scope.districts
        known = [self._agencies.get(each) for each in scope.agencies]
        if any(each is None or not each.districts for each in known):
            return ()
        return tuple(sorted({name for each in known if each is not None for name in each.districts}))


NOBODY_COMPETENT = Competence({})


def sight_of(alert: Alert, competence: Competence) -> Sight:
    """Who sees ``alert``."""
    return Sight(
        district=alert.place.district,
        agencies=competence.of(alert),
        cameras=_cameras(alert) if not alert.silent else frozenset(),
        type=alert.type,
        is_sealed=alert.silent or alert.data_class is DataClass.SEALED,
    )


def _cameras(alert: Alert) -> frozenset[str]:
    """The cameras that told it, when nothing else did."""
    if not alert.members or not all(_is_camera(each.source) for each in alert.members):
        return frozenset()
    return frozenset(each.subject for each in alert.members)


def _is_camera(source: str) -> bool:
    return source.removeprefix("urn:cior:").startswith(_VISION)
