"""Rules over tracks, told as stories: somebody walks, stays, leaves; times are stream seconds, five observations a
second.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_vision.crossing import LineEvaluator
from cior_vision.geometry import Box, side
from cior_vision.incidents import Incident, Sighting, Stage
from cior_vision.observing import Observed, scheduled
from cior_vision.rule_settings import IntrusionRule, LineRule, LineSettings, LoiteringRule, Polygon
from cior_vision.rules import ZoneEvaluator

YARD: Polygon = ((0.4, 0.5), (0.8, 0.5), (0.8, 0.9), (0.4, 0.9))
TO_THE_EDGE: Polygon = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))


def person(
    x: float,
    y: float = 0.8,
    *,
    track: int = 1,
    label: str = "person",
    score: float = 0.9,
    moved: float = 1.0,
    age_s: float = 5.0,
) -> Sighting:
    return Sighting(
        track_id=track,
        label=label,
        score=score,
        box=Box(x - 0.03, y - 0.3, x + 0.03, y),
        age_s=age_s,
        moved=moved,
    )


def play(
    evaluator: ZoneEvaluator | LineEvaluator,
    story: list[tuple[float, list[Sighting]]],
    *,
    minute: int = 0,
) -> list[Incident]:
    out: list[Incident] = []
    for at_s, sightings in story:
        out += evaluator.step(Observed(at_s=at_s, sightings=tuple(sightings), minute=minute))
    return out


def span(start_s: float, end_s: float, x: float, **more: Any) -> list[tuple[float, list[Sighting]]]:
    numbers = range(round(start_s * 5), round(end_s * 5))
    return [(round(n * 0.2, 3), [person(x, **more)]) for n in numbers]


def intrusion(**more: Any) -> ZoneEvaluator:
    rule = IntrusionRule(id="yard", zone="z", **more)
    return ZoneEvaluator(rule, YARD)


def loitering(after_s: float, **more: Any) -> ZoneEvaluator:
    rule = LoiteringRule(id="stay", zone="z", after_s=after_s, **more)
    return ZoneEvaluator(rule, YARD)


def stages(incidents: list[Incident]) -> list[tuple[Stage, float]]:
    return [(one.stage, one.at_s) for one in incidents]


def test_an_intruder_is_reported_at_the_third_look_and_ended_when_gone() -> None:
    story = span(0, 2, 0.2) + span(2, 6, 0.6) + span(6, 8, 0.9)
    assert stages(play(intrusion(), story)) == [(Stage.START, 2.4), (Stage.END, 5.8)]


def test_two_looks_inside_are_jitter_not_an_intruder() -> None:
    assert play(intrusion(), span(0, 1, 0.2) + span(1, 1.4, 0.6) + span(1.4, 3, 0.2)) == []


def test_flickering_on_the_border_while_inside_ends_nothing() -> None:
    story = span(0, 2, 0.6) + span(2, 2.4, 0.39) + span(2.4, 4, 0.6)
    assert stages(play(intrusion(), story)) == [(Stage.START, 0.4)]


def test_a_long_intrusion_is_updated_every_ten_seconds_with_growing_sequence() -> None:
    found = play(intrusion(), span(0, 25, 0.6))
    assert [one.sequence for one in found] == [0, 1, 2]
    assert [one.stage for one in found] == [Stage.START, Stage.UPDATE, Stage.UPDATE]


def test_a_mannequin_never_intrudes() -> None:
    assert play(intrusion(), span(0, 30, 0.6, moved=0.05)) == []


@pytest.mark.parametrize(("label", "score"), [("dog", 0.9), ("person", 0.3)])
def test_another_class_or_an_unsure_one_does_not_count(label: str, score: float) -> None:
    assert play(intrusion(), span(0, 5, 0.6, label=label, score=score)) == []


def test_no_classes_means_any_object() -> None:
    assert len(play(intrusion(classes=()), span(0, 3, 0.6, label="cell phone"))) == 1


def test_somebody_small_and_far_is_below_min_height() -> None:
    assert play(intrusion(min_height=0.5), span(0, 3, 0.6)) == []


def test_loitering_needs_its_whole_time_and_says_since_when() -> None:
    found = play(loitering(10.0), span(0, 12, 0.6))
    assert [(one.stage, one.since_s, one.at_s) for one in found] == [(Stage.START, 0.0, 10.0)]
    assert play(loitering(15.0), span(0, 12, 0.6)) == []


def test_the_time_somebody_is_already_outside_is_no_loitering() -> None:
    assert play(loitering(10.0), span(0, 9, 0.6) + span(9, 11.8, 0.1)) == []


def test_stepping_out_for_two_seconds_does_not_reset_the_loitering_clock_but_five_do() -> None:
    short = span(0, 6, 0.6) + span(6, 8, 0.1) + span(8, 14, 0.6)
    long = span(0, 6, 0.6) + span(6, 11, 0.1) + span(11, 17, 0.6)
    assert stages(play(loitering(10.0), short)) == [(Stage.START, 10.0)]
    assert play(loitering(10.0), long) == []


def test_an_id_switch_inside_the_zone_does_not_reset_the_clock_and_both_ids_are_named() -> None:
    story = [*span(0, 6, 0.6), (6.6, []), *span(7, 12, 0.61, track=2, age_s=0.0)]
    found = play(loitering(10.0), story)
    assert [(one.since_s, one.at_s, one.tracks) for one in found] == [(0.0, 10.0, (1, 2))]


def test_a_stranger_elsewhere_does_not_inherit_the_clock() -> None:
    story = [*span(0, 6, 0.45), (6.6, []), *span(7, 12, 0.75, track=2, age_s=0.0)]
    assert play(loitering(10.0), story) == []


def test_a_track_lost_inside_ends_its_incident_after_the_gap_at_the_last_time_it_was_seen() -> None:
    story = [*span(0, 4, 0.6), (6.0, []), (6.9, []), (7.2, [])]
    found = play(intrusion(), story)
    assert [(one.stage, one.at_s, one.reason) for one in found] == [
        (Stage.START, 0.4, ""),
        (Stage.END, 3.8, "track_lost"),
    ]


def test_two_people_are_two_incidents() -> None:
    story = [(n * 0.2, [person(0.5, track=1), person(0.7, track=2)]) for n in range(10)]
    assert sorted(one.track_id for one in play(intrusion(), story)) == [1, 2]


def test_a_second_visit_of_the_same_track_is_another_incident() -> None:
    found = play(intrusion(), span(0, 2, 0.6) + span(2, 5, 0.1) + span(5, 7, 0.6))
    assert [(one.stage, one.since_s) for one in found] == [
        (Stage.START, 0.0),
        (Stage.END, 0.0),
        (Stage.START, 5.0),
    ]


def test_feet_below_the_picture_say_nothing_unless_the_zone_reaches_there() -> None:
    cut = span(0, 3, 0.6, y=1.0)
    assert play(intrusion(), cut) == []
    assert len(play(ZoneEvaluator(IntrusionRule(id="yard", zone="z"), TO_THE_EDGE), cut)) == 1


def test_nobody_is_ended_because_the_feet_left_the_picture() -> None:
    found = play(loitering(10.0), span(0, 6, 0.6) + span(6, 12, 0.6, y=1.0) + span(12, 13, 0.6))
    assert stages(found) == [(Stage.START, 10.0)]


def test_end_of_stream_ends_what_is_open() -> None:
    evaluator = intrusion()
    play(evaluator, span(0, 2, 0.6))
    assert [(one.stage, one.reason) for one in evaluator.finish()] == [(Stage.END, "stream_ended")]
    assert evaluator.finish() == []


def test_a_schedule_arms_the_rule_over_midnight() -> None:
    rule = IntrusionRule(id="yard", zone="z", schedule=("22:00-06:00",))
    armed = {hour for hour in range(24) if scheduled(rule, hour * 60)}
    assert armed == {22, 23, 0, 1, 2, 3, 4, 5}
    assert play(ZoneEvaluator(rule, YARD), span(0, 3, 0.6), minute=12 * 60) == []
    assert len(play(ZoneEvaluator(rule, YARD), span(0, 3, 0.6), minute=23 * 60)) == 1


@pytest.mark.parametrize("rate", [2, 5, 10, 25])
def test_the_frame_rate_does_not_change_the_verdict(rate: int) -> None:
    story = [(n / rate, [person(0.6)]) for n in range(20 * rate)]
    [start] = [one for one in play(loitering(10.0), story) if one.stage is Stage.START]
    assert 10.0 <= start.at_s <= 10.0 + 1 / rate


# --- crossing a line
# ------------------------------------------------------------------------------------------------------------------

UPWARDS = ((0.5, 0.9), (0.5, 0.3))
LINE = LineSettings(id="l", camera="c", points=UPWARDS, sides=("vereda", "calzada"))


def walk(xs: list[float], *, y: float = 0.8, **more: Any) -> list[tuple[float, list[Sighting]]]:
    return [(n * 0.2, [person(x, y, **more)]) for n, x in enumerate(xs)]


def line(**more: Any) -> LineEvaluator:
    return LineEvaluator(LineRule(id="gate", line="l", **more), LINE)


def test_left_is_left_of_somebody_walking_from_the_first_vertex_to_the_last() -> None:
    assert side((0.2, 0.6), UPWARDS, aspect=1.0) < 0 < side((0.8, 0.6), UPWARDS, aspect=1.0)


def test_crossing_is_told_once_with_its_direction() -> None:
    found = play(line(), walk([0.3, 0.4, 0.45, 0.55, 0.6, 0.7]))
    assert [(one.stage, one.facts["direction"]) for one in found] == [(Stage.ONCE, "a_to_b")]


def test_the_other_direction_is_not_asked_for() -> None:
    assert play(line(direction="b_to_a"), walk([0.3, 0.4, 0.6, 0.7])) == []
    assert len(play(line(direction="b_to_a"), walk([0.7, 0.6, 0.4, 0.3]))) == 1


def test_dithering_within_the_band_is_no_crossing() -> None:
    assert play(line(), walk([0.3, 0.45, 0.499, 0.505, 0.495, 0.503, 0.49, 0.4])) == []


def test_passing_beyond_the_end_of_the_line_is_no_crossing() -> None:
    assert play(line(), walk([0.3, 0.4, 0.6, 0.7], y=0.97)) == []


def test_a_track_of_half_a_second_does_not_count() -> None:
    assert play(line(), walk([0.4, 0.6], age_s=0.5)) == []


def test_there_and_back_are_two_crossings() -> None:
    found = play(line(), walk([0.4, 0.6, 0.4]))
    assert [(one.sequence, one.facts["direction"]) for one in found] == [
        (0, "a_to_b"),
        (1, "b_to_a"),
    ]


# --- properties -------------------------------------------------------------------------------------------------------
# ----------------

positions = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.floats(0.35, 1.0), st.booleans()), min_size=1, max_size=80
)


@given(positions)
def test_every_incident_starts_once_ends_once_and_its_times_are_in_order(
    path: list[tuple[float, float, bool]],
) -> None:
    for evaluator in (intrusion(), loitering(1.0)):
        found: list[Incident] = []
        for n, (x, y, seen) in enumerate(path):
            found += evaluator.step(Observed(at_s=n * 0.2, sightings=(person(x, y),) if seen else ()))
        found += evaluator.finish()
        open_since: float | None = None
        for one in found:
            assert (one.stage is Stage.START) == (open_since is None)
            open_since = None if one.stage is Stage.END else one.since_s
        assert open_since is None
        assert all(one.since_s <= one.at_s for one in found)
        for one, following in pairwise(found):
            assert following.stage is Stage.START or (following.since_s, following.sequence) == (
                one.since_s,
                one.sequence + 1,
            )
