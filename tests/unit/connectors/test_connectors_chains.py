"""An instance chains what it takes, clear and sealed apart, and states the clear head in its accounts (law 15)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cior_connectors._runtime import codes
from cior_connectors.contract import Accepted, Facts, Outcome, Received, Refused
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.scripted import ScriptedSource
from cior_core.chain import Defect, verify
from cior_core.model import RawRecord
from cior_core.raw_chain import record_digest, seen
from unit.connectors.pressing import FACTS, SUBJECT, pressing

SEALED = msgspec.structs.replace(FACTS, sealed=True)


async def taken(*presses: tuple[bytes, Facts]) -> tuple[list[RawRecord], list[dict[str, Any]]]:
    """The raw records of an instance that took these, and what its accounts said."""
    source = ScriptedSource(pressing(), list(presses))
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == len(presses), "not answered")
        said = [event.attributes for event in bench.sink.events() if event.type == codes.ACCOUNTING]
        return bench.sink.raws(), said


def walk(records: Sequence[RawRecord], pins: dict[int, str] | None = None) -> tuple[Defect, ...]:
    entries = sorted(map(seen, records), key=lambda each: -each.place.seq)
    return verify(entries[0].place.chain, entries, pins=pins).defects


async def test_law_15_records_are_chained_in_the_order_of_receipt_and_the_accounts_state_the_head() -> None:
    raws, said = await taken(*((b"bus-%d" % n, FACTS) for n in range(30)))
    assert [record.chain.seq for record in raws if record.chain] == list(range(1, 31))
    head = said[-1]
    assert (head["chain"], head["chain_seq"]) == (raws[0].chain and raws[0].chain.chain, 30)
    assert walk(raws, pins={30: head["chain_head"]}) == ()
    assert head["chain_head"] == record_digest(raws[-1])


async def test_law_15_whatever_of_a_record_is_changed_its_chain_tells() -> None:
    raws, said = await taken(*((b"bus-%d" % n, FACTS) for n in range(3)))
    pins = {3: said[-1]["chain_head"]}
    for change in (
        {"payload": b"other", "sha256": "00" * 32},
        {"subject": "bus-9"},
        {"received_ms": raws[1].received_ms + 1},
        {"facts": {"~peer": "203.0.113.9"}},
        {"drill": True},
        {"events": 0},
        {"source": "urn:cior:toy:other"},
        {"producer": msgspec.structs.replace(raws[1].producer, instance="other")},
    ):
        forged = [raws[0], msgspec.structs.replace(raws[1], **change), raws[2]]
        assert [each.code for each in walk(forged, pins)] == ["changed"], change


async def test_law_15_the_sealed_chain_is_another_one_and_nothing_tells_its_length() -> None:
    presses = [(b"bus-%d" % n, SEALED if n % 3 == 0 else FACTS) for n in range(12)]
    raws, said = await taken(*presses)
    clear = [record for record in raws if not record.sealed]
    sealed = [record for record in raws if record.sealed]
    assert [record.chain.seq for record in clear if record.chain] == list(range(1, 9)), (
        "no gap where one is sealed"
    )
    assert [record.chain.seq for record in sealed if record.chain] == list(range(1, 5))
    assert walk(sealed) == ()
    names = {record.chain.chain for record in sealed if record.chain}
    assert len(names) == 1
    name = names.pop()
    assert name.startswith("sealed/p-")
    assert "kit" not in name, "the instance's name could name a person"
    assert said[-1]["chain_seq"] == 8
    assert name not in repr(said)
    assert record_digest(sealed[-1]) not in repr(said)


async def test_what_is_refused_leaves_a_hole_that_the_next_record_declares() -> None:
    """Neither broker nor spool took three presses, and their sources were told so."""
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS), (b"bus-2", FACTS), (b"bus-3", FACTS)])
    with SUBJECT.bench(source) as bench:
        bench.sink.hold()
        async with running(bench):
            await until(lambda: bench.sink.waiting > 0, "never published")
            bench.sink.full = True
            bench.sink.release()
            await until(lambda: len(source.answers) == 3, "not answered")
            assert {type(each) for each in source.answers.values()} == {Refused}
            bench.sink.full = False
            told: list[Outcome] = []

            async def answer(outcome: Outcome) -> None:
                told.append(outcome)

            pipeline = bench.instance.pipeline
            await pipeline.ingest([pipeline.stamp(Received(payload=b"bus-4", facts=FACTS, ack=answer))])
            assert told == [Accepted(events=1)]
        (record,) = bench.sink.raws()
    assert record.chain is not None
    assert record.chain.seq == 4
    assert record.chain.void.startswith("1-3:")
    assert walk([record]) == ()


async def test_law_2_a_chain_that_cannot_be_written_stops_no_press(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
            await until(
                lambda: any(
                    event.attributes.get("code") == "connector.chain_unwritten"
                    for event in bench.sink.events()
                ),
                "no alarm",
            )
        assert source.answers[0] == Accepted(events=1)
        assert [record.chain for record in bench.sink.raws()] == [None]
