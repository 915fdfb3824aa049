"""No broker and no room on disk: life-safety is refused upstream with 503 and alarmed, nothing is dropped silently;
room again, taken again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
import structlog

from cior_bus import topics
from cior_bus.embedded.tansu import Tansu, free_port
from cior_bus.spool import SpoolLimits
from cior_connectors._runtime import process
from cior_connectors._runtime.settings import read_centre
from cior_connectors.builtin.traccar.forwarder import Forwarder, message
from integration.connectors.connector_process import SECRET, ConnectorProcess, listens, make_topics
from integration.connectors.topic_reading import Topics

pytestmark = [pytest.mark.tansu, pytest.mark.timeout(120)]
NOW_MS = 1_795_305_600_000


@pytest.mark.crash
async def test_law_11_a_full_spool_refuses_presses_with_503_and_raises_an_alarm(
    tansu: Tansu, tmp_path: Path
) -> None:
    make_topics(tansu.bootstrap)
    port = free_port()
    ConnectorProcess(tmp_path, bootstrap=tansu.bootstrap, port=port)
    tansu.kill()
    stop, answered = asyncio.Event(), []
    limits = SpoolLimits(life_safety_bytes=40_000, segment_bytes=8_192)
    with structlog.testing.capture_logs() as lines:
        running = asyncio.ensure_future(
            process.run(
                msgspec.structs.replace(read_centre(tmp_path / "centre.toml"), accounting_every_s=0.3),
                [tmp_path / "norte.toml"],
                stop=stop,
                limits=limits,
            )
        )
        async with Forwarder(f"http://127.0.0.1:{port}/traccar", secret=SECRET) as forwarder:
            while not listens(port):
                assert not running.done()
                await asyncio.sleep(0.05)
            statuses, status = [], 0
            for n in range(40):
                body = message(
                    unique_id=f"unit-{n:03d}",
                    device_ms=NOW_MS + n,
                    lat=-32.95,
                    lon=-60.64,
                    alarm="sos",
                    number=n,
                )
                status, _ = await forwarder.post(body)
                statuses.append(status)
                if status == 202:
                    answered.append(f"vehicle:unit-{n:03d}")
            refused_now = statuses[-1]
            tansu.start()
            make_topics(tansu.bootstrap)
            for _ in range(200):
                status, _ = await forwarder.post(
                    message(unique_id="unit-later", device_ms=NOW_MS, lat=-32.95, lon=-60.64, alarm="sos")
                )
                if status == 202:
                    break
                await asyncio.sleep(0.1)
        found = await asyncio.to_thread(
            Topics(tansu.bootstrap).events, topics.URGENT.name, at_least=len(answered) + 2
        )
        stop.set()
        await running
    assert refused_now == 503
    assert 5 < len(answered) < 40
    assert status == 202
    presses = {event.subject for event in found if event.type == "panic.bus"}
    assert set(answered) <= presses, "whatever was answered is there"
    alarms = [
        event
        for event in found
        if event.type == "source.degraded" and event.attributes.get("code") == "connector.refusing"
    ]
    assert alarms, "the refusal reached the urgent lane once there was room"
    assert [line["event"] for line in lines].count("life_safety_refused") >= 1
