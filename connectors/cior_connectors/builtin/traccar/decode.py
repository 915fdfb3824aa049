"""One forwarded Traccar message → events. Pure.

``{position, device}`` gives a ``position`` (telemetry) and one event for each alarm word; ``{event, position, device}``
gives the alarms alone, with the ids that the position's own message gives them, so both ways of forwarding collapse.

A press is never refused for what is wrong with its position: (0, 0), a missing fix, a fix of yesterday, coordinates
that are text.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.builtin.traccar.reading import (
    KNOT_KMH,
    Tree,
    alarm_words,
    branch,
    distinct,
    instant_ms,
    number,
    plain,
    text,
    tree,
    truth,
)
from cior_connectors.contract import Decoded, Facts
from cior_connectors.decoding import clock_notes, make_event
from cior_core import clock
from cior_core.clock import DEFAULT_LIMITS, ClockLimits, ClockReading, Judgement
from cior_core.errors import PayloadRejected
from cior_core.identity import press_key
from cior_core.model import UNKNOWN_PLACE, Event, Place, PlaceMethod

DAY_S = 86_400.0


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """One forwarded message, read."""

    facts: Facts
    position: Tree
    device: Tree
    subject: str
    device_ms: int | None
    stored: bool
    clock: Judgement
    place: Place
    last_known: bool


def decode(raw: bytes, facts: Facts) -> Decoded:
    """See the module.

    Raises ``PayloadRejected`` (``traccar.json``, ``.shape``, ``.duplicate_key``, ``.not_finite``, ``.no_device``).
    """
    message = tree(raw)
    report = _read(message, facts)
    alarms = alarm_words(branch(report.position, "attributes"))
    if "event" in message:
        reported = branch(message, "event")
        alarms = distinct((*alarms, *alarm_words(branch(reported, "attributes"))))
        notices = (_notice(report, text(reported.get("type"), limit=40)),) if not alarms else ()
        return Decoded(events=(*(_alarm(report, word) for word in alarms), *notices), clocks=_reading(report))
    return Decoded(
        events=(*(_alarm(report, word) for word in alarms), _position(report)), clocks=_reading(report)
    )


def _reading(report: _Report) -> tuple[ClockReading, ...]:
    if report.device_ms is None:
        return ()
    return (ClockReading(subject=report.subject, device_ms=report.device_ms, buffered=report.stored),)


def _read(message: Tree, facts: Facts) -> _Report:
    config = _config(facts)
    if not isinstance(message.get("position"), dict) and not isinstance(message.get("event"), dict):
        raise PayloadRejected(
            "traccar.shape", "neither a position nor an event", cure="set forward.type = json"
        )
    position, device = branch(message, "position"), branch(message, "device")
    unique = text(device.get("uniqueId"), limit=64) or _internal(position, device)
    if not unique:
        raise PayloadRejected("traccar.no_device", "the message names no device")
    subject = config.device_prefix + unique
    device_ms = _device_ms(position, branch(message, "event"))
    proved_s = _proved_s(position, device_ms)
    stored = _stored(position, facts, late=proved_s is not None and _late(device_ms, facts))
    told = facts.clock_of(subject)
    judged = clock.judge(
        device_ms,
        facts.received_ms,
        buffered=stored,
        history=told if proved_s is None else msgspec.structs.replace(told, offset_s=proved_s),
        limits=ClockLimits(buffer_s=config.max_age_days * DAY_S),
    )
    place, last_known = _place(position, _fix_age_s(position, judged, facts, config), config)
    return _Report(
        facts=facts,
        position=position,
        device=device,
        subject=subject,
        device_ms=device_ms,
        stored=stored,
        clock=judged,
        place=place,
        last_known=last_known,
    )


def _internal(position: Tree, device: Tree) -> str:
    internal = text(device.get("id"), limit=20) or text(position.get("deviceId"), limit=20)
    return f"id-{internal}" if internal else ""


def _device_ms(position: Tree, event: Tree) -> int | None:
    names = ("deviceTime", "fixTime", "serverTime")
    device_ms = next((found for name in names if (found := instant_ms(position.get(name))) is not None), None)
    return device_ms if device_ms is not None else instant_ms(event.get("eventTime"))


def _proved_s(position: Tree, device_ms: int | None) -> float | None:
    """By how much Traccar's own receipt shows a good clock to be off; None when it shows none."""
    server_ms = instant_ms(position.get("serverTime"))
    if server_ms is None or device_ms is None:
        return None
    offset_s = (server_ms - device_ms) / 1000
    return offset_s if abs(offset_s) <= DEFAULT_LIMITS.prompt_s else None


