"""When a panel's message happened. The panel's clock is measured by its transmission timestamp and believed only as far as it agrees with ours. Pure.

Transmission timestamps change with every resend, so they never become the event's time: without a block H the first receipt is.
"""

from __future__ import annotations

import msgspec

from cior_core.model import ClockQuality

SYNCED_S = 20.0
FUTURE_S = 120.0
OLDEST_S = 30 * 86_400.0
LATE_S = 120.0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """``occurred_ms`` None: take the first receipt. ``error_s`` how far the panel's clock is off (or may be), ``note`` what was done."""

    occurred_ms: int | None
    quality: ClockQuality
    error_s: float | None = None
    note: str = ""


def moment(own_ms: int | None, timestamp_ms: int | None, *, received_ms: int) -> Moment:
    """``own_ms`` block H, ``timestamp_ms`` transmission time, both by the panel's clock (UTC).

    A measured offset is taken out of H. An H in the future or older than 30 days is not believed: the first receipt counts, the clock is skewed.
    """
    offset_s = (timestamp_ms - received_ms) / 1000 if timestamp_ms is not None else None
    quality = _quality(offset_s)
    error_s = max(1.0, abs(offset_s)) if offset_s is not None else None
    if own_ms is None:
        return Moment(
            occurred_ms=None,
            quality=quality,
            error_s=error_s,
            note="panel_clock_off" if quality is ClockQuality.SKEWED else "",
        )
    corrected_ms, note = own_ms, ""
    if offset_s is not None and quality is ClockQuality.SKEWED:
        corrected_ms, note = own_ms - int(offset_s * 1000), "panel_clock_corrected"
    age_s = (received_ms - corrected_ms) / 1000
    if not -FUTURE_S <= age_s <= OLDEST_S:
        return Moment(
            occurred_ms=None, quality=ClockQuality.SKEWED, error_s=abs(age_s), note="event_time_not_believed"
        )
    return Moment(
        occurred_ms=corrected_ms,
        quality=quality,
        error_s=error_s,
        note=note or ("buffered" if age_s > LATE_S else ""),
    )


def _quality(offset_s: float | None) -> ClockQuality:
    if offset_s is None:
        return ClockQuality.UNKNOWN
    return ClockQuality.SYNCED if abs(offset_s) <= SYNCED_S else ClockQuality.SKEWED
