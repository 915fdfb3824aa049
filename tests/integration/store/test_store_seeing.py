"""The console's rows are narrowed by the server too: with the deployed users, a question that forgot its narrowing gets
no row of another district, and one that says for nobody gets none (law 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.errors import CiorError
from cior_core.model import DEFAULT_AREA, AlertId, Command, CommandKind, Place, PlaceMethod, TypeCode
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import ConsoleQuestions
from cior_store.seeing import clause, seeing
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty

NARROWED_VIEWS = {
    "v_blind_spots": "SELECT district FROM console.v_blind_spots",
    "v_story": "SELECT district FROM console.v_story(alert = 'alert-2')",
    "v_told": "SELECT district FROM console.v_told(alert = 'alert-2')",
}
"""``alert-2`` is in the south."""


SHARED_VIEWS = ("v_units",)
"""One answer serves every screen for some seconds, and is narrowed where it is shown (`city_units`)."""


def place(district: str | None) -> Place:
    if district is None:
        return Place(method=PlaceMethod.UNKNOWN)
    return Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.65, district=district)


def notice(number: int) -> Command:
    return Command(
        id=f"command-{number}", kind=CommandKind.NOTIFY, alert_id=AlertId(f"alert-{number}"), area=DEFAULT_AREA,
        target="team:police", issued_ms=city.NOON_MS, expires_ms=city.NOON_MS + 60_000, protocol="panic", step="tell",
    )  # fmt: skip


@pytest.fixture(scope="module")
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    """An alert with its story in the north and one in the south; a device that is away in each, and one nowhere."""
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        writers = Writers(empty(admin))
        where = {1: "norte", 2: "sur"}
        batches: dict[Kind, list[Any]] = {
            Kind.ALERT: [city.alert(n, place=place(district)) for n, district in where.items()],
            Kind.TRANSITION: [city.transition(n) for n in where],
            Kind.COMMAND: [notice(n) for n in where],
            Kind.EVENT: [
                city.event(n, type=TypeCode("device.offline"), subject=f"device-{n}", place=place(district))
                for n, district in {**where, 3: None}.items()
            ],
        }
        for kind, records in batches.items():
            assert writers.write(kind, city.entries(records), token=f"seeing-{kind}") == ()
    return lite


@pytest.fixture
def questions(centre: ClickHouseLite) -> Iterator[ConsoleQuestions]:
    with Store.open(centre.dsn("cior_console")) as store:
        yield ConsoleQuestions(store)


def test_law_9_a_question_that_forgot_its_narrowing_gets_no_foreign_row(questions: ConsoleQuestions) -> None:
    with seeing(("norte",)):
        assert {spot.subject for spot in questions.blind_spots()} == {"device-1", "device-3"}
        assert [len(questions.story(alert)) for alert in ("alert-1", "alert-2")] == [1, 0]
        assert [len(questions.told(alert)) for alert in ("alert-1", "alert-2")] == [1, 0]
    with seeing(("norte", "sur")):
        assert len(questions.story("alert-2")) == len(questions.told("alert-2")) == 1
    with seeing(()):
        assert {spot.subject for spot in questions.blind_spots()} == {"device-1", "device-2", "device-3"}
        assert len(questions.story("alert-2")) == 1


def test_law_9_a_question_for_nobody_gets_nothing(questions: ConsoleQuestions) -> None:
    assert questions.blind_spots() == ()
    assert (questions.story("alert-1"), questions.told("alert-1")) == ((), ())


@pytest.mark.parametrize("view", NARROWED_VIEWS)
def test_law_9_bare_sql_of_the_consoles_user_is_narrowed_as_well(centre: ClickHouseLite, view: str) -> None:
    said = ("", "x", "*", '"*"', "[]", '{"districts":[]}', '{"districts":["norte"]}', '{"districts":null}')
    for each in said:
        answer = centre.query(f"{NARROWED_VIEWS[view]} SETTINGS log_comment = '{each}'", "cior_console")
        assert "sur" not in answer, each
    whole = f'{NARROWED_VIEWS[view]} SETTINGS log_comment = \'{{"districts":"*"}}\''
    assert "sur" in centre.query(whole, "cior_console")


def test_whatever_a_district_is_called_it_is_one_district(questions: ConsoleQuestions) -> None:
    for name in ("x' OR 1 = 1 --", "*", '"', "\\", "sur,norte", "sur\"]'"):
        with seeing((name,)):
            assert {spot.subject for spot in questions.blind_spots()} == {"device-3"}, name


async def test_the_threads_of_a_request_ask_with_its_eyes_and_the_next_request_with_its_own() -> None:
    async def request(district: str) -> str:
        with seeing((district,)):
            await asyncio.sleep(0)
            return await asyncio.to_thread(clause)

    told = await asyncio.gather(request("norte"), request("sur"))
    assert [district in each for district, each in zip(("norte", "sur"), told, strict=True)] == [True, True]
    assert clause() == ""


def test_every_view_of_single_rows_with_a_district_has_its_filter(centre: ClickHouseLite) -> None:
    """A new view of the console's with a district is narrowed by the server, or this says that it is not."""
    rows = centre.query(
        "SELECT DISTINCT name FROM system.tables WHERE database = 'console' "
        "AND position(as_select, 'AS district') > 0 ORDER BY name FORMAT TSV"
    )
    assert set(rows.split()) == {*NARROWED_VIEWS, *SHARED_VIEWS}


def test_the_embedded_engine_knows_no_row_policy_so_its_questions_alone_narrow(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path / 'store'}") as store, pytest.raises(CiorError):
        store.command("CREATE ROW POLICY p ON system.one USING dummy = 1 TO ALL")
