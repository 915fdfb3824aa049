"""How often somebody may be wrong: a delay that grows, and that never shuts a person out for ever.

Three counters, and a way past two of them:

* a peer (an address, an IPv6 network of 64 bits), whatever names it tries;
* an account as strangers try it, from one peer and from all of them;
* the same account from a browser on which its owner signed in before (its *known* browser): this one alone is asked
  there, so that whoever tries somebody's name all night does not keep him from his own desk (OWASP, device cookies).

What is tried while a delay runs is not looked at and counts nothing, so a delay ends. Names of no account are counted
as accounts are: the answer tells nobody which names exist. Held in memory, bounded, under digests; what changed is
handed out to be kept in the register (``changed``), so that a restart gives nobody new tries.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cior_core.model import Struct
from cior_register.lockouts import Failures

FORGET_S: Final = 3600.0
_A_LOAD: Final = 64
"""Of changes that one transaction carries; what is more waits for the next."""


class Growth(Struct, frozen=True):
    """``free`` tries cost nothing; then ``first_s``, doubled each time up to ``longest_s``. After ``forget_s``
    without a try, and after a success, all is forgotten.
    """

    free: int
    first_s: float
    longest_s: float
    forget_s: float = FORGET_S

    def wait_s(self, failures: int) -> float:
        """The delay after so many failures."""
        if failures < self.free:
            return 0.0
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - self.free, 32))


class Attempt(Struct, frozen=True):
    """Who tries what: ``account`` is a person's id, or the digest of a name that nobody has; ``browser`` names one in
    which that account signed in before, and is empty for any other. ``is_nobodys``: no account is tried (a passkey that
    nobody has, a journey to the provider that failed), so the peer alone is counted.
    """

    peer: str
    account: str
    browser: str = ""
    is_nobodys: bool = False


class _Counter:
    """Failures by key, the longest untouched forgotten when there are too many. ``stored``: keys that are kept."""

    def __init__(self, growth: Growth, size: int) -> None:
        self._growth, self._size = growth, size
        self._kept: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._stored: set[str] = set()
        self._changed: OrderedDict[str, None] = OrderedDict()

    def left_s(self, key: str, now_s: float) -> float:
        failures, last_s = self._kept.get(key, (0, now_s))
        if now_s - last_s >= self._growth.forget_s:
            return 0.0
        return max(0.0, last_s + self._growth.wait_s(failures) - now_s)

    def count(self, key: str, now_s: float) -> None:
        failures, last_s = self._kept.pop(key, (0, now_s))
        failures = 1 if now_s - last_s >= self._growth.forget_s else failures + 1
        self._put(key, failures, now_s)

    def uncount(self, key: str) -> None:
        failures, last_s = self._kept.get(key, (0, 0.0))
        if failures > 1:
            self._kept[key] = (failures - 1, last_s)
            self._changed[key] = None
        else:
            self.forget(key)

    def forget(self, key: str) -> None:
        if self._kept.pop(key, None) is not None:
            self._changed[key] = None

    def changed(self, most: int) -> Iterator[tuple[str, int, float]]:
        """What changed since it was handed out last: key, failures (0: forgotten), last instant; at most so many."""
        while self._changed and most > 0:
            key, _ = self._changed.popitem(last=False)
            failures, last_s = self._kept.get(key, (0, 0.0))
            if failures or key in self._stored:
                (self._stored.add if failures else self._stored.discard)(key)
                most -= 1
                yield key, failures, last_s

    def again(self, key: str) -> None:
        """It was not kept after all."""
        self._stored.add(key)
        self._changed[key] = None

    def remember(self, key: str, failures: int, last_s: float) -> None:
        """What was kept before this start; what was counted since stands."""
        self._stored.add(key)
        if key not in self._kept:
            self._put(key, failures, last_s)
            self._changed.pop(key, None)

    def _put(self, key: str, failures: int, last_s: float) -> None:
        self._kept[key] = (failures, last_s)
        self._changed[key] = None
        while len(self._kept) > self._size:
            gone, _ = self._kept.popitem(last=False)
            self._changed[gone] = None

    def __len__(self) -> int:
        return len(self._kept)


class Lockout:
    """The counters. Instants are those of a clock that never goes back, in seconds. ``digest``: of a key, as it is kept
    here and in the register: an address is in neither.
    """

    def __init__(self, *, size: int = 8192, digest: Callable[[str], str] = str) -> None:
        self._size, self._digest = size, digest
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
        self._browsers.forget(self._digest(f"{attempt.browser} {attempt.account}"))
        self._pairs.forget(self._digest(f"{attempt.peer} {attempt.account}"))
        if not attempt.browser:
            self._peers.uncount(self._digest(attempt.peer))
            self._strangers.uncount(self._digest(attempt.account))

    # What is kept over a restart

    def changed(self, now_s: float, now_ms: int) -> tuple[Failures, ...]:
        """What is to be kept now, a load of it; tell :meth:`unkept` when it was not."""
        left, found = _A_LOAD, []
        for name, counter in self._named().items():
            for key, failures, last_s in counter.changed(left):
                left -= 1
                found.append(Failures(name, key, failures, now_ms - int((now_s - last_s) * 1000)))
        return tuple(found)

    def unkept(self, rows: Iterable[Failures]) -> None:
        """These could not be kept."""
        for each in rows:
            self._named()[each.counter].again(each.key)

    def remember(self, rows: Iterable[Failures], now_s: float, now_ms: int) -> None:
        """What was kept, oldest first. A wall clock that went back meanwhile makes no delay longer."""
        for each in rows:
            counter = self._named().get(each.counter)
            if counter is not None:
                counter.remember(each.key, each.failures, now_s - max(0, now_ms - each.last_ms) / 1000)

    @property
    def most(self) -> int:
        """How many keys there can be."""
        return self._size * len(self._named())

    def __len__(self) -> int:
        return sum(map(len, self._named().values()))

    def _named(self) -> dict[str, _Counter]:
        return {
            "peer": self._peers,
            "pair": self._pairs,
            "stranger": self._strangers,
            "browser": self._browsers,
        }

    def _counters(self, attempt: Attempt) -> Iterator[tuple[_Counter, str]]:
        if attempt.browser and not attempt.is_nobodys:
            yield self._browsers, self._digest(f"{attempt.browser} {attempt.account}")
            return
        yield self._peers, self._digest(attempt.peer)
        if not attempt.is_nobodys:
            yield self._pairs, self._digest(f"{attempt.peer} {attempt.account}")
            yield self._strangers, self._digest(attempt.account)
