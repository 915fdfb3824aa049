"""The page of one alert: why this level, term by term; who said what, how far and when; what was done and who was told.

Of a sealed alert it says level and district only, to everybody: identity and place are in a box that the server cannot
open (law 17).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cior_console.visibility import View
from cior_console.wall_view import SILENT_NAME_EN, SILENT_NAME_ES, TypeNames, is_sealed
from cior_core.cameras import NearCamera
from cior_core.geo import distance_m
from cior_core.model import (
    AgencyClock,
    Alert,
    AlertStatus,
    Deed,
    Level,
    Member,
    Place,
    Reason,
    Ruling,
    StepMark,
    Transition,
)
from cior_core.protocols import ProtocolBook, Step
from cior_core.watching import Watching
from cior_store.answers import StoryLine


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One term of the level. ``distance_m``, ``delta_s``: how far apart in place and time are those it speaks of."""

    code: str
    points: int
    es: str
    en: str
    rule: str | None = None
    events: tuple[str, ...] = ()
    distance_m: float | None = None
    delta_s: float | None = None


class PageMember(msgspec.Struct, frozen=True, kw_only=True):
    """One signal. ``distance_m`` from the alert's place and ``after_s`` from its first signal; ``subject``, ``summary``
    and ``source`` only for those who may know who it was.
    """

    event_id: str
    type: str
    name_es: str
    name_en: str
    phase: str
    occurred_ms: int
    received_ms: int
    after_s: float
    life_safety: bool
    distance_m: float | None = None
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    clock_error_s: float | None = None
    registered: bool | None = None
    source: str | None = None
    subject: str | None = None
    summary: str | None = None


class PagePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where. ``text`` is an address as somebody said it."""

    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    district: str | None = None
    text: str | None = None


class PageLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the story."""

    id: str
    at_ms: int
    version: int
    kind: str
    actor: str
    level: str
    status: str
    es: str
    en: str


class PageTold(msgspec.Struct, frozen=True, kw_only=True):
    """Who or what was told or switched, and what came back."""

    command_id: str
    kind: str
    target: str
    step: str
    issued_ms: int
    outcome: str | None = None
    answered_ms: int | None = None
    detail: str | None = None


class PageTimer(msgspec.Struct, frozen=True, kw_only=True):
    """What is due, and when."""

    step: str
    due_ms: int


class PageStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the checklist: what it asks, of whom, when it is due, what became of it.

    ``outcome``: ``open`` (its time or its status has not come), ``told`` (it ran by itself), ``not_needed`` (what its
    timer waited for came), ``waiting`` (only a person may run it), ``done``, ``skipped``, ``escalated``.
    """

    step: str
    act: str
    target: str
    es: str
    en: str
    outcome: str
    after_s: int = 0
    due_ms: int | None = None
    at_ms: int | None = None
    by: str | None = None
    reason: str | None = None


class PageSilence(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody muted it. ``events``: the newest signals that it hid; ``silence``: the maintenance silence that did
    it, None when somebody did for this alert alone."""

    by: str
    reason: str
    since_ms: int
    until_ms: int
    hidden: int
    events: tuple[str, ...] = ()
    silence: str | None = None


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that its reader may know of one alert. A sealed one has ``silent`` and nothing after ``now_ms``."""

    id: str
    version: int
    level: Level
    status: AlertStatus
    silent: bool
    name_es: str
    name_en: str
    district: str | None
    opened_ms: int
    updated_ms: int
    now_ms: int
    type: str | None = None
    score: int | None = None
    life_safety: bool = False
    drill: bool = False
    degraded: bool = False
    place: PagePlace | None = None
    terms: tuple[Term, ...] = ()
    members: tuple[PageMember, ...] = ()
    story: tuple[PageLine, ...] = ()
    story_is_whole: bool = True
    told: tuple[PageTold, ...] = ()
    protocol: str | None = None
    protocol_version: int | None = None
    timers: tuple[PageTimer, ...] = ()
    links: tuple[str, ...] = ()
    merged_into: str | None = None
    disposition: str | None = None
    acknowledged_ms: int | None = None
    dispatched_ms: int | None = None
    on_scene_ms: int | None = None
    closed_ms: int | None = None
    suppression: PageSilence | None = None
    assignee: str | None = None
    notes: tuple[str, ...] = ()
    assigned_ms: int | None = None
    protocols: tuple[str, ...] = ()
    steps: tuple[PageStep, ...] = ()
    agencies: tuple[AgencyClock, ...] = ()
    disagreement: bool = False
    ruling: Ruling | None = None
    deeds: tuple[Deed, ...] = ()
    cameras: tuple[NearCamera, ...] = ()
    watchings: tuple[Watching, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of an alert, beside its record. ``is_whole`` false: the store did not answer."""

    story: tuple[PageLine, ...] = ()
    told: tuple[PageTold, ...] = ()
    steps: tuple[PageStep, ...] = ()
    is_whole: bool = True


