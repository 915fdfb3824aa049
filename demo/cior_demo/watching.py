"""A wall seen from outside: reads the live feed over HTTP as an open page does, and notes when each alert first
appeared at each level.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec

from cior_core.errors import SourceUnavailable


class Seen(msgspec.Struct, kw_only=True):
    """One alert on the wall.

    ``first_ms``: when it appeared; ``p1_ms``: when it was first P1; ``received_ms``: receipt of its first signal.
    """

    id: str
    first_ms: int
    level: str
    received_ms: int | None = None
    p1_ms: int | None = None
    versions: int = 1
    drill: bool = False


class WallWatch:
    """An open page without a browser. ``run`` until cancelled; reconnects."""

    def __init__(self, wall_url: str) -> None:
        parts = urlsplit(wall_url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._headers = {"Authorization": f"Bearer {parse_qs(parts.query)['token'][0]}"}
        self.seen: dict[str, Seen] = {}
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Follow the feed."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
        async with aiohttp.ClientSession(
            headers=self._headers, timeout=timeout, read_bufsize=2**20
        ) as session:
            while True:
                try:
                    async with session.get(f"{self._base}/api/feed") as stream:
                        await self._follow(stream)
                except (aiohttp.ClientError, TimeoutError):
                    pass
                self.connected.clear()
                await asyncio.sleep(0.2)

    async def _follow(self, stream: aiohttp.ClientResponse) -> None:
        kind, pending = b"", b""
        async for chunk in stream.content.iter_any():
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if line.startswith(b"event: "):
                    kind = line[7:]
                elif line.startswith(b"data: "):
                    self._take(kind, msgspec.json.decode(line[6:]))

    def _take(self, kind: bytes, data: dict[str, Any]) -> None:
        self.connected.set()
        if kind == b"alert":
            self._note(data["alert"])
        elif kind == b"snapshot":
            for alert in data["alerts"]:
                self._note(alert)

    def _note(self, alert: dict[str, Any]) -> None:
        now_ms = time.time_ns() // 1_000_000
        known = self.seen.get(alert["id"])
        if known is None:
            known = Seen(
                id=alert["id"],
                first_ms=now_ms,
                level=alert["level"],
                received_ms=alert.get("received_ms"),
                drill=alert["drill"],
            )
            self.seen[known.id] = known
        else:
            known.versions += 1
        known.level = alert["level"]
        if known.p1_ms is None and alert["level"] == "P1":
            known.p1_ms = now_ms

    async def ask(self, question: str) -> bytes:
        """The raw JSON of a store question. Raises ``SourceUnavailable``."""
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers) as session,
                session.get(f"{self._base}/api/ask/{question}") as answer,
            ):
                body, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _no_answer(f"the wall cannot be reached for {question} ({type(error).__name__})") from error
        if status != 200:
            raise _no_answer(f"the wall answered {status} to {question}")
        return body


def _no_answer(what: str) -> SourceUnavailable:
    return SourceUnavailable("wall.no_answer", what, cure="read the console's log in the log folder")
