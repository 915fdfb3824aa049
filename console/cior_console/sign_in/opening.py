"""Sign-in as one thing to open and close: the register is given, the rest is made here."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
import structlog

from cior_console.sign_in.city_sign_in import CityRules, CitySignIn
from cior_console.sign_in.duties import guarded_roles
from cior_console.sign_in.flow import Means, SignIn
from cior_console.sign_in.handlers import SignInDesk
from cior_console.sign_in.live_sessions import SessionLimits
from cior_console.sign_in.openid import OpenIdClient, OpenIdProvider
from cior_console.sign_in.passkeys import Passkeys
from cior_console.sign_in.passwords import Passwords
from cior_console.sign_in.tls import Door
from cior_core.errors import CiorError
from cior_core.model import Struct
from cior_core.privacy import Policy
from cior_register.factors import SecretBox
from cior_register.register import Register

log = structlog.get_logger("cior.console.sign_in")
_SWEEP_S = 60.0


class SignInSettings(Struct, frozen=True, kw_only=True):
    """``key``: 32 bytes of this installation, for second factors, known browsers and digests of names. ``openid`` with
    its ``rules``: the city's own sign-in.
    """

    key: bytes
    centre: str
    policy: Policy
    openid: OpenIdClient | None = None
    rules: CityRules | None = None
    limits: SessionLimits = SessionLimits()

    def __repr__(self) -> str:
        return "SignInSettings(***)"


@asynccontextmanager
async def opened(
    settings: SignInSettings, register: Register, door: Callable[[], Door], *, now_ms: Callable[[], int]
) -> AsyncIterator[SignInDesk]:
    """The desk while it is open. ``door``: where the console listens, asked when somebody comes."""
    async with AsyncExitStack() as running:
        passwords = Passwords()
        running.callback(passwords.close)
        means = Means(
            register=register,
            passwords=passwords,
            passkeys=Passkeys(lambda: door().origin_of_passkeys(), centre=settings.centre),
            box=SecretBox(hmac.digest(settings.key, b"cior second factors 1", "sha256")),
            guarded=guarded_roles(settings.policy),
            centre=settings.centre,
            now_ms=now_ms,
            now_s=time.monotonic,
        )
        flow = SignIn(means, settings.key, settings.limits)
        city = None
        if settings.openid is not None and settings.rules is not None:
            http = await running.enter_async_context(aiohttp.ClientSession())
            provider = OpenIdProvider(settings.openid, http, now_ms=now_ms, now_s=time.monotonic)
            city = CitySignIn(flow, provider, settings.rules, home=settings.openid.home)
        sweeper = asyncio.create_task(_swept(flow))
        running.push_async_callback(_ended, sweeper)
        yield SignInDesk(flow, city=city, door=door)


async def _swept(flow: SignIn) -> None:
    while True:
        await asyncio.sleep(_SWEEP_S)
        flow.lockout.sweep()
        try:
            await flow.live.sweep()
        except CiorError as error:
            log.warning("sessions_not_swept", code=error.code)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
