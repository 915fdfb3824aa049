"""``hold_video``: what a protocol or an operator asks to be kept is kept at once, for every camera of this recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import structlog

from cior_bus.metrics import Metrics
from cior_core import footage
from cior_core.errors import PayloadRejected
from cior_core.footage import Segment
from cior_core.model import Command, Receipt, Target, TargetKind
from cior_recorder import metrics as m
from cior_recorder.holds import Hold, Holds, Placed
from cior_recorder.ledger import Ledger

LOG = structlog.get_logger("cior.recorder.obeying")
DAY_MS = footage.DAY_MS
LONGEST_HOLD_MS = DAY_MS
"""A protocol asks for minutes; who needs more asks with a request."""


class HoldKeeper:
    """An actuator for :class:`cior_bus.obeying.Obeyer`; the same command again changes nothing."""

    def __init__(
        self,
        ring: Path,
        ledgers: Mapping[str, Ledger],
        *,
        holds: Holds,
        hold_days: float,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._ring, self._ledgers, self._holds, self._hold_days = ring, ledgers, holds, hold_days
        self._now_ms, self._metrics = now_ms, metrics
        self._targets = frozenset(Target(kind=TargetKind.CAMERA, id=camera) for camera in ledgers)

    @property
    def targets(self) -> Collection[Target]:
        """The cameras that are recorded here."""
        return self._targets

    async def act(self, command: Command, /) -> Receipt:
        """Place the hold. Raises ``PayloadRejected`` (``hold.interval``) for an interval that cannot be kept."""
        hold = self._asked(command)
        placed = await asyncio.to_thread(self._place, hold)
        self._metrics.add(m.HOLDS)
        LOG.info("hold_placed", hold=hold.id, camera=hold.camera, kept=len(placed.kept))
        detail = f"kept={len(placed.kept)} missing={len(placed.missing)} until_ms={hold.until_ms}"
        return Receipt(
            command_id=command.id, device=hold.camera, at_ms=self._now_ms(), outcome="done", detail=detail
        )

    def _asked(self, command: Command) -> Hold:
        from_ms, to_ms = (_instant(command.parameters, name) for name in ("from_ms", "to_ms"))
        if not 0 < to_ms - from_ms <= LONGEST_HOLD_MS:
            raise PayloadRejected(
                "hold.interval",
                "a hold's interval is empty or longer than a day",
                cure="ask for what the protocol says, or place a request",
            )
        return Hold(
            id=command.id,
            camera=Target.parse(command.target).id,
            from_ms=from_ms,
            to_ms=to_ms,
            placed_ms=command.issued_ms,
            reason=f"alert {command.alert_id}",
            until_ms=command.issued_ms + round(self._hold_days * DAY_MS),
        )

    def _place(self, hold: Hold) -> Placed:
        ledger = self._ledgers[hold.camera]
        days = footage.days_of(hold.from_ms, hold.to_ms)
        entries = chain.from_iterable(ledger.entries(day) for day in days)
        segments = (each.record for each in entries if isinstance(each.record, Segment))
        return self._holds.place(hold, segments)


def _instant(parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise PayloadRejected(
            "hold.interval", f"the command does not say {name}", cure="send from_ms and to_ms, UTC ms"
        )
    return value
