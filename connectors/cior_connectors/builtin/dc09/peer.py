"""The conformance kit's peer: one panel on the real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import msgspec

from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.frame import Frame, Framer
from cior_connectors.builtin.dc09.source import Dc09Source
from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer


class Dc09Peer:
    """Writes the bytes as they are and waits for an ACK."""

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:  # noqa: ARG002  needs no folder
        """The example on a free port of loopback."""
        return cast("Dc09Config", msgspec.structs.replace(example, host="127.0.0.1", port=0))

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:
        """One TCP connection. No answer within ``within_s`` is not accepted."""
        assert isinstance(source, Dc09Source)
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
                writer.write(payload)
                reply = (await _frame(reader)).body
        except (TimeoutError, OSError) as error:
            return Answer(accepted=False, detail=f"no answer ({type(error).__name__})")
        finally:
            if writer is not None:
                writer.close()
        return Answer(accepted=b'ACK"' in reply, detail=reply.decode("ascii", "replace").strip())


async def _frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame; its CRC may be raw bytes that look like an end. Raises ``ConnectionResetError``."""
    framer = Framer(max_bytes=65_546)
    while data := await reader.read(4096):
        if frames := framer.feed(data):
            return frames[0]
    raise ConnectionResetError("the receiver hung up without an answer")
