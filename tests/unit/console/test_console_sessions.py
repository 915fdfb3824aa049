"""The wall's token is shown once; the cookie in its place is another thing, ends, and cannot be made by a guest."""

from __future__ import annotations

import pytest

from cior_console.sessions import Session, WallSessions, WrongTokens, peer_of

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
TOKEN = "the-token-of-a-test"


def begun(sessions: WallSessions) -> tuple[str, int]:
    session = sessions.begin(NOW_MS)
    assert session.cookie is not None
    return session.cookie, session.ends_ms


def test_the_cookie_is_not_the_token_and_two_screens_have_two() -> None:
    sessions = WallSessions(TOKEN)
    first, second = begun(sessions)[0], begun(sessions)[0]
    assert TOKEN not in first
    assert first != second
    assert not sessions.is_token(first)
    assert sessions.check(TOKEN, NOW_MS) is None


def test_a_console_that_starts_again_knows_its_screens_and_another_token_ends_them() -> None:
    cookie, ends_ms = begun(WallSessions(TOKEN))
    assert WallSessions(TOKEN).check(cookie, NOW_MS + 1) == Session(ends_ms)
    assert WallSessions("another").check(cookie, NOW_MS + 1) is None


def test_a_session_ends_unused_after_twelve_hours_and_used_after_seven_days() -> None:
    sessions = WallSessions(TOKEN)
    cookie, ends_ms = begun(sessions)
    assert sessions.check(cookie, NOW_MS + 12 * HOUR_MS - 1) is not None
    assert sessions.check(cookie, NOW_MS + 12 * HOUR_MS) is None
    now_ms, renewals = NOW_MS, 0
    while (found := sessions.check(cookie, now_ms)) is not None:
        assert found.ends_ms == ends_ms
        renewals += found.cookie is not None
        cookie, now_ms = found.cookie or cookie, now_ms + HOUR_MS
    assert now_ms == ends_ms == NOW_MS + 7 * 24 * HOUR_MS
    assert renewals > 20


@pytest.mark.parametrize(
    "cookie",
    ["", ".", "...", "a.b.c.d", "1.2.3", "\udcff", "\udcff.1.2.3", "ñ" * 10, "9" * 10_000, "1.1.x.\x00"],
)
def test_what_is_no_cookie_of_ours_is_nobody_and_no_error(cookie: str) -> None:
    assert WallSessions(TOKEN).check(cookie, NOW_MS) is None
    assert not WallSessions(TOKEN).is_token(cookie)


@pytest.mark.parametrize("part", range(4))
def test_no_part_of_a_cookie_can_be_changed(part: int) -> None:
    sessions = WallSessions(TOKEN)
    parts = begun(sessions)[0].split(".")
    parts[part] = str(int(parts[part], 16) + 1) if part > 1 else str(int(parts[part]) + 1)
    assert sessions.check(".".join(parts), NOW_MS + 1) is None


def test_wrong_tokens_are_counted_by_peer_for_a_minute() -> None:
    wrong = WrongTokens(allowed=3, window_s=60)
    for second in range(3):
        assert wrong.wait_s("198.51.100.7", second) == 0
        wrong.count("198.51.100.7", second)
    assert wrong.wait_s("198.51.100.7", 10) == 50
    assert wrong.wait_s("198.51.100.8", 10) == 0
    assert wrong.wait_s("198.51.100.7", 60) == 0
    wrong.count("198.51.100.7", 61)
    assert wrong.wait_s("198.51.100.7", 61) == 0, "a new minute, a new count"


def test_wrong_tokens_of_a_million_peers_take_bounded_memory() -> None:
    wrong = WrongTokens(peers=100)
    for n in range(5_000):
        wrong.count(f"192.0.2.{n}", n / 1000)
    assert len(wrong) == 100


def test_one_subscriber_is_one_peer() -> None:
    assert peer_of("2001:db8:1:2:3::9") == peer_of("2001:db8:1:2:ffff::1") != peer_of("2001:db8:1:3::1")
    assert peer_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert peer_of(None) == ""
