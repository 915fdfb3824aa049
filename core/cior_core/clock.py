"""How far a device's clock can be believed, judged against the instant of receipt. Pure: both are arguments (law 6).

Only *when* it happened is judged, and how sure that is: a wrong clock drops nothing. Cases, the first that fits:

====================  ==========================================  =================  ==============================
mark                  the device says                             occurred becomes   quality
====================  ==========================================  =================  ==============================
``no_time``           nothing of when it happened                 received           unknown; if measured, synced
``clock_off``         the same, and its clock at sending is off   received           skewed
``default_epoch``     1970, 1980-01-06 (GPS) or 2000, first days  received           unknown
``gps_rollover``      n x 1024 weeks ago, near enough             device + n weeks   skewed
``future``            more than 2 minutes after receipt           received           skewed
``offset_corrected``  as wrong as it always is, or as it was      device + offset    skewed
                      when it sent this message
``stepped_back``      earlier than before, not buffered           device             skewed
(none)                within a minute before receipt              device             synced
``late``              up to a week before receipt                 device             unknown; if known good, synced
``far_off``           longer ago than anything is buffered        received           unknown
====================  ==========================================  =================  ==============================

What earlier messages of a device told is its :class:`ClockTrail`: :func:`followed` adds one reading, :func:`history` is
what :func:`judge` wants of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from statistics import median_low
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
    CLOCK_OFF = "clock_off"
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
    """What is tolerated of a kind of source.

    ``future_s`` after research/protocols.md §7; ``buffer_s``: the longest that it keeps a message;
    ``declared_error_s``: how wrong it says that its clock may be (None: it does not say).
    """

    future_s: float = 120.0
    prompt_s: float = 60.0
    buffer_s: float = 7 * 86_400.0
    rollover_s: float = 7 * 86_400.0
    unset_s: float = 30 * 86_400.0
    offset_match_s: float = 30.0
    declared_error_s: float | None = None


DEFAULT_LIMITS: Final = ClockLimits()


class ClockHistory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What earlier messages of this device told: the usual received - device (median), its last instant."""

    offset_s: float | None = None
    last_device_ms: int | None = None


NO_HISTORY: Final = ClockHistory()


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """What one message tells of its device's clock. ``buffered``: it waited before it was sent, so it tells nothing."""

    subject: str
    device_ms: int
    buffered: bool = False


class ClockTrail(msgspec.Struct, frozen=True, kw_only=True):
    """Recent readings of one device: at most :data:`SAMPLES` of received - device, one in :data:`SAMPLE_EVERY_MS`."""

    offsets_ms: tuple[int, ...] = ()
    measured_ms: int = 0
    last_device_ms: int | None = None


SAMPLES: Final = 15
SAMPLES_NEEDED: Final = 3
SAMPLE_EVERY_MS: Final = 30_000
NO_TRAIL: Final = ClockTrail()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """``occurred_ms`` to order and correlate by; ``error_s`` how far it may be off (None: cannot be told).

    ``device_ms``: as the device said. ``by_receipt``: no instant of it was believed, ``occurred_ms`` is the receipt.
    """

    occurred_ms: int
    quality: ClockQuality
    error_s: float | None
    mark: Mark | None = None
    device_ms: int | None = None
    by_receipt: bool = False

    @property
    def identity_ms(self) -> int | None:
        """The device's instant where it may be part of an id (law 14), else None.

        Only one that was believed as it was written: a clock that stands still, was reset, runs ahead or had to be put
        right says the same of two presses.
        """
        believed = self.mark in {None, Mark.LATE} and not self.by_receipt
        return self.device_ms if believed else None


class LocalInstant(msgspec.Struct, frozen=True, kw_only=True):
    """A local time made UTC. ``error_s``: the width of what was written (60 for minutes), more in an ambiguous hour."""

    instant_ms: int
    error_s: float
    mark: Mark | None = None


