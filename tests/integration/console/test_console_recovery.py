"""The day the telephone is lost: codes that were shown once, each good once, and no factor by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cior_core.privacy import Role
from cior_register import recovery
from engines.registers import RegisterPlace
from integration.console.people_rig import PASSWORD, Browser, Centre, centre


@pytest.fixture
async def here(register_place: RegisterPlace) -> AsyncIterator[Centre]:
    async with centre(register_place) as running:
        await running.add("agomez", Role.OPERATOR)
        yield running


async def with_codes(here: Centre) -> list[str]:
    """She has a telephone and wrote ten codes down."""
    desk = here.browser()
    await here.enrolled(desk, "agomez")
    status, made = await desk.post("factors/recovery")
    assert status == 200, made
    codes: list[str] = made["codes"]
    return codes


async def at_the_door(here: Centre) -> tuple[Browser, Any]:
    browser = here.browser()
    _, step = await browser.post("sign-in", {"login": "agomez", "password": PASSWORD})
    return browser, step


async def test_a_code_stands_once_for_the_telephone_and_is_in_the_ledger(here: Centre) -> None:
    codes = await with_codes(here)
    assert len(set(codes)) == 10
    browser, step = await at_the_door(here)
    assert step["methods"] == ["totp", "recovery"]
    typed = codes[3].upper().replace("-", " ")
    status, done = await browser.post("sign-in/recovery", {"ticket": step["ticket"], "code": typed})
    assert (status, done["session"]["factors"]) == (200, ["password", "recovery"])
    factors = (await browser.get("factors"))[1]
    assert [row["label"] for row in factors if row["method"] == "recovery"] == ["9"]
    assert (await browser.post("factors/totp"))[0] == 200, "she can give her new telephone at once"

    thief, step = await at_the_door(here)
    status, said = await thief.post("sign-in/recovery", {"ticket": step["ticket"], "code": codes[3]})
    assert (status, said["code"]) == (401, "sign_in.code_wrong"), "used"
    rows = [(row.entry.actor, row.entry.outcome.value) for row in await here.acts("sign_in.recovery")]
    assert rows == [("p-agomez", "allowed"), ("p-agomez", "refused")]
    assert not any(codes[3] in str(row) or codes[3] in str(row.entry) for row in await here.acts())


async def test_new_codes_void_the_old_ones_and_nobody_elses_open_anything(here: Centre) -> None:
    codes = await with_codes(here)
    await here.add("bruno", Role.OPERATOR)
    await here.do(lambda c: recovery.set_codes(c, "p-bruno", ["aaaaa-aaaaa-aaaaa-aaaaa"]))
    await here.do(lambda c: recovery.set_codes(c, "p-agomez", ["bbbbb-bbbbb-bbbbb-bbbbb"]))
    browser, step = await at_the_door(here)
    for code in (codes[0], "aaaaa-aaaaa-aaaaa-aaaaa", "", "x" * 64, "\u202e🦆"):
        status, _ = await browser.post("sign-in/recovery", {"ticket": step["ticket"], "code": code})
        assert status in (401, 422), code
    assert (await browser.get("session"))[0] == 401


async def test_who_guesses_codes_is_delayed_like_who_guesses_the_telephones(here: Centre) -> None:
    await with_codes(here)
    browser, step = await at_the_door(here)
    told = []
    for n in range(6):
        body = {"ticket": step["ticket"], "code": f"{n}aaaa-aaaaa-aaaaa-aaaaa"}
        told.append((await browser.post("sign-in/recovery", body))[1]["code"])
    assert told[:4] == ["sign_in.code_wrong"] * 4
    assert told[4] == "sign_in.wait"


async def test_they_are_no_factor_by_themselves_and_go_with_the_others(here: Centre) -> None:
    desk = here.browser()
    await here.enrolled(desk, "agomez")
    await desk.post("factors/recovery")
    status, said = await desk.ask("DELETE", "/api/v1/factors/totp")
    assert (status, said["code"]) == (409, "sign_in.last_factor")
    assert (await desk.ask("DELETE", "/api/v1/factors/recovery"))[0] == 204
    assert (await at_the_door(here))[1]["methods"] == ["totp"]


async def test_making_them_asks_again_who_it_is(here: Centre) -> None:
    desk = here.browser()
    await here.enrolled(desk, "agomez")
    here.pass_s(600)
    status, said = await desk.post("factors/recovery")
    assert (status, said["code"]) == (401, "session.not_fresh")
