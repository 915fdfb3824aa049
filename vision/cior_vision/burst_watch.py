"""``burst``: what an alert's cameras are asked to look at, obeyed by the worker that watches them.

The commands come on the event loop (:class:`cior_bus.obeying.Obeyer`); everything else is the pipeline thread's, which
owns the cameras. A look begins at once or is refused with its reason; what was seen is told in answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from cior_core.model import Command, Receipt, Struct, Target, TargetKind
from cior_core.watching import BurstAnswer, BurstOrder
from cior_vision.bursts import Burst, BurstBook, Lens, Told
from cior_vision.incidents import Condition, Incident
from cior_vision.look_journal import LookJournal, begun
from cior_vision.pipeline import Outcome

LOG = structlog.get_logger("cior.vision.bursts")

BLINDING: Final = frozenset(Condition) - {Condition.LOW_LIGHT, Condition.LOW_CONTRAST}
"""Conditions in which a picture says nothing of the place."""
CROWDED_S: Final = 1.0
"""For so long a look keeps to the camera's usual rate after another camera lost a picture for want of time."""


Conditions = Callable[[str], frozenset[Condition]]
"""Of a camera: those that hold now."""


class _Asked(Struct, frozen=True):
    camera: str
    command: Command
    order: BurstOrder
    begun: Future[str]


class BurstWatch:
    """An actuator, and the looks that go on. ``lenses``: of the cameras that are watched here; ``by_motion``: no
    detector here knows persons; ``journal``: what the next start knows of the looks of a killed worker.
    """

    def __init__(
        self,
        lenses: dict[str, Lens],
        *,
        limit: int,
        by_motion: bool,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        journal: LookJournal | None = None,
    ) -> None:
        self._journal = journal or LookJournal(None)
        self._lenses, self._by_motion = lenses, by_motion
        self._now_ms, self._monotonic_s = now_ms, monotonic_s
        self._targets = frozenset(Target(kind=TargetKind.CAMERA, id=camera) for camera in lenses)
        self._asked: SimpleQueue[_Asked] = SimpleQueue()
        self._book = BurstBook(limit)
        self._commands: dict[str, Command] = {}
        self._ended: list[Told] = []
        self._lost: dict[str, int] = {}
        self._crowded_until_s = float("-inf")

    # --- the event loop's part ---

    @property
    def targets(self) -> Collection[Target]:
        """The cameras that are watched here."""
        return self._targets

    async def act(self, command: Command, /) -> Receipt:
        """Begin, or say why not (``burst.<why>``). Raises ``PayloadRejected`` (``burst.order``)."""
        order, camera = BurstOrder.of(command.parameters), Target.parse(command.target).id
        asked = _Asked(camera, command, order, Future())
        self._asked.put(asked)
        why = await asyncio.wrap_future(asked.begun)
        LOG.info("burst_asked", camera=camera, command=command.id, why=why)
        until_ms = self._now_ms() + round(order.for_s * 1000)
        return Receipt(
            command_id=command.id,
            device=camera,
            at_ms=self._now_ms(),
            outcome="refused" if why else "accepted",
            detail=f"burst.{why}" if why else f"until_ms={until_ms} fps={order.fps:g}",
        )

    # --- the pipeline thread's part ---

    def begin(self, conditions: Conditions) -> None:
        """Take up what was asked since the last call; ``conditions`` of a camera that hold."""
        while True:
            try:
                asked = self._asked.get_nowait()
            except Empty:
                return
            if asked.begun.set_running_or_notify_cancel():
                asked.begun.set_result(self._begin(asked, conditions(asked.camera)))

    def _begin(self, asked: _Asked, conditions: frozenset[Condition]) -> str:
        """Empty: it begins. Else why not."""
        if blind := sorted(conditions & BLINDING):
            return str(blind[0])
        burst = Burst(asked.command.id, asked.order, self._lenses[asked.camera], began_s=self._monotonic_s())
        begins, gone = self._book.take(asked.camera, burst)
        if gone is not None:
            self._end(*gone, why="gave_way")
        if not begins:
            return "too_many"
        self._commands[asked.command.id] = asked.command
        self._told(asked.camera, begun(asked.command.id))
        return ""

    def see(self, camera: str, outcome: Outcome) -> list[Incident]:
        """A picture of any camera that was looked at; people who run away, where somebody asks for them."""
        incidents: dict[tuple[int, float], Incident] = {}
        for burst in self._book.of(camera):
            found = burst.see(outcome.time, outcome.sightings, moved=outcome.motion, aspect=outcome.aspect)
            incidents |= {(each.sequence, each.since_s): each for each in found}
        return list(incidents.values())

    def fps(self, camera: str, *, lost: int) -> float | None:
        """How many pictures a second are wanted of it; None: its usual rate. ``lost``: how many of its pictures nobody
        had time for so far; when that grows of a camera that nobody asked to look, no look takes more than the usual
        for a moment.
        """
        looks, now_s, before = self._book.of(camera), self._monotonic_s(), self._lost.get(camera, lost)
        self._lost[camera] = lost
        if not looks:
            self._crowded_until_s = now_s + CROWDED_S if lost > before else self._crowded_until_s
            return None
        return None if now_s < self._crowded_until_s else max(each.order.fps for each in looks)

    def answers(self, conditions: Conditions, *, why: str = "") -> Iterator[Told]:
        """What is to be told now; ``why``: all looks end before their time."""
        ended, self._ended = self._ended, []
        yield from ended
        now_s = self._monotonic_s()
        for camera, burst in self._book:
            held = [str(each) for each in conditions(camera)]
            answer = burst.answer(now_s, conditions=held, by_motion=self._by_motion, why=why)
            if answer is not None:
                yield self._told(camera, answer)
                if answer.is_last:
                    self._book.end(burst)
                    self._commands.pop(burst.command, None)

    def _end(self, camera: str, burst: Burst, *, why: str) -> None:
        answer = burst.answer(self._monotonic_s(), by_motion=self._by_motion, why=why)
        if answer is not None:
            self._ended.append(self._told(camera, answer))
        self._commands.pop(burst.command, None)

    def _told(self, camera: str, answer: BurstAnswer) -> Told:
        command = self._commands[answer.command]
        told = Told(camera=camera, answer=answer, alert_id=command.alert_id, drill=command.drill)
        self._journal.write(told)
        return told
