"""Commands over a real topic: whoever dies between taking, acting and answering acts once, and answers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import AlertId, AreaId, Command, CommandKind, DeadLetter, Receipt
from integration.bus.brokers import Broker

CHILD = Path(__file__).with_name("obeying_process.py")


def command(name: str, *, target: str = "block:b-1", expires_in_s: float = 60) -> Command:
    now_ms = time.time_ns() // 1_000_000
    return Command(
        id=name,
        kind=CommandKind.SIREN_ON,
        alert_id=AlertId("a-1"),
        area=AreaId("norte"),
        target=target,
        issued_ms=now_ms,
        expires_ms=now_ms + round(expires_in_s * 1000),
        protocol="panic_community",
        step="siren",
    )


def start(broker: Broker, folder: Path, kill_at: str = "never") -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        argv = [sys.executable, str(CHILD), broker.settings.dsn, str(folder), kill_at]
        return subprocess.Popen(argv, stdout=log, stderr=log)


def send(broker: Broker, *messages: MessageOut) -> None:
    patient = msgspec.structs.replace(broker.settings, ack_wait_s=20.0)
    with Bus(patient) as bus:
        bus.publish_sync(list(messages))


def receipts(broker: Broker, *, at_least: int) -> list[tuple[bytes | None, Receipt]]:
    rows = broker.values(topics.RECEIPTS.name, at_least=at_least)
    return [(key, each) for key, value in rows for each in codec.records(Kind.RECEIPT, value)]


@pytest.mark.crash
def test_law_4_a_kill_between_journal_device_and_receipt_acts_once_and_is_answered(
    broker: Broker, tmp_path: Path
) -> None:
    Topics(broker.settings).ensure()
    points = ("taken", "began", "acted", "ended", "published", "told")
    answered: dict[str, set[bytes]] = {}
    for point in points:
        killed = start(broker, tmp_path, point)
        send(broker, MessageOut.of(command(point)))
        assert killed.wait(60) == -signal.SIGKILL, (tmp_path / "log").read_text()
        heir = start(broker, tmp_path)
        try:
            deadline = time.monotonic() + 60
            while point not in answered:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                for key, receipt in receipts(broker, at_least=len(answered) + 1):
                    assert key == b"norte"
                    answered.setdefault(receipt.command_id, set()).add(codec.encode(receipt))
        finally:
            heir.terminate()
            heir.wait(20)
    did = (tmp_path / "did").read_text().split()
    assert len(did) == len(set(did)), f"acted twice: {did}"
    assert {name: len(said) for name, said in answered.items()} == dict.fromkeys(points, 1), "two voices"
    outcome = {name: codec.decode(Kind.RECEIPT, min(said)) for name, said in answered.items()}
    unheard = {name for name, each in outcome.items() if each.detail == "command.interrupted"}
    assert unheard == {"began", "acted"}, "what the journal knows: it began, and nobody heard the end"
    assert {name for name, each in outcome.items() if each.outcome == "done"} == {*points} - unheard
    assert set(did) == {*points} - {"began"}


def test_what_is_expired_is_answered_and_what_nobody_can_read_is_kept(broker: Broker, tmp_path: Path) -> None:
    Topics(broker.settings).ensure()
    child = start(broker, tmp_path)
    torn = MessageOut(topic=topics.COMMANDS.name, key=b"block:b-1", value=b'{"id":')
    nobody = MessageOut.of(command("to nobody", target="siren"))
    theirs = MessageOut.of(command("theirs", target="block:b-2"))
    late = MessageOut.of(command("late", expires_in_s=-1))
    try:
        send(broker, torn, nobody, theirs, late, MessageOut.of(command("on")))
        found = {receipt.command_id: receipt.outcome for _, receipt in receipts(broker, at_least=2)}
        assert found == {"late": "expired", "on": "done"}
        letters: list[DeadLetter] = [
            letter
            for _, value in broker.values(topics.DEAD.name, at_least=2)
            for letter in codec.records(Kind.DEAD, value)
        ]
    finally:
        child.terminate()
        child.wait(20)
    assert {(letter.code, letter.payload) for letter in letters} == {
        ("codec.malformed", torn.value),
        ("command.target_unreadable", nobody.value),
    }
    assert (tmp_path / "did").read_text().split() == ["on"]
