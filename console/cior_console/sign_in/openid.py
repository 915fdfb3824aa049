"""The city's own sign-in: an OpenID Connect 1.0 relying party (authorization code flow, PKCE S256, state, nonce).

Checks in this order: the answer belongs to a journey that this browser began here, the issuer names itself (RFC 9207),
the code buys a token, its signature is of a key that the issuer publishes now, of an algorithm for public keys, and its
claims are for us, for this journey and for now. Nothing of a token reaches a log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jwt import JWTClaimsRegistry

from cior_core.errors import CredentialsRefused, SourceUnavailable
from cior_core.model import Struct

LEEWAY_S: Final = 60
_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS: Final = (
    "ES256",
    "ES384",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "Ed25519",
    "EdDSA",
)
"""Public keys only: a token keyed with our own secret (HS256) would be one that we could have made."""
_KEYS_AGAIN_S: Final = 60.0
"""An unknown key asks the issuer for its keys at most so often, whoever sends tokens."""
_DISCOVERY_LIFE_S: Final = 3600.0
_MOST_BYTES: Final = 262_144
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0, connect=3.0)


class OpenIdClient(Struct, frozen=True, kw_only=True):
    """This console at the provider. ``secret`` empty: a public client, by PKCE alone. ``home``: where a browser comes
    back to from the provider's sign-out.
    """

    issuer: str
    client_id: str
    secret: str = ""
    redirect_uri: str
    home: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")

    def __repr__(self) -> str:
        return f"OpenIdClient({self.issuer!r}, {self.client_id!r}, ***)"


class Journey(Struct, frozen=True):
    """One sign-in at the provider, from our page to our page. ``browser``: the cookie's token that it belongs to;
    ``is_again``: of somebody who is signed in here, so that the provider has to ask, whatever it remembers.
    """

    nonce: str
    verifier: str
    browser: str
    is_again: bool = False


class Claims(Struct, frozen=True):
    """What a token said, proven. ``factors``: ``amr`` (RFC 8176) as the provider lists it."""

    issuer: str
    subject: str
    factors: tuple[str, ...]
    context: str
    all: Mapping[str, Any]
    token: str

    def __repr__(self) -> str:
        return f"Claims(issuer={self.issuer!r}, ***)"


class Ended(Struct, frozen=True, kw_only=True):
    """What the provider's logout token said, proven: whose session is over, ``sid`` which one; ``id``: the token's."""

    issuer: str
    subject: str
    sid: str
    id: str


class Discovered(msgspec.Struct, frozen=True):
    """OpenID Connect Discovery 1.0 §3: what we use of it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False


