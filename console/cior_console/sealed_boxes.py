"""Sealed openings: the response team, freshly signed in, says why; the ledger has it, and a signed page outside the
database has the ledger (law 15); then the boxes leave, still closed. The server has no key to them: they are opened in
the team's browser (law 17).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Protocol

import msgspec
from aiohttp import web

from cior_console.authorising import DEED, nothing_more
from cior_console.desk import DESK, alert_of, asked
from cior_console.endpoints import Endpoint, Ledgered, body_of
from cior_console.problems import Refused
from cior_console.said import shown_text
from cior_console.wall_view import is_sealed
from cior_core.model import Alert, DataClass
from cior_core.privacy import Purpose, Role
from cior_store.answers import RawRow


class OpeningBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is opened: stands in the ledger beside the name of who did."""

    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A libsodium sealed box as it was stored (``box`` is base64), with the digest that it arrived with."""

    raw_id: str
    received_ms: int
    sha256: str
    box: bytes


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes of one alert, oldest first; ``missing``: signals whose box the store does not have yet."""

    alert_id: str
    opened_ms: int
    boxes: tuple[Box, ...]
    missing: int


class SealedStore(Protocol):
    """The store, asked by the one user that may read boxes."""

    def sealed_raws(self, raw_ids: Sequence[str], /) -> Sequence[RawRow | None]:
        """Sealed records by their ids, in this order; None for one that it does not have."""
        ...


class SealedRoom(msgspec.Struct, frozen=True):
    """Who has the boxes. ``store`` None: this console was given no user that may read them. ``pinned`` returns once a
    signed page covers what the ledger holds; raises ``SourceUnavailable`` (``checkpoint.unwritten``).
    """

    pinned: Callable[[], Awaitable[None]]
    store: SealedStore | None = None


SEALED = web.AppKey("sealed", SealedRoom)


async def _open(request: web.Request) -> Opening:
    alert, deed, room = alert_of(request), request[DEED], request.app[SEALED]
    store = room.store
    if not is_sealed(alert):
        raise Refused("sealed.not_sealed")
    if store is None:
        raise Refused("sealed.no_store")
    deed.judge(DataClass.SEALED)
    reason = shown_text(body_of(request, OpeningBody).reason)
    entry = deed.entry(reason=reason, detail={"version": alert.version})
    await deed.write(nothing_more, entry=entry)
    await room.pinned()
    rows = await asked(lambda: _boxes(store, alert))
    boxes = tuple(_box(row) for row in rows if row is not None)
    now_ms = request.app[DESK].now_ms()
    return Opening(alert_id=alert.id, opened_ms=now_ms, boxes=boxes, missing=len(rows) - len(boxes))


def _boxes(store: SealedStore, alert: Alert) -> Sequence[RawRow | None]:
    ids = dict.fromkeys(each.raw.raw_id for each in alert.members if each.raw is not None)
    return store.sealed_raws(list(ids))


def _box(row: RawRow) -> Box:
    return Box(raw_id=row.raw_id, received_ms=row.received_ms, sha256=row.sha256, box=row.payload)


def sealed_endpoints() -> tuple[Endpoint, ...]:
    """The one way to a box."""
    return (
        Endpoint(
            name="sealed.open",
            method="POST",
            path="/api/v1/sealed/{alert_id}/openings",
            says="The closed boxes of a sealed alert, for the response team's browser",
            handler=_open,
            roles=frozenset({Role.RESPONSE_TEAM}),
            purpose=Purpose.VICTIM_SUPPORT,
            data_class=DataClass.SEALED,
            needs_fresh_sign_in=True,
            ledgered=Ledgered.ACT,
            body=OpeningBody,
            answer=Opening,
            problems=(
                "alert.unknown",
                "sealed.not_sealed",
                "sealed.no_store",
                "sealed.store_refused",
                "checkpoint.unwritten",
                "request.unavailable",
            ),
        ),
    )
