"""Can the picture be believed? Readings are made up here; ``test_vision_conditions`` measures drawn cameras."""

from __future__ import annotations

from typing import Any

from cior_vision.incidents import Condition, ConditionChange, SceneReading, ViewReading
from cior_vision.rule_settings import TamperSettings
from cior_vision.tamper import TamperWatch

SEEN = ViewReading(expected=40, agree=40, lost=0, flat=0)
GONE = ViewReading(expected=40, agree=0, lost=40, flat=40)


def reading(
    at_s: float,
    *,
    std: float = 40.0,
    entropy: float = 6.0,
    mean: float = 110.0,
    sharp: float = 200.0,
    still: bool = False,
    key: bool = False,
    view: ViewReading | None = SEEN,
) -> SceneReading:
    return SceneReading(
        at_s=at_s,
        luma_mean=mean,
        luma_std=std,
        entropy_bits=entropy,
        sharpness=sharp,
        is_still=still,
        after_key=key,
        view=view,
        is_view_known=view is not None,
    )


def play(
    watch: TamperWatch, start_s: float, end_s: float, *, hour: int = 12, **more: Any
) -> list[ConditionChange]:
    return [
        change
        for n in range(round(start_s * 5), round(end_s * 5))
        for change in watch.step(reading(n * 0.2, **more), hour=hour)
    ]


def verdicts(changes: list[ConditionChange]) -> list[tuple[Condition, bool, float]]:
    return [(one.condition, one.active, round(one.at_s, 1)) for one in changes]


def test_a_covered_lens_is_told_after_five_seconds_and_its_return_after_two() -> None:
    watch = TamperWatch(TamperSettings())
    changes = play(watch, 0, 10) + play(watch, 10, 20, std=3.0, entropy=0.87, view=GONE) + play(watch, 20, 25)
    assert verdicts(changes) == [(Condition.COVERED, True, 15.0), (Condition.COVERED, False, 21.8)]
    assert changes[0].since_s == 10.0


def test_a_hand_before_the_lens_for_four_seconds_is_not_tampering() -> None:
    watch = TamperWatch(TamperSettings())
    assert play(watch, 0, 5) + play(watch, 5, 9, std=3.0, view=GONE) + play(watch, 9, 15) == []


def test_a_blinded_camera_is_too_bright_and_not_covered() -> None:
    watch = TamperWatch(TamperSettings())
    assert verdicts(play(watch, 0, 8, std=1.0, entropy=0.2, mean=254.0)) == [
        (Condition.TOO_BRIGHT, True, 5.0)
    ]


def test_defocus_needs_a_reference_and_ten_seconds() -> None:
    watch = TamperWatch(TamperSettings())
    assert play(watch, 0, 15, sharp=4.0) == [], "blurred from the start: there is nothing to compare with"
    watch = TamperWatch(TamperSettings())
    changes = play(watch, 0, 90) + play(watch, 90, 105, sharp=4.0)
    assert verdicts(changes) == [(Condition.DEFOCUSED, True, 100.0)]


def test_a_defocused_picture_does_not_become_the_new_normal() -> None:
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 90)
    assert len(play(watch, 90, 4000, sharp=4.0)) == 1
    assert watch.active == {Condition.DEFOCUSED}


def test_rain_that_halves_the_sharpness_is_weather() -> None:
    watch = TamperWatch(TamperSettings())
    assert play(watch, 0, 90) + play(watch, 90, 300, sharp=100.0) == []


def test_the_same_picture_for_five_seconds_is_frozen_and_a_second_of_new_ones_frees_it() -> None:
    watch = TamperWatch(TamperSettings())
    changes = play(watch, 0, 2) + play(watch, 2, 9, still=True, key=True) + play(watch, 9, 10)
    assert verdicts(changes) == [(Condition.FROZEN, True, 7.0), (Condition.FROZEN, False, 9.8)]


def test_a_quiet_scene_that_a_codec_repeats_until_its_next_key_picture_is_not_frozen() -> None:
    watch = TamperWatch(TamperSettings())
    assert play(watch, 0, 2) + play(watch, 2, 40, still=True) == []
    assert verdicts(play(watch, 40, 70, still=True)) == [(Condition.FROZEN, True, 62.0)], (
        "a minute without a key picture and without any life is told all the same"
    )


def test_a_camera_that_repeats_pictures_under_load_is_not_frozen() -> None:
    watch = TamperWatch(TamperSettings())
    changes = [
        change for n in range(200) for change in watch.step(reading(n * 0.2, still=n % 2 == 1), hour=1)
    ]
    assert changes == []


def test_a_new_epoch_keeps_what_holds_until_it_is_seen_to_be_over() -> None:
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 6, std=2.0, view=GONE)
    watch.new_epoch()
    assert watch.active == {Condition.COVERED}
    assert verdicts(play(watch, 0, 3)) == [(Condition.COVERED, False, 2.0)]


def test_flat_from_the_first_picture_on_is_low_contrast_and_nobodys_doing() -> None:
    watch = TamperWatch(TamperSettings())
    assert verdicts(play(watch, 0, 8, std=0.6, entropy=1.2, view=None)) == [
        (Condition.LOW_CONTRAST, True, 5.0)
    ]


def test_flat_that_is_still_recognised_is_fog_by_day_and_no_light_by_night() -> None:
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 5)
    assert verdicts(play(watch, 5, 12, std=4.3, mean=177.0)) == [(Condition.LOW_CONTRAST, True, 10.0)]
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 5)
    assert verdicts(play(watch, 5, 12, std=2.4, mean=3.5)) == [(Condition.LOW_LIGHT, True, 10.0)]


def test_black_at_once_by_day_is_covered_and_where_a_lamp_lit_the_scene_it_went_out() -> None:
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 5, mean=110.0)
    assert verdicts(play(watch, 5, 12, std=1.0, mean=4.0, view=GONE)) == [(Condition.COVERED, True, 10.0)]
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 5, mean=50.0)
    assert verdicts(play(watch, 5, 12, std=1.0, mean=4.0, view=GONE)) == [(Condition.LOW_LIGHT, True, 10.0)]


def test_fog_that_takes_edges_and_contrast_alike_is_not_out_of_focus() -> None:
    watch = TamperWatch(TamperSettings())
    play(watch, 0, 90)
    assert play(watch, 90, 120, sharp=12.5, std=10.0) == []
