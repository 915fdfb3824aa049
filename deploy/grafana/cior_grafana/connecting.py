"""Opens a Grafana through one of the two clients. Nothing is sent before the first question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib import metadata

from cior_core.errors import ConfigInvalid
from cior_grafana.adapters.calling import Caller
from cior_grafana.address import Address, credentials
from cior_grafana.port import GrafanaPort, Health

OLDEST, TOO_NEW = (12, 0), (14, 0)
"""Versions from the first (inclusive) to the second (exclusive): what the boards and this client were written for."""


class Client(StrEnum):
    """The two packages."""

    GRAFANA_CLIENT = "grafana-client"
    GRAFANA_API = "grafana-api"


@contextmanager
def grafana(
    url: str, *, client: Client, environment: Mapping[str, str], timeout_s: float = 10.0
) -> Iterator[GrafanaPort]:
    """An open Grafana. Raises ``ConfigInvalid`` for an unusable address, missing credentials or a missing package."""
    address, auth = Address.parse(url), credentials(environment)
    caller = Caller(shown=address.shown)
    port: GrafanaPort
    if client is Client.GRAFANA_API:
        _refuse_the_other_package_of_that_name()
        from cior_grafana.adapters.grafana_api_adapter import GrafanaApiPort

        port = GrafanaApiPort(address, auth, timeout_s=timeout_s, caller=caller)
    else:
        from cior_grafana.adapters.grafana_client_adapter import GrafanaClientPort

        port = GrafanaClientPort(address, auth, timeout_s=timeout_s, caller=caller)
    try:
        yield port
    finally:
        port.close()


def _refuse_the_other_package_of_that_name() -> None:
    """``grafana-api-sdk`` installs the same import name: whichever came last would answer."""
    try:
        metadata.version("grafana-api-sdk")
    except metadata.PackageNotFoundError:
        return
    raise ConfigInvalid(
        "grafana.two_packages",
        "grafana-api-sdk is installed too, under the same import name as grafana-api",
        cure="pip uninstall grafana-api-sdk, then install cior[grafana] again",
    )


def fit(port: GrafanaPort) -> Health:
    """The server's health, when its version is one that was meant. Raises ``ConfigInvalid`` when it is not."""
    health = port.health()
    version = _numbers(health.version)
    if not version:
        raise ConfigInvalid(
            "grafana.version_hidden",
            "the server does not tell its version",
            cure="set hide_version = false (GF_AUTH_ANONYMOUS_HIDE_VERSION), or ask with valid credentials",
        )
    if version < OLDEST:
        raise ConfigInvalid(
            "grafana.too_old", f"Grafana {health.version} is older than {_shown(OLDEST)}",
            cure="upgrade it to 13, the version of docker-compose.yml",
        )  # fmt: skip
    if version >= TOO_NEW:
        raise ConfigInvalid(
            "grafana.too_new", f"Grafana {health.version} is newer than what these boards were made for",
            cure=f"use a version before {_shown(TOO_NEW)}, or a newer CIOR",
        )  # fmt: skip
    return health


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor of ``13.2.2`` or ``13.3.0-pre+security-01``; empty when there are none."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
