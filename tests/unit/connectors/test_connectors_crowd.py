"""Who stays connected when places are short: whoever has spoken well, whatever the address."""

from __future__ import annotations

from cior_connectors.crowd import Crowd, Guest, House, Standing


class Street:
    """Guests of a crowd, and who was shown out."""

    def __init__(self, *, most: int = 10, most_strangers: int = 4, descriptors: int = 1_000) -> None:
        self.house = House(descriptors)
        self.crowd = Crowd(most=most, most_strangers=most_strangers, house=self.house)
        self.out: list[str] = []

    def comes(self, name: str, host: str = "nat") -> Guest:
        guest = Guest(host, lambda: self.out.append(name))
        self.crowd.enter(guest)
        return guest


def test_strangers_behind_the_same_address_cannot_push_out_one_that_has_spoken_well() -> None:
    street = Street()
    for standing in (Standing.HEARD, Standing.PROVEN):
        street.crowd.vouch(street.comes(standing.name), standing)
    for n in range(50):
        street.comes(f"idle-{n}")
    assert len(street.crowd) == 6
    assert street.out == [f"idle-{n}" for n in range(46)]


def test_the_longest_idle_stranger_leaves_and_the_newcomer_comes_in() -> None:
    street = Street(most_strangers=2)
    first = street.comes("first")
    street.comes("second")
    street.crowd.active(first)
    street.comes("third")
    assert street.out == ["second"]


def test_in_a_full_house_strangers_leave_before_the_known_and_the_proven_last() -> None:
    street = Street(most=3)
    street.crowd.vouch(street.comes("proven", "a"), Standing.PROVEN)
    street.crowd.vouch(street.comes("heard", "b"), Standing.HEARD)
    street.comes("stranger", "c")
    street.comes("new", "d")
    assert street.out == ["stranger"]
    street.crowd.vouch(street.comes("new-2", "e"), Standing.HEARD)
    street.crowd.vouch(street.comes("new-3", "f"), Standing.HEARD)
    assert street.out == ["stranger", "new", "heard"]


def test_standing_never_falls_and_who_left_gains_none() -> None:
    street = Street()
    guest = street.comes("one")
    street.crowd.vouch(guest, Standing.PROVEN)
    street.crowd.vouch(guest, Standing.HEARD)
    assert guest.standing is Standing.PROVEN
    street.crowd.leave(guest)
    street.crowd.leave(guest)
    street.crowd.vouch(guest, Standing.PROVEN)
    assert (len(street.crowd), street.house.taken) == (0, 0)


def test_two_listeners_of_a_process_share_its_descriptors() -> None:
    street = Street(descriptors=3)
    other = Crowd(most=10, most_strangers=10, house=street.house)
    for name in ("a", "b", "c"):
        street.comes(name, name)
    turned_away: list[str] = []
    assert not other.enter(Guest("x", lambda: turned_away.append("x")))
    street.comes("d", "d")
    assert (street.house.taken, street.out, turned_away) == (3, ["a"], ["x"])


def test_an_address_that_left_is_forgotten() -> None:
    street = Street()
    for n in range(100):
        guest = street.comes(str(n), f"host-{n}")
        street.crowd.leave(guest)
    assert not street.crowd._strangers
