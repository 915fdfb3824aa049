"""The runtime around a connector, on an in-memory bus: crash loops, silence, accounts, answers that fail, stopping."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from cior_connectors._runtime import codes
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.process import load_taxonomy
from cior_connectors.contract import Accepted, Decoded, Facts
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.scripted import Marker, ScriptedSource
from cior_core.errors import ConfigInvalid, CredentialsRefused, PayloadRejected
from cior_core.model import DataClass, Lane
from unit.connectors.pressing import FACTS, SUBJECT, pressing, stamped


async def test_a_crash_loop_becomes_slow_retries_under_an_operator_alert_and_goes_on() -> None:
    class Buggy(ScriptedSource):
        async def open(self, ctx: Any) -> None:
            self.opened += 1
            if self.opened <= 6:
                raise RuntimeError("vendor library")

    source = Buggy(pressing(), [(b"bus-1", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "gave up")
            await until(
                lambda: any(
                    event.attributes.get("code") == "connector.restarting_slowly"
                    for event in bench.sink.events()
                ),
                "no alert",
            )
        alerts = [
            event
            for event in bench.sink.events()
            if event.attributes.get("code") == "connector.restarting_slowly"
        ]
    assert alerts[0].lane is Lane.URGENT
    assert source.opened == 7


@pytest.mark.parametrize(
    "error", [ConfigInvalid("toy.config", "wrong"), CredentialsRefused("toy.password", "wrong")]
)
async def test_what_needs_a_human_is_told_at_once_and_a_life_safety_line_still_tries_again(
    error: Exception,
) -> None:
    class Refused2(ScriptedSource):
        async def open(self, ctx: Any) -> None:
            self.opened += 1
            if self.opened == 1:
                raise error

    source = Refused2(pressing(), [(b"bus-1", FACTS)])
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "gave up")
        types = [event.type for event in bench.sink.events() if event.raw is None]
    assert types[:2] == [codes.DEGRADED, codes.DEGRADED]
    assert codes.RESTORED in types


async def test_silence_beyond_the_expected_is_an_event_and_speech_ends_it() -> None:
    source = ScriptedSource(pressing(), [])
    with SUBJECT.bench(source, expect_every_s=0.05) as bench:
        async with running(bench):
            await until(
                lambda: any(event.type == codes.SILENT_SOURCE for event in bench.sink.events()),
                "silence was not noticed",
            )
            assert bench.instance.book.health.reason == "source.silent"


async def test_each_minute_says_what_was_taken_and_what_became_of_it() -> None:
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS), (b"\xff", FACTS), Marker.IDLE])
    with SUBJECT.bench(source) as bench:
        bench.instance._around = msgspec.structs.replace(bench.instance._around, accounting_every_s=0.1)
        async with running(bench):
            await until(
                lambda: any(event.type == codes.ACCOUNTING for event in bench.sink.events()), "no accounting"
            )
        minutes = [event.attributes for event in bench.sink.events() if event.type == codes.ACCOUNTING]
    total = {
        name: sum(minute[name] for minute in minutes)
        for name in ("received", "accepted", "rejected", "refused", "events", "dead")
    }
    assert total == {"received": 2, "accepted": 1, "rejected": 1, "refused": 0, "events": 2, "dead": 1}
    assert sum(record.events for record in bench.sink.raws()) == total["events"]
    assert sum(record.dead for record in bench.sink.raws()) == total["dead"]


async def test_an_answer_that_finds_the_peer_gone_or_a_bug_does_not_cost_the_next_unit() -> None:
    def gone(position: int, outcome: object) -> None:
        if position == 0:
            raise BrokenPipeError
        if position == 1:
            raise ValueError("author's bug")

    source = ScriptedSource(pressing(), [(f"bus-{n}".encode(), FACTS) for n in range(3)], on_answer=gone)
    with SUBJECT.bench(source) as bench:
        async with running(bench):
            await until(lambda: 2 in source.answers, "the third was not answered")
        assert bench.metrics.value(m.UNANSWERED, "kit") == 2
        assert len(bench.sink.raws()) == 3


def test_the_runtimes_own_types_are_in_the_taxonomy() -> None:
    taxonomy = load_taxonomy()
    assert [taxonomy[code] for code in codes.OWN]
    assert taxonomy[codes.UNDECODED].life_safety
    assert taxonomy[codes.SILENT].data_class is DataClass.SEALED


async def test_stopping_while_a_publish_hangs_takes_less_than_two_seconds_and_accepts_nothing() -> None:
    source = ScriptedSource(pressing(), [(b"bus-1", FACTS)] * 500)
    with SUBJECT.bench(source, max_in_flight=10) as bench:
        bench.sink.hold()
        task = asyncio.ensure_future(bench.instance.run())
        await until(lambda: bench.sink.waiting > 0, "never published")
        task.cancel()
        began = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - began < 2.2
    assert not any(isinstance(outcome, Accepted) for outcome in source.answers.values())


def test_payload_rejected_is_the_one_word_decode_has() -> None:
    def decode(raw: bytes, facts: Facts) -> Decoded:
        raise PayloadRejected("toy.crc", "the sum is wrong")

    decoded = guarded(decode, b"x", stamped())
    assert (decoded.code, decoded.reason, decoded.trace_id) == ("toy.crc", "the sum is wrong", None)
