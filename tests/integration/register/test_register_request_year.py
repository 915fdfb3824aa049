"""A year of 2,500 judicial requests through the real register: every answer explained, every hold released in its time,
and a report that equals what was asked. The short form is a year of 120.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, Span, WrittenItem
from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.judicial.reports import public_counts, year_report
from cior_core.judicial.state import Request
from cior_core.people import LedgerEntry
from cior_core.privacy import LegalBasis
from cior_core.requests import RequestState, RequestStatus
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds, requests
from cior_register.register import Register
from cior_register.request_clock import RequestClock
from engines.long_runs import often

RULES = Rules(bundled_jurisdiction("santa_fe"), ZoneInfo("America/Argentina/Cordoba"))
YEAR_MS = 1_767_236_400_000
"""The first instant of 2026 in Santa Fe."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SEED = 233
CAMERAS = tuple(f"camera:{n}" for n in range(300))
STAFF = ("mesa", "jefa", "archivo", "guardia")


class Plan(NamedTuple):
    """What becomes of one request, decided before it is filed."""

    request_id: str
    at_ms: int
    fate: str
    filing: Filing
    hours: float


FATES = {
    "complete": 42,
    "partial": 18,
    "negative": 12,
    "refused": 8,
    "standing": 6,
    "lapse": 6,
    "confirm": 4,
    "ask": 4,
}


def plans(count: int, chance: random.Random) -> Iterator[Plan]:
    """Over the year, more on working days; each for one to four cameras, minutes to hours, up to three weeks back."""
    for n in range(count):
        at_ms = YEAR_MS + round(chance.uniform(0, 330) * DAY_MS)
        fate = chance.choices(list(FATES), weights=list(FATES.values()))[0]
        # A reading without a zone lies three hours later: what began less than a day ago may not have both.
        start_ms = at_ms - round(chance.uniform(1 if fate == "ask" else 0.1, 21) * DAY_MS)
        long_ms = round(chance.choice((10, 30, 60, 60, 120, 360)) * 60_000)
        offset = "" if fate == "ask" else "Z"
        texts = [
            to_rfc3339(each)[:19] + offset for each in (start_ms, min(start_ms + long_ms, at_ms - 60_000))
        ]
        items = tuple(WrittenItem(each, *texts) for each in chance.sample(CAMERAS, chance.randint(1, 4)))
        yield Plan(f"r{n:05}", at_ms, fate, _filing(n, fate, items, chance), chance.lognormvariate(2.5, 0.8))


def _filing(n: int, fate: str, items: tuple[WrittenItem, ...], chance: random.Random) -> Filing:
    is_early = fate in {"lapse", "confirm"}
    authority = chance.choices(("fiscalia", "juzgado", "defensa"), weights=(80, 12, 8))[0]
    if fate == "standing":
        authority = chance.choice(("policia", "prensa", "juzgado_civil"))
    return Filing(
        authority, "oficina", f"21-{n:08}", f"Oficio {n}", "hecho investigado", items,
        order=LegalBasis.NONE if is_early else LegalBasis.COURT_ORDER, investigation=chance.random() < 0.8,
        sealed=chance.random() < 0.05 and not is_early, provisional=is_early,
    )  # fmt: skip


def acts(plan: Plan) -> Iterator[tuple[int, str]]:
    """After how many hours which step is taken."""
    steps = {
        "complete": ("take_up", "approve", "assemble", "seal", "deliver", "receive", "close"),
        "partial": ("take_up", "approve", "assemble", "seal", "deliver", "copy", "receive", "close"),
        "negative": ("take_up", "nothing", "seal", "deliver", "close"),
        "refused": ("take_up", "reject", "close"),
        "confirm": ("confirm", "take_up", "approve", "assemble", "seal", "deliver", "receive", "close"),
        "ask": ("reply", "take_up", "approve", "assemble", "seal", "deliver", "receive", "close"),
    }.get(plan.fate, ())
    for n, name in enumerate(steps, start=1):
        yield plan.at_ms + round(plan.hours * n / len(steps) * HOUR_MS), name


