"""What is known of each device from what it said: is it alive, where, how wrong is its clock, can its presses be
believed.

Everything here *marks*; nothing removes, delays or lowers an event (law 2): a stuck button's press is still a press,
with ``stuck`` beside it. Device clocks never order anything alone: liveness goes by receipt, and an instant more than
two minutes after receipt counts as the receipt, so that a clock years ahead cannot block newer data. All functions are
pure and their derived events have deterministic ids, so a replayed or repeated input gives the same events.

Derived events, each once per occasion: ``source.silent`` and ``source.restored`` (supervision), ``device.stuck_button``
and ``device.clock`` (phase ``new`` when it begins, ``restore`` when it ends).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite, sqrt
from statistics import median_low
from typing import Any, Final

import msgspec

from cior_core.attributes import BUFFERED, CLOCK_OFFSET, DEVICE_MS
from cior_core.device_state import DeviceState, Press, Reputation, may_be_forged
from cior_core.geo import coordinate_fault
from cior_core.model import (
    UNKNOWN_PLACE,
    Alert,
    ClockQuality,
    DataClass,
    Device,
    Disposition,
    Event,
    Lane,
    Phase,
    Place,
    Producer,
)
from cior_core.system_events import system_event

SOURCE: Final = "urn:cior:devices"
ENDINGS: Final = "urn:cior:endings"
ENDING: Final = "alert.ending"
OFFSETS: Final = "urn:cior:offsets"
OFFSET: Final = "clock.offset"
CLOCK: Final = "device.clock"
_PRODUCER: Final = Producer(connector="cior.devices", version="1")
_PRESSING: Final = frozenset({Phase.NEW, Phase.UPDATE, Phase.STILL})
_ENDING: Final = frozenset({Phase.RESTORE, Phase.CANCEL, Phase.END})


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds. ``press_families``: leading words of the types that are presses. ``prior_*``: the smoothing of the
    confirmation rate. Up to ``offset_noise_s`` an offset is the network's, from ``offset_limit_s`` a clock is bad."""

    missed_heartbeats: int = 3
    expected_every_s: float | None = None
    press_families: tuple[str, ...] = ("panic", "silent", "siren")
    stuck_after_s: float = 86_400.0
    stuck_presses: int = 20
    stuck_within_s: float = 300.0
    repeat_within_s: float = 120.0
    offset_samples: int = 15
    offset_every_s: float = 30.0
    offset_limit_s: float = 60.0
    offset_noise_s: float = 2.0
    future_s: float = 120.0
    prior_confirmed: float = 1.0
    prior_false: float = 1.0


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """The confirmation rate of a device, smoothed, with its 95 % Wilson interval over ``n`` closed alerts."""

    rate: float
    low: float
    high: float
    n: int


DEFAULT_SETTINGS: Final = DeviceSettings()


def enroll(device: Device, now_ms: int, state: DeviceState | None = None) -> DeviceState:
    """The state of a registered device from a start of ours on, so that one which never says a word is found silent
    too, and none is for the time in which nobody listened. Keeps what ``state`` already knows."""
    known = state or DeviceState(
        subject=device.id, seen_ms=now_ms, place=device.place if _usable(device.place) else None
    )
    return msgspec.structs.replace(
        known,
        expected_every_s=device.expected_every_s,
        drill=device.drill,
        watched_ms=max(now_ms, known.watched_ms),
        data_class=_higher(known.data_class, device.data_class),
    )


