"""The simulated city is the same city for the same seed, and its script says what it means."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cior_core.errors import ConfigInvalid
from cior_core.geo import City
from cior_core.model import DataClass
from cior_core.registry import Registry
from cior_demo import roster, script
from cior_demo.roster import city_point
from cior_demo.script import Do
from cior_demo.town import imported_town
from cior_demo.world import centre_toml
from unit.city.cities import LAT, LON, city, feature, put

CITY = City.demo()


def test_one_seed_one_city() -> None:
    assert roster.build(CITY, seed=7) == roster.build(CITY, seed=7)
    assert roster.build(CITY, seed=7) != roster.build(CITY, seed=8)


def test_everybody_lives_inside_a_district() -> None:
    for actor in roster.build(CITY, seed=7).actors.values():
        assert CITY.district(actor.lat, actor.lon) is not None, actor.name


def test_the_registry_knows_all_but_the_stranger_and_seals_the_silent_panel() -> None:
    people = roster.build(CITY, seed=7)
    registry = Registry.load(roster.registry_toml(people, CITY))
    assert "vehicle:taxi-999" not in registry
    assert registry[f"panel:{roster.SILENT_ACCOUNT}"].data_class is DataClass.SEALED
    assert registry[f"panel:{roster.SILENT_ACCOUNT}"].siren is False
    assert registry["panel:2002"].drill is True
    known = [actor for actor in people.actors.values() if actor.registered and actor.kind != "camera"]
    assert len(registry) == len(known)


def test_a_blocks_panel_is_its_community_alarm_with_a_siren_and_the_plaza_sees_the_first() -> None:
    people = roster.build(CITY, seed=7)
    registry = Registry.load(roster.registry_toml(people, CITY))
    first = registry["panel:1001"]
    assert (first.kind, first.block, first.siren, first.cameras) == (
        "community",
        "block-00",
        True,
        (roster.CAMERA,),
    )
    assert registry["panel:2001"].cameras == (roster.CAMERA,)
    assert (registry["panel:2002"].kind, registry["panel:2002"].siren) == ("panel", False)
    assert roster.CAMERA not in registry, "cameras are in the catalogue"


def test_six_buses_serve_each_line_and_taxis_serve_none() -> None:
    registry = Registry.load(roster.registry_toml(roster.build(CITY, seed=7), CITY))
    lines = Counter(device.route for device in registry.values() if device.kind == "bus")
    assert lines == {str(line): 6 for line in range(101, 111)}
    assert {device.route for device in registry.values() if device.kind != "bus"} == {None}


def test_the_bundled_script_names_actors_that_exist_and_tells_every_kind_of_trouble() -> None:
    play = script.load(script.bundled_text("viernes"), file="viernes.toml")
    people = roster.build(CITY, seed=play.seed)
    for step in play.step:
        if step.do in (Do.CALL, Do.EDIT, Do.BROKEN_ROW):
            assert step.who == "desk"
        elif step not in play.operators():
            assert step.who in people.actors, step
        for name in (step.near, step.about):
            assert not name or name in people.actors, step
    done = {step.do for step in play.step}
    assert {
        Do.GARBAGE,
        Do.WRONG_CRC,
        Do.BAD_JSON,
        Do.BROKEN_ROW,
        Do.REPEAT,
        Do.PRESS_NOWHERE,
        Do.PRESS_BUFFERED,
        Do.RESEND,
    } <= done


@pytest.mark.parametrize("at_s", ["99", "0.5"])
def test_a_step_out_of_order_or_after_the_end_is_refused(at_s: str) -> None:
    text = script.bundled_text("viernes").replace("at_s = 35.0", f"at_s = {at_s}")
    with pytest.raises(ConfigInvalid, match=r"script\.order"):
        script.load(text, file="viernes.toml")


def test_an_unknown_script_says_which_there_are() -> None:
    with pytest.raises(ConfigInvalid, match="viernes"):
        script.bundled_text("lunes")


def test_a_point_of_the_city_is_in_the_city() -> None:
    import random

    dice = random.Random(3)
    assert all(CITY.district(*city_point(CITY, dice)) for _ in range(50))


def test_a_coordinate_that_begins_as_a_sealed_ones_is_told() -> None:
    people = roster.build(CITY, seed=7)
    silent = people.actors["panel-silent"]
    assert roster.is_beside_sealed(people, silent.lat, 0.0)
    assert roster.is_beside_sealed(people, 0.0, float(f"{silent.lon}31"))
    assert not roster.is_beside_sealed(people, silent.lat + 0.00001, silent.lon + 0.00001)


def test_in_an_imported_city_buses_serve_its_lines_and_drive_along_them(tmp_path: Path) -> None:
    folder = city(tmp_path / "ciudad")
    way = [[LON + n / 1000, LAT + 0.005] for n in range(1, 8)]
    line = feature({"type": "LineString", "coordinates": way}, line="7", branch="Roja", direction="Ida")
    put(folder, "recorridos_colectivos.geojson", line)
    town = imported_town(folder, tmp_path / "pack")
    people = roster.build(town.city, seed=7, lines=town.lines)
    buses = people.kind("bus")
    assert {bus.route for bus in buses} == {"7"}
    corners = {(round(lat, 6), round(lon, 6)) for lon, lat in way}
    assert {(bus.lat, bus.lon) for bus in buses} <= corners
    assert [each.id for each in town.city.districts] == ["las-tortugas", "villa-oeste"]
    text = centre_toml(town)
    assert f'city = "{tmp_path / "pack"}"' in text
    assert 'name = "ciudad (simulada)"' in text
    assert imported_town(tmp_path / "pack", tmp_path / "none").lines == town.lines, "a pack is taken as it is"
