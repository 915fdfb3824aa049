"""Labels a repeat with the receipt time of its first: a label for ids, never a filter (law 2)."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

MAX_REMEMBERED = 50_000


class Resends:
    """Remembers, for ``window_s``, when equal bytes of one source were first received.

    Bounded; forgets at restart, where ``cior_core.identity.press_key`` still falls into the same window.
    """

    def __init__(self, *, window_s: float) -> None:
        self._window_ms = int(window_s * 1000)
        self._first: OrderedDict[bytes, int] = OrderedDict()

    def first_received_ms(self, source: str, payload: bytes, *, received_ms: int) -> int:
        """The instant of the first of these bytes within the window (``received_ms`` itself when this is the first)."""
        key = sha256(source.encode() + b"\0" + payload).digest()
        first = self._first.get(key)
        if first is not None and 0 <= received_ms - first <= self._window_ms:
            return first
        self._first.pop(key, None)
        self._first[key] = received_ms
        while len(self._first) > MAX_REMEMBERED:
            self._first.popitem(last=False)
        return received_ms