def step(
    state: DeviceState | None, event: Event, now_ms: int, settings: DeviceSettings = DEFAULT_SETTINGS
) -> tuple[DeviceState, tuple[Event, ...]]:
    """``event`` of the device ``event.subject`` applied. ``now_ms`` is the edge's instant of processing; a receipt
    later than it counts as now.

    Late, repeated and disordered events are safe: only newer facts replace older ones. Returns the new state and the
    derived events.
    """
    seen_ms = min(event.received_ms, now_ms)
    before = state or DeviceState(subject=event.subject, seen_ms=seen_ms, drill=event.drill)
    if may_be_forged(event):
        return before, ()
    occurred_ms = event.occurred_ms if event.occurred_ms <= seen_ms + settings.future_s * 1000 else seen_ms
    changes: dict[str, Any] = {}
    if before.drill and not event.drill:
        changes["drill"] = False
    if seen_ms > before.seen_ms:
        changes["seen_ms"] = seen_ms
    if occurred_ms >= before.occurred_ms:
        changes.update(occurred_ms=occurred_ms, last_type=event.type)
    if occurred_ms >= before.place_ms and _usable(event.place):
        changes.update(place=event.place, place_ms=occurred_ms)
    if event.data_class is not before.data_class:
        changes["data_class"] = _higher(before.data_class, event.data_class)
    derived = [
        *_return(before, seen_ms, settings=settings, changes=changes),
        *_measure(before, event, seen_ms, settings=settings, changes=changes),
    ]
    if event.type.partition(".")[0] in settings.press_families:
        derived += _press(before, event, seen_ms, settings=settings, changes=changes)
    after = msgspec.structs.replace(before, **changes)
    return after, tuple(_derived(after, what) for what in derived)


def annotated(event: Event, state: DeviceState, settings: DeviceSettings = DEFAULT_SETTINGS) -> Event:
    """``event`` with what its device's state says, as attributes for the correlator and the operator: ``repeats``
    (presses within ``repeat_within_s``, this one included), ``copies``, ``stuck``, ``confirmation_rate`` and
    ``confirmation_n``, ``clock_offset_s``; and :func:`widened`. Adds, never removes."""
    recent = [
        press
        for press in state.presses
        if event.received_ms - settings.repeat_within_s * 1000 <= press.received_ms <= event.received_ms
    ]
    facts: dict[str, Any] = {
        "repeats": max(1, len(recent)),
        "copies": max([press.copies for press in state.presses if press.id == event.id], default=1),
    }
    if state.stuck_since_ms is not None:
        facts["stuck"] = True
    found = _confirmation(state.reputation, settings)
    if found.n:
        facts.update(confirmation_rate=round(found.rate, 4), confirmation_n=found.n)
    if (offset_s := _clock_offset_s(state)) is not None:
        facts[CLOCK_OFFSET] = offset_s
    return msgspec.structs.replace(widened(event, state, settings), attributes={**event.attributes, **facts})


def widened(event: Event, state: DeviceState, settings: DeviceSettings = DEFAULT_SETTINGS) -> Event:
    """``event`` with its ``clock_error_s`` raised to what was measured of its device's clock, never lowered."""
    offset_s = abs(_clock_offset_s(state) or 0.0)
    if event.occurred_ms == event.received_ms:  # its instant is ours: the device's clock has no part in it
        return event
    declared_s = event.clock_error_s
    # What is assumed where nothing is declared: a small offset must not make that smaller.
    sure_s = settings.offset_noise_s if event.clock is ClockQuality.SYNCED else settings.offset_limit_s
    if declared_s is not None and isfinite(declared_s):
        sure_s = abs(declared_s)
    return msgspec.structs.replace(event, clock_error_s=offset_s) if offset_s > sure_s else event


def sweep(
    states: Mapping[str, DeviceState], now_ms: int, settings: DeviceSettings = DEFAULT_SETTINGS
) -> tuple[dict[str, DeviceState], tuple[Event, ...]]:
    """The states that fell silent by ``now_ms``, and the events. Sweeping twice changes nothing more.

    ``now_ms`` must be an instant up to which the lane has been *read*: while a backlog is drained, nobody is silent for
    being unread.
    """
    changed: dict[str, DeviceState] = {}
    events: list[Event] = []
    for subject, state in states.items():
        changes: dict[str, Any] = {}
        found = _silence(state, now_ms, settings=settings, changes=changes)
        if changes:
            changed[subject] = msgspec.structs.replace(state, **changes)
            events += [_derived(changed[subject], what) for what in found]
    return changed, tuple(events)


def _deadline_ms(state: DeviceState, settings: DeviceSettings = DEFAULT_SETTINGS) -> int | None:
    """When the device counts as silent unless heard before; None when nothing is expected of it."""
    every_s = state.expected_every_s or settings.expected_every_s
    return (
        None
        if every_s is None
        else max(state.seen_ms, state.watched_ms) + round(every_s * settings.missed_heartbeats * 1000)
    )


