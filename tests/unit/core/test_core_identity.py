"""Identity: the same press re-sent is one event, a second press another, and no two field lists collide."""

from __future__ import annotations

import re
import uuid
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import clock, identity
from cior_core.clock import NO_HISTORY, ClockHistory, Judgement
from cior_core.model import DEFAULT_AREA, CommandKind, RawId

FIELDS = st.lists(st.one_of(st.none(), st.integers(), st.text(), st.binary()), max_size=5)
SOURCE = "urn:cior:dc09:receiver-1"


def receipt(n: int) -> RawId:
    return identity.raw_id(
        SOURCE, identity.payload_sha256(b"frame"), received_ms=1_000, instance="a", ordinal=n
    )


def said(device_ms: int, *, received_ms: int | None = None, last_ms: int | None = None) -> Judgement:
    """What is thought of a device's instant, as it came (at once, unless told otherwise)."""
    history = NO_HISTORY if last_ms is None else ClockHistory(last_device_ms=last_ms)
    return clock.judge(device_ms, device_ms if received_ms is None else received_ms, history=history)


def typed(fields: list[object]) -> list[tuple[type, object]]:
    return [(type(f), f) for f in fields]


@given(FIELDS, FIELDS)
def test_two_field_lists_share_a_digest_only_when_they_are_equal(
    left: list[identity.Field], right: list[identity.Field]
) -> None:
    same = typed(list(left)) == typed(list(right))
    assert (identity.digest("d", *left) == identity.digest("d", *right)) is same


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("ab", "c"), ("a", "bc")),
        (("1",), (1,)),
        ((b"a",), ("a",)),
        (("",), (None,)),
        (("a",), ("a", "")),
        (("",), ()),
    ],
)
def test_concatenation_is_never_ambiguous(
    left: tuple[identity.Field, ...], right: tuple[identity.Field, ...]
) -> None:
    assert identity.digest("d", *left) != identity.digest("d", *right)


def test_domains_are_separated() -> None:
    assert identity.digest("cior.alert", "x") != identity.digest("cior.event", "x")
    assert identity.digest("ab", "c") != identity.digest("a", "bc")


def test_nothing_an_empty_text_empty_bytes_and_zero_are_four_different_fields() -> None:
    assert len({identity.digest("d", field) for field in (None, "", b"", 0)}) == 4


def test_ids_are_rfc_9562_version_8_uuids() -> None:
    parsed = uuid.UUID(identity.event_id(SOURCE, "k"))
    assert parsed.version == 8
    assert parsed.variant == uuid.RFC_4122
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", identity.event_id(SOURCE, "k"))


def test_ids_are_frozen_for_ever() -> None:
    """Golden values: a change here would give every stored press a second identity."""
    assert identity.event_id("urn:cior:dc09:r1", "0001|1234", 0) == "3920b34f-e748-8abf-a303-27e55fb13f70"
    assert identity.alert_id(DEFAULT_AREA, "e1") == "f0660ab2-8e72-8560-9b42-609f502e5b91"
    assert identity.bucket("panel-1234", 64) == 26


def test_same_press_resent_is_one_event_although_received_twice() -> None:
    first = identity.press_key("panel-7", receipt(1), when=said(5_000), sequence=12, part="zone-3")
    again = identity.press_key(
        "panel-7",
        receipt(2),
        when=said(5_000),
        sequence=12,
        part="zone-3",
        received_ms=9_000_000,
        body=b"other",
    )
    assert receipt(1) != receipt(2)
    assert identity.event_id(SOURCE, first) == identity.event_id(SOURCE, again)


@pytest.mark.parametrize(
    "change", [{"when": said(5_001)}, {"sequence": 13}, {"part": "zone-4"}, {"device": "panel-8"}]
)
def test_second_press_is_another_event(change: dict[str, object]) -> None:
    facts: dict[str, object] = {"device": "panel-7", "when": said(5_000), "sequence": 12, "part": "zone-3"}
    # Any field, by name.
    keys = {identity.press_key(receipt=receipt(1), **{**facts, **c}) for c in ({}, change)}  # type: ignore[arg-type]
    assert len(keys) == 2


def test_a_sequence_alone_identifies_a_press_for_ten_minutes_only() -> None:
    def key(received_ms: int) -> str:
        return identity.press_key(
            "panel-7", receipt(received_ms), sequence=1, received_ms=received_ms, body=b"[#1234|NPA1]"
        )

    start = 100 * identity.RESEND_WINDOW_MS
    assert key(start) == key(start + 40_000) == key(start + identity.RESEND_WINDOW_MS - 1)
    assert key(start) != key(start + identity.RESEND_WINDOW_MS), (
        "a panel that restarted its numbering pressed anew"
    )


def test_another_message_under_a_sequence_that_was_used_is_another_press() -> None:
    """A panel that restarted its numbering within the window: the bytes tell."""
    key = {
        identity.press_key("panel-7", receipt(n), sequence=1, received_ms=9_000_000, body=body)
        for n, body in enumerate((b"[#1234|NPA1]", b"[#1234|NPA2]"))
    }
    assert len(key) == 2


