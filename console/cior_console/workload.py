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
FINE_24H, MOST_24H = 150, 300
"""New alerts in a day for one position: what it handles well, and its ceiling (EEMUA 191)."""
_TEN_MIN_MS, _HOUR_MS, _DAY_MS = 600_000, 3_600_000, 86_400_000


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one person has; ``person`` None: nobody took it yet."""

    person: str | None
    open: int
    life_safety: int
    oldest_ms: int | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """``busy``: operators who have something; ``opened_*``: new alerts, those that were closed meanwhile too;
    ``state``: ``manageable``, ``busy`` or ``flood`` by the share of new alerts of each of them. ``fine_24h`` and
    ``most_24h``: for one position in a day. Drills are no load.
    """

    now_ms: int
    shares: tuple[Share, ...]
    opened_10min: int
    opened_60min: int
    opened_24h: int
    by_level: dict[str, int]
    busy: int
    budget_10min: int
    flood_10min: int
    fine_24h: int
    most_24h: int
    state: str


async def _load(request: web.Request) -> Load:
    desk, feed, visibility = request.app[DESK], request.app[FEED], sees(request)
    now_ms, is_drill = desk.now_ms(), desk.drills
    # What is practised is no load; where the whole centre is a drill, it is all there is.
    glances = (each for each in feed.glances(visibility) if is_drill or not each.drill)
    openings = feed.openings(visibility, since_ms=now_ms - _DAY_MS)
    return load_of(glances, [each.at_ms for each in openings if is_drill or not each.drill], now_ms)


def load_of(glances: Iterable[Glance], opened_ms: Iterable[int], now_ms: int) -> Load:
    """The load that these open alerts are, when alerts were opened at these instants."""
    of_person: dict[str | None, list[Glance]] = defaultdict(list)
    levels: Counter[str] = Counter()
    for each in glances:
        of_person[each.assignee].append(each)
        levels[each.level.value] += 1
    ages = [now_ms - each for each in opened_ms]
    fresh = sum(age <= _TEN_MIN_MS for age in ages)
    busy = len([person for person in of_person if person is not None])
    share = fresh / max(1, busy)
    return Load(
        now_ms=now_ms,
        shares=tuple(sorted((_share(*each) for each in of_person.items()), key=lambda one: -one.open)),
        opened_10min=fresh,
        opened_60min=sum(age <= _HOUR_MS for age in ages),
        opened_24h=sum(age <= _DAY_MS for age in ages),
        by_level=dict(sorted(levels.items())),
        busy=busy,
        budget_10min=MANAGEABLE,
        flood_10min=FLOOD,
        fine_24h=FINE_24H,
        most_24h=MOST_24H,
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
