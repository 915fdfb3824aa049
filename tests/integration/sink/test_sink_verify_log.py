"""`cior verify-log` against attackers with every right on the database: what they did is named, in both languages.

A small centre: two connector instances that chain what they take, a sealed line, the sink's writers and a checkpoint
each minute. Then an administrator goes to work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from cior_bus.receipt_chain import ReceiptChain
from cior_core import checkpoint
from cior_core.catalogue import Kind
from cior_core.chain_place import ChainPlace
from cior_core.model import DataClass, Event, EventId, Lane, Producer, RawId, RawRecord, TypeCode
from cior_core.raw_chain import content_of, record_digest
from cior_sink.checkpoints import Checkpointer, CheckpointPlace
from cior_sink.commands.verify_log import tell
from cior_sink.log_check import Finding, check_store, read_checkpoints
from cior_store import conflicts
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from integration.store import city

MINUTE_MS = 60_000
BEGIN_MS = 1_795_000_000_000 // MINUTE_MS * MINUTE_MS
BLINDING = b"k" * 32
KEY = SigningKey(b"s" * 32)
ORIGIN = "cior/prueba"


class Quiet:
    """A bus that only remembers."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def publish_sync(self, messages: list[Any]) -> None:
        self.events += messages


class Centre:
    """What a minute of the centre is: presses taken, stored, stated; and a checkpoint."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder, self.now_ms, self._n = store, folder, BEGIN_MS, 0
        self._taken: list[RawRecord] = []
        self.chains = {
            name: ReceiptChain.open(folder / "state" / name, name=name)
            for name in ("panels", "buses", "sealed")
        }
        self.bus = Quiet()
        self.rotate(BLINDING)

    def rotate(self, blinding: bytes) -> None:
        """The sink starts, with this key of the centre."""
        place = CheckpointPlace(folder=self.folder / "pages", origin=ORIGIN, key=KEY, blinding=blinding)
        self.checkpointer = Checkpointer(
            place,
            self.store,
            self.bus,  # type: ignore[arg-type]
            now_ms=lambda: self.now_ms,
        )

    def press(self, name: str, text: str) -> RawRecord:
        """One press, chained and stored."""
        self._n += 1
        is_sealed = name == "sealed"
        record = city.raw(
            self._n, payload=text.encode(), at_ms=self.now_ms + self._n, sealed=is_sealed,
            data_class=DataClass.SEALED if is_sealed else DataClass.RESTRICTED,
            producer=Producer(connector="dc09", version="1", instance="" if is_sealed else name),
        )  # fmt: skip
        (place,) = self.chains[name].append([content_of(record)])
        self._taken.append(msgspec.structs.replace(record, chain=place))
        self.chains[name].settled([place])
        return self._taken[-1]

    def store_raw(self, *records: RawRecord) -> None:
        for kind in (Kind.RAW, Kind.SEALED):
            mine = [record for record in records if record.sealed is (kind is Kind.SEALED)]
            if mine:
                batch = city.entries(mine, first=mine[0].received_ms % 1_000_000)
                token = "-".join(record_digest(record) for record in mine)
                assert Writers(self.store).write(kind, batch, token=token) == ()

    def flush(self) -> None:
        """What was taken is stored."""
        self.store_raw(*self._taken)
        self._taken.clear()

    def minute(self) -> None:
        """What was taken is stored, the connectors state their heads, a checkpoint is made, time goes on."""
        self.flush()
        said = [self._statement(name) for name in ("panels", "buses")]
        token = f"{self.folder}-{self.now_ms}"
        assert Writers(self.store).write(Kind.EVENT, city.entries(said), token=token) == ()
        self.checkpointer.look()
        self.now_ms += MINUTE_MS

    def _statement(self, name: str) -> Event:
        head = self.chains[name].head
        return Event(
            id=EventId(f"{name}-{self.now_ms}"), source=f"urn:cior:connector:{name}", type=TypeCode("accounting"),
            subject=f"connector:{name}", occurred_ms=self.now_ms, received_ms=self.now_ms, lane=Lane.TELEMETRY,
            producer=Producer(connector="dc09", version="1", instance=name),
            attributes={
                "by_minute": {str(self.now_ms): 1}, "chain": head.chain, "chain_seq": head.seq,
                "chain_head": head.hash,
            },
        )  # fmt: skip

    def verified(self, *, blinding: tuple[bytes, ...] = (BLINDING,)) -> list[Finding]:
        """What the check finds, an hour later."""
        found = read_checkpoints(
            self.folder / "pages", bytes(KEY.verify_key), until_ms=self.now_ms + 3_600_000
        )
        more = check_store(self.store, found, blinding=blinding, until_ms=self.now_ms + 3_600_000)
        return [*found.findings, *more]

    def defects(self) -> set[tuple[str, Any, Any, str]]:
        return {
            (
                each.code,
                each.arguments.get("first"),
                each.arguments.get("last"),
                each.arguments.get("names", ""),
            )
            for each in self.verified()
            if not each.is_note
        }

    def admin(self, sql: str, table: str = "ops.raw") -> None:
        """The administrator's own SQL; ``{t}`` is the table. Constraints and keys do not stop an administrator."""
        self.store.command(f"{sql.replace('{t}', table)} SETTINGS mutations_sync = 2")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    with Store.open(f"chdb://{tmp_path_factory.mktemp('verify') / 'store'}") as store:
        migrate(store)
        yield store