class OpenIdProvider:
    """The issuer as this console sees it. ``now_ms``: wall clock; ``now_s``: a clock that never goes back."""

    def __init__(
        self,
        client: OpenIdClient,
        http: aiohttp.ClientSession,
        *,
        now_ms: Callable[[], int],
        now_s: Callable[[], float],
    ) -> None:
        self.client, self._http = client, http
        self._now_ms, self._now_s = now_ms, now_s
        self._found: tuple[float, Discovered] | None = None
        self._keys: KeySet | None = None
        self._keys_asked_s = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    @staticmethod
    def new_journey(browser: str, *, is_again: bool = False) -> Journey:
        """What to remember of one, under the ``state`` that comes back with it."""
        return Journey(secrets.token_urlsafe(24), secrets.token_urlsafe(48), browser, is_again)

    async def begin(self, journey: Journey, state: str) -> str:
        """Where to send the browser. Raises ``SourceUnavailable`` (``openid.away``)."""
        found = await self._discovered()
        digest = hashlib.sha256(journey.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "scope": " ".join(self.client.scopes),
            "state": state,
            "nonce": journey.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if journey.is_again:
            query |= {"prompt": "login", "max_age": "0"}  # OpenID Connect Core 1.0 §3.1.2.1
        mark = "&" if "?" in found.authorization_endpoint else "?"
        return f"{found.authorization_endpoint}{mark}{urlencode(query)}"

    async def finish(self, journey: Journey, query: Mapping[str, str]) -> Claims:
        """Who came back. Raises ``CredentialsRefused`` (``openid.*``), ``SourceUnavailable`` (``openid.away``)."""
        found = await self._discovered()
        self._check_issuer(found, query.get("iss"))
        if "error" in query:
            raise refused("openid.denied", "the provider let nobody in")
        answer = await self._buy(found, query.get("code", ""), journey.verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise refused("openid.no_token", "the provider gave no ID token")
        return self._proven(await self._verified(found, token), token, journey)

    async def ended(self, token: str) -> Ended:
        """A logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). Raises ``CredentialsRefused`` (``openid.*``),
        ``SourceUnavailable`` (``openid.away``).
        """
        found = await self._discovered()
        claims = await self._verified(found, token, kind="logout+jwt")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT), dict) or "nonce" in claims:
            raise refused("openid.token", "this is no logout token")
        subject, sid, own = (claims.get(name, "") for name in ("sub", "sid", "jti"))
        if not (isinstance(subject, str) and isinstance(sid, str) and isinstance(own, str) and own):
            raise refused("openid.token", "the logout token's claims are no texts")
        if not (subject or sid):
            raise refused("openid.token", "the logout token names nobody")
        return Ended(issuer=claims["iss"], subject=subject, sid=sid, id=own)

    async def leaving(self, token: str, *, back_to: str, state: str) -> str | None:
        """Where the browser ends its session with the provider too (OpenID Connect RP-Initiated Logout 1.0); None when
        the provider offers none.
        """
        found = await self._discovered()
        if not found.end_session_endpoint:
            return None
        query = {
            "id_token_hint": token,
            "post_logout_redirect_uri": back_to,
            "state": state,
            "client_id": self.client.client_id,
        }
        mark = "&" if "?" in found.end_session_endpoint else "?"
        return f"{found.end_session_endpoint}{mark}{urlencode(query)}"

    @staticmethod
    def _check_issuer(found: Discovered, named: str | None) -> None:
        if named is None and not found.authorization_response_iss_parameter_supported:
            return
        if named != found.issuer:
            raise refused("openid.issuer", "the answer is of another issuer")

    def _proven(self, claims: dict[str, Any], token: str, journey: Journey) -> Claims:
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), journey.nonce.encode()):
            raise refused("openid.nonce", "the token is of another journey")
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.client.client_id:
            raise refused("openid.azp", "the token was given to another program")
        if journey.is_again and self._now_ms() // 1000 - _seconds(claims.get("auth_time")) > LEEWAY_S:
            raise refused("openid.not_again", "the provider did not ask again who this is")
        factors = claims.get("amr", ())
        return Claims(
            issuer=claims["iss"],
            subject=claims["sub"],
            factors=tuple(map(str, factors)) if isinstance(factors, list) else (),
            context=str(claims.get("acr", "")),
            all=claims,
            token=token,
        )

    async def _verified(self, found: Discovered, token: str, *, kind: str = "") -> dict[str, Any]:
        """Claims of a token that holds. ``kind``: of one that is no ID token, as its ``typ`` names it."""
        try:
            return self._claims(found, token, await self._published(found), kind)
        except InvalidKeyIdError:
            pass  # a key that we have not seen: the issuer may have changed its keys
        except (JoseError, ValueError) as error:
            raise refused("openid.token", f"the token does not hold ({type(error).__name__})") from error
        try:
            return self._claims(found, token, await self._published(found, again=True), kind)
        except (JoseError, ValueError) as error:
            raise refused("openid.token", f"the token does not hold ({type(error).__name__})") from error

    def _claims(self, found: Discovered, token: str, keys: KeySet, kind: str) -> dict[str, Any]:
        read = jwt.decode(token, keys, algorithms=_ALGORITHMS)
        named = str(read.header.get("typ", "JWT")).lower().removeprefix("application/")
        if named not in ("jwt", kind):
            raise refused("openid.token", "this is another kind of token")
        registry = JWTClaimsRegistry(
            now=lambda: self._now_ms() // 1000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": found.issuer},
            aud={"essential": True, "value": self.client.client_id},
            sub={"essential": not kind},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(read.claims)
        return read.claims

    async def _buy(self, found: Discovered, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": verifier,
            "client_id": self.client.client_id,
        }
        headers = {"Accept": "application/json"}
        if self.client.secret:
            # client_secret_basic, whose two halves are form-encoded first (RFC 6749 §2.3.1).
            halves = (urlencode({"": each})[1:] for each in (self.client.client_id, self.client.secret))
            headers["Authorization"] = aiohttp.encode_basic_auth(*halves)
        status, body = await self._asked("POST", found.token_endpoint, data=form, headers=headers)
        if status != 200:
            raise refused("openid.code", "the provider did not accept its own code")
        return _object(body)

    async def _published(self, found: Discovered, *, again: bool = False) -> KeySet:
        async with self._one_at_a_time:
            is_due = self._now_s() - self._keys_asked_s >= _KEYS_AGAIN_S
            if self._keys is not None and not (again and is_due):
                return self._keys
            self._keys_asked_s = self._now_s()
            status, body = await self._asked("GET", found.jwks_uri)
            if status != 200:
                raise away()
            try:
                self._keys = KeySet.import_key_set(msgspec.convert(_object(body), type=KeySetSerialization))
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise away() from error
            return self._keys

    async def _discovered(self) -> Discovered:
        if self._found is not None and self._now_s() - self._found[0] < _DISCOVERY_LIFE_S:
            return self._found[1]
        address = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, body = await self._asked("GET", address)
        if status != 200:
            raise away()
        try:
            found = msgspec.json.decode(body, type=Discovered)
        except msgspec.MsgspecError as error:
            raise away() from error
        if found.issuer != self.client.issuer:
            raise refused("openid.issuer", "the provider calls itself by another name than the centre file")
        self._found = (self._now_s(), found)
        return found

    async def _asked(self, method: str, address: str, **more: Any) -> tuple[int, bytes]:
        try:
            async with self._http.request(
                method, address, allow_redirects=False, timeout=_TIMEOUT, **more
            ) as answer:
                return answer.status, await _body(answer.content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise away() from error


async def _body(content: aiohttp.StreamReader) -> bytes:
    read = bytearray()
    async for part in content.iter_any():
        read += part
        if len(read) > _MOST_BYTES:
            raise away()
    return bytes(read)


def _seconds(claim: object) -> float:
    return float(claim) if isinstance(claim, int | float) and not isinstance(claim, bool) else float("-inf")


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise away() from error


def refused(code: str, sentence: str) -> CredentialsRefused:
    """Somebody came back with what does not hold."""
    return CredentialsRefused(code, sentence, cure="begin again at the sign-in page")


def away() -> SourceUnavailable:
    """The provider does not answer as one."""
    return SourceUnavailable(
        "openid.away",
        "the city's sign-in does not answer",
        cure="sign in with a local account",
        retry_after_s=10.0,
    )