class _Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the clock besides its reading; ``precision_s`` with the declared error."""

    precision_s: float
    buffered: bool
    history: ClockHistory
    limits: ClockLimits


def judge(
    device_ms: int | None,
    received_ms: int,
    *,
    sent_ms: int | None = None,
    precision_s: float = 1.0,
    buffered: bool = False,
    history: ClockHistory = NO_HISTORY,
    limits: ClockLimits = DEFAULT_LIMITS,
) -> Judgement:
    """Judge one instant (UTC ms) by the table of this module.

    ``sent_ms``: what the device's clock said when it sent the message (DC-09 §5.5.1.9), which measures it on the spot.
    ``precision_s``: the width of the device's time stamp.
    ``buffered``: the protocol itself says that the message was stored before it was sent (Queclink ``+BUFF``).
    """
    clock = _Clock(
        precision_s=precision_s + (limits.declared_error_s or 0.0),
        buffered=buffered,
        history=history,
        limits=limits,
    )
    if sent_ms is not None:
        return _measured(device_ms, received_ms, sent_ms=sent_ms, clock=clock)
    if device_ms is None:
        return _by_receipt(None, received_ms, Mark.NO_TIME)
    return _judged(device_ms, received_ms, clock)


def _rollover(device_ms: int, received_ms: int, *, limits: ClockLimits = DEFAULT_LIMITS) -> int | None:
    """``device_ms`` moved by whole periods of 1024 weeks to just before receipt (at most ``rollover_s``), else None."""
    periods = round((received_ms - device_ms) / ROLLOVER_MS)
    corrected_ms = device_ms + periods * ROLLOVER_MS
    near = -limits.future_s <= (received_ms - corrected_ms) / 1000 <= limits.rollover_s
    return corrected_ms if periods >= 1 and near else None


def followed(trail: ClockTrail, reading: ClockReading, received_ms: int) -> ClockTrail:
    """``trail`` after one more reading. A buffered one tells nothing of the clock."""
    if reading.buffered:
        return trail
    offset_ms, offsets_ms, measured_ms = received_ms - reading.device_ms, trail.offsets_ms, received_ms
    if offsets_ms and 0 <= received_ms - trail.measured_ms < SAMPLE_EVERY_MS:
        # A message can only come late, never early: the smallest of an emptied buffer is nearest to the clock.
        offset_ms, measured_ms = min(offsets_ms[-1], offset_ms), trail.measured_ms
        offsets_ms = offsets_ms[:-1]
    return ClockTrail(
        offsets_ms=(*offsets_ms, offset_ms)[-SAMPLES:],
        measured_ms=measured_ms,
        last_device_ms=reading.device_ms,
    )


def history(trail: ClockTrail, limits: ClockLimits = DEFAULT_LIMITS) -> ClockHistory:
    """What a trail tells.

    An offset needs three samples of which most agree: a clock is off by the same, lateness varies.
    """
    offsets_ms = trail.offsets_ms
    usual_ms = median_low(offsets_ms) if len(offsets_ms) >= SAMPLES_NEEDED else None
    if usual_ms is not None:
        agree = sum(abs(each - usual_ms) <= limits.offset_match_s * 1000 for each in offsets_ms)
        usual_ms = usual_ms if agree * 2 > len(offsets_ms) else None
    return ClockHistory(
        offset_s=None if usual_ms is None else usual_ms / 1000, last_device_ms=trail.last_device_ms
    )


def from_local(text: str, pattern: str, zone: tzinfo, *, received_ms: int | None = None) -> LocalInstant:
    """UTC of a local time as call centres write it, such as ``2016-01-15 12:01`` with the ``strptime`` pattern
    ``%Y-%m-%d %H:%M``.

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


def _judged(device_ms: int, received_ms: int, clock: _Clock) -> Judgement:
    limits, delay_s = clock.limits, (received_ms - device_ms) / 1000
    if delay_s > limits.buffer_s and _unset(device_ms, limits):
        return _by_receipt(device_ms, received_ms, Mark.DEFAULT_EPOCH)
    if (corrected_ms := _rollover(device_ms, received_ms, limits=limits)) is not None:
        return _skewed(corrected_ms, device_ms, Mark.GPS_ROLLOVER, error_s=clock.precision_s)
    if delay_s < -limits.future_s:
        return Judgement(
            occurred_ms=received_ms,
            quality=ClockQuality.SKEWED,
            error_s=-delay_s,
            mark=Mark.FUTURE,
            device_ms=device_ms,
            by_receipt=True,
        )
    if delay_s > limits.buffer_s:
        return _by_receipt(device_ms, received_ms, Mark.FAR_OFF)
    return _near(device_ms, delay_s, clock)


