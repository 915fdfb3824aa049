"""A desk that sends a file does not stand in the way of presses; what presses is never moved."""

from __future__ import annotations

import msgspec

from cior_connectors._runtime.limits import DESK_BURST_S, DESK_PER_S, DeskPace
from cior_core.attributes import PACED
from cior_core.model import Event, EventId, Lane, TypeCode

BURST = int(DESK_PER_S * DESK_BURST_S)


def row(n: int, *, life_safety: bool = True, desk: bool = True) -> Event:
    return Event(
        id=EventId(f"r-{n}"),
        source="urn:cad",
        type=TypeCode("gun.shooting"),
        subject="cad:911",
        independence=f"cad:911/{n}" if desk else None,
        occurred_ms=0,
        received_ms=0,
        lane=Lane.URGENT,
        life_safety=life_safety,
        attributes={"incident": str(n)},
    )


def test_law_16_a_file_of_thirty_thousand_rows_goes_beside_the_urgent_lane_but_for_the_first() -> None:
    pace = DeskPace()
    rows = [each for n in range(300) for each in pace.paced([row(100 * n + k) for k in range(100)], now_ms=n)]
    assert len(rows) == 30_000
    urgent = [each for each in rows if each.lane is Lane.URGENT]
    assert BURST <= len(urgent) <= BURST + 10
    beside = [each for each in rows if each.lane is not Lane.URGENT]
    assert all(each.attributes[PACED] is True and each.life_safety for each in beside)
    assert [each.attributes["incident"] for each in rows] == [str(n) for n in range(30_000)]


def test_law_16_presses_of_devices_stay_on_their_lane_however_many_they_are() -> None:
    pace = DeskPace()
    presses = tuple(row(n, desk=False) for n in range(5_000))
    assert pace.paced(presses, now_ms=0) == presses


def test_a_desk_at_its_ordinary_pace_is_never_moved() -> None:
    pace = DeskPace()
    calls = [pace.paced([row(n)], now_ms=n * 1_000)[0] for n in range(600)]
    assert {each.lane for each in calls} == {Lane.URGENT}
    assert not any(PACED in each.attributes for each in calls)


def test_one_desk_does_not_use_up_the_pace_of_another() -> None:
    pace = DeskPace()
    pace.paced([row(n) for n in range(1_000)], now_ms=0)
    [found] = pace.paced([msgspec.structs.replace(row(1), subject="cad:health")], now_ms=0)
    assert found.lane is Lane.URGENT
