"""The endpoints of acts: on an alert, of an incident opened by hand, of the city's posture."""

from __future__ import annotations

from aiohttp import web

from cior_console.acting import BOOK, KEY, PREFER, ActAnswer
from cior_console.acts import ActBody, IncidentBody, PostureBody
from cior_console.desk import ROOM, alert_of, sees
from cior_console.endpoints import Endpoint, Ledgered, body_of
from cior_console.problems import Refused
from cior_console.web import FEED
from cior_core.model import ActionKind
from cior_core.privacy import Purpose, Role

_ELSEWHERE = frozenset(
    {
        ActionKind.OPEN,
        ActionKind.SET_POSTURE,
        ActionKind.HAND_OVER,
        ActionKind.SILENCE,
        ActionKind.UNSILENCE,
    }
)
"""Acts that have an endpoint of their own."""
_TEAM = {Role.RESPONSE_TEAM: Purpose.LIVE_OPERATION}
"""What a sealed alert hides is not touched by an act, so the team need not say why."""
_HEADERS = {
    KEY: "8 to 80 letters, digits, - or _, new for each act; the same again is the same act",
    PREFER: "wait=n: answer with the outcome within n seconds (RFC 7240), at most 10; 1 by itself",
}
_PROBLEMS = (
    "request.key_missing",
    "request.key_reused",
    "act.not_yours",
    "act.incomplete",
    "act.jurisdiction",
    "act.refused",
)


async def _act(request: web.Request) -> web.Response:
    body = body_of(request, ActBody)
    request.app[BOOK].hush(request, body)
    alert = alert_of(request)
    if body.kind in _ELSEWHERE:
        raise Refused("request.malformed", where="kind")
    visibility, feed = sees(request), request.app[FEED]
    if any(feed.find(each, visibility) is None for each in body.target_ids):
        raise Refused("alert.unknown")
    return await request.app[BOOK].take(request, body, body.kind, alert)


async def _incident(request: web.Request) -> web.Response:
    return await request.app[BOOK].take(request, body_of(request, IncidentBody), ActionKind.OPEN)


async def _posture(request: web.Request) -> web.Response:
    return await request.app[BOOK].take(request, body_of(request, PostureBody), ActionKind.SET_POSTURE)


def act_endpoints() -> tuple[Endpoint, ...]:
    """What people do. The journal lets the acknowledgement of life at risk go on while the register is away."""
    return (
        Endpoint(
            name="alert.act",
            method="POST",
            path="/api/v1/alerts/{alert_id}/acts",
            says="An act on an alert: 200 when the centre did it, 202 when that is not known yet, 409: who was first",
            handler=_act,
            roles=ROOM | {Role.AGENCY},
            purpose=Purpose.DISPATCH,
            purpose_of=_TEAM,
            ledgered=Ledgered.ACT,
            goes_on_without_register=True,
            body=ActBody,
            answer=ActAnswer,
            status=202,
            headers=_HEADERS,
            problems=("alert.unknown", "act.conflict", *_PROBLEMS),
        ),
        Endpoint(
            name="incident.open",
            method="POST",
            path="/api/v1/incidents",
            says="Open an incident by hand",
            handler=_incident,
            roles=ROOM,
            purpose=Purpose.DISPATCH,
            purpose_of=_TEAM,
            ledgered=Ledgered.ACT,
            body=IncidentBody,
            answer=ActAnswer,
            status=202,
            headers=_HEADERS,
            problems=_PROBLEMS,
        ),
        Endpoint(
            name="posture.set",
            method="POST",
            path="/api/v1/posture",
            says="Declare the city's posture, or end it",
            handler=_posture,
            roles=frozenset({Role.SUPERVISOR}),
            purpose=Purpose.DISPATCH,
            ledgered=Ledgered.ACT,
            body=PostureBody,
            answer=ActAnswer,
            status=202,
            headers=_HEADERS,
            problems=_PROBLEMS,
        ),
    )
