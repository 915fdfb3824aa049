"""The city's own sign-in against another party's provider (npm ``oidc-provider``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from cior_console.sign_in.openid import OpenIdProvider
from cior_core.errors import CredentialsRefused
from conftest import absent
from engines.cache import EngineAbsent
from engines.oidc_provider import OidcProvider
from integration.console.openid_rig import BACK, Clock, journey_to, led_back, relying


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    try:
        provider = OidcProvider(tmp_path_factory.mktemp("oidc"), redirects=[BACK], leaves=[BACK])
    except EngineAbsent as missing:
        absent(str(missing))
    with provider:
        yield provider


@pytest.fixture
async def us(peer: OidcProvider) -> AsyncIterator[OpenIdProvider]:
    async with relying(peer.issuer, Clock()) as provider:
        yield provider


async def test_there_and_back(peer: OidcProvider, us: OpenIdProvider) -> None:
    peer.tell("who", accountId="ana", claims={"groups": ["guardia"]})
    address, journey = await journey_to(us)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    query = await led_back(address)
    assert query["state"] == "s1"
    found = await us.finish(journey, query)
    assert (found.subject, found.all["groups"]) == ("ana", ["guardia"])
    assert found.factors == ("pwd", "otp")


async def test_a_code_is_good_once(us: OpenIdProvider) -> None:
    address, journey = await journey_to(us)
    query = await led_back(address)
    await us.finish(journey, query)
    with pytest.raises(CredentialsRefused, match=r"openid\.code"):
        await us.finish(journey, query)


async def test_a_code_that_somebody_caught_buys_nothing_without_its_verifier(us: OpenIdProvider) -> None:
    address, journey = await journey_to(us)
    query = await led_back(address)
    thief = msgspec.structs.replace(journey, verifier="x" * 64)
    with pytest.raises(CredentialsRefused, match=r"openid\.code"):
        await us.finish(thief, query)


async def test_another_journeys_answer_is_refused(us: OpenIdProvider) -> None:
    _, mine = await journey_to(us)
    address, theirs = await journey_to(us)
    query = await led_back(address)
    mixed = msgspec.structs.replace(mine, verifier=theirs.verifier)
    with pytest.raises(CredentialsRefused, match=r"openid\.nonce"):
        await us.finish(mixed, query)


async def test_the_providers_new_keys_are_taken_and_the_issuer_names_itself(peer: OidcProvider) -> None:
    clock = Clock()
    async with relying(peer.issuer, clock) as us:
        address, journey = await journey_to(us)
        assert (await us.finish(journey, await led_back(address))).subject == "ana"
        peer.tell("rotate")
        clock.pass_s(0)
        clock.now_s += 60
        address, journey = await journey_to(us)
        query = await led_back(address)
        assert query["iss"] == peer.issuer
        assert (await us.finish(journey, query)).subject == "ana"
        with pytest.raises(CredentialsRefused, match=r"openid\.issuer"):
            await us.finish(journey, query | {"iss": "https://id.evil.example"})


async def test_who_confirms_is_asked_again_by_the_provider(us: OpenIdProvider) -> None:
    journey = us.new_journey("browser", is_again=True)
    address = await us.begin(journey, "s2")
    asked = parse_qs(urlsplit(address).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert (await us.finish(journey, await led_back(address))).subject == "ana"


async def test_the_providers_session_ends_too_and_leads_home(us: OpenIdProvider) -> None:
    address, journey = await journey_to(us)
    found = await us.finish(journey, await led_back(address))
    leaving = await us.leaving(found.token, back_to=BACK, state="bye")
    assert leaving is not None
    async with aiohttp.ClientSession() as browser, browser.get(leaving) as page:
        assert page.status == 200, "the provider asks whether to sign out"
        assert "logout" in (await page.text()).lower()
