"""The repairs of Faust's driver (commits wait for table entries, a rewind reaches every partition, a recovery reads to
the right end), and local tables, which a start never trusts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from cior_bus.settings import BusSettings, Profile
from cior_core.errors import SourceUnavailable
from cior_streams import app as edge
from cior_streams.settings import Role, StreamSettings
from cior_streams.transport import ConfirmedProducer, RewindingConsumer


class Refused(Exception):
    """What a broker says."""


def application(folder: Path) -> Any:
    bus = BusSettings(bootstrap="broker:9092", profile=Profile.TANSU)
    return edge.create_app(StreamSettings(bus=bus, role=Role.URGENT, state_dir=folder))


def test_law_4_a_commit_waits_for_every_table_entry_that_went_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        producer = application(tmp_path).producer
        assert isinstance(producer, ConfirmedProducer)
        monkeypatch.setattr(
            producer.buffer, "put", lambda _entry: None
        )  # on its way; Faust's flush sees nothing
        entry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        producer.send_soon(entry)
        flushing = asyncio.ensure_future(producer.flush())
        await asyncio.sleep(0.3)
        assert not flushing.done()
        entry.set_result(None)
        await asyncio.wait_for(flushing, 5)

    asyncio.run(story())


def test_law_4_nothing_is_committed_past_a_table_entry_that_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        producer = application(tmp_path).producer
        monkeypatch.setattr(producer.buffer, "put", lambda _entry: None)
        entry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        producer.send_soon(entry)
        entry.set_exception(Refused())
        for _ in range(2):
            with pytest.raises(Refused):
                await producer.flush()

    asyncio.run(story())


def test_law_4_a_broker_that_never_confirms_ends_the_flush_with_an_error_and_nothing_is_committed_past_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        producer = application(tmp_path).producer
        monkeypatch.setattr(producer.buffer, "put", lambda _entry: None)
        producer.confirm_within_s = 0.2
        entry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        producer.send_soon(entry)
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match=r"streams\.unconfirmed: 1 table entries"):
                await asyncio.wait_for(producer.flush(), 10)
        assert not entry.cancelled()
        entry.set_result(None)
        await asyncio.wait_for(producer.flush(), 10)

    asyncio.run(story())


def test_law_4_a_broker_whose_client_itself_hangs_ends_the_flush_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_producer: object) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        producer = application(tmp_path).producer
        producer.confirm_within_s = 0.2
        monkeypatch.setattr(driver.Producer, "flush", hangs)
        with pytest.raises(SourceUnavailable, match=r"streams\.unconfirmed"):
            await asyncio.wait_for(producer.flush(), 10)

    asyncio.run(story())


def test_law_4_a_rewind_reaches_partitions_where_nothing_is_committed_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, fresh, zero, table = TP("in", 0), TP("in", 1), TP("in", 2), TP("a-changelog", 0)
    sought: dict[TP, int] = {}

    async def committed(_consumer: object) -> Mapping[TP, int | None]:
        return {known: 7, fresh: None, zero: 0, table: None}

    async def beginnings(_consumer: object, *places: TP) -> Mapping[TP, int]:
        return dict.fromkeys(places, 3)

    async def seek(_consumer: object, places: Mapping[TP, int]) -> None:
        sought.update(places)

    async def story() -> None:
        consumer: Any = application(tmp_path).consumer
        assert isinstance(consumer, RewindingConsumer)
        monkeypatch.setattr(driver.Consumer, "seek_to_committed", committed)
        monkeypatch.setattr(RewindingConsumer, "earliest_offsets", beginnings)
        monkeypatch.setattr(RewindingConsumer, "seek_wait", seek)
        monkeypatch.setattr(RewindingConsumer, "assignment", lambda _consumer: {known, fresh, zero, table})
        monkeypatch.setattr(
            RewindingConsumer, "_is_changelog_tp", lambda _consumer, place: place.topic.endswith("changelog")
        )
        await consumer.seek_to_committed()
        assert sought == {fresh: 3, zero: 3}

    asyncio.run(story())


def test_law_4_a_recovery_reads_its_changelogs_to_the_end_that_readers_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker tells an end before those of the last batch."""
    full, empty = TP("a-changelog", 0), TP("a-changelog", 1)

    async def told(_consumer: object, *_places: TP) -> Mapping[TP, int]:
        return {full: 1, empty: 0}

    async def story() -> None:
        consumer: Any = application(tmp_path).consumer
        monkeypatch.setattr(driver.Consumer, "highwaters", told)
        consumer.transport.ends = lambda told: {place: 20 * end for place, end in told.items()}
        assert await consumer.highwaters(full, empty) == {full: 20, empty: 0}

    asyncio.run(story())


def test_only_the_embedded_broker_is_not_believed_about_ends(tmp_path: Path) -> None:
    async def story() -> None:
        for profile in Profile:
            bus = BusSettings(bootstrap="broker:9092", profile=profile)
            app: Any = edge.create_app(StreamSettings(bus=bus, role=Role.URGENT, state_dir=tmp_path))
            assert (app.transport.ends is not None) is (profile is Profile.TANSU)

    asyncio.run(story())


def test_law_4_a_start_does_not_trust_the_local_tables_of_an_earlier_life(tmp_path: Path) -> None:
    """They may hold entries that never reached the changelog."""
    settings = StreamSettings(
        bus=BusSettings(bootstrap="broker:9092", profile=Profile.KAFKA), role=Role.URGENT, state_dir=tmp_path
    )
    left = settings.datadir / "v1" / "tables" / "areas-0.db"
    left.mkdir(parents=True)
    (left / "000004.log").write_bytes(b"ahead")

    async def story() -> None:
        edge.create_app(settings)

    asyncio.run(story())
    assert settings.datadir.is_dir()
    assert not left.exists()
