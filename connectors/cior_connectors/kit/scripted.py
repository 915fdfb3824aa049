"""A source that plays a script through a connector's real ``decode``: payloads, and the markers of what goes wrong on a
line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum

from cior_connectors.contract import Ack, Decoded, Facts, OpenContext, Outcome, ProbeReport, Received
from cior_core.errors import SourceUnavailable


class Marker(Enum):
    """``EOF``: the far side ends in peace.

    ``ABORT``: the process dies here (the script stops, nothing more is answered). ``DROP``: the line breaks
    (``SourceUnavailable``). ``IDLE``: nothing comes for ever.
    """

    EOF = "eof"
    ABORT = "abort"
    DROP = "drop"
    IDLE = "idle"


class Aborted(BaseException):
    """The script reached ``ABORT``: stands for kill -9, so nothing may catch it."""


Step = tuple[bytes, Facts] | Marker


class ScriptedSource:
    """Plays ``steps`` once over all sessions; after the last it idles.

    ``answers`` holds what the source was told, by the order of its payloads.
    """

    def __init__(
        self,
        decode: Callable[[bytes, Facts], Decoded],
        steps: Sequence[Step],
        *,
        on_answer: Callable[[int, Outcome], None] | None = None,
    ) -> None:
        self._decode = decode
        self._steps = list(steps)
        self._on_answer = on_answer or (lambda _position, _outcome: None)
        self.answers: dict[int, Outcome] = {}
        self.asked = 0
        self.opened = 0
        self.closed = 0
        self.down = 0

    async def open(self, ctx: OpenContext) -> None:  # noqa: ARG002  the contract's signature
        """Counts; fails ``down`` times first."""
        if self.down > 0:
            self.down -= 1
            raise SourceUnavailable("scripted.down", "the scripted far side is away", retry_after_s=0.01)
        self.opened += 1

    async def receive(self) -> AsyncIterator[Received]:
        """The next steps."""
        while self._steps:
            step = self._steps.pop(0)
            match step:
                case Marker.EOF:
                    return
                case Marker.DROP:
                    raise SourceUnavailable("scripted.drop", "the scripted line broke", retry_after_s=0.01)
                case Marker.ABORT:
                    raise Aborted
                case Marker.IDLE:
                    await asyncio.Event().wait()
                case (payload, facts):
                    position, self.asked = self.asked, self.asked + 1
                    yield Received(payload=payload, facts=facts, ack=self._ack(position))
        await asyncio.Event().wait()

    def decode(self, raw: bytes, facts: Facts) -> Decoded:
        """The connector's own."""
        return self._decode(raw, facts)

    async def close(self) -> None:
        """Counts."""
        self.closed += 1

    async def probe(self) -> ProbeReport:
        """Always well."""
        return ProbeReport(ok=True, detail="scripted")

    def _ack(self, position: int) -> Ack:
        async def answer(outcome: Outcome) -> None:
            self._on_answer(position, outcome)
            self.answers[position] = outcome

        return answer
