"""What went wrong, as RFC 9457 problem documents in Spanish and English; one catalogue, ``data/problems.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from aiohttp import web

from cior_core import strict_toml
from cior_core.errors import CapacityExhausted, CiorError, SourceUnavailable

MEDIA_TYPE = "application/problem+json"


class Sentence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the catalogue; ``es`` and ``en`` may name ``{members}`` of the problem."""

    status: int
    es: str
    en: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document (RFC 9457 §3). ``code`` is stable; ``detail`` English, ``detail_es`` Spanish.

    ``first``: who was first, of a conflict. ``rule``: which row of the privacy table refused. ``where``: what of the
    request cannot be read.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    detail_es: str
    rule: str | None = None
    where: str | None = None
    first: Any = None
    retry_after_s: int | None = None


class Refused(Exception):
    """Raised by a handler to answer with the problem ``code``; ``members`` are members of the document."""

    def __init__(self, code: str, **members: Any) -> None:
        super().__init__(code)
        self.code, self.members = code, members


@cache
def catalogue() -> Mapping[str, Sentence]:
    """Every problem by its code."""
    text = resources.files("cior_console").joinpath("data", "problems.toml").read_text(encoding="utf-8")
    return strict_toml.parse(text, dict[str, Sentence], file="problems.toml")


def document(code: str, **members: Any) -> Problem:
    """The problem ``code`` with its members. Raises ``KeyError`` for a code that the catalogue does not have."""
    row = catalogue()[code]
    words = {name: value for name, value in members.items() if isinstance(value, str | int)}
    known = {name: value for name, value in members.items() if name in Problem.__struct_fields__}
    return Problem(
        type=f"urn:cior:problem:{code}",
        title=code,
        status=row.status,
        code=code,
        detail=row.en.format_map(words) if words else row.en,
        detail_es=row.es.format_map(words) if words else row.es,
        **known,
    )


def answer(code: str, **members: Any) -> web.Response:
    """The problem as a response; ``retry_after_s`` becomes the header too (RFC 9110 §10.2.3)."""
    made = document(code, **members)
    headers = {"Cache-Control": "no-store"}
    if made.retry_after_s is not None:
        headers["Retry-After"] = str(made.retry_after_s)
    body = msgspec.json.encode(made)
    return web.Response(status=made.status, body=body, content_type=MEDIA_TYPE, headers=headers)


def of_error(error: CiorError) -> web.Response:
    """What to answer when something below could not do it. The error's words stay here: they are for engineers."""
    if isinstance(error, CapacityExhausted):
        return answer("request.busy", retry_after_s=2)
    if isinstance(error, SourceUnavailable):
        code = error.code if error.code in catalogue() else "request.unavailable"
        return answer(code, retry_after_s=2)
    return answer(error.code if error.code in catalogue() else "request.failed")