@pytest.fixture
def centre(engine: Store, tmp_path: Path) -> Centre:
    """Three minutes: twelve presses on the panels' line, three on the buses', three sealed."""
    for table in (
        "ops.raw",
        "sealed.raw",
        "ops.raw_digests",
        "ops.raw_conflicts",
        "ops.accounting",
        "ops.events",
    ):
        engine.command(f"TRUNCATE TABLE {table}")
    made = Centre(engine, tmp_path)
    for minute in range(3):
        for n in range(4):
            made.press("panels", f"panel {minute} {n}")
        made.press("buses", f"bus {minute}")
        made.press("sealed", f"box {minute}")
        made.minute()
    return made


# Records are numbered as they came: a minute is four panels, a bus, a sealed box.
SEVENTH = "raw-9"
"""The seventh record of the panels' chain."""


def test_law_15_an_untouched_centre_agrees_and_says_what_is_not_covered(centre: Centre) -> None:
    assert centre.defects() == set()
    centre.press("panels", "after the last checkpoint")
    centre.flush()
    said: list[str] = []
    assert tell(centre.verified(), language="es", say=said.append) == 0
    assert said[-1] == "Todo coincide: nada cambió, falta, sobra ni fue movido."
    assert any("13 registros, 1 más nuevos que el último testigo" in line for line in said)
    assert any(line.startswith("testigos: 3, el último de ") for line in said)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (f"ALTER TABLE {{t}} UPDATE payload = 'forged' WHERE raw_id = '{SEVENTH}'", "changed"),
        (f"ALTER TABLE {{t}} UPDATE subject = 'panel-8' WHERE raw_id = '{SEVENTH}'", "changed"),
        (
            f"ALTER TABLE {{t}} UPDATE facts = map('~peer', '203.0.113.9') WHERE raw_id = '{SEVENTH}'",
            "changed",
        ),
        (f"ALTER TABLE {{t}} UPDATE chain_previous = repeat('0', 64) WHERE raw_id = '{SEVENTH}'", "changed"),
        (f"ALTER TABLE {{t}} DELETE WHERE raw_id = '{SEVENTH}'", "removed"),
    ],
)
def test_law_15_one_row_that_an_administrator_changed_or_deleted_is_named(
    centre: Centre, act: str, told: str
) -> None:
    centre.admin(act)
    assert {(code, first) for code, first, _, _ in centre.defects() if code != "false_digest"} == {(told, 7)}


def test_law_15_a_whole_table_that_is_gone_is_a_cut_tail(centre: Centre) -> None:
    centre.admin("ALTER TABLE {t} DELETE WHERE 1")
    assert {(code, first, last) for code, first, last, _ in centre.defects()} == {
        ("tail_cut", 1, 12),
        ("tail_cut", 1, 3),
    }


def test_law_15_the_newest_records_deleted_are_a_cut_tail(centre: Centre) -> None:
    centre.admin("ALTER TABLE {t} DELETE WHERE chain LIKE 'panels/%' AND chain_seq > 10")
    assert centre.defects() == {("tail_cut", 11, 12, "")}


def test_law_15_two_records_that_changed_places_are_named(centre: Centre) -> None:
    # In one part: of several, the second is changed when the first has its new numbers already.
    centre.admin("OPTIMIZE TABLE {t} FINAL")
    centre.admin(
        "ALTER TABLE {t} UPDATE chain_seq = if(chain_seq = 3, 9, 3), "
        "chain_previous = if(chain_seq = 3, (SELECT any(chain_previous) FROM ops.raw WHERE chain LIKE 'panels/%' "
        "AND chain_seq = 9), (SELECT any(chain_previous) FROM ops.raw WHERE chain LIKE 'panels/%' AND chain_seq = 3)) "
        "WHERE chain LIKE 'panels/%' AND chain_seq IN (3, 9)"
    )
    found = {(code, first) for code, first, _, _ in centre.defects() if code != "false_digest"}
    assert found == {("reordered", 3), ("reordered", 9)}


