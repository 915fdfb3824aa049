"""The observatory's months over a real store: small groups are told nowhere, a late alert makes no new edition, and
whoever asks freely finds what the boards show.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from cior_city.packs import taxonomy
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied
from cior_core.model import AlertStatus, DataClass, Disposition, Place, PlaceMethod
from cior_sink.statistics import REVISED_DAYS, SETTLE_DAYS, K, Statistics
from cior_store.centre_facts import write_facts
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty, lite
from integration.store.test_store_centre_facts import FACTS

__all__ = ["lite"]

OCTOBER = date(2026, 10, 1)
DAY_MS = 86_400_000
MID_OCTOBER_MS = round(datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp() * 1000)
OCTOBER_ENDS_MS = round(datetime(2026, 11, 1, 3, tzinfo=UTC).timestamp() * 1000)
"""Midnight of the city, three hours behind UTC."""
TOLD_MS = OCTOBER_ENDS_MS + SETTLE_DAYS * DAY_MS
NUMBERS = count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"chdb://{tmp_path_factory.mktemp('statistics')}") as opened:
        migrate(opened)
        yield opened


@pytest.fixture
def store(engine: Store) -> Store:
    """A store that knows its city and no alert."""
    write_facts(empty(engine), FACTS, now_ms=MID_OCTOBER_MS)
    return engine


def alerts(
    store: Store, n: int, code: str, district: str, *, at_ms: int = MID_OCTOBER_MS, **more: Any
) -> None:
    """``n`` alerts of a type in a district, opened together."""
    place = {"place": Place(method=PlaceMethod.DISTRICT, district=district)}
    made = [city.alert(next(NUMBERS), at_ms=at_ms, type=code, **(place | more)) for _ in range(n)]
    assert Writers(store).write(Kind.ALERT, city.entries(made), token=f"alerts-{next(NUMBERS)}") == ()


def look(store: Store, now_ms: int = TOLD_MS) -> tuple[date, ...]:
    return Statistics(store, facts=FACTS, taxonomy=taxonomy(), now_ms=lambda: now_ms).look()


def counts(store: Store, statistic: str = "alerts") -> dict[tuple[str, str], int | None]:
    rows = store.rows(
        "SELECT category, part, n FROM observatory.v_month_counts WHERE statistic = {s:String} AND month = {m:Date}",
        {"s": statistic, "m": OCTOBER},
    )
    return {(row["category"], row["part"]): row["n"] for row in rows}


def autumn(store: Store) -> None:
    """Two families in two districts; three shots in one of them are a small group."""
    alerts(store, 20, "medical.emergency", "sur")
    alerts(store, 30, "medical.emergency", "norte")
    alerts(store, 12, "gun.shooting", "sur")
    alerts(store, 3, "gun.shooting", "norte")


def test_a_month_is_told_once_it_is_over_and_settled(store: Store) -> None:
    autumn(store)
    alerts(store, 1, "medical.emergency", "sur", at_ms=OCTOBER_ENDS_MS)
    assert look(store, TOLD_MS - 1) == ()
    assert counts(store) == {}
    assert look(store) == (OCTOBER,)
    assert look(store) == (), "nothing new: nothing is written"
    assert counts(store)["total", "total"] == 65, "the first of November is not October"


def test_a_small_group_is_hidden_with_what_would_give_it_away(store: Store) -> None:
    autumn(store)
    look(store)
    told = counts(store)
    assert told["gun", "norte"] is None
    assert (told["gun", "sur"], told["medical", "norte"], told["medical", "sur"]) == (None, None, None)
    assert (told["gun", "total"], told["total", "norte"], told["medical", "total"]) == (15, 33, 50)
    assert all(n is None or n == 0 or n >= K for n in told.values())
    (month,) = store.rows("SELECT * FROM observatory.v_months WHERE statistic = 'alerts'")
    assert (month["month"], month["cells"], month["hidden_cells"]) == (OCTOBER, 9, 4)


def test_drills_copies_tests_and_what_is_reserved_are_in_no_count(store: Store) -> None:
    autumn(store)
    for more in (
        {"drill": True},
        {"status": AlertStatus.MERGED},
        {"status": AlertStatus.CLOSED, "disposition": Disposition.TEST},
        {"silent": True},
        {"data_class": DataClass.SEALED},
    ):
        alerts(store, 10, "medical.emergency", "sur", **more)
    # Its type alone says so.
    alerts(store, 10, "silent.gbv", "sur")
    look(store)
    assert counts(store)["total", "total"] == 65
    assert counts(store, "reserved") == {("total", "total"): 30}


@pytest.mark.parametrize("n", [0, 4])
def test_few_silent_alerts_are_no_number_at_all(store: Store, n: int) -> None:
    autumn(store)
    alerts(store, n, "silent.gbv", "sur", silent=True)
    look(store)
    assert counts(store, "reserved") == {("total", "total"): None}


def test_rates_have_their_population_and_a_hidden_count_has_no_rate(store: Store) -> None:
    autumn(store)
    look(store)
    rows = store.rows("SELECT * FROM observatory.v_month_rates WHERE family IN ('gun', 'total')")
    by = {(row["family"], row["district"]): row for row in rows}
    whole = by["total", "sur"]
    assert (whole["per_100k"], whole["population"], whole["population_year"]) == (3_200.0, 1_000, 2022)
    assert whole["population_source"] == "INDEC, Censo 2022"
    assert by["total", "total"]["per_100k"] == 6_500.0
    assert by["gun", "sur"]["per_100k"] is None, "its count is hidden"
    assert by["total", "norte"]["per_100k"] is None, "nobody said how many live there"


def test_one_late_alert_changes_nothing_and_a_source_that_was_away_one_edition(store: Store) -> None:
    autumn(store)
    look(store)
    first = counts(store)
    alerts(store, 1, "medical.emergency", "sur")
    alerts(store, 100, "medical.emergency", "sur")
    assert look(store, TOLD_MS + 10 * DAY_MS) == (), "there is one revision, at its time"
    revised_ms = OCTOBER_ENDS_MS + REVISED_DAYS * DAY_MS
    assert OCTOBER in look(store, revised_ms)
    second = counts(store)
    assert second["medical", "total"] == 151
    assert [second[key] for key, n in first.items() if n is None] == [None] * 4, (
        "hidden once, hidden for good"
    )
    alerts(store, 500, "medical.emergency", "sur")
    assert OCTOBER not in look(store, revised_ms + DAY_MS)
    assert counts(store) == second


def test_less_than_five_late_alerts_make_no_revision(store: Store) -> None:
    autumn(store)
    look(store)
    first = counts(store)
    alerts(store, 4, "medical.emergency", "sur")
    assert OCTOBER not in look(store, OCTOBER_ENDS_MS + REVISED_DAYS * DAY_MS)
    assert counts(store) == first


def test_judged_alerts_are_told_by_kind_of_source_and_outcome(store: Store) -> None:
    ended: dict[str, Any] = {"status": AlertStatus.CLOSED, "closed_ms": MID_OCTOBER_MS + 1}
    alerts(
        store,
        40,
        "medical.emergency",
        "sur",
        disposition=Disposition.FALSE_ALARM,
        source="urn:cior:dc09:norte",
        **ended,
    )
    alerts(
        store,
        6,
        "medical.emergency",
        "sur",
        disposition=Disposition.CONFIRMED,
        source="urn:cior:dc09:sur",
        **ended,
    )
    alerts(
        store,
        10,
        "medical.emergency",
        "sur",
        disposition=Disposition.UNKNOWN,
        source="urn:cior:dc09:sur",
        **ended,
    )
    look(store)
    told = counts(store, "judged")
    assert (told["dc09", "false_alarm"], told["dc09", "confirmed"], told["dc09", "total"]) == (40, 6, 46)


def test_response_times_are_told_of_ten_or_more_and_rounded(store: Store) -> None:
    for seconds in range(1, 13):
        arrived_ms = MID_OCTOBER_MS - 120 + seconds * 60_000
        alerts(store, 1, "medical.emergency", "sur", on_scene_ms=arrived_ms, at_ms=MID_OCTOBER_MS)
    alerts(store, 9, "medical.emergency", "norte", on_scene_ms=MID_OCTOBER_MS + 60_000)
    look(store)
    rows = store.rows("SELECT * FROM observatory.v_month_response ORDER BY district")
    assert [row["district"] for row in rows] == ["sur", "total"]
    south = rows[0]
    assert (south["p50_s"], south["p90_s"]) == (360, 660)
    assert (south["measured"], south["in_target"]) == (10, 5), (
        "twelve, and seven of them within seven minutes"
    )


def test_concentration_is_a_percentage_of_many_and_no_cell_is_told(store: Store) -> None:
    for n, alerts_there in enumerate((60, *[2] * 20)):
        place = Place(method=PlaceMethod.GPS, lat=-32.9 - n * 0.01, lon=-60.6, district="sur")
        alerts(store, alerts_there, "medical.emergency", "sur", place=place)
    look(store)
    assert store.rows("SELECT * FROM observatory.v_concentration") == [
        {"month": OCTOBER, "top_cells_percent": 62.0, "located": 100.0}
    ]


@pytest.fixture
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    """A server with the deployed users and a month with small groups, told by the sink's own user."""
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    with Store.open(lite.dsn("cior_sink")) as sink:
        write_facts(sink, FACTS, now_ms=MID_OCTOBER_MS)
        autumn(sink)
        alerts(sink, 4, "silent.gbv", "sur", silent=True)
        alerts(
            sink, 2, "fire.structure", "norte", status=AlertStatus.CLOSED, disposition=Disposition.CONFIRMED
        )
        assert look(sink) == (OCTOBER,)
    return lite


def test_a_free_query_of_the_observatory_finds_no_small_group_and_no_alert(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_grafana_observatory")) as analyst:
        views = analyst.rows("SELECT name FROM system.tables WHERE database = 'observatory'")
        assert {"v_month_counts", "v_month_rates", "v_month_response", "v_months"} <= {
            row["name"] for row in views
        }
        counted = analyst.rows("SELECT * FROM observatory.v_month_counts")
        assert {row["statistic"] for row in counted} == {"alerts", "judged", "reserved"}
        assert [row for row in counted if row["suppressed"]]
        for row in (*counted, *analyst.rows("SELECT alerts AS n FROM observatory.v_month_rates")):
            assert row["n"] is None or row["n"] == 0 or row["n"] >= K
        for table in ("ops.alert_current", "ops.stat_month", "ops.v_alerts", "wall.v_open_alerts"):
            with pytest.raises(AccessDenied):
                analyst.rows(f"SELECT count() FROM {table}")
