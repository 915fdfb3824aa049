"""A provider that says what a test wants, and a browser that goes its way without a screen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from cior_console.sign_in.openid import Journey, OpenIdClient, OpenIdProvider

BACK = "http://127.0.0.1:9/api/v1/sign-in/oidc/callback"
SECRET = "only-for-these-tests-and-long-enough"


class Clock:
    """This console's clocks; a test moves them."""

    def __init__(self) -> None:
        self.now_ms = time.time_ns() // 1_000_000
        self.now_s = 1000.0

    def pass_s(self, seconds: float) -> None:
        """Time goes by."""
        self.now_ms += int(seconds * 1000)
        self.now_s += seconds


class StandIn:
    """A provider whose every word a test can change: ``claims`` replace those of its tokens, ``headers`` theirs."""

    def __init__(self) -> None:
        self.issuer = ""
        self.keys = [ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})]
        self.claims: dict[str, Any] = {}
        self.headers: dict[str, Any] = {}
        self.signing: Any = None
        self.token: str | None = None
        self.discovery: dict[str, Any] = {}
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.nonce = ""

    def app(self) -> web.Application:
        """What it serves."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        return app

    async def _discovery(self, _request: web.Request) -> web.Response:
        self.asked.append("discovery")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return web.json_response(said | self.discovery)

    async def _jwks(self, _request: web.Request) -> web.Response:
        self.asked.append("jwks")
        return web.json_response(KeySet(list(self.keys)).as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"access_token": "x", "id_token": self.token or self.made()})

    def logout(self, **change: Any) -> str:
        """A logout token of now, with what the test changed (None: left out)."""
        now_s = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "cior", "iat": now_s, "exp": now_s + 120, "jti": f"j-{time.time_ns()}",
            "sub": "ana", "sid": "s-1", "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        } | change  # fmt: skip
        headers = {"alg": "ES256", "typ": "logout+jwt", "kid": self.keys[0].kid} | self.headers
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(headers, kept, self.signing or self.keys[0], algorithms=["ES256", "HS256", "none"])

    def made(self) -> str:
        """A token of now, with what the test changed."""
        now_s = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "ana", "aud": "cior", "iat": now_s, "exp": now_s + 300, "nonce": self.nonce,
        } | self.claims  # fmt: skip
        headers = {"alg": "ES256", "kid": self.keys[0].kid} | self.headers
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(headers, kept, self.signing or self.keys[0], algorithms=["ES256", "HS256", "none"])


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """It, on loopback."""
    provider = StandIn()
    runner = web.AppRunner(provider.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()


@asynccontextmanager
async def relying(issuer: str, clock: Clock, *, client_id: str = "cior") -> AsyncIterator[OpenIdProvider]:
    """This console as the provider's client."""
    client = OpenIdClient(issuer=issuer, client_id=client_id, secret=SECRET, redirect_uri=BACK, home=BACK)
    async with aiohttp.ClientSession() as http:
        yield OpenIdProvider(client, http, now_ms=lambda: clock.now_ms, now_s=lambda: clock.now_s)


async def journey_to(provider: OpenIdProvider, state: str = "s1") -> tuple[str, Journey]:
    """A journey that begins."""
    journey = provider.new_journey("browser")
    return await provider.begin(journey, state), journey


async def led_back(
    address: str, *, until: str = BACK, jar: aiohttp.CookieJar | None = None
) -> dict[str, str]:
    """Go where the provider leads, keeping its cookies (in ``jar``), until it leads back to us: what it says then."""
    kept = aiohttp.CookieJar(unsafe=True) if jar is None else jar  # one without a cookie yet is false
    async with aiohttp.ClientSession(cookie_jar=kept) as browser:
        for _ in range(12):
            async with browser.get(address, allow_redirects=False) as answer:
                body = await answer.text()
                assert answer.status in (302, 303), f"{answer.status} at {address}: {body[:500]}"
                address = str(answer.url.join(type(answer.url)(answer.headers["Location"])))
            if address.startswith(until):
                return dict(parse_qsl(urlsplit(address).query))
    raise AssertionError("the provider never led back")


OCT = OctKey.import_key(SECRET)
