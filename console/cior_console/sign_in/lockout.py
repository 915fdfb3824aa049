"""How often somebody may be wrong: a delay that grows, and that never shuts a person out for ever.

Three counters, and a way past two of them:

* a peer (an address, an IPv6 network of 64 bits), whatever names it tries;
* an account as strangers try it, from one peer and from all of them;
* the same account from a browser on which its owner signed in before (its *known* browser): this one alone is asked
  there, so that whoever tries somebody's name all night does not keep him from his own desk (OWASP, device cookies).

What is tried while a delay runs is not looked at and counts nothing, so a delay ends. Names of no account are counted
as accounts are: the answer tells nobody which names exist. Held in memory, bounded: a restart forgets them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator

from cior_core.model import Struct


class Growth(Struct, frozen=True):
    """``free`` tries cost nothing; then ``first_s``, doubled each time up to ``longest_s``. After ``forget_s``
    without a try, and after a success, all is forgotten.
    """

    free: int
    first_s: float
    longest_s: float
    forget_s: float = 3600.0

    def wait_s(self, failures: int) -> float:
        """The delay after so many failures."""
        if failures < self.free:
            return 0.0
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - self.free, 32))


class Attempt(Struct, frozen=True):
    """Who tries what: ``account`` is a person's id, or the digest of a name that nobody has; ``browser`` names one in
    which that account signed in before, and is empty for any other.
    """

    peer: str
    account: str
    browser: str = ""


class _Counter:
    """Failures by key, the longest untouched forgotten when there are too many."""

    def __init__(self, growth: Growth, size: int) -> None:
        self._growth, self._size = growth, size
        self._kept: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def left_s(self, key: str, now_s: float) -> float:
        failures, last_s = self._kept.get(key, (0, now_s))
        if now_s - last_s >= self._growth.forget_s:
            return 0.0
        return max(0.0, last_s + self._growth.wait_s(failures) - now_s)

    def count(self, key: str, now_s: float) -> None:
        failures, last_s = self._kept.pop(key, (0, now_s))
        failures = 1 if now_s - last_s >= self._growth.forget_s else failures + 1
        self._kept[key] = (failures, now_s)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def uncount(self, key: str) -> None:
        failures, last_s = self._kept.get(key, (0, 0.0))
        if failures:
            self._kept[key] = (failures - 1, last_s)

    def forget(self, key: str) -> None:
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)


class Lockout:
    """The counters. Instants are those of a clock that never goes back, in seconds."""

    def __init__(self, *, size: int = 8192) -> None:
        self._peers = _Counter(Growth(free=20, first_s=2.0, longest_s=60.0), size)
        self._pairs = _Counter(Growth(free=4, first_s=2.0, longest_s=300.0), size)
        self._strangers = _Counter(Growth(free=20, first_s=2.0, longest_s=30.0), size)
        self._browsers = _Counter(Growth(free=4, first_s=2.0, longest_s=300.0), size)

    def begin(self, attempt: Attempt, now_s: float) -> int:
        """0: try it, and it is counted as a failure until ``succeeded`` says otherwise, so that many at once are no way
        around; else whole seconds until it may be tried, and nothing is counted.
        """
        wait_s = self.wait_s(attempt, now_s)
        if not wait_s:
            for one, key in self._counters(attempt):
                one.count(key, now_s)
        return wait_s

    def wait_s(self, attempt: Attempt, now_s: float) -> int:
        """Whole seconds until this may be tried; 0: now."""
        return math.ceil(max(one.left_s(key, now_s) for one, key in self._counters(attempt)))

    def spared(self, attempt: Attempt) -> None:
        """It was not looked at after all."""
        for one, key in self._counters(attempt):
            one.uncount(key)

    def succeeded(self, attempt: Attempt) -> None:
        """Signed in, with every factor. What strangers do to this account, and what this peer did to others, stays
        counted: else an account of one's own would buy new tries.
        """
        self._browsers.forget(f"{attempt.browser} {attempt.account}")
        self._pairs.forget(f"{attempt.peer} {attempt.account}")
        if not attempt.browser:
            self._peers.uncount(attempt.peer)
            self._strangers.uncount(attempt.account)

    def __len__(self) -> int:
        return sum(map(len, (self._peers, self._pairs, self._strangers, self._browsers)))

    def _counters(self, attempt: Attempt) -> Iterator[tuple[_Counter, str]]:
        if attempt.browser:
            yield self._browsers, f"{attempt.browser} {attempt.account}"
            return
        yield self._peers, attempt.peer
        yield self._pairs, f"{attempt.peer} {attempt.account}"
        yield self._strangers, attempt.account
