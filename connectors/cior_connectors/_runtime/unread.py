"""What cannot be read on a life-safety line still matters: somebody may have pressed. It is said at a bounded pace.

The first ones of a peer are said one by one, at once. Beyond that they share one word, every few seconds, that counts
them: nothing stays unsaid, also not what found no room in the spool. A flood costs an operator a line, not a page.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

PEER_BURST, PEER_EVERY_S = 3.0, 20.0
LINE_BURST, LINE_EVERY_S = 30.0, 2.0
SHARED_EVERY_S = 5.0
MAX_PEERS = 10_000


class _Bucket:
    """So many at once, then one every ``every_s``."""

    def __init__(self, burst: float, every_s: float, now_ms: int) -> None:
        self._burst, self._every_s = burst, every_s
        self._left, self._at_ms = burst, now_ms

    def take(self, now_ms: int) -> bool:
        grown = max(0, now_ms - self._at_ms) / 1000 / self._every_s
        self._left, self._at_ms = min(self._burst, self._left + grown), now_ms
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class UnreadPace:
    """Of one instance. Not thread-safe."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, _Bucket] = OrderedDict()
        self._line = _Bucket(LINE_BURST, LINE_EVERY_S, 0)
        self._held = 0
        self._not_kept = 0
        self._hosts: set[str] = set()
        self._told_ms = 0

    def allows(self, peer: str, *, now_ms: int) -> bool:
        """Whether this one is said by itself; else it is counted for the shared word. ``peer``: ``host`` or
        ``host:port``.
        """
        host = peer.rpartition(":")[0] or peer
        bucket = self._peers.pop(host, None) or _Bucket(PEER_BURST, PEER_EVERY_S, now_ms)
        self._peers[host] = bucket
        if len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)
        if bucket.take(now_ms) and self._line.take(now_ms):
            return True
        self._held += 1
        if len(self._hosts) < MAX_PEERS:
            self._hosts.add(host)
        return False

    def not_kept(self) -> None:
        """One found no room: its own word was lost with it."""
        self._not_kept += 1

    def shared(self, *, now_ms: int) -> dict[str, Any] | None:
        """What was not said one by one, as the attributes of one event, when it is time for it and there is any."""
        is_early = 0 <= now_ms - self._told_ms < SHARED_EVERY_S * 1000
        if is_early or not (self._held or self._not_kept):
            return None
        told = {
            "code": "undecoded.shared",
            "parts": max(self._held, self._not_kept),
            "not_kept": self._not_kept,
            "peers": len(self._hosts),
        }
        self._held, self._not_kept, self._told_ms = 0, 0, now_ms
        self._hosts.clear()
        return told


async def speak(pace: UnreadPace, say: Callable[[dict[str, Any]], None], now_ms: Callable[[], int]) -> None:
    """Say the shared word as long as it is needed; never ends by itself."""
    while True:
        await asyncio.sleep(1.0)
        if (told := pace.shared(now_ms=now_ms())) is not None:
            say(told)
