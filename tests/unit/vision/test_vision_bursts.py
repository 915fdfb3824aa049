"""A look of a camera at the place of an alert: what it tells and when, which looks go on, and that nobody else is
starved by them. Tracks are drawn by us; no picture is needed, and none is told (law 10).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core import bundled
from cior_core.cameras import Cameras
from cior_core.model import ClockQuality, Command, CommandKind, Lane, Level, Receipt
from cior_core.taxonomy import Taxonomy
from cior_core.watching import REASONS, BurstAnswer, BurstOrder
from cior_video.timing import FrameTime, Sampler, WallSource
from cior_vision.burst_watch import BLINDING, CROWDED_S, BurstWatch
from cior_vision.bursts import RUNNING, Burst, BurstBook, Lens, Told
from cior_vision.events import Author, EventMaker
from cior_vision.incidents import Condition
from cior_vision.pipeline import Outcome
from cior_vision.settings import parse_settings
from unit.vision.drawn_tracks import ASPECT, Actor, looks
from unit.vision.test_vision_events import CAMERA, ENGINE

START_MS = 1_790_000_000_000
ORDER = BurstOrder(for_s=60, first_s=1.5, every_s=5, fps=12, level=Level.P1)


def at(second: float, epoch: int = 0) -> FrameTime:
    return FrameTime(
        epoch=epoch,
        origin_ms=START_MS,
        pts=round(second * 1000),
        time_base=(1, 1000),
        stream_s=second,
        wall_ms=START_MS + round(second * 1000),
        arrival_ms=START_MS + round(second * 1000),
        clock=ClockQuality.SYNCED,
        clock_error_s=0.1,
        wall_source=WallSource.RTCP,
    )


def walked(*actors: Actor, until_s: float, lens: Lens | None = None, order: BurstOrder = ORDER) -> Burst:
    """A look that saw them."""
    burst = Burst("c-1", order, lens or Lens(), began_s=0.0)
    for seen in looks(actors, until_s=until_s, rate=10):
        burst.see(at(seen.at_s), seen.sightings, moved=bool(seen.sightings), aspect=ASPECT)
    return burst


def told(burst: Burst, now_s: float, **more: Any) -> BurstAnswer:
    answer = burst.answer(now_s, **more)
    assert answer is not None
    return answer


def walker(number: int, from_: tuple[float, float], to: tuple[float, float], **more: Any) -> Actor:
    return Actor(id=number, path=((0.0, *from_), (8.0, *to)), **more)


# --- what it tells --------------------------------------------------------------------------------------------


def test_a_look_tells_how_many_of_what_from_when_to_when_and_how_many_at_once() -> None:
    stays = walker(1, (0.5, 0.8), (0.5, 0.8))
    passes = Actor(id=2, path=((2.0, 0.2, 0.8), (5.0, 0.8, 0.8)))
    answer = told(walked(stays, passes, until_s=10), 60)
    assert answer.counts == {"person": 2}
    assert answer.most == {"person": 2}
    assert answer.now in ({"person": 1}, {})
    assert [each.heading for each in answer.tracks] == [None, "right"]
    first, last = answer.tracks[1].first_ms, answer.tracks[1].last_ms
    assert first - START_MS == pytest.approx(2_000, abs=200)
    assert last - START_MS == pytest.approx(5_000, abs=200)
    assert (answer.is_last, answer.by, answer.why) == (True, "tracks", "")


@pytest.mark.parametrize(
    ("from_", "to", "tall", "picture", "compass"),
    [
        ((0.2, 0.8), (0.8, 0.8), 0.3, "right", "s"),
        ((0.8, 0.8), (0.2, 0.8), 0.3, "left", "n"),
    ],
)
def test_who_crosses_the_picture_goes_left_or_right_or_by_the_compass_where_the_azimuth_is_known(
    from_: tuple[float, float], to: tuple[float, float], tall: float, picture: str, compass: str
) -> None:
    actor = walker(1, from_, to, tall=tall)
    (unknown,) = told(walked(actor, until_s=8), 60).tracks
    (known,) = told(walked(actor, until_s=8, lens=Lens(azimuth_deg=90.0)), 60).tracks
    assert (unknown.heading, known.heading) == (picture, compass)


def test_who_grows_smaller_goes_away_and_who_grows_comes_near() -> None:
    lens = Lens(azimuth_deg=0.0)
    small, tall = (lens.ground(box, ASPECT) for box in (_box(0.1), _box(0.4)))
    assert lens.heading(small[0] - tall[0], small[1] - tall[1]) == "n"
    assert lens.heading(tall[0] - small[0], tall[1] - small[1]) == "s"
    assert Lens().heading(0.0, 3.0) == "away"
    assert Lens().heading(0.0, -3.0) == "near"
    assert Lens(azimuth_deg=350.0).heading(0.0, 3.0) == "n"


def _box(tall: float) -> Any:
    return walker(1, (0.5, 0.8), (0.5, 0.8), tall=tall).box(0.0)


def test_an_id_switch_is_nobody_new_and_a_new_connection_counts_on() -> None:
    switched = walker(1, (0.3, 0.8), (0.5, 0.8), switched=(3.0,))
    assert told(walked(switched, until_s=8), 60).counts == {"person": 1}
    burst = walked(walker(1, (0.5, 0.8), (0.5, 0.8)), until_s=4)
    for seen in looks([walker(1, (0.2, 0.8), (0.2, 0.8))], until_s=4, rate=10):
        burst.see(at(10 + seen.at_s, epoch=1), seen.sightings, moved=True, aspect=ASPECT)
    assert told(burst, 60).counts == {"person": 2}


def test_nobody_seen_motion_only_and_no_picture_are_answers_too() -> None:
    empty = walked(until_s=4)
    assert (told(empty, 2).counts, told(empty, 60).pictures > 0) == ({}, True)
    blind = Burst("c-1", ORDER, Lens(), began_s=0.0)
    blind.see(at(0.5), None, moved=True, aspect=ASPECT)
    answer = told(blind, 2, by_motion=True)
    assert (answer.by, answer.moved_share, answer.counts) == ("motion", 1.0, {})
    nothing = told(Burst("c-1", ORDER, Lens(), began_s=0.0), 60)
    assert (nothing.pictures, nothing.why, nothing.is_last) == (0, "no_pictures", True)


def test_the_first_answer_comes_in_time_the_next_ones_when_something_changed_and_the_last_at_the_end() -> (
    None
):
    burst = walked(walker(1, (0.5, 0.8), (0.5, 0.8)), until_s=1.4)
    assert burst.answer(1.4) is None
    assert told(burst, 1.5).sequence == 0
    assert burst.answer(1.6) is None
    assert burst.answer(6.6) is None, "nothing has changed"
    burst.see(at(7.0), (), moved=False, aspect=ASPECT)
    assert burst.answer(8.0) is None, "not before its time"
    assert (told(burst, 11.7).sequence, told(burst, 60).sequence) == (1, 2)


def test_people_who_run_at_once_are_told_where_a_shooting_asks_for_it() -> None:
    runners = [
        Actor(id=n, path=((0.0, 0.3 + n * 0.1, 0.7), (2.0, 0.3 + n * 0.1, 0.7), (4.0, 0.9, 0.7)), tall=0.08)
        for n in range(1, 5)
    ]
    order = msgspec.structs.replace(ORDER, runs=True)
    burst = Burst("c-1", order, Lens(), began_s=0.0)
    incidents = [
        each
        for seen in looks(runners, until_s=4, rate=10)
        for each in burst.see(at(seen.at_s), seen.sightings, moved=True, aspect=ASPECT)
    ]
    assert {(each.rule_id, each.kind) for each in incidents} == {(RUNNING.id, "dispersal")}
    assert told(burst, 60).runs is True
    assert told(walked(*runners, until_s=4), 60).runs is None, "nobody asked for that"
    assert told(walked(until_s=4, order=order), 60).runs is False


def test_law_10_the_event_of_a_look_holds_counts_and_times_and_no_picture() -> None:
    answer = told(walked(walker(1, (0.2, 0.8), (0.8, 0.8)), until_s=8), 60)
    maker = EventMaker(
        CAMERA, rules=[RUNNING], engine=ENGINE, taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
        author=Author(version="1", instance="w"),
    )  # fmt: skip
    event = maker.burst(
        Told(camera="cam", answer=answer, alert_id="a-1", drill=True), received_ms=START_MS + 1
    )
    assert (event.type, event.lane, event.life_safety, event.drill) == (
        "vision.burst",
        Lane.URGENT,
        False,
        True,
    )
    assert BurstAnswer.of(event.attributes) == answer
    assert event.occurred_ms == answer.to_ms
    told_names = set(BurstAnswer.__struct_fields__) | {
        "alert",
        "camera_name",
        "detector",
        "cameras",
        "in_view",
    }
    assert set(event.attributes) <= told_names
    again = maker.burst(
        Told(camera="cam", answer=answer, alert_id="a-1", drill=True), received_ms=START_MS + 9
    )
    assert again.id == event.id, "one answer, one id, however often it is told"


# --- which looks go on ----------------------------------------------------------------------------------------


def look(command: str, level: Level = Level.P1) -> Burst:
    return Burst(command, msgspec.structs.replace(ORDER, level=level), Lens(), began_s=0.0)


def test_a_full_book_lets_go_of_the_least_urgent_then_of_the_oldest_and_refuses_who_is_less_urgent() -> None:
    book = BurstBook(3)
    for name, level in (("a", Level.P1), ("b", Level.P2), ("c", Level.P1)):
        assert book.take(f"cam-{name}", look(name, level)) == (True, None)
    begins, gone = book.take("cam-d", look("d"))
    assert (begins, gone and gone[1].command) == (True, "b"), "the least urgent"
    begins, gone = book.take("cam-e", look("e"))
    assert (begins, gone and gone[1].command) == (True, "a"), "the oldest of the others"
    assert book.take("cam-f", look("f", Level.P3)) == (False, None)
    assert [burst.command for _, burst in book] == ["c", "d", "e"]


class Hands:
    """A watch with two cameras, a clock that stands until it is moved, and what the cameras' pictures are like."""

    def __init__(self, *, limit: int = 2) -> None:
        self.now_s = 100.0
        self.conditions: dict[str, frozenset[Condition]] = {}
        self.watch = BurstWatch(
            {"cam-1": Lens(), "cam-2": Lens()}, limit=limit, by_motion=False, now_ms=lambda: START_MS,
            monotonic_s=lambda: self.now_s,
        )  # fmt: skip

    def of(self, name: str) -> frozenset[Condition]:
        return self.conditions.get(name, frozenset())

    async def ask(self, command: str, name: str = "cam-1", level: Level = Level.P1) -> Receipt:
        """Ask on the loop while the pipeline's thread takes it up."""
        order = msgspec.structs.replace(ORDER, level=level)
        asked = asyncio.ensure_future(self.watch.act(_command(command, name, msgspec.to_builtins(order))))
        while not asked.done():
            self.watch.begin(self.of)
            await asyncio.sleep(0)
        return asked.result()

    def told(self, **more: Any) -> list[tuple[str, str, bool]]:
        return [
            (each.camera, each.answer.why, each.answer.is_last)
            for each in self.watch.answers(self.of, **more)
        ]


