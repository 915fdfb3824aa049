"""What a provider, or who pretends to be one, may say; every word that does not hold keeps somebody out."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import ECKey

from cior_console.sign_in.openid import LEEWAY_S, Claims, OpenIdProvider
from cior_core.errors import CredentialsRefused, SourceUnavailable
from integration.console.openid_rig import BACK, OCT, Clock, StandIn, journey_to, relying, stand_in


class Rig:
    """A stand-in, us, and a journey."""

    def __init__(self, provider: StandIn, us: OpenIdProvider, clock: Clock) -> None:
        self.provider, self.us, self.clock = provider, us, clock

    async def signs_in(self, **query: str) -> Claims:
        """One whole journey."""
        _, journey = await journey_to(self.us)
        self.provider.nonce = journey.nonce
        return await self.us.finish(journey, {"code": "c", "state": "s1"} | query)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    clock = Clock()
    async with stand_in() as provider, relying(provider.issuer, clock) as us:
        yield Rig(provider, us, clock)


async def test_a_token_that_holds_names_somebody(rig: Rig) -> None:
    rig.provider.claims = {"amr": ["pwd", "otp"], "acr": "two", "groups": ["guardia"]}
    found = await rig.signs_in()
    assert (found.issuer, found.subject, found.factors, found.context) == (
        rig.provider.issuer, "ana", ("pwd", "otp"), "two",
    )  # fmt: skip
    assert "guardia" not in repr(found)
    form = rig.provider.forms[0]
    assert form["redirect_uri"] == BACK
    assert len(form["code_verifier"]) >= 43, "RFC 7636 §4.1"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "other"}, "openid.token"),
        ({"aud": ["other", "another"]}, "openid.token"),
        ({"aud": ["cior", "other"]}, "openid.azp"),
        ({"aud": ["cior", "other"], "azp": "other"}, "openid.azp"),
        ({"aud": None}, "openid.token"),
        ({"iss": "https://id.evil.example"}, "openid.token"),
        ({"iss": None}, "openid.token"),
        ({"sub": None}, "openid.token"),
        ({"sub": 7}, "openid.token"),
        ({"exp": None}, "openid.token"),
        ({"exp": "soon"}, "openid.token"),
        ({"nonce": "of another journey"}, "openid.nonce"),
        ({"nonce": None}, "openid.nonce"),
    ],
)
async def test_a_token_for_somebody_else_another_time_or_journey_is_refused(
    rig: Rig, claims: dict[str, Any], code: str
) -> None:
    rig.provider.claims = claims
    with pytest.raises(CredentialsRefused) as caught:
        await rig.signs_in()
    assert caught.value.code == code


@pytest.mark.parametrize(("claim", "off_s"), [("exp", -LEEWAY_S - 5), ("iat", LEEWAY_S + 30)])
async def test_a_token_that_has_ended_or_is_not_yet_made_is_refused(rig: Rig, claim: str, off_s: int) -> None:
    rig.provider.claims = {claim: int(time.time()) + off_s}
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.signs_in()


async def test_an_audience_of_several_with_us_as_the_one_it_was_given_to_holds(rig: Rig) -> None:
    rig.provider.claims = {"aud": ["cior", "other"], "azp": "cior"}
    assert (await rig.signs_in()).subject == "ana"


@pytest.mark.parametrize("off_s", [-LEEWAY_S + 2, LEEWAY_S - 2])
async def test_a_clock_may_be_a_minute_off(rig: Rig, off_s: int) -> None:
    rig.clock.pass_s(off_s)
    rig.provider.claims = {"exp": int(time.time()) + 1}
    assert (await rig.signs_in()).subject == "ana"


@pytest.mark.parametrize("off_s", [-LEEWAY_S - 10, LEEWAY_S + 10])
async def test_and_no_more(rig: Rig, off_s: int) -> None:
    rig.clock.pass_s(off_s)
    rig.provider.claims = {"exp": int(time.time()) + 1}
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.signs_in()


async def test_an_unsigned_token_is_refused(rig: Rig) -> None:
    _, journey = await journey_to(rig.us)
    rig.provider.nonce = journey.nonce
    claims = rig.provider.made().split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').decode().rstrip("=")
    rig.provider.token = f"{head}.{claims}."
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.us.finish(journey, {"code": "c"})


async def test_a_token_keyed_with_our_own_secret_is_refused(rig: Rig) -> None:
    """Whoever knows the client's secret, which is no signature of the provider, could have made it."""
    rig.provider.headers, rig.provider.signing = {"alg": "HS256"}, OCT
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.signs_in()


async def test_a_key_of_ones_own_with_the_name_of_the_providers_is_refused(rig: Rig) -> None:
    rig.provider.signing = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256"})
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.signs_in()


