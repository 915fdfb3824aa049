"""What the centre's rules call things, for screens: types of alert, agencies with their times, postures of the city. A
centre may have a rule pack of its own, so the page asks; what belongs to the release is in ``page_tables``.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from aiohttp import web

from cior_console.desk import DESK, ROOM, WATCHING
from cior_console.endpoints import Endpoint
from cior_console.tagged import tagged
from cior_core.model import DataClass
from cior_core.privacy import Role
from cior_core.protocols import Agency
from cior_core.rules import PostureRule
from cior_core.taxonomy import Government, Route


class TypeName(msgspec.Struct, frozen=True, kw_only=True):
    """One type of the taxonomy: what an incident opened by hand, or reclassified, may be."""

    code: str
    es: str
    en: str


class AgencyName(msgspec.Struct, frozen=True, kw_only=True):
    """Who can be asked to answer. ``accept_s``, ``on_scene_s``: what it has agreed to; 0: nobody waits for that.
    ``answers``: the services whose alerts its people see, in ``districts``; none named: in the whole city.
    """

    id: str
    es: str
    en: str
    government: Government
    accept_s: int
    on_scene_s: int
    support: bool
    answers: tuple[Route, ...] = ()
    districts: tuple[str, ...] = ()

    @classmethod
    def of(cls, agency: Agency) -> AgencyName:
        """What screens need of ``agency``."""
        return cls(
            id=agency.id,
            es=agency.name_es,
            en=agency.name_en,
            government=agency.government,
            accept_s=agency.accept_s,
            on_scene_s=agency.on_scene_s,
            support=agency.support,
            answers=agency.answers,
            districts=agency.districts,
        )


class PostureName(msgspec.Struct, frozen=True, kw_only=True):
    """A state that the city may be declared in, for at most ``hours_max``."""

    id: str
    es: str
    en: str
    hours_max: float


class CentreRules(msgspec.Struct, frozen=True, kw_only=True):
    """Types in order of code; agencies and postures in the order of the pack."""

    types: tuple[TypeName, ...]
    agencies: tuple[AgencyName, ...]
    postures: tuple[PostureName, ...]


def _postures(rules: Iterable[PostureRule]) -> Iterable[PostureName]:
    for rule in rules:
        yield PostureName(id=rule.name, es=rule.name_es, en=rule.name_en, hours_max=rule.hours_max)


async def _rules(request: web.Request) -> web.StreamResponse:
    desk = request.app[DESK]
    names, book = desk.names, desk.protocols
    found = CentreRules(
        types=tuple(
            TypeName(code=code, es=names[code].name_es, en=names[code].name_en) for code in sorted(names)
        ),
        agencies=tuple(map(AgencyName.of, book.agencies.values())) if book is not None else (),
        postures=tuple(_postures(desk.postures)),
    )
    return tagged(request, msgspec.json.encode(found), "application/json")


def rule_endpoints() -> tuple[Endpoint, ...]:
    """One row of the table."""
    return (
        Endpoint(
            name="rules.read",
            method="GET",
            path="/api/v1/rules",
            says="Types of alert, agencies and postures by name, as the centre's rules have them; with an entity tag",
            handler=_rules,
            roles=ROOM | WATCHING | {Role.AUDITOR},
            data_class=DataClass.PUBLIC,
            answer=CentreRules,
        ),
    )
