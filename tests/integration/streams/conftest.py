"""Two brokers, and a fleet of worker processes that is always ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.bus.brokers import Broker, broker
from integration.streams.fleet import Fleet

__all__ = ["broker"]


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(broker, tmp_path)
    yield fleet
    fleet.end()
