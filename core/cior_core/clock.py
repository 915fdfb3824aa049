"""How far a device's clock can be believed, judged against the instant of receipt (law 6).

Nothing is dropped for a wrong clock; judged is only *when* to say it happened, and how sure that is. The first case
that fits:

====================  ==========================================  =================  ========
mark                  the device says                             occurred becomes   quality
====================  ==========================================  =================  ========
``no_time``           nothing                                     received           unknown
``default_epoch``     1970, 1980-01-06 (GPS) or 2000, first days  received           unknown
``gps_rollover``      n x 1024 weeks ago, near enough             device + n weeks   skewed
``future``            more than 2 minutes after receipt           received           skewed
``offset_corrected``  as wrong as it always is                    device + offset    skewed
``stepped_back``      earlier than before, not buffered           device             skewed
(none)                within a minute before receipt              device             synced
``late``              up to a week before receipt                 device             unknown (1)
``far_off``           longer ago than anything is buffered        received           unknown
====================  ==========================================  =================  ========

(1) synced where the clock is known to be good.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.model import ClockQuality

ROLLOVER_MS: Final = 1024 * 7 * 86_400_000
"""The GPS legacy week counter has ten bits (IS-GPS-200 §20.3.3.3.1.1)."""

_DAY_MS: Final = 86_400_000
_DEFAULT_EPOCHS_MS: Final = (0, 315_964_800_000, 946_684_800_000)
"""What a clock says that was never set: Unix 1970-01-01, GPS 1980-01-06, RTC chips 2000-01-01."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Mark(StrEnum):
    """Why an instant was judged as it was."""

    NO_TIME = "no_time"
    DEFAULT_EPOCH = "default_epoch"
    GPS_ROLLOVER = "gps_rollover"
    FUTURE = "future"
    OFFSET_CORRECTED = "offset_corrected"
    STEPPED_BACK = "stepped_back"
    LATE = "late"
    FAR_OFF = "far_off"
    AMBIGUOUS_HOUR = "ambiguous_hour"
    SKIPPED_HOUR = "skipped_hour"


class ClockLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is tolerated.

    ``future_s`` after research/protocols.md §7; a tracker buffers for days, hence ``buffer_s``.
    """

    future_s: float = 120.0
    prompt_s: float = 60.0
    buffer_s: float = 7 * 86_400.0
    unset_s: float = 30 * 86_400.0
    offset_match_s: float = 30.0


DEFAULT_LIMITS: Final = ClockLimits()


class ClockHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier messages of this device told: the usual received - device (``offset_s``, median), the last
    instants seen.
    """

    offset_s: float | None = None
    last_device_ms: int | None = None


NO_HISTORY: Final = ClockHistory()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """``occurred_ms`` to order and correlate by; ``error_s`` how far it may be off (None: cannot be told);
    ``device_ms`` as the device said.
    """

    occurred_ms: int
    quality: ClockQuality
    error_s: float | None
    mark: Mark | None = None
    device_ms: int | None = None


class LocalInstant(msgspec.Struct, frozen=True, kw_only=True):
    """A local time made UTC: ``error_s`` is the width of what was written (60 for minutes only), more when the hour
    is ambiguous.
    """

    instant_ms: int
    error_s: float
    mark: Mark | None = None


def judge(
    device_ms: int | None,
    received_ms: int,
    *,
    precision_s: float = 1.0,
    buffered: bool = False,
    history: ClockHistory = NO_HISTORY,
    limits: ClockLimits = DEFAULT_LIMITS,
) -> Judgement:
    """Judge one instant by the table of this module. ``buffered``: the protocol itself says the message was stored
    before it was sent (Queclink ``+BUFF``). ``precision_s``: the width of the device's time stamp.
    """
    if device_ms is None:
        return Judgement(
            occurred_ms=received_ms, quality=ClockQuality.UNKNOWN, error_s=None, mark=Mark.NO_TIME
        )
    delay_s = (received_ms - device_ms) / 1000
    if delay_s > limits.buffer_s and _unset(device_ms, limits):
        return _by_receipt(device_ms, received_ms, Mark.DEFAULT_EPOCH)
    if (corrected_ms := rollover(device_ms, received_ms, limits=limits)) is not None:
        return Judgement(
            occurred_ms=corrected_ms,
            quality=ClockQuality.SKEWED,
            error_s=precision_s,
            mark=Mark.GPS_ROLLOVER,
            device_ms=device_ms,
        )
    if delay_s < -limits.future_s:
        return Judgement(
            occurred_ms=received_ms,
            quality=ClockQuality.SKEWED,
            error_s=-delay_s,
            mark=Mark.FUTURE,
            device_ms=device_ms,
        )
    if delay_s > limits.buffer_s:
        return _by_receipt(device_ms, received_ms, Mark.FAR_OFF)
    return _near(
        device_ms, delay_s, precision_s=precision_s, buffered=buffered, history=history, limits=limits
    )


