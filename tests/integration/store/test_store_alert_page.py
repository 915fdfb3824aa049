"""What the page of one alert asks of the store, as the console's own user on a real ClickHouse server: its story and
who was told, within somebody's districts, and nothing of a reserved alert.
"""

from __future__ import annotations

from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied
from cior_core.model import (
    DEFAULT_AREA,
    AlertId,
    Command,
    CommandKind,
    DataClass,
    Place,
    PlaceMethod,
    Receipt,
)
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions
from cior_store.seeing import seeing
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty

SOUTH = Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.65, district="sur")
SEALED: dict[str, Any] = {"silent": True, "data_class": DataClass.SEALED, "place": SOUTH.district_only()}


def command(number: int) -> Command:
    return Command(
        id=f"command-{number}",
        kind=CommandKind.NOTIFY,
        alert_id=AlertId(f"alert-{number}"),
        area=DEFAULT_AREA,
        target="team:police",
        issued_ms=city.NOON_MS,
        expires_ms=city.NOON_MS + 60_000,
        protocol="panic",
        step="tell",
    )


@pytest.fixture
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    with Store.open(lite.dsn("cior_sink")) as store:
        writers = Writers(store)
        alerts = [city.alert(1, place=SOUTH), city.alert(2, **SEALED)]
        writers.write(Kind.ALERT, city.entries(alerts), token="alerts")
        lines = [city.transition(1), city.transition(1, version=2, kind="acknowledged"), city.transition(2)]
        writers.write(Kind.TRANSITION, city.entries(lines), token="lines")
        writers.write(Kind.COMMAND, city.entries([command(1), command(2)]), token="commands")
        done = Receipt(
            command_id="command-1", device="team", at_ms=city.NOON_MS + 5, outcome="done", detail="ok"
        )
        writers.write(Kind.RECEIPT, city.entries([done]), token="receipts")
    return lite


def test_law_9_a_story_is_told_within_the_districts_of_who_asks(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_console")) as store, seeing(()):
        questions = ConsoleQuestions(store)
        assert [line.kind for line in questions.story("alert-1")] == ["opened", "acknowledged"]
        assert len(questions.story("alert-1", districts=("sur",))) == 2
        assert questions.story("alert-1", districts=("norte",)) == ()
        told = questions.told("alert-1", districts=("sur",))
        assert [(row.target, row.outcome, row.answered_ms) for row in told] == [
            ("team:police", "done", city.NOON_MS + 5)
        ]
        assert questions.told("alert-1", districts=("norte",)) == ()


def test_law_17_of_a_reserved_alert_the_page_is_told_nothing(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_console")) as store, seeing(()):
        questions = ConsoleQuestions(store)
        assert (questions.story("alert-2"), questions.told("alert-2")) == ((), ())


def test_law_9_the_consoles_user_reads_the_story_by_its_view_alone(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_console")) as store:
        for table in ("ops.alert_log", "ops.commands", "ops.receipts"):
            with pytest.raises(AccessDenied):
                store.rows(f"SELECT * FROM {table}")
