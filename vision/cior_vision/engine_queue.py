"""The way of all cameras' pictures through one engine: gathered, looked at together, handed back to their camera.

A camera has at most one picture here at a time, so its answers come in its own order, and what waits is bounded by
the number of cameras: a camera that is slow, stalls or is gone holds up nobody. Pictures go as soon as

- there are as many as one run of the engine takes, or
- the oldest has waited for others as long as the engine allows (``EngineFacts.wait_ms``; 0: nobody waits), or
- nobody is left to wait for (:meth:`EngineQueue.hurry`).

While the engine works, further pictures gather for its next run; that is waiting for the engine, not for others. An
engine that takes ``EngineFacts.calls`` of more than one gets the next run's pictures while it computes this one's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from cior_vision.detectors.contract import Detector
from cior_vision.frames import Detections, Image

LOG = structlog.get_logger("cior.vision.engine_queue")

FOREVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the engine: how many pictures, how long it took, and how long each had waited before (s)."""

    pictures: int
    spent_s: float
    waited_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says of a camera's picture, and how long after it was asked (s)."""

    camera: str
    found: Detections
    spent_s: float


@dataclass(frozen=True, slots=True)
class _Asked:
    camera: str
    image: Image
    at_s: float


def next_run(
    asked_s: Sequence[float], now_s: float, *, batch: int, wait_s: float, hurried: bool
) -> tuple[int, float]:
    """How many of the pictures asked for at ``asked_s`` (oldest first) go now; if none, in how many seconds they do.

    ``batch``: at most so many at once; 0: any number.
    """
    if not asked_s:
        return 0, FOREVER_S
    at_once = len(asked_s) if batch <= 0 else min(batch, len(asked_s))
    is_full = batch > 0 and len(asked_s) >= batch
    left_s = asked_s[0] + wait_s - now_s
    return (at_once, 0.0) if is_full or hurried or left_s <= 0 else (0, left_s)


class EngineQueue:
    """Owns the engine's threads. All methods are called by one thread, the cameras' pipeline.

    ``on_run`` hears of each call, ``on_answer`` that :meth:`answers` has something; both in an engine's thread.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        monotonic_s: Callable[[], float],
        on_run: Callable[[Run], None] = lambda _: None,
        on_answer: Callable[[], None] = lambda: None,
    ) -> None:
        self._detector = detector
        self._now_s = monotonic_s
        self._on_run, self._on_answer = on_run, on_answer
        self._batch = detector.facts.batch
        self._wait_s = detector.facts.wait_ms / 1000
        self._changed = threading.Condition()
        self._waiting: deque[_Asked] = deque()
        self._answered: deque[Answer] = deque()
        self._inside: set[str] = set()
        self._hurried = self._closed = False
        calls = detector.facts.calls
        self._pool = ThreadPoolExecutor(max_workers=calls, thread_name_prefix="vision-engine")
        self._workers = [self._pool.submit(self._work) for _ in range(calls)]

    def ask(self, camera: str, image: Image) -> None:
        """Let the engine look at a picture. Raises ``ValueError`` while the camera's last one is not answered."""
        with self._changed:
            if camera in self._inside:
                raise ValueError(f"the last picture of {camera} is not answered yet")
            self._inside.add(camera)
            self._waiting.append(_Asked(camera, image, self._now_s()))
            self._changed.notify()

    def hurry(self) -> None:
        """Nobody else can come, or somebody's next picture is here: what waits goes at once."""
        with self._changed:
            if self._waiting and not self._hurried:
                self._hurried = True
                self._changed.notify()

    def answers(self) -> list[Answer]:
        """What was answered since the last call. Raises what the engine raised."""
        for worker in self._workers:
            if worker.done():
                worker.result()
        with self._changed:
            answered = list(self._answered)
            self._answered.clear()
            self._inside.difference_update(answer.camera for answer in answered)
            return answered

    @property
    def is_gathering(self) -> bool:
        """Whether pictures wait for others."""
        return bool(self._waiting) and not self._hurried

    def close(self, *, within_s: float) -> list[Answer]:
        """Let the engine look at what waits, for so long; the last answers. Cameras that are in none have none."""
        with self._changed:
            self._closed = self._hurried = True
            self._changed.notify_all()
        self._pool.shutdown(wait=False)
        if wait(self._workers, timeout=within_s).not_done:
            LOG.warning("engine_abandoned", pictures=len(self._inside))
        return self.answers()

    # --- the engine's threads ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while batch := self._gathered():
                self._run(batch)
        finally:
            self._on_answer()

    def _gathered(self) -> list[_Asked]:
        """The next run's pictures, once they may go; none: closed."""
        with self._changed:
            while True:
                asked_s = [one.at_s for one in self._waiting]
                count, left_s = next_run(
                    asked_s, self._now_s(), batch=self._batch, wait_s=self._wait_s, hurried=self._hurried
                )
                if count:
                    taken = [self._waiting.popleft() for _ in range(count)]
                    self._hurried = self._closed or (self._hurried and bool(self._waiting))
                    return taken
                if self._closed:
                    return []
                self._changed.wait(None if left_s == FOREVER_S else left_s)

    def _run(self, batch: Sequence[_Asked]) -> None:
        started_s = self._now_s()
        found = self._detector.detect([one.image for one in batch])
        ended_s = self._now_s()
        answers = [
            Answer(one.camera, result, ended_s - one.at_s) for one, result in zip(batch, found, strict=True)
        ]
        with self._changed:
            self._answered.extend(answers)
        self._on_run(Run(len(batch), ended_s - started_s, tuple(started_s - one.at_s for one in batch)))
        self._on_answer()
