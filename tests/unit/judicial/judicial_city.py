"""A small city's requests: five cameras, Santa Fe's rules, one day of November."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, Span, WrittenItem
from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.judicial.state import Effect, Request
from cior_core.judicial.stepping import step
from cior_core.privacy import LegalBasis

CAMERAS = tuple(f"camera:{n}" for n in range(5))
SANTA_FE = Rules(jurisdiction=bundled_jurisdiction("santa_fe"), zone=ZoneInfo("America/Argentina/Cordoba"))
DAY_MS = 86_400_000


def ms(text: str) -> int:
    """UTC ms of ``2026-11-27T10:00``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW_MS = ms("2026-11-27T12:00")
HOUR = WrittenItem(camera="camera:1", since="2026-11-26T21:00:00-03:00", until="2026-11-26T22:00:00-03:00")
HOUR_SPAN = Span(since_s=ms("2026-11-27T00:00") // 1000, until_s=ms("2026-11-27T01:00") // 1000)


def item(since: str, until: str, camera: str = "camera:1") -> WrittenItem:
    """One item."""
    return WrittenItem(camera=camera, since=since, until=until)


def order(*items: WrittenItem, **more: object) -> Filing:
    """A prosecutor's order for an hour of one camera, unless told otherwise."""
    told: dict[str, object] = {
        "authority": "fiscalia",
        "office": "Fiscalía Regional 2",
        "case": "21-0000001-1",
        "document": "Oficio 1",
        "reason": "Homicidio",
        "items": items or (HOUR,),
        "order": LegalBasis.PROSECUTOR_ORDER,
    }
    return msgspec.convert(told | more, Filing)


def file(filing: Filing | None = None, *, at_ms: int = NOW_MS, is_clerk: bool = False) -> a.File:
    """It arrives from the portal (or on paper, with ``is_clerk``)."""
    by = "clerk" if is_clerk else "prosecutor"
    return a.File(
        by=by, at_ms=at_ms, request="r1", filing=filing or order(), known=CAMERAS, is_clerk=is_clerk
    )


def play(*acts: a.Base, rules: Rules = SANTA_FE) -> tuple[Request, list[Effect]]:
    """The request after all of them, and every effect on the way."""
    request: Request | None = None
    effects: list[Effect] = []
    for act in acts:
        request, told = step(request, cast("a.Act", act), rules)
        effects += told
    assert request is not None
    return request, effects


def sealed_story(*, covered: tuple[Span, ...] = (HOUR_SPAN,), gaps: tuple[a.Gap, ...] = ()) -> list[a.Act]:
    """Received, held, reviewed by two, built and sealed."""
    return [
        file(),
        a.Hold(by=a.SYSTEM, at_ms=NOW_MS + 10),
        a.TakeUp(by="clerk", at_ms=NOW_MS + 1_000),
        a.Approve(by="chief", at_ms=NOW_MS + 2_000),
        a.Assemble(by="builder", at_ms=NOW_MS + 3_000, covered={0: covered}, gaps=gaps),
        a.Seal(by="builder", at_ms=NOW_MS + 4_000, digest="d" * 64),
    ]


NO_ZONE = item("2026-11-26T21:00", "2026-11-26T22:00")

PRESERVE = order(provisional=True, order=LegalBasis.NONE)
