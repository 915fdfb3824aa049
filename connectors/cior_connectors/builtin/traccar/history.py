"""Traccar's REST API: who its devices are, and what they said since an instant. Bounded in time, size and memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import msgspec

from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_core.errors import CredentialsRefused, SourceUnavailable

DEVICES_A_REQUEST = 50
WINDOW_MS = 3_600_000
MAX_ANSWER_BYTES = 64 * 1_048_576


class ServerDevice(msgspec.Struct, frozen=True):
    """A device of ``/api/devices``; the rest of its object stays as bytes in ``raw``."""

    id: int
    raw: msgspec.Raw
    unique_id: str = ""
    name: str = ""
    category: str | None = None
    last_update: str | None = None


class _Head(msgspec.Struct, rename="camel"):
    id: int
    unique_id: str = ""
    name: str | None = None
    category: str | None = None
    last_update: str | None = None


class _Owner(msgspec.Struct, rename="camel"):
    device_id: int


class History:
    """A client for one run of reconciliation; use as ``async with``."""

    def __init__(self, config: TraccarConfig) -> None:
        self._config = config
        token = config.api_token.reveal() if config.api_token is not None else ""
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self._config.api_timeout_s)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout, raise_for_status=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def devices(self) -> list[ServerDevice]:
        """All devices that the token's user may see."""
        found = []
        for raw in _items(await self._get("devices", [])):
            head = _decode(bytes(raw), _Head)
            found.append(
                ServerDevice(
                    id=head.id,
                    raw=raw,
                    unique_id=head.unique_id,
                    name=head.name or "",
                    category=head.category,
                    last_update=head.last_update,
                )
            )
        return found

    async def messages(self, *, since_ms: int, until_ms: int) -> AsyncIterator[bytes]:
        """``{"position": ..., "device": ...}`` for each stored position, made of the server's own JSON bytes, so ids
        equal the forwarded ones.
        """
        devices = {device.id: device for device in await self.devices() if _spoke_since(device, since_ms)}
        ids = sorted(devices)
        for start_ms in range(since_ms, until_ms, WINDOW_MS):
            for n in range(0, len(ids), DEVICES_A_REQUEST):
                for position in await self._route(
                    ids[n : n + DEVICES_A_REQUEST], start_ms, min(until_ms, start_ms + WINDOW_MS)
                ):
                    owner = devices.get(_decode(bytes(position), _Owner).device_id)
                    if owner is not None:
                        yield b'{"position":' + bytes(position) + b',"device":' + bytes(owner.raw) + b"}"

    async def _route(self, ids: Sequence[int], from_ms: int, to_ms: int) -> list[msgspec.Raw]:
        query = [("deviceId", str(each)) for each in ids]
        return _items(
            await self._get("reports/route", [*query, ("from", _iso(from_ms)), ("to", _iso(to_ms))])
        )

    async def _get(self, path: str, query: list[tuple[str, str]]) -> bytes:
        assert self._session is not None
        url = f"{self._config.api_url.rstrip('/')}/{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            async with self._session.get(url) as answer:
                if answer.status in {401, 403}:
                    raise CredentialsRefused(
                        "traccar.api_token",
                        "Traccar refuses the API token",
                        cure="give a token of a read-only user",
                    )
                if answer.status != 200:
                    raise SourceUnavailable("traccar.api_status", f"Traccar's API answered {answer.status}")
                return await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SourceUnavailable(
                "traccar.api_away", f"Traccar's API cannot be reached ({type(error).__name__})"
            ) from error


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise SourceUnavailable(
                "traccar.api_too_much", "an answer of Traccar's API is larger than 64 MiB"
            )
        parts.append(part)
    return b"".join(parts)


def _items(body: bytes) -> list[msgspec.Raw]:
    items: list[msgspec.Raw] = _decode(body, list[msgspec.Raw])
    return items


def _decode(body: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SourceUnavailable(
            "traccar.api_shape",
            "Traccar's API answers in a shape we do not know",
            cure="check api_url and Traccar's version",
        ) from error


def _spoke_since(device: ServerDevice, since_ms: int) -> bool:
    """Devices whose last update lies before the interval have nothing in it; one without a last update is asked."""
    if device.last_update is None:
        return True
    try:
        return datetime.fromisoformat(device.last_update).timestamp() * 1000 >= since_ms
    except ValueError:
        return True


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