def _command(command: str, name: str, parameters: dict[str, Any]) -> Command:
    return Command(
        id=command, kind=CommandKind.BURST, alert_id="a-1", area="city", target=f"camera:{name}",  # type: ignore[arg-type]
        issued_ms=START_MS, expires_ms=START_MS + 4_000, protocol="p", step="burst:0", parameters=parameters,
    )  # fmt: skip


async def test_a_look_is_accepted_at_once_or_refused_with_its_reason() -> None:
    hands = Hands(limit=1)
    hands.conditions["cam-2"] = frozenset({Condition.FROZEN, Condition.LOW_LIGHT})
    assert [str(each) for each in hands.watch.targets] in (
        ["camera:cam-1", "camera:cam-2"],
        ["camera:cam-2", "camera:cam-1"],
    )
    begun, frozen = await hands.ask("c-1"), await hands.ask("c-2", "cam-2")
    assert (begun.outcome, begun.detail.split("=")[0]) == ("accepted", "until_ms")
    assert (frozen.outcome, frozen.detail) == ("refused", "burst.frozen")
    few = await hands.ask("c-3", level=Level.P2)
    assert (few.outcome, few.detail) == ("refused", "burst.too_many")
    hands.conditions["cam-2"] = frozenset({Condition.LOW_LIGHT})
    assert (await hands.ask("c-4", "cam-2")).outcome == "accepted", "a dark picture is a picture"
    assert hands.told() == [("cam-1", "gave_way", True)]
    assert hands.told(why="stopped") == [("cam-2", "stopped", True)]
    assert hands.told(why="stopped") == []


