"""A notify connector of a test: the real source with real listeners and channels, on a bus that is a list."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from cior_connectors.builtin.notify.config import NotifyConfig, WatcherSection, WebhookSection
from cior_connectors.builtin.notify.source import NotifySource
from cior_connectors.contract import Accepted, ActingContext, Received, Secret
from cior_core.duty import DutyBook
from cior_core.errors import SourceUnavailable
from cior_core.model import DEFAULT_AREA, Action, AlertId, AreaId, Command, CommandKind, Receipt

SECRET = "a secret of the test alone"
DUTY = """
otherwise = "supervisor"
person = [
  { id = "ana", name = "Ana Paz" }, { id = "eva", name = "Eva Ruiz" }, { id = "jefa", name = "Jefa", language = "en" },
  { id = "mara", name = "Mara Gil" },
]
[[team]]
id = "police"
name_es = "Policía"
name_en = "Police"
shift = [{ starts = "00:00", ends = "00:00", people = ["ana"], deputies = ["eva"] }]
[[team]]
id = "supervisor"
name_es = "Supervisión"
name_en = "Supervision"
shift = [{ starts = "00:00", ends = "00:00", people = ["jefa"] }]
[[team]]
id = "response_team"
name_es = "Equipo"
name_en = "Team"
sealed = true
shift = [{ starts = "00:00", ends = "00:00", people = ["mara"] }]
[[team]]
id = "ambulance"
name_es = "Ambulancia"
name_en = "Ambulance"
"""
CONTACTS = """
[ana]
sms = "+54 9 261 555-0001"
[eva]
sms = "+54 9 261 555-0002"
[jefa]
sms = "+54 9 261 555-0003"
[mara]
sms = "+54 9 261 555-0004"
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def command(number: int = 1, **changes: Any) -> Command:
    """Tell the police of a panic button in the north, now."""
    at_ms = now_ms()
    told: dict[str, Any] = {
        "id": f"cmd-{number}",
        "kind": CommandKind.NOTIFY,
        "alert_id": AlertId(f"alert-{number}"),
        "area": DEFAULT_AREA,
        "target": "team:police",
        "issued_ms": at_ms,
        "expires_ms": at_ms + 60_000,
        "protocol": "panic_transport",
        "step": "tell_police",
        "parameters": {
            "text_es": "Avisar a la policía.",
            "text_en": "Tell the police.",
            "level": "P1",
            "type": "panic.bus",
            "district": "norte",
            "life_safety": True,
        },
    }
    return Command(**{**told, **changes})


class Lent:
    """What a runtime lends; remembers what was said. ``away``: so many words are not taken; ``duty``: what the register
    keeps.
    """

    instance = "avisos"
    max_payload_bytes = 100_000

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.receipts: list[Receipt] = []
        self.actions: list[Action] = []
        self.health: list[str] = []
        self.away = 0
        self.duty: DutyBook | None = None

    def now_ms(self) -> int:
        return now_ms()

    def keyed(self, *words: str) -> str:
        return "-".join(words)

    def keyed_before(self, *_words: str) -> tuple[str, ...]:
        return ()

    def degraded(self, reason: str, /) -> None:
        self.health.append(reason)

    def recovered(self) -> None:
        self.health.append("")

    async def answer(self, receipt: Receipt, /, *, area: AreaId) -> None:
        assert area == DEFAULT_AREA
        self._taken()
        self.receipts.append(receipt)

    async def decide(self, action: Action, /) -> None:
        self._taken()
        self.actions.append(action)

    def _taken(self) -> None:
        if self.away:
            self.away -= 1
            raise SourceUnavailable("bus.away", "away")


class Desk:
    """Use as a context manager. ``troubles``: what it said on the log of its own teams; ``beats``: of watchers."""

    def __init__(
        self, folder: Path, url: str, *, duty: str = DUTY, contacts: str = CONTACTS, **config: Any
    ) -> None:
        self.folder = folder
        self.lent = Lent(folder / "state")
        self.lent.state_dir.mkdir(exist_ok=True)
        (folder / "duty.toml").write_text(duty, encoding="utf-8")
        private = folder / "contacts.toml"
        private.touch(mode=0o600)
        private.write_text(contacts, encoding="utf-8")
        given: dict[str, Any] = {
            "directory": str(folder / "duty.toml"),
            "contacts": str(private),
            "public_url": "http://127.0.0.1:1",
            "port": 0,
            "webhook": (WebhookSection(name="sms", url=url, secret=Secret(SECRET), try_s=1.0),),
            "watcher": (WatcherSection(name="torre", secret=Secret(SECRET)),),
        }
        self.source = NotifySource(NotifyConfig(**{**given, **config}))
        self.troubles: list[dict[str, Any]] = []
        self.beats: list[bytes] = []

    async def __aenter__(self) -> Self:
        assert isinstance(self.lent, ActingContext)
        await self.source.open(self.lent)
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.source.close()

    async def _read(self) -> None:
        async for received in self.source.receive():
            self._take(received)
            await received.ack(Accepted(events=1))

    def _take(self, received: Received) -> None:
        if received.facts.details["via"] == "own":
            self.troubles.append(msgspec.json.decode(received.payload))
        else:
            self.beats.append(received.payload)

    def local(self, link: str) -> str:
        """The link as it is reached here."""
        return f"http://127.0.0.1:{self.source.port}/a/{link.rsplit('/', 1)[1]}"

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(each.outcome, each.detail) for each in self.lent.receipts]


async def fetch(
    method: str, url: str, *, data: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of one request."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=data or None, headers=headers) as answer,
    ):
        return answer.status, await answer.text()