def made(name: str, request: Request, plan: Plan, at_ms: int) -> list[a.Act]:
    """The acts of one step, by the people who may take it."""
    covered = {n: each.spans for n, each in enumerate(request.asked)}
    gaps: tuple[a.Gap, ...] = ()
    if plan.fate == "partial":
        span = request.asked[0].spans[0]
        covered[0], gaps = (), (a.Gap(0, Span(span.since_s, span.until_s), "camera_down"),)
    approvers = ("jefa", "guardia") if request.filing.sealed else ("jefa",)
    party = "defensa" if name == "copy" else "quien pidió"
    told: dict[str, list[a.Act]] = {
        "take_up": [a.TakeUp("mesa", at_ms)],
        "approve": [a.Approve(each, at_ms) for each in approvers],
        "reject": [a.Reject("jefa", at_ms, "purpose")],
        "nothing": [a.FindNothing("jefa", at_ms, "expired", "anillo y resguardos")],
        "assemble": [a.Assemble("archivo", at_ms, covered, gaps)],
        "seal": [a.Seal("archivo", at_ms, f"{hash(plan.request_id) & 0xFFFF:064x}")],
        "deliver": [a.Deliver("archivo", at_ms, "p", party, request.package)],
        "copy": [a.AskCopy("d", at_ms, "d"), a.Deliver("archivo", at_ms, "d", party, request.package)],
        "receive": [a.Receive("p", at_ms, "p", request.package)],
        "close": [a.Close("mesa", at_ms)],
        "reply": [a.Reply("p", at_ms, tuple(a.Change(n, reading=1) for n in range(len(request.asked))))],
        "confirm": [
            a.Confirm(
                "p", at_ms, msgspec.structs.replace(plan.filing, order=LegalBasis.PROSECUTOR_ORDER), CAMERAS
            )
        ],
    }
    return told[name]


class Year:
    """The centre's year: time goes on with the acts, and the clock's thread looks once a day."""

    def __init__(self, register: Register) -> None:
        self.register, self.now_ms = register, YEAR_MS
        self.told: dict[str, RequestState] = {}
        self.clock = RequestClock(register, RULES, self._publish, now_ms=lambda: self.now_ms)

    def _publish(self, states: Sequence[RequestState]) -> None:
        for each in states:
            assert self.told.get(each.id) is None or each.version > self.told[each.id].version
            self.told[each.id] = each

    def take(self, request_id: str, act: a.Act) -> requests.Taken:
        entry = LedgerEntry(at_ms=act.at_ms, actor=act.by, act="request.act", subject=request_id)
        taken: requests.Taken = self.register.submit(
            entry, lambda each: requests.take(each, request_id, act, RULES)
        ).result(60)
        return taken

    def run(self, told: list[Plan]) -> None:
        """Everything that happens, in order of time."""
        agenda = [(plan.at_ms, n, "file") for n, plan in enumerate(told)]
        agenda += [(at_ms, n, name) for n, plan in enumerate(told) for at_ms, name in acts(plan)]
        looked_ms = self.now_ms
        for at_ms, n, name in sorted(agenda, key=lambda each: each[0]):
            self.now_ms = at_ms
            if at_ms - looked_ms > DAY_MS:
                self.clock.look()
                looked_ms = at_ms
            self._step(told[n], name, at_ms)

    def _step(self, plan: Plan, name: str, at_ms: int) -> None:
        if name == "file":
            self.take(plan.request_id, a.File("p", at_ms, plan.request_id, plan.filing, CAMERAS))
            return
        for n in range(2):
            request = self.register.read_now(lambda each: requests.the(each, plan.request_id))
            steps = made(name, request, plan, at_ms)
            if n < len(steps):
                self.take(plan.request_id, steps[n])


@pytest.mark.long
def test_a_year_of_requests_is_answered_explained_and_counted(tmp_path: Path) -> None:
    told = list(plans(often(120, long=2_500), random.Random(SEED)))
    register = Register.open(f"sqlite:///{tmp_path / 'register.db'}")
    try:
        year = Year(register)
        year.run(told)
        end_ms = YEAR_MS + 365 * DAY_MS
        year.now_ms = end_ms
        year.clock.look()
        found = {each.id: each for each in register.read_now(lambda each: list(requests.every(each)))}
        fates = Counter(plan.fate for plan in told)
        report = year_report(found.values(), year=2026, now_ms=end_ms, rules=RULES)
        assert report.received == len(told) == len(found)
        for table in (report.by_kind, report.by_state, report.by_answer):
            assert sum(table.values()) == report.received
        still = _still(found.values())
        expected = {
            "complete": fates["complete"] + fates["confirm"] + fates["ask"],
            "partial": fates["partial"],
            "negative": fates["negative"],
            "refused": fates["refused"] + fates["standing"],
            "lapsed": fates["lapse"] - still,
            "pending": still,
        }
        assert report.by_answer == {answer: count for answer, count in expected.items() if count}
        assert report.held == report.held_in_a_second == len(told) - fates["standing"]
        assert {each.id: each.version for each in year.told.values()} == {
            each.id: each.version for each in found.values()
        }
        assert all(
            register.read_now(partial(requests.replayed, request_id=n, rules=RULES))
            for n in list(found)[:100]
        )
        year.now_ms = end_ms + 400 * DAY_MS
        year.clock.look()
        assert register.read_now(lambda each: holds.standing(each, now_ms=year.now_ms)).holds == ()
        public = public_counts(found.values(), year=2026, rules=RULES)
        assert all(each.count is None or each.count == 0 or each.count >= 5 for each in public)
    finally:
        register.close()


def _still(found: Iterable[Request]) -> int:
    """Preservations of the year's end that have not lapsed yet."""
    return sum(each.state is RequestStatus.PROVISIONAL for each in found)
