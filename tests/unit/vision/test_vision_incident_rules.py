"""Incidents that matter, as scenes that we drew: each rule says what it should when it should, is silent about what
only looks like it, and is not misled by blindness, id switches, jitter, the rate of pictures or a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_vision.incidents import Incident, Stage
from cior_vision.observing import kind_of
from cior_vision.rule_settings import (
    AbandonedRule,
    AnyTrackRule,
    CrowdRule,
    DispersalRule,
    LineRule,
    LineSettings,
    PersonDownRule,
    QueueRule,
    StoppedRule,
    WrongWayRule,
    ZoneSettings,
)
from cior_vision.wording import says
from unit.vision.drawn_tracks import Actor, looks, of_stage, rule_set

ZONE = ZoneSettings(
    id="z",
    camera="c",
    polygon=((0.2, 0.3), (0.8, 0.3), (0.8, 0.9), (0.2, 0.9)),
    axis=((0.2, 0.6), (0.8, 0.6)),
)
LINE = LineSettings(id="l", camera="c", points=((0.5, 0.9), (0.5, 0.3)), sides=("vereda", "calzada"))
BEGAN = (Stage.START, Stage.ONCE)


def watch(
    rule: AnyTrackRule,
    actors: Sequence[Actor],
    *,
    until_s: float,
    rate: float = 5.0,
    blind: tuple[float, float] | None = None,
    jitter: float = 0.0,
) -> list[Incident]:
    """Everything that the rule says of the scene, its end included."""
    rules = rule_set(rule, zone=ZONE, line=LINE)
    found = [
        one
        for seen in looks(actors, until_s=until_s, rate=rate, blind=blind, jitter=jitter)
        for one in rules.step(seen)
    ]
    return [*found, *rules.finish()]


def comes_and_stays(n: int, *, from_s: float, until_s: float, y: float = 0.6) -> Actor:
    """Somebody who comes from below, stays in the zone and goes."""
    x = 0.25 + 0.05 * n
    return Actor(
        id=n + 1,
        path=(
            (from_s, x, 0.95),
            (from_s + 2, x, y),
            (until_s, x, y),
            (until_s + 2, x, 0.95),
        ),
    )


def vehicle(*path: tuple[float, float, float], label: str = "car", track: int = 1) -> Actor:
    return Actor(id=track, path=path, label=label, tall=0.19, shape=((0.0, 1.6),))


CROWD = CrowdRule(id="r", zone="z", people=5)
QUEUE = QueueRule(id="r", zone="z", people=3, stay_s=60.0)
STOPPED = StoppedRule(id="r", zone="z", after_s=30.0, patience_s={"bus": 120.0})
WRONG = WrongWayRule(id="r", zone="z")
DOWN = PersonDownRule(id="r", zone="z")
BAG = AbandonedRule(id="r", zone="z", after_s=30.0)
RUN = DispersalRule(id="r", zone="z")
CROSS = LineRule(id="r", line="l")

CROWD_OF_SIX = tuple(comes_and_stays(n, from_s=n * 1.0, until_s=40.0) for n in range(6))
THREE_WAIT = tuple(comes_and_stays(n, from_s=n * 10.0, until_s=100.0) for n in range(3))
PARKS = (vehicle((0, 0.0, 0.6), (4, 0.5, 0.6), (50, 0.5, 0.6), (53, 0.95, 0.6)),)
COMES_BACKWARDS = (vehicle((0, 0.75, 0.6), (8, 0.1, 0.6), (11, 0.05, 0.6)),)
FALLS = (
    Actor(
        id=1,
        path=((0, 0.25, 0.6), (5, 0.5, 0.6), (30, 0.5, 0.6), (36, 0.7, 0.6)),
        shape=((0.0, 0.4), (5.0, 0.8), (5.6, 2.2), (30.0, 0.4)),
    ),
)
LEAVES_A_BAG = (
    Actor(id=1, path=((0, 0.25, 0.6), (5, 0.5, 0.6), (7, 0.5, 0.6), (10, 0.95, 0.6))),
    Actor(id=2, path=((6, 0.5, 0.6), (60, 0.5, 0.6)), label="backpack", tall=0.06, shape=((0.0, 0.8),)),
)
THEY_RUN = tuple(
    Actor(
        id=n + 1,
        path=((0, 0.40 + 0.06 * n, 0.6), (10, 0.42 + 0.06 * n, 0.6), (14, 0.42 + 0.06 * n + way * 0.75, 0.6)),
    )
    for n, way in enumerate((1, -1, 1, -1))
)
CROSSES = (Actor(id=1, path=((0, 0.3, 0.6), (8, 0.7, 0.6))),)


@dataclass(frozen=True)
class Story:
    """A scene in which ``rule`` speaks once, at ``at_s`` (plus at most ``late_s``), and why it ends."""

    rule: AnyTrackRule
    actors: tuple[Actor, ...]
    until_s: float
    at_s: float
    ends: str
    says: str
    late_s: float = 0.5

    @property
    def kind(self) -> str:
        return kind_of(self.rule)


# The times follow from the scenes: a crowd's fifth comes into the zone at 4.29 s, counts 3 s later, and for 10 s; ...
STORIES = (
    Story(CROWD, CROWD_OF_SIX, 60, 17.3, "fewer_people", "personas (aviso desde 5), densidad"),
    Story(QUEUE, THREE_WAIT, 150, 80.3, "fewer_people", "3 personas esperan"),
    Story(STOPPED, PARKS, 60, 34.0, "moved_on", "auto detenido hace 3", late_s=1.1),
    Story(WRONG, COMES_BACKWARDS, 12, 1.27, "left_zone", "auto a 180° del sentido", late_s=1.0),
    Story(DOWN, FALLS, 40, 15.6, "got_up", "en el suelo hace 1"),
    Story(BAG, LEAVES_A_BAG, 70, 37.7, "taken_or_hidden", "mochila sin nadie cerca hace 30", late_s=1.0),
    Story(RUN, THEY_RUN, 30, 11.0, "nobody_runs", "de 4 personas corren", late_s=0.8),
    Story(CROSS, CROSSES, 10, 4.2, "", "de vereda a calzada"),
)
EACH = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind)


def begins(found: Sequence[Incident]) -> Incident:
    """The one incident that began."""
    [start] = of_stage(found, *BEGAN)
    return start


@EACH
def test_a_rule_speaks_once_at_the_right_time_and_says_when_it_is_over(story: Story) -> None:
    found = watch(story.rule, story.actors, until_s=story.until_s)
    start = begins(found)
    assert story.at_s - 0.21 <= start.at_s <= story.at_s + story.late_s
    assert start.since_s <= start.at_s
    said = says(start)
    assert said is not None
    assert story.says in said.es
    assert "{" not in said.en + said.es
    if story.ends:
        [end] = of_stage(found, Stage.END)
        assert (end.reason, end.since_s, end.track_id) == (story.ends, start.since_s, start.track_id)
        assert found[-1] is end
    assert [one.sequence for one in found] == list(range(len(found)))


@EACH
@pytest.mark.parametrize("rate", [2.0, 3.0, 10.0, 25.0])
def test_the_rate_of_pictures_changes_no_incident(story: Story, rate: float) -> None:
    usual = watch(story.rule, story.actors, until_s=story.until_s)
    found = watch(story.rule, story.actors, until_s=story.until_s, rate=rate)
    assert begins(found).at_s == pytest.approx(begins(usual).at_s, abs=1.1)
    assert begins(found).track_id == begins(usual).track_id
    assert [one.reason for one in of_stage(found, Stage.END)] == [
        one.reason for one in of_stage(usual, Stage.END)
    ]


@EACH
def test_two_blind_seconds_change_no_incident(story: Story) -> None:
    usual = begins(watch(story.rule, story.actors, until_s=story.until_s))
    blind = (usual.at_s - 2.6, usual.at_s - 0.6)
    if story.kind in {
        "dispersal",
        "wrong_way",
    }:  # as short as what they measure: seen a moment later, or not missed
        blind = (usual.at_s + 0.4, usual.at_s + 2.4)
    found = watch(story.rule, story.actors, until_s=story.until_s, blind=blind)
    assert begins(found).at_s == pytest.approx(usual.at_s, abs=1.0)
    assert len(of_stage(found, Stage.END)) == len(of_stage(found, Stage.START))


@EACH
def test_an_id_switch_changes_no_incident(story: Story) -> None:
    """Everybody gets a new track at once, at the worst moment: half a second before the rule would speak, and once
    more while it holds.
    """
    usual = begins(watch(story.rule, story.actors, until_s=story.until_s))
    at = tuple(replace(actor, switched=(usual.at_s - 0.5, usual.at_s + 1.3)) for actor in story.actors)
    found = watch(story.rule, at, until_s=story.until_s)
    assert begins(found).at_s == pytest.approx(usual.at_s, abs=0.5)
    assert begins(found).track_id == usual.track_id
    assert len(of_stage(found, Stage.END)) == len(of_stage(found, Stage.START))


@EACH
def test_jitter_of_a_twentieth_of_the_height_changes_no_incident(story: Story) -> None:
    usual = begins(watch(story.rule, story.actors, until_s=story.until_s))
    found = watch(story.rule, story.actors, until_s=story.until_s, jitter=0.05)
    assert begins(found).at_s == pytest.approx(usual.at_s, abs=1.0)


@EACH
def test_a_restart_ends_what_is_open_and_begins_nothing_that_is_not_due_again(story: Story) -> None:
    usual = begins(watch(story.rule, story.actors, until_s=story.until_s))
    half_s = round(usual.at_s + 0.4, 1)
    first, second = (rule_set(story.rule, zone=ZONE, line=LINE) for _ in range(2))
    before = [one for seen in looks(story.actors, until_s=half_s) for one in first.step(seen)]
    ended = first.finish()
    assert [one.reason for one in ended] == (["stream_ended"] if story.ends else [])
    assert first.finish() == []
    after = [
        one
        for seen in looks(story.actors, until_s=story.until_s, from_s=half_s)
        for one in (*second.step(seen),)
    ]
    assert len(of_stage(before, *BEGAN)) == 1
    again = of_stage(after, *BEGAN)
    # It may hold still, and is then told again, as an incident of the new epoch after its whole time; never twice.
    assert len(again) <= 1
    assert all(one.since_s >= 0 for one in again)


@EACH
@settings(max_examples=6)
@given(dx=st.floats(-0.05, 0.05), dy=st.floats(-0.05, 0.02), seconds=st.integers(0, 3600))
def test_neither_place_nor_hour_matter(story: Story, dx: float, dy: float, seconds: int) -> None:
    """The same scene elsewhere in the picture, at another stream time, is the same incident then."""
    usual = watch(story.rule, story.actors, until_s=story.until_s, rate=3.0)
    zone = ZoneSettings(
        id="z",
        camera="c",
        polygon=tuple((x + dx, y + dy) for x, y in ZONE.polygon),
        axis=((0.2 + dx, 0.6 + dy), (0.8 + dx, 0.6 + dy)),
    )
    line = LineSettings(
        id="l", camera="c", points=((0.5 + dx, 0.9 + dy), (0.5 + dx, 0.3 + dy)), sides=LINE.sides
    )
    rules = rule_set(story.rule, zone=zone, line=line)
    elsewhere = [actor.moved_by(dx, dy) for actor in story.actors]
    found = []
    for seen in looks(elsewhere, until_s=story.until_s, rate=3.0):
        later = type(seen)(
            at_s=seen.at_s + seconds,
            sightings=seen.sightings,
            aspect=seen.aspect,
            height_px=seen.height_px,
        )
        found += rules.step(later)
    found += rules.finish()
    ends = (*BEGAN, Stage.END)  # how many updates lie between may differ by one
    assert [one.stage for one in of_stage(found, *ends)] == [one.stage for one in of_stage(usual, *ends)]
    for one, same in zip(of_stage(found, *ends), of_stage(usual, *ends), strict=True):
        assert one.at_s - seconds == pytest.approx(same.at_s, abs=0.34)


# --- what only looks like it ------------------------------------------------------------------------------------------


def no(rule: AnyTrackRule, *actors: Actor, until_s: float = 90.0, jitter: float = 0.03) -> None:
    for rate in (2.0, 5.0, 25.0):
        assert watch(rule, actors, until_s=until_s, rate=rate, jitter=jitter) == []


def test_people_who_pass_through_are_no_crowd() -> None:
    """Twenty people in a row: many, but never five who have stayed."""
    passing = [
        Actor(id=n + 1, path=((n * 1.0, 0.25 + n % 5 * 0.1, 0.95), (n * 1.0 + 4, 0.25 + n % 5 * 0.1, 0.25)))
        for n in range(20)
    ]
    no(CrowdRule(id="r", zone="z", people=5, stay_s=5.0), *passing)


def test_four_are_no_crowd_of_five_and_a_fifth_who_looks_in_makes_none() -> None:
    four = [comes_and_stays(n, from_s=0, until_s=60) for n in range(4)]
    no(CROWD, *four, comes_and_stays(4, from_s=20, until_s=28))


def test_as_many_people_on_a_wide_square_are_no_dense_crowd() -> None:
    dense = CrowdRule(id="r", zone="z", people=5, density=1.5)
    no(dense, *CROWD_OF_SIX)
    closer = tuple(replace(actor, tall=0.45) for actor in CROWD_OF_SIX)
    start = begins(watch(dense, closer, until_s=60))
    assert start.facts["density_per_height2"] > 1.5


def test_a_crowd_that_flickers_by_one_is_one_incident() -> None:
    five = [comes_and_stays(n, from_s=0, until_s=70) for n in range(4)]
    flickering = replace(comes_and_stays(4, from_s=0, until_s=70), hidden=((30, 36), (42, 50)))
    found = watch(CROWD, [*five, flickering], until_s=80)
    assert len(of_stage(found, Stage.START)) == 1
    assert len(of_stage(found, Stage.END)) == 1


def test_a_queue_that_moves_is_no_wait_however_long_it_is() -> None:
    """Somebody new every five seconds, each served after forty: eight stand there at any time."""
    moving = [
        replace(comes_and_stays(n % 9, from_s=n * 5.0, until_s=n * 5.0 + 40), id=n + 1) for n in range(20)
    ]
    no(QUEUE, *moving, until_s=150)


def test_a_bus_at_its_stop_and_a_car_at_a_red_light_are_allowed() -> None:
    waits = ((0, 0.0, 0.6), (4, 0.5, 0.6), (49, 0.5, 0.6), (53, 0.95, 0.6))
    no(STOPPED, vehicle(*waits, label="bus"))
    no(StoppedRule(id="r", zone="z", after_s=20.0, light_s=40.0), vehicle(*waits))
    assert begins(watch(STOPPED, [vehicle(*waits)], until_s=60)).label == "car"


def test_a_car_that_creeps_through_a_jam_stands_nowhere() -> None:
    no(STOPPED, vehicle((0, 0.15, 0.6), (80, 0.85, 0.6)))


def test_a_car_that_was_parked_before_anybody_looked_is_not_told() -> None:
    no(STOPPED, vehicle((0, 0.5, 0.6), (90, 0.5, 0.6)))


def test_a_car_parked_beside_the_zone_is_not_in_it() -> None:
    no(STOPPED, vehicle((0, 0.0, 0.2), (4, 0.5, 0.2), (90, 0.5, 0.2)))


def test_the_right_way_a_stop_and_a_little_back_are_not_the_wrong_way() -> None:
    no(WRONG, vehicle((0, 0.1, 0.6), (8, 0.9, 0.6)))
    no(WRONG, vehicle((0, 0.1, 0.6), (3, 0.5, 0.6), (40, 0.5, 0.6), (43, 0.9, 0.6)), jitter=0.1)
    backs_up = vehicle((0, 0.1, 0.6), (3, 0.55, 0.6), (6, 0.48, 0.6), (12, 0.48, 0.6), (15, 0.9, 0.6))
    no(WRONG, backs_up)


def test_who_crosses_the_lane_goes_across_and_not_against_it() -> None:
    no(WRONG, vehicle((0, 0.62, 0.35), (6, 0.50, 0.88)))


def test_who_turns_round_after_going_the_wrong_way_ends_it() -> None:
    found = watch(WRONG, [vehicle((0, 0.75, 0.6), (5, 0.4, 0.6), (9, 0.78, 0.6))], until_s=10)
    assert [(one.stage, one.reason) for one in found] == [(Stage.START, ""), (Stage.END, "turned_round")]
    assert found[0].facts["speed_px_s"] > 50


def test_who_sits_bends_or_has_always_lain_is_not_down() -> None:
    walks_in = ((0.0, 0.25, 0.6), (5.0, 0.5, 0.6), (60.0, 0.5, 0.6))
    no(DOWN, Actor(id=1, path=walks_in, shape=((0.0, 0.4), (6.0, 0.85))))
    no(DOWN, Actor(id=1, path=walks_in, shape=((0.0, 0.4), (6.0, 1.3), (12.0, 0.4))))
    no(DOWN, Actor(id=1, path=((0, 0.5, 0.6), (60, 0.5, 0.6)), shape=((0.0, 2.2),)))


def test_who_sits_down_for_a_while_and_then_lies_did_not_fall() -> None:
    walks_in = ((0.0, 0.25, 0.6), (5.0, 0.5, 0.6), (60.0, 0.5, 0.6))
    no(DOWN, Actor(id=1, path=walks_in, shape=((0.0, 0.4), (6.0, 0.85), (20.0, 2.2))))


def test_a_bag_set_down_and_taken_one_with_its_owner_and_one_that_was_always_there_are_not_abandoned() -> (
    None
):
    bag = replace(LEAVES_A_BAG[1], path=((6, 0.5, 0.6), (30, 0.5, 0.6)))
    back = Actor(id=1, path=((0, 0.25, 0.6), (7, 0.5, 0.6), (11, 0.75, 0.6), (25, 0.75, 0.6), (29, 0.5, 0.6)))
    no(BAG, back, bag)
    stays = Actor(id=1, path=((0, 0.25, 0.6), (7, 0.52, 0.6), (90, 0.52, 0.6)))
    no(BAG, stays, replace(bag, path=((6, 0.5, 0.6), (90, 0.5, 0.6))))
    no(BAG, replace(bag, path=((0, 0.5, 0.6), (90, 0.5, 0.6))))


def test_who_passes_an_abandoned_bag_does_not_hide_it() -> None:
    passing = [
        Actor(id=10 + n, path=((10.0 + 6 * n, 0.25, 0.65), (16.0 + 6 * n, 0.75, 0.65))) for n in range(5)
    ]
    start = begins(watch(BAG, [*LEAVES_A_BAG, *passing], until_s=70))
    assert start.at_s == pytest.approx(begins(watch(BAG, LEAVES_A_BAG, until_s=70)).at_s, abs=1.0)


def test_one_who_runs_for_the_bus_and_a_group_that_walks_off_are_no_dispersal() -> None:
    standing = [comes_and_stays(n, from_s=0, until_s=60) for n in range(5)]
    no(RUN, *standing, Actor(id=90, path=((10, 0.25, 0.7), (13, 0.78, 0.7))))
    walking = [
        replace(
            actor, path=(*actor.path[:1], (10, actor.path[0][1], 0.6), (18, actor.path[0][1] + 0.45, 0.6))
        )
        for actor in THEY_RUN
    ]
    no(RUN, *walking)


def test_jitter_on_the_line_is_no_crossing_and_there_and_back_are_two() -> None:
    stands = Actor(id=1, path=((0, 0.3, 0.6), (4, 0.497, 0.6), (60, 0.497, 0.6), (64, 0.3, 0.6)))
    no(CROSS, stands, jitter=0.08)
    there_and_back = Actor(id=1, path=((0, 0.3, 0.6), (6, 0.7, 0.6), (12, 0.3, 0.6)))
    found = watch(CROSS, [there_and_back], until_s=13)
    assert [one.facts["direction"] for one in found] == ["a_to_b", "b_to_a"]
    assert [one.facts["to_side"] for one in found] == ["calzada", "vereda"]


@pytest.mark.parametrize(("direction", "wanted"), [("a_to_b", 1), ("b_to_a", 0), ("both", 1)])
def test_a_line_tells_the_direction_that_it_is_asked_for(direction: str, wanted: int) -> None:
    rule = LineRule(id="r", line="l", direction=direction)  # type: ignore[arg-type]  # each of its words
    assert len(watch(rule, CROSSES, until_s=10)) == wanted


points = st.lists(st.tuples(st.floats(0.25, 0.75), st.floats(0.4, 0.85)), min_size=2, max_size=12)


def backwards(actor: Actor) -> Actor:
    last_s = actor.path[-1][0]
    return replace(actor, path=tuple((last_s - t, x, y) for t, x, y in reversed(actor.path)))


@given(points)
def test_time_run_backwards_turns_every_crossing_round(way: list[tuple[float, float]]) -> None:
    walk = Actor(id=1, path=tuple((n * 3.0, x, y) for n, (x, y) in enumerate([way[0], *way, way[-1]])))
    rule = LineRule(id="r", line="l", min_age_s=0.0, min_moved=0.0)
    until_s = walk.path[-1][0]
    there = [one.facts["direction"] for one in watch(rule, [walk], until_s=until_s)]
    back = [one.facts["direction"] for one in watch(rule, [backwards(walk)], until_s=until_s)]
    turned = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}
    assert back == [turned[each] for each in reversed(there)]


@given(st.floats(0.25, 0.45), st.floats(0.6, 0.75), st.floats(2.0, 10.0))
def test_a_way_that_is_right_is_wrong_when_time_runs_backwards(
    start: float, end: float, taken_s: float
) -> None:
    drive = vehicle((0, start, 0.6), (taken_s, end, 0.6))
    still = (taken_s + 1, end, 0.6)
    assert watch(WRONG, [replace(drive, path=(*drive.path, still))], until_s=taken_s + 1) == []
    against = backwards(drive)
    begins(
        watch(WRONG, [replace(against, path=(*against.path, (taken_s + 1, start, 0.6)))], until_s=taken_s + 1)
    )
