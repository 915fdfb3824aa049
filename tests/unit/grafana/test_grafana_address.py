"""Addresses without secrets, credentials without arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_core.errors import ConfigInvalid
from cior_grafana.access import read_access
from cior_grafana.address import Address, credentials


@pytest.mark.parametrize(
    ("url", "shown", "prefix"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000", ""),
        ("https://grafana.city.example/walls/", "https://grafana.city.example/walls", "walls/"),
        ("https://grafana.city.example/a/b", "https://grafana.city.example/a/b", "a/b/"),
    ],
)
def test_an_address_is_read_in_parts_as_the_packages_want_them(url: str, shown: str, prefix: str) -> None:
    address = Address.parse(url)
    assert address.shown == shown
    assert address.parts["url_path_prefix"] == prefix


def test_an_address_of_six_groups_keeps_its_brackets() -> None:
    assert Address.parse("http://[::1]:3000").parts["host"] == "[::1]"


@pytest.mark.parametrize(
    "url",
    [
        "grafana:3000",
        "ftp://grafana",
        "http://",
        "http://grafana:port",
        "http://grafana?orgId=1",
        "http://grafana/#d",
        "http://admin:hunter2@grafana",
        "http://glsa_hunter2@grafana",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        Address.parse(url)
    assert refused.value.code == "grafana.address"
    assert refused.value.cure
    assert "hunter2" not in str(refused.value)


def test_a_token_comes_from_its_file_first(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    environment = {"CIOR_GRAFANA_TOKEN": "from-environment", "CIOR_GRAFANA_TOKEN_FILE": str(file)}
    assert credentials(environment) == "from-file"
    assert credentials({"CIOR_GRAFANA_TOKEN": "from-environment"}) == "from-environment"


def test_user_and_password_serve_where_there_is_no_token(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    assert credentials({"CIOR_GRAFANA_USER": "admin", "CIOR_GRAFANA_PASSWORD_FILE": str(file)}) == (
        "admin",
        "secret",
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "grafana.secret_file"), ("", "grafana.secret_file"), ("one\ntwo\n", "grafana.secret_file")],
)
def test_a_file_without_one_line_is_no_secret(tmp_path: Path, text: str | None, code: str) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigInvalid) as refused:
        credentials({"CIOR_GRAFANA_TOKEN_FILE": str(file)})
    assert refused.value.code == code


@pytest.mark.parametrize(
    "environment", [{}, {"CIOR_GRAFANA_USER": "admin"}, {"CIOR_GRAFANA_PASSWORD": "secret"}]
)
def test_without_credentials_the_cure_names_the_variables(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid, match="CIOR_GRAFANA_TOKEN_FILE"):
        credentials(environment)


def test_the_packages_own_access_lets_no_team_see_more_than_its_audience() -> None:
    access = read_access()
    seen = {team.name: team.sees for team in access.teams}
    assert "cior-supervisor" not in seen["CIOR Muro"]
    assert seen["CIOR Observatorio"] == ("cior-observatory",)
    assert access.playlists == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[[teams]]\nname = "x"\nsees = ["nowhere"]\n', "grafana.access"),
        ('[[teams]]\nname = "x"\nsee = []\n', "config.unknown_key"),
        ('[[accounts]]\nname = "x"\nrole = "King"\ntoken_days = 1\n', "config.wrong_value"),
    ],
)
def test_a_fault_in_the_access_file_is_named(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "access.toml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as refused:
        read_access(file)
    assert refused.value.code == code


def test_an_access_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_access(tmp_path / "none.toml")
