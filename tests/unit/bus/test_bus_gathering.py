"""How long a batch gathers: no longer than it must, until writing takes more than its share of the machine."""

from __future__ import annotations

import pytest

from cior_bus.gathering import BatchLimits, Gathering

LIMITS = BatchLimits(max_wait_s=4.0, gather_s=8.0, share=0.2)


def kept_busy(took_s: float, *, for_s: float = 60.0, every_s: float = 1.0) -> Gathering:
    """A handler that takes ``took_s`` of every ``every_s``, for a while."""
    gathering = Gathering(LIMITS)
    for turn in range(round(for_s / every_s)):
        gathering.spent(took_s, now_s=turn * every_s)
    return gathering


@pytest.mark.parametrize(
    ("took_s", "wait_s"), [(0.0, 4.0), (0.1, 4.0), (0.2, 4.0), (0.3, 6.0), (0.4, 8.0), (0.9, 8.0)]
)
def test_batches_gather_longer_as_writing_takes_more_than_its_share(took_s: float, wait_s: float) -> None:
    assert kept_busy(took_s).wait_s(59.0) == pytest.approx(wait_s, abs=0.01)


def test_a_single_slow_batch_delays_nobody() -> None:
    """An idle centre writes one press now and then, each for ten times its row's worth."""
    gathering = Gathering(BatchLimits(max_wait_s=0.02, gather_s=0.15, share=0.3))
    for turn in range(10):
        gathering.spent(0.1, now_s=turn * 0.5)
        assert gathering.wait_s(turn * 0.5 + 0.01) == 0.02


def test_a_load_that_is_over_is_forgotten() -> None:
    gathering = kept_busy(0.9)
    assert gathering.wait_s(59.0) == 8.0
    assert gathering.wait_s(59.0 + 25.0) == 4.0


def test_without_a_limit_nothing_waits_longer() -> None:
    gathering = Gathering(BatchLimits(max_wait_s=1.0))
    for turn in range(50):
        gathering.spent(1.0, now_s=float(turn))
    assert gathering.wait_s(49.0) == 1.0