def _near(device_ms: int, delay_s: float, clock: _Clock) -> Judgement:
    """An instant from ``future_s`` after receipt to ``buffer_s`` before it."""
    limits, usual_s = clock.limits, clock.history.offset_s
    slow = usual_s is not None and abs(usual_s) > limits.prompt_s
    if usual_s is not None and slow and abs(delay_s - usual_s) <= limits.offset_match_s:
        error_s = max(clock.precision_s, limits.offset_match_s)
        return _skewed(device_ms + round(usual_s * 1000), device_ms, Mark.OFFSET_CORRECTED, error_s=error_s)
    if _back(device_ms, clock) and not clock.buffered:
        return _skewed(device_ms, device_ms, Mark.STEPPED_BACK, error_s=abs(delay_s))
    if delay_s <= limits.prompt_s:
        return Judgement(
            occurred_ms=device_ms,
            quality=ClockQuality.SYNCED,
            error_s=max(clock.precision_s, abs(delay_s)),
            device_ms=device_ms,
        )
    known_good = usual_s is not None and not slow
    told = known_good or limits.declared_error_s is not None
    return Judgement(
        occurred_ms=device_ms,
        quality=ClockQuality.SYNCED if known_good else ClockQuality.UNKNOWN,
        error_s=max(clock.precision_s, abs(usual_s or 0.0)) if told else None,
        mark=Mark.LATE,
        device_ms=device_ms,
    )


def _measured(device_ms: int | None, received_ms: int, *, sent_ms: int, clock: _Clock) -> Judgement:
    """A message that measures its own clock: what it measures outweighs what earlier ones told."""
    offset_s = (received_ms - sent_ms) / 1000
    off = abs(offset_s) > clock.limits.prompt_s
    if device_ms is None:
        return Judgement(
            occurred_ms=received_ms,
            quality=ClockQuality.SKEWED if off else ClockQuality.SYNCED,
            error_s=max(clock.precision_s, abs(offset_s)),
            mark=Mark.NO_TIME if not off else Mark.STEPPED_BACK if _back(sent_ms, clock) else Mark.CLOCK_OFF,
            device_ms=sent_ms,
            by_receipt=True,
        )
    measured = msgspec.structs.replace(
        clock, buffered=True, history=NO_HISTORY if off else ClockHistory(offset_s=offset_s)
    )
    if not off:
        return _judged(device_ms, received_ms, measured)
    found = _judged(device_ms + round(offset_s * 1000), received_ms, measured)
    if found.mark not in {None, Mark.LATE}:
        return msgspec.structs.replace(found, quality=ClockQuality.SKEWED, device_ms=device_ms)
    error_s = max(clock.precision_s, clock.limits.offset_match_s)
    return _skewed(found.occurred_ms, device_ms, Mark.OFFSET_CORRECTED, error_s=error_s)


def _back(reading_ms: int, clock: _Clock) -> bool:
    last_ms = clock.history.last_device_ms
    return last_ms is not None and reading_ms < last_ms - round(clock.limits.future_s * 1000)


def _skewed(occurred_ms: int, device_ms: int, mark: Mark, *, error_s: float) -> Judgement:
    return Judgement(
        occurred_ms=occurred_ms, quality=ClockQuality.SKEWED, error_s=error_s, mark=mark, device_ms=device_ms
    )


def _by_receipt(device_ms: int | None, received_ms: int, mark: Mark) -> Judgement:
    return Judgement(
        occurred_ms=received_ms,
        quality=ClockQuality.UNKNOWN,
        error_s=None,
        mark=mark,
        device_ms=device_ms,
        by_receipt=True,
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
