"""The sink against the in-memory twin: cuts, plans, poison, tombstones, sealing, and a store that is away."""

from __future__ import annotations

import re
import threading
from importlib import resources
from typing import Any

import pytest

from cior_core import codec as bus_codec
from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.model import DataClass, DeadLetter
from cior_store.kinds import ADDITIVE, Entry
from cior_store.memory import MemoryStore
from cior_store.rows import TABLES
from cior_store.sink import Sink, SinkSettings
from cior_store.writers import Plan, Rejected
from integration.store import city


class Crash(Exception):
    """The process is gone."""


class Recorder(MemoryStore):
    """The twin, remembering tokens, able to die at a write."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []
        self.die_at = -1

    def write(self, kind: Kind, entries: Any, *, token: str) -> tuple[Rejected, ...]:
        if len(self.tokens) == self.die_at:
            self.die_at = -1
            raise Crash
        self.tokens.append(token)
        return super().write(kind, entries, token=token)


def sink(book: MemoryStore, letters: list[DeadLetter] | None = None, **settings: Any) -> Sink:
    return Sink(
        book,
        on_dead=(letters if letters is not None else []).append,
        settings=SinkSettings(**settings),
        may_hold=True,
    )


def events(first: int, last: int) -> list[city.Msg]:
    return city.messages("cior.events.v1", [city.event(n) for n in range(first, last)], first=first)


def test_law_4_after_a_crash_the_same_cut_is_made_again() -> None:
    book = Recorder()
    book.die_at = 0
    with pytest.raises(Crash):
        sink(book).write_batch("cior.events.v1", 0, events(0, 30))
    heir = sink(book)
    assert heir.write_batch("cior.events.v1", 0, events(0, 10)).next_offset is None, (
        "the planned batch is not whole yet: nothing to commit"
    )
    held = heir.write_batch("cior.events.v1", 0, events(10, 25))
    assert (held.next_offset, held.held) == (None, 25)
    whole = heir.write_batch("cior.events.v1", 0, events(25, 50))
    assert (whole.next_offset, whole.records, whole.held) == (50, 50, 0)
    assert [token.rsplit("-", 1)[0] for token in book.tokens] == [
        "cior.events.v1-0-0-29",
        "cior.events.v1-0-30-49",
    ]


def test_law_4_every_batch_planned_since_the_last_commit_is_cut_again() -> None:
    book = Recorder()
    book.die_at = 2
    with pytest.raises(Crash):
        sink(book, max_messages=10).write_batch("cior.events.v1", 0, events(0, 50))
    first_life = list(book.tokens)
    sink(book, max_messages=7).write_batch("cior.events.v1", 0, events(0, 50))
    again = book.tokens[len(first_life) :]
    assert again[:2] == first_life
    assert again[2].startswith("cior.events.v1-0-20-29-")


def test_law_4_records_that_come_again_since_the_last_of_their_batches_failed_are_cut_as_before() -> None:
    """A predecessor planned the first thirty; the store went away after them and before the rest."""
    book = Recorder()
    sink(book).write_batch("cior.events.v1", 0, events(0, 30))
    heir = Sink(book, on_dead=lambda _: None)
    book.die_at = 2
    with pytest.raises(Crash):
        heir.write_batch("cior.events.v1", 0, events(0, 50))
    heir.write_batch("cior.events.v1", 0, events(0, 50))
    assert [token.rsplit("-", 1)[0] for token in book.tokens] == [
        "cior.events.v1-0-0-29",
        "cior.events.v1-0-0-29",
        "cior.events.v1-0-0-29",
        "cior.events.v1-0-30-49",
    ]


def test_a_topic_that_starts_again_at_zero_is_not_taken_for_old_batches() -> None:
    book = Recorder()
    sink(book).write_batch("cior.events.v1", 0, events(0, 30))
    fresh = city.messages("cior.events.v1", [city.event(n + 1000) for n in range(10)])
    written = sink(book).write_batch("cior.events.v1", 0, fresh)
    assert written.next_offset == 10
    assert len(book.tables["ops.events"]) == 40


def test_a_revoked_partition_forgets_what_was_held() -> None:
    book = Recorder()
    book.save_plan("cior.events.v1", 0, Plan(first=0, last=20, first_digest=""))
    book.die_at = 0
    with pytest.raises(Crash):
        sink(book).write_batch("cior.events.v1", 0, events(0, 21))
    heir = sink(book)
    assert heir.write_batch("cior.events.v1", 0, events(0, 5)).held == 5
    heir.revoked("cior.events.v1", 0)
    assert heir.write_batch("cior.events.v1", 0, events(0, 21)).next_offset == 21


def test_cuts_are_bounded_by_messages_and_by_bytes() -> None:
    book = Recorder()
    sink(book, max_messages=4).write_batch("cior.events.v1", 0, events(0, 10))
    assert len(book.tokens) == 3
    big = Recorder()
    sink(big, max_bytes=3000).write_batch(
        "cior.raw.v1", 0, city.messages("cior.raw.v1", [city.raw(n, payload=b"x" * 1800) for n in range(3)])
    )
    assert len(big.tokens) == 3


def test_garbage_is_dead_lettered_with_its_bytes_and_the_rest_is_stored() -> None:
    letters: list[DeadLetter] = []
    book = Recorder()
    good = bus_codec.encode(city.event(1))
    batch = [b"", b"{", b"[1, 2", b"\xff\xfe\x00", b'{"specversion":"1.0"}', good, b"null", b"[]", None]
    written = sink(book, letters).write_batch(
        "cior.events.urgent.v1", 2, city.messages("cior.events.urgent.v1", batch, partition=2)
    )
    assert written.next_offset == len(batch)
    assert list(book.tables["ops.events"]) == [("dc09:panel", city.NOON_MS - 400, "event-1")]
    assert [letter.payload for letter in letters] == [
        b"",
        b"{",
        b"[1, 2",
        b"\xff\xfe\x00",
        b'{"specversion":"1.0"}',
        b"null",
    ]
    assert [letter.offset for letter in letters] == [0, 1, 2, 3, 4, 6]
    assert {letter.partition for letter in letters} == {2}
    assert all(letter.code and letter.reason and letter.at_ms == city.NOON_MS for letter in letters)


def test_one_bad_record_of_an_envelope_dies_alone_with_its_own_bytes() -> None:
    letters: list[DeadLetter] = []
    book = Recorder()
    parts = [bus_codec.encode(city.event(1)), b'{"bad": 1}', bus_codec.encode(city.event(2))]
    sink(book, letters).write_batch(
        "cior.telemetry.v1", 0, city.messages("cior.telemetry.v1", [bus_codec.join(parts)])
    )
    assert [letter.payload for letter in letters] == [b'{"bad": 1}']
    assert len(book.tables["ops.events"]) == 2


def test_a_dead_letter_has_the_same_id_at_every_delivery() -> None:
    first: list[DeadLetter] = []
    second: list[DeadLetter] = []
    for letters in (first, second):
        sink(Recorder(), letters).write_batch(
            "cior.events.urgent.v1", 0, city.messages("cior.events.urgent.v1", [b"garbage"])
        )
    assert [letter.id for letter in first] == [letter.id for letter in second]


def test_a_dead_letter_that_cannot_be_read_is_stored_and_not_sent_round() -> None:
    letters: list[DeadLetter] = []
    book = Recorder()
    assert (
        sink(book, letters)
        .write_batch("cior.dead.v1", 0, city.messages("cior.dead.v1", [b"\x00nonsense"]))
        .next_offset
        == 1
    )
    assert letters == []
    (row,) = book.tables["ops.dead_letters"].values()
    assert (row["payload"], row["stage"]) == (b"\x00nonsense", "topic")


def test_law_9_a_sealed_record_on_the_open_topic_still_goes_to_the_sealed_database_only() -> None:
    book = Recorder()
    sink(book).write_batch(
        "cior.raw.v1",
        0,
        city.messages("cior.raw.v1", [city.raw(1, data_class=DataClass.SEALED), city.raw(2)]),
    )
    assert [key[2] for key in book.tables["sealed.raw"]] == ["raw-1"]
    assert [key[2] for key in book.tables["ops.raw"]] == ["raw-2"]


def test_law_9_garbage_on_the_sealed_topic_keeps_its_bytes_out_of_the_open_database() -> None:
    letters: list[DeadLetter] = []
    book = Recorder()
    sink(book, letters).write_batch(
        "cior.sealed.v1", 0, city.messages("cior.sealed.v1", [b"CANARY Rosa Mitre 1234"])
    )
    assert letters[0].data_class is DataClass.SEALED
    book.write(Kind.DEAD, city.entries(letters), token="d")
    assert all(
        b"CANARY" not in value
        for row in book.tables["ops.dead_letters"].values()
        for value in row.values()
        if isinstance(value, bytes)
    )
    assert [row["payload"] for row in book.tables["sealed.dead_payloads"].values()] == [
        b"CANARY Rosa Mitre 1234"
    ]


def test_while_the_store_is_away_nothing_is_committed_and_afterwards_nothing_is_missing() -> None:
    book = MemoryStore()
    book.away = True
    writer = sink(book, backoff_s=0.01)
    timer = threading.Timer(0.3, lambda: setattr(book, "away", False))
    timer.start()
    assert writer.write_batch("cior.events.v1", 0, events(0, 10)).next_offset == 10
    assert not book.away
    assert len(book.tables["ops.events"]) == 10
    timer.join()


def test_stopping_ends_the_wait_without_a_commit() -> None:
    book, stopping = MemoryStore(), threading.Event()
    book.away = True
    writer = Sink(book, on_dead=lambda _: None, stopping=stopping)
    stopping.set()
    with pytest.raises(SourceUnavailable):
        writer.write_batch("cior.events.v1", 0, events(0, 10))
    assert book.tables["ops.events"] == {}


def test_a_dead_letter_that_cannot_be_made_durable_holds_the_commit() -> None:
    calls: list[str] = []
    book = Recorder()

    def flaky(letter: DeadLetter) -> None:
        calls.append(letter.id)
        if len(calls) == 1:
            raise SourceUnavailable("bus.away", "no broker", retry_after_s=0.01)

    writer = Sink(book, on_dead=flaky)
    assert (
        writer.write_batch(
            "cior.events.urgent.v1", 0, city.messages("cior.events.urgent.v1", [b"garbage", city.event(1)])
        ).next_offset
        == 2
    )
    assert len(calls) == 2
    assert len(book.tables["ops.events"]) == 1


def test_an_entry_keeps_the_bytes_it_came_with() -> None:
    spaced = b"  " + bus_codec.encode(city.event(1)).replace(b'"drill"', b'"drill"') + b"  "
    seen: list[Entry] = []

    class Spy(MemoryStore):
        def write(self, kind: Kind, entries: Any, *, token: str) -> tuple[Rejected, ...]:
            seen.extend(entries)
            return super().write(kind, entries, token=token)

    sink(Spy()).write_batch("cior.events.urgent.v1", 0, city.messages("cior.events.urgent.v1", [spaced]))
    assert [entry.body for entry in seen] == [spaced]


def test_a_consumer_that_commits_what_it_hands_over_is_never_held_for() -> None:
    book = Recorder()
    book.die_at = 0
    with pytest.raises(Crash):
        sink(book).write_batch("cior.events.v1", 0, events(0, 30))
    heir = Sink(book, on_dead=lambda _: None)
    assert heir.write_batch("cior.events.v1", 0, events(0, 10)).next_offset == 10
    assert len(book.tables["ops.events"]) == 10


def test_law_4_what_adds_in_a_view_is_cut_by_plan() -> None:
    """A view that sums counts a batch again when it comes again under another cut.

    So whatever table feeds one must be of a kind whose cuts are planned.
    """
    scripts = resources.files("cior_store") / "migrations"
    text = "\n".join(each.read_text() for each in sorted(scripts.iterdir(), key=lambda one: one.name))
    adding = {
        name
        for name, body in re.findall(r"CREATE TABLE IF NOT EXISTS (\S+)(.*?);", text, re.DOTALL)
        if "ENGINE = SummingMergeTree" in body
        or re.search(r"SimpleAggregateFunction\(sum|quantilesTDigest", body)
    }
    fed_by = {
        source
        for target, source in re.findall(
            r"CREATE MATERIALIZED VIEW IF NOT EXISTS \S+ TO (\S+) AS.*?FROM (\S+)", text, re.DOTALL
        )
        if target in adding
    }
    assert len(adding) == 5
    tables = {table for kind in ADDITIVE for table, _, _ in TABLES[kind]}
    assert fed_by <= tables, "plan the cuts of every kind that is written there (kinds.ADDITIVE)"
