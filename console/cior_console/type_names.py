"""The types of alert by name: what an incident opened by hand, or reclassified, may be."""

from __future__ import annotations

import msgspec
from aiohttp import web

from cior_console.desk import DESK, ROOM
from cior_console.endpoints import Endpoint
from cior_core.model import DataClass


class TypeName(msgspec.Struct, frozen=True, kw_only=True):
    """One type of the taxonomy."""

    code: str
    es: str
    en: str


class TypeNameList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, in order of code."""

    types: tuple[TypeName, ...]


async def _types(request: web.Request) -> TypeNameList:
    names = request.app[DESK].names
    found = (TypeName(code=code, es=names[code].name_es, en=names[code].name_en) for code in sorted(names))
    return TypeNameList(types=tuple(found))


def type_endpoints() -> tuple[Endpoint, ...]:
    """One row of the table."""
    return (
        Endpoint(
            name="types.read",
            method="GET",
            path="/api/v1/types",
            says="The types of alert by name, in both languages",
            handler=_types,
            roles=ROOM,
            data_class=DataClass.PUBLIC,
            answer=TypeNameList,
        ),
    )
