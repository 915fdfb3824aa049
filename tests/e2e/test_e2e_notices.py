"""A press in an embedded centre reaches a phone, and the link on the phone acknowledges the alert on the wall.

Every part is a real process; the phone is an HTTP server on loopback. Opening the link, as a messenger's preview does,
changes nothing; pressing its button does, once, in the name of whoever is on duty.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from confluent_kafka import Consumer, TopicPartition

from cior_bus import topics
from cior_bus.embedded.tansu import free_port
from cior_bus.signers import opener
from cior_core import signatures
from cior_core.model import Action, ActionKind
from doubles.phone import Phone
from e2e.running_centre import RunningCentre, now_ms, until
from integration.notify.desk import CONTACTS, DUTY, SECRET

pytestmark = [pytest.mark.tansu, pytest.mark.slow, pytest.mark.timeout(300)]

PRESS = "Botón de pánico en colectivo"
NOTICES = """kind = "notify"
name = "avisos"
[config]
directory = "{folder}/duty.toml"
contacts = "{folder}/contacts.toml"
public_url = "http://127.0.0.1:{port}"
port = {port}
[[config.webhook]]
name = "sms"
url = "{phone}"
secret = "{secret}"
"""


def status_of(method: str, url: str) -> int:
    try:
        with urlopen(
            Request(url, method=method, data=b"" if method == "POST" else None), timeout=20
        ) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def write_duty(folder: Path, port: int, phone: Phone) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "duty.toml").write_text(DUTY, encoding="utf-8")
    (folder / "contacts.toml").touch(mode=0o600)
    (folder / "contacts.toml").write_text(CONTACTS, encoding="utf-8")
    text = NOTICES.format(folder=folder, port=port, phone=phone.url, secret=SECRET)
    (folder / "notices.toml").write_text(text, encoding="utf-8")


async def press(centre: RunningCentre) -> None:
    traccar, bus = centre.traccar(), centre.roster.actors["bus-001"]
    await traccar.position(bus, bus.lat, bus.lon, alarm="sos")
    await traccar.close()


def test_a_press_rings_a_phone_and_its_link_acknowledges_the_alert_on_the_wall(tmp_path: Path) -> None:
    phone, port = Phone(), free_port()
    write_duty(tmp_path, port, phone)

    def edit(text: str) -> str:
        return text + '\n[[connector]]\nfile = "notices.toml"\n'

    def statuses() -> list[str]:
        return [row["status"] for row in centre.ask("/api/wall")["alerts"] if row["name_es"] == PRESS]

    with RunningCentre(tmp_path, edit=edit) as centre:
        asyncio.run(press(centre))
        until(
            lambda: any(each["to"].endswith("0001") for each in phone.messages), within_s=60, what="it rings"
        )
        message = next(each for each in phone.messages if each["to"].endswith("0001"))
        until(lambda: statuses() == ["open"], within_s=30, what="the alert is on the wall")
        assert (message["level"], message["title"]) == ("P1", f"Alerta P1: {PRESS}")
        opened = status_of("GET", message["link"])
        assert (opened, statuses()) == (200, ["open"])
        assert status_of("POST", message["link"]) == 200
        until(lambda: statuses() == ["acknowledged"], within_s=30, what="the wall shows it")
        assert status_of("POST", message["link"]) == 410
        act = acted(centre)
        proof = opener(tmp_path / "data" / "keys")(act, at_ms=now_ms())
    phone.close()
    assert (act.kind, act.actor, proof.signer) == (ActionKind.ACKNOWLEDGE, "ana", "notify")


def acted(centre: RunningCentre) -> Action:
    """The one decision on the log."""
    consumer = Consumer(
        {"bootstrap.servers": centre.stack.bus.bootstrap, "group.id": "notices", "enable.auto.commit": False}
    )
    known = consumer.list_topics(timeout=10).topics[topics.ACTIONS.name].partitions
    consumer.assign([TopicPartition(topics.ACTIONS.name, each, 0) for each in known])
    try:
        found = [each.value() for each in consumer.consume(10, timeout=10)]
    finally:
        consumer.close()
    (value,) = found
    return signatures.read(value)
