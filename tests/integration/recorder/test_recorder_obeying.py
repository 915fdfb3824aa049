"""A press, the correlator's own command over a real broker, the recorder that obeys, its receipt, and the ring that is
kept: what the protocol says is what stays (law 7).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.obeying import Obeyer
from cior_bus.producer import Bus
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Command, CommandKind, Effect, IssueCommand, Receipt
from cior_core.rules import RulePack
from cior_core.scenario import Signal
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from cior_recorder.obeying import HoldKeeper
from cior_video.clock import SystemClock
from doubles.courts import NoOrders
from integration.bus.brokers import Broker, broker
from integration.recorder.court_ring import HOUR_MS, filmed, sweeper, there
from unit.correlate.conftest import pack
from unit.correlate.histories import play

__all__ = ["broker", "pack"]


def commands(effects: tuple[Effect, ...], *, now_ms: int) -> list[Command]:
    """Those of the press, as if it were pressed now."""
    issued = [each.command for each in effects if isinstance(each, IssueCommand)]
    return [_at(each, now_ms - each.issued_ms) for each in issued if each.kind is CommandKind.HOLD_VIDEO]


def _at(command: Command, moved_ms: int) -> Command:
    times = {name: value + moved_ms for name, value in command.parameters.items()}
    return msgspec.structs.replace(
        command,
        issued_ms=command.issued_ms + moved_ms,
        expires_ms=command.expires_ms + moved_ms,
        parameters=times,
    )


async def answered(broker: Broker, wanted: int) -> list[Receipt]:
    rows = await asyncio.to_thread(broker.values, topics.RECEIPTS.name, at_least=wanted, timeout_s=60)
    return [each for _, value in rows for each in codec.records(Kind.RECEIPT, value)]


@pytest.mark.slow
async def test_law_7_a_press_keeps_what_its_protocol_says_through_a_real_broker_and_the_recorder_answers(
    broker: Broker, tmp_path: Path, clip: Path, pack: RulePack
) -> None:
    Topics(broker.settings).ensure()
    ring, now_ms = tmp_path / "ring", SystemClock().now_ms()
    old, just_before = now_ms - HOUR_MS, now_ms - 240_000
    filmed(ring, clip, "plaza", at_ms=(old, just_before))
    press = Signal(
        at_s=0, event="panic.stop", source="stop-9", attributes={"cameras": ["plaza", "elsewhere"]}
    )
    asked = commands(play([press], pack).effects, now_ms=now_ms)
    assert sorted(each.target for each in asked) == ["camera:elsewhere", "camera:plaza"]
    with Bus(broker.patient) as bus:
        keeper = HoldKeeper(
            ring, {"plaza": Ledger(ring, "plaza")}, holds=Holds(ring), hold_days=60,
            now_ms=SystemClock().now_ms, metrics=Metrics(),
        )  # fmt: skip
        obeyer = Obeyer(
            keeper, name="recorder.prueba", broker=broker.settings, bus=bus, folder=tmp_path,
            now_ms=SystemClock().now_ms, metrics=Metrics(), kinds=[CommandKind.HOLD_VIDEO], is_repeatable=True,
        )  # fmt: skip
        obeying = asyncio.create_task(obeyer.run())
        await bus.publish([MessageOut.of(each) for each in asked])
        (receipt,) = await answered(broker, 1)
        obeying.cancel()
        with suppress(asyncio.CancelledError):
            await obeying
    assert (receipt.device, receipt.outcome) == ("plaza", "done"), receipt
    assert receipt.detail.startswith("kept=3 missing=0 ")
    (kept,) = Holds(ring).active()
    pressed_ms = asked[0].parameters["from_ms"] + 300_000
    assert (kept.from_ms, kept.to_ms) == (pressed_ms - 300_000, pressed_ms + 600_000)
    later_ms = now_ms + 30 * 86_400_000
    sweeper(ring, NoOrders(), ("plaza",), now_ms=later_ms).sweep(keep_ms=HOUR_MS, reserve_bytes=0)
    assert there(ring, "plaza") == [(just_before + n * 1000) // 1000 * 1000 for n in range(3)]
