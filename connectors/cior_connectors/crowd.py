"""Who may stay connected: places are limited, and strangers leave first.

A connection is a stranger until something on it was answered as good. Only strangers count towards the limit of one
address, so whoever shares an address with panels (carrier NAT) cannot push out one that has spoken well. In a full
house the longest idle stranger leaves; only when there is none, somebody known. The newcomer is always let in.

All crowds of a process share its file descriptors: some stay free for the spool, the broker and the registry.
"""

from __future__ import annotations

import resource
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from enum import IntEnum

RESERVED_DESCRIPTORS = 128
_WANTED_DESCRIPTORS = 65_536


class Standing(IntEnum):
    """What a connection has shown: nothing; something good that anybody could have said; that it holds a key."""

    STRANGER = 0
    HEARD = 1
    PROVEN = 2


class Guest:
    """One connection. ``close`` ends it at once and must not raise."""

    __slots__ = ("close", "host", "standing")

    def __init__(self, host: str, close: Callable[[], None]) -> None:
        self.host = host
        self.close = close
        self.standing = Standing.STRANGER


class House:
    """The descriptors that all crowds of a process may take together. ``limit`` None: what the kernel allows us."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self.taken = 0

    @property
    def is_full(self) -> bool:
        """Whether the next connection would take a descriptor that something else needs."""
        if self._limit is None:
            self._limit = max(16, _descriptors() - RESERVED_DESCRIPTORS)
        return self.taken >= self._limit


HOUSE = House()
"""This process's."""


class Crowd:
    """The connections of one listener: at most ``most`` in all and ``most_strangers`` strangers of one address."""

    def __init__(self, *, most: int, most_strangers: int, house: House = HOUSE) -> None:
        self._most, self._most_strangers, self._house = most, most_strangers, house
        self._by_standing: dict[Standing, OrderedDict[Guest, None]] = {
            each: OrderedDict() for each in Standing
        }
        self._strangers: defaultdict[str, OrderedDict[Guest, None]] = defaultdict(OrderedDict)
        self.evicted = 0

    def __len__(self) -> int:
        return sum(len(guests) for guests in self._by_standing.values())

    def enter(self, guest: Guest) -> bool:
        """Let ``guest`` in, at somebody's cost when there is no place. False (and closed): none of ours could leave."""
        if len(self._strangers[guest.host]) >= self._most_strangers:
            self._evict(next(iter(self._strangers[guest.host])))
        while len(self) >= self._most or self._house.is_full:
            weakest = next((next(iter(each)) for each in self._by_standing.values() if each), None)
            if weakest is None:
                self._forget_host(guest.host)
                self.evicted += 1
                guest.close()
                return False
            self._evict(weakest)
        self._add(guest)
        self._house.taken += 1
        return True

    def active(self, guest: Guest) -> None:
        """``guest`` said something whole: it is the last to be idle."""
        if guest in self._by_standing[guest.standing]:
            self._by_standing[guest.standing].move_to_end(guest)
            if guest.standing is Standing.STRANGER:
                self._strangers[guest.host].move_to_end(guest)

    def vouch(self, guest: Guest, standing: Standing) -> None:
        """``guest`` has shown ``standing``; it never falls."""
        if standing <= guest.standing or guest not in self._by_standing[guest.standing]:
            return
        self._remove(guest)
        guest.standing = standing
        self._add(guest)

    def leave(self, guest: Guest) -> None:
        """``guest`` is gone; idempotent."""
        if guest in self._by_standing[guest.standing]:
            self._remove(guest)
            self._house.taken -= 1

    def _evict(self, guest: Guest) -> None:
        self.leave(guest)
        self.evicted += 1
        guest.close()

    def _add(self, guest: Guest) -> None:
        self._by_standing[guest.standing][guest] = None
        if guest.standing is Standing.STRANGER:
            self._strangers[guest.host][guest] = None

    def _remove(self, guest: Guest) -> None:
        del self._by_standing[guest.standing][guest]
        if guest.standing is Standing.STRANGER:
            self._strangers[guest.host].pop(guest, None)
            self._forget_host(guest.host)

    def _forget_host(self, host: str) -> None:
        if not self._strangers[host]:
            del self._strangers[host]


def _descriptors() -> int:
    """How many this process may open; the soft limit is raised as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
