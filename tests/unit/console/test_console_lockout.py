"""Being wrong costs more each time, and shuts nobody out for ever."""

from __future__ import annotations

import pytest

from cior_console.sign_in.lockout import Attempt, Growth, Lockout
from cior_register.lockouts import Failures

PERSON = "p-ana"


def test_the_first_tries_are_free_and_then_each_costs_twice_as_much_up_to_a_limit() -> None:
    growth = Growth(free=4, first_s=2.0, longest_s=300.0)
    assert [growth.wait_s(n) for n in (0, 3, 4, 5, 6, 10, 11, 12, 10_000)] == [
        0.0, 0.0, 2.0, 4.0, 8.0, 128.0, 256.0, 300.0, 300.0,
    ]  # fmt: skip


def test_a_guesser_waits_and_what_is_tried_meanwhile_counts_nothing() -> None:
    lockout = Lockout()
    thief = Attempt("192.0.2.9", PERSON)
    waits = [lockout.begin(thief, 0.0) for _ in range(9)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:] == [2, 2, 2, 2, 2], "refused without a look, and not counted"
    assert lockout.begin(thief, 2.0) == 0, "the delay ends, however often somebody knocked"
    assert lockout.begin(thief, 2.0) == 4


def test_forty_guesses_at_once_are_no_forty_guesses() -> None:
    """Each is counted before its hash is made: none slips past while another is looked at."""
    lockout = Lockout()
    thief = Attempt("192.0.2.9", PERSON)
    assert sum(lockout.begin(thief, 0.0) == 0 for _ in range(40)) == 4


def test_who_is_guessed_at_all_night_signs_in_at_his_own_desk() -> None:
    lockout = Lockout()
    now_s = 0.0
    for n in range(3000):  # from three thousand networks, whenever it may
        now_s += lockout.begin(Attempt(f"2001:db8:{n:x}::/64", PERSON), now_s)
    at_his_desk = Attempt("10.0.0.7", PERSON, browser="desk-7")
    assert lockout.begin(at_his_desk, now_s) == 0
    elsewhere = Attempt("10.0.0.8", PERSON)
    assert lockout.begin(elsewhere, now_s) <= 30, "in a browser that nobody knows: half a minute at most"


def test_a_known_browser_answers_for_itself() -> None:
    lockout = Lockout()
    stolen = Attempt("10.0.0.7", PERSON, browser="desk-7")
    assert [lockout.begin(stolen, 0.0) for _ in range(5)] == [0, 0, 0, 0, 2]
    assert lockout.begin(Attempt("10.0.0.7", PERSON, browser="desk-8"), 0.0) == 0


def test_an_account_of_ones_own_buys_no_new_tries() -> None:
    lockout = Lockout()
    peer = "192.0.2.9"
    tried = 0
    for n in range(60):
        tried += lockout.begin(Attempt(peer, f"victim-{n}"), 0.0) == 0
        mine = Attempt(peer, "mine")
        if lockout.begin(mine, 0.0) == 0:
            lockout.succeeded(mine)
    assert tried <= 20


def test_a_success_forgets_the_slips_before_it() -> None:
    lockout = Lockout()
    ana = Attempt("10.0.0.7", PERSON)
    for _ in range(3):
        lockout.begin(ana, 0.0)
    lockout.begin(ana, 0.0)
    lockout.succeeded(ana)
    assert [lockout.begin(ana, 1.0) for _ in range(4)] == [0, 0, 0, 0]


def test_a_restart_gives_nobody_new_tries_and_makes_no_delay_longer() -> None:
    before, thief, ana = Lockout(), Attempt("192.0.2.9", PERSON), Attempt("10.0.0.7", "p-ana")
    kept: dict[tuple[str, str], Failures] = {}
    for attempt in (*[thief] * 6, ana):
        before.begin(attempt, 100.0)
        kept |= {(row.counter, row.key): row for row in before.changed(100.0, 1_000_000)}
    before.succeeded(ana)
    for row in before.changed(100.0, 1_000_000):
        kept[row.counter, row.key] = row
    rows = [row for row in kept.values() if row.failures]
    assert not any("10.0.0.7" in row.key for row in rows), "who got in is forgotten there too"
    assert list(before.changed(100.0, 1_000_000)) == [], "nothing is written twice"

    after = Lockout()  # a second later by the wall clock; the other clock began anew
    after.remember(rows, 5.0, 1_001_000)
    assert after.begin(thief, 5.0) == 1, "the delay of two seconds has one left"
    assert after.begin(ana, 5.0) == 0
    assert after.begin(thief, 6.0) == 0
    back = Lockout()  # the wall clock was put back by a day meanwhile
    back.remember(rows, 5.0, 1_000_000 - 86_400_000)
    assert back.begin(thief, 5.0) == 2, "as if it had been now, and no longer"


def test_what_cannot_be_kept_is_told_again_and_what_was_dropped_is_taken_back() -> None:
    lockout = Lockout(size=4)
    rows: tuple[Failures, ...] = ()
    for n in range(8):
        lockout.begin(Attempt(f"peer-{n}", f"name-{n}"), 0.0)
        rows = lockout.changed(0.0, 0)
        if n < 4:
            lockout.unkept(rows)
    told = {(row.counter, row.key, row.failures) for row in (*rows, *lockout.changed(0.0, 0))}
    assert ("peer", "peer-3", 0) in told, "more than are kept: the oldest goes from the register too"
    assert ("peer", "peer-7", 1) in told


def test_an_hour_without_a_try_forgets() -> None:
    lockout = Lockout()
    thief = Attempt("192.0.2.9", PERSON)
    for now_s in (0.0, 0.0, 0.0, 0.0, 2.0, 6.0):
        assert lockout.begin(thief, now_s) == 0
    assert [lockout.begin(thief, 3700.0) for _ in range(5)] == [0, 0, 0, 0, 2]


@pytest.mark.parametrize("keys", [10_000])
def test_it_stays_small(keys: int) -> None:
    lockout = Lockout(size=64)
    for n in range(keys):
        lockout.begin(Attempt(f"peer-{n}", f"name-{n}"), 0.0)
    assert len(lockout) <= 3 * 64
