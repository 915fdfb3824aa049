"""The provisioning files are what the code makes, have the shapes that Grafana reads, and ask for no name of the
environment that docker-compose.yml does not give.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cior_core.errors import ConfigInvalid
from cior_grafana import provisioning
from cior_grafana.access import read_access
from cior_grafana.board import PROMETHEUS_UID
from cior_grafana.queries import Audience

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / "deploy" / "grafana" / "provisioning"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
GRAFANA = COMPOSE["services"]["grafana"]
FILES = provisioning.files()
TREES: dict[str, Any] = {name: yaml.safe_load(text) for name, text in FILES.items()}


def strings(tree: Any) -> Iterator[str]:
    """Every text in a tree."""
    match tree:
        case dict():
            for value in tree.values():
                yield from strings(value)
        case list():
            for value in tree:
                yield from strings(value)
        case str():
            yield tree
        case _:
            return


def as_grafana_fills_in(text: str, environment: dict[str, str]) -> str:
    """Grafana's own way (pkg/services/provisioning/values): ``$$`` is a dollar, ``$NAME`` and ``${NAME}`` are names,
    and what is not set becomes nothing.
    """
    name = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
    parts = [
        name.sub(lambda found: environment.get(found[1] or found[2], ""), part) for part in text.split("$$")
    ]
    return "$".join(parts)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_committed_file_is_what_the_code_makes(name: str) -> None:
    assert (HOME / name).read_text(encoding="utf-8") == FILES[name], "run: cior grafana provision"


def test_nothing_else_lies_in_the_folder_that_grafana_reads() -> None:
    there = {str(path.relative_to(HOME)) for path in HOME.rglob("*") if path.is_file()}
    assert there == set(FILES)


def test_the_files_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    written = list(provisioning.write(tmp_path))
    assert sorted(str(path.relative_to(tmp_path)) for path in written) == sorted(FILES)


def test_outside_a_checkout_a_folder_must_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(provisioning, "HOME", tmp_path / "a" / "b" / "c")
    with pytest.raises(ConfigInvalid, match=r"grafana\.no_checkout"):
        list(provisioning.write())
    assert list(tmp_path.iterdir()) == []


def test_alerting_files_have_the_shape_that_grafana_exports(test_data: Path) -> None:
    """The export form of the interface is the file form; the contract's schemas know no other key."""
    contract = json.loads((test_data / "grafana" / "http_api_contract.json").read_text(encoding="utf-8"))
    schema = {"$ref": "#/$defs/AlertingFileExport", "$defs": contract["$defs"]}
    validator = jsonschema.Draft202012Validator(schema)
    alerting = [tree for name, tree in TREES.items() if name.startswith("alerting/")]
    assert len(alerting) == 3
    assert [each.message for tree in alerting for each in validator.iter_errors(tree)] == []
    assert list(validator.iter_errors({**alerting[0], "grupos": []}))


def test_contact_points_and_policy_fit_the_http_interface_too(test_data: Path) -> None:
    contract = json.loads((test_data / "grafana" / "http_api_contract.json").read_text(encoding="utf-8"))
    point = TREES["alerting/contact_points.yaml"]["contactPoints"][0]
    (policy,) = TREES["alerting/policies.yaml"]["policies"]
    bodies = [("EmbeddedContactPoint", {**each, "name": point["name"]}) for each in point["receivers"]]
    bodies.append(("Route", {key: value for key, value in policy.items() if key != "orgId"}))
    for name, body in bodies:
        schema = {"$ref": f"#/$defs/{name}", "$defs": contract["$defs"]}
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(body)) == []


def test_every_name_of_the_environment_is_given_by_compose() -> None:
    wanted = {
        name for tree in TREES.values() for text in strings(tree) for name in re.findall(r"\$\{(\w+)\}", text)
    }
    assert {"CIOR_GRAFANA_WEBHOOK_URL", "CIOR_GRAFANA_LANGUAGE"} <= wanted
    assert wanted <= GRAFANA["environment"].keys()


def test_a_dollar_stands_only_before_a_name_in_braces() -> None:
    for tree in TREES.values():
        for text in strings(tree):
            assert "$" not in re.sub(r"\$\{CIOR_\w+\}", "", text), text


def test_rules_hold_no_dollar_at_all_so_nothing_can_be_lost_in_them() -> None:
    """Grafana takes questions raw and fills in the rest: the text after filling in is the text before."""
    for text in strings(TREES["alerting/rules.yaml"]):
        assert as_grafana_fills_in(text, dict(os.environ)) == text
    assert as_grafana_fills_in("{{ $values.B }} of $$5", {}) == "{{ .B }} of $5"


def test_each_audience_has_its_own_source_user_database_and_folder() -> None:
    sources = {each["uid"]: each for each in TREES["datasources/cior.yaml"]["datasources"]}
    assert set(sources) == {*(each.source_uid for each in Audience), PROMETHEUS_UID}
    assert sources.keys() == read_access().sources.keys()
    users = (ROOT / "deploy" / "clickhouse" / "users.d" / "cior.xml").read_text(encoding="utf-8")
    for audience in Audience:
        data = sources[audience.source_uid]["jsonData"]
        assert f"<{data['username']}>" in users
        assert data["defaultDatabase"] == audience.value
    passwords = [each["secureJsonData"]["password"] for uid, each in sources.items() if uid != PROMETHEUS_UID]
    assert len(set(passwords)) == 3
    folders = {each["folderUid"]: each["folder"] for each in TREES["dashboards/cior.yaml"]["providers"]}
    assert folders == {shelf.uid: shelf.title for shelf in read_access().folders}


def test_rules_live_in_a_folder_of_their_own() -> None:
    """Rules are loaded before boards: in a board's folder they would make it, with another uid."""
    (group,) = TREES["alerting/rules.yaml"]["groups"]
    assert group["folder"] not in {each["folder"] for each in TREES["dashboards/cior.yaml"]["providers"]}


def test_nothing_can_be_edited_by_hand() -> None:
    assert all(each["editable"] is False for each in TREES["datasources/cior.yaml"]["datasources"])
    for each in TREES["dashboards/cior.yaml"]["providers"]:
        assert (each["allowUiUpdates"], each["disableDeletion"]) == (False, True)


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_board_lies_where_its_audiences_folder_is_read(language: str) -> None:
    mounts = dict(
        each.rsplit(":", 2)[:2] for each in GRAFANA["volumes"] if each.startswith("./deploy/grafana/")
    )
    here = {inside: ROOT / outside for outside, inside in mounts.items()}
    paths = [each["options"]["path"] for each in TREES["dashboards/cior.yaml"]["providers"]]
    found: list[Path] = []
    for path in paths:
        filled = as_grafana_fills_in(path, {"CIOR_GRAFANA_LANGUAGE": language})
        root = next(inside for inside in here if filled.startswith(inside + "/"))
        folder = here[root] / Path(filled).relative_to(root)
        boards = sorted(folder.glob("*.json"))
        audience = folder.name
        for board in boards:
            assert audience in json.loads(board.read_text(encoding="utf-8"))["tags"], board.name
        found += boards
    everywhere = sorted((ROOT / "deploy" / "grafana" / "dashboards" / language).rglob("*.json"))
    assert sorted(found) == everywhere
    assert everywhere
