"""The score's properties: monotonic in corroboration, floors that hold, low starts only for the doubtful."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_core import bundled, priority
from cior_core.model import (
    DEFAULT_AREA,
    UNKNOWN_PLACE,
    Alert,
    AlertId,
    AlertStatus,
    DataClass,
    EventId,
    Level,
    Reason,
    TypeCode,
)
from cior_core.priority import Fact, Facts
from cior_core.rules import RulePack
from cior_core.taxonomy import Taxonomy

TYPES = Taxonomy.load(bundled.text("taxonomy.toml"))
ALERTING = sorted(code for code, kind in TYPES.items() if kind.alerting != "never")


@st.composite
def facts(draw: st.DrawFn, *, counts: bool | None = None) -> Fact:
    kind = TYPES[draw(st.sampled_from(ALERTING))]
    return Fact(
        kind=kind,
        independence=draw(st.sampled_from("abcdef")),
        event_id=EventId(draw(st.uuids(version=4)).hex),
        life_safety=kind.life_safety or draw(st.booleans()),
        counts=draw(st.booleans()) if counts is None else counts,
        registered=draw(st.sampled_from([None, True, False])),
        verified=draw(st.booleans()),
        confirmation_rate=draw(st.one_of(st.none(), st.floats(0, 1))),
        confirmation_n=draw(st.integers(0, 100)),
        near=draw(st.sampled_from([(), ("school",), ("bakery",)])),
        late=draw(st.booleans()),
        degraded=draw(st.booleans()),
    )


many = st.lists(facts(), min_size=1, max_size=6).map(tuple)


@settings(max_examples=400)
@given(before=many, more=facts(counts=True), confirmed=st.booleans(), withdrawn=st.booleans())
def test_adding_a_corroborating_fact_never_lowers(
    pack: RulePack, before: tuple[Fact, ...], more: Fact, confirmed: bool, withdrawn: bool
) -> None:
    was = priority.score(Facts(facts=before, confirmed=confirmed, withdrawn=withdrawn), pack.priority.table)
    now = priority.score(
        Facts(facts=(*before, more), confirmed=confirmed, withdrawn=withdrawn), pack.priority.table
    )
    assert now.points >= was.points
    assert now.level.rank <= was.level.rank


@given(known=many, floor=st.sampled_from(list(Level)))
def test_law_10_no_score_goes_below_a_floor(pack: RulePack, known: tuple[Fact, ...], floor: Level) -> None:
    assert priority.score(Facts(facts=known), pack.priority.table, floor=floor).level.rank <= floor.rank


@given(known=many)
def test_registered_presses_and_silent_channels_never_start_below_their_type(
    pack: RulePack, known: tuple[Fact, ...]
) -> None:
    protected = [fact for fact in known if fact.life_safety and (fact.registered is True or fact.kind.silent)]
    score = priority.score(Facts(facts=known), pack.priority.table)
    assert all(score.level.rank <= fact.kind.level.rank for fact in protected)


@given(known=many, shuffled=st.randoms())
def test_order_of_facts_does_not_matter(pack: RulePack, known: tuple[Fact, ...], shuffled: Random) -> None:
    mixed = list(known)
    shuffled.shuffle(mixed)
    one, other = (priority.score(Facts(facts=tuple(entry)), pack.priority.table) for entry in (known, mixed))
    assert one == other


@given(known=many)
def test_every_point_has_a_reason_in_both_languages(pack: RulePack, known: tuple[Fact, ...]) -> None:
    score = priority.score(Facts(facts=known), pack.priority.table)
    assert score.points == sum(reason.points for reason in score.reasons)
    assert all(
        reason.text_es and reason.text_en and reason.rule == "priority.table" for reason in score.reasons
    )
    assert all("{" not in reason.text_es + reason.text_en for reason in score.reasons)


def _alone(code: str, **more: Any) -> Fact:
    kind = TYPES[code]
    return Fact(kind=kind, independence="one", event_id=EventId("e"), life_safety=kind.life_safety, **more)


def test_single_unverified_alarms_start_low_and_presses_of_transport_and_schools_do_not(
    pack: RulePack,
) -> None:
    def level(code: str, **more: Any) -> Level:
        return priority.score(Facts(facts=(_alone(code, **more),)), pack.priority.table).level

    assert (level("burglary.alarm"), level("panic.alarm"), level("panic.community")) == (
        Level.P5,
        Level.P4,
        Level.P3,
    )
    assert (level("panic.community", registered=True), level("panic.community", verified=True)) == (
        Level.P2,
        Level.P1,
    )
    assert {level("panic.bus"), level("panic.school"), level("silent.gbv"), level("panic.unit")} == {Level.P1}


def test_a_source_with_a_record_of_false_alarms_lowers_only_what_is_not_life_safety(pack: RulePack) -> None:
    rare = {"confirmation_rate": 0.003, "confirmation_n": 300}
    burglary, bus = (
        priority.score(Facts(facts=(_alone(code, **rare),)), pack.priority.table)
        for code in ("burglary.report", "panic.bus")
    )
    assert "priority.rarely_confirmed" in {reason.code for reason in burglary.reasons}
    assert "priority.rarely_confirmed" not in {reason.code for reason in bus.reasons}


def test_law_10_a_rule_can_raise_an_alert_and_never_lower_it(pack: RulePack) -> None:
    def raised(points: int) -> int:
        told = Reason(code="watch.zone", points=points, text_es="vigilancia", text_en="watch")
        known = Facts(facts=(_alone("panic.bus"),), raises=(told,))
        return priority.score(known, pack.priority.table).points

    assert raised(7) == raised(0) + 7
    assert raised(-7) == raised(0)


def test_each_independent_source_that_counts_adds_its_own_step_of_the_table(pack: RulePack) -> None:
    def corroborated(*sources: tuple[str, bool]) -> int:
        known = tuple(
            msgspec.structs.replace(_alone("panic.bus", counts=counts), independence=source)
            for source, counts in sources
        )
        reasons = priority.score(Facts(facts=known), pack.priority.table).reasons
        return sum(reason.points for reason in reasons if reason.code == "priority.corroborated")

    first, second = pack.priority.table.corroboration_points[:2]
    assert corroborated(("a", True)) == corroborated(("a", True), ("a", True)) == 0
    assert corroborated(("a", True), ("b", False)) == 0, "a copy of the same fact over another road"
    assert corroborated(("a", True), ("b", True)) == first
    assert corroborated(("a", True), ("b", True), ("c", True)) == first + second


def test_a_queue_breaks_ties_by_age_then_id(pack: RulePack) -> None:
    from cior_core import rehearsal
    from cior_core.scenario import Scenario, Signal, Want

    run = rehearsal.run(
        Scenario(
            signals=(
                Signal(at_s=9, event="panic.bus", source="b", east_m=5000),
                Signal(at_s=1, event="panic.bus", source="a"),
            ),
            wants=(Want(by_s=10, alerts=2),),
        ),
        pack,
    )
    queue = sorted(run.state.alerts, key=priority.order)
    assert [alert.members[0].subject for alert in queue] == ["a", "b"]


# --- the one order of every queue -------------------------------------------------------------------------------------


def waiting(
    name: str,
    *,
    level: Level = Level.P2,
    status: AlertStatus = AlertStatus.OPEN,
    score: int = 50,
    opened_ms: int = 1000,
) -> Alert:
    return msgspec.structs.replace(
        ALERT, id=AlertId(name), level=level, status=status, score=score, opened_ms=opened_ms
    )


ALERT = Alert(
    id=AlertId("a"),
    area=DEFAULT_AREA,
    version=1,
    type=TypeCode("panic.bus"),
    level=Level.P2,
    score=50,
    status=AlertStatus.OPEN,
    reasons=(),
    members=(),
    opened_ms=1000,
    updated_ms=1000,
    first_occurred_ms=1000,
    last_occurred_ms=1000,
    place=UNKNOWN_PLACE,
    data_class=DataClass.RESTRICTED,
    life_safety=True,
    protocol="panic",
    protocol_version=1,
    rules_version="1",
)
QUEUE = [
    waiting("grave though acknowledged", level=Level.P1, status=AlertStatus.DISPATCHED, score=0, opened_ms=9),
    waiting("more points", score=60, opened_ms=3000),
    waiting("older", opened_ms=1000),
    waiting("b", opened_ms=2000),
    waiting("c", opened_ms=2000),
    waiting("acknowledged", status=AlertStatus.ACKNOWLEDGED, score=90, opened_ms=1),
    waiting("less grave", level=Level.P3, score=99, opened_ms=0),
]


def test_the_queue_is_by_level_then_unacknowledged_then_points_then_age() -> None:
    for seed in range(20):
        mixed = Random(seed).sample(QUEUE, len(QUEUE))
        assert [alert.id for alert in sorted(mixed, key=priority.order)] == [alert.id for alert in QUEUE]


def test_reopened_is_unacknowledged_again() -> None:
    reopened = msgspec.structs.replace(waiting("again"), acknowledged_ms=1500)
    taken = waiting("taken", status=AlertStatus.ACKNOWLEDGED, score=90)
    assert min(taken, reopened, key=priority.order) is reopened
