"""``cior grafana apply``: what it brings, that it brings it once, and that it never writes over somebody's work."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cior_core.errors import SourceUnavailable
from cior_grafana.applying import Choices, Line, Outcome, apply, exit_code
from cior_grafana.port import GrafanaPort
from doubles.mock_grafana import MockGrafana
from integration.grafana.http.small_city import ACCESS, BOARD, NO_ACCOUNTS, OURS, provisioned

BOARDS_ONLY = NO_ACCOUNTS.__class__()


def applied(port: GrafanaPort, folder: Path, **choices: Any) -> list[Line]:
    chosen = Choices(replaced=folder / "replaced", tokens=folder / "tokens", boards=(OURS,), **choices)
    return list(apply(port, ACCESS, chosen))


def test_a_new_grafana_gets_everything_and_a_second_run_changes_nothing(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    first = applied(maintained, tmp_path)
    assert Counter(line.outcome for line in first) == {Outcome.MADE: 7, Outcome.CHANGED: 2}
    assert exit_code(first) == 0

    server.asked.clear()
    second = applied(maintained, tmp_path)
    assert {line.outcome for line in second} == {Outcome.SAME}
    assert server.writes == []


def test_viewers_and_editors_see_nothing_and_each_team_its_folders(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    applied(maintained, tmp_path)
    ids = {team["name"]: team["id"] for team in server.teams}
    seen = {
        uid: {one.get("role") or one["teamId"]: one["permission"] for one in items}
        for uid, items in server.permissions.items()
    }
    assert seen == {
        "cior-wall": {"Admin": 4, ids["Muro"]: 1, ids["Mando"]: 1},
        "cior-supervisor": {"Admin": 4, ids["Mando"]: 1},
    }


def test_the_named_package_brings_what_it_can_and_says_what_it_cannot(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    lines = {(line.kind, line.outcome) for line in applied(port, tmp_path)}
    assert {("team", Outcome.MADE), ("permissions", Outcome.CHANGED), ("board", Outcome.MADE)} <= lines
    refused = {kind for kind, outcome in lines if outcome is Outcome.REFUSED}
    assert refused in (set(), {"account", "playlist"})
    assert (server.accounts == []) == bool(refused)


def test_a_token_is_shown_once_in_a_file_that_only_its_owner_reads(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    lines = applied(maintained, tmp_path)
    file = tmp_path / "tokens" / "cior-check.token"
    assert file.read_text() == "glsa_shown_once\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "glsa_shown_once" not in repr(lines)


def test_a_token_file_that_cannot_be_made_is_told_before_a_token_is(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "cior-check.token").write_text("an older one\n")
    (line,) = [line for line in applied(maintained, tmp_path) if line.kind == "account"]
    assert line.outcome is Outcome.REFUSED
    assert "--tokens" in line.why
    assert server.tokens == {}


def test_no_token_file_is_left_where_no_token_came(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    maintained.make_account("cior-check", "Admin")
    server.misbehave(502, "/serviceaccounts/1/tokens", method="POST")
    with pytest.raises(SourceUnavailable):
        applied(maintained, tmp_path)
    assert not list(tmp_path.rglob("*.token"))


def push(port: GrafanaPort, folder: Path, *, force: bool = False) -> Line:
    chosen = Choices(replaced=folder, boards=(OURS,), force=force)
    (line,) = apply(port, BOARDS_ONLY, chosen)
    return line


def test_an_edited_board_is_kept_and_force_saves_it_beside_first(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    push(port, tmp_path)
    server.edit("cior-muro", panels=[])
    server.asked.clear()
    kept = push(port, tmp_path)
    assert (kept.outcome, server.writes) == (Outcome.REFUSED, [])
    assert "--force" in kept.why
    assert exit_code([kept]) == 2

    forced = push(port, tmp_path, force=True)
    assert forced.outcome is Outcome.CHANGED
    (copy,) = tmp_path.glob("cior-muro-v2-*.json")
    assert str(copy) in forced.why
    assert json.loads(copy.read_text())["panels"] == []
    assert server.boards["cior-muro"]["dashboard"]["panels"] == BOARD["panels"]
    assert push(port, tmp_path).outcome is Outcome.SAME


def test_a_board_of_the_same_uid_that_we_never_made_is_somebodys(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    server.boards["cior-muro"] = {
        "meta": {"provisioned": False},
        "dashboard": {"uid": "cior-muro", "version": 1},
    }
    assert push(port, tmp_path).outcome is Outcome.REFUSED


def test_a_copy_that_cannot_be_saved_leaves_the_board_alone(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    push(port, tmp_path)
    server.edit("cior-muro", panels=[])
    server.asked.clear()
    (tmp_path / "file").write_text("no folder")
    line = push(port, tmp_path / "file", force=True)
    assert (line.outcome, server.writes) == (Outcome.REFUSED, [])
    assert "--save" in line.why


def test_our_new_version_goes_over_our_old_one_without_force(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    push(port, tmp_path)
    newer = OURS.__class__(folder_uid="cior-wall", board={**BOARD, "title": "Muro nuevo"})
    (line,) = apply(port, BOARDS_ONLY, Choices(replaced=tmp_path, boards=(newer,)))
    assert line.outcome is Outcome.CHANGED
    assert server.boards["cior-muro"]["dashboard"]["title"] == "Muro nuevo"


def test_what_grafana_itself_writes_into_a_board_is_no_edit(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    push(port, tmp_path)
    stored = server.boards["cior-muro"]["dashboard"]
    stored.update(schemaVersion=43, weekStart="", links=[], graphTooltip=0, editable=True, liveNow=None)
    stored["annotations"] = {"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]}
    stored["panels"] = [{**one, "transparent": False, "links": []} for one in reversed(stored["panels"])]
    assert push(port, tmp_path).outcome is Outcome.SAME


def test_an_upgrade_that_migrates_a_board_in_another_way_is_no_edit_where_the_history_can_be_read(
    server: MockGrafana, maintained: GrafanaPort, tmp_path: Path
) -> None:
    push(maintained, tmp_path)
    server.boards["cior-muro"]["dashboard"]["newInVersion14"] = {"migrated": True}
    assert push(maintained, tmp_path).outcome is Outcome.SAME


def test_a_board_of_a_file_on_the_server_is_never_touched(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    provisioned(server)
    server.boards["cior-muro"]["dashboard"]["title"] = "Otro"
    line = push(port, tmp_path, force=True)
    assert (line.outcome, server.writes) == (Outcome.KEPT, [])


def test_somebody_saves_between_our_look_and_our_save(
    server: MockGrafana, port: GrafanaPort, tmp_path: Path
) -> None:
    push(port, tmp_path)
    server.edit("cior-muro", title="Otro")
    server.misbehave(412, "/dashboards/db")
    line = push(port, tmp_path, force=True)
    assert line.outcome is Outcome.REFUSED
    assert "changed meanwhile" in line.why
