"""A poller for far sides that are asked over HTTP and answer with a JSON list, or ``{"items": [...], "next": "..."}``.

The mark (what ``next`` said, sent back as ``after``) moves only when every item before it is durable (law 1), so the
next request is the acknowledgement. What an answer repeats unchanged since the last durable one is the far side's
state, not another signal, and is not taken again.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Meta

from cior_connectors.contract import (
    ConnectorConfig,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
    Secret,
)
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable

STATE_FILE = "poll.json"
MAX_WAIT_S = 3600.0


class PollConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to ask, how often, and how its answer is laid out."""

    url: Annotated[str, Meta(description="What to ask (GET).", examples=["https://api.example.org/alarms"])]
    token: Annotated[
        Secret | None, Meta(description="Sent as `Authorization: Bearer`.", examples=["env:ALARMS_TOKEN"])
    ] = None
    ca_file: Annotated[
        str, Meta(description="Authority of the server's certificate; empty: the system's.")
    ] = ""
    poll_s: Annotated[float, Meta(gt=0, description="Pause between two questions, in seconds.")] = 5.0
    timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for an answer, in seconds.")] = 10.0
    max_answer_bytes: Annotated[int, Meta(ge=1024, description="Longest answer.")] = 8_000_000
    items_key: Annotated[str, Meta(description="Key of the list in an answer that is an object.")] = "items"
    next_key: Annotated[str, Meta(description="Key of the mark in an answer that is an object.")] = "next"
    after_param: Annotated[str, Meta(description="Parameter in which the mark goes back.")] = "after"

    def __post_init__(self) -> None:
        address = urlsplit(self.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError("url must be an http or https address")
        if (
            self.token
            and address.scheme == "http"
            and address.hostname not in {"127.0.0.1", "::1", "localhost"}
        ):
            raise ValueError("a token over plain http could be read by anybody: use https")


class _State(msgspec.Struct):
    """What is durable: the far side's mark, and digests of the items of its last answer (with the centre's key)."""

    after: str = ""
    seen: tuple[str, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    items: tuple[bytes, ...]
    after: str | None


class PollSource:
    """The five verbs but ``decode``. A payload is one item of the list with its exact bytes."""

    kind = "poll"

    def __init__(self, config: PollConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._session: aiohttp.ClientSession | None = None
        self._state = _State()

    async def open(self, ctx: OpenContext) -> None:
        """Read the mark. Raises ``ConfigInvalid`` (``<kind>.ca_file``)."""
        await self.close()
        self._ctx, self._state = ctx, _read_state(ctx.state_dir / STATE_FILE)
        self._session = self._new_session()

    async def receive(self) -> AsyncIterator[Received]:
        """Items of each answer; asks again when all of them have been judged.

        Raises ``SourceUnavailable`` when one was refused: it is asked for again, and nothing is lost.
        """
        while True:
            answer = await self._ask(self._opened, self._state.after)
            batch = _Batch(len(answer.items))
            digests = tuple(self._digest(item) for item in answer.items)
            for item, digest in zip(answer.items, digests, strict=True):
                if digest in self._state.seen:
                    batch.settle(refused=False)
                else:
                    yield self._received(item, batch)
            await batch.done.wait()
            if batch.refused:
                raise SourceUnavailable(
                    f"{self.kind}.refused", "an item was not taken: it is asked for again"
                )
            self._keep(
                _State(after=self._state.after if answer.after is None else answer.after, seen=digests)
            )
            await asyncio.sleep(self._config.poll_s)

    async def close(self) -> None:
        """Hang up; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def probe(self) -> ProbeReport:
        """Ask as real work does, and keep nothing."""
        try:
            async with self._new_session() as session:
                answer = await self._ask(session, "")
        except CiorError as error:
            return ProbeReport(ok=False, detail=error.sentence)
        return ProbeReport(ok=True, detail=f"the far side answers, with {len(answer.items)} items")

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise SourceUnavailable(f"{self.kind}.closed", "the poller is not open")
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        config = self._config
        headers = {"Accept": "application/json"}
        if config.token is not None:
            headers["Authorization"] = f"Bearer {config.token.reveal()}"
        tls: ssl.SSLContext | bool = True
        if config.ca_file:
            try:
                tls = ssl.create_default_context(cafile=config.ca_file)
            except OSError as error:
                raise ConfigInvalid(
                    f"{self.kind}.ca_file", "ca_file cannot be read", cure="name a PEM file of the authority"
                ) from error
        return aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=config.timeout_s),
            connector=aiohttp.TCPConnector(ssl=tls),
        )

    async def _ask(self, session: aiohttp.ClientSession, after: str) -> _Answer:
        params = {self._config.after_param: after} if after else {}
        try:
            # A redirection would carry the token to whoever it names.
            async with session.get(self._config.url, params=params, allow_redirects=False) as response:
                self._refuse_status(response)
                body = await self._body(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SourceUnavailable(
                f"{self.kind}.away", f"the far side does not answer ({type(error).__name__})"
            ) from error
        return _cut(body, self._config)

    def _refuse_status(self, response: aiohttp.ClientResponse) -> None:
        if response.status in {401, 403}:
            raise CredentialsRefused(
                f"{self.kind}.credentials",
                f"the far side refuses the token ({response.status})",
                cure="renew it",
            )
        if response.status != 200:
            told = response.headers.get("Retry-After", "")
            raise SourceUnavailable(
                f"{self.kind}.status",
                f"the far side answers {response.status}",
                retry_after_s=min(float(told), MAX_WAIT_S) if told.isdecimal() else None,
            )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            body += chunk
            if len(body) > self._config.max_answer_bytes:
                raise SourceUnavailable(
                    f"{self.kind}.too_long", "the answer is longer than max_answer_bytes", cure="ask for less"
                )
        return bytes(body)

    def _digest(self, item: bytes) -> str:
        assert self._ctx is not None
        return self._ctx.keyed("item", item.decode("latin-1"))

    def _received(self, item: bytes, batch: _Batch) -> Received:
        assert self._ctx is not None
        limit = self._ctx.max_payload_bytes
        address = urlsplit(self._config.url)
        facts = Facts(
            source=f"urn:cior:{self.kind}:{self._ctx.instance}",
            peer=address.hostname or "",
            content_type="application/json",
            truncated_from_bytes=len(item) if len(item) > limit else None,
            authenticated=address.scheme == "https",  # its certificate was checked
        )

        async def ack(outcome: Outcome) -> None:
            batch.settle(refused=isinstance(outcome, Refused))

        return Received(payload=item[:limit], facts=facts, ack=ack)

    def _keep(self, state: _State) -> None:
        if state == self._state or self._ctx is None:
            return
        self._state = state
        _write_state(self._ctx.state_dir / STATE_FILE, state)


class _Batch:
    """The items of one answer: how many have not been judged, and whether one was refused."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.refused = False
        self.done = asyncio.Event()
        if not size:
            self.done.set()

    def settle(self, *, refused: bool) -> None:
        self.refused = self.refused or refused
        self._left -= 1
        if self._left <= 0:
            self.done.set()


def _cut(body: bytes, config: PollConfig) -> _Answer:
    """The items of an answer as they stand in it; a body that is no such list is one item, which nobody can decode."""
    whole = _Answer(items=(body,), after=None)
    try:
        found: Any = msgspec.json.decode(body, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        if isinstance(found, list):
            return _Answer(items=tuple(map(bytes, found)), after=None)
        items = msgspec.json.decode(found[config.items_key], type=list[msgspec.Raw])
        mark = msgspec.json.decode(found.get(config.next_key, b"null"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return whole
    if mark is not None and not isinstance(mark, str | int):
        return whole
    return _Answer(items=tuple(map(bytes, items)), after=None if mark is None else str(mark))


def _read_state(path: Path) -> _State:
    """No state, or one that a crash left unreadable, is none: the far side is asked for everything again."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        return _State()


def _write_state(path: Path, state: _State) -> None:
    """Whole or not at all, for its owner alone."""
    fresh = path.with_suffix(".tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(msgspec.to_builtins(state), stream)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
