"""Pictures that refer forward are sent in another order than they are shown, and who stamped them did not know it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from cior_video.order import DEPTH, SentOrder, ShownOrder

# One group of pictures as it is sent, by its places in the order of showing; the next one begins where it ends.
GROUPS = {
    "none refers forward": (0, 1, 2, 3),
    "one": (1, 0),
    "two": (2, 0, 1),
    "three, the middle one first": (3, 1, 0, 2),
    "seven, a pyramid": (7, 3, 1, 0, 2, 5, 4, 6),
}


def sending(group: Sequence[int], groups: int) -> list[int]:
    """Places in the order of showing, in the order of sending, after a key picture at 0."""
    return [0, *(1 + n * len(group) + place for n in range(groups) for place in group)]


def shown(order: ShownOrder, sent: Sequence[int], stamps: Sequence[int], *, delay: int) -> list[int | None]:
    """What a decoder that holds ``delay`` pictures back gives, picture by picture as shown, through ``order``."""
    stamp_of, given = dict(zip(sent, stamps, strict=True)), []
    waiting = iter(sorted(sent))
    for n, stamp in enumerate(stamps):
        order.sent(stamp)
        if n >= delay:
            given.append(order.shown(stamp_of[next(waiting)]))
    return given + [order.shown(stamp_of[place]) for place in waiting]


@pytest.mark.parametrize("step", [1, 3_600, 90_000, 180_000], ids=["a tick", "25/s", "1/s", "one in 2 s"])
@pytest.mark.parametrize("name", GROUPS)
def test_pictures_that_were_stamped_as_they_were_sent_get_the_stamps_of_their_places(
    name: str, step: int
) -> None:
    group = GROUPS[name]
    sent = sending(group, 20)
    found = shown(ShownOrder(), sent, [n * step for n in range(len(sent))], delay=3)
    missing = [place for place, stamp in enumerate(found) if stamp is None]
    assert len(missing) < len(group), "only until it is known"
    assert all(place <= len(group) for place in missing)
    settled = [(place, stamp) for place, stamp in enumerate(found) if place > len(group)]
    assert settled == [(place, place * step) for place in range(len(group) + 1, len(sent))]
    known = [stamp for stamp in found if stamp is not None]
    assert known == sorted(set(known)), "nothing ever steps back"


@pytest.mark.parametrize("name", GROUPS)
def test_right_stamps_stay_as_they_are(name: str) -> None:
    sent = sending(GROUPS[name], 20)
    assert shown(ShownOrder(), sent, [place * 3_600 for place in sent], delay=3) == [
        place * 3_600 for place in range(len(sent))
    ]


def test_packets_of_which_no_picture_was_made_leave_their_stamps_behind() -> None:
    """Stamped as sent, and the decoder makes nothing of every tenth packet."""
    order, sent = ShownOrder(), sending(GROUPS["two"], 60)
    stamp_of = {place: n for n, place in enumerate(sent)}
    waiting, given = iter(sorted(sent)), list[tuple[int, int | None]]()
    for n in range(len(sent)):
        order.sent(n)
        place = next(waiting) if n >= 3 else None
        if place is not None and stamp_of[place] % 10 != 9:
            given.append((place, order.shown(stamp_of[place])))
    late = [place - stamp for place, stamp in given if stamp is not None]
    assert max(late[20:]) <= 3, "stamps do not fall behind by all that was ever lost"
    known = [stamp for _, stamp in given if stamp is not None]
    assert all(one < two for one, two in itertools.pairwise(known))


def test_a_clock_that_is_set_back_in_the_middle_is_not_taken_for_the_order_of_sending() -> None:
    order, stamps = ShownOrder(), [100, 101, 102, 3, 4, 5]
    for stamp in stamps:
        order.sent(stamp)
    assert [order.shown(stamp) for stamp in stamps] == stamps


def test_a_clock_that_is_set_between_pictures_that_were_sent_out_of_order_misleads_for_one_group() -> None:
    """Right stamps, and between a picture and those that are shown before it the clock is set forward by 50: that looks
    like the order of sending, until stamps step back once.
    """
    order = ShownOrder()
    sent = [0, 3, 51, 52, 56, 54, 55, 59, 57, 58, 62, 60, 61]
    given = list[int | None]()
    for places, after in (
        ([0, 51], 3),
        ([52, 3], 5),
        ([54, 55, 56], 8),
        ([57, 58, 59], 11),
        ([60, 61, 62], 13),
    ):
        while order._number < after:
            order.sent(sent[order._number])
        given += [order.shown(place) for place in places]
    assert given[-6:] == [57, 58, 59, 60, 61, 62]


def test_a_decoder_that_gives_nothing_is_not_remembered_for_ever() -> None:
    order = ShownOrder()
    for n in range(10_000):
        order.sent(n)
    assert len(order._waiting) <= 256
    assert order.shown(9_999) == 9_999


# --- what is kept as it was sent ------------------------------------------------------------------------------------


def kept(packets: Sequence[tuple[int | None, int | None]]) -> list[int | None]:
    order = SentOrder(reorder_ticks=90_000)
    return [order.sent(pts, dts) for pts, dts in packets]


def test_decoding_times_that_are_known_are_kept() -> None:
    assert kept([(7_200, 0), (3_600, 3_600), (10_800, 7_200)]) == [0, 3_600, 7_200]


def test_the_first_packets_without_a_decoding_time_are_kept_and_lie_a_tick_apart() -> None:
    """As the library tells them of an RTSP camera with three pictures that refer forward, one a second."""
    told: list[tuple[int | None, int | None]] = [(0, None), (90_000, None), (180_000, 0), (270_000, 90_000)]
    assert kept(told) == [0, 1, 2, 90_000]


def test_a_stream_of_which_no_decoding_time_is_ever_known_runs_by_its_stamps() -> None:
    times = kept([(n * 3_600, None) for n in range(40)])
    assert times[DEPTH + 1 :] == [n * 3_600 for n in range(DEPTH + 1, 40)]
    assert all(one < two for one, two in itertools.pairwise(times) if one is not None and two is not None)


def test_a_decoding_time_that_repeats_loses_no_packet_and_one_that_starts_again_is_heard() -> None:
    assert kept([(3_600, 3_600), (3_600, 3_600), (3_000, 3_000), (7_200, 7_200)]) == [
        3_600,
        3_601,
        3_602,
        7_200,
    ]
    assert kept([(900_000, 900_000), (0, 0)]) == [900_000, 0]
    assert kept([(None, None), (5, None)]) == [None, 5]
