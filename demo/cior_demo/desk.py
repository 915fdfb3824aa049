"""The operators of the simulated room: they read alerts as the console does and act through the actions topic."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable

import structlog

from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.signing import ActionSigner
from cior_core.errors import SourceUnavailable
from cior_core.model import Action, ActionKind, Alert, AlertStatus, AreaId, Disposition
from cior_core.priority import order
from cior_core.watching import Watching
from cior_demo.roster import Roster
from cior_demo.script import Do, Step

log = structlog.get_logger("cior_demo.desk")
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)

_KINDS = {
    Do.ACKNOWLEDGE: ActionKind.ACKNOWLEDGE,
    Do.DISPATCH: ActionKind.DISPATCH,
    Do.ON_SCENE: ActionKind.ON_SCENE,
    Do.CONFIRM: ActionKind.CONFIRM,
    Do.CLOSE: ActionKind.CLOSE,
}


class Desk:
    """Open alerts as the room sees them, and what it does to them. Thread-safe."""

    def __init__(
        self, bus: Bus, roster: Roster, *, area: AreaId, now_ms: Callable[[], int], signer: ActionSigner
    ) -> None:
        self._bus, self._roster, self._area, self._now_ms = bus, roster, area, now_ms
        self._signer = signer
        self._alerts: dict[str, Alert] = {}
        self._lock = threading.Lock()
        self.done: list[Action] = []
        self.missed: list[Step] = []

    def seen(self) -> list[str]:
        """Ids of all alerts that ever were, in order of their opening."""
        with self._lock:
            return [
                each.id for each in sorted(self._alerts.values(), key=lambda one: (one.opened_ms, one.id))
            ]

    def see(self, alert: Alert) -> None:
        """A new state of an alert from ``cior.alerts.v1``."""
        with self._lock:
            known = self._alerts.get(alert.id)
            if known is None or known.version < alert.version:
                self._alerts[alert.id] = alert

    def looks(self) -> list[Watching]:
        """What cameras saw that an alert asked to look, in the order in which they were asked."""
        with self._lock:
            found = {
                each.command: each
                for alert in self._alerts.values()
                for each in alert.watchings
                if each.event_id
            }
        return sorted(found.values(), key=lambda each: (each.asked_ms, each.command))

    def find(self, subject: str) -> Alert | None:
        """The most urgent alert, not closed, that holds a signal of ``subject``."""
        with self._lock:
            found = [
                alert
                for alert in self._alerts.values()
                if alert.status not in (AlertStatus.CLOSED, AlertStatus.MERGED)
                and any(member.subject == subject for member in alert.members)
            ]
        return min(found, key=order, default=None)

    def act(self, step: Step) -> bool:
        """Do one step; False when there is no such alert (yet)."""
        alert = self.find(self._roster.actors[step.about].subject)
        if alert is None:
            return False
        key = hashlib.sha256(f"{step.who}|{step.do}|{step.at_s}|{alert.id}".encode()).hexdigest()[:32]
        action = Action(
            id=key,
            kind=_KINDS[step.do],
            actor=step.who,
            at_ms=self._now_ms(),
            area=self._area,
            alert_id=alert.id,
            reason=step.note,
            disposition=Disposition(step.disposition) if step.disposition else None,
        )
        self._sent(MessageOut.of(self._signer.sign(action, at_ms=action.at_ms)))
        self.done.append(action)
        return True

    def _sent(self, message: MessageOut) -> None:
        """The same bytes again while a busy machine's broker does not answer: one act, however often it is sent."""
        for pause_s in _PAUSES_S:
            try:
                self._bus.publish_sync([message])
            except SourceUnavailable as error:
                log.warning("operator_sends_again", code=error.code, pause_s=pause_s)
                time.sleep(pause_s)
            else:
                return
        self._bus.publish_sync([message])

    def play(
        self,
        steps: Iterable[Step],
        *,
        started_s: float,
        speed: float,
        stop: threading.Event,
        patience_s: float = 10.0,
    ) -> None:
        """Do the steps at their seconds (monotonic ``started_s`` is second 0), each tried for ``patience_s``."""
        for step in steps:
            if stop.wait(max(0.0, started_s + step.at_s / speed - time.monotonic())):
                return
            deadline_s = time.monotonic() + patience_s
            while not self.act(step):
                if time.monotonic() > deadline_s:
                    self.missed.append(step)
                    log.warning("operator_found_nothing", step=step.do, at_s=step.at_s)
                    break
                if stop.wait(0.1):
                    return
