"""Who can be asked to answer: names, clocks' limits and jurisdiction, as the pack of the centre has them."""

from __future__ import annotations

import msgspec
from aiohttp import web

from cior_console.desk import DESK, ROOM
from cior_console.endpoints import Endpoint
from cior_core.model import DataClass
from cior_core.privacy import Role
from cior_core.protocols import Agency


class AgencyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. ``accept_s``, ``on_scene_s``: within which it is awaited (0: nobody waits); ``answers``: services;
    ``districts``: where, empty for the whole city.
    """

    id: str
    es: str
    en: str
    government: str
    accept_s: int
    on_scene_s: int
    support: bool
    answers: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()


async def _agencies(request: web.Request) -> list[AgencyRow]:
    book = request.app[DESK].protocols
    return [_row(each) for each in book.agencies.values()] if book is not None else []


def _row(agency: Agency) -> AgencyRow:
    return AgencyRow(
        id=agency.id,
        es=agency.name_es,
        en=agency.name_en,
        government=agency.government.value,
        accept_s=agency.accept_s,
        on_scene_s=agency.on_scene_s,
        support=agency.support,
        answers=tuple(each.value for each in agency.answers),
        districts=agency.districts,
    )


def agency_endpoints() -> tuple[Endpoint, ...]:
    """One row of the table."""
    return (
        Endpoint(
            name="agencies.read",
            method="GET",
            path="/api/v1/agencies",
            says="Who can be asked to answer: names, how long each is awaited, services and districts",
            handler=_agencies,
            roles=ROOM | {Role.AGENCY},
            data_class=DataClass.PUBLIC,
            answer=list[AgencyRow],
        ),
    )
