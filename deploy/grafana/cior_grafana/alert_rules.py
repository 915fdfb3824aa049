"""Grafana's own alert rules about the platform: ``alert_rules.toml`` and ``alert_rules.sql`` as typed rules.

A rule is A (the question), B (the last number of each series) and C (the comparison). None may ask about the city's
alerts or presses: :func:`broken` names every rule that would, and nothing is provisioned while there is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import alerting, common, expr, prometheus

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_core.strict_toml import parse
from cior_grafana import queries
from cior_grafana.board import PROMETHEUS_UID
from cior_grafana.house_rules import lint_alert_sql
from cior_grafana.queries import Query
from cior_grafana.rendering import ClickHouseQuery
from cior_grafana.words import Word

HERE = Path(__file__).parent
FOLDER = "CIOR Plataforma"
"""Its own folder: the rules are loaded before the boards, and would take a board's folder from its uid."""
GROUP = "cior-plataforma"
EVALUATED_EVERY_S = 30
LOOK_BACK_S = 600
BOARD_UID = "cior-salud"
# Every view that a rule may read. None of them knows an alert, an event or a device by itself.
PLATFORM_VIEWS = frozenset(
    {
        "wall.v_data_age",
        "supervisor.v_reconciliation_gaps",
        "supervisor.v_accounts_checked",
        "supervisor.v_blind_share",
    }
)
# Whatever may be a view or a table, with or without its database, however it is joined.
_READS = re.compile(r"\b(?:[a-z]\w*\.)?v_\w+|\b[a-z]\w*\.[a-z]\w*", re.IGNORECASE)
_QUOTES = str.maketrans("", "", '`"')
_METRIC = re.compile(r"\bcior_\w+|\bup\b")
_CITY_METRICS = re.compile(r"cior_(streams|console|vision)_\w+|cior_connectors_events_total")


class Severity(StrEnum):
    """How fast somebody must look: ``critical`` at once, ``warning`` the same day."""

    CRITICAL = "critical"
    WARNING = "warning"


class NoData(StrEnum):
    """What an empty answer means."""

    ALERTING = "Alerting"
    NO_DATA = "NoData"
    OK = "OK"


class Failed(StrEnum):
    """What a question that fails means."""

    ALERTING = "Alerting"
    ERROR = "Error"
    OK = "OK"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: ``expr`` asks Prometheus, without it the query of the rule's name asks ClickHouse.

    It fires when the number stays ``above`` or ``below`` for ``for_s`` seconds.
    """

    for_s: int
    severity: Severity
    no_data: NoData
    failed: Failed
    title: Word
    summary: Word
    cure: Word
    above: float | None = None
    below: float | None = None
    expr: str = ""


@cache
def load() -> dict[str, Rule]:
    """The rules by name. Raises ``ConfigInvalid`` for a file that is wrong or a rule that must not be."""
    file = HERE / "alert_rules.toml"
    rules = parse(file.read_text(encoding="utf-8"), dict[str, Rule], file=file.name)
    if faults := broken(rules, questions()):
        raise ConfigInvalid("rules.refused", "; ".join(faults), cure="see the head of alert_rules.toml")
    return rules


@cache
def questions() -> dict[str, Query]:
    """The ClickHouse questions of the rules by name."""
    file = HERE / "alert_rules.sql"
    return queries.read(file.read_text(encoding="utf-8"), file=file.name)


def broken(rules: dict[str, Rule], asked: dict[str, Query]) -> tuple[str, ...]:
    """What is wrong with the rules, in sentences; empty when all is well."""
    found = [f"{name}: {fault}" for name, rule in rules.items() for fault in _faults(name, rule, asked)]
    unused = asked.keys() - {name for name, rule in rules.items() if not rule.expr}
    return (*found, *(f"{name}: the question belongs to no rule" for name in sorted(unused)))


def _faults(name: str, rule: Rule, asked: dict[str, Query]) -> Iterator[str]:
    if (rule.above is None) == (rule.below is None):
        yield "it compares with above or with below, one of them"
    if bool(rule.expr) == (name in asked):
        yield "it asks Prometheus or has a question in alert_rules.sql, one of them"
    yield from _dollars(rule)
    if rule.expr:
        if not _METRIC.search(rule.expr) or _CITY_METRICS.search(rule.expr):
            yield "it asks for numbers of the city: rules are for the platform"
    elif name in asked:
        yield from _strange(name, asked[name].sql)


def _dollars(rule: Rule) -> Iterator[str]:
    words = [text for word in (rule.title, rule.summary, rule.cure) for text in (word.es, word.en)]
    if any("$" in text for text in (rule.expr, *words)):
        yield "a text holds a $, which provisioning takes for a name of the environment"


def _strange(name: str, sql: str) -> Iterator[str]:
    """What the question of a rule may not hold. A macro would live, but only where Grafana takes the question raw."""
    yield from (finding.message for finding in lint_alert_sql(name, sql))
    if "$" in sql:
        yield "its question holds a $"
    if strange := sorted(set(_READS.findall(sql.translate(_QUOTES))) - PLATFORM_VIEWS):
        yield f"it reads {', '.join(strange)}: rules are for the platform and read its views only"


def titles() -> dict[str, str]:
    """What each rule is called in Grafana, by its uid there."""
    return {uid_of(name): rule.title.es for name, rule in load().items()}


def uid_of(name: str) -> str:
    """The rule's uid in Grafana: the same for ever, since its history hangs on it."""
    return f"cior-{name.replace('_', '-')}"


