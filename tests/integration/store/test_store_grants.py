"""Who may do what, with the deployed users of deploy/clickhouse/users.d on a real server (law 9: default deny)."""

from __future__ import annotations

from typing import Any

import pytest

from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied
from cior_core.model import DataClass, DeadLetter
from cior_store.engine import Store
from cior_store.migrate import AUDIENCES, migrate
from cior_store.questions import Questions
from cior_store.sink import Sink
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty

BATCHES: dict[str, list[Any]] = {
    "cior.raw.v1": [city.raw(1)],
    "cior.sealed.v1": [city.raw(2, sealed=True, data_class=DataClass.SEALED)],
    "cior.events.urgent.v1": [city.event(1, raw_number=1)],
    "cior.alerts.v1": [city.alert(1)],
    "cior.transitions.v1": [city.transition(1)],
    "cior.ledger.v1": [city.ledger_row(1)],
    "cior.dead.v1": [city.dead(1), city.dead(2, data_class=DataClass.SEALED)],
}
GRAFANA = ("cior_grafana_wall", "cior_grafana_supervisor", "cior_grafana_observatory")
CARRY_BOXES = ("cior_response_team", "cior_opening", "cior_evidence")
"""Who reads boxes, closed as they are: the team's own, the console's for it, and who lays them out for a request."""
READERS = ("cior_console", "cior_evidence", "cior_auditor", "cior_response_team", "cior_opening", *GRAFANA)


@pytest.fixture
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    return lite


def _as(centre: ClickHouseLite, user: str) -> Store:
    return Store.open(centre.dsn(user))


def test_the_deployed_migrator_builds_everything(lite: ClickHouseLite) -> None:
    with Store.open(lite.start().dsn()) as admin:
        for database in ("cior", "ops", "sealed", "ledger", *AUDIENCES):
            admin.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    with _as(lite, "cior_migrator") as store:
        assert len(migrate(store)) >= 9


def test_the_sink_writes_every_kind_with_its_own_grants(centre: ClickHouseLite) -> None:
    letters: list[DeadLetter] = []
    with _as(centre, "cior_sink") as store:
        sink = Sink(Writers(store), on_dead=letters.append)
        for topic, records in BATCHES.items():
            assert sink.write_batch(topic, 0, city.messages(topic, records)).next_offset == len(records)
    assert letters == []


@pytest.mark.parametrize("user", [*READERS, "cior_sink"])
def test_law_9_only_the_response_team_reads_the_sealed_database(centre: ClickHouseLite, user: str) -> None:
    with _as(centre, "cior_sink") as store:
        Writers(store).write(
            Kind.SEALED, city.entries([city.raw(1, payload=b"sealed box", sealed=True)]), token="s"
        )
    with _as(centre, user) as store:
        if user in CARRY_BOXES:
            row = Questions(store).sealed_raw("raw-1")
            assert row is not None
            assert row.payload == b"sealed box"
        if user == "cior_evidence":
            with pytest.raises(AccessDenied):
                store.rows("SELECT * FROM sealed.dead_payloads")
        if user in CARRY_BOXES:
            return
        for table in ("sealed.raw", "sealed.dead_payloads"):
            with pytest.raises(AccessDenied):
                store.rows(f"SELECT * FROM {table}")
        with pytest.raises(AccessDenied):
            Questions(store).sealed_raw("raw-1")


@pytest.mark.parametrize("user", READERS)
def test_readers_cannot_write_alter_or_drop_anything(centre: ClickHouseLite, user: str) -> None:
    with _as(centre, user) as store:
        for sql in (
            "INSERT INTO ops.actions (action_id) VALUES ('x')",
            "ALTER TABLE ops.raw DELETE WHERE 1",
            "TRUNCATE TABLE ops.raw",
            "DROP TABLE ops.raw",
            "CREATE TABLE ops.mine (n UInt8) ENGINE = Memory",
            ("SELECT * FROM ledger.evidence_ledger"),
            "SELECT * FROM system.users",
        ):
            with pytest.raises(AccessDenied):
                store.command(sql)


def test_no_user_of_grafana_reads_a_table(centre: ClickHouseLite) -> None:
    """The rest of what they may not is tried in test_store_audiences.py."""
    for user in GRAFANA:
        with _as(centre, user) as store, pytest.raises(AccessDenied):
            store.rows("SELECT alert_id FROM ops.alert_current")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE ledger.evidence_ledger DELETE WHERE seq = 1",
        "ALTER TABLE ledger.evidence_ledger UPDATE actor = 'x' WHERE 1",
        "DELETE FROM ledger.evidence_ledger WHERE seq = 1",
        "TRUNCATE TABLE ledger.evidence_ledger",
        "DROP TABLE ledger.evidence_ledger",
        "ALTER TABLE ledger.evidence_ledger DROP PARTITION tuple()",
        "OPTIMIZE TABLE ledger.evidence_ledger FINAL",
        "RENAME TABLE ledger.evidence_ledger TO ledger.gone",
    ],
)
@pytest.mark.parametrize("user", ["cior_ledger", "cior_sink", "cior_migrator"])
def test_law_9_nobody_deployed_can_change_the_ledger(centre: ClickHouseLite, user: str, sql: str) -> None:
    with _as(centre, "cior_ledger") as store:
        store.command(
            "INSERT INTO ledger.evidence_ledger (stream, seq, actor) VALUES ('evidence', 1, 'perito')"
        )
    with _as(centre, user) as store, pytest.raises(AccessDenied):
        store.command(sql)
    with _as(centre, "cior_ledger") as store:
        assert store.value("SELECT count() FROM ledger.evidence_ledger") == 1


def test_the_sink_cannot_change_or_drop_facts(centre: ClickHouseLite) -> None:
    with _as(centre, "cior_sink") as store:
        for sql in (
            "ALTER TABLE ops.raw DELETE WHERE 1",
            "TRUNCATE TABLE ops.raw",
            "DROP TABLE ops.events",
            "ALTER TABLE ops.raw DROP PARTITION 20261121",
        ):
            with pytest.raises(AccessDenied):
                store.command(sql)
