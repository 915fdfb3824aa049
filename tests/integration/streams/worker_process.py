"""One stream worker as a process of its own: ``python worker_process.py DSN ROLE STATE_DIR WORKER WORKERS
[SESSION_MS]``.

``TABLE_DELAY_S``: so long takes each entry of a table on its way to the client that sends it, as on a machine that is
busy with other things. ``SLOW_S``: so long takes each message of the bulk lanes. ``STEP_S``: so long takes each step.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from faust.transport.producer import ProducerBuffer

from cior_bus.message import RecordIn
from cior_bus.metrics import Metrics
from cior_bus.metrics_endpoint import MetricsEndpoint
from cior_bus.settings import BusSettings
from cior_bus.signing import RING, ActionOpener
from cior_city import packs
from cior_core.model import Device, Effect, Item
from cior_streams.bulk import Bulk
from cior_streams.correlating import Correlation
from cior_streams.runner import run_worker
from cior_streams.settings import Role, StreamSettings
from cior_streams.wiring import Domain

DEVICES = (
    Device(id="box-quiet", kind="tracker", expected_every_s=1.0),
    Device(id="box-talks", kind="tracker", expected_every_s=1.0),
)


def delay_tables(delay_s: float) -> None:
    send = ProducerBuffer._send_pending

    async def late(buffer: ProducerBuffer, entry: Any) -> None:
        await asyncio.sleep(delay_s)
        await send(buffer, entry)

    ProducerBuffer._send_pending = late  # type: ignore[method-assign, assignment]


def slow_bulk(slow_s: float) -> None:
    handle = Bulk.envelope

    async def slowly(self: Bulk, record: RecordIn) -> None:
        await asyncio.sleep(slow_s)
        await handle(self, record)

    Bulk.envelope = slowly  # type: ignore[method-assign]


def slow_steps(step_s: float) -> None:
    step = Correlation._step

    def slowly(self: Correlation, state: Any, item: Item) -> tuple[Any, tuple[Effect, ...]]:
        time.sleep(step_s)
        return step(self, state, item)

    Correlation._step = slowly  # type: ignore[method-assign]


def main(dsn: str, role: str, state_dir: str, worker: str, workers: str, session_ms: str = "6000") -> int:
    logging.basicConfig(level=os.environ.get("LOG", "WARNING"))
    settings = StreamSettings(
        bus=BusSettings.from_dsn(dsn, session_timeout_ms=int(session_ms)),
        role=Role(role),
        state_dir=Path(state_dir),
        worker=worker,
        workers=int(workers),
        stall_s=float(os.environ.get("STALL_S", "20")),
    )
    if delay := os.environ.get("TABLE_DELAY_S"):
        delay_tables(float(delay))
    if slow := os.environ.get("SLOW_S"):
        slow_bulk(float(slow))
    if step := os.environ.get("STEP_S"):
        slow_steps(float(step))
    opens = ActionOpener(settings.state_dir / RING)
    domain = Domain.of(packs.rule_pack(), packs.taxonomy(), known=DEVICES, opens=opens)
    metrics = Metrics()
    with MetricsEndpoint(metrics) as endpoint:
        return run_worker(settings, domain, metrics=metrics, metrics_url=endpoint.url)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
