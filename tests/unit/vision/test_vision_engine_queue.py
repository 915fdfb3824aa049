"""All cameras' pictures through one engine: nobody waits for longer than allowed, every answer finds its camera."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_vision.detectors.contract import EngineFacts
from cior_vision.engine_queue import Answer, EngineQueue, Run, next_run
from cior_vision.frames import Detections, Image

LONG_MS = 3_600_000
"""Nobody's turn comes by waiting."""
PATIENCE_S = 30.0


class Reader:
    """An engine that reads the number a picture is painted in: its answers say which picture they are of."""

    def __init__(
        self,
        *,
        batch: int = 0,
        wait_ms: int = 0,
        calls: int = 1,
        at_work: Callable[[], object] = lambda: None,
    ) -> None:
        self.facts = EngineFacts(
            engine="reader", labels=("number",), batch=batch, wait_ms=wait_ms, calls=calls
        )
        self.at_work = at_work
        self.runs: list[list[int]] = []

    def detect(self, frames: Sequence[Image]) -> list[Detections]:
        numbers = [int(frame[0, 0, 0]) + 256 * int(frame[0, 0, 1]) for frame in frames]
        self.runs.append(numbers)
        self.at_work()
        return [
            Detections(
                boxes=np.array([[0, 0, 1, 1]], np.float32),
                scores=np.ones(1, np.float32),
                classes=np.array([number], np.int64),
            )
            for number in numbers
        ]

    def close(self) -> None:
        pass


def painted(number: int) -> Image:
    return np.full((2, 2, 3), (number % 256, number // 256, 0), np.uint8)


def number_of(answer: Answer) -> int:
    return int(answer.found.classes[0])


@contextmanager
def queue_of(engine: Reader, on_run: Callable[[Run], None] = lambda _: None) -> Iterator[EngineQueue]:
    queue = EngineQueue(engine, monotonic_s=time.monotonic, on_run=on_run)
    try:
        yield queue
    finally:
        queue.close(within_s=PATIENCE_S)


def answers(queue: EngineQueue, count: int) -> list[Answer]:
    """The next ``count`` answers."""
    got: list[Answer] = []
    until_s = time.monotonic() + PATIENCE_S
    while len(got) < count:
        assert time.monotonic() < until_s, f"{len(got)} of {count} answers"
        got += queue.answers()
        time.sleep(0.001)
    return got


# --- when a run goes: pure ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_s", "now_s", "hurried", "goes"),
    [
        ((), 10.0, False, (0, float("inf"))),
        ((10.0,), 10.0, False, (0, pytest.approx(0.1))),
        ((10.0,), 10.1, False, (1, 0.0)),
        ((10.0, 10.09), 10.04, False, (0, pytest.approx(0.06))),
        ((10.0, 10.09), 10.1, False, (2, 0.0)),
        ((10.0, 10.0, 10.0, 10.0), 10.0, False, (4, 0.0)),
        ((10.0,) * 9, 10.0, False, (4, 0.0)),
        ((10.0,), 10.0, True, (1, 0.0)),
        ((), 10.0, True, (0, float("inf"))),
    ],
)
def test_a_run_goes_when_it_is_full_when_the_oldest_waited_enough_or_when_nobody_else_comes(
    asked_s: tuple[float, ...], now_s: float, hurried: bool, goes: tuple[int, float]
) -> None:
    assert next_run(asked_s, now_s, batch=4, wait_s=0.1, hurried=hurried) == goes


def test_an_engine_that_waits_for_nobody_takes_whatever_is_there() -> None:
    assert next_run((10.0,), 10.0, batch=0, wait_s=0.0, hurried=False) == (1, 0.0)
    assert next_run((10.0,) * 500, 10.0, batch=0, wait_s=0.0, hurried=False) == (500, 0.0)


@given(
    gaps_s=st.lists(st.floats(0, 0.3), min_size=1, max_size=60),
    batch=st.integers(1, 8),
    wait_s=st.floats(0, 0.2),
)
def test_whatever_comes_no_picture_waits_longer_for_others_than_allowed(
    gaps_s: list[float], batch: int, wait_s: float
) -> None:
    """An engine that takes no time, asked again whenever the queue says so: every wait is a wait for others."""
    arrivals = list(np.cumsum(gaps_s))
    waiting: list[float] = []
    now_s, waits = 0.0, list[float]()
    while arrivals or waiting:
        count, left_s = next_run(waiting, now_s, batch=batch, wait_s=wait_s, hurried=False)
        waits += [now_s - at_s for at_s in waiting[:count]]
        del waiting[:count]
        if not count:
            now_s = min([now_s + left_s, *arrivals[:1]])
            while arrivals and arrivals[0] <= now_s:
                waiting.append(arrivals.pop(0))
    assert len(waits) == len(gaps_s)
    assert max(waits) <= wait_s + 1e-9


# --- with an engine and its threads ---------------------------------------------------------------------------------


def test_a_full_run_goes_at_once_however_long_one_may_wait() -> None:
    engine = Reader(batch=3, wait_ms=LONG_MS)
    with queue_of(engine) as queue:
        for number in range(3):
            queue.ask(f"camera-{number}", painted(number))
        assert [number_of(answer) for answer in answers(queue, 3)] == [0, 1, 2]
    assert engine.runs == [[0, 1, 2]]


def test_a_lone_picture_goes_after_the_wait_and_not_before() -> None:
    runs: list[Run] = []
    with queue_of(Reader(batch=8, wait_ms=150), runs.append) as queue:
        queue.ask("a", painted(7))
        assert queue.is_gathering
        [answer] = answers(queue, 1)
    assert (answer.camera, number_of(answer)) == ("a", 7)
    assert [run.pictures for run in runs] == [1]
    assert runs[0].waited_s[0] >= 0.15
    assert answer.spent_s >= runs[0].waited_s[0]


def test_when_nobody_else_can_come_what_waits_goes_at_once() -> None:
    engine = Reader(batch=8, wait_ms=LONG_MS)
    with queue_of(engine) as queue:
        queue.ask("a", painted(1))
        queue.ask("b", painted(2))
        queue.hurry()
        assert {answer.camera for answer in answers(queue, 2)} == {"a", "b"}
        queue.hurry()
        queue.ask("a", painted(3))
        assert queue.is_gathering, "a hurry while nobody waited is for nobody who comes later"
        assert queue.answers() == []
    assert engine.runs == [[1, 2], [3]]


def test_what_comes_while_the_engine_works_goes_together_the_oldest_first() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def at_work() -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)

    engine = Reader(batch=3, at_work=at_work)
    with queue_of(engine) as queue:
        queue.ask("first", painted(100))
        assert begun.wait(PATIENCE_S)
        for number in range(5):
            queue.ask(f"camera-{number}", painted(number))
        go_on.set()
        answers(queue, 6)
    assert engine.runs == [[100], [0, 1, 2], [3, 4]]