def typed(name: str, rule: Rule) -> alerting.Rule:
    """The rule in the SDK's words, as Grafana's HTTP interface takes it."""
    return alerting.Rule(
        uid=uid_of(name),
        title=rule.title.es,
        condition="C",
        data=list(_steps(name, rule)),
        no_data_state=rule.no_data.value,
        exec_err_state=rule.failed.value,
        for_val=f"{rule.for_s}s",
        folder_uid="cior-platform",
        rule_group=GROUP,
        org_id=1,
        labels={"severity": rule.severity.value, "cior": "platform"},
        annotations={
            "summary": rule.summary.es,
            "description": rule.cure.es,
            "title_en": rule.title.en,
            "summary_en": rule.summary.en,
            "description_en": rule.cure.en,
        },
    )


def _steps(name: str, rule: Rule) -> Iterator[alerting.Query]:
    window = alerting.RelativeTimeRange(from_val=LOOK_BACK_S, to=0)
    uid = PROMETHEUS_UID if rule.expr else questions()[name].audience.source_uid
    yield alerting.Query(
        ref_id="A", datasource_uid=uid, model=_question(name, rule), relative_time_range=window
    )
    last = expr.TypeReduce(ref_id="B", datasource=_EXPRESSION, expression="A", reducer="last")
    yield alerting.Query(ref_id="B", datasource_uid="__expr__", model=last, relative_time_range=window)
    limit = rule.above if rule.above is not None else rule.below
    evaluator = expr.ExprTypeThresholdConditionsEvaluator(
        params=[limit or 0.0], type_val="gt" if rule.above is not None else "lt"
    )
    conditions = [expr.ExprTypeThresholdConditions(evaluator=evaluator)]
    compared = expr.TypeThreshold(ref_id="C", datasource=_EXPRESSION, expression="B", conditions=conditions)
    yield alerting.Query(ref_id="C", datasource_uid="__expr__", model=compared, relative_time_range=window)


_EXPRESSION = common.DataSourceRef(type_val="__expr__", uid="__expr__")


def _question(name: str, rule: Rule) -> Dataquery:
    if not rule.expr:
        return ClickHouseQuery(questions()[name])
    source = common.DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
    return prometheus.Dataquery(ref_id="A", datasource=source, expr=rule.expr, instant=True, range_val=False)


def http_bodies() -> tuple[dict[str, Any], ...]:
    """Each rule as the body of ``POST /api/v1/provisioning/alert-rules``."""
    return tuple(json.loads(json.dumps(typed(name, rule), cls=JSONEncoder)) for name, rule in load().items())


# What only the HTTP form has: in a file the group and its folder say it once for all rules.
_HTTP_ONLY = ("folderUID", "ruleGroup", "orgID")


def file_group() -> dict[str, Any]:
    """All rules as the one group of a provisioning file."""
    rules = [{key: value for key, value in body.items() if key not in _HTTP_ONLY} for body in http_bodies()]
    for each in rules:
        each["dashboardUid"] = BOARD_UID
    return {
        "orgId": 1,
        "name": GROUP,
        "folder": FOLDER,
        "interval": f"{EVALUATED_EVERY_S}s",
        "rules": rules,
    }