def rollover(device_ms: int, received_ms: int, *, limits: ClockLimits = DEFAULT_LIMITS) -> int | None:
    """``device_ms`` moved by whole periods of 1024 weeks to just before receipt (at most ``buffer_s``; at most
    ``future_s`` after), else None.
    """
    periods = round((received_ms - device_ms) / ROLLOVER_MS)
    corrected_ms = device_ms + periods * ROLLOVER_MS
    near = -limits.future_s <= (received_ms - corrected_ms) / 1000 <= limits.buffer_s
    return corrected_ms if periods >= 1 and near else None


def from_local(text: str, pattern: str, zone: tzinfo, *, received_ms: int | None = None) -> LocalInstant:
    """UTC of a local time as call centres write it, such as ``2016-01-15 12:01`` with ``%Y-%m-%d %H:%M``
    (``datetime.strptime`` directives).

    An hour that exists twice (clocks set back) is taken as the later candidate that is not after ``received_ms``, the
    first without one; an hour that does not exist (clocks set forward) is moved on by the gap; both are marked and
    their error grows to the size of the jump. A text with its own offset (``%z``) needs no zone. Raises
    :class:`PayloadRejected` ``clock.local_time``.
    """
    try:
        local = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is attached below
        candidates = [
            _utc_ms(local if local.tzinfo else local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)
        ]
    except (ValueError, OverflowError) as error:
        raise PayloadRejected(
            "clock.local_time",
            "a local time does not fit its format",
            cure="correct the time format of the source",
        ) from error
    first, second = candidates
    width_s = _width_s(pattern)
    jump_s = abs(second - first) / 1000
    if first == second:
        return LocalInstant(instant_ms=first, error_s=width_s)
    if (
        first > second
    ):  # PEP 495: in a gap, fold=0 reads with the offset before it, which lands after the jump
        return LocalInstant(instant_ms=first, error_s=width_s + jump_s, mark=Mark.SKIPPED_HOUR)
    chosen = second if received_ms is not None and second <= received_ms else first
    return LocalInstant(instant_ms=chosen, error_s=width_s + jump_s, mark=Mark.AMBIGUOUS_HOUR)


def _near(
    device_ms: int,
    delay_s: float,
    *,
    precision_s: float,
    buffered: bool,
    history: ClockHistory,
    limits: ClockLimits,
) -> Judgement:
    """An instant from ``future_s`` after receipt to ``buffer_s`` before it."""
    usual_s = history.offset_s
    if (
        usual_s is not None
        and abs(usual_s) > limits.prompt_s
        and abs(delay_s - usual_s) <= limits.offset_match_s
    ):
        return Judgement(
            occurred_ms=device_ms + round(usual_s * 1000),
            quality=ClockQuality.SKEWED,
            error_s=max(precision_s, limits.offset_match_s),
            mark=Mark.OFFSET_CORRECTED,
            device_ms=device_ms,
        )
    back = history.last_device_ms is not None and device_ms < history.last_device_ms - round(
        limits.future_s * 1000
    )
    if back and not buffered:
        return Judgement(
            occurred_ms=device_ms,
            quality=ClockQuality.SKEWED,
            error_s=abs(delay_s),
            mark=Mark.STEPPED_BACK,
            device_ms=device_ms,
        )
    if delay_s <= limits.prompt_s:
        return Judgement(
            occurred_ms=device_ms,
            quality=ClockQuality.SYNCED,
            error_s=max(precision_s, abs(delay_s)),
            device_ms=device_ms,
        )
    known_good = usual_s is not None and abs(usual_s) <= limits.prompt_s
    return Judgement(
        occurred_ms=device_ms,
        quality=ClockQuality.SYNCED if known_good else ClockQuality.UNKNOWN,
        error_s=max(precision_s, abs(usual_s or 0.0)) if known_good else None,
        mark=Mark.LATE,
        device_ms=device_ms,
    )


def _by_receipt(device_ms: int, received_ms: int, mark: Mark) -> Judgement:
    return Judgement(
        occurred_ms=received_ms, quality=ClockQuality.UNKNOWN, error_s=None, mark=mark, device_ms=device_ms
    )


def _unset(device_ms: int, limits: ClockLimits) -> bool:
    return device_ms < 0 or any(
        0 <= device_ms - epoch_ms + _DAY_MS <= limits.unset_s * 1000 for epoch_ms in _DEFAULT_EPOCHS_MS
    )


def _utc_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _width_s(pattern: str) -> float:
    for directive, width_s in (("%f", 0.001), ("%[ScXTs]", 1.0), ("%M", 60.0), ("%[HI]", 3600.0)):
        if re.search(directive, pattern):
            return width_s
    return float(_DAY_MS // 1000)
