"""The files that Grafana reads at its start: data sources, folders with their boards, alert rules and whom they tell.

They are committed under ``deploy/grafana/provisioning`` and made from the same code as the boards. Names of the
environment (``${NAME}``) are filled in by Grafana; docker-compose.yml gives them. A literal ``$`` would have to be
``$$`` wherever Grafana does so, and must not be in the questions of rules, which it takes raw: so there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from cior_core.errors import ConfigInvalid
from cior_grafana import alert_rules
from cior_grafana.access import Shelf, read_access
from cior_grafana.board import PROMETHEUS_UID
from cior_grafana.queries import Audience
from cior_grafana.rendering import CLICKHOUSE

HOME = Path(__file__).parents[1] / "provisioning"
BOARDS_IN_CONTAINER = "/etc/grafana/cior-dashboards"
"""Where docker-compose.yml mounts ``deploy/grafana/dashboards``."""
ORGANISATION = 1
CONTACT_POINT = "CIOR sistemas"
QUERY_TIMEOUT_S = 10
_HEAD = "# Made by `cior grafana provision` (docs: deploy/README.md). Do not edit: change the code and make it again.\n"

Tree: TypeAlias = dict[str, Any]


_SOURCE_NAMES = {
    Audience.WALL: "CIOR muro",
    Audience.SUPERVISOR: "CIOR supervisión",
    Audience.OBSERVATORY: "CIOR observatorio",
}


def write(folder: Path | None = None) -> Iterator[Path]:
    """Write every file under ``folder`` (None: the checkout's) and give its path.

    Raises ``ConfigInvalid`` outside a checkout and for rules that must not be.
    """
    target = folder or HOME
    if folder is None and not (HOME.parents[2] / "docker-compose.yml").is_file():
        raise ConfigInvalid(
            "grafana.no_checkout",
            "this is an installed copy without deploy/",
            cure="give a folder: --out FOLDER",
        )
    for name, body in files().items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
        yield path


def files() -> dict[str, str]:
    """Each file's text by its path under the provisioning folder."""
    trees: dict[str, Tree] = {
        "datasources/cior.yaml": {"prune": True, "datasources": data_sources()},
        "dashboards/cior.yaml": {"providers": providers()},
        "alerting/rules.yaml": {"groups": [alert_rules.file_group()]},
        "alerting/contact_points.yaml": {"contactPoints": [contact_point()]},
        "alerting/policies.yaml": {"policies": [policy()]},
    }
    return {name: as_yaml({"apiVersion": 1, **tree}) for name, tree in trees.items()}


def as_yaml(tree: Tree) -> str:
    """A tree as YAML under the head that says where it comes from."""
    body = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return _HEAD + body


class _Dumper(yaml.SafeDumper):
    """A text of several lines is written as the lines it has."""


def _lines(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _lines)


def data_sources() -> list[Tree]:
    """One source an audience, each with its own user of the store, and Prometheus."""
    return [*(_clickhouse(audience) for audience in Audience), _prometheus()]


def _clickhouse(audience: Audience) -> Tree:
    return {
        "name": _SOURCE_NAMES[audience],
        "uid": audience.source_uid,
        "type": CLICKHOUSE,
        "access": "proxy",
        "orgId": ORGANISATION,
        # Nobody's default: a panel made by hand must say whose data it shows.
        "isDefault": False,
        "editable": False,
        "jsonData": {
            "host": "${CIOR_GRAFANA_CLICKHOUSE_HOST}",
            "port": "${CIOR_GRAFANA_CLICKHOUSE_PORT}",
            "protocol": "${CIOR_GRAFANA_CLICKHOUSE_PROTOCOL}",
            "secure": "${CIOR_GRAFANA_CLICKHOUSE_SECURE}",
            "username": f"cior_grafana_{audience.value}",
            "defaultDatabase": audience.value,
            "dialTimeout": "5",
            "queryTimeout": f"{QUERY_TIMEOUT_S}",
        },
        "secureJsonData": {"password": f"${{CIOR_CLICKHOUSE_GRAFANA_{audience.name}_PASSWORD}}"},
    }


def _prometheus() -> Tree:
    return {
        "name": "CIOR Prometheus",
        "uid": PROMETHEUS_UID,
        "type": "prometheus",
        "access": "proxy",
        "orgId": ORGANISATION,
        "isDefault": False,
        "editable": False,
        "url": "${CIOR_GRAFANA_PROMETHEUS_URL}",
        "jsonData": {"httpMethod": "POST", "timeInterval": "15s", "manageAlerts": False},
    }


def providers() -> list[Tree]:
    """One folder an audience, so that who may see what is a matter of folders."""
    shelves = {shelf.uid: shelf for shelf in read_access().folders}
    return [_provider(audience, shelves[audience.source_uid]) for audience in Audience]


def _provider(audience: Audience, shelf: Shelf) -> Tree:
    return {
        "name": f"cior-{audience.value}",
        "orgId": ORGANISATION,
        "folder": shelf.title,
        "folderUid": shelf.uid,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": f"{BOARDS_IN_CONTAINER}/${{CIOR_GRAFANA_LANGUAGE}}/{audience.value}"},
    }


def contact_point() -> Tree:
    """Whom Grafana tells: a webhook and mail. Both are addresses of the environment."""
    return {
        "orgId": ORGANISATION,
        "name": CONTACT_POINT,
        "receivers": [
            {
                "uid": "cior-webhook",
                "type": "webhook",
                "settings": {
                    "url": "${CIOR_GRAFANA_WEBHOOK_URL}",
                    "httpMethod": "POST",
                    "authorization_scheme": "Bearer",
                    "authorization_credentials": "${CIOR_GRAFANA_WEBHOOK_TOKEN}",
                },
            },
            {
                "uid": "cior-mail",
                "type": "email",
                "settings": {"addresses": "${CIOR_GRAFANA_MAIL_TO}", "singleEmail": True},
            },
        ],
    }


def policy() -> Tree:
    """One message a fault of the platform: grouped, repeated while it lasts. It is the whole tree of the organisation:
    whoever has other rules in this Grafana puts them into files of their own organisation.
    """
    return {
        "orgId": ORGANISATION,
        "receiver": CONTACT_POINT,
        "group_by": ["grafana_folder"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [
            {
                "receiver": CONTACT_POINT,
                "object_matchers": [["severity", "=", alert_rules.Severity.CRITICAL.value]],
                "group_by": ["grafana_folder"],
                "repeat_interval": "1h",
            }
        ],
    }
