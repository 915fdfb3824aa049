"""The priority of an alert: a table of terms, each of which the operator can read.

Properties (tests/unit/correlate/test_core_priority.py): adding a corroborating fact never lowers; a life-safety floor
never falls; presses of registered people and silent channels never start below their type's level; unverified single
private alarms start low (358 of 103,910 private alarms in Rosario in 2025 were confirmed: research/mission.md §4a, L9);
what a type's ``unconfirmed_ceiling`` calls a guess lifts nothing above that level before a person confirms; the same
facts give the same score in every process.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cior_core.model import Alert, AlertStatus, EventId, Level, Reason
from cior_core.taxonomy import EventType


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the score sees it. ``confirmation_rate`` (0..1 over ``confirmation_n`` closed alerts) is its
    source's record; ``given`` is a type that a rule gave the alert, which no event has (its ``event_id`` is empty)."""

    kind: EventType
    independence: str
    event_id: EventId
    life_safety: bool = False
    counts: bool = True
    registered: bool | None = None
    verified: bool = False
    confirmation_rate: float | None = None
    confirmation_n: int = 0
    near: tuple[str, ...] = ()
    late: bool = False
    degraded: bool = False
    given: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one alert. ``raises`` are terms of rules (area watch, posture); only their non-negative
    points count. ``firm_raises``: those that would stand without the facts of types with an ``unconfirmed_ceiling``;
    asked for only where there are such facts."""

    facts: tuple[Fact, ...]
    raises: tuple[Reason, ...] = ()
    firm_raises: tuple[Reason, ...] = ()
    confirmed: bool = False
    withdrawn: bool = False


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the table: its points and the sentence the operator reads (``{n}`` and ``{name}`` are filled in)."""

    points: int
    text_es: str
    text_en: str


class PriorityTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table, as data. ``from_points`` gives the least points of each level, ``base_points`` what a type of that
    level starts with, ``corroboration_points`` what the second, third, ... independent source adds.
    ``technical_families`` are about our own devices: many of them at once are an outage, not a proven crime, so number
    and registration add nothing there."""

    id: str
    version: int
    from_points: dict[Level, int]
    base_points: dict[Level, int]
    corroboration_points: tuple[int, ...]
    low_alone_types: tuple[str, ...]
    technical_families: tuple[str, ...]
    facilities: tuple[str, ...]
    rare_below: float
    often_above: float
    rate_min_n: int
    base: Term
    corroborated: Term
    low_alone: Term
    rarely_confirmed: Term
    often_confirmed: Term
    facility: Term
    registered: Term
    verified: Term
    late: Term
    degraded: Term
    confirmed: Term
    withdrawn: Term
    unconfirmed: Term

    def faults(self) -> Iterable[str]:
        """What makes the table break its properties; empty for a good one."""
        for name in (
            "corroborated",
            "often_confirmed",
            "facility",
            "registered",
            "verified",
            "degraded",
            "confirmed",
        ):
            if getattr(self, name).points < 0:
                yield f"{name}.points must not be negative: more knowledge would lower an alert"
        if self.unconfirmed.points:
            yield "unconfirmed.points must be 0: the ceiling itself says what it takes away"
        for name in ("low_alone", "rarely_confirmed", "late", "withdrawn"):
            if getattr(self, name).points > 0:
                yield f"{name}.points must not be positive"
        if any(points < 0 for points in self.corroboration_points):
            yield "corroboration_points must not be negative"
        for table in (self.from_points, self.base_points):
            if set(table) != set(Level):
                yield "from_points and base_points need each of P1 to P5"
            elif any(
                table[higher] <= table[lower]
                for higher, lower in zip(list(Level), list(Level)[1:], strict=False)
            ):
                yield "from_points and base_points must fall from P1 to P5"
        yield from (
            f"base_points.{level.value} does not reach its own level"
            for level in Level
            if level in self.base_points and self.base_points[level] < self.from_points.get(level, 0)
        )


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The level, its points and every term that made them."""

    level: Level
    points: int
    reasons: tuple[Reason, ...]


def score(facts: Facts, table: PriorityTable, *, floor: Level | None = None) -> Score:
    """Score ``facts``; ``floor`` is the level below which automation may not go (law 10)."""
    reasons = _terms(facts, table)
    points = sum(reason.points for reason in reasons)
    if above := _above_ceiling(facts, table, points):
        reasons.append(above)
        points += above.points
    level = _level(points, table)
    if floor is not None and floor.rank < level.rank:
        level = floor
    return Score(level=level, points=points, reasons=tuple(reasons))


def _terms(facts: Facts, table: PriorityTable) -> list[Reason]:
    return [*_raising(facts, table), *_lowering(facts, table)]


def _above_ceiling(facts: Facts, table: PriorityTable, points: int) -> Reason | None:
    """What guesses gave beyond their ceiling: as long as nobody confirmed, the alert has at most what it would have
    without them, or the highest points of their ceiling, whichever is more.
    """
    guesses = [fact for fact in facts.facts if fact.kind.unconfirmed_ceiling is not None]
    if facts.confirmed or not guesses:
        return None
    firm = tuple(fact for fact in facts.facts if fact.kind.unconfirmed_ceiling is None)
    without = msgspec.structs.replace(facts, facts=firm, raises=facts.firm_raises)
    alone = sum(reason.points for reason in _terms(without, table)) if firm else 0
    limit = max(alone, *(_most_points(fact.kind.unconfirmed_ceiling, table) for fact in guesses))
    if points <= limit:
        return None
    return _term(table, "unconfirmed", table.unconfirmed, guesses, points=limit - points)


