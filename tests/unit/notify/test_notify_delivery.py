"""Messages on their way: the more urgent first, nobody held up by another's far side, and nothing dropped."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_connectors.builtin.notify.channels import Limits, Message
from cior_connectors.builtin.notify.delivery import EXPIRED, Line, backoff_s
from cior_core.errors import ConfigInvalid, SourceUnavailable

NOW_MS = 1_795_305_600_000


def message(name: str, *, rank: int = 3, lives_s: float = 60.0) -> Message:
    return Message(
        key=name,
        address="x",
        rank=rank,
        title="t",
        body="b",
        language="es",
        until_ms=NOW_MS + round(lives_s * 1000),
    )


class Far:
    """A channel in memory. ``errors``: what it raises for a key, once each."""

    name = "far"

    def __init__(self, limits: Limits, errors: dict[str, list[Exception]] | None = None) -> None:
        self.limits, self._errors = limits, errors or {}
        self.sent: list[str] = []

    async def send(self, message: Message, /) -> None:
        self.sent.append(message.key)
        if errors := self._errors.get(message.key):
            raise errors.pop(0)

    async def close(self) -> None:
        pass


async def ended(far: Far, *messages: Message, count: int | None = None) -> dict[str, str]:
    """What became of each, once ``count`` (all) ended."""
    told: dict[str, str] = {}
    wanted = len(messages) if count is None else count
    enough = asyncio.Event()

    async def note(message: Message, code: str) -> None:
        told[message.key] = code
        if len(told) >= wanted:
            enough.set()

    line = Line(far, now_ms=lambda: NOW_MS, ended=note)
    for each in messages:
        line.put(each)
    task = asyncio.ensure_future(line.run())
    async with asyncio.timeout(20):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


async def test_the_more_urgent_goes_first_and_equals_in_turn() -> None:
    far = Far(Limits(at_once=1))
    await ended(
        far, message("p4", rank=4), message("p1-a", rank=1), message("p2", rank=2), message("p1-b", rank=1)
    )
    assert far.sent == ["p1-a", "p1-b", "p2", "p4"]


async def test_a_p1_waits_for_no_pace_and_the_rest_is_not_dropped() -> None:
    """Of ten that a minute allows one may go at once; the other P4 waits for seconds, the P1s do not."""
    far = Far(Limits(at_once=2, per_minute=10))
    many = [message(f"p1-{n}", rank=1) for n in range(20)]
    told = await ended(far, message("p4-a", rank=4), message("p4-b", rank=4), *many, count=21)
    assert {f"p1-{n}" for n in range(20)} < told.keys()


async def test_one_that_is_tried_again_holds_up_no_other() -> None:
    again: list[Exception] = [SourceUnavailable("x.away", "away", retry_after_s=1.0)]
    far = Far(Limits(at_once=1, first_wait_s=0.01), {"ill": again})
    told = await ended(far, message("ill", rank=1), *(message(f"n{n}") for n in range(5)))
    assert (far.sent[0], far.sent[-1], set(told.values())) == ("ill", "ill", {""})


async def test_it_gives_up_after_so_many_tries() -> None:
    errors: list[Exception] = [SourceUnavailable("x.away", "away") for _ in range(9)]
    far = Far(Limits(first_wait_s=0.001, longest_wait_s=0.001, tries=3), {"m": errors})
    assert (await ended(far, message("m")), len(far.sent)) == ({"m": "x.away"}, 3)


@pytest.mark.parametrize(("lives_s", "sent"), [(-1.0, 0), (5.0, 1)])
async def test_what_is_of_no_use_any_more_is_not_tried(lives_s: float, sent: int) -> None:
    errors: list[Exception] = [SourceUnavailable("x.away", "away", retry_after_s=30.0)]
    far = Far(Limits(), {"m": errors})
    assert (await ended(far, message("m", lives_s=lives_s)), len(far.sent)) == ({"m": EXPIRED}, sent)


async def test_what_never_works_is_tried_once() -> None:
    far = Far(Limits(), {"m": [ConfigInvalid("x.no", "no")]})
    assert (await ended(far, message("m")), far.sent) == ({"m": "x.no"}, ["m"])


@given(tried=st.integers(0, 1000), draw=st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded_and_never_nothing(tried: int, draw: float) -> None:
    assert 0.375 <= backoff_s(tried, 0.5, 8.0, draw=lambda: draw) <= 8.0
