"""Both packages before the same strict Grafana: the same answers, the same errors with the same cures."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from grafana_api.grafana_face import GrafanaFace

from cior_core.errors import AccessDenied, CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_grafana import connecting
from cior_grafana.connecting import Client, fit
from cior_grafana.port import (
    VIEW,
    BoardSave,
    Conflict,
    Folder,
    GrafanaPort,
    NotOffered,
    Permission,
    Playlist,
    PlaylistItem,
)
from doubles.mock_grafana import TOKEN, MockGrafana, frames
from integration.grafana.http.small_city import BOARD, provisioned


def test_health_is_asked_where_it_is_and_the_version_is_a_good_one(
    server: MockGrafana, port: GrafanaPort
) -> None:
    assert fit(port).version == "13.2.2"
    assert [one.path for one in server.asked] == ["/health"]


def test_folders_teams_and_permissions_come_back_as_they_were_set(port: GrafanaPort) -> None:
    port.make_team("Muro")
    port.make_folder(Folder(uid="cior-wall", title="CIOR Muro"))
    (team,) = port.teams()
    assert team.name == "Muro"
    assert port.folder("cior-wall") == Folder(uid="cior-wall", title="CIOR Muro")
    assert port.folder("another") is None

    port.set_permissions("cior-wall", [Permission(team_id=team.id, permission=VIEW)])
    mine = [one for one in port.permissions("cior-wall") if one.role != "Admin"]
    assert mine == [Permission(team_id=team.id, permission=VIEW)]


def test_a_data_source_is_found_by_its_uid_and_never_by_a_number(
    server: MockGrafana, port: GrafanaPort
) -> None:
    provisioned(server)
    found = port.data_source("cior-wall")
    assert found is not None
    assert found.type == "grafana-clickhouse-datasource"
    assert port.data_source("other") is None
    assert not [one.path for one in server.asked if any(part.isdigit() for part in one.path.split("/"))]


def test_a_board_is_saved_over_the_version_that_was_seen_and_over_no_other(
    server: MockGrafana, port: GrafanaPort
) -> None:
    first = BoardSave(board=BOARD, folder_uid="cior-wall", message="first")
    port.put_board(first)
    found = port.board("cior-muro")
    assert found is not None
    assert (found.version, found.meta.folder_uid) == (1, "cior-wall")
    server.edit("cior-muro", title="Otro")
    with pytest.raises(Conflict, match="412") as refused:
        port.put_board(BoardSave(board=BOARD, folder_uid="cior-wall", message="second", replaces=1))
    assert "run the command again" in refused.value.cure
    assert server.boards["cior-muro"]["dashboard"]["title"] == "Otro"
    assert port.board("cior-nothing") is None


ERRORS: list[tuple[int | str, type[CiorError], str, str]] = [
    (401, CredentialsRefused, "grafana.credentials", "CIOR_GRAFANA_TOKEN_FILE"),
    (403, AccessDenied, "grafana.denied", "Admin"),
    (412, Conflict, "grafana.conflict", "run the command again"),
    (404, ConfigInvalid, "grafana.refused", "path prefix"),
    (400, ConfigInvalid, "grafana.refused", "cior grafana check"),
    (502, SourceUnavailable, "grafana.away", "server's log"),
    ("proxy", SourceUnavailable, "grafana.away", "server's log"),
    ("html", ConfigInvalid, "grafana.not_api", "API's own address"),
    ("redirect", ConfigInvalid, "grafana.moved", "final address"),
    ("reset", SourceUnavailable, "grafana.down", "start Grafana"),
    ("shape", ConfigInvalid, "grafana.reply", "tested ones"),
    (204, ConfigInvalid, "grafana.reply", "tested ones"),
]


@pytest.mark.parametrize(("fault", "kind", "code", "cure"), ERRORS, ids=[str(row[0]) for row in ERRORS])
def test_each_misbehaviour_becomes_the_error_that_says_what_to_do(
    server: MockGrafana, port: GrafanaPort, fault: int | str, kind: type[CiorError], code: str, cure: str
) -> None:
    server.misbehave(fault)
    with pytest.raises(CiorError) as told:
        port.data_sources()
    assert type(told.value) is kind
    assert told.value.code == code
    assert cure in told.value.cure
    assert server.url in told.value.sentence
    assert TOKEN not in str(told.value)


def test_nothing_is_sent_after_a_redirect(server: MockGrafana, port: GrafanaPort) -> None:
    server.misbehave("redirect", "/datasources")
    with pytest.raises(ConfigInvalid) as told:
        port.data_sources()
    assert told.value.code == "grafana.moved"
    assert [one.path for one in server.asked] == ["/datasources"]


def test_an_answer_that_takes_too_long_is_given_up_and_not_asked_again(
    server: MockGrafana, port: GrafanaPort
) -> None:
    server.misbehave("slow")
    began = time.monotonic()
    with pytest.raises(SourceUnavailable) as told:
        port.data_sources()
    assert told.value.code == "grafana.slow"
    assert time.monotonic() - began < server.slow_s
    assert len(server.asked) == 1


def test_nobody_listens(server: MockGrafana, client: Client) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN}
    with (
        connecting.grafana(url, client=client, environment=environment) as port,
        pytest.raises(SourceUnavailable) as told,
    ):
        fit(port)
    assert told.value.code == "grafana.down"


@pytest.mark.parametrize("fault", [502, 503, 504, "proxy", "reset"])
def test_reading_is_tried_again_while_a_proxy_says_that_grafana_is_away(
    server: MockGrafana, port: GrafanaPort, fault: int | str
) -> None:
    server.misbehave(fault, "/datasources", times=2)
    assert port.data_sources() == ()
    assert len(server.asked) == 3


@pytest.mark.parametrize("fault", [502, "reset"])
def test_a_change_is_sent_once(server: MockGrafana, port: GrafanaPort, fault: int | str) -> None:
    server.misbehave(fault, "/teams", times=1)
    with pytest.raises(SourceUnavailable):
        port.make_team("Muro")
    assert len(server.writes) == 1


def test_a_change_that_is_answered_without_a_body_is_done(server: MockGrafana, port: GrafanaPort) -> None:
    server.misbehave(204, "/teams", times=1)
    port.make_team("Muro")
    assert [one["name"] for one in server.teams] == ["Muro"]


def test_a_change_that_is_answered_with_a_page_is_not_done(server: MockGrafana, port: GrafanaPort) -> None:
    server.misbehave("html", "/teams")
    with pytest.raises(ConfigInvalid) as told:
        port.make_team("Muro")
    assert told.value.code == "grafana.not_api"


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("11.6.4", "grafana.too_old"),
        ("14.0.0", "grafana.too_new"),
        ("", "grafana.version_hidden"),
        ("nightly", "grafana.version_hidden"),
    ],
)
def test_a_version_that_was_not_meant_is_refused_by_name(
    server: MockGrafana, port: GrafanaPort, version: str, code: str
) -> None:
    server.version = version
    with pytest.raises(ConfigInvalid) as told:
        fit(port)
    assert told.value.code == code
    assert told.value.cure


def test_user_and_password_are_enough_and_a_wrong_token_is_not(server: MockGrafana, client: Client) -> None:
    good = {"CIOR_GRAFANA_USER": "admin", "CIOR_GRAFANA_PASSWORD": "secret"}
    with connecting.grafana(server.url, client=client, environment=good) as port:
        assert port.teams() == ()
    with (
        connecting.grafana(server.url, client=client, environment={"CIOR_GRAFANA_TOKEN": "no"}) as port,
        pytest.raises(CredentialsRefused),
    ):
        port.teams()


def test_service_accounts_tokens_and_playlists(server: MockGrafana, maintained: GrafanaPort) -> None:
    account = maintained.make_account("cior-check", "Admin")
    assert maintained.accounts() == (account,)
    token = maintained.make_token(account.id, "cior", lives_s=60)
    assert token.key == "glsa_shown_once"
    assert token.key not in repr(token)
    assert [one.name for one in maintained.tokens(account.id)] == ["cior"]

    items = (PlaylistItem(type="dashboard_by_uid", value="cior-muro"),)
    maintained.put_playlist(Playlist(name="Ronda", interval="1m", items=items))
    (made,) = maintained.playlists()
    assert made.items == items
    maintained.put_playlist(Playlist(uid=made.uid, name="Ronda", interval="2m", items=items))
    assert [one.interval for one in maintained.playlists()] == ["2m"]


def test_plugin_rules_history_and_a_source_that_is_ill(server: MockGrafana, maintained: GrafanaPort) -> None:
    provisioned(server)
    plugin = maintained.plugin("grafana-clickhouse-datasource")
    assert plugin is not None
    assert plugin.info.version == "4.20.0"
    assert maintained.plugin("another") is None
    assert [one.uid for one in maintained.rules()] == ["cior-old-data"]
    assert maintained.source_health("cior-wall").status == "OK"
    server.source_words["cior-wall"] = "connection refused"
    assert maintained.source_health("cior-wall").message == "connection refused"
    assert maintained.last_save("cior-none") is None


def test_a_query_that_the_engine_refuses_is_an_answer_and_not_an_error(
    server: MockGrafana, maintained: GrafanaPort
) -> None:
    server.answer = lambda query: (
        {"error": "code: 62", "status": 400} if query["refId"] == "B" else frames([1, 2])
    )
    queries = [{"refId": "A", "rawSql": "SELECT 1"}, {"refId": "B", "rawSql": "SELEC"}]
    answers = maintained.query(queries, since="now-1h", until="now")
    assert answers["A"].rows == 2
    assert answers["B"].error == "code: 62"
    server.answer = lambda _query: frames([])
    assert maintained.query(queries[:1], since="now-1h", until="now")["A"].rows == 0


LIMITS: list[Callable[[GrafanaPort], Any]] = [
    lambda port: port.plugin("x"),
    lambda port: port.source_health("x"),
    lambda port: port.accounts(),
    lambda port: port.make_account("x", "Viewer"),
    lambda port: port.tokens(1),
    lambda port: port.make_token(1, "x", lives_s=1),
    lambda port: port.playlists(),
    lambda port: port.put_playlist(Playlist(name="x", interval="1m")),
    lambda port: port.last_save("x"),
    lambda port: port.rules(),
    lambda port: port.query([], since="now-1h", until="now"),
]


@pytest.mark.parametrize("call", LIMITS)
def test_what_grafana_api_cannot_do_it_says_with_the_package_that_can(
    server: MockGrafana, call: Callable[[GrafanaPort], Any]
) -> None:
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN}
    with (
        connecting.grafana(server.url, client=Client.GRAFANA_API, environment=environment) as port,
        pytest.raises(NotOffered) as told,
    ):
        call(port)
    assert "grafana-client" in told.value.cure
    assert server.asked == []


@pytest.fixture
def face(server: MockGrafana) -> Iterator[GrafanaFace]:
    host, port = server.url.removeprefix("http://").split(":")
    made = GrafanaFace(TOKEN, host=host, port=int(port))
    made.api.s.trust_env = False
    yield made
    made.api.s.close()


def test_limit_of_grafana_api_an_empty_answer_raises_inside_it(
    server: MockGrafana, face: GrafanaFace
) -> None:
    server.misbehave(204, "/teams")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        face.teams.add_team({"name": "Muro"})


def test_limit_of_grafana_api_a_page_with_the_word_message_raises_a_type_error(
    server: MockGrafana, face: GrafanaFace
) -> None:
    server.misbehave("proxy")
    with pytest.raises(TypeError):
        face.folder.get_folder("cior-wall")


def test_limit_of_grafana_api_its_data_sources_by_number_are_not_in_the_contract_any_more(
    server: MockGrafana, face: GrafanaFace
) -> None:
    with pytest.raises(Exception, match="404"):
        face.datasource.get_datasource_by_id(1)
    assert server.violations == ["GET /datasources/1 is not in the contract"]
    server.violations.clear()
