"""Where the register is, and where its password comes from: never an argument, never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_register.dsn import RegisterDsn
from cior_register.place import ADDRESS, OF_PASSWORD, OWNER, register_dsn

CENTRE = '[centre]\nname = "Ensayo"\n[register]\ndsn = "postgresql://cior_register@server:5432/cior"\n'


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    for name in (ADDRESS, OWNER):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name + OF_PASSWORD, raising=False)
    (tmp_path / "centre.toml").write_text(CENTRE)
    (tmp_path / "service").write_text("p@ss/wörd:1\n")
    (tmp_path / "owner").write_text("of the owner")
    return load(tmp_path / "centre.toml")


def test_the_password_of_a_file_joins_the_address_of_the_centre_file(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS + OF_PASSWORD, str(tmp_path / "service"))
    address = RegisterDsn.parse(register_dsn(centre))
    assert (address.user, address.password, address.host) == ("cior_register", "p@ss/wörd:1", "server")
    assert "wörd" not in address.shown


def test_the_owner_has_an_address_and_a_password_of_his_own(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS + OF_PASSWORD, str(tmp_path / "service"))
    assert RegisterDsn.parse(register_dsn(centre, as_owner=True)).password == "p@ss/wörd:1", (
        "there is no owner"
    )
    monkeypatch.setenv(OWNER, "postgresql://cior_owner@server/cior")
    monkeypatch.setenv(OWNER + OF_PASSWORD, str(tmp_path / "owner"))
    owner = RegisterDsn.parse(register_dsn(centre, as_owner=True))
    assert (owner.user, owner.password) == ("cior_owner", "of the owner")


def test_a_password_in_the_address_outranks_the_file_and_a_file_that_is_not_there_is_said(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS + OF_PASSWORD, str(tmp_path / "nothing"))
    with pytest.raises(ConfigInvalid, match=r"register\.password_file"):
        register_dsn(centre)
    monkeypatch.setenv(ADDRESS, "postgresql://cior_register:said@server/cior")
    assert RegisterDsn.parse(register_dsn(centre)).password == "said"
