"""Who is on duty: nights, midnights, the hours that a clock skips and repeats, and nobody at all."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import duty
from cior_core.duty import DutyBook, Found
from cior_core.strict_toml import ConfigFault

CORDOBA = ZoneInfo("America/Argentina/Cordoba")
MADRID = ZoneInfo("Europe/Madrid")  # 2026-03-29 02:00 is 03:00; 2026-10-25 03:00 is 02:00 again

BOOK = """
otherwise = "supervisor"
person = [
  { id = "ana", name = "Ana Paz" }, { id = "luis", name = "Luis Sosa" }, { id = "eva", name = "Eva Ruiz" },
  { id = "jefa", name = "Jefa de turno", language = "en" }, { id = "mara", name = "Mara Gil" },
]
[[team]]
id = "police"
name_es = "Policía"
name_en = "Police"
shift = [
  { starts = "06:00", ends = "22:00", people = ["ana"], deputies = ["eva"] },
  { starts = "22:00", ends = "06:00", people = ["luis"], deputies = ["eva"] },
]
cover = [{ starts = 2026-12-24T20:00:00, ends = 2026-12-25T08:00:00, people = ["eva"], reason = "Nochebuena" }]
[[team]]
id = "ambulance"
name_es = "Ambulancia"
name_en = "Ambulance"
shift = [{ days = ["mon"], starts = "08:00", ends = "08:00", people = ["ana"] }]
[[team]]
id = "supervisor"
name_es = "Supervisión"
name_en = "Supervision"
shift = [{ starts = "00:00", ends = "00:00", people = ["jefa"] }]
[[team]]
id = "response_team"
name_es = "Equipo de respuesta"
name_en = "Response team"
sealed = true
shift = [{ starts = "08:00", ends = "20:00", people = [], deputies = ["mara"] }]
"""


def local(text: str, zone: ZoneInfo = CORDOBA) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def found(target: str, at_ms: int, *, sealed: bool = False, zone: ZoneInfo = CORDOBA) -> Found:
    return duty.find(DutyBook.load(BOOK), target, at_ms, zone=zone, sealed=sealed)


def names(answer: Found) -> list[str]:
    return [person.id for person in answer.people]


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-11-27T05:59:59", "luis"),
        ("2026-11-27T06:00:00", "ana"),
        ("2026-11-27T21:59:59", "ana"),
        ("2026-11-27T22:00:00", "luis"),
        ("2026-11-28T00:00:00", "luis"),
        ("2026-12-31T23:59:59", "luis"),
        ("2027-01-01T00:00:00", "luis"),
    ],
)
def test_a_night_shift_goes_over_midnight_and_over_the_year(at: str, who: str) -> None:
    answer = found("police", local(at))
    assert (names(answer), answer.code) == ([who], "")


def test_a_cover_takes_the_place_of_every_shift_while_it_lasts() -> None:
    assert names(found("police", local("2026-12-24T19:59:59"))) == ["ana"]
    assert names(found("police", local("2026-12-24T23:00:00"))) == ["eva"]
    assert names(found("police", local("2026-12-25T08:00:00"))) == ["ana"]


def test_it_says_until_when_a_cover_that_begins_counts_too() -> None:
    team = DutyBook.load(BOOK).team[0]
    assert duty.on_duty(team, local("2026-12-24T19:00:00"), CORDOBA).until_ms == local("2026-12-24T20:00:00")
    assert duty.on_duty(team, local("2026-12-24T21:00:00"), CORDOBA).until_ms == local("2026-12-25T08:00:00")


def test_a_shift_from_eight_to_eight_is_a_whole_day() -> None:
    assert names(found("ambulance", local("2026-11-30T08:00:00"))) == ["ana"]
    assert names(found("ambulance", local("2026-12-01T07:59:59"))) == ["ana"]
    assert names(found("ambulance", local("2026-12-01T08:00:00"))) == ["jefa"]


def test_nobody_on_duty_is_somebody_else_and_an_alarm() -> None:
    answer = found("ambulance", local("2026-12-02T12:00:00"))
    assert (names(answer), answer.team, answer.code) == (["jefa"], "supervisor", "duty.nobody_on_duty")


def test_a_team_that_nobody_keeps_is_an_alarm_too() -> None:
    answer = found("fire_brigade", local("2026-12-02T12:00:00"))
    assert (names(answer), answer.code) == (["jefa"], "duty.team_unknown")


def test_without_anybody_on_duty_the_deputies_are_asked_first() -> None:
    answer = found("response_team", local("2026-12-02T12:00:00"), sealed=True)
    assert (names(answer), answer.team, answer.code) == (["mara"], "response_team", "duty.nobody_on_duty")


def test_a_silent_alert_never_finds_a_team_that_is_not_sealed() -> None:
    """At night nobody of the response team is there, and the supervisor may not hear of it: nobody, and an alarm."""
    answer = found("response_team", local("2026-12-02T23:00:00"), sealed=True)
    assert (answer.people, answer.deputies, answer.code) == ((), (), "duty.nobody_on_duty")
    assert found("police", local("2026-12-02T12:00:00"), sealed=True).code == "duty.team_not_sealed"
    assert found("police", local("2026-12-02T12:00:00"), sealed=True).people == ()


def test_deputies_are_asked_by_name_and_their_lack_is_no_alarm() -> None:
    assert names(found("police/deputy", local("2026-12-02T12:00:00"))) == ["eva"]
    assert found("supervisor/deputy", local("2026-12-02T12:00:00")) == Found(team="supervisor")


@pytest.mark.parametrize("day", ["2026-03-28T12:00:00", "2026-10-24T12:00:00"])
def test_neighbouring_shifts_neither_gap_nor_overlap_where_the_clock_jumps(day: str) -> None:
    """Each minute of the two days around it has exactly one person, whatever border falls into the jump."""
    text = """
    person = [{ id = "a", name = "A" }, { id = "b", name = "B" }]
    [[team]]
    id = "t"
    name_es = "T"
    name_en = "T"
    shift = [{ starts = "02:30", ends = "14:30", people = ["a"] }, { starts = "14:30", ends = "02:30", people = ["b"] }]
    """
    book = DutyBook.load(text)
    team, start_ms = book.team[0], local(day, MADRID)
    held = [duty.on_duty(team, start_ms + minute * 60_000, MADRID).people for minute in range(48 * 60)]
    assert {len(people) for people in held} == {1}
    assert duty.uncovered(book, from_ms=start_ms, to_ms=start_ms + 48 * 3_600_000, zone=MADRID) == ()


def test_what_nobody_covers_is_told_from_when_to_when() -> None:
    from_ms = local("2026-11-30T00:00:00")
    gaps = duty.uncovered(DutyBook.load(BOOK), from_ms=from_ms, to_ms=from_ms + 86_400_000, zone=CORDOBA)
    told = [(gap.team, _clock(gap.from_ms), _clock(gap.to_ms)) for gap in gaps]
    assert ("ambulance", "00:00", "08:00") in told
    assert [gap for gap in told if gap[0] in {"police", "supervisor"}] == []


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CORDOBA).strftime("%H:%M")


@given(
    at_ms=st.integers(min_value=local("2026-01-01T00:00:00"), max_value=local("2027-12-31T00:00:00")),
    zone=st.sampled_from([CORDOBA, MADRID, ZoneInfo("UTC"), ZoneInfo("Pacific/Auckland")]),
)
def test_what_it_says_until_when_is_true(at_ms: int, zone: ZoneInfo) -> None:
    team = DutyBook.load(BOOK).team[0]
    there = duty.on_duty(team, at_ms, zone)
    assert there.until_ms is not None
    assert at_ms < there.until_ms <= at_ms + 25 * 3_600_000
    assert duty.on_duty(team, there.until_ms - 1, zone).people == there.people


@pytest.mark.parametrize(
    ("wrong", "right", "code"),
    [
        ('people = ["luis"]', 'people = ["lius"]', "duty.person_unknown"),
        ('otherwise = "supervisor"', 'otherwise = "nadie"', "duty.otherwise_unknown"),
        ("ends = 2026-12-25T08:00:00", "ends = 2026-12-24T08:00:00", "duty.cover_backwards"),
        ("sealed = true", 'sealed = true\notherwise = "police"', "duty.otherwise_not_sealed"),
        ('id = "ambulance"', 'id = "police"', "duty.team_twice"),
        ('starts = "06:00"', 'starts = "6:00"', "config.wrong_value"),
    ],
)
def test_a_slip_is_named_with_its_line(wrong: str, right: str, code: str) -> None:
    with pytest.raises(ConfigFault) as told:
        DutyBook.load(BOOK.replace(wrong, right, 1))
    assert (told.value.code, bool(told.value.cure)) == (code, True)
    assert told.value.line > 0