def _clock_offset_s(state: DeviceState) -> float | None:
    """Median of the recent received - device, seconds (positive: the device's clock is slow or its messages travel).

    Before three samples: what another worker told, or None.
    """
    if len(state.offsets_ms) >= 3:
        return median_low(state.offsets_ms) / 1000
    return None if state.told_offset_ms is None else state.told_offset_ms / 1000


def endings(alert: Alert, settings: DeviceSettings = DEFAULT_SETTINGS) -> tuple[Event, ...]:
    """What a closed alert says of each press in it, as events of type ``alert.ending`` to the pressed device. None for
    drills, and none for silent alerts: nobody keeps a record of whether a victim was believed."""
    hidden = alert.silent or alert.data_class is DataClass.SEALED
    if alert.disposition is None or alert.closed_ms is None or alert.drill or hidden:
        return ()
    presses = [
        member
        for member in alert.members
        if member.phase is Phase.NEW and member.type.partition(".")[0] in settings.press_families
    ]
    return tuple(
        system_event(
            ENDING,
            source=ENDINGS,
            subject=member.subject,
            key=f"{alert.id}|{alert.version}|{member.event_id}",
            at_ms=alert.updated_ms,
            occurred_ms=alert.closed_ms,
            clock=ClockQuality.SYNCED,
            data_class=alert.data_class,
            drill=alert.drill,
            producer=_PRODUCER,
            attributes={"press": member.event_id, "alert": alert.id, "disposition": alert.disposition.value},
        )
        for member in presses
    )


def is_ending(event: Event) -> bool:
    """Whether ``event`` is one of :func:`endings`: it goes to its device only. Whatever else claims that source goes
    the way of every event (law 2)."""
    return event.source == ENDINGS and event.type == ENDING and not event.life_safety


def learned(state: DeviceState, ending: Event) -> DeviceState:
    """``state`` after one of :func:`endings`: a press counts as its alert ended *last*, so an alert that is opened
    again and closed otherwise is corrected, and an ending that comes twice counts once. A press that is no longer kept
    in mind teaches nothing."""
    word, press_id = ending.attributes.get("disposition"), ending.attributes.get("press")
    if word not in tuple(Disposition) or not is_ending(ending):
        return state
    for n, press in enumerate(state.presses):
        if press.id == press_id:
            told = _counted(state.reputation, press.ending, -1)
            kept = msgspec.structs.replace(press, ending=str(word))
            return msgspec.structs.replace(
                state,
                reputation=_counted(told, str(word), 1),
                presses=(*state.presses[:n], kept, *state.presses[n + 1 :]),
            )
    return state


def offsets(derived: Iterable[Event]) -> tuple[Event, ...]:
    """What ``derived`` says of clocks, as events of type ``clock.offset`` to the worker of the presses.

    It hears a button once a year; whoever reads its panel's heartbeats knows its clock.
    """
    return tuple(
        system_event(
            OFFSET,
            source=OFFSETS,
            subject=event.subject,
            key=event.id,
            at_ms=event.received_ms,
            clock=ClockQuality.SYNCED,
            data_class=event.data_class,
            producer=_PRODUCER,
            drill=event.drill,
            attributes={"offset_s": event.attributes["offset_s"]},
        )
        for event in derived
        if event.type == CLOCK and event.source == SOURCE
    )


def is_offset(event: Event) -> bool:
    """Whether ``event`` is one of :func:`offsets`: it goes to its device only (law 2, as :func:`is_ending`)."""
    return event.source == OFFSETS and event.type == OFFSET and not event.life_safety


def told_offset(state: DeviceState | None, event: Event) -> DeviceState:
    """``state`` after one of :func:`offsets`; a device that never pressed is remembered for it."""
    known = state or DeviceState(subject=event.subject, seen_ms=event.received_ms, drill=event.drill)
    offset_s = event.attributes.get("offset_s")
    if not isinstance(offset_s, int | float) or not isfinite(offset_s):
        return known
    return msgspec.structs.replace(known, told_offset_ms=round(offset_s * 1000))


