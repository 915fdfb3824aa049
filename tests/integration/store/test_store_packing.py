"""Who builds packages at a server: its user reads what goes into one, and that is all it has (law 9)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from cior_core.bundled_policy import privacy_policy
from cior_core.errors import AccessDenied
from cior_core.model import DataClass, EventId
from cior_core.privacy import LegalBasis
from cior_core.rfc3339 import to_rfc3339
from cior_core.spans import Span
from cior_evidence.boxes_of_store import Warrant
from cior_evidence.order import Order
from cior_evidence.records_of_store import StoreContent
from cior_evidence.ring import Found
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.sink import Sink
from cior_store.writers import Writers
from doubles.packages import read
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city

USER = "cior_evidence"
DATABASES = "('cior', 'ops', 'sealed', 'ledger', 'wall', 'supervisor', 'observatory', 'console', 'auditor')"


@pytest.fixture(scope="module")
def centre(lite: ClickHouseLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseLite]:
    """An alert of two presses: the bytes of one are readable, those of the other lie in a box; a camera that spoke. A
    server of its own: what stands in the engine's log of questions is of these tests.
    """
    with ClickHouseLite(tmp_path_factory.mktemp("packing"), lite.settings) as own:
        with Store.open(own.dsn()) as admin:
            migrate(admin)
        _fill(own)
        yield own


def _fill(own: ClickHouseLite) -> None:
    camera = city.event(
        3, type="camera.degraded", subject="cam-7", attributes={"health": "degraded"}, life_safety=False
    )
    (member,) = city.alert(1).members
    both = (member, msgspec.structs.replace(member, event_id=EventId("event-2")))
    told: dict[str, list[Any]] = {
        "cior.raw.v1": [city.raw(1, payload=b"\x00\xff as received")],
        "cior.sealed.v1": [city.raw(2, sealed=True, data_class=DataClass.SEALED)],
        "cior.events.urgent.v1": [city.event(1, raw_number=1), city.event(2, raw_number=2), camera],
        "cior.alerts.v1": [city.alert(1, members=both)],
        "cior.transitions.v1": [city.transition(1)],
        "cior.ledger.v1": [city.ledger_row(1, subject="cam-7"), city.ledger_row(1, subject="cam-9")],
    }
    with Store.open(own.dsn("cior_sink")) as store:
        sink = Sink(Writers(store), on_dead=lambda letter: pytest.fail(f"{letter.code} {letter.reason}"))
        for topic, records in told.items():
            sink.write_batch(topic, 0, city.messages(topic, records))


def order() -> Order:
    day = {"desde": to_rfc3339(city.NOON_MS - 60_000), "hasta": to_rfc3339(city.NOON_MS + 60_000)}
    return read(alcance=[{"camara": "cam-7", "motivo": "esquina", **day}], eventos=day)


def gathered(store: Store) -> dict[str, object]:
    """All that a package takes out of a store."""
    content = StoreContent(store, privacy_policy(), (), now_ms=lambda: city.NOON_MS + 60_000)
    opened = content.opened(("alert-1", "alert-9"))
    warrant = Warrant(
        alerts=("alert-1",), basis=LegalBasis.PROSECUTOR_ORDER, reason="robo", approvers=1, sealed=False
    )
    found = content.sources(
        order(), warrant=warrant, taken=content.taken(_OF_A_JUDGE), handed={}, footage=_none, deeds=()
    )
    assert found.records is not None
    return {
        "opened": opened,
        "raws": [(each.id, each.payload) for each in found.records.raws()],
        "events": [each.id for each in found.records.events()],
        "alerts": [(each["alerta"], len(each["historia"])) for each in found.records.alerts()],
        "reserved": found.records.reserved,
        "closed": [each.id for each in found.records.closed()],
        "needed": [each.record for each in content.boxes(warrant)],
        "judge": [each.record for each in content.boxes(_OF_A_JUDGE)],
        "health": [each["estado"] for each in found.health],
        "reads": [each["sobre"] for each in found.reads],
    }


_OF_A_JUDGE = Warrant(
    alerts=("alert-1", "alert-2"), basis=LegalBasis.COURT_ORDER, reason="robo", approvers=2, sealed=True
)


def _none(_camera: str, _span: Span, /) -> Found:
    raise AssertionError("no footage is asked of a store")


def test_it_reads_all_that_goes_into_a_package(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn(USER)) as theirs, Store.open(centre.dsn()) as admin:
        found = gathered(theirs)
        assert found == gathered(admin), "its grants hide nothing of what an administrator would put in"
    assert found == {
        "opened": {"alert-1": city.NOON_MS},
        "raws": [("raw-1", b"\x00\xff as received")],
        "events": ["event-1", "event-2"],
        "alerts": [("alert-1", 1)],
        "reserved": 0,
        "closed": ["raw-2"],
        "needed": ["raw-2"],
        "judge": ["raw-2"],
        "health": ["degraded"],
        "reads": ["cam-7"],
    }


def test_law_9_it_has_a_right_to_the_columns_that_a_package_needs_and_to_no_other(
    centre: ClickHouseLite,
) -> None:
    """The engine itself says which columns the reading used; the engine lists to each user those it has a right to."""
    with Store.open(centre.dsn(USER)) as theirs:
        gathered(theirs)
        shown = theirs.rows(
            f"SELECT concat(database, '.', table, '.', name) AS it FROM system.columns WHERE database IN {DATABASES}"
        )
    listed, deadline = {str(each["it"]) for each in shown}, time.monotonic() + 30
    with Store.open(centre.dsn()) as admin:
        used = _used(admin)
        while (
            used < listed and time.monotonic() < deadline
        ):  # what has been answered is in the log a little later
            time.sleep(0.2)
            used = _used(admin)
    assert len(used) >= 40
    assert listed == used


def _used(admin: Store) -> set[str]:
    admin.command("SYSTEM FLUSH LOGS")
    if not admin.value("SELECT count() FROM system.tables WHERE database = 'system' AND name = 'query_log'"):
        return set()
    rows = admin.rows(
        f"""SELECT DISTINCT arrayJoin(columns) AS it FROM system.query_log
        WHERE user = '{USER}' AND type = 'QueryFinish' AND NOT startsWith(it, 'system.')"""
    )
    return {str(each["it"]) for each in rows}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT subject FROM sealed.raw", "SELECT chain_seq FROM sealed.raw", "SELECT * FROM sealed.dead_payloads",
        "SELECT payload FROM ops.dead_letters", "SELECT body FROM ops.alert_current", "SELECT entry FROM ops.ledger",
        "SELECT reason FROM ops.ledger", "SELECT * FROM console.v_units", "SELECT * FROM ledger.evidence_ledger",
        "INSERT INTO ops.raw (raw_id) VALUES ('x')", "ALTER TABLE ops.events DELETE WHERE 1",
        "TRUNCATE TABLE ops.alert_clock", "DROP TABLE ops.raw", "SELECT * FROM system.users",
    ],
)  # fmt: skip
def test_law_9_it_reads_nothing_else_and_writes_nothing(centre: ClickHouseLite, sql: str) -> None:
    with Store.open(centre.dsn(USER)) as store, pytest.raises(AccessDenied):
        store.command(sql)
