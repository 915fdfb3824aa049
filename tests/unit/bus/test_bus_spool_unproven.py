"""Room is reserved for what proves itself: what anybody can send has quotas of its own and takes nothing beyond."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus import metrics as m
from cior_bus.spool import Spool, SpoolClass
from cior_core.errors import CapacityExhausted
from unit.bus.test_bus_spool import LIFE, SMALL, UNPROVEN, UNREAD, entry, waiting


def filled(spool: Spool, spool_class: SpoolClass) -> int:
    """How many records a class took before it refused."""
    for n in range(1_000):
        try:
            spool.append(spool_class, [entry(n)]).result(5)
        except CapacityExhausted:
            return n
    raise AssertionError("it never refused")


@pytest.mark.parametrize("flood", [UNREAD, UNPROVEN])
def test_a_flood_of_what_anybody_can_send_takes_no_room_from_a_proven_press(
    tmp_path: Path, flood: SpoolClass
) -> None:
    alone = Spool(tmp_path / "alone", limits=SMALL)
    room = filled(alone, LIFE)
    alone.close()
    metrics = m.Metrics()
    spool = Spool(tmp_path / "flooded", limits=SMALL, metrics=metrics)
    took = filled(spool, flood)
    assert 0 < took <= SMALL.quota_bytes(flood) // 100
    assert filled(spool, LIFE) == room
    assert metrics.value(m.REFUSED, flood.value, "spool.full") == 1
    assert metrics.value(m.DROPPED) == 0, "what was acknowledged stays, what was not is refused"
    spool.close()


def test_what_cannot_be_read_takes_no_room_from_what_can(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limits=SMALL)
    filled(spool, UNREAD)
    spool.append(UNPROVEN, [entry(1)]).result(5)
    assert waiting(spool, UNPROVEN) == [1]
    spool.close()


def test_it_outlives_a_restart_in_its_own_room(tmp_path: Path) -> None:
    for n in (1, 2):
        spool = Spool(tmp_path, limits=SMALL)
        spool.append(UNPROVEN, [entry(n)]).result(5)
        spool.append(UNREAD, [entry(10 + n)]).result(5)
        spool.close()
    spool = Spool(tmp_path, limits=SMALL)
    assert (waiting(spool, UNPROVEN), waiting(spool, UNREAD)) == ([1, 2], [11, 12])
    spool.close()