def _counted(told: Reputation, disposition: str, by: int) -> Reputation:
    """Unfounded counts as false; a test, a duplicate and the unknown teach nothing."""
    match disposition:
        case Disposition.CONFIRMED:
            return msgspec.structs.replace(told, confirmed=max(0, told.confirmed + by))
        case Disposition.FALSE_ALARM | Disposition.UNFOUNDED:
            return msgspec.structs.replace(told, false=max(0, told.false + by))
        case _:
            return told


def _confirmation(
    reputation: Reputation, settings: DeviceSettings = DEFAULT_SETTINGS, *, z: float = 1.959964
) -> Confirmation:
    """Smoothed rate (beta prior of the settings) and Wilson score interval (E. B. Wilson 1927) of ``reputation``; 0 to
    1 when nothing is known."""
    n = reputation.confirmed + reputation.false
    rate = (reputation.confirmed + settings.prior_confirmed) / (
        n + settings.prior_confirmed + settings.prior_false
    )
    if n == 0:
        return Confirmation(rate=rate, low=0.0, high=1.0, n=0)
    share = reputation.confirmed / n
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return Confirmation(rate=rate, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n)


# --- parts of a step: each fills ``changes`` and returns what to tell -------------------------------------------------


class _Told(msgspec.Struct, frozen=True):
    """A derived event before it is dressed: type, phase, instant, receipt, key within the device, attributes."""

    type: str
    phase: Phase
    occurred_ms: int
    at_ms: int
    key: str
    attributes: dict[str, Any]


def _silence(
    state: DeviceState, now_ms: int, *, settings: DeviceSettings, changes: dict[str, Any]
) -> Iterable[_Told]:
    due_ms = _deadline_ms(state, settings)
    if due_ms is None or state.silent_since_ms is not None or now_ms < due_ms:
        return ()
    changes["silent_since_ms"] = due_ms
    facts = {
        "last_heard_ms": state.seen_ms,
        "expected_every_s": state.expected_every_s or settings.expected_every_s,
        "missed": settings.missed_heartbeats,
    }
    return (_Told("source.silent", Phase.NEW, due_ms, now_ms, f"silent|{due_ms}", facts),)


def _return(
    before: DeviceState, seen_ms: int, *, settings: DeviceSettings, changes: dict[str, Any]
) -> Iterable[_Told]:
    """A device heard again: ends its silence. A silence that no sweep saw (we were away) is told now, both ends, by
    receipt times."""
    if seen_ms <= before.seen_ms:
        return ()
    unseen = tuple(_silence(before, seen_ms, settings=settings, changes=changes))
    since_ms = changes.get("silent_since_ms", before.silent_since_ms)
    if since_ms is None:
        return unseen
    changes["silent_since_ms"] = None
    facts = {"silent_since_ms": since_ms, "silent_s": (seen_ms - since_ms) / 1000}
    return (*unseen, _Told("source.restored", Phase.RESTORE, seen_ms, seen_ms, f"restored|{since_ms}", facts))


def _measure(
    before: DeviceState, event: Event, seen_ms: int, *, settings: DeviceSettings, changes: dict[str, Any]
) -> Iterable[_Told]:
    """Clock offset from the device's own instant (attribute ``device_ms``, or the time of an event whose clock was
    readable)."""
    device_ms = event.attributes.get(
        DEVICE_MS, event.occurred_ms if event.clock is not ClockQuality.UNKNOWN else None
    )
    if (
        not isinstance(device_ms, int)
        or event.attributes.get(BUFFERED) is True
        or seen_ms - before.offset_at_ms < settings.offset_every_s * 1000
    ):
        return ()
    offsets = (*before.offsets_ms, seen_ms - device_ms)[-settings.offset_samples :]
    changes.update(offsets_ms=offsets, offset_at_ms=seen_ms, device_ms=device_ms)
    if len(offsets) < 5:
        return ()
    offset_s = median_low(offsets) / 1000
    limit_s = settings.offset_limit_s / 2 if before.clock_bad else settings.offset_limit_s
    if (abs(offset_s) > limit_s) is before.clock_bad:
        return ()
    changes["clock_bad"] = not before.clock_bad
    phase = Phase.RESTORE if before.clock_bad else Phase.NEW
    return (_Told(CLOCK, phase, seen_ms, seen_ms, f"clock|{phase.value}|{seen_ms}", {"offset_s": offset_s}),)


