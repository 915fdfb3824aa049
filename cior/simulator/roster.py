"""Who lives in the simulated city: panels, vehicles and cameras with their places, all from one seed, and the registry file that the centre has of them.

Names follow a rule so that scripts can use them: ``panel-0001``, ``bus-001``, ``taxi-001``. The last two panels of the roster are the drill panel
(``panel-drill``) and the silent one (``panel-silent``); ``taxi-999`` is on nobody's register.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
from cior_core.geo import City

PANELS = 40
BUSES = 60
TAXIS = 40


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One device. ``native`` is its name on the wire (DC-09 account, Traccar uniqueId); ``subject`` its name in events and in the registry."""

    name: str
    kind: str
    native: str
    subject: str
    lat: float
    lon: float
    block: str = ""
    drill: bool = False
    silent: bool = False
    registered: bool = True


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """All actors by name."""

    actors: dict[str, Actor]

    def kind(self, *kinds: str) -> list[Actor]:
        """Actors of these kinds, in order of name."""
        return [actor for actor in self.actors.values() if actor.kind in kinds]


def build(city: City, *, seed: int) -> Roster:
    """The roster of a city; equal seeds give equal rosters."""
    dice = random.Random(seed)  # noqa: S311 - a scene, not a secret
    actors: list[Actor] = []
    for number in range(1, PANELS + 1):
        lat, lon = city_point(city, dice)
        actors.append(Actor(name=f"panel-{number:04d}", kind="panel", native=f"{1000 + number}", subject=f"panel:{1000 + number}", lat=lat, lon=lon,
                            block=f"block-{number // 4:02d}"))
    actors += _neighbours(actors[0], dice)
    for kind, count, first in (("bus", BUSES, 1), ("taxi", TAXIS, 1)):
        for number in range(first, first + count):
            lat, lon = city_point(city, dice)
            native = f"{kind}-{number:03d}"
            actors.append(Actor(name=native, kind=kind, native=native, subject=native, lat=lat, lon=lon))
    lat, lon = city_point(city, dice)
    actors.append(Actor(name="taxi-999", kind="taxi", native="taxi-999", subject="taxi-999", lat=lat, lon=lon, registered=False))
    lat, lon = city_point(city, dice)
    actors.append(Actor(name="camera-plaza", kind="camera", native="camera-plaza", subject="camera-plaza", lat=lat, lon=lon))
    return Roster(actors={actor.name: actor for actor in actors})


def _neighbours(first: Actor, dice: random.Random) -> list[Actor]:
    """A panel eighty metres from the first one, the drill panel and the silent one."""
    def near(name: str, account: str, *, north_m: float, drill: bool = False, silent: bool = False) -> Actor:
        return Actor(name=name, kind="panel", native=account, subject=f"panel:{account}", lat=first.lat + north_m / 111_195, lon=first.lon,
                     block=first.block, drill=drill, silent=silent)

    return [
        near("panel-corner", "2001", north_m=80.0),
        near("panel-drill", "2002", north_m=900.0 + dice.random(), drill=True),
        near("panel-silent", "2003", north_m=1500.0 + dice.random(), silent=True),
    ]


def city_point(city: City, dice: random.Random) -> tuple[float, float]:
    """A point inside one of the districts (rejection sampling; terminates for any city that has an area)."""
    south, west, north, east = city.bounds
    while True:
        lat, lon = dice.uniform(south, north), dice.uniform(west, east)
        if city.district(lat, lon) is not None:
            return round(lat, 6), round(lon, 6)


def registry_rows(actors: Sequence[Actor]) -> list[Actor]:
    """The actors that the centre knows about."""
    return [actor for actor in actors if actor.registered]
