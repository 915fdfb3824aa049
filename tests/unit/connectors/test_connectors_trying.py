"""``cior connector try``: an engineer sees what a file would become before anything runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cior_connectors import registry
from cior_connectors.cli import connector

MAPPING = """folder = "inbox"
format = "csv"
default_type = "call.other"
zone = "America/Argentina/Cordoba"
datetime_formats = ["%d/%m/%Y %H:%M"]
[csv]
delimiter = ";"
[columns]
id = ["numero"]
occurred = "creado"
type = "tipo"
address = ["direccion"]
[[types]]
code = "gun.shooting"
pattern = "balacera"
[[types]]
code = "silent.gbv"
pattern = "violencia"
"""
HEAD = "numero;creado;tipo;direccion\n"
GOOD = "1;24/11/2026 22:05;Balacera;Mitre 1200\n"

Try = Callable[..., Result]


@pytest.fixture
def tried(tmp_path: Path) -> Try:
    """Run the command on a mapping and the text of a file."""

    def run(mapping: str, data: str, *options: str) -> Result:
        (tmp_path / "mapping.toml").write_text(mapping, encoding="utf-8")
        (tmp_path / "file.csv").write_text(data, encoding="utf-8")
        names = [str(tmp_path / "mapping.toml"), str(tmp_path / "file.csv")]
        return CliRunner().invoke(connector, ["try", *names, *options])

    return run


def test_a_file_that_is_understood_is_shown_and_exits_with_0(tried: Try) -> None:
    result = tried(MAPPING, HEAD + GOOD)
    assert result.exit_code == 0, result.output
    for shown in (
        "1. gun.shooting",
        "2026-11-24 22:05:00 -0300 (America/Argentina/Cordoba) ±60 s",
        "sin coordenadas · Mitre 1200",
        "2026/1",
        "Balacera",
        "sellado  no",
        "Todo se entendió: 1 registros.",
    ):
        assert shown in result.output


def test_what_is_not_understood_stands_below_with_its_code_and_exits_with_1(tried: Try) -> None:
    rows = "2;ayer;Choque;Mitre 1201\n3;24/11/2026 22:05;a;b;c;d\n2,02E+11;24/11/2026 22:06;Robo;Mitre 3\n"
    result = tried(MAPPING, HEAD + GOOD + rows)
    assert result.exit_code == 1
    below = result.output.split("No se entendió:")[1]
    for code in ("time_note.unreadable", "cad_drop.columns", "id_note.scientific"):
        assert f"[{code}]" in below
    assert "1 registros, el primero es el 2" in below


def test_a_misspelt_path_is_named(tried: Try) -> None:
    mapping = MAPPING.replace('"csv"', '"ndjson"').replace("[csv]\n", "").replace('delimiter = ";"\n', "")
    result = tried(
        mapping, '{"numero": 1, "creado": "24/11/2026 22:05", "tipo": "x", "dirección": "Mitre 1"}\n'
    )
    assert result.exit_code == 1
    assert "- ningún registro tiene estas columnas del mapa: direccion" in result.output


def test_of_a_sealed_call_only_what_would_leave_is_shown(tried: Try) -> None:
    result = tried(MAPPING, HEAD + "4711;24/11/2026 22:05;Violencia familiar;Mitre 1299\n")
    assert result.exit_code == 0
    assert "silent.gbv" in result.output
    assert not re.search("4711|familiar|1299", result.output)


def test_ten_are_shown_of_many_and_all_are_counted(tried: Try) -> None:
    rows = "".join(f"{n};24/11/2026 22:05;Choque;Mitre {n}\n" for n in range(1, 31))
    result = tried(MAPPING, HEAD + rows + "31;ayer;Choque;Mitre\n", "--lang", "en")
    assert result.exit_code == 1
    assert len(re.findall(r"^\d+\. ", result.output, re.MULTILINE)) == 10
    assert "31 records read, 10 shown" in result.output
    assert "the first is 31" in result.output


def test_signs_that_steer_a_terminal_do_not_reach_it(tried: Try) -> None:
    result = tried(MAPPING, HEAD + "1;24/11/2026 22:05;\x1b[2Jx;Mitre \x9b1\n")
    assert "\x1b" not in result.output
    assert "\x9b" not in result.output


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (MAPPING.replace("numero", "nro"), "cad_drop.header"),
        (MAPPING.replace('zone = "America/Argentina/Cordoba"', 'zone = "Rosario"'), "not an IANA zone"),
        (MAPPING + "kid = 1\n", "kid"),
        ('kind = "dc09"\nname = "x"\n[config]\nhost = "127.0.0.1"\n', "reads no files"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(tried: Try, mapping: str, said: str) -> None:
    result = tried(mapping, HEAD + GOOD)
    assert (result.exit_code, said in result.output) == (1, True), result.output


def test_an_instance_file_is_a_mapping_too_and_an_empty_file_is_not_understood(tried: Try) -> None:
    inside = re.sub(r"^\[+", lambda found: found[0] + "config.", MAPPING, flags=re.MULTILINE)
    instance = f'kind = "cad_drop"\nname = "desk"\n[config]\n{inside}'
    assert "gun.shooting" in tried(instance, HEAD + GOOD).output
    empty = tried(MAPPING, "")
    assert (empty.exit_code, "ningún registro" in empty.output) == (1, True)


def test_both_languages_say_the_same_things() -> None:
    spanish, english = tomllib.loads(
        registry.package_text("cior_connectors._runtime", "trying.toml")
    ).values()
    assert spanish.keys() == english.keys()
    assert spanish["notes"].keys() == english["notes"].keys()
    for name, sentence in spanish.items():
        if isinstance(sentence, str):
            assert re.findall(r"{\w+}", sentence) == re.findall(r"{\w+}", english[name]), name
