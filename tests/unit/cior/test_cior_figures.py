"""What a centre file says about its people and its costs, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior.config_command import lint
from cior.figures import centre_facts
from cior_bus.centre import load
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_core.geo import City
from cior_demo.town import drawn_town
from cior_demo.world import centre_toml
from cior_store.centre_facts import Population

HEAD = '[centre]\nname = "Ensayo"\n'
DISTRICTS = [district.id for district in City.demo().districts]


def centre(folder: Path, more: str = "") -> Centre:
    path = folder / "centre.toml"
    path.write_text(HEAD + more, encoding="utf-8")
    return load(path)


def people(district: str, number: int = 100, year: int = 2022) -> str:
    where = f'district = "{district}"\n' if district else ""
    return f'[[population]]\n{where}people = {number}\nyear = {year}\nsource = "INDEC"\n'


def test_without_figures_there_is_a_target_but_no_money_and_no_population(tmp_path: Path) -> None:
    facts = centre_facts(centre(tmp_path))
    assert (facts.timezone, facts.response_target_s) == ("America/Argentina/Cordoba", 420)
    assert (facts.officer_hour_cost, facts.operators, facts.population) == (None, None, None)
    assert [each.district for each in facts.districts] == DISTRICTS
    assert all(each.population is None for each in facts.districts)


def test_rosario_2025_took_34637_officer_hours(tmp_path: Path) -> None:
    """103,910 private alarms that called the 911 desk, twenty minutes each (research/mission.md, N5)."""
    assert round(103_910 * centre_facts(centre(tmp_path)).officer_hours_per_dispatch) == 34_637


def test_a_city_whose_districts_were_all_counted_together_has_their_sum(tmp_path: Path) -> None:
    whole = "".join(people(district) for district in DISTRICTS)
    facts = centre_facts(centre(tmp_path, whole))
    assert facts.population == Population(people=600, year=2022, source="INDEC")
    assert centre_facts(centre(tmp_path, people(DISTRICTS[0]))).population is None, "a part is not the whole"
    mixed = "".join(people(district, year=2010 + n) for n, district in enumerate(DISTRICTS))
    assert centre_facts(centre(tmp_path, mixed)).population is None, "counts of two years do not add up"
    own = centre_facts(centre(tmp_path, whole + people("", number=999)))
    assert own.population is not None
    assert own.population.people == 999, "the city's own figure goes before the sum"


def test_a_population_of_an_unknown_district_is_refused_and_the_districts_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = centre(tmp_path, people("cetro"))
    with pytest.raises(ConfigInvalid, match=r"city\.unknown_district") as caught:
        centre_facts(wrong)
    assert "centro" in (caught.value.cure or "")
    (tmp_path / "registry.toml").write_text("")
    assert lint(wrong.path) == 2
    assert "cetro" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('zone = "America/Rosario2"\n', r"config\.zone: centre\.toml:3"),
        ('zone = "../../etc/passwd"\n', r"config\.zone: centre\.toml:3"),
        ("[figures]\noperators = 2\nofficer_hour_cost = 9500.0\n", r"config\.cost_source: centre\.toml:5"),
        (people("centro") + people("centro"), r"config\.population_twice: centre\.toml:9"),
        (people("centro").replace("INDEC", ""), r"config\.wrong_value: centre\.toml:7"),
        ("[figures]\nresponse_target_s = 0\n", r"config\.wrong_value: centre\.toml:4"),
    ],
)
def test_a_fault_is_named_with_its_line_and_a_cure(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigInvalid, match=fault) as caught:
        centre(tmp_path, text)
    assert caught.value.cure


def test_the_simulated_city_says_that_its_figures_are_invented(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(centre_toml(drawn_town()), encoding="utf-8")
    path.with_name("cameras.toml").write_text("", encoding="utf-8")
    facts = centre_facts(load(path))
    assert facts.population is not None
    assert facts.officer_hour_cost is not None
    sources = {each.population.source for each in facts.districts if each.population}
    assert {facts.cost_source, facts.population.source, *sources} == {"inventado para la demostración"}


UNITS = """
[[device]]
id = "movil-7"
kind = "patrol"
name = "Móvil 7"
agency = "police"
expected_every_s = 30

[[device]]
id = "bus-101"
kind = "bus"
"""


def test_the_units_are_the_devices_of_an_agency_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(UNITS, encoding="utf-8")
    [unit] = centre_facts(centre(tmp_path)).units
    assert (unit.unit, unit.name, unit.agency, unit.kind, unit.fresh_s) == (
        "movil-7",
        "Móvil 7",
        "police",
        "patrol",
        90.0,
    )


def test_a_unit_of_an_agency_that_no_protocol_knows_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "registry.toml").write_text(UNITS.replace('"police"', '"polis"'), encoding="utf-8")
    assert lint(centre(tmp_path).path) == 2
    assert "registry.unknown_agency" in capsys.readouterr().out
    (tmp_path / "registry.toml").write_text(UNITS, encoding="utf-8")
    assert lint(tmp_path / "centre.toml") == 0
