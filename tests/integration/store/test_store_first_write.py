"""First write wins (law 15): whoever publishes a second record under an id, or writes it into the database as the sink,
leaves the first one standing, is seen, and does not balance.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.model import DataClass, Producer, RawRecord
from cior_core.raw_chain import record_digest
from cior_store import conflicts
from cior_store.conflicts import Conflict
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.questions import Questions
from cior_store.reconcile import Balance, balance_of, check, gaps
from cior_store.reconcile import ReconcileSettings as Limits
from cior_store.rows import RAW_COLUMNS
from cior_store.rows import raw as raw_row
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.city import MINUTE_MS, NOON_MS
from integration.store.engines_here import empty

FIRST = city.raw(1, payload=b"the panel said: 130", facts={"~peer": "192.0.2.7"})
OTHERS: dict[str, dict[str, Any]] = {
    "other bytes": {
        "payload": b"the panel said: 602",
        "sha256": city.raw(1, payload=b"the panel said: 602").sha256,
    },
    "another day": {"received_ms": NOON_MS - 86_400_000 * 3},
    "another source": {"source": "dc09:other"},
    "another subject": {"subject": "panel-8"},
    "other facts": {"facts": {"~peer": "203.0.113.66"}},
    "another writer": {"producer": Producer(connector="dc09", version="1.0", instance="elsewhere")},
    "as a drill": {"drill": True},
    "as nothing": {"events": 0},
}


def forged(what: str) -> RawRecord:
    return msgspec.structs.replace(FIRST, **OTHERS[what])


def put(store: Store, *records: RawRecord, token: str, kind: Kind = Kind.RAW) -> None:
    assert (
        Writers(store).write(kind, city.entries(list(records), first=hash(token) % 10_000), token=token) == ()
    )


def settle(store: Store, table: str = "ops.raw") -> None:
    """Let the table merge whatever it may."""
    store.command(f"OPTIMIZE TABLE {table} FINAL")


@pytest.mark.parametrize("what", OTHERS)
def test_law_15_a_second_record_is_kept_beside_the_first_and_found(store: Store, what: str) -> None:
    other = forged(what)
    put(store, FIRST, token="first")
    put(store, other, token="second")
    for n in range(3):
        put(store, FIRST, token=f"copy-{n}")  # copies later than the forgery do not make it the first
    settle(store)
    kept = {bytes(row[0]) for row in store.blobs("SELECT digest FROM ops.raw FINAL")}
    assert kept == {record_digest(FIRST).encode(), record_digest(other).encode()}
    found = conflicts.find(store, [FIRST.id])
    assert found == (Conflict(FIRST.id, record_digest(FIRST), record_digest(other)),)
    shown = Questions(store).raw(FIRST.id)
    assert shown is not None
    assert (shown.payload, shown.received_ms, shown.source) == (
        FIRST.payload,
        FIRST.received_ms,
        FIRST.source,
    )
    assert shown.others == 1


def test_an_equal_copy_stays_a_copy(store: Store) -> None:
    for n in range(40):
        put(store, FIRST, token=f"copy-{n}")
    settle(store)
    assert store.value("SELECT count() FROM ops.raw FINAL") == 1
    assert conflicts.find(store, [FIRST.id]) == ()
    shown = Questions(store).raw(FIRST.id)
    assert shown is not None
    assert shown.others == 0


def test_both_in_one_batch_the_one_that_stood_before_in_the_topic_is_the_first(store: Store) -> None:
    put(store, FIRST, forged("other bytes"), token="both")
    (found,) = conflicts.find(store, [FIRST.id])
    assert found.first_digest == record_digest(FIRST)
    shown = Questions(store).raw(FIRST.id)
    assert shown is not None
    assert shown.payload == FIRST.payload


def test_law_15_a_conflict_does_not_balance_though_all_sums_are_right(store: Store) -> None:
    """The forged record has the counts of the one it imitates, so accepted = stored and every outcome is there."""
    said = [city.accounting(NOON_MS, 1), city.event(1, raw_number=1)]
    Writers(store).write(Kind.EVENT, city.entries(said), token="events")
    put(store, FIRST, token="first")
    later_ms = NOON_MS + 10 * MINUTE_MS
    (before,) = check(Questions(store), now_ms=later_ms)
    assert before.verdict is Balance.BALANCED
    put(store, forged("other bytes"), token="second")
    conflicts.record(store, conflicts.find(store, [FIRST.id]), now_ms=later_ms)
    assert conflicts.find(store, [FIRST.id]) == (), "told once"
    (after,) = check(Questions(store), now_ms=later_ms)
    assert (after.verdict, after.row.conflicts) == (Balance.CONFLICT, 1)
    assert gaps([after]) == ()


def test_a_conflict_hides_no_gap() -> None:
    row = city_row(missing=2)
    assert balance_of(row, now_ms=NOON_MS + 10 * MINUTE_MS, settings=Limits()) is Balance.GAP
    assert balance_of(city_row(missing=0), now_ms=NOON_MS, settings=Limits()) is Balance.CONFLICT


def city_row(*, missing: int) -> Any:
    from cior_store.answers import BalanceRow

    return BalanceRow(
        minute_ms=NOON_MS, connector="dc09", instance="dc09-1", accepted=3 + missing, raw_stored=3,
        outcomes_declared=3, events_stored=3, dead_stored=0, conflicts=1,
    )  # fmt: skip


def test_law_15_the_server_refuses_a_row_that_takes_the_key_of_another_with_other_content(
    store: Store,
) -> None:
    """The writer's own rights are enough to insert; with the first one's digest the row would replace it."""
    put(store, FIRST, token="first")
    (entry,) = city.entries([forged("other bytes")])
    lie = dict(zip(RAW_COLUMNS, raw_row(entry), strict=True))
    for digest in (record_digest(FIRST), "", "00" * 32):
        row = {**lie, "digest": digest}
        with pytest.raises(PayloadRejected):
            store.insert("ops.raw", tuple(row), [[cell] for cell in row.values()], token=f"lie-{digest}")
    settle(store)
    shown = Questions(store).raw(FIRST.id)
    assert shown is not None
    assert (shown.payload, shown.others) == (FIRST.payload, 0)


def test_the_server_computes_the_same_digest_for_whatever_a_record_holds(store: Store) -> None:
    records = [
        city.raw(1),
        city.raw(2, payload=b"", facts={}),
        city.raw(
            3,
            payload=bytes(range(256)),
            facts={"ñandú": "\x00,:\n", "a": "", "": "1:a,", "~z": "€", "Z": "z"},
        ),
        city.raw(4, data_class=DataClass.PUBLIC, drill=True, events=7, dead=2),
    ]
    put(store, *records, token="odd")
    stored = {str(row["raw_id"]): row["digest"] for row in store.rows("SELECT raw_id, digest FROM ops.raw")}
    assert stored == {record.id: record_digest(record) for record in records}


def test_law_15_sealed_records_and_camera_stretches_are_kept_the_same_way(store: Store) -> None:
    box = city.raw(7, payload=b"box one", sealed=True, data_class=DataClass.SEALED)
    other = city.raw(7, payload=b"box two", sealed=True, data_class=DataClass.SEALED)
    stretch = city.raw(8, payload=b'{"camera":1}', content_type="application/vnd.cior.camera-stretch+json")
    put(store, box, token="box", kind=Kind.SEALED)
    put(store, other, token="other", kind=Kind.SEALED)
    put(store, stretch, msgspec.structs.replace(stretch, received_ms=NOON_MS + 1), token="stretch")
    settle(store, "sealed.raw")
    assert store.value("SELECT count() FROM sealed.raw FINAL") == 2
    assert [each.raw_id for each in conflicts.find(store, [box.id, stretch.id])] == [box.id, stretch.id]
    shown = Questions(store).sealed_raw(box.id)
    assert shown is not None
    assert (shown.payload, shown.others) == (b"box one", 1)


def test_a_record_in_the_open_and_another_in_the_sealed_table_are_a_conflict_too(store: Store) -> None:
    put(store, FIRST, token="open")
    sealed = msgspec.structs.replace(FIRST, sealed=True, data_class=DataClass.SEALED)
    put(store, sealed, token="sealed", kind=Kind.SEALED)
    assert len(conflicts.find(store, [FIRST.id])) == 1


@pytest.fixture
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    return lite


@pytest.mark.parametrize("table", ["ops.raw", "sealed.raw", "ops.raw_digests", "ops.raw_conflicts"])
@pytest.mark.parametrize("user", ["cior_sink", "cior_console", "cior_response_team", "cior_ledger"])
def test_law_15_no_service_can_erase_or_replace_a_raw_record(
    centre: ClickHouseLite, user: str, table: str
) -> None:
    with Store.open(centre.dsn(user)) as store:
        for sql in (
            f"ALTER TABLE {table} DELETE WHERE 1",
            f"ALTER TABLE {table} UPDATE raw_id = 'x' WHERE 1",
            f"DELETE FROM {table} WHERE 1",
            f"UPDATE {table} SET raw_id = 'x' WHERE 1",
            f"TRUNCATE TABLE {table}",
            f"DROP TABLE {table}",
            f"DETACH TABLE {table} PERMANENTLY",
            f"OPTIMIZE TABLE {table} FINAL",
            f"OPTIMIZE TABLE {table} FINAL DEDUPLICATE BY raw_id",
            f"RENAME TABLE {table} TO {table}_gone",
            f"EXCHANGE TABLES {table} AND ops.events",
            f"CREATE OR REPLACE TABLE {table} (x UInt8) ENGINE = Memory",
            f"ALTER TABLE {table} DROP PARTITION tuple()",
            f"ALTER TABLE {table} DROP CONSTRAINT digest_of_all",
            f"ALTER TABLE {table} MODIFY ORDER BY raw_id",
            f"ALTER TABLE {table} MODIFY TTL toDateTime(0)",
            f"ALTER TABLE {table} DROP COLUMN raw_id",
            f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 0",
            f"ALTER TABLE {table} REPLACE PARTITION tuple() FROM ops.events",
            f"CREATE TABLE {table}_mine AS {table}",
            "DROP FUNCTION chain_hash",
            "CREATE OR REPLACE FUNCTION chain_hash AS (a, b, c, d, e) -> ''",
            "SYSTEM STOP MERGES ops.raw",
        ):
            with pytest.raises(AccessDenied):
                store.command(sql)


def test_the_response_team_sees_which_sealed_record_was_first(centre: ClickHouseLite) -> None:
    with Store.open(centre.dsn("cior_sink")) as store:
        for text in (b"box one", b"box two"):
            box = city.raw(7, payload=text, sealed=True, data_class=DataClass.SEALED)
            put(store, box, token=text.decode(), kind=Kind.SEALED)
        assert len(conflicts.find(store, ["raw-7"])) == 1
    with Store.open(centre.dsn("cior_response_team")) as store:
        shown = Questions(store).sealed_raw("raw-7")
    assert shown is not None
    assert (shown.payload, shown.others) == (b"box one", 1)
