"""From which instant the age of an alert is counted, where somebody measures how fast it came through. Pure."""

from __future__ import annotations

from cior_core.model import Alert


def opening_receipt_ms(alert: Alert) -> int | None:
    """When the last of the signals that opened it was received (UTC ms); None for every version after the first."""
    if alert.version != 1:
        return None
    return max((member.received_ms for member in alert.members), default=None)
