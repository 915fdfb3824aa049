"""A source meets its peer: the connector's samples sent by the peer to the real source inside the real runtime.

What ``cior connector check`` runs; needs no test runner.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from cior_connectors.contract import ConnectorConfig
from cior_connectors.kit.checks_live import live_refusal, live_reply_after_durable
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.subject import Bench, CheckFailed, Subject

_ANSWER_S = 20.0


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """How many payloads the peer sent, what became of them, and by whom."""

    peer: str
    payloads: int
    events: int
    dead: int


async def meet(subject: Subject, config: ConnectorConfig | None = None) -> Meeting:
    """Send every sample through ``config`` (the example's when None), and see that nothing is acknowledged before it is
    durable, or when it cannot be.

    Raises :class:`CheckFailed` when it does otherwise, when a sample leaves no record, or when none becomes an event.
    """
    met = await _all_samples(subject, config or subject.config)
    if subject.kind.manifest.acknowledges:
        await live_reply_after_durable(subject)
        await live_refusal(subject)
    return met


async def _all_samples(subject: Subject, config: ConnectorConfig) -> Meeting:
    peer = subject.peer
    if peer is None:
        raise CheckFailed("no peer")
    with TemporaryDirectory(prefix="cior-kit-") as folder:
        given = peer.config(config, Path(folder))
        source = subject.source(given)
        with subject.bench(source, config=given) as bench:
            async with running(bench):
                await until(lambda: bench.instance.book.health.state.value == "up", "the source did not open")
                for sample in subject.samples:
                    before = len(bench.sink.raws())
                    await peer.send(source, sample.raw, within_s=_ANSWER_S)
                    more = partial(_more, bench, before)
                    await until(more, f"what the peer sent of {sample.name} left no record")
            met = Meeting(
                peer=type(peer).__name__,
                payloads=len(subject.samples),
                events=len(bench.sink.decoded()),
                dead=len(bench.sink.dead()),
            )
    if not met.events:
        raise CheckFailed("nothing that the peer sent became an event")
    return met


def _more(bench: Bench, known: int) -> bool:
    return len(bench.sink.raws()) > known
