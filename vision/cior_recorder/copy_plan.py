"""For how long what is held must be locked where it is copied to. Pure.

A segment is locked as long as the hold on it that ends last; holds without an end make it open besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cior_core import footage
from cior_core.model import Struct
from cior_recorder.court import CourtHold
from cior_recorder.holds import Hold, Shot
from cior_store.locked import Lock

SHORTEST_MS = 60_000
"""What ends sooner is not copied any more: no server takes a date of the past."""


class Held(Struct, frozen=True):
    """Footage of a camera in ``[from_ms, to_ms)`` is held as the lock says, UTC ms; ``is_own``: by the recorder."""

    from_ms: int
    to_ms: int
    lock: Lock
    is_own: bool = False


Plan = Mapping[str, tuple[Held, ...]]
"""By camera, what holds it; a camera that nothing holds has none."""


def planned(
    cameras: Iterable[str], *, own: Iterable[Hold], court: Iterable[CourtHold], now_ms: int
) -> dict[str, tuple[Held, ...]]:
    """What holds want of each camera, in a fixed order. A hold that ends within a minute wants nothing."""
    found: dict[str, set[Held]] = {camera: set() for camera in cameras}
    for hold in own:
        _add(found, [hold.camera], _held(hold.from_ms, hold.to_ms, hold.until_ms, is_own=True), now_ms)
    for order in court:
        held = _held(order.from_ms, order.to_ms, order.until_ms, is_own=False)
        _add(found, order.cameras or list(found), held, now_ms)
    return {camera: tuple(sorted(each, key=_order)) for camera, each in found.items()}


def _held(from_ms: int, to_ms: int, until_ms: int | None, *, is_own: bool) -> Held:
    return Held(from_ms, to_ms, Lock(until_ms=until_ms, is_open=until_ms is None), is_own)


def _add(found: dict[str, set[Held]], cameras: Iterable[str], held: Held, now_ms: int) -> None:
    until_ms = held.lock.until_ms
    if until_ms is not None and until_ms < now_ms + SHORTEST_MS:
        return
    for camera in cameras:
        if camera in found:
            found[camera].add(held)


def _order(each: Held) -> tuple[int, int, int, bool]:
    return each.from_ms, each.to_ms, each.lock.until_ms or 0, each.is_own


def of_day(held: Sequence[Held], day: str) -> tuple[Held, ...]:
    """Those that may hold something of a day of the ring."""
    first_ms = footage.instant_of(day, "000000000")
    last_ms = first_ms + footage.DAY_MS + footage.LONGEST_MS
    return tuple(each for each in held if each.from_ms < last_ms and each.to_ms > first_ms)


def lock_of(held: Iterable[Held], shot: Shot) -> Lock | None:
    """How some seconds must be locked; None: nothing holds them."""
    return together(each.lock for each in held if shot.start_ms < each.to_ms and shot.end_ms > each.from_ms)


def together(locks: Iterable[Lock]) -> Lock | None:
    """The least that reaches each of them; None: there is none."""
    found = list(locks)
    if not found:
        return None
    dates = [each.until_ms for each in found if each.until_ms is not None]
    return Lock(until_ms=max(dates, default=None), is_open=any(each.is_open for each in found))
