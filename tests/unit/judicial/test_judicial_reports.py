"""The year's report adds up, and what the public sees of it gives nobody away and never changes."""

from __future__ import annotations

import msgspec

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Span
from cior_core.judicial.reports import public_counts, year_report
from cior_core.judicial.state import Request
from cior_core.judicial.stepping import step
from unit.judicial.judicial_city import (
    DAY_MS,
    HOUR_SPAN,
    NOW_MS,
    SANTA_FE,
    file,
    ms,
    order,
    play,
    sealed_story,
)

replace = msgspec.structs.replace
DELIVER = a.Deliver(by="builder", at_ms=NOW_MS + 5_000, recipient="p", party="prosecution", digest="d" * 64)


def requests() -> list[Request]:
    gap = Span(HOUR_SPAN.since_s, HOUR_SPAN.since_s + 90)
    rest = Span(HOUR_SPAN.since_s + 90, HOUR_SPAN.until_s)
    partial = sealed_story(covered=(rest,), gaps=(a.Gap(item=0, span=gap, cause="restart"),))
    return [
        *(play(*sealed_story(), DELIVER)[0] for _ in range(7)),
        play(*partial, DELIVER)[0],
        play(file())[0],
        play(file(order(authority="prensa")))[0],
        play(file(order(drill=True)))[0],
        play(file(at_ms=ms("2026-01-01T02:59")))[0],
    ]


def test_every_table_of_the_report_adds_up_to_what_was_received() -> None:
    report = year_report(requests(), year=2026, now_ms=NOW_MS + DAY_MS, rules=SANTA_FE)
    assert report.received == 10, "drills and the last minutes of the civil year before do not count"
    for table in (report.by_kind, report.by_state, report.by_answer):
        assert sum(table.values()) == report.received
    assert report.by_answer == {"complete": 7, "partial": 1, "pending": 1, "refused": 1}
    assert report.refusals == {"no_standing": 1}
    assert report.missing_minutes == 2, "ninety seconds touch two minutes"
    assert (report.copies, report.held, report.held_in_a_second) == (8, 9, 9)
    assert (report.to_delivery.count, report.to_delivery.p90_ms) == (8, 5_000)
    assert report.late == 0


def test_what_is_open_after_its_deadline_is_late() -> None:
    waiting = [play(file())[0]]
    assert year_report(waiting, year=2026, now_ms=ms("2026-11-30T03:00"), rules=SANTA_FE).late == 0
    assert year_report(waiting, year=2026, now_ms=ms("2026-11-30T03:01"), rules=SANTA_FE).late == 1


def test_small_counts_are_not_published_and_no_total_tells_them() -> None:
    told = {
        (each.kind, each.answer): each.count for each in public_counts(requests(), year=2026, rules=SANTA_FE)
    }
    assert told["other", "refused"] is None
    assert told["prosecutor", "partial"] is None
    assert all(count is None or count == 0 or count >= 5 for count in told.values())
    assert public_counts([], year=2026, rules=SANTA_FE) == []


def test_what_was_published_of_a_year_never_changes() -> None:
    before = requests()
    told = public_counts(before, year=2026, rules=SANTA_FE)
    reopened = [
        step(each, a.Reopen(by="p", at_ms=ms("2027-02-01T00:00"), reason="x"), SANTA_FE)[0]
        if each.package
        else each
        for each in before
    ]
    assert public_counts(reopened, year=2026, rules=SANTA_FE) == told
