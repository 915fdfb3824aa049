"""What a camera only guesses (a person down, a bag alone, people who run) asks for a look and no more: whatever it is
seen with, where and when, it lifts no alert above P4 until a person confirms.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import bundled, priority, rule_loading
from cior_core.model import ActionKind, Alert, EventId, Level
from cior_core.priority import Fact, Facts
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from cior_core.strict_toml import ConfigFault
from cior_core.taxonomy import Taxonomy
from unit.correlate.histories import play
from unit.correlate.test_core_rules import FOLDER

TYPES = Taxonomy.load(bundled.text("taxonomy.toml"))
GUESSES = sorted(code for code, kind in TYPES.items() if kind.unconfirmed_ceiling is not None)
FIRM = sorted(
    code for code, kind in TYPES.items() if kind.unconfirmed_ceiling is None and kind.alerting == "always"
)
EACH = pytest.mark.parametrize("guess", GUESSES)
GRAVE: dict[str, Any] = {
    "near": ["school"],
    "verified": True,
    "confirmation_rate": 0.9,
    "confirmation_n": 100,
}
SHOT = [
    Signal(at_s=0, event="gun.shooting", source="911", record="CAD-1"),
    Signal(at_s=600, action=ActionKind.CONFIRM),
]


def seen(guess: str, at_s: float, camera: str = "cam-1", **more: Any) -> Signal:
    return Signal(at_s=at_s, event=guess, source=camera, **more)


def alert_with(signals: list[Signal], pack: RulePack, camera: str = "cam-1") -> Alert:
    [found] = [
        alert
        for alert in play(signals, pack).state.alerts
        if any(member.subject == camera for member in alert.members)
    ]
    return found


def test_the_guesses_are_those_that_the_guide_names() -> None:
    assert GUESSES == ["vision.abandoned_object", "vision.dispersal", "vision.person_down"]
    assert {TYPES[code].level for code in GUESSES} == {Level.P4}


@EACH
def test_law_10_nothing_around_a_guess_lifts_it_before_a_person_confirms(guess: str, pack: RulePack) -> None:
    """Four cameras that are nearly always right agree, at a school, where a shooting was, under a posture."""
    posture = Signal(
        at_s=700, action=ActionKind.SET_POSTURE, posture="transport_attacks", for_s=3600, reason="shots"
    )
    cameras = [seen(guess, 90000 + n, f"cam-{n}", east_m=200.0 + n, attributes=GRAVE) for n in range(1, 5)]
    alert = alert_with([*SHOT, posture, *cameras], pack)
    assert len(alert.members) == 4
    assert alert.level is Level.P4
    assert "priority.unconfirmed" in {reason.code for reason in alert.reasons}


@EACH
def test_a_person_who_confirms_lifts_it(guess: str, pack: RulePack) -> None:
    cameras = [seen(guess, n, f"cam-{n}", attributes=GRAVE) for n in range(1, 3)]
    alert = alert_with([*cameras, Signal(at_s=30, action=ActionKind.CONFIRM)], pack)
    assert alert.level.rank < Level.P4.rank
    assert "priority.unconfirmed" not in {reason.code for reason in alert.reasons}


@EACH
def test_a_guess_beside_an_alarm_lifts_it_no_higher_than_its_own_ceiling(guess: str, pack: RulePack) -> None:
    """A lone alarm starts low; a camera that is sure beside it raises it, one that guesses does not."""
    alarm = Signal(at_s=0, event="suspicious.activity", source="911", record="CAD-7")
    alone = play([alarm], pack).state.alerts[0]
    guessed = alert_with([alarm, seen(guess, 20, east_m=20.0, attributes=GRAVE)], pack)
    sure = alert_with([alarm, seen("vision.intrusion", 20, east_m=20.0, attributes=GRAVE)], pack)
    assert len(guessed.members) == 2
    assert guessed.level is alone.level is Level.P4
    assert sure.level.rank < alone.level.rank


@EACH
def test_a_guess_beside_a_press_takes_nothing_from_it(guess: str, pack: RulePack) -> None:
    press = Signal(at_s=0, event="panic.bus", source="bus-12", registered=True)
    alone = play([press], pack).state.alerts[0]
    both = alert_with([press, seen(guess, 5, east_m=20.0)], pack)
    assert len(both.members) == 2
    assert (both.level, both.score) == (alone.level, alone.score)


@st.composite
def any_fact(draw: st.DrawFn, codes: list[str]) -> Fact:
    kind = TYPES[draw(st.sampled_from(codes))]
    return Fact(
        kind=kind,
        independence=draw(st.sampled_from("abcd")),
        event_id=EventId(draw(st.uuids(version=4)).hex),
        life_safety=kind.life_safety,
        verified=draw(st.booleans()),
        registered=draw(st.sampled_from([None, True, False])),
        confirmation_rate=draw(st.sampled_from([None, 0.01, 0.9])),
        confirmation_n=50,
        near=draw(st.sampled_from([(), ("school",)])),
        degraded=draw(st.booleans()),
    )


@given(
    firm=st.lists(any_fact(FIRM), max_size=3).map(tuple),
    guesses=st.lists(any_fact(GUESSES), min_size=1, max_size=4).map(tuple),
)
def test_guesses_never_lift_what_is_firm_above_their_ceiling_and_never_lower_it(
    pack: RulePack, firm: tuple[Fact, ...], guesses: tuple[Fact, ...]
) -> None:
    table = pack.priority.table
    both = priority.score(Facts(facts=(*firm, *guesses)), table)
    without = priority.score(Facts(facts=firm), table).level if firm else Level.P5
    assert both.level.rank >= min(without.rank, Level.P4.rank)
    assert both.level.rank <= without.rank
    assert sum(reason.points for reason in both.reasons) == both.points


def test_a_rule_that_makes_certainty_of_many_guesses_does_not_load() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml")}
    old = 'types = ["vision.loitering"]\n'
    assert old in texts["correlation.toml"]
    texts["correlation.toml"] = texts["correlation.toml"].replace(
        old, 'types = ["vision.loitering", "vision.dispersal"]\nopens = "gun.shooting"\n', 1
    )
    with pytest.raises(ConfigFault, match="may not rise before a person confirms"):
        rule_loading.load(texts, types=TYPES)
