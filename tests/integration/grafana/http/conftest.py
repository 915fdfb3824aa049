"""A strict stand-in for Grafana, and both clients before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cior_grafana import connecting
from cior_grafana.adapters import calling
from cior_grafana.connecting import Client
from cior_grafana.port import GrafanaPort
from doubles.mock_grafana import TOKEN, MockGrafana, mock_grafana

Open = Callable[..., AbstractContextManager[GrafanaPort]]


@pytest.fixture
def server(test_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockGrafana]:
    """A Grafana of this test's own; at its end, nothing may have been asked outside the published contract."""
    monkeypatch.setattr(calling, "PAUSES_S", (0.0, 0.0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with mock_grafana(test_data).serving() as running:
        yield running
    assert running.violations == []


@pytest.fixture(params=list(Client))
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the two packages in turn."""
    return Client(request.param)


@pytest.fixture
def port(server: MockGrafana, client: Client) -> Iterator[GrafanaPort]:
    """The stand-in through one of the packages, with a good token."""
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN}
    with connecting.grafana(server.url, client=client, environment=environment, timeout_s=1.0) as opened:
        yield opened


@pytest.fixture
def maintained(server: MockGrafana) -> Iterator[GrafanaPort]:
    """The stand-in through the default package."""
    environment = {"CIOR_GRAFANA_TOKEN": TOKEN}
    with connecting.grafana(
        server.url, client=Client.GRAFANA_CLIENT, environment=environment, timeout_s=1.0
    ) as opened:
        yield opened
