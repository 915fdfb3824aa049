"""What a sealed panel leaves behind it: a thief of the disk and a reader of the topics try every account (law 17)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cior_connectors.builtin.dc09 import source as receiver
from cior_connectors.builtin.dc09.panel import Answer
from cior_core import identity
from cior_core.model import DataClass, Device

HOME = "CA9A9"
KEY = b"k" * 32  # the station's centre key


def sealed_home() -> Device:
    return Device(id=f"panel:{HOME}", kind="panel", data_class=DataClass.SEALED, unencrypted=True)


def written(folder: Path) -> bytes:
    return b"\n".join(bytes(path) + path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_law_17_the_disk_names_nobody_who_pressed_in_silence(station: Any) -> None:
    station.registry = {f"panel:{HOME}": sealed_home()}
    async with station.running():
        assert (await station.panel(HOME).contact_id("121")).answer is Answer.ACK
        (journal,) = station.state.rglob(receiver.WINDOW_FILE)
        keys = [line.split()[0] for line in journal.read_text(encoding="ascii").splitlines()]
    assert [identity.is_pseudonym(key) for key in keys] == [True], "only the centre's key makes these"
    assert HOME.encode() not in written(station.state)
    assert all(path.stat().st_mode & 0o077 == 0 for path in station.state.rglob("*") if path.is_file())


async def test_law_17_the_id_of_a_raw_record_is_no_digest_that_a_reader_can_try(
    station: Any, monkeypatch: Any
) -> None:
    station.registry = {f"panel:{HOME}": sealed_home()}
    tried: list[tuple[str, str]] = []

    def noted(source: str, payload_digest: str, **fields: Any) -> Any:
        tried.append((source, payload_digest))
        return identity.raw_id(source, payload_digest, **fields)

    monkeypatch.setattr("cior_connectors._runtime.pipeline.raw_id", noted)
    async with station.running():
        assert (await station.panel(HOME).contact_id("121")).answer is Answer.ACK
    assert tried
    assert all(identity.is_pseudonym(digest) for _, digest in tried)


async def test_law_17_a_sealed_panel_speaks_under_the_name_it_is_missed_under_whatever_it_says(
    station: Any,
) -> None:
    station.registry = {f"panel:{HOME}": sealed_home()}
    async with station.running() as instance:
        panel = station.panel(HOME)
        assert (await panel.supervise()).answer is Answer.ACK
        assert (await panel.contact_id("121")).answer is Answer.ACK
        assert (await panel.contact_id("301")).answer is Answer.ACK
        told = instance.signs.due(now_ms=instance.now_ms() + 4_000_000)
    supervised = identity.device_pseudonym(KEY, f"panel:{HOME}")
    assert {event.subject for event in told} == {supervised}
    assert {event.type for event in told} >= {"heartbeat"}
    (press,) = station.sink.decoded()
    assert press.type == "silent"
    assert press.subject != supervised, "no alert shows the name under which it is missed"
    assert all(HOME.encode() not in message.key + message.value for message in station.sink.messages)
