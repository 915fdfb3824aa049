"""Who has how much on their hands, against the alert budget of EEMUA 191 and ISA-18.2: one new alert in ten minutes an
operator is manageable, more than ten are a flood.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec
from aiohttp import web

from cior_console.desk import DESK, ROOM, sees
from cior_console.endpoints import Endpoint, Ledgered
from cior_console.feed import Glance
from cior_console.web import FEED
from cior_core.privacy import Role

MANAGEABLE, FLOOD = 1, 10
"""New alerts in ten minutes for one operator."""
_TEN_MIN_MS, _HOUR_MS = 600_000, 3_600_000


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one person has; ``person`` None: nobody took it yet."""

    person: str | None
    open: int
    life_safety: int
    oldest_ms: int | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """``busy``: operators who have something; ``opened_10min`` and ``opened_60min``: new alerts; ``state``:
    ``manageable``, ``busy`` or ``flood`` by the share of new alerts of each of them.
    """

    now_ms: int
    shares: tuple[Share, ...]
    opened_10min: int
    opened_60min: int
    by_level: dict[str, int]
    busy: int
    budget_10min: int
    flood_10min: int
    state: str


async def _load(request: web.Request) -> Load:
    now_ms = request.app[DESK].now_ms()
    desk = request.app[DESK]
    # What is practised is no load; where the whole centre is a drill, it is all there is.
    real = (each for each in request.app[FEED].glances(sees(request)) if desk.drills or not each.drill)
    return load_of(real, now_ms)


def load_of(glances: Iterable[Glance], now_ms: int) -> Load:
    """The load that these alerts are."""
    of_person: dict[str | None, list[Glance]] = defaultdict(list)
    levels: Counter[str] = Counter()
    fresh = [0, 0]
    for each in glances:
        of_person[each.assignee].append(each)
        levels[each.level.value] += 1
        fresh[0] += now_ms - each.opened_ms <= _TEN_MIN_MS
        fresh[1] += now_ms - each.opened_ms <= _HOUR_MS
    busy = len([person for person in of_person if person is not None])
    share = fresh[0] / max(1, busy)
    return Load(
        now_ms=now_ms,
        shares=tuple(sorted((_share(*each) for each in of_person.items()), key=lambda one: -one.open)),
        opened_10min=fresh[0],
        opened_60min=fresh[1],
        by_level=dict(sorted(levels.items())),
        busy=busy,
        budget_10min=MANAGEABLE,
        flood_10min=FLOOD,
        state="flood" if share > FLOOD else "busy" if share > MANAGEABLE else "manageable",
    )


def _share(person: str | None, glances: list[Glance]) -> Share:
    return Share(
        person=person,
        open=len(glances),
        life_safety=sum(each.life_safety for each in glances),
        oldest_ms=min((each.opened_ms for each in glances), default=None),
    )


def load_endpoints() -> tuple[Endpoint, ...]:
    """Who has how much."""
    return (
        Endpoint(
            name="load.read",
            method="GET",
            path="/api/v1/load",
            says="Open alerts by operator, and how many new ones each gets against the alert budget",
            handler=_load,
            roles=ROOM - {Role.RESPONSE_TEAM},
            ledgered=Ledgered.READ,
            answer=Load,
        ),
    )
