"""A backup of a store that people write to, and what a restore is held against: signals that were there in part are
taken out, what waits in a spool is no hole, older holes are told, and pages kept elsewhere tell what a backup hides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.spool import Entry, Spool, SpoolClass
from cior_core import codec
from cior_core.backup_manifest import FORMAT, Manifest, Tables
from cior_core.catalogue import Kind
from cior_core.model import Event, RawPointer, RawRecord
from cior_core.raw_chain import record_digest
from cior_sink.commands.backup import Voice
from cior_sink.log_check import Finding
from cior_sink.restore_check import Lost, Witness, findings, lost, waiting_in
from cior_store.chain_rows import CLEAR, SEALED
from cior_store.engine import Store
from cior_store.halves import take_out
from cior_store.migrate import migrate
from cior_store.writers import Writers
from integration.sink.test_sink_verify_log import BLINDING, KEY, Centre
from integration.store import city

pytestmark = pytest.mark.xdist_group("backup_halves")
TABLES = ("ops.raw", "sealed.raw", "ops.raw_digests", "ops.raw_outcomes", "ops.accounting", "ops.events")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path_factory.mktemp('halves') / 'store'}") as store:
        migrate(store)
        yield store


@pytest.fixture
def centre(engine: Store, tmp_path: Path) -> Centre:
    """Two minutes of presses, stated and signed; then the copy begins, at ``now_ms``."""
    for table in (*TABLES, "ops.event_links", "ops.raw_conflicts"):
        engine.command(f"TRUNCATE TABLE {table}")
    made = Centre(engine, tmp_path)
    for minute in range(2):
        for n in range(3):
            made.press("panels", f"panel {minute} {n}")
        made.press("sealed", f"box {minute}")
        made.minute()
    return made


def manifest(centre: Centre, **changes: object) -> Manifest:
    made = Manifest(
        format=FORMAT, backup="0011", origin="cior/prueba", program="0", begun_ms=centre.now_ms,
        ended_ms=centre.now_ms, is_settled=True, tables=Tables("", (), ()), files={},
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def witness(centre: Centre, outside: Path | None = None, inside: Path | None = None) -> Witness:
    return Witness(
        inside=inside or centre.folder / "pages",
        public=bytes(KEY.verify_key),
        blinding=(BLINDING,),
        has_expired=lambda _table, _ms: False,
        outside=outside,
    )


def defects(centre: Centre, **more: object) -> set[tuple[str, object, object]]:
    told: dict[str, object] = {"witness": witness(centre), "waiting": {}, **more}
    found = findings(centre.store, told["witness"], manifest(centre), told["waiting"])  # type: ignore[arg-type]
    return {_short(each) for each in found if not each.is_note}


def _short(each: Finding) -> tuple[str, object, object]:
    return each.code, each.arguments.get("first"), each.arguments.get("last")


def stored_event(centre: Centre, of: RawRecord) -> None:
    event = Event(
        id=f"event-of-{of.id}", source=of.source, type="panic.fixed", subject=of.subject,  # type: ignore[arg-type]
        occurred_ms=of.received_ms, received_ms=of.received_ms, producer=of.producer,
        raw=RawPointer(raw_id=of.id, sha256=of.sha256),
    )  # fmt: skip
    assert Writers(centre.store).write(Kind.EVENT, city.entries([event]), token=str(event.id)) == ()


def ids(store: Store, table: str) -> set[str]:
    return {
        str(row["raw_id"]) for row in store.rows(f"SELECT DISTINCT raw_id FROM {table} WHERE raw_id != ''")
    }


def three_during(centre: Centre) -> list[RawRecord]:
    """Three presses that came during the copy; the one in the middle is not in it."""
    three = [centre.press("panels", f"during {n}") for n in range(3)]
    centre._taken.clear()
    centre.store_raw(three[0])
    centre.store_raw(three[2])
    for each in three:
        stored_event(centre, each)
    return three


def test_law_15_a_signal_that_came_during_the_copy_is_there_whole_or_not_at_all(centre: Centre) -> None:
    first, gap, above = three_during(centre)
    assert ("detached", 8, 8) in defects(centre)
    assert take_out(centre.store, since_ms=centre.now_ms, waiting={}) == 2
    assert defects(centre) == set()
    for table in ("ops.raw", "ops.events", "ops.raw_outcomes", "ops.raw_digests", "ops.event_links"):
        there = ids(centre.store, table)
        assert first.id in there, table
        assert not {gap.id, above.id} & there, table
    assert take_out(centre.store, since_ms=centre.now_ms, waiting={}) == 0


def test_law_15_a_hole_from_before_the_copy_is_told_and_never_tidied_away(centre: Centre) -> None:
    three_during(centre)
    centre.admin("ALTER TABLE {t} DELETE WHERE chain LIKE 'panels/%' AND chain_seq = 4")
    before = ids(centre.store, "ops.raw")
    take_out(centre.store, since_ms=centre.now_ms, waiting={})
    assert ("removed", 4, 4) in defects(centre)
    assert len(before - ids(centre.store, "ops.raw")) == 1, "only what came during the copy"


def test_what_waits_in_a_spool_is_no_hole_and_nothing_above_it_is_taken_out(
    centre: Centre, tmp_path: Path
) -> None:
    _, gap, _ = three_during(centre)
    spool = Spool.open(tmp_path / "spool" / "dc09")
    entry = Entry(topics.RAW.name, b"panel", codec.encode(gap))
    spool.append(SpoolClass.LIFE_SAFETY, [entry]).result(timeout=10)
    spool.close()
    waiting = waiting_in(tmp_path / "spool")
    assert [record.hash for record in waiting[CLEAR]] == [record_digest(gap)]
    assert waiting[SEALED] == []
    assert ("detached", 8, 8) in defects(centre)
    assert (
        take_out(centre.store, since_ms=centre.now_ms, waiting=waiting) == 1
    )  # the events of the waiting one
    assert defects(centre, waiting=waiting) == set()
    assert take_out(centre.store, since_ms=centre.now_ms, waiting=waiting) == 0


def test_what_was_stated_during_the_copy_is_not_held_against_it(centre: Centre) -> None:
    centre.press("panels", "during")
    taken = list(centre._taken)
    centre._taken.clear()
    said = [centre._statement("panels")]
    assert Writers(centre.store).write(Kind.EVENT, city.entries(said), token="said") == ()
    take_out(centre.store, since_ms=centre.now_ms, waiting={})
    centre.now_ms += 3_600_000
    assert defects(centre) == set()
    assert not {str(each.id) for each in taken} & ids(centre.store, "ops.raw")


def test_law_15_a_backup_that_agrees_with_itself_is_held_against_pages_kept_elsewhere(
    centre: Centre, tmp_path: Path
) -> None:
    """Who has the centre and its key cuts the newest minute out of store and pages before the backup is made."""
    elsewhere, left = tmp_path / "elsewhere", tmp_path / "left"
    (centre.folder / "pages").rename(elsewhere)
    left.mkdir()
    (page,) = elsewhere.glob("*.ndjson")
    (left / page.name).write_bytes(page.read_bytes().splitlines(keepends=True)[0])
    centre.admin("ALTER TABLE {t} DELETE WHERE chain LIKE 'panels/%' AND chain_seq > 3")
    centre.admin("ALTER TABLE {t} DELETE WHERE chain_seq > 1", "sealed.raw")
    centre.admin("ALTER TABLE {t} DELETE WHERE chain_seq > 3", "ops.accounting")
    assert defects(centre, witness=witness(centre, inside=left)) == set()
    found = defects(centre, witness=witness(centre, elsewhere, inside=left))
    assert found >= {("tail_cut", 4, 6), ("page_sealed", None, None)}


def test_pages_kept_elsewhere_tell_how_much_came_after_the_backup(centre: Centre) -> None:
    begun_ms = centre.now_ms
    for n in range(2):
        centre.press("panels", f"after {n}")
    centre.minute()
    centre.admin("ALTER TABLE {t} DELETE WHERE chain LIKE 'panels/%' AND chain_seq > 6")
    (after,) = lost(centre.store, witness(centre, centre.folder / "pages"))
    assert after == Lost(centre.chains["panels"].head.chain, 2, begun_ms)
    assert lost(centre.store, witness(centre)) == ()
    said = manifest(centre, begun_ms=begun_ms - 1)
    outside = witness(centre, centre.folder / "pages", inside=centre.folder / "none")
    told = [each for each in findings(centre.store, outside, said, {}) if not each.is_note]
    assert [each.code for each in told] == ["no_pages"], "what came after is no defect of the backup"


def test_the_sentences_of_a_restore_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("es", "en"):
        voice = Voice(language)
        voice.say("lost", count=2, chain="panels/1", at="2026-11-18")
        voice.say("taken_out", count=1)
        voice.say("waiting", count=3)
    assert "FALTAN 2 registros de la cadena panels/1" in capsys.readouterr().out
