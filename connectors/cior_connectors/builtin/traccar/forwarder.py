"""Traccar's side of the wire: builds and posts forwarded messages.

For the city simulator, the conformance kit and load tests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Self

import aiohttp


def iso(at_ms: int) -> str:
    """An instant as Traccar writes it: ``2026-11-22T01:02:03.000+00:00``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def message(  # noqa: PLR0913  the facts of one position
    *,
    unique_id: str,
    device_ms: int,
    lat: float | None = None,
    lon: float | None = None,
    alarm: str = "",
    speed_kn: float = 0.0,
    fix_ms: int | None = None,
    server_ms: int | None = None,
    number: int = 1,
    category: str = "bus",
    model: str = "",
    name: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """``{position, device}`` in the shape that Traccar forwards. ``changes`` replace keys of ``position``."""
    located = lat is not None and lon is not None
    position: dict[str, Any] = {
        "id": 0,
        "attributes": {"motion": speed_kn > 0, **({"alarm": alarm} if alarm else {})},
        "deviceId": number,
        "protocol": "teltonika",
        "serverTime": iso(server_ms if server_ms is not None else device_ms + 400),
        "deviceTime": iso(device_ms),
        "fixTime": iso(fix_ms if fix_ms is not None else device_ms),
        "outdated": False,
        "valid": located,
        "latitude": lat if located else 0.0,
        "longitude": lon if located else 0.0,
        "altitude": 0.0,
        "speed": speed_kn,
        "course": 0.0,
        "address": None,
        "accuracy": 0.0,
        "network": None,
    }
    device = {
        "id": number,
        "attributes": {},
        "name": name or unique_id,
        "uniqueId": unique_id,
        "status": "online",
        "category": category,
        "model": model or None,
    }
    return {"position": position | changes, "device": device}


class Forwarder:
    """Posts as Traccar does. ``post`` gives status and body; a connection error is an ``OSError`` of aiohttp."""

    def __init__(
        self,
        url: str,
        *,
        secret: str = "",
        header: str = "X-CIOR-Token",
        hmac_secret: str = "",
        timeout_s: float = 60.0,
    ) -> None:
        self._url = url
        self._secret = secret
        self._header = header
        self._hmac_secret = hmac_secret
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout_s), connector=aiohttp.TCPConnector(limit=64)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, payload: bytes | dict[str, Any]) -> tuple[int, bytes]:
        """Send one message as it is (bytes) or as JSON."""
        assert self._session is not None
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers[self._header] = self._secret
        if self._hmac_secret:
            headers["X-Signature-256"] = (
                "sha256=" + hmac.new(self._hmac_secret.encode(), body, hashlib.sha256).hexdigest()
            )
        async with self._session.post(self._url, data=BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.read()