def _most_points(ceiling: Level | None, table: PriorityTable) -> int:
    """The most points that are still of this level."""
    above = [points for level, points in table.from_points.items() if ceiling and level.rank < ceiling.rank]
    return min(above) - 1 if above else max(table.from_points.values())


def _lead(facts: Facts) -> Fact:
    """The fact that names the alert: of the most urgent type; a given one, then one that counts, then by id among
    equals."""
    return min(
        facts.facts, key=lambda fact: (fact.kind.level.rank, not fact.given, not fact.counts, fact.event_id)
    )


def order(alert: Alert) -> tuple[int, bool, int, int, str]:
    """Sort key of every queue: level, unacknowledged first, points, the oldest first; the id decides among equals."""
    # By status: who reopens an alert asks for attention again.
    return (
        alert.level.rank,
        alert.status is not AlertStatus.OPEN,
        -alert.score,
        alert.opened_ms,
        alert.id,
    )


def _level(points: int, table: PriorityTable) -> Level:
    return next((level for level in Level if points >= table.from_points[level]), Level.P5)


def _raising(facts: Facts, table: PriorityTable) -> Iterable[Reason]:
    first = _lead(facts)
    yield _term(
        table,
        "base",
        table.base,
        (first,),
        points=table.base_points[first.kind.level],
        level=first.kind.level.value,
        name_es=first.kind.name_es,
        name_en=first.kind.name_en,
    )
    sources = sorted({fact.independence for fact in facts.facts if fact.counts})
    technical = all(fact.kind.family in table.technical_families for fact in facts.facts)
    if not technical and len(sources) > 1 and (points := sum(table.corroboration_points[: len(sources) - 1])):
        yield _term(table, "corroborated", table.corroborated, facts.facts, points=points, n=len(sources))
    if proven := [fact for fact in facts.facts if _rate(fact, table) > table.often_above]:
        yield _term(table, "often_confirmed", table.often_confirmed, proven)
    if close := [fact for fact in facts.facts if set(fact.near) & set(table.facilities)]:
        kinds = sorted({kind for fact in close for kind in fact.near if kind in table.facilities})
        yield _term(
            table, "facility", table.facility, close, name_es=", ".join(kinds), name_en=", ".join(kinds)
        )
    for name, chosen in (
        (
            "registered",
            [
                fact
                for fact in facts.facts
                if fact.registered is True and fact.kind.family not in table.technical_families
            ],
        ),
        ("verified", [fact for fact in facts.facts if fact.verified]),
        ("degraded", [fact for fact in facts.facts if fact.degraded]),
        ("confirmed", list(facts.facts) if facts.confirmed else []),
    ):
        if chosen:
            yield _term(table, name, getattr(table, name), chosen)
    yield from (reason for reason in facts.raises if reason.points >= 0)


def _lowering(facts: Facts, table: PriorityTable) -> Iterable[Reason]:
    """The terms that lower. None can touch a protected alert: a registered person's press or a silent channel."""
    if any(fact.life_safety and (fact.registered is True or fact.kind.silent) for fact in facts.facts):
        return
    alone = len({fact.independence for fact in facts.facts if fact.counts}) <= 1
    doubtful = all(
        fact.kind.code in table.low_alone_types and not fact.verified and fact.registered is not True
        for fact in facts.facts
    )
    if alone and doubtful and not facts.confirmed:
        yield _term(table, "low_alone", table.low_alone, facts.facts)
    if any(fact.life_safety for fact in facts.facts):
        return
    if all(
        fact.confirmation_n >= table.rate_min_n and _rate(fact, table) < table.rare_below
        for fact in facts.facts
    ):
        yield _term(table, "rarely_confirmed", table.rarely_confirmed, facts.facts)
    if all(fact.late for fact in facts.facts):
        yield _term(table, "late", table.late, facts.facts)
    if facts.withdrawn and alone:
        yield _term(table, "withdrawn", table.withdrawn, facts.facts)


def _rate(fact: Fact, table: PriorityTable) -> float:
    """The source's confirmation rate; 0.5 (says nothing) until enough of its alerts were closed."""
    known = fact.confirmation_rate is not None and fact.confirmation_n >= table.rate_min_n
    return fact.confirmation_rate if known and fact.confirmation_rate is not None else 0.5


def _term(
    table: PriorityTable,
    code: str,
    term: Term,
    facts: Iterable[Fact],
    *,
    points: int | None = None,
    **words: object,
) -> Reason:
    """The reason of one term; ``words`` fill its sentences: n, level, and name by language."""
    return Reason(
        code=f"priority.{code}",
        points=term.points if points is None else points,
        text_es=term.text_es.format_map({**words, "name": words.get("name_es", "")}),
        text_en=term.text_en.format_map({**words, "name": words.get("name_en", "")}),
        rule=table.id,
        rule_version=table.version,
        events=tuple(sorted({fact.event_id for fact in facts if fact.event_id})),
    )
