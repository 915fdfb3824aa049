"""The connectors' conformance kit as these tests run it: in the long form, decoders meet a million damaged inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_connectors.kit import checks_decode
from engines.long_runs import often

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What feeds decoders with damage has a long form."""
    for item in items:
        if item.path.is_relative_to(HERE) and "random_total" in item.name:
            item.add_marker("long")


@pytest.fixture(autouse=True)
def _more_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_decode, "MUTATIONS", often(checks_decode.MUTATIONS, long=30_000))
