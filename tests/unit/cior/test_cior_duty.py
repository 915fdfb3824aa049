"""``cior duty``: what an engineer reads before the night."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main

DUTY = """
person = [{ id = "ana", name = "Ana Paz" }, { id = "eva", name = "Eva Ruiz" }]
[[team]]
id = "police"
name_es = "Policía"
name_en = "Police"
shift = [{ starts = "00:00", ends = "00:00", people = ["ana"], deputies = ["eva"] }]
[[team]]
id = "response_team"
name_es = "Equipo de respuesta"
name_en = "Response team"
shift = [{ days = ["mon"], starts = "08:00", ends = "12:00", people = ["eva"] }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "duty.toml").write_text(DUTY, encoding="utf-8")
    contacts = tmp_path / "contacts.toml"
    contacts.touch(mode=0o600)
    contacts.write_text('[ana]\nsms = "+54 261 5550001"\n', encoding="utf-8")
    return tmp_path


def cior(folder: Path, *arguments: str) -> tuple[int, str]:
    command, *rest = arguments
    told = CliRunner().invoke(main, ["duty", command, "--directory", str(folder / "duty.toml"), *rest])
    return told.exit_code, told.output


def test_show_says_who_is_there_and_until_when(folder: Path) -> None:
    code, said = cior(folder, "show")
    assert code == 0
    assert "police (Policía): Ana Paz. Suplentes: Eva Ruiz. Hasta" in said
    assert "police (Police): Ana Paz. Deputies: Eva Ruiz." in cior(folder, "show", "--lang", "en")[1]


def test_check_names_all_that_is_missing_and_no_number(folder: Path) -> None:
    code, said = cior(folder, "check", "--contacts", str(folder / "contacts.toml"), "--days", "7")
    assert code == 2
    assert "response_team no tiene a nadie desde" in said
    assert "los protocolos avisan a ambulance y nadie lo lleva" in said
    assert "response_team atiende alertas reservadas: marque sealed = true" in said
    assert "eva no tiene ningún canal" in said
    assert "555" not in said


def test_check_refuses_contacts_that_others_may_read(folder: Path) -> None:
    (folder / "contacts.toml").chmod(0o640)
    code, said = cior(folder, "check", "--contacts", str(folder / "contacts.toml"))
    assert (code, "keys.readable_by_others" in said) == (2, True)
