"""A centre that is an exercise, in a city of its own: ``[centre] drill`` and ``[centre] city``, over real wires
through every part.

Story: the city's folder has four districts nobody else has. A registered bus presses, a stranger's bus presses, a
panel rings and sends noise, a silent panel is pressed, one registered panel never speaks, and the camera is not
there. Afterwards nothing anywhere may be called real, and every place is in a district of that folder.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.geo import City
from cior_store.engine import Store
from e2e.running_centre import RunningCentre, until

pytestmark = [pytest.mark.tansu, pytest.mark.slow, pytest.mark.timeout(300)]


OWN_POPULATION = (
    '\n[[population]]\ndistrict = "own-sw"\npeople = 1234\nyear = 2022\nsource = "Censo propio"\n'
)


class Aftermath(msgspec.Struct, kw_only=True):
    """What is left when the exercise is over; each dictionary counts ``drill`` (0 or 1)."""

    wall: list[dict[str, Any]]
    snapshot_drill: bool
    city: dict[str, Any]
    blind: list[dict[str, Any]]
    counts: dict[str, dict[int, int]]
    types: set[str]
    districts: set[str]
    printed: list[tuple[object, ...]]


def own_city(folder: Path) -> None:
    """Four quarters around the middle of the demonstration city, so that the roster's actors live in them."""
    south, west, north, east = City.demo().bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    corners = {
        "own-sw": (south, west, lat, lon),
        "own-se": (south, lon, lat, east),
        "own-nw": (lat, west, north, lon),
        "own-ne": (lat, lon, north, east),
    }
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "name": name},
            "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]},
        }
        for name, (s, w, n, e) in corners.items()
    ]
    folder.mkdir(parents=True)
    (folder / "districts.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )


async def happen(centre: RunningCentre) -> None:
    traccar, panels, actors = centre.traccar(), centre.panels(), centre.roster.actors
    for name in ("bus-001", "taxi-999"):
        await traccar.position(actors[name], actors[name].lat, actors[name].lon, alarm="sos")
    await panels.alarm(actors["panel-0001"], "120")
    await panels.alarm(actors["panel-silent"], "120")
    await panels.noise(b"\n1234ABCD" + b"\x00" * 40 + b"\r")
    await traccar.close()
    await panels.close()


def printed(folder: Path) -> list[tuple[object, ...]]:
    """The districts as the boards of this centre print them."""
    with Store.open(f"chdb://{folder}") as store:
        rows = store.rows(
            "SELECT district, population, population_source FROM wall.v_districts ORDER BY district"
        )
        return [tuple(row.values()) for row in rows]


def read(folder: Path) -> tuple[dict[str, dict[int, int]], set[str], set[str]]:
    with Store.open(f"chdb://{folder}") as store:
        counts = {
            table: {
                int(row["drill"]): int(row["n"])
                for row in store.rows(f"SELECT drill, count() AS n FROM ops.{table} GROUP BY drill")
            }
            for table in ("raw", "events", "alert_current", "alert_log")
        }
        types = {str(row["type"]) for row in store.rows("SELECT DISTINCT type FROM ops.events")}
        found = store.rows("SELECT DISTINCT district FROM ops.events WHERE district != ''")
        return counts, types, {str(row["district"]) for row in found}


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    folder = tmp_path_factory.mktemp("drill")
    own_city(folder / "own-city")

    def edit(text: str) -> str:
        of_another_city = re.compile(r"\[\[population\]\]\n(?:.+\n)+")
        text = of_another_city.sub("", text) + OWN_POPULATION
        return text.replace("[centre]\n", '[centre]\ndrill = true\ncity = "own-city"\n')

    def files_of_another_city(centre: RunningCentre) -> None:
        path = centre.world.centre_file.with_name("registry.toml")
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("district ="))
        path.write_text(text, encoding="utf-8")

    centre = RunningCentre(folder, edit=edit, with_camera=True)
    files_of_another_city(centre)
    with centre:
        asyncio.run(happen(centre))
        until(lambda: len(centre.ask("/api/wall")["alerts"]) >= 4, within_s=60, what="the presses are alerts")
        until(lambda: len(centre.ask("/api/ask/blind")) >= 2, within_s=60, what="the mute panel is missed")
        snapshot = centre.ask("/api/wall")
        city, blind = centre.ask("/api/city"), centre.ask("/api/ask/blind")
        centre.stack.supervisor.dismiss("vision-1")  # an open camera stretch is stated, not yet recorded
        until(lambda: centre.summary().balance.even, within_s=60, what="what was accepted is stored")
    counts, types, districts = read(folder / "data" / "store")
    return Aftermath(
        wall=snapshot["alerts"],
        snapshot_drill=snapshot["drill"],
        city=city,
        blind=blind,
        counts=counts,
        types=types,
        districts=districts,
        printed=printed(folder / "data" / "store"),
    )


def test_everything_that_was_received_is_an_exercise(aftermath: Aftermath) -> None:
    assert all(found.get(0, 0) == 0 for found in aftermath.counts.values()), aftermath.counts
    assert all(found[1] > 0 for found in aftermath.counts.values())


def test_presses_our_own_parts_and_the_camera_are_among_it(aftermath: Aftermath) -> None:
    assert {"panic.bus", "source.silent", "accounting"} <= aftermath.types
    assert any(name.startswith("camera.") for name in aftermath.types), aftermath.types


def test_the_wall_says_so_and_still_shows_what_is_missing(aftermath: Aftermath) -> None:
    assert aftermath.snapshot_drill
    assert all(row["drill"] for row in aftermath.wall)
    assert "panel:2004" in {spot["name"] for spot in aftermath.blind}


def test_places_are_in_the_configured_city_and_the_wall_draws_it(aftermath: Aftermath) -> None:
    drawn = {each["properties"]["id"] for each in aftermath.city["features"]}
    assert drawn == {"own-sw", "own-se", "own-nw", "own-ne"}
    assert aftermath.districts
    assert aftermath.districts <= drawn


def test_boards_print_the_districts_of_that_city_with_what_the_centre_file_says_of_them(
    aftermath: Aftermath,
) -> None:
    assert aftermath.printed == [
        ("own-ne", None, ""),
        ("own-nw", None, ""),
        ("own-se", None, ""),
        ("own-sw", 1_234, "Censo propio"),
    ]
