"""What became of an act: it comes back through the area log, as a line of the alert's story or as its new version."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable

from cior_core import identity
from cior_core.model import Action, Alert, Struct, Transition

REFUSED = "refused"
_ALERTS_KEPT = 2_000
_LINES_KEPT = 50


class Outcome(Struct, frozen=True, kw_only=True):
    """``refused``: core did not do it, and ``es``/``en`` say why."""

    alert_id: str = ""
    version: int = 0
    refused: bool = False
    es: str = ""
    en: str = ""


class Outcomes:
    """Lives on the event loop: who waits for what, and the newest lines of each alert's story."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._actions: dict[str, str] = {}
        self._lately: OrderedDict[str, deque[Transition]] = OrderedDict()

    def expect(self, action: Action) -> asyncio.Future[Outcome]:
        """What will become of ``action``; asked before it is sent, given up with :meth:`forget`."""
        waiting = self._waiting.get(action.id)
        if waiting is None:
            waiting = self._waiting[action.id] = asyncio.get_running_loop().create_future()
            self._actions[identity.item_id("action", action.area, action.id)] = action.id
        return waiting

    def forget(self, action: Action) -> None:
        """Nobody waits any more."""
        self._waiting.pop(action.id, None)
        self._actions.pop(identity.item_id("action", action.area, action.id), None)

    def alert_came(self, alert: Alert) -> None:
        """A new version: the acts that it names were done."""
        for act in alert.applied if self._waiting else ():
            self._settle(act, Outcome(alert_id=alert.id, version=alert.version))

    def transition_came(self, line: Transition) -> None:
        """A line of a story: an act was done, or refused."""
        lines = self._lately.setdefault(line.alert_id, deque(maxlen=_LINES_KEPT))
        lines.append(line)
        self._lately.move_to_end(line.alert_id)
        if len(self._lately) > _ALERTS_KEPT:
            self._lately.popitem(last=False)
        act = self._actions.get(line.item_id or "")
        if act is not None:
            self._settle(act, _outcome(line))

    def _settle(self, act: str, outcome: Outcome) -> None:
        waiting = self._waiting.get(act)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    def lately(self, alert_id: str) -> Iterable[Transition]:
        """The newest lines of an alert's story, which the store may not have yet."""
        return tuple(self._lately.get(alert_id, ()))


def _outcome(line: Transition) -> Outcome:
    return Outcome(
        alert_id=line.alert_id,
        version=line.version,
        refused=line.kind == REFUSED,
        es=line.detail_es,
        en=line.detail_en,
    )