def alert_page(
    alert: Alert, *, view: View, names: Mapping[str, TypeNames], told: Told, now_ms: int
) -> AlertPage:
    """What may be shown of ``alert``."""
    if is_sealed(alert):
        return _sealed(alert, now_ms)
    es, en = _name(alert.type, names)
    who: dict[str, Any] = {}
    if view is View.FULL:
        who = {
            "assignee": alert.assignee,
            "assigned_ms": alert.assigned_ms,
            "notes": alert.notes,
            "suppression": _silence(alert),
            "ruling": alert.ruling,
            "deeds": alert.deeds,
        }
    return AlertPage(
        id=alert.id,
        version=alert.version,
        level=alert.level,
        status=alert.status,
        silent=False,
        name_es=es,
        name_en=en,
        district=alert.place.district,
        opened_ms=alert.opened_ms,
        updated_ms=alert.updated_ms,
        now_ms=now_ms,
        type=alert.type,
        score=alert.score,
        life_safety=alert.life_safety,
        drill=alert.drill,
        degraded=alert.degraded,
        place=_place(alert.place, view),
        terms=tuple(_term(reason) for reason in alert.reasons),
        members=tuple(_member(each, alert, view, names) for each in alert.members),
        story=told.story,
        story_is_whole=told.is_whole,
        told=told.told,
        protocol=alert.protocol,
        protocol_version=alert.protocol_version,
        timers=tuple(PageTimer(step=step, due_ms=due_ms) for step, due_ms in alert.timers),
        links=alert.links,
        merged_into=alert.merged_into,
        disposition=alert.disposition.value if alert.disposition else None,
        acknowledged_ms=alert.acknowledged_ms,
        dispatched_ms=alert.dispatched_ms,
        on_scene_ms=alert.on_scene_ms,
        closed_ms=alert.closed_ms,
        protocols=alert.protocols,
        steps=told.steps,
        agencies=alert.agencies,
        disagreement=alert.disagreement,
        **who,
    )


def _sealed(alert: Alert, now_ms: int) -> AlertPage:
    return AlertPage(
        id=alert.id,
        version=alert.version,
        level=alert.level,
        status=alert.status,
        silent=True,
        name_es=SILENT_NAME_ES,
        name_en=SILENT_NAME_EN,
        district=alert.place.district,
        opened_ms=alert.opened_ms,
        updated_ms=alert.updated_ms,
        now_ms=now_ms,
        life_safety=alert.life_safety,
        drill=alert.drill,
    )


def _name(code: str, names: Mapping[str, TypeNames]) -> tuple[str, str]:
    known = names.get(code)
    return (known.name_es, known.name_en) if known else (code, code)


def _place(place: Place, view: View) -> PagePlace:
    return PagePlace(
        lat=place.lat,
        lon=place.lon,
        accuracy_m=place.accuracy_m,
        district=place.district,
        text=place.text if view is View.FULL else None,
    )


def _term(reason: Reason) -> Term:
    return Term(
        code=reason.code,
        points=reason.points,
        es=reason.text_es,
        en=reason.text_en,
        rule=reason.rule,
        events=reason.events,
        distance_m=reason.distance_m,
        delta_s=reason.delta_s,
    )