def test_law_15_a_record_republished_under_its_id_is_told_with_the_one_that_counts(centre: Centre) -> None:
    """From the bus, through the sink's own writers: no right on the database is needed."""
    chain = centre.chains["panels"].head.chain
    forged = city.raw(
        9, payload=b"forged", at_ms=BEGIN_MS, chain=ChainPlace(chain=chain, seq=7, previous="00" * 32)
    )
    centre.store_raw(forged)
    conflicts.record(centre.store, conflicts.find(centre.store, [SEVENTH]), now_ms=centre.now_ms)
    assert centre.defects() == {("inserted", 7, 7, SEVENTH), ("conflict", None, None, SEVENTH)}


def test_law_15_a_record_put_beside_the_chain_of_a_connector_that_keeps_one_is_told(centre: Centre) -> None:
    bare = city.raw(
        900, at_ms=centre.now_ms, producer=Producer(connector="dc09", version="1", instance="panels")
    )
    centre.store_raw(bare)
    assert centre.defects() == {("unchained", None, None, "raw-900")}
    stranger = city.raw(901, producer=Producer(connector="invented", version="1", instance="nowhere"))
    centre.store_raw(stranger)
    assert Finding("chainless", {"count": 1, "writer": "invented/nowhere"}) in centre.verified()


def rechained(centre: Centre) -> None:
    """The fifth press becomes another one, and everything after it is chained, digested and stated anew."""
    chain = centre.chains["panels"].head.chain
    rows = centre.store.rows(
        "SELECT raw_id, chain_seq, chain_previous, payload, toUnixTimestamp64Milli(received) AS at FROM ops.raw "
        "WHERE chain = {c:String} ORDER BY chain_seq",
        {"c": chain},
    )
    previous = rows[4]["chain_previous"]
    anew: list[RawRecord] = []
    centre.admin(f"ALTER TABLE {{t}} DELETE WHERE chain = '{chain}' AND chain_seq >= 5")
    for row in rows[4:]:
        payload = b"forged" if row["chain_seq"] == 5 else str(row["payload"]).encode()
        record = city.raw(
            0,
            payload=payload,
            at_ms=row["at"],
            producer=Producer(connector="dc09", version="1", instance="panels"),
        )
        place = ChainPlace(chain=chain, seq=row["chain_seq"], previous=previous)
        record = msgspec.structs.replace(record, id=RawId(row["raw_id"]), chain=place)
        anew.append(record)
        previous = record_digest(record)
    centre.store_raw(*anew)
    centre.admin(
        f"ALTER TABLE {{t}} UPDATE chain_head = '{previous}' WHERE chain = '{chain}' AND chain_seq = 12",
        "ops.accounting",
    )


def test_law_15_who_makes_everything_anew_is_told_by_the_checkpoints_alone(centre: Centre) -> None:
    rechained(centre)
    assert ("rewritten", 5, 8) in {(code, first, last) for code, first, last, _ in centre.defects()}


def test_law_15_sealed_records_are_checked_with_the_centres_key_and_told_nothing_of_without(
    centre: Centre,
) -> None:
    pages = (centre.folder / "pages").glob("*.ndjson")
    written = b"".join(path.read_bytes() for path in pages)
    name = centre.chains["sealed"].head.chain
    assert name.encode() not in written
    assert centre.chains["sealed"].head.hash.encode() not in written
    quiet = [page for page in written.splitlines() if page]
    assert len({len(msgspec.json.decode(page)["blinded"]) for page in quiet}) == 1, "no count"
    centre.minute()
    last, before = (msgspec.json.decode(line)["blinded"] for line in reversed(quiet[-2:]))
    assert not set(last) & set(before), "a minute without a sealed record looks like one with"
    centre.admin("ALTER TABLE {t} DELETE WHERE chain_seq = 3", "sealed.raw")
    assert {each[0] for each in centre.defects()} == {"page_sealed"}
    assert not [each for each in centre.verified(blinding=()) if not each.is_note]


