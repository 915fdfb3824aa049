"""One test body, two brokers."""

from __future__ import annotations

from integration.bus.brokers import broker

__all__ = ["broker"]