@pytest.mark.parametrize(("batch", "wait_ms", "calls"), [(0, 0, 1), (1, 0, 1), (4, 5, 1), (8, 2, 2)])
def test_every_answer_reaches_its_camera_in_the_order_of_its_pictures(
    batch: int, wait_ms: int, calls: int
) -> None:
    dice = random.Random(1)
    pictures, cameras = 60, [f"camera-{n}" for n in range(12)]
    engine = Reader(batch=batch, wait_ms=wait_ms, calls=calls)
    seen: dict[str, list[int]] = {camera: [] for camera in cameras}
    inside: set[str] = set()
    until_s = time.monotonic() + PATIENCE_S
    with queue_of(engine) as queue:
        asked = dict.fromkeys(cameras, 0)
        while sum(map(len, seen.values())) < pictures * len(cameras):
            assert time.monotonic() < until_s
            for answer in queue.answers():
                inside.remove(answer.camera)
                seen[answer.camera].append(number_of(answer))
            for index, camera in enumerate(cameras):
                if camera not in inside and asked[camera] < pictures and dice.random() < 0.3:
                    queue.ask(camera, painted(1000 * index + asked[camera]))
                    inside.add(camera)
                    asked[camera] += 1
    assert seen == {camera: [1000 * n + k for k in range(pictures)] for n, camera in enumerate(cameras)}
    assert max(map(len, engine.runs)) <= (batch or len(cameras))


def test_an_engine_of_two_calls_gets_the_next_run_while_it_works_on_one() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_S)
    engine = Reader(batch=1, calls=2, at_work=both.wait)
    with queue_of(engine) as queue:
        queue.ask("a", painted(1))
        queue.ask("b", painted(2))
        assert {answer.camera for answer in answers(queue, 2)} == {"a", "b"}


def test_a_camera_has_one_picture_at_a_time_in_the_queue() -> None:
    with queue_of(Reader(batch=8, wait_ms=LONG_MS)) as queue:
        queue.ask("a", painted(1))
        with pytest.raises(ValueError, match="not answered"):
            queue.ask("a", painted(2))


def test_what_the_engine_raises_is_raised_where_its_answers_are_read() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    heard = threading.Event()
    queue = EngineQueue(Reader(at_work=broken), monotonic_s=time.monotonic, on_answer=heard.set)
    queue.ask("a", painted(1))
    assert heard.wait(PATIENCE_S)
    with pytest.raises(ZeroDivisionError):
        answers(queue, 1)
    with pytest.raises(ZeroDivisionError):
        queue.close(within_s=PATIENCE_S)


def test_at_the_end_what_waits_is_looked_at() -> None:
    queue = EngineQueue(Reader(batch=2, wait_ms=LONG_MS), monotonic_s=time.monotonic)
    queue.ask("a", painted(1))
    assert [answer.camera for answer in queue.close(within_s=PATIENCE_S)] == ["a"]


def test_an_engine_that_hangs_holds_up_no_stop() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    queue = EngineQueue(Reader(at_work=hang), monotonic_s=time.monotonic)
    try:
        queue.ask("a", painted(1))
        assert begun.wait(PATIENCE_S)
        assert queue.close(within_s=0.1) == []
    finally:
        go_on.set()
