"""Grafana's own rules watch the platform: each can be told apart by its states, and none may ask about the city."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec import structs

from cior_bus import metrics
from cior_core.errors import ConfigInvalid
from cior_grafana import alert_rules
from cior_grafana.alert_rules import Rule, broken, http_bodies, load, questions
from cior_grafana.board import PROMETHEUS_UID
from cior_grafana.queries import Query
from unit.bus.test_bus_metrics import catalogue

TEMPLATE = re.compile(r"\{\{.*?\}\}")
KNOWN = re.compile(r"\{\{ \.(Values\.B|Labels\.(part|instance|spool_class)) \}\}")


def asked(sql: str) -> dict[str, Query]:
    """The rules' questions, with another text for the one about gaps."""
    return questions() | {"accounts_gap": structs.replace(questions()["accounts_gap"], sql=sql)}


def changed(name: str, **fields: Any) -> dict[str, Rule]:
    return load() | {name: structs.replace(load()[name], **fields)}


def test_the_rules_of_the_issue_are_there_and_nothing_is_wrong_with_them() -> None:
    wanted = {"data_old", "accounts_gap", "spool_filling", "certificate_ending", "blind_share"}
    assert wanted <= load().keys()
    assert load()["data_old"].above == 60
    assert broken(load(), questions()) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() AS minutes FROM wall.v_open_alerts WHERE level = 'P1'",
        "SELECT count() AS minutes FROM supervisor.v_accounts_checked JOIN wall.v_open_by_level ON 1",
        "SELECT count() AS minutes FROM (SELECT * FROM ops.events)",
        "SELECT count() AS minutes FROM supervisor.v_blind_share, wall.v_open_alerts",
        "SELECT (SELECT count() FROM `wall`.`v_open_alerts`) AS minutes",
    ],
)
def test_a_rule_about_alerts_or_presses_is_refused(sql: str) -> None:
    faults = broken(load(), asked(sql))
    assert any("rules are for the platform" in fault for fault in faults), faults


@pytest.mark.parametrize(
    "expr",
    ["sum(rate(cior_streams_published_effects_total[5m]))", "cior_connectors_events_total", "vector(1)"],
)
def test_a_rule_about_numbers_of_the_city_is_refused(expr: str) -> None:
    faults = broken(changed("part_down", expr=expr), questions())
    assert faults == ("part_down: it asks for numbers of the city: rules are for the platform",)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT count() AS minutes FROM supervisor.v_reconciliation_gaps WHERE x = ${district}", "variable"),
        ("SELECT count() AS minutes FROM supervisor.v_reconciliation_gaps WHERE $__timeFilter(minute)", "$"),
    ],
)
def test_a_rule_with_a_dollar_is_refused(sql: str, word: str) -> None:
    """Nobody fills in a variable on the server; a macro survives only where Grafana takes the question raw."""
    assert any(word in fault for fault in broken(load(), asked(sql)))


def test_a_text_with_a_dollar_is_refused() -> None:
    bad = structs.replace(load()["data_old"].summary, en="{{ $values.B }} s")
    assert any("data_old" in fault for fault in broken(changed("data_old", summary=bad), questions()))


def test_a_rule_compares_one_way_and_asks_one_source() -> None:
    assert broken(changed("data_old", below=1.0), questions())
    assert broken(changed("data_old", above=None), questions())
    assert broken(changed("data_old", expr="up"), questions())
    assert broken(load(), questions() | {"nobodys": questions()["data_old"]}) == (
        "nobodys: the question belongs to no rule",
    )


def test_a_file_with_a_rule_that_must_not_be_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_rules, "PLATFORM_VIEWS", frozenset())
    with pytest.raises(ConfigInvalid, match=r"rules\.refused"):
        load.__wrapped__()


def test_every_metric_of_a_rule_is_one_that_somebody_declares() -> None:
    declared = {spec.name for spec in catalogue()}
    used = {name for rule in load().values() for name in re.findall(r"\bcior_\w+", rule.expr)}
    assert {metrics.SPOOL_BYTES.name, metrics.SPOOL_LIMIT.name} <= used
    assert used <= declared


def test_texts_name_only_what_the_answer_has() -> None:
    for rule in load().values():
        for word in (rule.title, rule.summary, rule.cure):
            assert all(
                KNOWN.fullmatch(found) for text in (word.es, word.en) for found in TEMPLATE.findall(text)
            )
        assert "{{ .Values.B }}" in rule.summary.es or "part" in rule.summary.es


def test_each_rule_is_a_body_that_grafanas_interface_takes(test_data: Path) -> None:
    contract = json.loads((test_data / "grafana" / "http_api_contract.json").read_text(encoding="utf-8"))
    schema = {"$ref": "#/$defs/ProvisionedAlertRule", "$defs": contract["$defs"]}
    validator = jsonschema.Draft202012Validator(schema)
    assert [each.message for body in http_bodies() for each in validator.iter_errors(body)] == []
    assert list(validator.iter_errors({**http_bodies()[0], "noDataState": "Fine"}))


def test_a_rule_asks_then_takes_the_last_number_then_compares() -> None:
    bodies = {body["uid"]: body for body in http_bodies()}
    question, last, limit = bodies["cior-data-old"]["data"]
    assert (question["datasourceUid"], question["model"]["rawSql"]) == (
        "cior-supervisor",
        questions()["data_old"].sql,
    )
    assert (last["model"]["type"], last["model"]["reducer"], last["model"]["expression"]) == (
        "reduce",
        "last",
        "A",
    )
    assert limit["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [60]}
    assert bodies["cior-data-old"]["condition"] == limit["refId"] == "C"
    assert bodies["cior-certificate-ending"]["data"][2]["model"]["conditions"][0]["evaluator"]["type"] == "lt"
    spool = bodies["cior-spool-filling"]["data"][0]
    assert (spool["datasourceUid"], spool["model"]["instant"]) == (PROMETHEUS_UID, True)


def test_silence_is_never_good_news_but_for_certificates() -> None:
    quiet = {name for name, rule in load().items() if rule.no_data == "OK"}
    # A centre may have no certificate, and build no packages. That the part is gone is another rule.
    assert quiet == {"certificate_ending", "renewal_lost", "renewal_overdue"}
    assert all(rule.failed != "OK" for rule in load().values())
