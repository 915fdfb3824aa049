"""Who is whom in a copy: in doubt another, so that nobody who was chosen hands that over to somebody else."""

from __future__ import annotations

import pytest

from cior_evidence.persons import HOLD_S, Box, Found, Persons, Shown
from cior_evidence.veils import veiled_part

STEP_S = 0.1
SIZE_PX = (640, 360)


def at(left: float, score: float = 0.9, *, top: float = 0.4) -> Found:
    return Found(Box(left, top, left + 0.1, top + 0.4), score)


def told(shown: tuple[Shown, ...]) -> list[tuple[int, bool]]:
    return [(each.mark, each.is_seen) for each in shown]


def test_somebody_who_walks_stays_who_they_are() -> None:
    persons = Persons()
    marks = [told(persons.step([at(0.1 + 0.02 * n)], n * STEP_S)) for n in range(20)]
    assert marks == [[(1, True)]] * 20


def test_where_somebody_was_and_would_be_stays_veiled_for_a_while() -> None:
    persons = Persons()
    for n in range(5):
        persons.step([at(0.1 + 0.02 * n)], n * STEP_S)
    shown = persons.step([], 5 * STEP_S)
    assert told(shown) == [(1, False)]
    assert shown[0].box.left == pytest.approx(0.2, abs=0.02), "they go on as they went"
    assert told(persons.step([], 0.4 + HOLD_S - 0.01)) == [(1, False)]
    assert persons.step([], 0.4 + HOLD_S + 0.01) == ()


def test_two_that_meet_come_out_as_others_than_they_went_in() -> None:
    persons = Persons()
    for n in range(3):
        apart = persons.step([at(0.2 + 0.03 * n), at(0.44 - 0.03 * n)], n * STEP_S)
        assert told(apart) == [(1, True), (2, True)]
    met = persons.step([at(0.29), at(0.35)], 3 * STEP_S)
    seen = {each.mark for each in met if each.is_seen}
    assert not seen & {1, 2}, "nobody can tell which of them is which"
    assert {each.mark for each in met if not each.is_seen} == {1, 2}, "and where both would be stays veiled"
    for n in range(4, 9):
        apart = persons.step([at(0.29 - 0.03 * (n - 3)), at(0.35 + 0.03 * (n - 3))], n * STEP_S)
        assert [each.mark for each in apart if each.is_seen] == sorted(seen), "who they are now they stay"


def test_somebody_who_steps_beside_another_takes_no_mark_of_theirs() -> None:
    persons = Persons()
    persons.step([at(0.3)], 0.0)
    shown = persons.step([at(0.3), at(0.37)], STEP_S)
    assert [each.mark for each in shown if each.is_seen] == [2, 3]


def test_somebody_who_comes_back_after_a_gap_is_another() -> None:
    persons = Persons()
    persons.step([at(0.3)], 0.0)
    assert told(persons.step([at(0.3)], HOLD_S + 0.5)) == [(2, True)]


def test_an_unsure_box_is_veiled_and_is_nobody_unless_it_is_the_echo_of_somebody() -> None:
    persons = Persons()
    shown = persons.step([at(0.3), at(0.31, 0.2), at(0.7, 0.2)], 0.0)
    assert [(each.mark, round(each.box.left, 2)) for each in shown] == [(1, 0.3), (0, 0.7)]


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_head_or_the_whole_of_a_person_is_veiled_and_all_of_who_lies(is_strict: bool) -> None:
    upright, lying = Box(0.4, 0.2, 0.5, 0.8), Box(0.2, 0.7, 0.6, 0.9)
    left, top, right, bottom = veiled_part(upright, SIZE_PX, is_strict=is_strict)
    assert left < upright.left
    assert right > upright.right
    assert top < 0.2
    assert (bottom > 0.8) == is_strict
    assert bottom > 0.2 + 0.4 * 0.6
    assert veiled_part(lying, SIZE_PX, is_strict=False)[3] > 0.9
