"""That presses wait, as an event: the store keeps it as the state of a source, so that the wall shows it beside the
silent ones even while the correlator cannot say it."""

from __future__ import annotations

from cior_core.model import ClockQuality, Event, Phase
from cior_core.ports import Clock
from cior_core.system_events import system_event
from cior_streams.watchdog import Diagnosis

SOURCE = "cior.streams"
DEGRADED, RESTORED = "source.degraded", "source.restored"
_TURNS = 4
"""Looks in a row that must say the same: one slow commit is no fault."""


class Lateness:
    """One event when a worker's presses begin to wait, one when they no longer do. Feed it with :meth:`told`.

    ``drill``: all that this centre says is an exercise.
    """

    def __init__(self, clock: Clock, *, worker: str, drill: bool = False) -> None:
        self._clock, self._worker, self._drill = clock, worker, drill
        self._has_been_fine, self._since_ms, self._turns = False, 0, 0

    def told(self, diagnosis: Diagnosis) -> Event | None:
        """What to say after this look; None: nothing new. What waited at the start was nobody's delay."""
        self._has_been_fine |= diagnosis is Diagnosis.FINE
        is_late = diagnosis is Diagnosis.LATE
        if not self._has_been_fine or is_late == bool(self._since_ms):
            self._turns = 0
            return None
        self._turns += 1
        if self._turns < _TURNS:
            return None
        self._turns = 0
        now_ms = self._clock.now_ms()
        began_ms, self._since_ms = self._since_ms or now_ms, now_ms if is_late else 0
        return self._event(DEGRADED if is_late else RESTORED, began_ms, now_ms)

    def _event(self, code: str, began_ms: int, now_ms: int) -> Event:
        return system_event(
            code,
            source=SOURCE,
            subject=f"streams:{self._worker}",
            key=f"{self._worker}/late/{began_ms}/{code}",
            at_ms=now_ms,
            clock=ClockQuality.SYNCED,
            phase=Phase.NEW if code == DEGRADED else Phase.RESTORE,
            drill=self._drill,
            native_key=f"{self._worker}/late/{began_ms}",
            attributes={"code": "streams.late", "reason": "presses wait for longer than two seconds"},
        )
