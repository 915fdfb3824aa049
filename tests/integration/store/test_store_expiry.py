"""Law 7: a hold outranks retention, and the deleter fails closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from cior_core import bundled
from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.privacy import Policy
from cior_store.engine import Store
from cior_store.expire import RETAINED, Expirer, Hold, Outcome, due
from cior_store.media import FolderMedia
from cior_store.writers import Writers
from integration.store import city

DAY_MS = 86_400_000
POLICY = Policy.load(bundled.text("privacy.toml"))
DAYS_30 = structs.replace(POLICY, retention=tuple(structs.replace(row, days=30) for row in POLICY.retention))
OLD_MS, OLDER_MS = city.NOON_MS - 40 * DAY_MS, city.NOON_MS - 41 * DAY_MS


class Holds:
    """A source of holds, sure or unsure."""

    def __init__(self, *holds: Hold, error: Exception | None = None, answer: object = None) -> None:
        self._holds, self._error, self._answer = holds, error, answer

    def holds(self) -> Sequence[Hold]:
        if self._error:
            raise self._error
        # A wrong answer is the test.
        return self._answer if self._answer is not None else self._holds  # type: ignore[return-value]


@pytest.fixture
def old(store: Store) -> Store:
    writers = Writers(store)
    for n, at_ms in enumerate((OLDER_MS, OLD_MS, city.NOON_MS)):
        assert writers.write(Kind.RAW, city.entries([city.raw(n, at_ms=at_ms)]), token=f"r{n}") == ()
        assert (
            writers.write(Kind.EVENT, city.entries([city.event(n, at_ms=at_ms, raw_number=n)]), token=f"e{n}")
            == ()
        )
    return store


def _expire(store: Store, holds: Holds, table: str = "ops.raw") -> list[Outcome]:
    decided: list[Outcome] = []
    _expirer(store, holds, decided.append).expire_table(table, now_ms=city.NOON_MS)
    return decided


def _expirer(
    store: Store,
    holds: Holds,
    on_decision: Callable[[Outcome], None] = lambda _: None,
    *,
    policy: Policy = DAYS_30,
) -> Expirer:
    return Expirer(store, policy=policy, holds=holds, on_decision=on_decision)


def _raws(store: Store) -> int:
    return int(store.value("SELECT count() FROM ops.raw"))


def test_without_holds_old_days_go_and_young_ones_stay(old: Store) -> None:
    assert [(each.done, each.day) for each in _expire(old, Holds())] == [
        ("deleted", datetime.fromtimestamp(at / 1000, UTC).date().isoformat()) for at in (OLDER_MS, OLD_MS)
    ]
    assert _raws(old) == 1


def test_what_is_due_is_told_by_the_bundled_policy_table_by_table(old: Store) -> None:
    found = due(old, POLICY, now_ms=city.NOON_MS)
    days = [datetime.fromtimestamp(at / 1000, UTC).date() for at in (OLDER_MS, OLD_MS)]
    assert found == ()  # raw bytes are kept for sixty days, events for a year
    later_ms = city.NOON_MS + 25 * DAY_MS
    assert {each.table for each in due(old, POLICY, now_ms=later_ms)} == {"ops.raw", "ops.raw_outcomes"}
    assert [each.day for each in due(old, POLICY, now_ms=later_ms) if each.table == "ops.raw"] == days
    assert due(old, POLICY, now_ms=city.NOON_MS + 400 * DAY_MS)[-1].table == "ops.events"
    assert _raws(old) == 3


def test_law_7_a_hold_of_one_minute_keeps_its_whole_day(old: Store) -> None:
    outcomes = _expire(old, Holds(Hold(id="oficio-12", since_ms=OLD_MS - 5, until_ms=OLD_MS + 60_000)))
    assert [(each.done, each.holds) for each in outcomes] == [("deleted", ()), ("held", ("oficio-12",))]
    assert old.value("SELECT count() FROM ops.raw WHERE raw_id = 'raw-1'") == 1


def test_law_7_an_open_ended_hold_keeps_everything_since(old: Store) -> None:
    assert {each.done for each in _expire(old, Holds(Hold(id="h", since_ms=OLDER_MS - DAY_MS)))} == {"held"}
    assert _raws(old) == 3


def test_law_7_a_fact_of_the_held_hour_that_was_received_days_later_is_kept(old: Store) -> None:
    late = city.event(50, at_ms=OLD_MS, occurred_ms=OLD_MS - 3 * DAY_MS, raw_number=50)
    Writers(old).write(Kind.RAW, city.entries([city.raw(50, at_ms=OLD_MS)]), token="late-raw")
    Writers(old).write(Kind.EVENT, city.entries([late]), token="late")
    outcomes = _expire(
        old, Holds(Hold(id="h", since_ms=OLD_MS - 3 * DAY_MS - 1000, until_ms=OLD_MS - 3 * DAY_MS + 1000))
    )
    assert [each.done for each in outcomes] == ["deleted", "held"]
    assert old.value("SELECT count() FROM ops.raw WHERE raw_id = 'raw-50'") == 1


@pytest.mark.parametrize(
    "holds",
    [
        Holds(error=SourceUnavailable("ledger.away", "no answer")),
        Holds(error=TimeoutError()),
        Holds(error=KeyError("x")),
        Holds(answer=["not a hold"]),
        Holds(answer=7),
        Holds(Hold(id="backwards", since_ms=OLD_MS, until_ms=OLDER_MS)),
    ],
)
def test_law_7_when_the_holds_are_not_certain_nothing_is_deleted(old: Store, holds: Holds) -> None:
    outcomes = _expire(old, holds)
    assert {(each.done, each.reason) for each in outcomes} == {("refused", "expire.holds_unknown")}
    assert _raws(old) == 3


def test_law_7_a_decision_that_cannot_be_recorded_is_not_carried_out(old: Store) -> None:
    def ledger_away(_: Outcome) -> None:
        raise SourceUnavailable("ledger.away", "no answer")

    with pytest.raises(SourceUnavailable):
        _expirer(old, Holds(), ledger_away).expire(now_ms=city.NOON_MS)
    assert _raws(old) == 3


def test_law_7_an_unknown_table_or_no_retention_at_all_is_refused(old: Store) -> None:
    for table in ("ops.alert_log", "ledger.evidence_ledger", "ops.raw; DROP DATABASE ops"):
        assert [each.done for each in _expire(old, Holds(), table)] == ["refused"]
    no_rule = structs.replace(DAYS_30, retention=())
    assert _expirer(old, Holds(), policy=no_rule).expire(now_ms=city.NOON_MS) == ()
    assert _raws(old) == 3


def test_law_7_events_of_a_day_go_last_because_they_know_when_things_happened(old: Store) -> None:
    assert {each.reason for each in _expire(old, Holds(), "ops.events")} == {"expire.events_last"}
    for table in RETAINED:
        if table != "ops.events":
            _expire(old, Holds(), table)
    assert [each.done for each in _expire(old, Holds(), "ops.events")] == ["deleted", "deleted"]
    assert old.value("SELECT count() FROM ops.events") == 1


def test_law_7_a_held_clip_is_not_removed(old: Store, tmp_path: Path) -> None:
    media = FolderMedia(tmp_path)
    held, free = media.put(b"held clip"), media.put(b"free clip")
    holds = Holds(Hold(id="h", since_ms=1, until_ms=2, media=(held.sha256,)))
    expirer = _expirer(old, holds)
    assert expirer.expire_media(media, sha256=held.sha256, taken_ms=OLD_MS).done == "held"
    assert expirer.expire_media(media, sha256=free.sha256, taken_ms=OLD_MS).done == "deleted"
    unsure = _expirer(old, Holds(error=OSError()))
    assert unsure.expire_media(media, sha256=held.sha256, taken_ms=OLD_MS).done == "refused"
    assert [each.sha256 for each in media.list()] == [held.sha256]
