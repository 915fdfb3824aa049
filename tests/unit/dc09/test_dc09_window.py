"""Resends and clones: labels that survive a kill and filter nothing."""

from __future__ import annotations

from pathlib import Path

from cior_connectors.builtin.dc09.window import PeerWatch, ResendWindow, Sighting
from cior_core.identity import pseudonym

KEY = pseudonym(bytes(32), "1234", "0001", "ADM-CID 1120")
T0 = 1_790_000_000_000


def test_a_resend_keeps_the_first_instant_and_counts() -> None:
    window = ResendWindow(window_s=600)
    assert [window.sight(KEY, now_ms=T0 + n * 1000) for n in range(3)] == [
        Sighting(T0, 0),
        Sighting(T0, 1),
        Sighting(T0, 2),
    ]


def test_the_window_does_not_slide_so_a_stuck_panel_presses_again() -> None:
    window = ResendWindow(window_s=600)
    firsts = {window.sight(KEY, now_ms=T0 + n * 300_000).first_ms for n in range(7)}
    assert firsts == {T0, T0 + 600_000, T0 + 1_200_000, T0 + 1_800_000}


def test_a_clock_that_steps_back_is_still_the_same_press() -> None:
    window = ResendWindow(window_s=600)
    window.sight(KEY, now_ms=T0)
    assert window.sight(KEY, now_ms=T0 - 30_000) == Sighting(T0, 1)


def test_the_next_process_knows_the_press_although_nobody_closed_the_journal(tmp_path: Path) -> None:
    killed = ResendWindow(window_s=600, journal=tmp_path / "presses")
    killed.open(now_ms=T0)
    killed.sight(KEY, now_ms=T0)
    reborn = ResendWindow(window_s=600, journal=tmp_path / "presses")
    reborn.open(now_ms=T0 + 5000)
    assert reborn.sight(KEY, now_ms=T0 + 5000) == Sighting(T0, 1)
    killed.close()
    reborn.close()
    reborn.close()


def test_a_damaged_journal_is_read_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    (tmp_path / "presses").write_bytes(b"\xff\xfe nonsense\n" + f"{KEY} {T0} 4\n{KEY[:10]}".encode())
    window = ResendWindow(window_s=600, journal=tmp_path / "presses")
    window.open(now_ms=T0)
    assert window.sight(KEY, now_ms=T0 + 1) == Sighting(T0, 5)
    window.close()


def test_law_17_plain_digests_of_an_older_version_leave_the_disk_and_nobody_else_may_read_the_journal(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "presses"
    plain = "0" * 32
    journal.write_text(f"{plain} {T0} 0\n{KEY} {T0} 1\n", encoding="ascii")
    journal.chmod(0o644)
    (tmp_path / "presses.new").write_text("left by a kill", encoding="ascii")
    window = ResendWindow(window_s=600, journal=journal)
    window.open(now_ms=T0 + 1)
    window.sight(KEY, now_ms=T0 + 2)
    window.close()
    assert journal.read_text(encoding="ascii").splitlines() == [f"{KEY} {T0} 1", f"{KEY} {T0} 2"]
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


def test_memory_and_journal_are_bounded(tmp_path: Path) -> None:
    window = ResendWindow(window_s=600, journal=tmp_path / "presses", max_presses=2_000)
    window.open(now_ms=T0)
    for n in range(50_000):
        window.sight(f"p-{n:032x}", now_ms=T0 + n // 1000)
    window.close()
    assert len(window._presses) <= 2_000
    assert (tmp_path / "presses").stat().st_size < 1_200_000


def test_an_address_that_comes_back_after_another_is_a_clone_and_one_that_moves_is_not() -> None:
    watch = PeerWatch(window_s=600)
    assert watch.sight("1234", "a", now_ms=T0) is None
    assert watch.sight("1234", "b", now_ms=T0 + 1000) is None
    assert watch.sight("1234", "b", now_ms=T0 + 2000) is None
    assert watch.sight("1234", "a", now_ms=T0 + 3000) == ("b", T0 + 2000)
    assert watch.sight("9999", "b", now_ms=T0 + 3000) is None


def test_a_clone_is_forgotten_after_the_window() -> None:
    watch = PeerWatch(window_s=600)
    watch.sight("1234", "a", now_ms=T0)
    watch.sight("1234", "b", now_ms=T0 + 1000)
    assert watch.sight("1234", "a", now_ms=T0 + 700_000) is None
