"""The channels over HTTP: a signed webhook, ntfy, Matrix. One way to call, one judgement of what came back.

A 2xx is yes. 408, 425, 429 and 5xx mean again, after ``Retry-After`` if one is given (RFC 9110 §10.2.3); so do a cut or
missing answer, a time-out and a certificate that does not hold. 401 and 403 are keys, the rest is configuration:
neither is cured by asking again. Redirections are not followed: they would carry the message elsewhere.
"""

from __future__ import annotations

import hmac
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote

import aiohttp
import msgspec

from cior_connectors.builtin.notify.channels import Limits, Message
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable

SIGNATURE, TIMESTAMP, KEY = "X-CIOR-Signature", "X-CIOR-Timestamp", "Idempotency-Key"
_AGAIN = frozenset({408, 425, 429})
_KEYS = frozenset({401, 403})
_LONGEST_RETRY_AFTER_S = 60.0
_READ_BYTES = 16_384
_encode = msgspec.json.Encoder().encode


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=<hex>``: HMAC-SHA256 over ``timestamp.body`` (UTC seconds), so that no recorded call counts later."""
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256)
    return "sha256=" + mac.hexdigest()


class HttpCaller:
    """One session to one far side. ``authority``: a PEM file of a certificate authority of its own; empty: the
    system's.
    """

    def __init__(self, name: str, *, limits: Limits, authority: str = "") -> None:
        self.name, self.limits, self._authority = name, limits, authority
        self._session: aiohttp.ClientSession | None = None

    async def call(self, method: str, url: str, *, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises ``SourceUnavailable``, ``CredentialsRefused`` or ``ConfigInvalid`` (``notify.*``)."""
        sent = {"Content-Type": "application/json", **headers}
        try:
            async with self._open().request(
                method, url, data=body, headers=sent, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:
                    self._refused(answer.status, await self._wait_s(answer))
        except aiohttp.ClientSSLError as error:
            raise self._away("notify.tls", error) from error
        except aiohttp.InvalidURL as error:
            raise ConfigInvalid(
                "notify.address", f"{self.name}: no address", cure="correct its url"
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._away("notify.away", error) from error

    async def close(self) -> None:
        """Release the session; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self.limits.try_s),
                connector=aiohttp.TCPConnector(ssl=trusting(self._authority), limit=self.limits.at_once),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _refused(self, status: int, wait_s: float | None) -> None:
        if status in _KEYS:
            raise CredentialsRefused(
                "notify.credentials", f"{self.name} answered {status}", cure="give it a new token or secret"
            )
        if status in _AGAIN or status >= 500:
            raise SourceUnavailable(
                f"notify.http_{status}", f"{self.name} answered {status}", retry_after_s=wait_s
            )
        raise ConfigInvalid(
            f"notify.http_{status}", f"{self.name} answered {status}", cure="check its url and the contact"
        )

    def _away(self, code: str, error: BaseException) -> SourceUnavailable:
        return SourceUnavailable(code, f"{self.name}: {type(error).__name__}")

    @staticmethod
    async def _wait_s(answer: aiohttp.ClientResponse) -> float | None:
        """How long it asks to be left alone: the header, or Matrix's ``retry_after_ms``."""
        wait_s = retry_after_s(answer.headers.get("Retry-After", ""), now_s=time.time())
        if wait_s is None and answer.status == 429:
            try:
                told = msgspec.json.decode(await answer.content.read(_READ_BYTES), type=_Throttled)
                wait_s = told.retry_after_ms / 1000
            except (msgspec.MsgspecError, aiohttp.ClientError, TimeoutError, UnicodeDecodeError):
                return None
        return None if wait_s is None else min(max(wait_s, 0.0), _LONGEST_RETRY_AFTER_S)


class _Throttled(msgspec.Struct):
    retry_after_ms: float


def retry_after_s(text: str, *, now_s: float) -> float | None:
    """Seconds of a ``Retry-After`` (a number, or an HTTP date); None when there is none that can be read."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now_s
    except (TypeError, ValueError):
        return None


def trusting(authority: str) -> ssl.SSLContext:
    """TLS that verifies. Raises ``ConfigInvalid`` (``notify.authority``)."""
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigInvalid(
            "notify.authority",
            f"the authority's file cannot be read ({type(error).__name__})",
            cure="give a PEM file",
        ) from error


class Webhook(HttpCaller):
    """POST of a signed JSON document; the address is given in it as ``to``."""

    def __init__(self, name: str, *, url: str, secret: str, limits: Limits, authority: str = "") -> None:
        super().__init__(name, limits=limits, authority=authority)
        self._url, self._secret = url, secret

    async def send(self, message: Message, /) -> None:
        """See :class:`~cior_connectors.builtin.notify.channels.Channel`."""
        body = _encode(
            {
                "id": message.key,
                "to": message.address,
                "level": f"P{message.rank}",
                "title": message.title,
                "text": message.body,
                "link": message.link,
                "language": message.language,
                "drill": message.drill,
                "until_ms": message.until_ms,
            }
        )
        timestamp = str(int(time.time()))
        headers = {KEY: message.key, TIMESTAMP: timestamp, SIGNATURE: sign(self._secret, timestamp, body)}
        await self.call("POST", self._url, body=body, headers=headers)


class Ntfy(HttpCaller):
    """Publishes JSON to an ntfy server; the address is the topic, which is as good as a password."""

    def __init__(self, name: str, *, url: str, token: str, limits: Limits, authority: str = "") -> None:
        super().__init__(name, limits=limits, authority=authority)
        self._url, self._token = url, token

    async def send(self, message: Message, /) -> None:
        """See :class:`~cior_connectors.builtin.notify.channels.Channel`."""
        told: dict[str, object] = {
            "topic": message.address,
            "title": message.title,
            "message": message.body,
            "priority": max(1, 6 - message.rank),
            "sequence_id": message.key,
        }
        if message.link:
            told["click"] = message.link
        headers = {KEY: message.key, **_bearer(self._token)}
        await self.call("POST", self._url, body=_encode(told), headers=headers)


class Matrix(HttpCaller):
    """Sends ``m.room.message`` to a room; the server itself knows copies by the transaction id (client-server API
    §8.6.2).
    """

    def __init__(self, name: str, *, url: str, token: str, limits: Limits, authority: str = "") -> None:
        super().__init__(name, limits=limits, authority=authority)
        self._url, self._token = url.rstrip("/"), token

    async def send(self, message: Message, /) -> None:
        """See :class:`~cior_connectors.builtin.notify.channels.Channel`."""
        room = quote(message.address, safe="")
        url = f"{self._url}/_matrix/client/v3/rooms/{room}/send/m.room.message/{message.key}"
        body = _encode({"msgtype": "m.text", "body": f"{message.title}\n{message.body}"})
        await self.call("PUT", url, body=body, headers=_bearer(self._token))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