async def test_a_look_takes_the_full_rate_only_while_no_other_camera_loses_pictures_for_it() -> None:
    hands = Hands()
    await hands.ask("c-1")
    assert (hands.watch.fps("cam-1", lost=9), hands.watch.fps("cam-2", lost=4)) == (12, None)
    assert hands.watch.fps("cam-2", lost=5) is None
    assert hands.watch.fps("cam-1", lost=9) is None, "another camera lost a picture"
    hands.now_s += CROWDED_S + 0.1
    assert hands.watch.fps("cam-1", lost=30) == 12, "its own do not count"


async def test_what_is_seen_reaches_every_look_of_that_camera_and_no_other() -> None:
    hands = Hands(limit=3)
    for command, name in (("c-1", "cam-1"), ("c-2", "cam-1"), ("c-3", "cam-2")):
        await hands.ask(command, name)
    for seen in looks([walker(1, (0.5, 0.8), (0.5, 0.8))], until_s=1, rate=10):
        hands.watch.see("cam-1", Outcome(time=at(seen.at_s), motion=True, sightings=seen.sightings))
    hands.now_s += 1.6
    found = {each.answer.command: each.answer.counts for each in hands.watch.answers(hands.of)}
    assert found == {"c-1": {"person": 1}, "c-2": {"person": 1}, "c-3": {}}


