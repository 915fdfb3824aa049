"""Maintenance silences over real HTTP and through the real core: both operators see them, the ledger has each, and what
each hid is one question away.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_core.model import Place, PlaceMethod, TypeCode
from cior_core.people import Scope
from cior_core.privacy import Role
from integration.console.api_rig import Office, act, got, office

HOUR_MS = 3_600_000


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


def url(here: Office, silence: str = "") -> str:
    return f"{here.url}/api/v1/silences" + (f"/{silence}" if silence else "")


def asked(here: Office, **change: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "devices": ["panel:1001"],
        "reason": "recambio de sensor",
        "until_ms": here.now_ms() + HOUR_MS,
    }
    return values | change


async def alarm(here: Office, number: int, *, panel: str = "panel:1001", district: str = "centro") -> str:
    """A burglar alarm of a panel, and the feed has it."""
    place = Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.64 + number / 20, district=district)
    found = here.centre.press(
        number,
        type=TypeCode("burglary.alarm"),
        subject=panel,
        place=place,
        life_safety=False,
        registered=None,
    )
    await asyncio.sleep(0.02)
    return found


async def ended(browser: aiohttp.ClientSession, address: str) -> tuple[int, Any]:
    headers = {"Idempotency-Key": secrets.token_hex(8), "Prefer": "wait=2", "Cior-Reason": "listo"}
    async with browser.delete(address, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_both_operators_see_a_silence_and_what_it_hid_and_either_ends_it(here: Office) -> None:
    async with (
        here.signed_in(Role.OPERATOR, login="ana") as ana,
        here.signed_in(Role.OPERATOR, login="eva") as eva,
    ):
        status, begun = await act(ana, url(here), asked(here))
        assert (status, begun["state"]) == (200, "applied")
        hidden = await alarm(here, 1)
        loud = await alarm(here, 2, panel="panel:2002")
        _, page = await got(eva, url(here))
        [row] = page["lasting"]
        assert (row["id"], row["by"], row["reason"]) == (begun["act"], "p-ana", "recambio de sensor")
        assert [each["id"] for each in row["hidden"]] == [hidden] != [loud]
        assert (row["hidden"][0]["status"], row["held_back"] > 0) == ("open", True)
        _, of_alert = await got(eva, f"{here.url}/api/v1/alerts/{hidden}")
        assert of_alert["suppression"]["silence"] == begun["act"]
        status, _ = await ended(eva, url(here, begun["act"]))
        assert status == 200
        _, page = await got(ana, url(here))
        assert page["lasting"] == []
        assert (page["ended"][0]["ending"], page["ended"][0]["ended_by"]) == ("early", "p-eva")
    told = here.register.told()
    assert ("p-ana", "alert.silence", "allowed") in told
    assert ("p-eva", "alert.unsilence", "allowed") in told
    assert ("p-eva", "silence.read", "allowed") in told
    row_of = next(entry for entry in here.register.rows if entry.act == "alert.silence")
    assert row_of.detail["scope"] == "panel:1001"
    rung = [each.target for each in here.centre.commands]
    assert rung, "the end of the silence rings what waited"


async def test_law_2_what_may_cost_a_life_rings_through_every_silence(here: Office) -> None:
    async with here.signed_in(Role.SUPERVISOR, login="sup") as browser:
        status, _ = await act(browser, url(here), asked(here, devices=["bus-7"], districts=[], types=[]))
        assert status == 200
        press = here.centre.press(7)
        await asyncio.sleep(0.02)
        _, page = await got(browser, f"{here.url}/api/v1/alerts/{press}")
        assert page.get("suppression") is None
        refused, why = await act(browser, url(here), asked(here, types=["panic.bus"]))
        assert (refused, why["code"]) == (409, "act.refused")
        assert "panic.bus" in why["detail_es"]


async def test_law_16_more_than_eight_hours_is_refused_in_words(here: Office) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, why = await act(
            browser, url(here), asked(here, until_ms=here.now_ms() + 8 * HOUR_MS + 60_000)
        )
    assert (status, "8 h" in why["detail_es"]) == (409, True)


async def test_who_may_not_and_what_is_not_said_is_refused(here: Office) -> None:
    async with (
        here.signed_in(Role.DISPATCHER) as dispatcher,
        here.signed_in(Role.AGENCY, Scope(agencies=("police",))) as agency,
        here.signed_in(Role.OPERATOR) as operator,
    ):
        assert (await act(dispatcher, url(here), asked(here)))[0] == 403
        assert (await got(agency, url(here)))[0] == 403
        status, why = await act(operator, url(here), asked(here, reason="  "))
        assert (status, why["code"]) == (422, "act.incomplete")
        status, why = await act(operator, url(here), asked(here, devices=[]))
        assert (status, why["code"]) == (409, "act.refused")
        assert (await ended(operator, url(here, "nothing-of-that-name")))[0] == 404
    assert here.centre.sent == [each for each in here.centre.sent if each.scope is not None]


async def test_who_has_one_district_silences_and_sees_that_one_alone(here: Office) -> None:
    async with (
        here.signed_in(Role.OPERATOR, Scope(districts=("norte",)), login="nora") as nora,
        here.signed_in(Role.OPERATOR, Scope(districts=("sur",)), login="sara") as sara,
        here.signed_in(Role.OPERATOR, login="ana") as ana,
    ):
        assert (await act(nora, url(here), asked(here)))[1]["code"] == "act.jurisdiction"
        assert (await act(nora, url(here), asked(here, districts=["sur"])))[1]["code"] == "act.jurisdiction"
        status, begun = await act(nora, url(here), asked(here, devices=[], districts=["norte"]))
        assert status == 200
        hidden = await alarm(here, 1, district="norte")
        assert (await got(sara, url(here)))[1]["lasting"] == []
        assert (await ended(sara, url(here, begun["act"])))[0] == 404
        status, city_wide = await act(ana, url(here), asked(here, devices=[], types=["burglary.alarm"]))
        assert status == 200
        await alarm(here, 3, panel="panel:3", district="sur")
        _, of_nora = await got(nora, url(here))
        seen = {row["id"]: row for row in of_nora["lasting"]}
        assert [each["id"] for each in seen[begun["act"]]["hidden"]] == [hidden]
        assert (seen[city_wide["act"]]["hidden"], seen[city_wide["act"]]["elsewhere"]) == ([], 1)
