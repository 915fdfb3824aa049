"""``cior grafana diff`` and ``check``: what they find in a Grafana that is not as it should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cior_core.errors import ConfigInvalid
from cior_grafana.asking_panels import Finding, State
from cior_grafana.checking import check, exit_code, report, table
from cior_grafana.drift import Wanted, drift
from cior_grafana.port import GrafanaPort
from doubles.mock_grafana import MockGrafana, frames
from integration.grafana.http.small_city import BOARD, WANTED, answered, provisioned


@pytest.fixture
def city(server: MockGrafana, maintained: GrafanaPort) -> MockGrafana:
    """A Grafana that files and ``apply`` made just so."""
    provisioned(server)
    for number, name in enumerate(["Muro", "Mando"], start=1):
        server.teams.append({"id": number, "name": name})
    server.permissions["cior-wall"] = [{"teamId": 1, "permission": 1}, {"teamId": 2, "permission": 1}]
    server.permissions["cior-supervisor"] = [
        {"role": "Admin", "permission": 4},
        {"teamId": 2, "permission": 1},
    ]
    return server


def different(port: GrafanaPort) -> list[str]:
    return [f"{one.kind} {one.name}: {one.what}" for one in drift(port, WANTED)]


def test_nothing_differs_where_nothing_does_and_nothing_is_written(
    city: MockGrafana, maintained: GrafanaPort
) -> None:
    assert different(maintained) == []
    assert city.writes == []


def test_each_difference_is_said_for_people(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.sources = {"abc": {"uid": "abc", "name": "Muro", "type": "grafana-clickhouse-datasource"}}
    city.teams = city.teams[:1]
    city.folders["cior-wall"]["title"] = "Pared"
    city.permissions["cior-wall"] = [{"role": "Viewer", "permission": 1}, {"teamId": 1, "permission": 1}]
    city.boards["cior-muro"]["meta"]["folderUid"] = "elsewhere"
    panels = [{**BOARD["panels"][0], "title": "Abiertas"}, {**BOARD["panels"][1], "type": "stat"}]
    city.boards["cior-muro"]["dashboard"]["panels"] = panels
    city.rules = []
    assert different(maintained) == [
        "data source cior-wall: missing; of its kind there are: Muro (abc)",
        "team Mando: missing",
        "folder cior-wall: is called 'Pared', not 'Muro'",
        "permissions cior-wall: no team called Mando",
        "permissions cior-supervisor: no team called Mando",
        "board cior-muro: is in elsewhere, not in cior-wall",
        'board cior-muro: panels.Distrito#2.type: here "table", there "stat"',
        "rule cior-old-data: not loaded",
    ]


def test_a_role_that_may_see_a_folder_is_found(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.permissions["cior-wall"] = [{"role": "Viewer", "permission": 1}, {"teamId": 1, "permission": 1}]
    assert different(maintained) == [
        "permissions cior-wall: role Viewer has level 1 there",
        "permissions cior-wall: team Mando may not view there",
    ]


def found(port: GrafanaPort, *, wanted: Wanted = WANTED, slow_ms: int = 5000) -> dict[str, Finding]:
    return {f"{one.kind} {one.name}": one for one in check(port, wanted, slow_ms=slow_ms)}


def test_all_is_well_and_every_panel_was_asked_as_the_page_asks(
    city: MockGrafana, maintained: GrafanaPort
) -> None:
    findings = found(maintained)
    assert {one.state for one in findings.values()} == {State.OK}
    assert exit_code(list(findings.values())) == 0
    assert city.writes == []
    asked = [one.body for one in city.asked if one.path == "/ds/query"]
    assert [(body["from"], body["to"]) for body in asked] == [("now-24h", "now")] * 3
    assert all(body["queries"][0]["datasource"]["uid"] == "cior-wall" for body in asked)
    assert asked[-1]["queries"][0]["rawSql"].endswith("district = 'Centro'")


def test_empty_failing_slow_and_missing_are_told_apart(city: MockGrafana, maintained: GrafanaPort) -> None:
    def one_each(query: dict[str, Any]) -> dict[str, Any]:
        sql = query["rawSql"]
        if "district =" in sql:
            return {"error": "code: 60, message: Unknown table expression identifier 'wall.v_open_alerts'"}
        return frames([]) if "v_open_alerts" in sql else answered(query)

    city.answer = one_each
    findings = found(maintained)
    assert findings["query cior-muro / Abiertas"].state is State.EMPTY
    lost = findings["query cior-muro / Distrito"]
    assert lost.state is State.MISSING
    assert lost.what == "the database lacks wall.v_open_alerts: run `cior store migrate`"
    city.answer = lambda _query: {"error": "code: 241, memory limit exceeded"}
    assert found(maintained)["query cior-muro / Abiertas"].what == "code: 241, memory limit exceeded"
    city.answer = answered
    slow = found(maintained, slow_ms=-1)["query cior-muro / Abiertas"]
    assert slow.state is State.SLOW
    assert slow.rows == 1


def test_empty_panels_are_no_fault_and_failing_ones_are(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.answer = lambda query: answered(query) if "v_districts" in query["rawSql"] else frames([])
    assert exit_code(list(found(maintained).values())) == 0
    city.answer = lambda _query: {"error": "no"}
    assert exit_code(list(found(maintained).values())) == 1


def test_plugin_source_folder_board_and_rule_that_are_not_as_they_should(
    city: MockGrafana, maintained: GrafanaPort
) -> None:
    city.plugin_version = "3.9.0"
    city.source_words["cior-wall"] = "Authentication failed"
    del city.folders["cior-supervisor"]
    del city.boards["cior-muro"]
    city.rules = []
    findings = found(maintained)
    assert findings["plugin grafana-clickhouse-datasource"].state is State.DIFFERS
    assert findings["data source cior-wall"].what == "Authentication failed"
    assert findings["folder cior-supervisor"].state is State.MISSING
    assert findings["board cior-muro"].state is State.MISSING
    assert findings["rule cior-old-data"].state is State.MISSING
    city.plugin_version = None
    assert found(maintained)["plugin grafana-clickhouse-datasource"].state is State.MISSING


def test_a_panel_that_gets_no_answer_fails_alone(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.misbehave(504, "/ds/query", times=3)
    findings = found(maintained)
    assert findings["query cior-muro / $district"].state is State.FAILING
    assert findings["query cior-muro / Abiertas"].state is State.OK


def test_what_the_named_package_cannot_look_at_is_unread_and_gives_2(
    city: MockGrafana, port: GrafanaPort
) -> None:
    findings = list(check(port, WANTED))
    unread = {one.kind for one in findings if one.state is State.UNREAD}
    assert unread in (set(), {"plugin", "data source", "rules", "query"})
    assert exit_code(findings) == (2 if unread else 0)


def test_a_grafana_of_another_age_is_not_checked(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.version = "11.5.0"
    with pytest.raises(ConfigInvalid, match="too_old"):
        list(check(maintained, WANTED))


def test_the_table_and_the_document_say_the_same(city: MockGrafana, maintained: GrafanaPort) -> None:
    city.answer = lambda query: answered(query) if "v_districts" in query["rawSql"] else {"error": "no"}
    findings = list(found(maintained).values())
    lines = list(table(findings))
    assert lines[0].startswith("failing  query")
    assert lines[-1].endswith("0 unread")
    document = json.loads(report(city.url, findings))
    assert document["counts"]["failing"] == 2
    assert document["exit_code"] == 1
    assert len(document["findings"]) == len(findings) == len(lines) - 1
