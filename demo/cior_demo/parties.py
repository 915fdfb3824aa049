"""One of the demo's people at the console's real address: signs in with a second factor, and asks as a browser does."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import pyotp

from cior_console.first_people import FirstAccount
from cior_core.errors import SourceUnavailable

T = TypeVar("T")
_TIMEOUT_S: Final = 30.0
_BUSY_S: Final = 90.0
_AGAIN_S: Final = 0.5
_PIECE_BYTES: Final = 1 << 20
_NOT_NOW: Final = (http.client.SERVICE_UNAVAILABLE, http.client.TOO_MANY_REQUESTS)
_COOKIE: Final = "__Host-cior_session="


class Party:
    """A session of ``account`` at ``console``, the address that people sign in at. Not thread-safe."""

    def __init__(self, console: str, account: FirstAccount) -> None:
        parts = urlsplit(console)
        self._host, self._origin = parts.netloc, f"{parts.scheme}://{parts.netloc}"
        self._cookie = ""
        self.account = account

    def signed_in(self) -> Self:
        """With the password that was made, and a code of a telephone that becomes the second factor now."""
        step = self.post(
            "sign-in", {"login": self.account.login, "password": self.account.password, "role": None}
        )
        if step["state"] == "enrol":
            made = self.post("sign-in/factors/totp", {"ticket": step["ticket"]})
            code = pyotp.TOTP(made["secret"]).now()
            step = self.post("sign-in/factors/totp/confirm", {"ticket": made["ticket"], "code": code})
        if step["state"] != "signed_in":
            raise SourceUnavailable("demo.sign_in", f"{self.account.login} cannot sign in: {step['state']}")
        return self

    def act(self, request_id: str, kind: str, **more: Any) -> dict[str, Any]:
        """An act on a request; its page."""
        return self.post(f"requests/{request_id}/acts", {"kind": kind} | more)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Under a key of its own, so that asked again it is one act. Raises ``SourceUnavailable``."""
        content = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
        return self._json("POST", path, content, headers)

    def get(self, path: str) -> dict[str, Any]:
        """What stands there."""
        return self._json("GET", path, b"", {})

    def _json(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> dict[str, Any]:
        def read(answer: http.client.HTTPResponse) -> dict[str, Any]:
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found

        return self._asked(method, path, content=content, headers=headers, read=read)

    def download(self, path: str, target: Path) -> str:
        """Into a file, piece by piece; the digest that the console says is sealed."""

        def read(answer: http.client.HTTPResponse) -> str:
            with target.open("wb") as file:
                while piece := answer.read(_PIECE_BYTES):
                    file.write(piece)
            return answer.headers.get("Cior-Package-Digest", "")

        return self._asked("GET", path, read=read)

    def _asked(
        self,
        method: str,
        path: str,
        *,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        read: Callable[[http.client.HTTPResponse], T],
    ) -> T:
        """A console that is busy now answers later: only one that never does ends the demo."""
        ends_s = time.monotonic() + _BUSY_S
        while True:
            try:
                return self._once(method, path, content=content, headers=headers or {}, read=read)
            except _Busy as error:
                if time.monotonic() > ends_s:
                    raise SourceUnavailable(
                        "demo.refused", str(error), cure="see the console's log"
                    ) from error
                time.sleep(_AGAIN_S)

    def _once(
        self,
        method: str,
        path: str,
        *,
        content: bytes,
        headers: dict[str, str],
        read: Callable[[http.client.HTTPResponse], T],
    ) -> T:
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
        sent = {"Origin": self._origin, "Cookie": self._cookie, **headers}
        try:
            connection.request(method, f"/api/v1/{path}", content or None, sent)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise _refused(self.account.login, method, path, answer)
            for told in answer.headers.get_all("Set-Cookie") or ():
                if told.startswith(_COOKIE):
                    self._cookie = told.partition(";")[0]
            return read(answer)
        except (OSError, http.client.HTTPException) as error:
            raise _Busy(f"{method} {path}: {type(error).__name__}") from error
        finally:
            connection.close()


class _Busy(Exception):
    """Not now."""


def _refused(login: str, method: str, path: str, answer: http.client.HTTPResponse) -> Exception:
    said = f"{login}: {method} {path}: {answer.status} {answer.read().decode(errors='replace')[:300]}"
    if answer.status in _NOT_NOW:
        return _Busy(said)
    return SourceUnavailable("demo.refused", said, cure="see the console's log")