def _late(device_ms: int | None, facts: Facts) -> bool:
    return device_ms is not None and facts.received_ms - device_ms > DEFAULT_LIMITS.prompt_s * 1000


def _stored(position: Tree, facts: Facts, *, late: bool) -> bool:
    """Whether the message waited somewhere: in Traccar's database, in the tracker, or (``late``) between Traccar and
    us.
    """
    archived = truth(branch(position, "attributes").get("archive")) is True
    return late or archived or facts.details.get("via") == "history"


def _fix_age_s(position: Tree, judged: Judgement, facts: Facts, config: TraccarConfig) -> float | None:
    """How old the fix was at the press (s); None when it cannot be told.

    A difference says nothing when one of its instants is nonsense: a device time that was not believed, a fix from
    after the press or from before any device of this kind could have kept it. Without a device time, Traccar's receipt
    (or ours) stands for the press: a fix is not fresh because it is all there is.
    """
    fix_ms = instant_ms(position.get("fixTime"))
    if fix_ms is None:
        return None
    pressed_ms = instant_ms(position.get("deviceTime"))
    if pressed_ms is None:
        pressed_ms = instant_ms(position.get("serverTime")) or facts.received_ms
    elif judged.by_receipt:
        return None
    age_s = (pressed_ms - fix_ms) / 1000
    if not -DEFAULT_LIMITS.prompt_s <= age_s <= config.max_age_days * DAY_S:
        return None
    return max(0.0, age_s)


def _place(position: Tree, age_s: float | None, config: TraccarConfig) -> tuple[Place, bool]:
    """The place, and whether it is only the last known one: invalid, outdated, of unknown age, or older than
    ``stale_after_s`` at the press.
    """
    lat = number(position.get("latitude"), low=-90, high=90)
    lon = number(position.get("longitude"), low=-180, high=180)
    if lat is None or lon is None or (abs(lat) < 1e-6 and abs(lon) < 1e-6):
        return UNKNOWN_PLACE, False
    accuracy_m = number(position.get("accuracy"), low=0.001, high=1_000_000)
    place = Place(method=PlaceMethod.GPS, lat=lat, lon=lon, accuracy_m=accuracy_m, fix_age_s=age_s)
    stale = age_s is None or age_s > config.stale_after_s
    return place, stale or truth(position.get("valid")) is False or truth(position.get("outdated")) is True


def _alarm(report: _Report, word: str) -> Event:
    config = _config(report.facts)
    model = text(report.device.get("model"), limit=60)
    meaning = config.meaning(word, model=model)
    press = meaning == "press"
    registered = report.facts.known.registry.get(report.subject)
    kinds = (registered.kind if registered is not None else "", text(report.device.get("category"), limit=40))
    extra: dict[str, Any] = {"press_kind": "audible", "count": 1} if press else {}
    return _event(
        report,
        type_code=config.press_type(*kinds) if press else meaning,
        part=word,
        attributes={"alarm": word, "model": model} | extra,
    )


def _notice(report: _Report, kind: str) -> Event:
    return _event(report, type_code="device.notice", part=f"event:{kind}", attributes={"event": kind})


def _position(report: _Report) -> Event:
    speed = number(report.position.get("speed"), low=0, high=400)
    course = number(report.position.get("course"), low=0, high=360)
    moving = {"speed_kmh": None if speed is None else round(speed * KNOT_KMH, 1), "course_deg": course}
    native = plain(branch(report.position, "attributes"))
    told = {name: value for name, value in moving.items() if value is not None}
    return _event(
        report,
        type_code="position",
        part="position",
        attributes=told | ({"native": native} if native else {}),
    )


def _event(report: _Report, *, type_code: str, part: str, attributes: dict[str, Any]) -> Event:
    facts, judged = report.facts, report.clock
    said: dict[str, Any] = {name: value for name, value in attributes.items() if value != ""}
    if report.last_known:
        said["last_known"] = True
    return make_event(
        facts,
        type_code=type_code,
        subject=report.subject,
        # By the device's own time as it said it, never by a corrected one: a copy must get the same key.
        key=press_key(report.subject, facts.raw_id, device_ms=report.device_ms, part=part),
        occurred_ms=judged.occurred_ms,
        place=report.place,
        clock=judged.quality,
        clock_error_s=judged.error_s,
        native_type=part,
        attributes=said | clock_notes(judged),
    )


def _config(facts: Facts) -> TraccarConfig:
    return cast("TraccarConfig", facts.known.config)
