"""What is half done: a right password that waits for its second factor, a challenge that waits for its answer.

In memory, bounded, each good once and for minutes. A restart forgets them: people begin again.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Kept = TypeVar("_Kept")


class Tickets(Generic[_Kept]):
    """Things by a name that nobody guesses. The oldest goes when there are more than ``most``."""

    def __init__(self, *, now_ms: Callable[[], int], life_s: float = 300.0, most: int = 4096) -> None:
        self._now_ms, self._life_ms, self._most = now_ms, int(life_s * 1000), most
        self._kept: OrderedDict[str, tuple[int, _Kept]] = OrderedDict()

    def give(self, thing: _Kept) -> str:
        """Keep it; its name."""
        name = secrets.token_urlsafe(24)
        self.keep(name, thing)
        return name

    def keep(self, name: str, thing: _Kept) -> None:
        """Keep it under a name of its own."""
        self._kept[name] = (self._now_ms() + self._life_ms, thing)
        self._drop_old()

    def look(self, name: str) -> _Kept | None:
        """What is kept under ``name``, if its time has not run out; it stays."""
        until_ms, thing = self._kept.get(name, (0, None))
        return thing if until_ms > self._now_ms() else None

    def change(self, name: str, thing: _Kept) -> None:
        """Something else under the same name, for the time that is left of it."""
        until_ms, _ = self._kept.get(name, (0, None))
        self._kept[name] = (until_ms, thing)

    def take(self, name: str) -> _Kept | None:
        """The same, for the last time."""
        found = self.look(name)
        self._kept.pop(name, None)
        return found

    def _drop_old(self) -> None:
        now_ms = self._now_ms()
        while self._kept and (len(self._kept) > self._most or next(iter(self._kept.values()))[0] <= now_ms):
            self._kept.popitem(last=False)