def _press(
    before: DeviceState, event: Event, seen_ms: int, *, settings: DeviceSettings, changes: dict[str, Any]
) -> Iterable[_Told]:
    """Presses, their copies, and the level: a button is stuck when held for ``stuck_after_s`` or when it presses like
    no hand does."""
    if event.phase in _ENDING:
        changes["high_since_ms"] = None
        return _unstuck(before, seen_ms, changes)
    if event.phase not in _PRESSING:
        return ()
    presses, new = _remembered(before.presses, event, seen_ms, settings)
    high_since_ms = seen_ms if new or before.high_since_ms is None else before.high_since_ms
    changes.update(presses=presses, press_count=before.press_count + new, high_since_ms=high_since_ms)
    rate = sum(seen_ms - settings.stuck_within_s * 1000 <= press.received_ms <= seen_ms for press in presses)
    held = event.phase is Phase.STILL and seen_ms - high_since_ms >= settings.stuck_after_s * 1000
    if before.stuck_since_ms is None and (held or rate >= settings.stuck_presses):
        return _stick(before, seen_ms, changes, "held" if held else "rate")
    quiet = before.presses and seen_ms - before.presses[-1].received_ms > settings.stuck_within_s * 1000
    if before.stuck_since_ms is not None and quiet and new:
        return _unstuck(before, seen_ms, changes)
    return ()


def _remembered(
    presses: tuple[Press, ...], event: Event, seen_ms: int, settings: DeviceSettings
) -> tuple[tuple[Press, ...], int]:
    """``presses`` with this one: a copy of a known press is no second one. Bounded."""
    for n, press in enumerate(presses):
        if press.id == event.id:
            return (
                *presses[:n],
                msgspec.structs.replace(press, copies=press.copies + 1),
                *presses[n + 1 :],
            ), 0
    if event.phase is not Phase.NEW:
        return presses, 0
    kept = (*presses, Press(event.id, seen_ms))
    return kept[-max(settings.stuck_presses, 32) :], 1


def _stick(state: DeviceState, at_ms: int, changes: dict[str, Any], why: str) -> Iterable[_Told]:
    changes["stuck_since_ms"] = at_ms
    return (
        _Told(
            "device.stuck_button",
            Phase.NEW,
            at_ms,
            at_ms,
            f"stuck|{state.press_count}|{state.high_since_ms}",
            {"why": why},
        ),
    )


def _unstuck(before: DeviceState, seen_ms: int, changes: dict[str, Any]) -> Iterable[_Told]:
    if before.stuck_since_ms is None:
        return ()
    changes["stuck_since_ms"] = None
    return (
        _Told("device.stuck_button", Phase.RESTORE, seen_ms, seen_ms, f"unstuck|{before.stuck_since_ms}", {}),
    )


def _derived(state: DeviceState, told: _Told) -> Event:
    sealed = state.data_class is DataClass.SEALED
    place = state.place or UNKNOWN_PLACE
    if sealed:
        place = place.district_only()
    return system_event(
        told.type,
        source=SOURCE,
        subject=state.subject,
        key=f"{state.subject}|{told.key}",
        at_ms=told.at_ms,
        occurred_ms=told.occurred_ms,
        phase=told.phase,
        clock=ClockQuality.SYNCED,
        place=place,
        data_class=state.data_class,
        lane=Lane.URGENT if told.type.startswith("source.") else Lane.NORMAL,
        producer=_PRODUCER,
        drill=state.drill,
        native_key=f"{state.subject}|{told.key}",
        attributes=told.attributes,
    )


def _usable(place: Place) -> bool:
    if place.lat is None or place.lon is None:
        return place.district is not None
    return coordinate_fault(place.lat, place.lon) is None


_CLASSES: Final = (DataClass.PUBLIC, DataClass.RESTRICTED, DataClass.SEALED)


def _higher(a: DataClass, b: DataClass) -> DataClass:
    return max(a, b, key=_CLASSES.index)
