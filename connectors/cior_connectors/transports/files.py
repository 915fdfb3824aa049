"""A folder into which a system drops files: one file is one payload with its exact bytes.

The acknowledgement is the file's move to ``done/`` (to ``quarantine/`` when nobody could decode it), after its bytes
are durable. Exports of many rows need no code: ``cad_drop`` reads them by configuration alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, BinaryIO, Literal

from msgspec import Meta

from cior_connectors.contract import (
    Accepted,
    ConnectorConfig,
    Facts,
    OpenContext,
    Outcome,
    ProbeReport,
    Received,
    Refused,
)
from cior_connectors.drop_folder import Folder, fingerprint
from cior_core.errors import SourceUnavailable


class FilesConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which folder, which files, and when one is whole."""

    folder: Annotated[str, Meta(description="Where the files are put.", examples=["/srv/alarms/inbox"])]
    pattern: Annotated[str, Meta(description="File names to take (shell pattern).", examples=["*.json"])] = (
        "*"
    )
    ready: Annotated[
        Literal["rename", "mark", "stable"],
        Meta(
            description="When a file is whole: it gets its name at the end; a `<name>.done` mark appears; its size "
            "rests for stable_s."
        ),
    ] = "stable"
    stable_s: Annotated[float, Meta(gt=0, description="Rest that counts as whole, in seconds.")] = 2.0
    poll_s: Annotated[float, Meta(gt=0, description="How often to look, in seconds.")] = 1.0
    finish: Annotated[
        Literal["move", "ack_file"],
        Meta(description="Acknowledge by moving the file, or by writing `<name>.ack` beside it."),
    ] = "move"


class FilesSource:
    """The five verbs but ``decode``."""

    kind = "files"

    def __init__(self, config: FilesConfig) -> None:
        self._config = config
        self._ctx: OpenContext | None = None
        self._folder: Folder | None = None
        self._busy: dict[str, BinaryIO] = {}
        self._refused = asyncio.Event()

    async def open(self, ctx: OpenContext) -> None:
        """Take hold of the folder. Raises ``SourceUnavailable`` (``<kind>.folder``)."""
        await self.close()
        self._ctx, self._refused = ctx, asyncio.Event()
        folder = Folder(self._config, now_ms=ctx.now_ms)
        try:
            folder.open()
        except OSError as error:
            raise self._no_folder() from error
        self._folder = folder

    async def receive(self) -> AsyncIterator[Received]:
        """Whole files, oldest first; looks again every ``poll_s``.

        After a refusal it raises ``SourceUnavailable``: the file lies where it was and is read again.
        """
        while True:
            for name in self._ready():
                if (received := self._received(name)) is not None:
                    yield received
                if self._refused.is_set():
                    break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._refused.wait()
            if self._refused.is_set():
                raise SourceUnavailable(f"{self.kind}.refused", "a file was not taken: it is read again")

    async def close(self) -> None:
        """Let go of folder and files; idempotent."""
        for stream in self._busy.values():
            stream.close()
        self._busy.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()

    async def probe(self) -> ProbeReport:
        """Look into the folder as real work does."""
        folder = Folder(self._config, now_ms=lambda: 0)
        try:
            folder.open()
            waiting = folder.ready(set(), rested=True)
        except OSError as error:
            return ProbeReport(ok=False, detail=f"the folder cannot be read: {error.strerror}")
        finally:
            folder.close()
        return ProbeReport(ok=True, detail=f"the folder can be read, {len(waiting)} files wait")

    def _ready(self) -> list[str]:
        if self._folder is None:
            raise SourceUnavailable(f"{self.kind}.closed", "the folder is not open")
        try:
            return self._folder.ready(set(self._busy))
        except OSError as error:
            raise self._no_folder() from error

    def _received(self, name: str) -> Received | None:
        folder, ctx = self._folder, self._ctx
        assert folder is not None
        assert ctx is not None
        stream: BinaryIO | None = None
        try:
            stream = folder.take(name)
            identity = fingerprint(name, stream)
            raw = stream.read(ctx.max_payload_bytes + 1)
        except OSError as error:
            if stream is not None:
                stream.close()
            ctx.degraded(f"a file cannot be read: {error.strerror}")
            return None
        self._busy[name] = stream
        facts = Facts(
            source=f"urn:cior:{self.kind}:{ctx.instance}",
            peer=self._config.folder,
            truncated_from_bytes=stream.seek(0, 2) if len(raw) > ctx.max_payload_bytes else None,
            authenticated=True,  # the folder's owner wrote it
        )

        async def ack(outcome: Outcome) -> None:
            self._settle(name, stream, identity, outcome)

        return Received(payload=raw[: ctx.max_payload_bytes], facts=facts, ack=ack)

    def _settle(self, name: str, stream: BinaryIO, identity: str, outcome: Outcome) -> None:
        folder, ctx = self._folder, self._ctx
        if folder is None or ctx is None or self._busy.get(name) is not stream:
            return
        if isinstance(outcome, Refused):
            self._refused.set()
            return
        good = isinstance(outcome, Accepted)
        try:
            # What was replaced or has grown since is another file: it is read in its turn.
            if folder.same(name, stream) and fingerprint(name, stream) == identity:
                told: dict[str, int | str] = {"fingerprint": ctx.keyed("file", identity)}
                folder.finish(name, stream, good=good, sealed=outcome.sealed, report=told)
        except OSError as error:
            ctx.degraded(f"a file that is durable cannot be moved: {error.strerror}")
            return  # it stays busy, so that it is not taken again before the folder is opened anew
        del self._busy[name]
        stream.close()

    def _no_folder(self) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self.kind}.folder", "the folder cannot be read", cure="create it and give this user access"
        )
