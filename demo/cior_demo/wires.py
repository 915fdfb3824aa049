"""The wires: each sends what the real device or system sends and waits for the answer as it does.

``TraccarWire`` posts Traccar's position-forwarding JSON (knots, ISO times) and retries as Traccar does: 100 ms
doubling, ten tries. ``PanelWire`` is the DC-09 panel client of the connector room. ``CadWire`` drops files as a CAD
export job does: written under another name, then renamed.
"""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from cior_connectors.builtin.dc09 import frame
from cior_connectors.builtin.dc09.panel import Answer, Panel, PanelSettings, encode
from cior_demo.roster import Actor

KNOTS_PER_KMH = 1 / 1.852
_TRIES = 10
_FIRST_PAUSE_S = 0.1
_PANEL_ATTEMPTS = 8
"""With the pauses between them half a minute, while ten tries of Traccar go on for 51 s: a connector that is started
again on a busy machine may need more than the 7 s of five attempts."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One message: when its first byte left, when the good answer came (None: never), how often it was sent."""

    at_ms: int
    acked_ms: int | None
    attempts: int


def iso(at_ms: int) -> str:
    """Traccar's time format: ISO 8601 with milliseconds and numeric offset."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


class TraccarWire:
    """One Traccar server forwarding to us.

    ``last`` keeps each vehicle's last press body, so that a resend is byte-identical.
    """

    def __init__(self, url: str, secret: str, *, now_ms: Callable[[], int]) -> None:
        self._url = url
        self._headers = {"X-CIOR-Token": secret, "Content-Type": "application/json"}
        self._now_ms = now_ms
        self._ids = itertools.count(1)
        self._devices: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self.last: dict[str, bytes] = {}

    async def position(
        self,
        actor: Actor,
        lat: float,
        lon: float,
        *,
        speed_kmh: float = 0.0,
        alarm: str | None = None,
        valid: bool = True,
        device_ms: int | None = None,
    ) -> Sent:
        """Forward one position; with ``alarm`` it is a press."""
        body = msgspec.json.encode(
            self._payload(actor, lat, lon, speed_kmh=speed_kmh, alarm=alarm, valid=valid, device_ms=device_ms)
        )
        if alarm is not None:
            self.last[actor.name] = body
        return await self.raw(body)

    async def raw(self, body: bytes, *, tries: int = _TRIES) -> Sent:
        """Post bytes as they are, with Traccar's retries."""
        at_ms, pause_s = self._now_ms(), _FIRST_PAUSE_S
        for attempt in range(1, tries + 1):
            if await self._post(body):
                return Sent(at_ms=at_ms, acked_ms=self._now_ms(), attempts=attempt)
            if attempt < tries:
                await asyncio.sleep(pause_s)
                pause_s *= 2
        return Sent(at_ms=at_ms, acked_ms=None, attempts=tries)

    async def _post(self, body: bytes) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(total=10)
            )
        try:
            async with self._session.post(self._url, data=body) as answer:
                await answer.read()
                return answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _payload(
        self,
        actor: Actor,
        lat: float,
        lon: float,
        *,
        speed_kmh: float,
        alarm: str | None,
        valid: bool,
        device_ms: int | None,
    ) -> dict[str, Any]:
        now_ms = self._now_ms()
        device_id = self._devices.setdefault(actor.native, len(self._devices) + 1)
        at = iso(device_ms if device_ms is not None else now_ms)
        attributes: dict[str, Any] = {"sat": 9 if valid else 0, "ignition": True, "motion": speed_kmh > 0}
        if alarm is not None:
            attributes["alarm"] = alarm
        position = {
            "id": next(self._ids),
            "deviceId": device_id,
            "protocol": "teltonika",
            "serverTime": iso(now_ms),
            "deviceTime": at,
            "fixTime": at,
            "outdated": False,
            "valid": valid,
            "latitude": lat,
            "longitude": lon,
            "altitude": 25.0,
            "speed": round(speed_kmh * KNOTS_PER_KMH, 3),
            "course": 90.0,
            "accuracy": 0.0,
            "attributes": attributes,
        }
        device = {
            "id": device_id,
            "name": actor.name,
            "uniqueId": actor.native,
            "status": "online",
            "category": actor.kind,
            "attributes": {},
        }
        return {"position": position, "device": device}

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class PanelWire:
    """All panels of the city, each with its own client."""

    def __init__(self, host: str, port: int, *, key: bytes | None, now_ms: Callable[[], int]) -> None:
        self._host, self._port, self._key, self._now_ms = host, port, key, now_ms
        self._panels: dict[str, Panel] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def alarm(self, actor: Actor, code: str, *, qualifier: int = 1) -> Sent:
        """Send an ADM-CID event and wait for its ACK."""
        return await self._deliver(actor, lambda panel: panel.contact_id(code, qualifier=qualifier))

    async def supervise(self, actor: Actor) -> Sent:
        """Send a link test (NULL)."""
        return await self._deliver(actor, lambda panel: panel.supervise())

    async def repeat(self, actor: Actor, code: str, times: int) -> Sent:
        """The same frame ``times`` times on one connection, as a panel does that hears no answer."""
        at_ms = self._now_ms()
        settings = self._settings(actor)
        raw = encode(
            settings,
            token="ADM-CID",  # noqa: S106  SIA DC-09's word for the message format
            sequence=7,
            data=f"#{actor.native}|1{code} 00 001",
            at_ms=at_ms if self._key else None,
        )
        await self.noise(raw * times, listen_s=1.0)
        return Sent(at_ms=at_ms, acked_ms=self._now_ms(), attempts=times)

    async def wrong_crc(self, actor: Actor) -> Sent:
        """A well-formed frame whose checksum is wrong: no answer may come."""
        at_ms = self._now_ms()
        raw = encode(
            PanelSettings(account=actor.native, port=self._port),
            token="ADM-CID",  # noqa: S106  SIA DC-09's word for the message format
            sequence=9,
            data=f"#{actor.native}|1130 00 001",
        )
        broken = raw.replace(raw[1:5], b"0000" if raw[1:5] != b"0000" else b"FFFF", 1)
        answered = await self.noise(broken, listen_s=0.5)
        return Sent(at_ms=at_ms, acked_ms=self._now_ms() if answered else None, attempts=1)

    async def noise(self, raw: bytes, *, listen_s: float = 0.2) -> bytes:
        """Write bytes to the port and return what comes back within ``listen_s``."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        heard = b""
        try:
            writer.write(raw)
            await writer.drain()
            async with asyncio.timeout(listen_s):
                while chunk := await reader.read(4096):
                    heard += chunk
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return heard

    async def _deliver(self, actor: Actor, send: Callable[[Panel], Any]) -> Sent:
        panel = self._panels.setdefault(actor.name, Panel(self._settings(actor), now_ms=self._now_ms))
        async with self._locks.setdefault(actor.name, asyncio.Lock()):
            at_ms = self._now_ms()
            delivery = await send(panel)
        answered = delivery.answer in (Answer.ACK, Answer.DUH)
        return Sent(at_ms=at_ms, acked_ms=self._now_ms() if answered else None, attempts=delivery.attempts)

    def _settings(self, actor: Actor) -> PanelSettings:
        return PanelSettings(
            account=actor.native,
            host=self._host,
            port=self._port,
            key=self._key,
            attempts=_PANEL_ATTEMPTS,
            answer_timeout_s=3.0,
        )

    async def close(self) -> None:
        """Hang up every panel."""
        for panel in self._panels.values():
            await panel.close()


def crc_ok(raw: bytes) -> bool:
    """Whether a frame's checksum is right (for tests of the simulator itself)."""
    framer = frame.Framer(max_bytes=65_546)
    return any(framed.kind is frame.FrameKind.FRAME for framed in framer.feed(raw))