def test_a_sequence_alone_needs_the_receipt_instant() -> None:
    with pytest.raises(ValueError, match="received_ms"):
        identity.press_key("panel-7", receipt(1), sequence=1)


def test_without_sequence_or_time_each_receipt_is_its_own_event() -> None:
    keys = {identity.press_key("totem-1", receipt(n), body=b"same bytes") for n in range(40)}
    assert len(keys) == 40
    assert identity.press_key("totem-1", receipt(3)) == identity.press_key("totem-1", receipt(3)), (
        "and replaying one receipt adds nothing"
    )


NOW_MS = 1_795_305_600_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    "device_ms",
    [
        0,
        NOW_MS - 27 * 365 * DAY_MS,
        946_684_800_000 + 5_000,
        NOW_MS - 40 * DAY_MS,
        NOW_MS - 1024 * 7 * DAY_MS - 90_000,
        NOW_MS + 3_600_000,
        NOW_MS + 40 * DAY_MS,
    ],
    ids=[
        "unix epoch",
        "1999",
        "chip's epoch",
        "40 days off",
        "week rollover",
        "an hour ahead",
        "40 days ahead",
    ],
)
def test_law_14_an_instant_that_is_not_believed_is_no_part_of_an_id(device_ms: int) -> None:
    """The clock says the same at two presses: two receipts are two presses, with or without a sequence."""
    when = said(device_ms, received_ms=NOW_MS)
    assert when.identity_ms is None
    bare = {identity.press_key("bus-1", receipt(n), when=when) for n in range(3)}
    assert len(bare) == 3
    unwindowed = {identity.press_key("bus-1", receipt(n), when=when, sequence=7) for n in range(3)}
    assert len(unwindowed) == 3
    first, resent, later = (
        identity.press_key("bus-1", receipt(n), when=when, sequence=7, received_ms=NOW_MS + after_ms)
        for n, after_ms in enumerate((0, 40_000, identity.RESEND_WINDOW_MS))
    )
    assert first == resent != later, "the window of the receipt takes its place"


def test_law_14_a_clock_that_stepped_back_is_no_part_of_an_id() -> None:
    back = said(NOW_MS - 3_600_000, received_ms=NOW_MS, last_ms=NOW_MS - 60_000)
    assert back.mark is clock.Mark.STEPPED_BACK
    assert len({identity.press_key("bus-1", receipt(n), when=back) for n in range(2)}) == 2


def test_a_press_that_waited_for_hours_is_the_same_press() -> None:
    live, late = said(NOW_MS), said(NOW_MS, received_ms=NOW_MS + 3 * 3_600_000)
    assert identity.press_key("bus-1", receipt(1), when=live) == identity.press_key(
        "bus-1", receipt(2), when=late
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"when": said(NOW_MS), "part": "zone-3"},
        {"sequence": 12, "received_ms": NOW_MS, "body": b"[#1234|NPA1]"},
        {"sequence": 12, "when": said(0, received_ms=NOW_MS), "received_ms": NOW_MS},
        {},
    ],
    ids=["by instant", "by sequence", "by sequence, clock not believed", "by receipt"],
)
def test_law_14_authenticated_and_plain_never_share_an_id(facts: dict[str, object]) -> None:
    keys = {
        identity.press_key("panel-7", receipt(1), authenticated=shown, **facts)  # type: ignore[arg-type]
        for shown in (False, True)
    }
    assert len(keys) == 2


def test_two_facts_of_one_receipt_differ_by_index() -> None:
    assert len({identity.event_id(SOURCE, "k", n) for n in range(100)}) == 100


def test_commands_repeat_as_themselves_and_alerts_by_opener() -> None:
    alert = identity.alert_id(DEFAULT_AREA, "event-1")

    def siren(target: str = "panel-7", round_: int = 0) -> str:
        return identity.command_id(
            alert, CommandKind.SIREN_ON, protocol="panic", step="siren", target=target, round_=round_
        )

    assert siren() == siren()
    assert len({siren(), siren("panel-8"), siren(round_=1)}) == 3
    assert identity.alert_id(DEFAULT_AREA, "event-1", 1) != alert
    assert identity.transition_id(alert, 3, n=1) == f"{alert}:3:1"


@given(st.text(), st.integers(min_value=1, max_value=4096))
def test_bucket_is_in_range_and_stable(subject: str, buckets: int) -> None:
    assert 0 <= identity.bucket(subject, buckets) < buckets
    assert identity.bucket(subject, buckets) == identity.bucket(subject, buckets)


def test_buckets_are_even() -> None:
    counts = [0] * 64
    for n in range(64_000):
        counts[identity.bucket(f"vehicle-{n}", 64)] += 1
    assert min(counts) > 850
    assert max(counts) < 1_150


def test_dead_letters_and_items_have_stable_ids() -> None:
    ids = [
        identity.dead_id("r", "decode", 0),
        identity.dead_id("r", "decode", 1),
        identity.dead_id("r", "agent", 0),
        identity.item_id("event", DEFAULT_AREA, "r"),
        identity.item_id("tick", DEFAULT_AREA, "r"),
    ]
    assert all(a != b for a, b in pairwise(ids))
    assert len(set(ids)) == len(ids)
