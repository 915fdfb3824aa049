"""When a panel's message happened, by its own event time (block H) and its clock at transmission. Pure."""

from __future__ import annotations

from typing import Final

from cior_connectors.builtin.dc09.extended import occurrence_ms
from cior_connectors.builtin.dc09.message import Message
from cior_connectors.contract import Facts
from cior_core import clock
from cior_core.clock import ClockLimits, ClockReading, Judgement

LIMITS: Final = ClockLimits(buffer_s=30 * 86_400.0)
"""A panel without a line keeps its log for weeks."""


def judged(message: Message, facts: Facts, *, subject: str) -> Judgement:
    """How far to believe the panel.

    The transmission time changes with every resend, so it measures the clock and times nothing.
    """
    return clock.judge(
        occurrence_ms(message),
        facts.received_ms,
        sent_ms=message.timestamp_ms,
        history=facts.clock_of(subject),
        limits=LIMITS,
    )


def reading(message: Message, *, subject: str) -> tuple[ClockReading, ...]:
    """What the message tells of the panel's clock: its transmission time, else its event time."""
    read_ms = message.timestamp_ms if message.timestamp_ms is not None else occurrence_ms(message)
    return () if read_ms is None else (ClockReading(subject=subject, device_ms=read_ms),)
