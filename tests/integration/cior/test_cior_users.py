"""``cior users`` and ``cior register`` as whoever keeps the machine types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from sqlalchemy import select

from cior.cli import main
from cior_bus.centre import load
from cior_core.people import Scope
from cior_core.privacy import Role
from cior_register import ledger, people, recovery
from cior_register.ledger import LedgerQuestion
from cior_register.place import ADDRESS, OWNER, register_dsn
from cior_register.register import Register
from cior_register.tables import RECOVERY_CODES
from cior_sink.checkpoints import PageFile
from cior_sink.ledger_pages import ledger_place
from engines.registers import RegisterPlace


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Villa Prueba"\n')
    return tmp_path / "centre.toml"


@pytest.fixture
def on(config: Path, register_place: RegisterPlace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A centre whose register is the test's."""
    monkeypatch.setenv(ADDRESS, register_place.dsn)
    monkeypatch.setenv(OWNER, register_place.owner_dsn)
    return config


def run(*arguments: str, config: Path, code: int = 0) -> Result:
    ran = CliRunner().invoke(main, [*arguments, "--config", str(config), "--language", "en"])
    assert ran.exit_code == code, ran.output + str(ran.exception)
    return ran


def password_of(output: str) -> str:
    found = re.findall(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", output)
    assert len(found) == 1, output  # printed once
    return str(found[0])


def test_somebody_is_added_reset_disabled_and_enabled_and_the_ledger_says_so(on: Path) -> None:
    made = run(
        "users", "add", "Ana", "--name", "Ana Pérez", "--role", "operator", "--district", "centro", config=on
    )
    first = password_of(made.output)
    second = password_of(run("users", "reset", "ana", config=on).output)
    assert first != second
    run("users", "disable", "ana", config=on)
    assert "disabled" in run("users", "list", config=on).output
    run("users", "enable", "ana", config=on)
    run("users", "grant", "ana", "--role", "supervisor", config=on)
    run("users", "grant", "ana", "--role", "operator", "--withdraw", config=on)
    register = Register.open(register_dsn(load(on)))
    try:
        found = register.read_now(lambda connection: people.credentials(connection, "ana"))
        rows = register.read_now(lambda connection: ledger.rows(connection, LedgerQuestion()))
    finally:
        register.close()
    assert found is not None
    assert found.password_hash is not None
    assert PasswordHasher().verify(found.password_hash, second)
    assert "m=19456,t=2,p=1" in found.password_hash
    assert found.person.must_change
    assert [(each.role, each.scope) for each in found.person.grants] == [(Role.SUPERVISOR, Scope())]
    assert [row.entry.act for row in rows] == [
        "people.withdraw", "people.grant", "people.enabled", "people.disabled", "people.reset", "people.add",
    ]  # fmt: skip
    assert {row.entry.actor for row in rows} == {"cior users"}
    told = "".join(str(row) for row in rows)
    assert first not in told
    assert second not in told


def test_who_lost_the_telephone_gets_codes_and_keeps_the_password(on: Path) -> None:
    run("users", "add", "ana", "--name", "Ana", "--role", "operator", config=on)
    codes = re.findall(
        r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", run("users", "reset", "ana", "--codes", config=on).output
    )
    assert len(set(codes)) == 10
    register = Register.open(register_dsn(load(on)))
    try:
        person = register.read_now(lambda c: people.by_login(c, "ana"))
        rows = register.read_now(lambda connection: ledger.rows(connection, LedgerQuestion()))
        left = register.read_now(lambda c: recovery.left(c, person.id))
        kept = register.read_now(lambda c: c.execute(select(RECOVERY_CODES.c.digest)).scalars().all())
    finally:
        register.close()
    assert left == 10
    assert [row.entry.act for row in rows] == ["people.recovery_codes", "people.add"]
    told = "".join(map(str, rows)) + "".join(bytes(each).hex() for each in kept)
    assert not any(code in told or code.replace("-", "") in told for code in codes)
    again = run("users", "reset", "ana", config=on)
    assert password_of(again.output)
    register = Register.open(register_dsn(load(on)))
    try:
        assert register.read_now(lambda c: recovery.left(c, person.id)) == 0, "a whole reset voids them"
    finally:
        register.close()


@pytest.mark.parametrize("login", ["", "a b", "ana\u202e", "a" * 65, "<b>"])
def test_a_login_that_cannot_be_read_aloud_is_refused(login: str, config: Path) -> None:
    ran = run("users", "add", login, "--name", "Ana", "--role", "operator", config=config, code=1)
    assert "people.login" in ran.output


def test_a_login_is_given_once_however_it_is_written(config: Path) -> None:
    run("users", "add", "ana", "--name", "Ana", "--role", "operator", config=config)
    again = run("users", "add", "ＡＮＡ", "--name", "Ana", "--role", "operator", config=config, code=1)
    assert "people.login_taken" in again.output


def test_an_agency_that_the_pack_does_not_have_is_refused_by_name(config: Path) -> None:
    named = ("users", "add", "eva", "--name", "Eva", "--role", "agency", "--agency")
    refused = run(*named, "bomberos", config=config, code=2).output
    assert "users.agency_unknown" in refused
    assert "fire_brigade" in refused, "and told what there is"
    run(*named, "fire_brigade", config=config)


def test_who_is_not_there_is_not_reset(config: Path) -> None:
    assert "people.unknown" in run("users", "reset", "nadie", config=config, code=1).output


def test_a_register_is_migrated_shown_copied_and_restored(on: Path, register_place: RegisterPlace) -> None:
    run("register", "migrate", config=on)
    run("users", "add", "ana", "--name", "Ana", "--role", "auditor", config=on)
    assert "1 entries, 1 people" in run("register", "status", config=on).output
    copy = on.parent / "copia"
    assert "1 entries" in run("register", "backup", str(copy), config=on).output
    assert "register.not_empty" in run("register", "restore", str(copy), config=on, code=2).output


def test_verification_holds_the_ledger_against_the_pages_outside(config: Path) -> None:
    centre = load(config)
    for n in range(3):
        run("users", "add", f"ana{n}", "--name", "Ana", "--role", "operator", config=config)
    register = Register.open(register_dsn(centre))
    head = register.head
    register.close()
    assert head is not None
    PageFile(ledger_place(centre)).append(heads=[head], sealed=(), at_ms=1_795_262_400_000)
    assert "register" in run("register", "verify", config=config).output
    for path in (centre.data / "register").glob("register.db*"):
        path.unlink()
    run("users", "add", "eva", "--name", "Eva", "--role", "operator", config=config)
    assert "TAIL CUT" in run("register", "verify", config=config, code=2).output


def test_pages_have_a_name_and_a_key_of_their_own(config: Path) -> None:
    place = ledger_place(load(config))
    assert place.origin == "cior/villa-prueba/register"
    assert bytes(place.key) == bytes(ledger_place(load(config)).key)
    assert not (load(config).data / "keys").exists()  # a service is shown its keys to read only


def test_an_address_that_is_none_is_refused_with_its_cure(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS, "mysql://x/y")
    assert "postgresql://" in run("users", "list", config=config, code=2).output
