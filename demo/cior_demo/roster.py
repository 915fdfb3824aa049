"""Who lives in the simulated city: panels, vehicles and cameras with their places, all from one seed, and the
registry file that the centre has of them.

Names follow a rule so that scripts can use them: ``panel-0001``, ``bus-001``, ``taxi-001``; ``panel-corner`` stands
eighty metres from ``panel-0001``, ``panel-drill`` is used for exercises, ``panel-silent`` belongs to the sealed
channel, ``panel-mute`` never speaks; ``taxi-999`` is on nobody's register; ``car-01`` and the others of :data:`UNITS`
can be sent.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cior_core.geo import City

PANELS = 40
BUSES = 60
BUSES_A_ROUTE = 6
TAXIS = 40
UNITS = (
    ("car-01", "patrol", "police"),
    ("car-02", "patrol", "police"),
    ("guard-01", "patrol", "municipal_guard"),
    ("ambulance-01", "ambulance", "ambulance"),
)
"""Name, kind and agency of what the room may send."""
UNIT_KINDS = ("patrol", "ambulance")
CAMERA = "camera-plaza"
SILENT_ACCOUNT = "5EA1ED2003"
"""Long and strange on purpose: the demo looks for it everywhere, and it must be found nowhere."""


Way = tuple[tuple[float, float], ...]
Line = tuple[str, Way]
"""A bus line or a street of the city: what people call it, and its corners (lat, lon)."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One device.

    ``native`` is its name on the wire (DC-09 account, Traccar uniqueId); ``subject`` its name in events and in the
    registry; ``path`` what it drives along, to and fro, in a city that has lines or streets.
    """

    name: str
    kind: str
    native: str
    subject: str
    lat: float
    lon: float
    block: str = ""
    cameras: tuple[str, ...] = ()
    route: str = ""
    agency: str = ""
    path: Way = ()
    drill: bool = False
    silent: bool = False
    registered: bool = True


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """All actors by name."""

    actors: dict[str, Actor]

    def kind(self, *kinds: str) -> list[Actor]:
        """Actors of these kinds, in order of name."""
        return [actor for actor in self.actors.values() if actor.kind in kinds]


def build(city: City, *, seed: int, lines: Sequence[Line] = ()) -> Roster:
    """The roster of a city; equal seeds give equal rosters. Vehicles drive along ``lines``, where there are any."""
    dice = random.Random(seed)  # noqa: S311 - a scene, not a secret
    actors: list[Actor] = []
    for number in range(1, PANELS + 1):
        lat, lon = city_point(city, dice)
        actors.append(
            Actor(
                name=f"panel-{number:04d}",
                kind="panel",
                native=f"{1000 + number}",
                subject=f"panel:{1000 + number}",
                lat=lat,
                lon=lon,
                block=f"block-{number // 4:02d}",
                cameras=(CAMERA,) if number == 1 else (),
            )
        )
    actors += _special_panels(actors[0], city, dice)
    for kind, count, first in (("bus", BUSES, 1), ("taxi", TAXIS, 1)):
        for number in range(first, first + count):
            actors.append(_vehicle(kind, number, city, dice, lines=lines))
    lat, lon = city_point(city, dice)
    actors.append(
        Actor(
            name="taxi-999",
            kind="taxi",
            native="taxi-999",
            subject="vehicle:taxi-999",
            lat=lat,
            lon=lon,
            registered=False,
        )
    )
    lat, lon = city_point(city, dice)
    actors.append(
        Actor(
            name=CAMERA,
            kind="camera",
            native=CAMERA,
            subject=CAMERA,
            lat=lat,
            lon=lon,
        )
    )
    actors += _units(city, seed)
    return Roster(actors={actor.name: actor for actor in actors})


def _units(city: City, seed: int) -> Iterator[Actor]:
    dice = random.Random(f"units of {seed}")  # noqa: S311 - a scene; its own, so that the others stay where they were
    for name, kind, agency in UNITS:
        lat, lon = city_point(city, dice)
        yield Actor(
            name=name, kind=kind, native=name, subject=f"vehicle:{name}", lat=lat, lon=lon, agency=agency
        )


def _vehicle(kind: str, number: int, city: City, dice: random.Random, *, lines: Sequence[Line]) -> Actor:
    """A bus of the city's lines, or of the invented ones 101, 102, …; a taxi serves none."""
    native, turn = f"{kind}-{number:03d}", (number - 1) // BUSES_A_ROUTE
    line, path = (
        lines[(turn if kind == "bus" else dice.randrange(len(lines))) % len(lines)] if lines else ("", ())
    )
    lat, lon = dice.choice(path) if path else city_point(city, dice)
    return Actor(
        name=native,
        kind=kind,
        native=native,
        subject=f"vehicle:{native}",
        lat=lat,
        lon=lon,
        route=(line or str(101 + turn)) if kind == "bus" else "",
        path=path,
    )