def test_law_15_pages_of_before_a_rotation_of_the_centres_key_still_verify(centre: Centre) -> None:
    new = b"n" * 32
    centre.press("sealed", "before")
    centre.minute()
    centre.rotate(new)
    centre.press("sealed", "after")
    centre.minute()
    assert not [each for each in centre.verified(blinding=(new, BLINDING)) if not each.is_note]
    assert {each.code for each in centre.verified(blinding=(new,)) if not each.is_note} == {"page_sealed"}
    centre.admin("ALTER TABLE {t} DELETE WHERE chain_seq = 1", "sealed.raw")
    found = {each.code for each in centre.verified(blinding=(new, BLINDING)) if not each.is_note}
    assert "page_sealed" in found


def test_a_sealed_record_that_was_changed_is_named(centre: Centre) -> None:
    centre.admin("ALTER TABLE {t} UPDATE payload = 'forged' WHERE chain_seq = 2", "sealed.raw")
    assert ("changed", 2) in {(code, first) for code, first, _, _ in centre.defects()}


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda lines: lines[:1] + lines[2:], {"page_previous"}),
        (lambda lines: lines[1:], {"page_previous"}),
        (lambda lines: [lines[0], b"{", lines[1], lines[2]], {"page_unreadable"}),
        (lambda lines: [lines[1], lines[0], lines[2]], {"page_previous", "page_back", "page_sealed"}),
        (lambda lines: [*lines[:2], lines[2].replace(b'"seq":12', b'"seq":11')], {"page_root"}),
        (lambda _: [], {"no_pages"}),
    ],
    ids=["one removed", "the first removed", "one cut", "two exchanged", "a head changed", "all removed"],
)
def test_law_15_who_touches_the_checkpoints_is_told_too(
    centre: Centre, act: Callable[[list[bytes]], list[bytes]], told: set[str]
) -> None:
    (path,) = (centre.folder / "pages").glob("*.ndjson")
    path.write_bytes(b"".join(line + b"\n" for line in act(path.read_bytes().splitlines())))
    assert {code for code, *_ in centre.defects()} == told


def test_law_15_a_page_signed_with_another_key_proves_nothing(centre: Centre) -> None:
    other = read_checkpoints(
        centre.folder / "pages", bytes(SigningKey(b"x" * 32).verify_key), until_ms=centre.now_ms
    )
    assert [each.code for each in other.findings if not each.is_note] == ["page_signature"] * 3
    assert other.pins == {}


def test_the_newest_note_is_one_that_other_programs_read(centre: Centre) -> None:
    """C2SP signed note: the name and key of its last line, Ed25519 over the text above the blank line."""
    note = checkpoint.read_note((centre.folder / "pages" / "ultimo.txt").read_text())
    name, public = checkpoint.public_of((centre.folder / "pages" / "clave-publica.txt").read_text())
    assert (note.origin, note.key, name) == (ORIGIN, ORIGIN, ORIGIN)
    KEY.verify_key.verify(note.text.encode(), note.signature)
    assert public == bytes(KEY.verify_key)


def test_after_a_restart_the_pages_go_on_and_a_line_cut_by_a_kill_is_passed(centre: Centre) -> None:
    (path,) = (centre.folder / "pages").glob("*.ndjson")
    with path.open("ab") as file:
        file.write(b'{"note":"cior/pru')
    again = Centre(centre.store, centre.folder)
    again.now_ms = centre.now_ms
    again.press("panels", "after the restart")
    again.minute()
    assert {code for code, *_ in again.defects()} == {"page_unreadable"}


def test_a_chain_that_breaks_is_an_alarm_after_ten_minutes_and_is_signed_on_from_there(
    centre: Centre,
) -> None:
    for _ in range(3):
        centre.press("panels", "more")
    centre.flush()
    centre.admin("ALTER TABLE {t} DELETE WHERE chain LIKE 'panels/%' AND chain_seq = 13")
    for _ in range(12):
        centre.minute()
    assert len(centre.bus.events) == 1
    told = msgspec.json.decode(centre.bus.events[0].value)
    assert "integrity.chain" in told["type"]
    assert ("removed", 13) in {(code, first) for code, first, _, _ in centre.defects()}


def test_every_finding_has_its_sentence_in_both_languages() -> None:
    said: list[str] = []
    told = {"chain": "panels/1", "first": 7, "last": 9, "names": "raw-9"}
    for language in ("es", "en"):
        for code in (
            "changed",
            "removed",
            "inserted",
            "reordered",
            "tail_cut",
            "rewritten",
            "detached",
            "beginning",
        ):
            assert tell([Finding(code, told)], language=language, say=said.append) == 2
    assert "FALTA: cadena panels/1, números 7 a 9" in said[2]
