"""One judge of device clocks: what a panel, a tracker and a 911 desk say of the same instant is judged alike, live and
at replay.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cior_connectors._runtime.clocks import DeviceClocks
from cior_connectors._runtime.guard import DecodeResult, guarded
from cior_connectors._runtime.stored_facts import facts_of
from cior_connectors.builtin.cad_drop import decode as cad_drop
from cior_connectors.builtin.cad_drop.config import CadDropConfig, Columns
from cior_connectors.builtin.dc09 import decode as dc09
from cior_connectors.builtin.dc09 import frame
from cior_connectors.builtin.dc09.message import stamp
from cior_connectors.builtin.traccar import decode as traccar
from cior_connectors.builtin.traccar.forwarder import message
from cior_connectors.builtin.traccar.source import TraccarSource
from cior_connectors.contract import DecodeContext, Facts
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.scripted import ScriptedSource
from cior_connectors.kit.subject import Subject
from cior_core.clock import ROLLOVER_MS, ClockHistory, ClockReading, Mark
from cior_core.codec import encode
from cior_core.identity import raw_id
from cior_core.model import ClockQuality, Event

NOW_MS = 1_795_305_600_000
S, H, DAY = 1_000, 3_600_000, 86_400_000
SYNCED, SKEWED, UNKNOWN = ClockQuality.SYNCED, ClockQuality.SKEWED, ClockQuality.UNKNOWN
DC09, TRACCAR = (Subject(f"cior_connectors.builtin.{name}") for name in ("dc09", "traccar"))
CAD = CadDropConfig(
    folder="inbox",
    format="csv",
    zone="UTC",
    columns=Columns(occurred=0, type=1, id=(2,)),
    default_type="call.other",
    rows_in_order=True,
)


def utc(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def panel(device_ms: int | None, facts: Facts) -> DecodeResult:
    written = f"{utc(device_ms):%H:%M:%S,%m-%d-%Y}" if device_ms is not None else ""
    block = f"[H{written}]" if written else ""
    body = f'"ADM-CID"0001L0#1234[#1234|1120 00 007]{block}'
    return guarded(dc09.decode, frame.pack(body.encode()), facts)


def tracker(device_ms: int | None, facts: Facts) -> DecodeResult:
    written = utc(device_ms).isoformat() if device_ms is not None else None
    body = message(unique_id="17", device_ms=NOW_MS, lat=-32.9, lon=-60.6, alarm="sos", deviceTime=written)
    body["position"] |= {"fixTime": None, "serverTime": None}
    return guarded(traccar.decode, json.dumps(body).encode(), facts)


def desk(device_ms: int | None, facts: Facts) -> DecodeResult:
    written = utc(device_ms).isoformat() if device_ms is not None else ""
    return guarded(cad_drop.decode, f"{written},Balacera,77".encode(), facts)


SAYERS = {
    "dc09": (panel, "panel:1234", DC09.context()),
    "traccar": (tracker, "vehicle:17", TRACCAR.context()),
    "cad_drop": (desk, CAD.subject, msgspec.structs.replace(TRACCAR.context(), config=CAD)),
}
EARLIER, GOOD, SLOW = NOW_MS - 5 * S, 0.8, 600.0

#        the device's clock                     what was known of it                occurred         quality  mark
CASES: dict[str, tuple[int | None, ClockHistory | None, int, ClockQuality, Mark | None]] = {
    "nothing": (None, None, NOW_MS, UNKNOWN, None),
    "right now": (NOW_MS, None, NOW_MS, SYNCED, None),
    "a minute ago": (NOW_MS - 60 * S, None, NOW_MS - 60 * S, SYNCED, None),
    "in 100 s": (NOW_MS + 100 * S, None, NOW_MS + 100 * S, SYNCED, None),
    "in 121 s": (NOW_MS + 121 * S, None, NOW_MS, SKEWED, Mark.FUTURE),
    "in three years": (NOW_MS + 1100 * DAY, None, NOW_MS, SKEWED, Mark.FUTURE),
    "Unix epoch": (3 * DAY, None, NOW_MS, UNKNOWN, Mark.DEFAULT_EPOCH),
    "before the Unix epoch": (-5 * S, None, NOW_MS, UNKNOWN, Mark.DEFAULT_EPOCH),
    "GPS epoch": (315_964_807_000, None, NOW_MS, UNKNOWN, Mark.DEFAULT_EPOCH),
    "chip epoch": (946_684_980_000, None, NOW_MS, UNKNOWN, Mark.DEFAULT_EPOCH),
    "1024 weeks ago": (NOW_MS - ROLLOVER_MS - 2 * S, None, NOW_MS - 2 * S, SKEWED, Mark.GPS_ROLLOVER),
    "2048 weeks ago": (NOW_MS - 2 * ROLLOVER_MS - 2 * S, None, NOW_MS - 2 * S, SKEWED, Mark.GPS_ROLLOVER),
    "25 years ago": (NOW_MS - 25 * 365 * DAY, None, NOW_MS, UNKNOWN, Mark.FAR_OFF),
    "an hour ago": (NOW_MS - H, None, NOW_MS - H, UNKNOWN, Mark.LATE),
    "an hour ago, clock good": (NOW_MS - H, ClockHistory(offset_s=GOOD), NOW_MS - H, SYNCED, Mark.LATE),
    "ten minutes slow as ever": (
        NOW_MS - 605 * S, ClockHistory(offset_s=SLOW), NOW_MS - 5 * S, SKEWED, Mark.OFFSET_CORRECTED,
    ),
    "stepped back": (
        NOW_MS - 605 * S,
        ClockHistory(offset_s=GOOD, last_device_ms=EARLIER),
        NOW_MS - 605 * S,
        SKEWED,
        Mark.STEPPED_BACK,
    ),
    "out of order by seconds": (
        NOW_MS - 40 * S, ClockHistory(offset_s=GOOD, last_device_ms=NOW_MS), NOW_MS - 40 * S, SYNCED, None,
    ),
}  # fmt: skip


def marked(event: Event) -> Mark | None:
    if event.attributes.get("buffered"):
        return Mark.LATE
    return Mark(event.attributes["clock_mark"]) if "clock_mark" in event.attributes else None


def facts_for(context: DecodeContext, subject: str, history: ClockHistory | None) -> Facts:
    return Facts(
        source="urn:cior:kit",
        received_ms=NOW_MS,
        first_received_ms=NOW_MS,
        raw_id=raw_id("urn:cior:kit", "0", received_ms=NOW_MS, instance="kit", ordinal=0),
        clocks={subject: history} if history is not None else {},
        context=context,
    )


@pytest.mark.parametrize("name", SAYERS)
@pytest.mark.parametrize("case", CASES)
def test_a_panel_a_tracker_and_a_desk_are_judged_alike(name: str, case: str) -> None:
    said, subject, context = SAYERS[name]
    device_ms, history, occurred_ms, quality, mark = CASES[case]
    decoded = said(device_ms, facts_for(context, subject, history))
    event = decoded.events[0]
    assert (event.occurred_ms, event.clock, marked(event)) == (occurred_ms, quality, mark)
    assert event.attributes.get("device_ms", event.occurred_ms) == (
        NOW_MS if device_ms is None else device_ms
    )
    assert [(each.subject, each.device_ms) for each in decoded.clocks] == (
        [] if device_ms is None else [(subject, device_ms)]
    )


@pytest.mark.parametrize("name", SAYERS)
def test_a_corrected_time_makes_no_id(name: str) -> None:
    """By how much a clock was put right, or whether it stepped back, is in no id: copies stay one press (law 14)."""
    said, subject, context = SAYERS[name]
    ids = {
        said(NOW_MS - 605 * S, facts_for(context, subject, history)).events[0].id
        for history in (
            ClockHistory(offset_s=SLOW),
            ClockHistory(offset_s=SLOW + 7),
            ClockHistory(last_device_ms=NOW_MS),
        )
    }
    assert len(ids) == 1


# --- what a panel's transmission time measures on the spot ---


def sent(sent_ms: int, *, own_ms: int | None = None, history: ClockHistory | None = None) -> DecodeResult:
    block = f"[H{stamp(own_ms)[1:]}]" if own_ms is not None else ""
    body = f'"ADM-CID"0001L0#1234[#1234|1120 00 007]{block}{stamp(sent_ms)}'
    return guarded(dc09.decode, frame.pack(body.encode()), facts_for(DC09.context(), "panel:1234", history))


def test_a_panel_that_stepped_back_and_sends_its_time_is_timed_by_receipt() -> None:
    event = sent(NOW_MS - 605 * S, history=ClockHistory(last_device_ms=EARLIER)).events[0]
    assert (event.occurred_ms, event.clock, marked(event)) == (NOW_MS, SKEWED, Mark.STEPPED_BACK)
    assert event.clock_error_s == 605.0


def test_a_panel_put_right_by_our_answer_is_believed_at_once() -> None:
    """NAK carries our time (SIA DC-09 §5.5.2): what the next frame shows outweighs what the clock was."""
    event = sent(NOW_MS - S, own_ms=NOW_MS - S, history=ClockHistory(last_device_ms=NOW_MS + DAY)).events[0]
    assert (event.occurred_ms, event.clock, marked(event)) == (NOW_MS - S, SYNCED, None)


def test_an_event_time_that_stays_wrong_when_the_clock_is_put_right_is_not_believed() -> None:
    event = sent(NOW_MS + DAY, own_ms=NOW_MS + 3 * DAY).events[0]
    assert (event.occurred_ms, event.clock, marked(event)) == (NOW_MS, SKEWED, Mark.FUTURE)


# --- the history itself ---


def told(clocks: DeviceClocks, device_ms: int, *, after_s: float, buffered: bool = False) -> None:
    reading = ClockReading(subject="bus-1", device_ms=device_ms, buffered=buffered)
    clocks.follow([reading], received_ms=NOW_MS + round(after_s * S))


def test_three_messages_that_agree_show_a_slow_clock() -> None:
    clocks = DeviceClocks()
    for n in range(3):
        assert clocks.get("bus-1", ClockHistory()).offset_s is None
        told(clocks, NOW_MS + n * 60 * S - 600 * S, after_s=60 * n)
    assert clocks["bus-1"] == ClockHistory(offset_s=600.0, last_device_ms=NOW_MS - 480 * S)


def test_messages_that_come_late_each_by_another_time_show_no_offset() -> None:
    clocks = DeviceClocks()
    for n, late_s in enumerate((300, 900, 100, 2_000, 500)):
        told(clocks, NOW_MS + (n * 60 - late_s) * S, after_s=60 * n)
    assert clocks["bus-1"].offset_s is None


def test_an_emptied_buffer_measures_the_clock_by_its_newest_message() -> None:
    clocks = DeviceClocks()
    for burst in range(3):
        for minute in range(10, -1, -1):
            told(clocks, NOW_MS + burst * H - minute * 60 * S, after_s=burst * 3_600 + 1)
    assert clocks["bus-1"].offset_s == 1.0


def test_what_the_protocol_calls_stored_measures_nothing() -> None:
    clocks = DeviceClocks()
    told(clocks, NOW_MS - DAY, after_s=0, buffered=True)
    assert clocks["bus-1"] == ClockHistory()
    assert clocks.seen([ClockReading(subject="bus-1", device_ms=0)]) == {}


def test_devices_beyond_the_bound_are_forgotten_the_most_silent_first() -> None:
    clocks = DeviceClocks(max_devices=2)
    for name in ("a", "b", "a", "c"):
        clocks.follow([ClockReading(subject=name, device_ms=NOW_MS)], received_ms=NOW_MS)
    assert list(clocks) == ["a", "c"]


# --- live equals replay ---


async def test_replay_decodes_what_was_judged_with_history_as_live() -> None:
    """A tracker's clock is set back an hour between two presses: the second is marked, live and from the archive."""
    source = TraccarSource(TRACCAR.config)  # type: ignore[arg-type]  # the kit's config is the connector's own
    bodies = [
        json.dumps(
            message(unique_id="17", device_ms=device_ms, server_ms=NOW_MS, lat=-32.9, lon=-60.6, alarm="sos")
        ).encode()
        for device_ms in (NOW_MS - S, NOW_MS - H)
    ]
    facts = Facts(source="urn:cior:traccar:kit", details={"via": "forward"})
    scripted = ScriptedSource(source.decode, [(body, facts) for body in bodies])
    with TRACCAR.bench(scripted) as bench:
        async with running(bench):
            await until(lambda: len(scripted.answers) == 2, "not answered")
        live = [event for event in bench.sink.decoded() if event.type == "panic.bus"]
        assert [marked(event) for event in live] == [None, Mark.STEPPED_BACK]
        again = [
            guarded(source.decode, record.payload, facts_of(record, TRACCAR.context())).events[0]
            for record in bench.sink.raws()
        ]
    assert [_bare(event) for event in again] == [_bare(event) for event in live]


def _bare(event: Event) -> bytes:
    """What decode alone decides: the runtime adds pointer, registration and what is expected of the device."""
    attributes = {name: value for name, value in event.attributes.items() if name != "expected_every_s"}
    return encode(msgspec.structs.replace(event, raw=None, registered=None, attributes=attributes))