def _member(member: Member, alert: Alert, view: View, names: Mapping[str, TypeNames]) -> PageMember:
    es, en = _name(member.type, names)
    who: dict[str, Any] = {}
    if view is View.FULL:
        who = {"source": member.source, "subject": member.subject, "summary": member.summary}
    return PageMember(
        event_id=member.event_id,
        type=member.type,
        name_es=es,
        name_en=en,
        phase=member.phase.value,
        occurred_ms=member.occurred_ms,
        received_ms=member.received_ms,
        after_s=(member.occurred_ms - alert.first_occurred_ms) / 1000,
        life_safety=member.life_safety,
        distance_m=_apart_m(member.place, alert.place),
        lat=member.place.lat,
        lon=member.place.lon,
        accuracy_m=member.place.accuracy_m,
        clock_error_s=member.clock_error_s,
        registered=member.registered,
        **who,
    )


def _apart_m(a: Place, b: Place) -> float | None:
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        return None
    return round(distance_m(a.lat, a.lon, b.lat, b.lon), 1)


def _silence(alert: Alert) -> PageSilence | None:
    mark = alert.suppression
    if mark is None:
        return None
    return PageSilence(
        by=mark.by,
        reason=mark.reason,
        since_ms=mark.since_ms,
        until_ms=mark.until_ms,
        hidden=mark.hidden,
        events=mark.hidden_ids,
        silence=mark.silence,
    )


def checklist(alert: Alert, book: ProtocolBook | None) -> tuple[PageStep, ...]:
    """The steps of every protocol that runs on an alert, with what became of them; those whose protocol has changed
    since keep their name.
    """
    marks = {mark.step: mark for mark in alert.steps}
    due = dict(alert.timers)
    found: dict[str, PageStep] = {}
    for name in alert.protocols or (f"{alert.protocol}@{alert.protocol_version}",):
        protocol = None if book is None else book.by_id(name.partition("@")[0])
        for step in protocol.steps if protocol is not None else ():
            whole = f"{protocol.id}/{step.id}" if protocol is not None else step.id
            found[whole] = _step(whole, step, alert, mark=marks.get(whole), due=due)
    for name, mark in marks.items():
        found.setdefault(name, PageStep(step=name, act="", target="", es=name, en=name, **_mark(mark)))
    return tuple(found.values())


def _step(name: str, step: Step, alert: Alert, *, mark: StepMark | None, due: Mapping[str, int]) -> PageStep:
    due_ms = due.get(name, due.get(step.id))
    return PageStep(
        step=name,
        act=step.act,
        target=step.target,
        es=step.text_es,
        en=step.text_en,
        after_s=step.after_s,
        due_ms=due_ms,
        **(_mark(mark) if mark is not None else {"outcome": _unmarked(step, alert, due_ms)}),
    )


def _unmarked(step: Step, alert: Alert, due_ms: int | None) -> str:
    """What of a step that no person and no timer has settled."""
    if step.on is not None:
        return "told" if _reached_ms(alert, step.on) is not None else "open"
    if step.act == "check":
        return "waiting"
    if step.is_immediate:
        return "told"
    return "open" if due_ms is not None else "not_needed"


def _reached_ms(alert: Alert, status: AlertStatus) -> int | None:
    match status:
        case AlertStatus.ACKNOWLEDGED:
            return alert.acknowledged_ms
        case AlertStatus.DISPATCHED:
            return alert.dispatched_ms
        case AlertStatus.ON_SCENE:
            return alert.on_scene_ms
        case _:
            return alert.closed_ms


def _mark(mark: StepMark) -> dict[str, Any]:
    return {"outcome": mark.outcome, "at_ms": mark.at_ms, "by": mark.by, "reason": mark.reason or None}


def story_of(stored: Iterable[StoryLine], live: Iterable[Transition]) -> tuple[PageLine, ...]:
    """What the store has and what came since, each line once, in order."""
    lines = {line.transition_id: _stored(line) for line in stored}
    lines |= {one.id: _live(one) for one in live}
    return tuple(sorted(lines.values(), key=lambda line: (line.version, line.id)))


def _stored(line: StoryLine) -> PageLine:
    return PageLine(
        id=line.transition_id,
        at_ms=line.at_ms,
        version=line.version,
        kind=line.kind,
        actor=line.actor,
        level=line.level,
        status=line.status,
        es=line.detail_es,
        en=line.detail_en,
    )


def _live(one: Transition) -> PageLine:
    return PageLine(
        id=one.id,
        at_ms=one.at_ms,
        version=one.version,
        kind=one.kind,
        actor=one.actor,
        level=one.level.value,
        status=one.status.value,
        es=one.detail_es,
        en=one.detail_en,
    )
