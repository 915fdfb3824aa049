"""Watchers that must be heard: one that is silent for three of its beats is a silent source, until it beats again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

MISSED_BEATS = 3
_LOOK_S = 1.0


class Watchers:
    """``every_s``: how often each beats. ``tell``: told of one that is lost (True) or back (False).

    None is lost before it had the time to beat since :meth:`run` began.
    """

    def __init__(
        self,
        every_s: Mapping[str, float],
        *,
        tell: Callable[[str, bool], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_s, self._tell, self._now_s = dict(every_s), tell, now_s
        self._heard_s = dict.fromkeys(self._every_s, now_s())
        self._lost: set[str] = set()

    def heard(self, watcher: str) -> None:
        """It beat, and the beat is durable."""
        self._heard_s[watcher] = self._now_s()
        if watcher in self._lost:
            self._lost.discard(watcher)
            self._tell(watcher, False)  # noqa: FBT003  the callback's one fact

    def look(self) -> None:
        """Tell of each that has just become silent."""
        for watcher, every_s in self._every_s.items():
            is_late = self._now_s() - self._heard_s[watcher] > MISSED_BEATS * every_s
            if is_late and watcher not in self._lost:
                self._lost.add(watcher)
                self._tell(watcher, True)  # noqa: FBT003  the callback's one fact

    async def run(self) -> None:
        """Look each second until cancelled."""
        shortest_s = min(self._every_s.values(), default=_LOOK_S)
        while True:
            await asyncio.sleep(min(_LOOK_S, shortest_s))
            self.look()
