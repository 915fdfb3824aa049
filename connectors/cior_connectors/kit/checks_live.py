"""Checks on the real socket: the connector's own source, spoken to by the author's peer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cior_connectors.contract import Source
from cior_connectors.kit.checks_runtime import opened, running, until
from cior_connectors.kit.subject import Bench, CheckFailed, NotApplicable, Peer, Subject

ANSWER_S = 20.0


async def live_reply_after_durable(subject: Subject) -> None:
    """A device that sends while the sink is held hears nothing good until it is released; then it does."""
    async with _live(subject) as (bench, source, peer):
        bench.sink.hold()
        sending = asyncio.ensure_future(peer.send(source, subject.first_decodable().raw, within_s=ANSWER_S))
        await until(lambda: bench.sink.waiting > 0, "the payload never reached the bus")
        await asyncio.sleep(0.1)
        if sending.done() and sending.result().accepted:
            raise CheckFailed("the device was told 'accepted' before its bytes were durable (law 1)")
        bench.sink.release()
        answer = await sending
    if not answer.accepted:
        raise CheckFailed(f"durable, and the device heard: {answer.detail}")


async def live_refusal(subject: Subject) -> None:
    """A device that sends when nothing can be made durable is not told 'accepted'; with capacity again it is."""
    async with _live(subject) as (bench, source, peer):
        bench.sink.full = True
        answer = await peer.send(source, subject.first_decodable().raw, within_s=1.0)
        if answer.accepted:
            raise CheckFailed(f"nothing is durable, and the device heard: {answer.detail}")
        bench.sink.full = False
        answer = await peer.send(source, subject.first_decodable().raw, within_s=ANSWER_S)
        if not answer.accepted:
            raise CheckFailed(f"there is capacity again, and the device heard: {answer.detail}")


async def live_bytes_exact(subject: Subject) -> None:
    """The raw record, or the box that is in its place, holds exactly the bytes that the device sent."""
    async with _live(subject) as (bench, source, peer):
        for sample in subject.samples[:5]:
            before = len(bench.sink.raws())
            await peer.send(source, sample.raw, within_s=0.5)

            def recorded(known: int = before) -> bool:
                return len(bench.sink.raws()) > known

            await until(recorded, f"samples/{sample.name} left no raw record")
            record = bench.sink.raws()[before]
            kept = opened(subject, record.payload).payload if record.sealed else record.payload
            if kept != sample.raw:
                raise CheckFailed(f"samples/{sample.name}: the raw record is not what was sent")


async def open_close(subject: Subject) -> None:
    """Three times open and close on one source, close twice, close unopened; a waiting ``receive`` is cancelled in
    time.
    """
    if subject.peer is None:
        raise NotApplicable("no peer: the source cannot be opened here")
    with TemporaryDirectory(prefix="cior-kit-") as folder:
        config = subject.peer.config(subject.config, Path(folder))
        source = subject.source(config)
        await source.close()
        with subject.bench(source, config=config) as bench:
            for _ in range(3):
                await source.open(bench.instance)
                waiting = asyncio.ensure_future(anext(source.receive()))
                await asyncio.sleep(0.02)
                began = time.monotonic()
                waiting.cancel()
                await asyncio.wait({waiting}, timeout=3.0)
                await source.close()
                await source.close()
                if time.monotonic() - began > 2.0:
                    raise CheckFailed("cancelling and closing took more than two seconds")


async def probe_tells(subject: Subject) -> None:
    """``probe`` says yes to a working far side, in a sentence without secrets."""
    if subject.peer is None:
        raise NotApplicable("no peer: there is no far side to probe")
    with TemporaryDirectory(prefix="cior-kit-") as folder:
        report = await subject.source(subject.peer.config(subject.config, Path(folder))).probe()
    if not report.ok or len(report.detail) < 5:
        raise CheckFailed(f"probe of a working far side says: {report.detail}")


@asynccontextmanager
async def _live(subject: Subject) -> AsyncIterator[tuple[Bench, Source, Peer]]:
    peer = subject.peer
    if peer is None:
        raise NotApplicable("no peer: nobody to speak on the socket")
    if not subject.kind.manifest.acknowledges:
        raise NotApplicable("acknowledges = false: the far side hears nothing")
    with TemporaryDirectory(prefix="cior-kit-") as folder:
        config = peer.config(subject.config, Path(folder))
        source = subject.source(config)
        with subject.bench(source, config=config) as bench:
            async with running(bench):
                await until(lambda: bench.instance.book.health.state.value == "up", "the source did not open")
                yield bench, source, peer
