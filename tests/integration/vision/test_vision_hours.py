"""The drawn hours: their list is what it says, a few of their clips are judged here, and the page tells of them all
(``benchmarks/bench_vision_conditions.py`` runs every one).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_vision.incidents import Condition, ConditionChange
from cior_vision.replay import Replay
from integration.vision.drawn_hours import Clip, clips
from integration.vision.judged_hours import fingerprint, judged, watched

PAGE = Path(__file__).resolve().parents[3] / "docs" / "vision-conditions.md"
BY_NAME = {clip.name: clip for clip in clips() if clip.is_reported}


def test_each_half_is_more_than_an_hour_of_its_own_cameras_with_every_kind_of_fault() -> None:
    halves = [[clip for clip in clips() if clip.is_reported is half] for half in (True, False)]
    for half in halves:
        assert sum(clip.lasts_s for clip in half) >= 3600
        assert {condition for clip in half for condition in clip.must} == {
            *(Condition.COVERED, Condition.MOVED, Condition.DEFOCUSED, Condition.FROZEN),
            *(Condition.TOO_BRIGHT, Condition.LOW_LIGHT, Condition.LOW_CONTRAST),
        }
        around = {what for clip in half if clip.kind == "nothing" for what in clip.around}
        assert around >= {"trees", "rain", "fog", "headlights", "pole", "clock", "people", "lorry", "insects"}
    assert not {clip.seed for clip in halves[0]} & {clip.seed for clip in halves[1]}
    assert len({clip.seed for clip in clips()}) == len(clips())


def test_the_page_tells_of_these_clips_and_these_thresholds() -> None:
    """Else: ``python benchmarks/bench_vision_conditions.py --half both --page`` (minutes)."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"`{fingerprint()}`" in text
    assert "## Not looked at before" in text


FEW = (
    "moved: street, people, sagging 0.12",
    "street, lamps, pole",
)


@pytest.mark.parametrize("name", FEW)
def test_what_is_done_to_a_drawn_camera_is_said_and_nothing_else(tmp_path: Path, name: str) -> None:
    clip = BY_NAME[name]
    found = judged(clip, watched(clip, tmp_path))
    assert (found.missed, found.wrong) == ((), ())
    assert "pole" not in clip.around or found.gate_open <= 0.05


# --- the judge ------------------------------------------------------------------------------------------------------

COVERED = Clip(
    name="covered: somewhere", seed=1, is_reported=True, place="street", lasts_s=60.0, done="card",
    begins_s=20.0, ends_s=40.0, must=(Condition.COVERED,), may=(Condition.DEFOCUSED,),
)  # fmt: skip


def said(*changes: tuple[Condition, float]) -> Replay:
    told = [
        ConditionChange(condition=one, active=True, at_s=at_s, since_s=at_s, facts={})
        for one, at_s in changes
    ]
    return Replay(
        incidents=(),
        changes=tuple(told),
        tracks=(),
        events=(),
        pictures=300,
        detected=0,
        gate_open=30,
        drops={},
    )


def test_the_judge_takes_no_word_for_right_that_comes_before_after_or_of_something_else() -> None:
    right = judged(COVERED, said((Condition.COVERED, 26.0), (Condition.DEFOCUSED, 30.0)))
    assert (right.told, right.missed, right.wrong) == (
        {Condition.COVERED: 6.0, Condition.DEFOCUSED: 10.0},
        (),
        (),
    )
    assert right.gate_open == pytest.approx(0.1)
    for at_s in (19.0, 46.0):
        early = judged(COVERED, said((Condition.COVERED, at_s)))
        assert (early.missed, early.wrong) == ((Condition.COVERED,), ((Condition.COVERED, at_s),))
    other = judged(COVERED, said((Condition.DEFOCUSED, 30.0), (Condition.FROZEN, 30.0)))
    assert (other.missed, other.wrong) == ((Condition.COVERED,), ((Condition.FROZEN, 30.0),))
