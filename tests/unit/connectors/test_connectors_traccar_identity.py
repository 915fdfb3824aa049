"""A tracker whose clock stands still, was reset or runs ahead; Traccar's retries and its history (law 14).

The bytes are those that Traccar posts; a desk hears what they become, and its operator closes in between.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cior_connectors._runtime.seal import Sealer
from cior_connectors.builtin.traccar.forwarder import message
from cior_connectors.kit.subject import Subject
from cior_core.model import AlertStatus, DataClass, Event, RawPointer
from doubles.desk import Desk
from unit.connectors.test_connectors_traccar_decode import facts

SUBJECT = Subject("cior_connectors.builtin.traccar")
NOW_MS = 1_795_305_600_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
WRONG_MS = {
    "1999": 915_148_800_000,
    "40 days off": NOW_MS - 40 * DAY_MS,
    "three days off": NOW_MS - 3 * DAY_MS,
    "never set": 946_684_805_000,
    "unix epoch": 0,
    "week rollover": NOW_MS - 1024 * 7 * DAY_MS - 2_000,
    "an hour ahead": NOW_MS + 60 * MINUTE_MS,
    "year 2038": 2_147_483_647_000,
}


def posted(at_ms: int, *, device_ms: int, server_ms: int | None = None, **position: Any) -> bytes:
    """What Traccar posts of a press: the tracker's own time, and when Traccar received it."""
    body = message(unique_id="86400001", device_ms=device_ms, lat=-32.95, lon=-60.64, alarm="sos", number=1)
    told = body["position"]
    assert isinstance(told, dict)
    told |= {"serverTime": _iso(at_ms if server_ms is None else server_ms)} | position
    return json.dumps(body).encode()


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def heard(raw: bytes, *, received_ms: int, via: str = "forward", ordinal: int = 0) -> list[Event]:
    """The events of one receipt, with the pointer to it that the runtime gives them."""
    given = msgspec.structs.replace(facts(received_ms=received_ms, ordinal=ordinal), details={"via": via})
    pointer = RawPointer(raw_id=given.raw_id, sha256="00")
    return [msgspec.structs.replace(event, raw=pointer) for event in SUBJECT.decode(raw, given).events]


@pytest.mark.parametrize("device_ms", WRONG_MS.values(), ids=WRONG_MS.keys())
def test_law_14_a_tracker_whose_clock_stands_still_rings_each_time_that_it_is_pressed(device_ms: int) -> None:
    desk = Desk()
    for n in range(3):
        at_ms = NOW_MS + n * 30 * MINUTE_MS
        desk.hear(heard(posted(at_ms - 400, device_ms=device_ms), received_ms=at_ms, ordinal=n))
        assert len(desk.open) == 1, f"press {n + 1} is on the wall"
        desk.close(at_ms=at_ms + MINUTE_MS)
    assert len(desk.alerts) == 3


@pytest.mark.parametrize("device_ms", WRONG_MS.values(), ids=WRONG_MS.keys())
def test_law_14_so_it_does_when_nothing_in_the_bytes_differs(device_ms: int) -> None:
    """No time of Traccar's, no number: the very same bytes, twice."""
    raw = posted(NOW_MS, device_ms=device_ms)
    bare = json.loads(raw)
    del bare["position"]["serverTime"]
    desk = Desk()
    for n in range(2):
        at_ms = NOW_MS + n * 5 * MINUTE_MS
        desk.hear(heard(json.dumps(bare).encode(), received_ms=at_ms, ordinal=n))
        assert len(desk.open) == 1
        desk.close(at_ms=at_ms + MINUTE_MS)


@pytest.mark.parametrize("device_ms", [NOW_MS - 2_000, *WRONG_MS.values()], ids=["right", *WRONG_MS.keys()])
def test_forty_posts_of_one_press_are_one_alert_of_one_press(device_ms: int) -> None:
    """Traccar repeats what was not answered: the same bytes, from its queue."""
    raw, desk = posted(NOW_MS - 400, device_ms=device_ms), Desk()
    copies = [heard(raw, received_ms=NOW_MS + n * 2_000, ordinal=n) for n in range(40)]
    desk.hear(event for events in copies for event in events)
    [alert] = desk.alerts
    assert len(alert.members) == 1
    assert len({event.id for events in copies for event in events if event.life_safety}) == 1


@pytest.mark.parametrize("device_ms", [NOW_MS - 2_000, *WRONG_MS.values()], ids=["right", *WRONG_MS.keys()])
def test_law_14_what_traccars_history_tells_again_does_not_ring(device_ms: int) -> None:
    """Databases cut milliseconds off; every reconciliation reads the same hour again."""
    desk = Desk()
    desk.hear(heard(posted(NOW_MS - 377, device_ms=device_ms), received_ms=NOW_MS))
    desk.close(at_ms=NOW_MS + MINUTE_MS)
    stored = posted(0, device_ms=device_ms, server_ms=(NOW_MS - 377) // 1000 * 1000)
    for n in range(1, 6):
        at_ms = NOW_MS + n * 10 * MINUTE_MS
        events = heard(stored, received_ms=at_ms, via="history", ordinal=n)
        assert all(event.recovered for event in events)
        desk.hear(events)
    [alert] = desk.alerts
    assert alert.status is AlertStatus.CLOSED
    assert desk.told.count("recovered_copy") == 1


def test_law_14_a_press_that_only_the_history_knows_rings() -> None:
    desk = Desk()
    desk.hear(heard(posted(NOW_MS, device_ms=NOW_MS - 2_000), received_ms=NOW_MS + MINUTE_MS, via="history"))
    [alert] = desk.open
    assert "recovered" in desk.told
    assert alert.status is AlertStatus.OPEN


def test_law_14_a_buffer_that_a_tracker_sends_again_does_not_ring_again() -> None:
    """Protocols that mark stored positions: the tracker lost its line, and empties its memory once more."""
    desk = Desk()
    device_ms = NOW_MS - 2_000
    desk.hear(heard(posted(NOW_MS, device_ms=device_ms), received_ms=NOW_MS))
    desk.close(at_ms=NOW_MS + MINUTE_MS)
    later_ms = NOW_MS + 20 * MINUTE_MS
    raw = json.loads(posted(later_ms, device_ms=device_ms))
    raw["position"]["attributes"]["archive"] = True
    desk.hear(heard(json.dumps(raw).encode(), received_ms=later_ms, ordinal=1))
    assert not desk.open
    assert desk.told.count("recovered_copy") == 1


def test_the_press_of_a_history_happened_when_traccar_received_it_if_its_device_does_not_know() -> None:
    raw = posted(NOW_MS - 377, device_ms=WRONG_MS["1999"])
    events = heard(raw, received_ms=NOW_MS + 30 * MINUTE_MS, via="history")
    [press] = [event for event in events if event.life_safety]
    assert press.occurred_ms == (NOW_MS - 377) // 1000 * 1000


def test_law_14_a_sealed_press_says_that_it_was_recovered_and_no_more() -> None:
    sealer = Sealer(team_key=b"k" * 32, hmac_key=b"h" * 32)
    live, stored = (
        sealer.strip(event, raw=None, device=None)
        for via in ("forward", "history")
        for event in heard(posted(NOW_MS, device_ms=NOW_MS - 2_000), received_ms=NOW_MS, via=via)
        if event.life_safety
    )
    assert (live.recovered, stored.recovered) == (False, True)
    assert live.id == stored.id
    assert stored.data_class is DataClass.SEALED
