"""``cior grafana apply|diff|check`` as typed, with the real boards: what they print, and the codes their help names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cior_grafana.access import read_access
from cior_grafana.alert_rules import titles
from cior_grafana.boards import BOARDS
from cior_grafana.command import grafana
from doubles.mock_grafana import TOKEN, MockGrafana, frames


def run(command: str, *arguments: str) -> Result:
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN, "CIOR_GRAFANA_TOKEN_FILE": "", "CIOR_STORE": ""}
    return CliRunner().invoke(grafana, [command, *arguments], env=environment)


def applied(server: MockGrafana, folder: Path, *more: str) -> Result:
    folders = ["--save", str(folder / "replaced"), "--tokens", str(folder / "tokens")]
    return run("apply", server.url, "--boards", *folders, *more)


@pytest.fixture
def city(server: MockGrafana) -> MockGrafana:
    """A Grafana with the data sources and alert rules that files give it, and no more."""
    server.rules = [{"uid": uid, "title": title} for uid, title in titles().items()]
    for uid, kind in read_access().sources.items():
        server.sources[uid] = {"id": 1, "uid": uid, "name": uid, "type": kind}
    return server


def test_all_boards_go_up_are_the_same_and_answer(city: MockGrafana, tmp_path: Path) -> None:
    first = applied(city, tmp_path)
    assert first.exit_code == 0, first.output
    assert first.output.count("made     board") == len(BOARDS)

    city.asked.clear()
    again = applied(city, tmp_path)
    assert (again.exit_code, city.writes) == (0, [])

    assert run("diff", city.url).output.endswith("nothing differs\n")
    assert run("diff", city.url).exit_code == 0
    checked = run("check", city.url, "--json")
    assert checked.exit_code == 0, checked.output
    counts = json.loads(checked.stdout)["counts"]
    assert counts["ok"] > len(BOARDS)
    assert counts["failing"] == counts["differs"] == counts["missing"] == 0


def test_the_other_language_is_another_board(city: MockGrafana, tmp_path: Path) -> None:
    applied(city, tmp_path)
    there = run("diff", city.url, "--language", "en")
    assert there.exit_code == 1
    assert "board       cior-muro: description: here" in there.output


def test_check_gives_1_for_a_panel_that_fails_and_names_it(city: MockGrafana, tmp_path: Path) -> None:
    applied(city, tmp_path)
    city.answer = lambda query: (
        {"error": "code: 60, UNKNOWN_TABLE"} if "v_data_age" in query.get("rawSql", "") else frames([1])
    )
    checked = run("check", city.url)
    assert checked.exit_code == 1
    assert "missing  query       cior-muro / " in checked.output
    assert "v_data_age: run `cior store migrate`" in checked.output


def test_a_grafana_that_goes_away_half_way_is_told_and_the_next_run_goes_on(
    city: MockGrafana, tmp_path: Path
) -> None:
    city.misbehave(502, "/folders")
    broken = applied(city, tmp_path)
    made = len(city.teams)
    assert made > 0
    assert broken.exit_code == 1
    assert f"stopped after {made} things" in broken.output
    assert "grafana.away" in broken.output

    city.faults.clear()
    whole = applied(city, tmp_path)
    assert whole.exit_code == 0
    assert whole.output.count("same     team") == made
    assert city.folders.keys() == {folder.uid for folder in read_access().folders}


@pytest.mark.parametrize("command", ["apply", "diff", "check"])
def test_a_refused_token_ends_every_command_with_2_and_the_cure(city: MockGrafana, command: str) -> None:
    city.misbehave(401)
    refused = run(command, city.url)
    assert refused.exit_code == 2
    assert "CIOR_GRAFANA_TOKEN_FILE" in refused.output
    assert TOKEN not in refused.output
    assert city.writes == []


@pytest.mark.parametrize(("command", "code"), [("apply", 1), ("diff", 2), ("check", 2)])
def test_a_grafana_that_is_away_is_worth_another_try_and_cannot_be_checked(
    city: MockGrafana, command: str, code: int
) -> None:
    city.misbehave(503)
    away = run(command, city.url)
    assert away.exit_code == code
    assert "grafana.away" in away.output


@pytest.mark.parametrize("command", ["apply", "diff", "check"])
def test_a_grafana_of_another_age_is_left_alone(city: MockGrafana, command: str) -> None:
    city.version = "11.6.0"
    refused = run(command, city.url)
    assert refused.exit_code == 2
    assert "grafana.too_old" in refused.output
    assert city.writes == []


def test_an_address_with_a_password_is_refused_and_not_repeated(city: MockGrafana) -> None:
    refused = run("check", city.url.replace("http://", "http://admin:hunter2@"))
    assert refused.exit_code == 2
    assert "grafana.address" in refused.output
    assert "hunter2" not in refused.output


def test_the_named_package_checks_what_it_can_and_ends_with_2(city: MockGrafana, tmp_path: Path) -> None:
    applied(city, tmp_path)
    checked = run("check", city.url, "--client", "grafana-api")
    assert checked.exit_code == 2
    assert "unread   query       all panels" in checked.output
    assert "ok       board       cior-muro" in checked.output


def test_without_the_package_the_cure_is_said(city: MockGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cior_grafana.adapters.grafana_client_adapter", None)
    told = run("check", city.url)
    assert told.exit_code == 2
    assert "pip install 'cior[grafana]'" in told.output
    assert city.asked == []
