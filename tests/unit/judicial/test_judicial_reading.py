"""Times of orders are read without guessing: what has two meanings is asked back with both, and both are held."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.judicial.asking import Span, WrittenItem
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.reading import read_item
from cior_core.rfc3339 import to_rfc3339
from unit.judicial.judicial_city import HOUR, HOUR_SPAN, NOW_MS, SANTA_FE, item, ms

BERLIN = Rules(jurisdiction=SANTA_FE.jurisdiction, zone=ZoneInfo("Europe/Berlin"))


def span(since: str, until: str) -> Span:
    return Span(since_s=ms(since) // 1000, until_s=ms(until) // 1000)


def read(written: WrittenItem, rules: Rules = SANTA_FE, now_ms: int = NOW_MS) -> tuple[str, tuple[Span, ...]]:
    found = read_item(written, received_ms=now_ms, known=True, rules=rules)
    return found.code, found.spans


def test_a_time_with_its_offset_has_one_meaning() -> None:
    assert read(HOUR) == ("", (HOUR_SPAN,))


def test_a_time_without_a_zone_is_asked_back_with_both_readings_in_order() -> None:
    code, spans = read(item("2026-11-26T21:00", "2026-11-26 22:00:00"))
    assert code == "no_zone"
    assert spans == (
        span("2026-11-26T21:00", "2026-11-26T22:00"),
        span("2026-11-27T00:00", "2026-11-27T01:00"),
    )


def test_where_local_time_is_utc_no_zone_is_no_doubt() -> None:
    code, spans = read(
        item("2026-11-26T21:00", "2026-11-26T22:00"), Rules(SANTA_FE.jurisdiction, ZoneInfo("UTC"))
    )
    assert (code, spans) == ("", (span("2026-11-26T21:00", "2026-11-26T22:00"),))


def test_an_hour_that_comes_twice_is_ambiguous_and_every_meaning_is_held() -> None:
    now_ms = ms("2026-10-26T12:00")
    code, spans = read(item("2026-10-25T02:15", "2026-10-25T02:45"), BERLIN, now_ms)
    assert code == "ambiguous"
    assert span("2026-10-25T00:15", "2026-10-25T00:45") in spans
    assert span("2026-10-25T01:15", "2026-10-25T01:45") in spans


def test_an_hour_that_the_clock_skips_has_no_local_meaning() -> None:
    code, spans = read(item("2026-03-29T02:15", "2026-03-29T04:00"), BERLIN)
    assert code == "skipped"
    assert spans == (span("2026-03-29T02:15", "2026-03-29T04:00"),), "as UTC it exists, and is held"


def test_an_interval_across_the_change_of_clocks_is_an_hour_longer_than_its_digits() -> None:
    code, spans = read(
        item("2026-10-25T01:00+02:00", "2026-10-25T04:00+01:00"), BERLIN, ms("2026-10-26T12:00")
    )
    assert code == ""
    assert spans[0].until_s - spans[0].since_s == 4 * 3600


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        ("2026-02-31T10:00:00Z", "2026-02-31T11:00:00Z", "no_such_day"),
        ("2026-02-29T10:00:00Z", "2026-03-01T11:00:00Z", "no_such_day"),
        ("2026-11-26T25:00:00Z", "2026-11-26T26:00:00Z", "no_such_day"),
        ("0000-01-01T10:00:00Z", "2026-03-01T11:00:00Z", "no_such_day"),
        ("el martes", "2026-11-26T11:00:00Z", "unreadable"),
        ("2026-11-26T10:00:00+99:99", "2026-11-26T11:00:00Z", "unreadable"),
        ("2026-11-26T11:00:00Z", "2026-11-26T11:00:00Z", "reversed"),
        ("2026-11-26T12:00:00Z", "2026-11-26T11:00:00Z", "reversed"),
        ("2023-11-26T12:00:00Z", "2026-11-26T11:00:00Z", "too_long"),
    ],
)
def test_what_cannot_be_is_asked_back_and_holds_nothing(since: str, until: str, code: str) -> None:
    assert read(item(since, until)) == (code, ())


def test_of_an_interval_that_is_not_over_what_has_happened_is_held() -> None:
    assert read(item("2026-11-27T11:00Z", "2026-11-27T13:00Z")) == (
        "future",
        (span("2026-11-27T11:00", "2026-11-27T12:00"),),
    )
    assert read(item("2026-12-27T11:00Z", "2026-12-27T13:00Z")) == ("future", ())


def test_a_camera_that_never_was_is_asked_back() -> None:
    found = read_item(HOUR, received_ms=NOW_MS, known=False, rules=SANTA_FE)
    assert (found.code, found.spans) == ("camera_unknown", ())


@given(
    st.integers(0, 2_000_000_000), st.integers(1, 6 * 86_400), st.sampled_from(["+00:00", "-03:00", "+14:00"])
)
def test_whatever_is_written_with_an_offset_is_read_back_to_the_second(
    since_s: int, long_s: int, offset: str
) -> None:
    shift_s = int(offset[:3]) * 3600
    since, until = (to_rfc3339((s + shift_s) * 1000)[:19] + offset for s in (since_s, since_s + long_s))
    asked = read_item(item(since, until), received_ms=3_000_000_000_000, known=True, rules=SANTA_FE)
    if since_s > 86_400 * 366:
        assert (asked.code, asked.spans) == ("", (Span(since_s=since_s, until_s=since_s + long_s),))


@given(*[st.text("0123456789-:TZ+. el", max_size=30)] * 2)
def test_no_text_whatever_breaks_the_reading(since: str, until: str) -> None:
    found = read_item(item(since, until), received_ms=NOW_MS, known=True, rules=SANTA_FE)
    assert found.code or found.spans
