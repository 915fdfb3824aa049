"""The far sides, over real sockets: an HTTP server that fails in every way there is, an SMTP server with STARTTLS and
sign-in, and the certificates of both.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class _Peer:
    """A listener whose conversations end with it."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._listens_with, self._talks = tls, set[asyncio.Task[None]]()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._listens_with)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2.0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class HttpPeer(_Peer):
    """Answers the first calls as ``script`` says, then 200.

    A step is a status, a whole answer in bytes, ``hang`` (never), ``half`` (a cut head), ``drop`` (closes at once).
    """

    def __init__(self, *script: int | bytes | str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.script, self.calls = list(script), list[Call]()

    @property
    def url(self) -> str:
        return f"http{'s' if self._listens_with else ''}://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.calls.append(Call(method=method, path=path, headers=headers, body=body))
        await self._reply(writer, self.script.pop(0) if self.script else 200)

    async def _reply(self, writer: asyncio.StreamWriter, step: int | bytes | str) -> None:
        match step:
            case "hang":
                await asyncio.sleep(60)
            case "half":
                writer.write(b"HTTP/1.1 200 O")
            case bytes():
                writer.write(step)
            case int():
                writer.write(f"HTTP/1.1 {step} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            case _:
                pass


class SmtpPeer(_Peer):
    """One mail server: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, QUIT. ``replies`` change what a verb hears, once
    each; ``drop_after_data`` closes the line instead of saying that it has the first mail.
    """

    def __init__(
        self,
        *,
        certificate: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: dict[str, str] | None = None,
        replies: dict[str, list[str]] | None = None,
        drop_after_data: bool = False,
    ) -> None:
        super().__init__(certificate if implicit else None)
        self._certificate, self._implicit, self._users = certificate, implicit, users or {}
        self._replies, self._drops = replies or {}, drop_after_data
        self.mails: list[tuple[str, str, bool]] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_secret, is_known, to = self._implicit, not self._users, ""
        writer.write(b"220 peer ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            if (changed := self._replies.get(verb)) and (reply := changed.pop(0)):
                writer.write(reply.encode() + b"\r\n")
            elif verb == "EHLO":
                offers = ["250-peer", *([] if is_secret or not self._certificate else ["250-STARTTLS"])]
                offers += ["250-AUTH PLAIN"] if self._users and is_secret else []
                writer.write("\r\n".join([*offers, "250 8BITMIME"]).encode() + b"\r\n")
            elif verb == "STARTTLS" and self._certificate:
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(self._certificate)
                is_secret = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                is_known = self._users.get(user) == password
                writer.write(b"235 ok\r\n" if is_known else b"535 no\r\n")
            elif verb == "RCPT":
                to = line
                writer.write(b"250 ok\r\n" if is_known else b"530 sign in\r\n")
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.mails.append((to, mail, is_secret))
                if self._drops:
                    self._drops = False
                    break
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")


def certificate(folder: Path, *, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, str]:
    """A server's context for ``name``, and the file of the authority (itself) that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    named: x509.GeneralName = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / f"{name}.key").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context, str(folder / f"{name}.pem")


async def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Poll; fail when it does not come true."""
    for _ in range(int(within_s * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"did not happen within {within_s:.0f} s")