async def test_a_new_key_is_asked_for_once_and_tokens_of_the_old_one_end(rig: Rig) -> None:
    await rig.signs_in()
    old = rig.provider.keys
    rig.provider.keys = [ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256", "use": "sig"})]
    rig.clock.pass_s(60)
    assert (await rig.signs_in()).subject == "ana"
    assert rig.provider.asked.count("jwks") == 2
    rig.provider.signing, rig.provider.headers = old[0], {"kid": "k1"}
    rig.clock.pass_s(60)
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.signs_in()


async def test_whoever_sends_tokens_of_unknown_keys_makes_us_ask_once_a_minute(rig: Rig) -> None:
    await rig.signs_in()
    rig.provider.headers = {"kid": "nobody's"}
    rig.clock.pass_s(60)
    for _ in range(20):
        with pytest.raises(CredentialsRefused, match=r"openid\.token"):
            await rig.signs_in()
    assert rig.provider.asked.count("jwks") == 2


async def test_an_answer_of_another_issuer_is_refused_before_its_code_is_shown(rig: Rig) -> None:
    rig.provider.discovery = {"authorization_response_iss_parameter_supported": True}
    for query in ({"iss": "https://id.evil.example"}, {}):
        with pytest.raises(CredentialsRefused, match=r"openid\.issuer"):
            await rig.signs_in(**query)
    assert rig.provider.forms == []


async def test_a_provider_that_calls_itself_something_else_is_not_ours(rig: Rig) -> None:
    rig.provider.discovery = {"issuer": "https://id.evil.example"}
    with pytest.raises(CredentialsRefused, match=r"openid\.issuer"):
        await rig.signs_in()


@pytest.mark.parametrize("word", ["authorization_endpoint", "jwks_uri"])
async def test_a_provider_that_talks_nonsense_is_away(rig: Rig, word: str) -> None:
    rig.provider.discovery = (
        {word: 7} if word == "authorization_endpoint" else {word: "http://127.0.0.1:9/jwks"}
    )
    with pytest.raises(SourceUnavailable, match=r"openid\.away"):
        await rig.signs_in()


async def test_a_logout_token_that_holds_names_whose_session_ended(rig: Rig) -> None:
    ended = await rig.us.ended(rig.provider.logout())
    assert (ended.issuer, ended.subject, ended.sid) == (rig.provider.issuer, "ana", "s-1")
    assert (await rig.us.ended(rig.provider.logout(sub=None))).subject == "", "the session alone is enough"
    rig.provider.headers = {"typ": "JWT"}
    assert (await rig.us.ended(rig.provider.logout(sid=None))).sid == "", (
        "older providers say no more than JWT"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other"}, {"aud": None}, {"iss": "https://id.evil.example"}, {"iss": None}, {"exp": None},
        {"exp": 1}, {"iat": None}, {"jti": None}, {"jti": 7}, {"sub": None, "sid": None}, {"sub": 7}, {"sid": []},
        {"nonce": "n"}, {"events": None}, {"events": []}, {"events": {"http://example.org/other": {}}},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
    ],
)  # fmt: skip
async def test_a_logout_token_is_checked_whole(rig: Rig, change: dict[str, Any]) -> None:
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.us.ended(rig.provider.logout(**change))


@pytest.mark.parametrize("fault", ["none", "HS256", "key", "at+jwt", "id"])
async def test_nobody_else_makes_a_logout_token(rig: Rig, fault: str) -> None:
    good = rig.provider.logout()
    match fault:
        case "none":
            head = (
                base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1","typ":"logout+jwt"}').decode().rstrip("=")
            )
            token = f"{head}.{good.split('.')[1]}."
        case "HS256":
            rig.provider.headers, rig.provider.signing = {"alg": "HS256"}, OCT
            token = rig.provider.logout()
        case "key":
            rig.provider.signing = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256"})
            token = rig.provider.logout()
        case "at+jwt":
            rig.provider.headers = {"typ": "at+jwt"}
            token = rig.provider.logout()
        case _:
            token = rig.provider.made()
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.us.ended(token)


async def test_a_logout_token_lets_nobody_in(rig: Rig) -> None:
    _, journey = await journey_to(rig.us)
    rig.provider.token = rig.provider.logout(nonce=journey.nonce)
    with pytest.raises(CredentialsRefused, match=r"openid\.token"):
        await rig.us.finish(journey, {"code": "c"})


async def test_a_provider_that_is_down_is_away(rig: Rig) -> None:
    async with relying("http://127.0.0.1:9", rig.clock) as us:
        with pytest.raises(SourceUnavailable, match=r"openid\.away"):
            await journey_to(us)


async def test_a_refusal_of_the_provider_is_one_of_ours(rig: Rig) -> None:
    with pytest.raises(CredentialsRefused, match=r"openid\.denied"):
        await rig.signs_in(error="access_denied")