def _special_panels(first: Actor, city: City, dice: random.Random) -> list[Actor]:
    """A panel eighty metres from the first one, the drill panel, the silent one, and one that is registered but never
    speaks.
    """
    north_m = 80.0 if city.district(first.lat + 80 / 111_195, first.lon) else -80.0
    corner = Actor(
        name="panel-corner",
        kind="panel",
        native="2001",
        subject="panel:2001",
        lat=round(first.lat + north_m / 111_195, 6),
        lon=first.lon,
        block=first.block,
        cameras=first.cameras,
    )
    drill_at, silent_at, mute_at = city_point(city, dice), city_point(city, dice), city_point(city, dice)
    drill = Actor(
        name="panel-drill",
        kind="panel",
        native="2002",
        subject="panel:2002",
        lat=drill_at[0],
        lon=drill_at[1],
        drill=True,
    )
    silent = Actor(
        name="panel-silent",
        kind="panel",
        native=SILENT_ACCOUNT,
        subject=f"panel:{SILENT_ACCOUNT}",
        lat=silent_at[0],
        lon=silent_at[1],
        silent=True,
    )
    mute = Actor(
        name="panel-mute", kind="panel", native="2004", subject="panel:2004", lat=mute_at[0], lon=mute_at[1]
    )
    return [corner, drill, silent, mute]


def is_beside_sealed(roster: Roster, lat: float, lon: float) -> bool:
    """Whether a coordinate, as it is written, begins like one of a sealed device: what the demo looks for everywhere
    would stand in the record of a vehicle that only passes on its meridian.
    """
    hidden = [(str(actor.lat), str(actor.lon)) for actor in roster.actors.values() if actor.silent]
    return any(str(lat).startswith(north) or str(lon).startswith(east) for north, east in hidden)


def city_point(city: City, dice: random.Random) -> tuple[float, float]:
    """A point inside one of the districts (rejection sampling; terminates for any city that has an area)."""
    south, west, north, east = city.bounds
    while True:
        lat, lon = dice.uniform(south, north), dice.uniform(west, east)
        if city.district(lat, lon) is not None:
            return round(lat, 6), round(lon, 6)


VEHICLE_SILENCE_S = 300.0
PANEL_SILENCE_S = 120.0
MUTE_SILENCE_S = 8.0
CAMERA_SILENCE_S = 3_600.0


def registry_toml(roster: Roster, city: City) -> str:
    """The centre's registry of the actors it knows, as TOML; cameras have a catalogue of their own.

    A device is silent after three missed reports, so its longest normal silence is written down.
    """
    rows = [_row(actor, city) for actor in roster.actors.values() if _is_device(actor)]
    return "\n\n".join(rows) + "\n"


def _is_device(actor: Actor) -> bool:
    return actor.registered and actor.kind != "camera"


_SILENCE_S = {"panel": PANEL_SILENCE_S, "bus": VEHICLE_SILENCE_S, "taxi": VEHICLE_SILENCE_S} | dict.fromkeys(
    UNIT_KINDS, VEHICLE_SILENCE_S
)


def _row(actor: Actor, city: City) -> str:
    """One device. The panel of a block is its community alarm, with the block's siren."""
    fields: dict[str, Any] = {
        "id": actor.subject,
        "kind": "community" if actor.block else actor.kind,
        "name": actor.name,
        "expected_every_s": MUTE_SILENCE_S if actor.name == "panel-mute" else _SILENCE_S[actor.kind],
        "data_class": "sealed" if actor.silent else "restricted",
        "registered_people": actor.kind in ("bus", "taxi"),
        "drill": actor.drill,
    }
    if actor.route:
        fields["route"] = actor.route
    if actor.agency:
        fields["agency"] = actor.agency
    if actor.block:
        fields |= {"block": actor.block, "siren": True, "cameras": list(actor.cameras)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    if actor.kind == "panel":
        lines += [
            "[device.place]",
            'method = "site"',
            f"lat = {actor.lat}",
            f"lon = {actor.lon}",
            "accuracy_m = 15.0",
            f"district = {json.dumps(city.bucket(actor.lat, actor.lon))}",
        ]
    return "\n".join(["[[device]]", *lines])
