"""`/metrics` over HTTP: its own path alone, an address that others can find, and never a reason for a part to end."""

from __future__ import annotations

import socket
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cior_bus import metrics as m
from cior_bus.metrics import Metrics
from cior_bus.metrics_endpoint import MetricsEndpoint


def scraped(url: str) -> dict[str, float]:
    with urlopen(url, timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = answer.read().decode()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_of_this_process_are_served_and_nothing_else() -> None:
    numbers = Metrics()
    with MetricsEndpoint(numbers) as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
        numbers.add(m.AWAY)
        assert scraped(endpoint.url) == {"cior_bus_outages_total": 1}
        numbers.add(m.AWAY)
        assert scraped(endpoint.url) == {"cior_bus_outages_total": 2}, "read anew each time"
        with pytest.raises(HTTPError, match="404"):
            urlopen(endpoint.url.replace("/metrics", "/"), timeout=5)


def test_a_closed_endpoint_gives_its_port_back() -> None:
    endpoint = MetricsEndpoint(Metrics())
    port = int(endpoint.url.rsplit(":", 1)[1].split("/")[0])
    endpoint.close()
    with MetricsEndpoint(Metrics(), port=port) as again:
        assert again.url == endpoint.url


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.9"])
def test_an_address_that_cannot_be_had_costs_nobody_his_work(host: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with MetricsEndpoint(Metrics(), host=host, port=other.getsockname()[1]) as endpoint:
            assert endpoint.url.startswith("http://127.0.0.1:")
            assert scraped(endpoint.url) == {}