CAD_COLUMNS = ("numero", "creado", "modificado", "tipo", "prioridad", "direccion", "lat", "lon", "estado")


class CadWire:
    """A CAD export: CSV with header, semicolons, decimal commas, CP1252 and local time without a zone, as a municipal
    911 desk really writes it.
    """

    def __init__(self, folder: Path, *, year: int) -> None:
        self._folder = folder
        self._rows: list[Sequence[str]] = []
        self._broken: list[str] = []
        self._files = itertools.count(1)
        self._numbers = itertools.count(1)
        self._year = year
        self.folder_seen: list[Path] = []

    def number(self) -> str:
        """The next call number; a desk starts again each year."""
        return f"{self._year}-{next(self._numbers):06d}"

    def row(  # noqa: PLR0913 - the columns of the export
        self,
        number: str,
        *,
        created: str,
        modified: str,
        nature: str,
        lat: float,
        lon: float,
        address: str,
        state: str = "abierto",
    ) -> None:
        """Put a row into the next file. ``created``/``modified`` are local wall-clock texts."""
        self._rows.append((number, created, modified, nature, "B", address, _comma(lat), _comma(lon), state))

    def broken_row(self, text: str) -> None:
        """Put an unreadable line into the next file."""
        self._broken.append(text)

    def drop(self) -> Path | None:
        """Write and rename the next file; None when there is nothing to write."""
        if not self._rows and not self._broken:
            return None
        text = io.StringIO()
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        writer.writerow(CAD_COLUMNS)
        writer.writerows(self._rows)
        content = (text.getvalue() + "".join(f"{line}\r\n" for line in self._broken)).encode(
            "cp1252", "replace"
        )
        self._rows, self._broken = [], []
        path = self._folder / f"llamadas-{next(self._files):05d}.csv"
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.rename(path)
        self.folder_seen.append(path)
        return path


def _comma(value: float) -> str:
    return f"{value:.6f}".replace(".", ",")