def test_every_reason_and_every_condition_has_words() -> None:
    assert {str(each) for each in Condition} <= REASONS
    assert Condition.SIGNAL_LOST in BLINDING


# --- the rate of pictures -------------------------------------------------------------------------------------


def test_a_sampler_takes_more_for_a_while_and_then_its_own_rate_again() -> None:
    sampler, taken = Sampler(5.0), [0, 0, 0]
    for n in range(90):
        second = n / 30
        taken[int(second)] += sampler.due(at(second), fps=15.0 if 1 <= second < 2 else None)
    assert taken == [5, pytest.approx(15, abs=1), pytest.approx(5, abs=1)]


def test_the_settings_of_a_camera_have_its_azimuth_unless_it_turns(tmp_path: Path) -> None:
    row = 'place = { lat = -32.9, lon = -60.6 }\nazimuth_deg = 90.0\nstream = "x"\n'
    fixed, dome = (f'[[camera]]\nid = "{name}"\n{row}' for name in ("fixed", "dome"))
    cameras = Cameras.load(f"{fixed}{dome}turns = true\n")
    text = '[detector]\nengine = "none"\n[[camera]]\nid = "fixed"\n[[camera]]\nid = "dome"\n'
    settings = parse_settings(text, file="c.toml", folder=tmp_path, cameras=cameras)
    assert [each.azimuth_deg for each in settings.camera] == [90.0, None]
