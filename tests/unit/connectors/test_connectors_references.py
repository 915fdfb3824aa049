"""A mapping whose parts are kept once and used by several desks: what ``$ref`` brings, and what it may not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from cior_connectors._runtime import process, references
from cior_connectors._runtime.settings import read_config
from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.cli import connector
from cior_core.errors import ConfigInvalid

DESK = """
kind = "cad_drop"
name = "desk"
[config]
"$ref" = "shared/desk.toml"
folder = "inbox"

[config.columns]
"$ref" = "shared/columns.json#/spanish"
id = ["numero"]

[[config.types]]
code = "gun.shooting"
pattern = "balacera"
[[config.types]]
"$ref" = "shared/desk.toml#/more/types"
[[config.types]]
code = "traffic.collision"
pattern = "choque"
"""
SHARED = """
format = "csv"
zone = "America/Argentina/Cordoba"
default_type = "call.other"
"""
TYPES = """
types = [{ code = "fire.other", pattern = "incendio" }, { code = "silent.gbv", pattern = "violencia" }]
"""
COLUMNS = {"spanish": {"occurred": "creado", "type": "tipo", "id": ["otro"], "lat": "lat", "lon": "lon"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A desk's file and what it shares."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "desk.toml").write_text(SHARED)
    (tmp_path / "shared" / "types.toml").write_text(TYPES)
    (tmp_path / "shared" / "columns.json").write_text(json.dumps(COLUMNS))
    text = DESK.replace("shared/desk.toml#/more/types", "shared/types.toml#/types")
    (tmp_path / "desk.toml").write_text(text)
    return tmp_path


def config(path: Path) -> CadDropConfig:
    return cast("CadDropConfig", process.plan(path, test_mode=False).settings.config)


def test_a_mapping_takes_tables_and_lists_from_the_files_beside_it(folder: Path) -> None:
    read = config(folder / "desk.toml")
    assert (read.folder, read.zone, read.default_type) == ("inbox", "America/Argentina/Cordoba", "call.other")
    assert (read.columns.occurred, read.columns.lat) == ("creado", "lat")
    assert read.columns.id == ("numero",), "keys beside a reference win"
    codes = [rule.code for rule in read.types]
    assert codes == ["gun.shooting", "fire.other", "silent.gbv", "traffic.collision"], (
        "the first that matches wins"
    )


def test_what_is_shared_may_refer_further_from_its_own_folder_and_within_itself(folder: Path) -> None:
    (folder / "shared" / "desk.toml").write_text(
        SHARED + '"bounds" = { "$ref" = "deep/city.toml#/places/a~1b%20c" }\n'
    )
    (folder / "shared" / "deep").mkdir()
    (folder / "shared" / "deep" / "city.toml").write_text(
        'west = -61\n[places."a/b c"]\nsouth = -34\nnorth = -32\neast = -60\nwest = { "$ref" = "#/west" }\n'
    )
    bounds = config(folder / "desk.toml").bounds
    assert bounds is not None
    assert (bounds.south, bounds.west) == (-34, -61)


def test_a_mounted_config_map_is_a_folder_like_another(folder: Path) -> None:
    """Kubernetes mounts files as links into a folder below."""
    mounted = folder / "mounted"
    data = mounted / "..2026_11_27"
    data.mkdir(parents=True)
    for name in ("desk.toml", "shared"):
        (folder / name).rename(data / name)
        (mounted / name).symlink_to(f"..2026_11_27/{name}")
    assert config(mounted / "desk.toml").zone == "America/Argentina/Cordoba"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("../keys.toml", "outside"),
        ("shared/../../keys.toml", "outside"),
        ("{outside}/keys.toml", "outside"),
        ("link.toml", "outside"),
        ("linked/keys.toml", "outside"),
        ("..\\\\keys.toml", "outside"),
        ("a\\u0000b.toml", "outside"),
        ("https://example.org/x.toml", "unreadable"),
        ("nowhere.toml", "unreadable"),
        ("shared", "unreadable"),
        ("pipe", "unreadable"),
        ("binary.toml", "unreadable"),
        ("twice.json", "unreadable"),
        ("long.toml", "unreadable"),
        ("shared/desk.toml#/zona", "nowhere"),
        ("shared/desk.toml#/zone/x", "nowhere"),
        ("shared/types.toml#/types/2", "nowhere"),
        ("shared/desk.toml#zone", "wrong"),
        ("shared/desk.toml#/zone", "wrong"),
        ("circle.toml", "cycle"),
        ("#/config", "cycle"),
        ("laughs.toml#/a", "too_much"),
    ],
)
def test_what_a_reference_may_not_name_is_refused_with_a_cure(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, reference: str, code: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "keys.toml").write_text('zone = "secret"\n')
    (folder / "link.toml").symlink_to(outside / "keys.toml")
    (folder / "linked").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    (folder / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (folder / "twice.json").write_text('{"a": 1, "a": 2}')
    (folder / "long.toml").write_text("#" * references.MAX_FILE_BYTES + "\n")
    (folder / "circle.toml").write_text('"$ref" = "round.toml"\n')
    (folder / "round.toml").write_text('"$ref" = "circle.toml"\n')
    rows = ['a = [{ "$ref" = "#/b" }, { "$ref" = "#/b" }]']
    for one, other in zip("bcdefghijklmnopqrs", "cdefghijklmnopqrst", strict=True):
        rows.append(f'{one} = [{{ "$ref" = "#/{other}" }}, {{ "$ref" = "#/{other}" }}]')
    (folder / "laughs.toml").write_text("\n".join([*rows, 't = ["ha", "ha"]\n']))
    text = (folder / "desk.toml").read_text()
    (folder / "desk.toml").write_text(
        text.replace('"shared/desk.toml"', f'"{reference.replace("{outside}", str(outside))}"')
    )
    with pytest.raises(ConfigInvalid, match=rf"reference\.{code}: ") as caught:
        config(folder / "desk.toml")
    assert " — " in str(caught.value), "no cure"
    assert "secret" not in str(caught.value)


def test_a_fault_in_a_shared_part_names_the_files_to_look_into(folder: Path) -> None:
    (folder / "shared" / "desk.toml").write_text(SHARED + "zoneless = 1\n")
    with pytest.raises(ConfigInvalid, match=r"unknown key 'zoneless'.*shared/desk\.toml"):
        config(folder / "desk.toml")


def test_letters_of_a_reference_inside_a_value_are_a_value(folder: Path) -> None:
    """EIDO's records hold ``$ref`` as data: a path may name it."""
    text = (
        SHARED.replace('"csv"', '"json"')
        + 'folder = "in"\n[columns]\noccurred = "at"\ntype = "incident.$ref"\n'
    )
    read: Any = read_config(text, CadDropConfig, file=str(folder / "eido.toml"))
    assert read.columns.type == "incident.$ref"


def test_try_and_check_read_a_mapping_with_references(folder: Path) -> None:
    (folder / "calls.csv").write_text(
        "numero,creado,tipo,lat,lon\n7,2026-11-26 21:00,incendio,-32.95,-60.64\n", encoding="utf-8"
    )
    tried = CliRunner().invoke(connector, ["try", str(folder / "desk.toml"), str(folder / "calls.csv")])
    assert tried.exit_code == 0, tried.output
    assert "1. fire.other" in tried.output
    (folder / "shared" / "columns.json").unlink()
    refused = CliRunner().invoke(connector, ["check", str(folder / "desk.toml")])
    assert refused.exit_code == 1
    assert "reference.unreadable" in refused.output
