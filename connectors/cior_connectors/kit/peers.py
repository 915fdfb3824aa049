"""Peers for the ready transports: each plays one far side on a real socket, or in a real folder.

A manifest names one (``peer = "cior_connectors.kit.peers:LinesPeer"``); a device that speaks otherwise has its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer

__all__ = ["FilesPeer", "HttpPeer", "LinesPeer"]
_LOOK_S = 0.01


class LinesPeer:
    """A device on TCP: says its bytes and waits for ``OK``."""

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:  # noqa: ARG002  the kit's signature
        """The example on a free port of loopback."""
        return msgspec.structs.replace(example, host="127.0.0.1", port=0, tcp=True)

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:
        """One connection, one line, one reply. No answer within ``within_s`` is not accepted."""
        port = vars(source)["port"]
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(payload)
                reply = await reader.readline()
        except (TimeoutError, OSError) as error:
            return Answer(accepted=False, detail=f"no answer ({type(error).__name__})")
        finally:
            if writer is not None:
                writer.close()
        return Answer(accepted=reply == b"OK\n", detail=repr(reply))


class FilesPeer:
    """A system that drops files: writes one aside, gives it its name and waits until it lies in ``done/``."""

    def __init__(self) -> None:
        self._inbox = Path()
        self._files = 0

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:
        """The example on a folder of its own, looking often."""
        self._inbox = folder / "inbox"
        self._inbox.mkdir(exist_ok=True)
        return msgspec.structs.replace(
            example, folder=str(self._inbox), pattern="*", ready="rename", finish="move", poll_s=0.02
        )

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:  # noqa: ARG002  by the folder
        """One file. Accepted when it was moved in time."""
        self._files += 1
        name = f"{self._files:06d}.txt"
        aside = self._inbox / f".{name}"
        aside.write_bytes(payload)
        aside.rename(self._inbox / name)
        try:
            async with asyncio.timeout(within_s):
                while (self._inbox / name).exists():  # noqa: ASYNC110  a folder tells nobody
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return Answer(accepted=False, detail="the file still lies in the inbox")
        # Moved to done/, or deleted because it is sealed and its bytes are durable in their box.
        return Answer(accepted=not (self._inbox / "quarantine" / name).exists(), detail="the file was taken")


class HttpPeer:
    """A server with a list: an item is accepted when a later question says that everything up to it is known."""

    def __init__(self) -> None:
        self._server = _ListServer()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        weakref.finalize(self, _end, self._server, self._thread)

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:  # noqa: ARG002  the kit's signature
        """The example against this server, asking often; with an empty list."""
        self._server.items, self._server.known = [], 0
        url = f"http://127.0.0.1:{self._server.server_address[1]}/items"
        return msgspec.structs.replace(
            example, url=url, poll_s=0.02, items_key="items", next_key="next", after_param="after"
        )

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:  # noqa: ARG002  it asks us
        """One item more. Accepted when the mark behind it comes back in time."""
        self._server.items.append(payload)
        number = len(self._server.items)
        try:
            async with asyncio.timeout(within_s):
                while self._server.known < number:  # noqa: ASYNC110  it is another thread that is asked
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return Answer(accepted=False, detail=f"asked for what comes after {self._server.known}")
        return Answer(accepted=True, detail=f"asked for what comes after {self._server.known}")


class _ListServer(ThreadingHTTPServer):
    """``GET /items?after=2`` gives every item behind the second, and where the list ends now."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ListHandler)
        self.items: list[bytes] = []
        self.known = 0


class _ListHandler(BaseHTTPRequestHandler):
    server: _ListServer

    def do_GET(self) -> None:
        """Answer with the rest of the list."""
        asked = parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]
        after = int(asked) if asked.isdecimal() else 0
        items = self.server.items[:]
        self.server.known = max(self.server.known, after)
        body = b'{"items":[%s],"next":%s}' % (b",".join(items[after:]), json.dumps(str(len(items))).encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Nobody reads it."""


def _end(server: _ListServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()
    server.server_close()
