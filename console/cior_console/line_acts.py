"""A whole line of presses of nobody known (law 16), taken in one go: still one signed act per alert.

Only what shares the line when each act is done is taken by it, as core judges once more. A press that proved meanwhile
whose it is has left the line and stays open; nothing is closed here.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from cior_console import problems
from cior_console.acting import BOOK, KEY, PREFER, ActAnswer, ActPart, First
from cior_console.acts import Name, Words
from cior_console.authorising import DEED, nothing_more
from cior_console.desk import ROOM, sees
from cior_console.endpoints import Endpoint, Ledgered, body_of
from cior_console.problems import Refused
from cior_console.wall_view import is_sealed
from cior_console.web import FEED
from cior_core.errors import SourceUnavailable
from cior_core.model import ActionKind, Alert, AlertStatus
from cior_core.people import LedgerOutcome
from cior_core.privacy import Purpose, Role

MOST = 500
"""The most alerts of one request."""


class LineBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``alert_ids``: those of the line that were on the screen; what came since is not taken."""

    alert_ids: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MOST)]
    reason: Words = ""


class LineAct(msgspec.Struct, frozen=True, kw_only=True):
    """What each of them is asked."""

    line: str
    reason: str


class NotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """One that this request did not take, and why; ``first``: who was first."""

    alert_id: str
    code: str
    es: str
    en: str
    first: First | None = None


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each."""

    line: str
    taken: tuple[ActAnswer, ...]
    not_taken: tuple[NotTaken, ...]


async def _acknowledge(request: web.Request) -> LineAnswer:
    line, body = request.match_info["line"], body_of(request, LineBody)
    request.app[BOOK].hush(request, body)
    alerts, not_taken = _sorted(request, line, body)
    given = LineAct(line=line, reason=body.reason)
    parts = [ActPart(name=alert.id, given=given, alert=alert) for alert in alerts]
    taken: list[ActAnswer] = []
    told_of = await request.app[BOOK].take_each(request, ActionKind.ACKNOWLEDGE, parts)
    for alert, told in zip(alerts, told_of, strict=True):
        if isinstance(told, Refused):
            not_taken.append(_not_taken(alert.id, told))
        else:
            taken.append(told)
    await _write_down(request, taken=len(taken), left=len(not_taken))
    return LineAnswer(line=line, taken=tuple(taken), not_taken=tuple(not_taken))


def _sorted(request: web.Request, line: str, body: LineBody) -> tuple[list[Alert], list[NotTaken]]:
    """What of the named alerts may be taken as this line, and what not. Of one that was taken its act says more."""
    visibility, feed = sees(request), request.app[FEED]
    alerts: list[Alert] = []
    not_taken: list[NotTaken] = []
    for alert_id in dict.fromkeys(body.alert_ids):
        alert = feed.find(alert_id, visibility)
        if alert is None:
            not_taken.append(_not_taken(alert_id, Refused("alert.unknown")))
        elif is_sealed(alert) or (alert.status is AlertStatus.OPEN and alert.group != line):
            not_taken.append(_not_taken(alert_id, Refused("line.left")))
        else:
            alerts.append(alert)
    return alerts, not_taken


def _not_taken(alert_id: str, why: Refused) -> NotTaken:
    told: dict[str, Any] = why.members
    said = problems.document(why.code, **told)
    return NotTaken(
        alert_id=alert_id, code=why.code, es=said.detail_es, en=said.detail, first=told.get("first")
    )


async def _write_down(request: web.Request, *, taken: int, left: int) -> None:
    """The person's one act, beside those that it is made of."""
    deed = request[DEED]
    outcome = LedgerOutcome.ALLOWED if taken else LedgerOutcome.REFUSED
    entry = deed.entry(outcome=outcome, detail={"taken": taken, "left": left})
    try:
        await deed.write(nothing_more, entry=entry)
    except SourceUnavailable:
        if not deed.is_written:  # the journal has each of them, or nothing was done
            raise


def line_endpoints() -> tuple[Endpoint, ...]:
    """Lines of presses of nobody known."""
    return (
        Endpoint(
            name="line.acknowledge",
            method="POST",
            path="/api/v1/lines/{line}/acknowledge",
            says="Take the alerts of one shared line, each by an act of its own; the answer says which were not taken",
            handler=_acknowledge,
            roles=ROOM,
            purpose=Purpose.DISPATCH,
            purpose_of={Role.RESPONSE_TEAM: Purpose.LIVE_OPERATION},
            ledgered=Ledgered.ACT,
            goes_on_without_register=True,
            body=LineBody,
            answer=LineAnswer,
            headers={
                KEY: "8 to 80 letters, digits, - or _; the same again is the same acts",
                PREFER: "wait=n: for the outcomes, n seconds at most (RFC 7240)",
            },
            problems=("request.key_missing", "act.not_yours"),
        ),
    )
